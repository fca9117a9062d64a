//! A store that fails at its k-th call, reading or writing, before it does it or after, for every k of every flow.
//!
//! Nobody dies here (`crash` is about that): whoever hears of the error tries again, and with a store that works
//! everything goes on. What was executed is on record, whatever failed.

mod remembered;
mod reminded;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::prelude::*;
use countersign::store::{Commit, Committed, Sqlite, Store, StoreError};
use countersign::testing::TestClock;
use countersign::{CallId, Error, Outcome, Phase, RequirementKind, Verdict};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::crash::live;
use crate::flows::{self, Acks, Flow, Ledger, Way, calls, count, prepared, records, settle, sqlite};
use crate::stores::{Guard, Guarded};
use crate::traces::Seen;
use crate::world::{code, who};

/// Which call fails. Shared with the store of the engine that it is planted in.
#[derive(Default)]
struct Plan {
    /// The number of the call, from 1.
    at: usize,
    /// Whether it fails after it was done.
    after: bool,
    /// Calls before the flow begins do not count.
    armed: AtomicBool,
    calls: AtomicUsize,
    /// Whether the call that failed was a commit that is true all the same.
    committed: AtomicBool,
}

impl Plan {
    /// Whether this call is the one.
    fn is_due(&self) -> bool {
        self.armed.load(Ordering::SeqCst) && self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }

    fn fired(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.at
    }
}

struct Faulty {
    plan: Arc<Plan>,
    /// A read that is to fail when it is done.
    reading: AtomicBool,
}

fn failed<T>() -> Result<T, StoreError> {
    Err(StoreError::Failed("the disk said no".to_owned()))
}

#[async_trait]
impl Guard for Faulty {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        match (self.plan.is_due(), self.plan.after) {
            (false, _) => store.commit(commit).await,
            (true, false) => failed(),
            (true, true) => {
                self.plan.committed.store(true, Ordering::SeqCst);
                store.commit(commit).await?;
                failed()
            }
        }
    }

    async fn read(&self, _: &'static str) -> Result<(), StoreError> {
        if !self.plan.is_due() {
            return Ok(());
        }
        if !self.plan.after {
            return failed();
        }
        self.reading.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn was_read(&self) -> Result<(), StoreError> {
        if self.reading.swap(false, Ordering::SeqCst) {
            return failed();
        }
        Ok(())
    }
}

/// A directory in which a flow is played, and what is to fail there.
struct Scene {
    dir: tempfile::TempDir,
    clock: TestClock,
    ledger: Ledger,
    stuck: Stuck,
    plan: Arc<Plan>,
}

impl Scene {
    async fn new(at: usize, after: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let ledger = Ledger::new(dir.path(), |_| {});
        prepared(dir.path(), clock.clone(), &ledger).await;
        let plan = Plan {
            at,
            after,
            ..Plan::default()
        };
        Self {
            dir,
            clock,
            ledger,
            stuck: Stuck::default(),
            plan: Arc::new(plan),
        }
    }

    fn faulty(&self) -> Guarded<Faulty> {
        Guarded {
            store: sqlite(self.dir.path()),
            guard: Faulty {
                plan: self.plan.clone(),
                reading: AtomicBool::new(false),
            },
        }
    }

    /// An engine with the tools of this file.
    async fn engine(&self, store: impl Store) -> Engine {
        Engine::builder()
            .store(store)
            .registry(Registry::of::<(transfer, read_account)>().unwrap())
            .state(self.ledger.clone())
            .state(self.stuck.clone())
            .clock(self.clock.clone())
            .worker(false)
            .start()
            .await
            .unwrap()
    }

    fn arm(&self) {
        self.plan.armed.store(true, Ordering::SeqCst);
    }

    fn context(&self, what: impl std::fmt::Debug) -> String {
        let when = if self.plan.after { "after" } else { "before" };
        format!("{what:?}: call {} fails {when} it is done", self.plan.at)
    }
}

/// Tries until the store lets it: one failure must not need more than one more attempt.
async fn retried<T, F: Future<Output = Result<T, Error>>>(mut act: impl FnMut() -> F, context: &str) -> T {
    let first = match act().await {
        Ok(done) => return done,
        Err(error) => error,
    };
    assert!(matches!(first, Error::Store(_)), "{context}: {first}");
    act().await.unwrap_or_else(|error| panic!("{context}: {error}"))
}

/// Plays one flow for every call of the store, both ways; `play` says whether the fault came to pass.
async fn everywhere<P: Future<Output = bool>>(what: &str, play: impl Fn(usize, bool) -> P) {
    let mut cases = 0;
    for after in [false, true] {
        let mut at = 1;
        while play(at, after).await {
            at += 1;
            assert!(at < 200, "{what} never ends");
        }
        cases += at - 1;
    }
    println!("{what}: {cases} faults");
    assert!(cases > 4, "{what} hardly uses its store");
}

