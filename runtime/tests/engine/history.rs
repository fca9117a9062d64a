//! A log as long as one wishes: what a real engine recorded, again and again under other ids.

use std::fmt::Write as _;
use std::path::Path;

use countersign::core::audit::Draft;
use countersign::ledger::SigningKey;
use countersign::prelude::*;
use countersign::store::{Commit, EntryRow, Sqlite};
use countersign::testing::TestClock;
use countersign::{CallId, TenantId, Timestamp};
use serde_json::{Map, Value};

pub(crate) const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
erin = { kind = "person", roles = ["manager"] }
olivia = { kind = "person", roles = ["operator"] }
audrey = { kind = "person", roles = ["auditor"] }

[pools]
managers = { roles = ["manager"] }
"#;

/// Pay somebody.
#[approval(required, pool = "managers", quorum = 2)]
#[tool(requires_confirmation)]
pub(crate) fn remit(to: String, cents: u64, #[arg(secret)] pin: Option<String>) -> String {
    let _ = pin;
    format!("{cents} to {to}")
}

/// Look at an account.
#[approval(audit)]
#[tool(read_only)]
pub(crate) fn glance(account: String) -> String {
    account
}

/// An engine on a file, with a key beside it and without a worker.
pub(crate) async fn engine(dir: &Path) -> Engine {
    Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).expect("a store"))
        .registry(Registry::of::<(remit, glance)>().expect("two tools"))
        .policy(Policy::parse(POLICY).expect("a policy"))
        .signing_key(SigningKey::open_or_create(dir.join("countersign.key")).expect("a key"))
        .clock(TestClock::new())
        .worker(false)
        .start()
        .await
        .expect("an engine")
}

fn who(name: &str) -> Identity {
    Identity::asserted(name).expect("an actor")
}

/// One of everything: a call that is paid, one that is refused and rejected, one that was only on record.
pub(crate) async fn story(engine: &Engine) -> CallId {
    let desk = engine.desk();
    let propose = async || match engine
        .call("remit", r#"{"to":"ACME","cents":5,"pin":"4711-secret"}"#)
        .by(&who("alice"))
        .await
    {
        Ok(Called::Waiting(waiting)) => waiting,
        other => panic!("it waits: {other:?}"),
    };
    let paid = propose().await;
    let confirmed = desk
        .decide(Decision::confirm(&paid.active_requirements()[0]).by(&who("alice")))
        .await;
    let asked = confirmed
        .expect("decided")
        .call
        .expect("a call")
        .requirements()
        .remove(0);
    for by in ["alice", "bob", "erin"] {
        let said = Decision::approve(&asked)
            .by(&who(by))
            .reason(format!("{by} says so"));
        desk.decide(said).await.expect("decided");
    }
    engine.worker().advance(paid.call_id()).await.expect("it runs");
    let rejected = propose().await;
    desk.decide(
        Decision::reject(&rejected.active_requirements()[0])
            .by(&who("alice"))
            .reason("no"),
    )
    .await
    .expect("decided");
    engine
        .call("glance", r#"{"account":"ACME"}"#)
        .by(&who("alice"))
        .await
        .expect("it runs");
    paid.call_id()
}

/// Everything in the log.
pub(crate) async fn entries(engine: &Engine) -> Vec<EntryRow> {
    engine
        .store()
        .entries(engine.tenant(), None, 0, 100_000)
        .await
        .expect("readable")
}

/// Appends entries like those that are there until there are `records`, with a checkpoint every `every`.
pub(crate) async fn prolong(engine: &Engine, records: usize, every: usize) {
    let patterns: Vec<Map<String, Value>> = entries(engine)
        .await
        .iter()
        .map(|it| serde_json::from_str(&it.text).expect("an entry"))
        .collect();
    let mut copies = (1..).flat_map(|round| patterns.iter().map(move |it| copy(it, round)));
    let mut size = patterns.len();
    while size < records {
        let more = every.min(records - size);
        let commit = Commit {
            records: copies.by_ref().take(more).collect(),
            ..Commit::new(TenantId::default(), Timestamp::default())
        };
        engine.store().commit(commit).await.expect("written");
        engine.checkpoint().await.expect("signed");
        size += more;
    }
}

/// The same entry of another call: the last ten letters of its id count the rounds.
fn copy(pattern: &Map<String, Value>, round: usize) -> Draft {
    let mut fields = pattern.clone();
    if let Some(Value::String(call)) = fields.get_mut("call") {
        call.truncate(call.len() - 10);
        let _ = write!(call, "{round:010}");
    }
    Draft {
        call: None,
        fields: fields.into(),
        blobs: Vec::new(),
    }
}
