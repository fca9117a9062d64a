//! Tools that count their effects, and an engine on a file.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::ledger::{Request, SqliteLog, verify};
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::{Answer, Call, CallId};
use tempfile::TempDir;

/// What tools did, one line per effect.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects(Arc<Mutex<Vec<String>>>);

impl Effects {
    pub(crate) fn push(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
mallory = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
erin = { kind = "person", roles = ["manager"] }
carol = { kind = "person", roles = ["finance"] }
dave = { kind = "person", roles = ["finance"] }
olivia = { kind = "person", roles = ["operator"] }
relay = { kind = "service", roles = ["reporter"] }
bot = { kind = "agent", owner = "erin" }

[pools]
managers = { roles = ["manager"] }
finance = { roles = ["finance"] }
"#;

/// An engine without a background worker, a clock that stands still, a file that goes away.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: TestClock,
    pub(crate) effects: Effects,
    pub(crate) dir: Arc<TempDir>,
    /// Whether somebody has edited it.
    spoilt: AtomicBool,
}

impl World {
    pub(crate) async fn new<T: countersign::Tools>() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        Self::at::<T>(dir, TestClock::new(), POLICY).await
    }

    pub(crate) async fn at<T: countersign::Tools>(dir: Arc<TempDir>, clock: TestClock, policy: &str) -> Self {
        let effects = Effects::default();
        let engine = Engine::builder()
            .store(Sqlite::open(dir.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<T>().unwrap())
            .policy(Policy::parse(policy).unwrap())
            .state(effects.clone())
            .clock(clock.clone())
            .worker(false)
            .start()
            .await
            .unwrap();
        Self {
            engine,
            clock,
            effects,
            dir,
            spoilt: AtomicBool::new(false),
        }
    }

    /// Somebody edits this world: its log may tell what cannot have happened.
    pub(crate) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn open(&self, tool: &str, arguments: &str, by: &str) -> Call {
        match self.engine.call(tool, arguments).by(&who(by)).await.unwrap() {
            Called::Waiting(waiting) => waiting.call().clone(),
            Called::Done(outcome) => panic!("not waiting: {outcome:?}"),
        }
    }

    pub(crate) async fn call(&self, id: CallId) -> Call {
        self.engine.desk().call(id).await.unwrap()
    }

    /// The kinds of all records, in order.
    pub(crate) async fn records(&self) -> Vec<String> {
        let entries = self
            .engine
            .store()
            .entries(self.engine.tenant(), None, 0, 10_000)
            .await
            .unwrap();
        let kind = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).unwrap()["kind"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        entries.iter().map(|it| kind(&it.text)).collect()
    }

    pub(crate) fn later(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(hours * 3600));
    }
}

/// Whatever happened in it, a world leaves a log that makes sense.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.spoilt.load(Ordering::Relaxed) {
            return;
        }
        let path = self.dir.path().join("countersign.db");
        let source = SqliteLog::open(path, self.engine.tenant());
        let report = source.and_then(|mut it| verify(&mut it, &Request::default()));
        match report {
            Ok(report) => assert_eq!(report.findings, []),
            Err(error) => panic!("the log cannot be verified: {error}"),
        }
    }
}

pub(crate) fn who(name: &str) -> Identity {
    Identity::asserted(name).unwrap()
}

/// The answer in one word: `accepted`, `repeated`, or the code of the refusal.
pub(crate) fn code(answer: &Answer) -> &'static str {
    match answer {
        Answer::Accepted => "accepted",
        Answer::Repeated => "repeated",
        Answer::Refused(refusal) => refusal.code.as_str(),
    }
}