async fn flow(flow: Flow, way: Way, at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    // A trace reads records too; if it cannot, nothing else may notice.
    let (_seen, _listening) = Seen::listen();
    let acks = Acks::default();
    let engine = flows::engine(scene.faulty(), scene.clock.clone(), &scene.ledger, false).await;
    scene.arm();
    live(&engine, flow, way, &acks).await;
    let context = scene.context(flow);
    scene.clock.advance(Duration::from_hours(1));
    let engine = flows::engine(
        sqlite(scene.dir.path()),
        scene.clock.clone(),
        &scene.ledger,
        false,
    )
    .await;
    engine.worker().sweep().await.unwrap();
    let found = calls(&engine, None).await;
    // Whoever opens a call and hears of an error opens another one.
    assert!(
        found.len() == 1 || (found.len() == 2 && after),
        "{context}: {} calls",
        found.len()
    );
    for id in found {
        match settle(&engine, id, &scene.ledger, &acks.all(), &context).await {
            "ended" => {}
            // A claim that was made though the worker heard otherwise: nobody runs it, a person looks.
            _ if scene.plan.committed.load(Ordering::SeqCst) => {}
            other => panic!("{context}: {other} though nothing was lost"),
        }
    }
    scene.plan.fired()
}

async fn both_ways(flow: Flow, name: &str) {
    for way in Way::ALL {
        everywhere(name, move |at, after| self::flow(flow, way, at, after)).await;
    }
}

crate::flows::for_every_flow!(both_ways);

/// Whether a function is to hang, as one whose process dies does, and that it does.
#[derive(Clone, Default)]
struct Stuck(Arc<(AtomicBool, Notify)>);

/// Confirmed; acts, and hangs if told to.
#[tool(requires_confirmation, destructive)]
async fn transfer(
    #[state] ledger: Ledger,
    #[state] stuck: Stuck,
    #[context] ctx: CallContext,
    n: u32,
) -> String {
    let _ = n;
    let said = ledger.act(&ctx);
    if stuck.0.0.load(Ordering::SeqCst) {
        stuck.0.1.notify_one();
        std::future::pending::<()>().await;
    }
    said
}

/// On record.
#[approval(audit)]
#[tool]
fn read_account(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

/// Opens a transfer; with a store that works.
async fn opened(engine: &Engine) -> CallId {
    match engine
        .call("transfer", json!({"n": 1}))
        .by(&who("alice"))
        .await
        .unwrap()
    {
        Called::Waiting(waiting) => waiting.call_id(),
        Called::Done(outcome) => panic!("it is done: {outcome:?}"),
    }
}

async fn decided(engine: &Engine, id: CallId, by: &str, verdict: Verdict, context: &str) -> &'static str {
    let desk = engine.desk();
    let on = retried(|| desk.call(id), context)
        .await
        .requirements()
        .remove(0)
        .id;
    let decide = || {
        let decision = Decision::new(on, verdict.clone()).by(&who(by)).reason("looked");
        let desk = engine.desk();
        async move { desk.decide(decision).await }
    };
    code(&retried(decide, context).await.answer)
}

async fn expired(at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    let context = scene.context("expiry");
    let quiet = scene.engine(sqlite(scene.dir.path())).await;
    let id = opened(&quiet).await;
    let engine = scene.engine(scene.faulty()).await;
    scene.clock.advance(Duration::from_hours(24 * 8));
    scene.arm();
    // The sweeper and somebody who is late, at the same call.
    let on = quiet.desk().call(id).await.unwrap().requirements().remove(0).id;
    let decide = || {
        let desk = engine.desk();
        async move {
            desk.decide(Decision::new(on, Verdict::Confirm).by(&who("alice")))
                .await
        }
    };
    let late = code(&retried(decide, &context).await.answer);
    assert_eq!(late, "expired", "{context}");
    let worker = engine.worker();
    retried(|| worker.sweep(), &context).await;
    let call = quiet.desk().call(id).await.unwrap();
    assert!(
        matches!(
            call.phase(),
            Phase::Closed {
                outcome: Outcome::Expired
            }
        ),
        "{context}: {:?}",
        call.phase()
    );
    let records = records(&quiet, id).await;
    assert_eq!(count(&records, "call.deadline_passed"), 1, "{context}");
    assert!(
        count(&records, "call.refused") >= 1,
        "{context}: being late is on record"
    );
    assert!(scene.ledger.of(&id).is_empty(), "{context}");
    scene.plan.fired()
}

/// How an operator settles a doubt.
#[derive(Debug, Clone, Copy)]
enum Settled {
    Retried,
    Done,
    Abandoned,
}

