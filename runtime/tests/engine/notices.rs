//! What the outside is told, and that nothing depends on whoever carries it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use countersign::prelude::*;
use countersign::store::{Commit, Committed, Sqlite, Store, StoreError};
use countersign::testing::TestClock;
use countersign::{Call, Error, Notice, Notify, NotifyError, Requirement, Verdict};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::stores::{Guard, Guarded};
use crate::world::{POLICY, code, who};

/// Confirmed, then approved by a pool that is helped after two hours and by another.
#[approval(required, pool = "managers", quorum = 2, expires_in = "8h")]
#[approval(required, pool = "finance", expires_in = "8h")]
#[tool(requires_confirmation(expires_in = "4h"))]
async fn remittance(n: u32, #[arg(secret)] pin: String) -> String {
    format!("{n} {}", pin.len())
}

const ARGUMENTS: &str = r#"{"n":1,"pin":"hunter2-4711"}"#;

fn policy() -> Policy {
    let policy = POLICY.replace(
        r#"managers = { roles = ["manager"] }"#,
        r#"managers = { roles = ["manager"], notify = ["slack:#ops"], escalate_after = "2h", escalate_to = ["mailto:cfo@example.com", "slack:#ops"] }"#,
    );
    Policy::parse(&policy).unwrap()
}

/// How somebody's hook behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Everything,
    WithErrors,
    Panicking,
    Hanging,
}

struct Channel {
    carries: Carries,
    to: mpsc::UnboundedSender<Notice>,
}

#[async_trait]
impl Notify for Channel {
    async fn notify(&self, notice: Notice) -> Result<(), NotifyError> {
        self.to.send(notice)?;
        match self.carries {
            Carries::Everything => Ok(()),
            Carries::WithErrors => Err("nobody is there".into()),
            Carries::Panicking => panic!("a mistake in a hook"),
            Carries::Hanging => std::future::pending().await,
        }
    }
}

struct Scene {
    engine: Engine,
    clock: TestClock,
    told: mpsc::UnboundedReceiver<Notice>,
}

impl Scene {
    async fn new(store: impl Store, carries: Option<Carries>) -> Self {
        let (to, told) = mpsc::unbounded_channel();
        let clock = TestClock::new();
        let mut builder = Engine::builder()
            .store(store)
            .registry(Registry::of::<remittance>().unwrap())
            .policy(policy())
            .clock(clock.clone())
            .worker(false);
        if let Some(carries) = carries {
            builder = builder.notify(Channel { carries, to });
        }
        let engine = builder.start().await.unwrap();
        Self { engine, clock, told }
    }

    async fn open(&self) -> Result<Call, Error> {
        match self
            .engine
            .call("remittance", ARGUMENTS)
            .by(&who("alice"))
            .await?
        {
            Called::Waiting(waiting) => Ok(waiting.call().clone()),
            Called::Done(outcome) => panic!("{outcome:?}"),
        }
    }

    async fn decide(&self, by: &str, on: &Requirement, verdict: Verdict) -> Call {
        let decision = Decision::new(on, verdict).by(&who(by));
        let decided = self.engine.desk().decide(decision).await.unwrap();
        assert_eq!(code(&decided.answer), "accepted");
        decided.call.unwrap()
    }

    async fn later(&self, hours: u64) {
        self.clock.advance(std::time::Duration::from_hours(hours));
        self.engine.worker().sweep().await.unwrap();
    }

    /// The next notice in a line: what, of whom, how many there are, where to.
    async fn next(&mut self) -> String {
        let notice = self.told.recv().await.unwrap();
        assert!(!format!("{notice:?}").contains("hunter2"), "a secret: {notice:?}");
        let asked = &notice.requirement;
        let of = asked.pool.as_ref().map_or("alice", |it| it.as_str());
        let to = notice.to.join(" ");
        format!(
            "{} {of} {}/{} [{to}]",
            notice.kind.as_str(),
            asked.has,
            asked.needs
        )
    }

    /// As many as are expected, in any order within a commit.
    async fn next_are(&mut self, expected: &[&str]) {
        let mut told = Vec::new();
        for _ in expected {
            told.push(self.next().await);
        }
        told.sort();
        assert_eq!(told, expected);
    }
}

fn of<'a>(call: &'a [Requirement], pool: &str) -> &'a Requirement {
    let found = call
        .iter()
        .find(|it| it.pool.as_ref().is_some_and(|it| it.as_str() == pool));
    found.unwrap()
}

const OPS: &str = "slack:#ops";

