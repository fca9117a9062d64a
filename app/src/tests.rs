//! Two processes on one store: another release of the program, and one that looks days later.

mod local;
#[cfg(feature = "http")]
mod notices;

use std::path::Path;
use std::sync::LazyLock;

use clap::Parser as _;
use countersign::clock::{Clock, SystemClock};
use countersign::core::tool::Definition;
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Descriptor, Timestamp};

use crate::cli::Cli;
use crate::reply::{DONE, Reply, WAITING};
use crate::session::Session;

/// Restart a service.
#[tool(requires_confirmation)]
fn restart(service: String) -> String {
    service
}

/// The tool of the next release: only its description is another.
fn changed() -> &'static Definition {
    fn descriptor() -> &'static Descriptor {
        static DESCRIPTOR: LazyLock<Descriptor> = LazyLock::new(|| Descriptor {
            description: "Restart a service, and wait until it is up.".to_owned(),
            ..restart::descriptor().clone()
        });
        &DESCRIPTOR
    }
    let of = restart::definition();
    Box::leak(Box::new(Definition {
        name: of.name,
        location: of.location,
        descriptor,
        conditions: of.conditions,
        check: of.check,
        states: of.states,
        body: of.body,
    }))
}

/// Deploy a service.
#[approval(required, pool = "managers")]
#[tool]
fn deploy(service: String) -> String {
    service
}

const POLICY: &str = r#"
    actors.alice.kind = "person"
    actors.bob = { kind = "person", roles = ["manager"] }
    pools.managers = { roles = ["manager"], escalate_after = "4h", escalate_to = ["mailto:cfo@example.com"] }
"#;

/// So many hours from now.
struct Later(i64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(SystemClock.now().millis() + self.0 * 3_600_000)
    }
}

async fn session(data: &Path, tool: &'static Definition) -> Session {
    session_at(data, tool, 0).await
}

/// The same, some hours later.
async fn session_at(data: &Path, tool: &'static Definition, hours: i64) -> Session {
    session_with(data, tool, hours, POLICY).await
}

/// The same, under another policy.
async fn session_with(data: &Path, tool: &'static Definition, hours: i64, policy: &str) -> Session {
    let engine = Engine::builder()
        .store(Sqlite::open(data.join("countersign.db")).unwrap())
        .registry(Registry::from_definitions([tool]).unwrap())
        .policy(Policy::parse(policy).unwrap())
        .clock(Later(hours))
        .worker(false)
        .start()
        .await
        .unwrap();
    Session::new(engine, "ops".to_owned(), data.to_owned(), false)
}

async fn said(session: &Session, words: &str) -> Reply {
    let words = std::iter::once("ops").chain(words.split(' '));
    let cli = Cli::try_parse_from(words).unwrap();
    session.run(cli.command.unwrap()).await.unwrap()
}

fn first(reply: &Reply) -> String {
    reply.json["requirements"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cleared_call_of_a_changed_tool_says_how_to_ask_again() {
    let data = tempfile::tempdir().unwrap();
    let old = session(data.path(), restart::definition()).await;
    let waiting = said(&old, r#"call restart --args {"service":"mail"} --as alice"#).await;
    assert_eq!(waiting.json["requirements"][0]["stale_tool"], false);
    let confirm = format!("decide {} confirm --as alice", first(&waiting));
    said(&old, &format!("{confirm} --no-run")).await;

    let new = session(data.path(), changed()).await;
    let stale = said(&new, &confirm).await;
    assert_eq!(
        (stale.code, &stale.json["requirements"][0]["stale_tool"]),
        (WAITING, &true.into())
    );
    assert!(
        stale.text.contains("has changed") && stale.text.contains("reask --as alice"),
        "{}",
        stale.text
    );
    let asked = said(&new, &format!("decide {} reask --as alice", first(&stale))).await;
    assert_eq!(
        (asked.code, &asked.json["requirements"][0]["stale_tool"]),
        (WAITING, &false.into())
    );
    // What was said of the old call was said before: it is recognised, and does not count for the new one.
    let again = said(&new, &confirm).await;
    assert_eq!((again.code, first(&again)), (WAITING, first(&asked)));
    let done = said(&new, &format!("decide {} confirm --as alice", first(&asked))).await;
    assert_eq!((done.code, &done.json["result"]), (DONE, &"mail".into()));
}

#[tokio::test]
async fn a_call_that_waits_shows_that_its_tool_has_changed() {
    let data = tempfile::tempdir().unwrap();
    let old = session(data.path(), restart::definition()).await;
    let waiting = said(&old, r#"call restart --args {"service":"mail"} --as alice"#).await;
    let new = session(data.path(), changed()).await;
    let call = waiting.json["call"].as_str().unwrap();
    let shown = said(&new, &format!("show {call}")).await;
    assert_eq!(shown.json["stale_tool"], true);
    assert!(shown.text.contains("has changed"), "{}", shown.text);
    let inbox = said(&new, "inbox --as alice").await;
    assert_eq!(inbox.json["items"][0]["stale_tool"], true);
}

#[tokio::test]
async fn what_people_were_reminded_of_is_shown() {
    let data = tempfile::tempdir().unwrap();
    let tool = deploy::definition();
    let now = session(data.path(), tool).await;
    let waiting = said(&now, r#"call deploy --args {"service":"mail"} --as alice"#).await;
    let asked = &waiting.json["requirements"][0];
    assert_eq!(
        (&asked["warned"], &asked["escalated"]),
        (&false.into(), &false.into())
    );
    let call = waiting.json["call"].as_str().unwrap();
    for (hours, warned) in [(5, false), (6 * 24, true)] {
        let later = session_at(data.path(), tool, hours).await;
        later.engine.worker().sweep().await.unwrap();
        let inbox = said(&later, "inbox --as bob").await;
        let explained = said(&later, &format!("explain {call}")).await;
        for (told, reply) in [
            (&inbox.json["items"][0], &inbox),
            (&explained.json["gates"][0], &explained),
        ] {
            assert_eq!(
                (&told["warned"], &told["escalated"]),
                (&warned.into(), &true.into())
            );
            assert!(told["expires_at"].is_string());
            assert!(reply.text.contains(" left, then it closes"), "{}", reply.text);
            assert!(reply.text.contains("escalated: others"), "{}", reply.text);
            assert_eq!(reply.text.contains("warned that"), warned, "{}", reply.text);
        }
    }
    let shown = said(&now, &format!("show {call}")).await.text;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "others are told that nobody has answered for managers",
        "three quarters of the time are over for managers",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}