async fn in_doubt(settled: Settled, at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    let context = scene.context(settled);
    let quiet = scene.engine(sqlite(scene.dir.path())).await;
    let id = opened(&quiet).await;
    assert_eq!(
        decided(&quiet, id, "alice", Verdict::Confirm, &context).await,
        "accepted"
    );
    scene.stuck.0.0.store(true, Ordering::SeqCst);
    // It has acted, and then nothing more is heard of it.
    let worker = quiet.worker();
    tokio::select! {
        advanced = worker.advance(id) => panic!("{context}: {advanced:?}"),
        () = scene.stuck.0.1.notified() => {}
    }
    scene.stuck.0.0.store(false, Ordering::SeqCst);
    scene.clock.advance(Duration::from_hours(1));
    let engine = scene.engine(scene.faulty()).await;
    scene.arm();
    let worker = engine.worker();
    retried(|| worker.sweep(), &context).await;
    // A sweep passes over a call that it cannot load, for the sake of all others; the next one finds it.
    retried(|| worker.sweep(), &context).await;
    let call = quiet.desk().call(id).await.unwrap();
    assert!(
        matches!(call.phase(), Phase::InDoubt { .. }),
        "{context}: {:?}",
        call.phase()
    );
    assert_eq!(call.requirements()[0].kind, RequirementKind::InDoubt);
    let verdict = match settled {
        Settled::Retried => Verdict::Retry,
        Settled::Done => Verdict::Done(json!("acted")),
        Settled::Abandoned => Verdict::Abandon,
    };
    let answer = decided(&engine, id, "olivia", verdict, &context).await;
    assert!(matches!(answer, "accepted" | "repeated"), "{context}: {answer}");
    retried(|| worker.advance(id), &context).await;
    ended(&scene, &quiet, settled, id, &context).await;
    scene.plan.fired()
}

async fn ended(scene: &Scene, quiet: &Engine, settled: Settled, id: CallId, context: &str) {
    let call = quiet.desk().call(id).await.unwrap();
    let log = records(quiet, id).await;
    assert_eq!(count(&log, "call.resolved"), 1, "{context}");
    let (claims, effects) = (count(&log, "call.claimed"), scene.ledger.of(&id).len());
    match (settled, call.phase()) {
        (
            Settled::Retried,
            Phase::Closed {
                outcome: Outcome::Returned { .. },
            },
        ) => {
            assert_eq!((claims, effects), (2, 2), "{context}");
        }
        // The second claim was made though the worker heard otherwise: in doubt once more, and not run.
        (Settled::Retried, Phase::Executing { .. }) => {
            assert!(scene.plan.committed.load(Ordering::SeqCst), "{context}");
            assert_eq!((claims, effects), (2, 1), "{context}");
            scene.clock.advance(Duration::from_hours(1));
            quiet.worker().sweep().await.unwrap();
            let on_again = decided(quiet, id, "olivia", Verdict::Retry, context).await;
            assert_eq!(on_again, "accepted", "{context}");
            let call = quiet.worker().advance(id).await.unwrap().call;
            assert!(matches!(
                call.phase(),
                Phase::Closed {
                    outcome: Outcome::Returned { .. }
                }
            ));
        }
        (
            Settled::Done,
            Phase::Closed {
                outcome: Outcome::Returned { .. },
            },
        )
        | (
            Settled::Abandoned,
            Phase::Closed {
                outcome: Outcome::Abandoned { .. },
            },
        ) => {
            assert_eq!((claims, effects), (1, 1), "{context}");
        }
        (_, phase) => panic!("{context}: {phase:?}"),
    }
}

async fn audited(at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    let context = scene.context("audited");
    let quiet = scene.engine(sqlite(scene.dir.path())).await;
    let engine = scene.engine(scene.faulty()).await;
    scene.arm();
    let alice = who("alice");
    let acts = || async { engine.call("read_account", json!({"n": 1})).by(&alice).await };
    let called = retried(acts, &context).await;
    assert!(
        matches!(called, Called::Done(Outcome::Returned { .. })),
        "{context}"
    );
    let entries = quiet
        .store()
        .entries(quiet.tenant(), None, 0, 1000)
        .await
        .unwrap();
    let entries: Vec<Value> = entries
        .iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect();
    let of = |kind: &str| -> Vec<String> {
        let found = entries.iter().filter(|it| it["kind"] == kind);
        found.map(|it| it["call"].as_str().unwrap().to_owned()).collect()
    };
    let (started, ended) = (of("audited.started"), of("audited.returned"));
    for call in acted(scene.dir.path()) {
        assert!(started.contains(&call), "{context}: {call} ran without a record");
    }
    assert!(ended.iter().all(|it| started.contains(it)), "{context}");
    // What was answered has both its records; what was not may have been interrupted.
    assert!(
        !ended.is_empty() && started.len() <= 2,
        "{context}: {started:?} {ended:?}"
    );
    scene.plan.fired()
}

/// All calls that have acted.
fn acted(dir: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join("ledger.txt")).unwrap();
    text.lines()
        .map(|it| it.split(' ').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn expiry() {
    everywhere("expiry", expired).await;
}

#[tokio::test]
async fn an_audited_tool() {
    everywhere("audited", audited).await;
}

#[tokio::test]
async fn a_doubt_that_is_retried() {
    everywhere("retried", |at, after| in_doubt(Settled::Retried, at, after)).await;
}

#[tokio::test]
async fn a_doubt_that_is_done() {
    everywhere("done", |at, after| in_doubt(Settled::Done, at, after)).await;
}

#[tokio::test]
async fn a_doubt_that_is_abandoned() {
    everywhere("abandoned", |at, after| in_doubt(Settled::Abandoned, at, after)).await;
}