#[tokio::test]
async fn everybody_who_is_asked_hears_what_becomes_of_it() {
    let mut scene = Scene::new(Sqlite::in_memory().unwrap(), Some(Carries::Everything)).await;
    let call = scene.open().await.unwrap();
    scene.next_are(&["asked alice 0/1 []"]).await;
    scene.later(3).await;
    scene.next_are(&["warned alice 0/1 []"]).await;
    let asked = call.requirements();
    let asked = scene
        .decide("alice", &asked[0], Verdict::Confirm)
        .await
        .requirements();
    scene
        .next_are(&[
            "asked finance 0/1 []",
            &format!("asked managers 0/2 [{OPS}]"),
            "decided alice 0/1 []",
        ])
        .await;
    scene
        .decide("bob", of(&asked, "managers"), Verdict::Approve)
        .await;
    scene.next_are(&[&format!("decided managers 1/2 [{OPS}]")]).await;
    scene.later(2).await;
    scene
        .next_are(&[&format!("escalated managers 1/2 [mailto:cfo@example.com {OPS}]")])
        .await;
    scene.later(4).await;
    let both = format!("[{OPS} mailto:cfo@example.com]");
    scene
        .next_are(&["warned finance 0/1 []", &format!("warned managers 1/2 {both}")])
        .await;
    scene
        .decide("carol", of(&asked, "finance"), Verdict::Reject)
        .await;
    scene
        .next_are(&[&format!("closed managers 1/2 {both}"), "decided finance 0/1 []"])
        .await;

    let asked = scene.open().await.unwrap().requirements();
    scene.decide("alice", &asked[0], Verdict::Confirm).await;
    scene.later(9).await;
    scene
        .next_are(&[
            "asked alice 0/1 []",
            "asked finance 0/1 []",
            &format!("asked managers 0/2 [{OPS}]"),
            "decided alice 0/1 []",
            "expired finance 0/1 []",
            &format!("expired managers 0/2 [{OPS}]"),
        ])
        .await;
    let withdrawn = *scene.open().await.unwrap().id();
    let desk = scene.engine.desk();
    desk.cancel(withdrawn, &who("alice"), None).await.unwrap();
    scene
        .next_are(&["asked alice 0/1 []", "closed alice 0/1 []"])
        .await;
    // Nobody is told anything else, and what is refused changes nothing that could be told.
    scene.engine.stop().await.unwrap();
    assert!(scene.told.try_recv().is_err());
}

/// The records of a story, without ids and seals.
async fn played(carries: Option<Carries>) -> (Vec<Value>, Scene) {
    let scene = Scene::new(Sqlite::in_memory().unwrap(), carries).await;
    let asked = scene.open().await.unwrap().requirements();
    scene.later(3).await;
    let call = scene.decide("alice", &asked[0], Verdict::Confirm).await;
    let asked = call.requirements();
    scene.later(2).await;
    for (by, pool) in [("bob", "managers"), ("carol", "finance"), ("erin", "managers")] {
        scene.decide(by, of(&asked, pool), Verdict::Approve).await;
    }
    scene.engine.worker().advance(*call.id()).await.unwrap();
    let store = scene.engine.store();
    let entries = store.entries(scene.engine.tenant(), None, 0, 1000).await.unwrap();
    let told = |text: &str| {
        let entry: Value = serde_json::from_str(text).unwrap();
        json!([
            entry["kind"],
            entry["phase"],
            entry["time"],
            entry["policy"]["had"],
            entry["asked"]
        ])
    };
    let told = entries.iter().map(|it| told(&it.text)).collect();
    (told, scene)
}

#[tokio::test]
async fn whatever_a_hook_does_nothing_depends_on_it() {
    let (without, _) = played(None).await;
    assert_eq!(without.last().unwrap()[0], "call.returned");
    for carries in [
        Carries::Everything,
        Carries::WithErrors,
        Carries::Panicking,
        Carries::Hanging,
    ] {
        let (with, mut scene) = played(Some(carries)).await;
        assert_eq!(with, without, "{carries:?}");
        // Of what fails, the next is still told; what hangs is waited for a while, by nobody.
        let most = if carries == Carries::Hanging { 1 } else { 8 };
        for _ in 0..most {
            scene.next().await;
        }
    }
}

/// More than the queue holds: the hook hears less, and nobody waits.
#[tokio::test]
async fn a_hook_that_hangs_holds_nobody_up() {
    let scene = Scene::new(Sqlite::in_memory().unwrap(), Some(Carries::Hanging)).await;
    for _ in 0..300 {
        let call = scene.open().await.unwrap();
        let desk = scene.engine.desk();
        desk.cancel(*call.id(), &who("alice"), None).await.unwrap();
        let call = scene.open().await.unwrap();
        desk.cancel(*call.id(), &who("alice"), None).await.unwrap();
    }
}

/// A store whose disk is full when it is told so.
struct Full(Arc<AtomicBool>);

#[async_trait]
impl Guard for Full {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("the disk is full".to_owned()));
        }
        store.commit(commit).await
    }
}

#[tokio::test]
async fn nobody_is_told_what_was_not_committed() {
    let full = Arc::new(AtomicBool::new(false));
    let store = Guarded {
        store: Sqlite::in_memory().unwrap(),
        guard: Full(full.clone()),
    };
    let mut scene = Scene::new(store, Some(Carries::Everything)).await;
    let asked = scene.open().await.unwrap().requirements();
    full.store(true, Ordering::SeqCst);
    assert!(scene.open().await.is_err());
    let decision = Decision::confirm(&asked[0]).by(&who("alice"));
    assert!(scene.engine.desk().decide(decision).await.is_err());
    full.store(false, Ordering::SeqCst);
    scene.later(3).await;
    scene
        .next_are(&["asked alice 0/1 []", "warned alice 0/1 []"])
        .await;
    scene.engine.stop().await.unwrap();
    assert!(scene.told.try_recv().is_err());
}
