//! The program that is served: tools of every kind, an agent, and people of every role.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use countersign::prelude::*;
use countersign_agent::Agent;
use countersign_agent::guardrail::from_fn;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Hook as _, HookError, Message, Request};
use countersign_app::App;
use serde_json::json;

/// `dora` may act for anybody, `robot` for alice; `mallory` has nothing to do with anything.
pub(crate) const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
carol = { kind = "person", roles = ["manager", "finance"] }
olivia = { kind = "person", roles = ["operator"] }
audrey = { kind = "person", roles = ["auditor"] }
adam = { kind = "person", roles = ["admin"] }
mallory = { kind = "person" }
robot = { kind = "agent", owner = "alice" }
rogue = { kind = "agent", owner = "mallory" }
porter = { kind = "agent", owner = "olivia" }
herald = { kind = "agent", owner = "olivia" }
dora = { kind = "service", roles = ["delegate"] }
relay = { kind = "service", roles = ["reporter"] }

[pools]
managers = { roles = ["manager"] }
"#;

/// Everybody who gets a key.
pub(crate) const EVERYBODY: [&str; 11] = [
    "alice", "bob", "carol", "olivia", "audrey", "adam", "mallory", "robot", "rogue", "dora", "relay",
];

/// Where the effects of tools are counted.
#[derive(Clone)]
struct Effects(PathBuf);

impl Effects {
    fn note(&self, line: &str) {
        let file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.0);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}

/// Restart a service.
#[tool(requires_confirmation)]
fn restart(service: String, #[state] effects: Effects) -> String {
    effects.note(&format!("restart {service}"));
    format!("{service} restarts")
}

/// Unlock a door.
#[approval(required, pool = "managers")]
#[tool]
fn unlock(door: String, #[state] effects: Effects) -> String {
    effects.note(&format!("unlock {door}"));
    format!("{door} is open")
}

/// Pay somebody.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
fn pay(to: String, cents: u64, #[state] effects: Effects) -> String {
    effects.note(&format!("pay {to} {cents}"));
    format!("{to} has {cents}")
}

/// Count something, at once.
#[tool]
fn count(what: String, #[state] effects: Effects) -> String {
    effects.note(&format!("count {what}"));
    what
}

/// Look something up; who did is on record.
#[approval(audit)]
#[tool(read_only)]
fn look_up(what: String) -> String {
    what
}

/// File a ticket.
#[tool(requires_user_input(severity))]
fn file_ticket(summary: String, severity: u8) -> String {
    format!("{summary}: {severity}")
}

/// Order a part, which another system does.
#[tool(external_execution)]
fn order(part: String) -> String;

/// Does something that takes as long as whoever listens at `port` wants.
#[tool(requires_confirmation)]
async fn take_long(port: u16, #[state] effects: Effects) -> String {
    wait_at(port).await;
    effects.note("took long");
    "done".to_owned()
}

/// The same at once.
#[tool]
async fn take_long_in_place(port: u16, #[state] effects: Effects) -> String {
    wait_at(port).await;
    effects.note("took long in place");
    "done".to_owned()
}

/// Until whoever listens there closes the connection.
async fn wait_at(port: u16) {
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut byte = [0];
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut byte) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Does what it is told: `unlock NAME`, `wait at PORT`, or says what it was told.
fn script(request: Request<'_>) -> Step {
    match request.messages.last().map(|it| &**it) {
        Some(Message::User { text }) => {
            if let Some(door) = text.strip_prefix("unlock ") {
                Step::call("unlock", json!({"door": door}))
            } else if let Some(port) = text.strip_prefix("wait at ") {
                Step::call("take_long", json!({"port": port.parse::<u16>().unwrap()}))
            } else {
                Step::say(format!("You said: {text}"))
            }
        }
        _ => Step::say("That is all."),
    }
}

/// Answers a command line as the program.
pub(crate) async fn answer(words: Vec<OsString>) -> ExitCode {
    let policy = std::env::var("HOUSE_POLICY").unwrap_or_else(|_| POLICY.to_owned());
    let app = App::new("house")
        .policy(policy)
        .state_with(|data: &Path| Ok::<_, String>(Effects(data.join("effects"))))
        .agent(
            Agent::builder("porter")
                .model(ScriptedModel::answering(script))
                .tools(["unlock"]),
        )
        .agent(
            Agent::builder("herald")
                .model(ScriptedModel::answering(script))
                .tools(["take_long"])
                // Looks at what was answered, and never gets done with it.
                .post_hook(
                    from_fn("never-done", |_, _| async { Err(HookError::new("not yet")) }).in_background(),
                ),
        );
    app.main_with(words).await
}

/// An engine on the same store, for what another tenant has there.
pub(crate) async fn engine(data: &Path, tenant: &str) -> Engine {
    Engine::builder()
        .store(countersign::store::Sqlite::open(data.join("countersign.db")).unwrap())
        .tenant(countersign::core::id::TenantId::new(tenant).unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .registry(countersign::Registry::from_inventory().unwrap())
        .state(Effects(data.join("effects")))
        .start()
        .await
        .unwrap()
}
