//! Tools that write down what they do, and the people around them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use countersign::prelude::*;
use countersign::store::{Sqlite, Store};
use countersign::testing::TestClock;
use countersign_agent::model::ScriptedModel;
use countersign_agent::{Agent, AgentBuilder, ModelProvider, Run};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
mallory = { kind = "person" }
olga = { kind = "person", roles = ["operator"] }
helpdesk = { kind = "agent" }
researcher = { kind = "agent" }
relay = { kind = "service", roles = ["reporter"] }

[pools]
managers = { roles = ["manager"] }
"#;

/// What the tools have done, in order.
#[derive(Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<Vec<String>>>);

impl Effects {
    pub(crate) fn push(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Looks a customer up.
#[tool(read_only)]
pub(crate) async fn look_up(#[state] effects: Effects, customer: String) -> String {
    effects.push(format!("look_up {customer}"));
    tokio::task::yield_now().await;
    format!("{customer} is a good customer")
}

/// Counts something up.
#[tool]
pub(crate) fn count(#[state] effects: Effects, by: u64) -> u64 {
    effects.push(format!("count {by}"));
    by
}

/// Refunds a customer.
#[tool(requires_confirmation)]
pub(crate) fn refund(#[state] effects: Effects, customer: String, cents: u64) -> String {
    effects.push(format!("refund {customer} {cents}"));
    format!("{customer} got {cents}")
}

/// Closes an account.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
pub(crate) fn close_account(#[state] effects: Effects, customer: String) -> String {
    effects.push(format!("close_account {customer}"));
    "closed".to_owned()
}

/// Files a ticket.
#[tool(requires_user_input(severity))]
pub(crate) fn file_ticket(#[state] effects: Effects, summary: String, severity: u8) -> String {
    effects.push(format!("file_ticket {summary} {severity}"));
    format!("{summary} ({severity})")
}

/// Hands a change in.
#[tool(external_execution)]
pub(crate) fn submit_change(summary: String) -> bool;

/// Signs in somewhere.
#[tool(requires_confirmation)]
pub(crate) fn sign_in(#[state] effects: Effects, user: String, #[arg(secret)] pin: String) -> String {
    effects.push(format!("sign_in {user} {pin}"));
    "in".to_owned()
}

/// Exports a customer's data.
#[approval(audit)]
#[tool(read_only)]
pub(crate) fn export(#[state] effects: Effects, customer: String) -> String {
    effects.push(format!("export {customer}"));
    customer
}

/// Fails.
#[tool]
pub(crate) fn fail(why: String) -> Result<String, std::io::Error> {
    Err(std::io::Error::other(why))
}

pub(crate) fn registry() -> Registry {
    Registry::of::<(
        look_up,
        count,
        refund,
        close_account,
        file_ticket,
        submit_change,
        sign_in,
        export,
        fail,
    )>()
    .unwrap()
}

/// One process: an engine on a file that other processes may have open too.
pub(crate) struct World {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) effects: Effects,
    pub(crate) clock: TestClock,
    pub(crate) engine: Engine,
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Self::on(dir, Effects::default(), TestClock::new()).await
    }

    /// Another process on the same file.
    pub(crate) async fn again(&self) -> Self {
        Self::on(self.dir.clone(), self.effects.clone(), self.clock.clone()).await
    }

    async fn on(dir: Arc<TempDir>, effects: Effects, clock: TestClock) -> Self {
        let engine = engine(open(dir.path()), &effects, &clock).await.unwrap();
        Self {
            dir,
            effects,
            clock,
            engine,
        }
    }

    pub(crate) async fn agent(&self, model: ScriptedModel) -> Agent {
        builder(model).build(&self.engine).await.unwrap()
    }
}

/// The agent of these tests, with this model and no background worker.
pub(crate) fn builder(model: impl ModelProvider) -> AgentBuilder {
    Agent::builder("helpdesk").model(model).worker(false)
}

pub(crate) fn open(dir: &Path) -> Sqlite {
    Sqlite::open(dir.join("countersign.db")).unwrap()
}

pub(crate) async fn engine(
    store: impl Store,
    effects: &Effects,
    clock: &TestClock,
) -> Result<Engine, countersign::Error> {
    let built = Engine::builder().store(store).registry(registry());
    let built = built
        .policy(Policy::parse(POLICY).unwrap())
        .state(effects.clone());
    built.clock(clock.clone()).worker(false).start().await
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::asserted(name).unwrap()
}

/// The tools that a paused run is about, in order.
pub(crate) fn asked(run: &Run) -> Vec<String> {
    let all = run.active_requirements().iter();
    all.map(|it| format!("{} {}", json!(it.kind).as_str().unwrap(), it.tool))
        .collect()
}
