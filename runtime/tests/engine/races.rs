//! Somebody else is faster: between vote and claim, between looking up and committing, at the start.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign::clock::SystemClock;
use countersign::prelude::*;
use countersign::store::{Commit, Committed, Sqlite, Store as _, StoreError};
use countersign::testing::TestClock;
use countersign::{Call, CallId, Outcome, Phase, Verdict};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::flows::{self, All, Ledger, count, records, sqlite};
use crate::process::{Other, hear, say, task};
use crate::stores::{Guard, Guarded};
use crate::world::{Effects, POLICY, World, code, who};

/// Confirmed, then approved.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
pub(crate) async fn ship(#[state] effects: Effects, n: u32) -> u32 {
    effects.push(format!("ship {n}"));
    n
}

pub(crate) fn without_bob() -> String {
    POLICY.replace(
        "bob = { kind = \"person\", roles = [\"manager\"] }",
        "bob = { kind = \"person\" }",
    )
}

pub(crate) fn with_finance() -> String {
    format!("{POLICY}\n[[rules]]\nname = \"late\"\ntool = \"ship\"\napprovals = [{{ pool = \"finance\" }}]\n")
}

/// Does something once, right before the engine's own commit or read.
struct Interloper {
    /// The kind of record or read that it waits for.
    before: &'static str,
    work: Mutex<Option<Work>>,
}

pub(crate) type Work = Box<dyn FnOnce() -> futures::Boxed + Send>;

pub(crate) mod futures {
    pub(crate) type Boxed = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl Interloper {
    async fn interfere(&self) {
        let work = self.work.lock().unwrap().take();
        if let Some(work) = work {
            work().await;
        }
    }
}

#[async_trait]
impl Guard for Arc<Interloper> {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        if commit
            .records
            .iter()
            .any(|it| it.fields.get("kind").is_some_and(|it| it == self.before))
        {
            self.interfere().await;
        }
        store.commit(commit).await
    }

    async fn read(&self, what: &'static str) -> Result<(), StoreError> {
        if what == self.before {
            self.interfere().await;
        }
        Ok(())
    }
}

/// An engine beside that of the world, on the same file, with this policy.
async fn beside(world: &World, policy: &str) -> Engine {
    World::at::<ship>(world.dir.clone(), world.clock.clone(), policy)
        .await
        .engine
        .clone()
}

/// An engine on the world's file that is interrupted once.
pub(crate) async fn interrupted(world: &World, before: &'static str, work: Work) -> Engine {
    let guard = Arc::new(Interloper {
        before,
        work: Mutex::new(Some(work)),
    });
    Engine::builder()
        .store(Guarded {
            store: sqlite(world.dir.path()),
            guard,
        })
        .registry(Registry::of::<ship>().unwrap())
        .state(world.effects.clone())
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap()
}

/// Loads another policy, as another process would.
pub(crate) fn loads(world: &World, policy: String) -> Work {
    let (dir, clock) = (world.dir.clone(), world.clock.clone());
    Box::new(move || {
        Box::pin(async move {
            World::at::<ship>(dir, clock, &policy).await;
        })
    })
}

pub(crate) async fn say_to(engine: &Engine, call: &Call, by: &str, verdict: Verdict) -> (&'static str, Call) {
    let on = call.requirements().into_iter().find(|it| {
        let pool = it.pool.as_ref().map(ToString::to_string);
        pool.is_none_or(|it| (it == "finance") == matches!(by, "carol" | "dave"))
    });
    let decided = engine
        .desk()
        .decide(Decision::new(&on.unwrap(), verdict).by(&who(by)))
        .await
        .unwrap();
    (code(&decided.answer), decided.call.unwrap())
}

async fn cleared(world: &World) -> Call {
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let (answer, call) = say_to(&world.engine, &call, "alice", Verdict::Confirm).await;
    assert_eq!(answer, "accepted");
    let (answer, call) = say_to(&world.engine, &call, "bob", Verdict::Approve).await;
    assert_eq!((answer, call.phase().name()), ("accepted", "cleared"));
    call
}

pub(crate) async fn kinds(engine: &Engine, call: &Call) -> Vec<String> {
    let records = records(engine, *call.id()).await;
    records
        .iter()
        .map(|it| it["kind"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_vote_is_void_if_its_role_is_gone_at_the_claim() {
    let world = World::new::<ship>().await;
    let call = cleared(&world).await;
    beside(&world, &without_bob()).await;
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert_eq!(call.phase().name(), "approve");
    assert!(call.votes().is_empty() && world.effects.all().is_empty());
    let (answer, call) = say_to(&world.engine, &call, "bob", Verdict::Approve).await;
    assert_eq!(answer, "not_allowed");
    let (answer, call) = say_to(&world.engine, &call, "erin", Verdict::Approve).await;
    assert_eq!(answer, "accepted");
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert!(matches!(
        call.phase(),
        Phase::Closed {
            outcome: Outcome::Returned { .. }
        }
    ));
    assert_eq!(world.effects.all(), ["ship 1"]);
    assert_eq!(
        kinds(&world.engine, &call).await,
        [
            "call.opened",
            "call.confirmed",
            "call.approved",
            "call.votes_voided",
            "call.refused",
            "call.approved",
            "call.claimed",
            "call.returned"
        ]
    );
}

#[tokio::test]
async fn a_role_that_goes_between_looking_up_and_voting_does_not_count() {
    let world = World::new::<ship>().await;
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let (_, call) = say_to(&world.engine, &call, "alice", Verdict::Confirm).await;
    let engine = interrupted(&world, "call.approved", loads(&world, without_bob())).await;
    let (answer, call) = say_to(&engine, &call, "bob", Verdict::Approve).await;
    assert_eq!((answer, call.phase().name()), ("not_allowed", "approve"));
    assert!(call.votes().is_empty());
    assert_eq!(count(&records(&engine, *call.id()).await, "call.approved"), 0);
}

#[tokio::test]
async fn a_role_that_goes_between_looking_up_and_claiming_stops_the_claim() {
    let world = World::new::<ship>().await;
    let call = cleared(&world).await;
    let engine = interrupted(&world, "call.claimed", loads(&world, without_bob())).await;
    let call = engine.worker().advance(*call.id()).await.unwrap().call;
    assert_eq!(call.phase().name(), "approve");
    assert!(world.effects.all().is_empty());
    assert_eq!(count(&records(&engine, *call.id()).await, "call.claimed"), 0);
}

#[tokio::test]
async fn a_policy_that_changes_while_a_call_is_opened_gates_it() {
    let world = World::new::<ship>().await;
    let engine = interrupted(&world, "call.opened", loads(&world, with_finance())).await;
    let alice = who("alice");
    let called = engine.call("ship", r#"{"n":1}"#).by(&alice).await.unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("{called:?}")
    };
    assert_eq!(
        waiting.gates().approvals.len(),
        2,
        "the policy of the commit, not that of the look-up"
    );
    let gone = POLICY.replace("alice = { kind = \"person\" }\n", "");
    let engine = interrupted(&world, "call.opened", loads(&world, gone)).await;
    let called = engine.call("ship", r#"{"n":1}"#).by(&alice).await.unwrap();
    assert!(
        matches!(called, Called::Done(Outcome::Blocked { .. })),
        "{called:?}"
    );
}

#[tokio::test]
async fn another_worker_that_is_faster_is_no_damage() {
    let world = World::new::<ship>().await;
    let call = cleared(&world).await;
    let (other, id) = (beside(&world, POLICY).await, *call.id());
    let work: Work = Box::new(move || {
        Box::pin(async move {
            other.worker().advance(id).await.unwrap();
        })
    });
    // After the call was loaded, before its records are read.
    let engine = interrupted(&world, "entries", work).await;
    let call = engine.worker().advance(id).await.unwrap().call;
    assert!(matches!(
        call.phase(),
        Phase::Closed {
            outcome: Outcome::Returned { .. }
        }
    ));
    assert!(
        world.effects.all().is_empty(),
        "this engine's own function has not run"
    );
    assert_eq!(count(&records(&engine, id).await, "call.claimed"), 1);
}

#[tokio::test]
async fn a_policy_that_tightens_while_a_call_waits_is_asked_for_first() {
    let world = World::new::<ship>().await;
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let (_, call) = say_to(&world.engine, &call, "alice", Verdict::Confirm).await;
    let shown = call.requirements().remove(0);
    beside(&world, &with_finance()).await;
    // Bob approves what he was shown, which is no longer what would run.
    let decided = world
        .engine
        .desk()
        .decide(Decision::approve(&shown).by(&who("bob")))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "stale_seal");
    let call = decided.call.unwrap();
    assert_eq!(
        (call.phase().name(), call.gates().approvals.len()),
        ("confirm", 2)
    );
    let (_, call) = say_to(&world.engine, &call, "alice", Verdict::Confirm).await;
    let (_, call) = say_to(&world.engine, &call, "bob", Verdict::Approve).await;
    world.engine.worker().advance(*call.id()).await.unwrap();
    assert!(world.effects.all().is_empty(), "finance has not approved");
    let (answer, call) = say_to(&world.engine, &call, "carol", Verdict::Approve).await;
    assert_eq!((answer, call.phase().name()), ("accepted", "cleared"));
    world.engine.worker().advance(*call.id()).await.unwrap();
    assert_eq!(world.effects.all(), ["ship 1"]);
}

#[tokio::test]
async fn a_policy_that_tightens_after_the_last_vote_stops_the_claim() {
    for at_the_commit in [false, true] {
        let world = World::new::<ship>().await;
        let call = cleared(&world).await;
        let engine = if at_the_commit {
            interrupted(&world, "call.claimed", loads(&world, with_finance())).await
        } else {
            beside(&world, &with_finance()).await;
            world.engine.clone()
        };
        let old = call.requirement_id(countersign::core::requirement::Ask::Approval(0));
        let call = engine.worker().advance(*call.id()).await.unwrap().call;
        assert_eq!(call.phase().name(), "confirm", "everything is asked anew");
        assert!(call.votes().is_empty() && world.effects.all().is_empty());
        let decided = engine
            .desk()
            .decide(Decision::approve(old).by(&who("erin")))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), "stale_seal");
        assert_eq!(count(&records(&engine, *call.id()).await, "call.claimed"), 0);
    }
}

#[tokio::test]
async fn a_decision_that_is_too_late_under_a_stricter_policy_is_refused_once() {
    let world = World::new::<ship>().await;
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    beside(&world, &with_finance()).await;
    world.later(24 * 7);
    let deciding = say_to(&world.engine, &call, "alice", Verdict::Confirm);
    let (answer, call) = tokio::time::timeout(Duration::from_secs(20), deciding)
        .await
        .unwrap();
    assert_eq!((answer, call.phase().name()), ("expired", "closed"));
    assert_eq!(
        kinds(&world.engine, &call).await,
        ["call.opened", "call.refused", "call.deadline_passed"]
    );
}

/// Not a test by itself: a process that loads a policy when it is told to.
#[test]
fn loader() {
    let Some((dir, policy)) = task() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ledger = Ledger::new(&dir, |_| {});
    say("ready");
    hear();
    runtime.block_on(async {
        let engine = Engine::builder()
            .store(sqlite(&dir))
            .registry(Registry::of::<All>().unwrap())
            .policy(Policy::parse(&policy).unwrap())
            .state(ledger)
            .worker(false)
            .start()
            .await
            .unwrap();
        let head = engine.store().head(engine.tenant()).await.unwrap();
        say(head.size());
    });
    hear();
}

#[tokio::test]
async fn one_policy_loaded_by_many_processes_is_one_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut others: Vec<Other> = (0..4)
        .map(|_| Other::start("races::loader", dir.path(), POLICY))
        .collect();
    for other in &mut others {
        assert_eq!(other.line().unwrap(), "ready");
    }
    for other in &mut others {
        other.tell("go");
    }
    for other in &mut others {
        assert_eq!(other.line().unwrap(), "1", "one record, whoever was first");
    }
    for mut other in others {
        other.tell("end");
        other.end();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_calls_and_many_workers_run_each_once() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(dir.path(), |_| {});
    let first = flows::engine(sqlite(dir.path()), SystemClock, &ledger, true).await;
    let mut opened: Vec<CallId> = Vec::new();
    for _ in 0..40 {
        let alice = who("alice");
        let called = first.call("maybe", json!({"n": 1})).by(&alice).await.unwrap();
        let Called::Waiting(waiting) = called else {
            panic!("no worker of its own")
        };
        opened.push(waiting.call_id());
    }
    // Half are found by polling in the background, half are pushed by eight more workers at once.
    let mut background = Vec::new();
    for _ in 0..3 {
        let engine = Engine::builder()
            .store(sqlite(dir.path()))
            .registry(Registry::of::<All>().unwrap())
            .state(ledger.clone());
        background.push(engine.start().await.unwrap());
    }
    let mut workers = JoinSet::new();
    for place in 0..8 {
        let engine = flows::engine(sqlite(dir.path()), SystemClock, &ledger, false).await;
        let mut mine = opened[20..].to_vec();
        mine.rotate_left(place);
        workers.spawn(async move {
            for id in mine {
                engine.worker().advance(id).await.unwrap();
            }
        });
    }
    workers.join_all().await;
    for id in &opened {
        let outcome = background[0].wait(*id).await.unwrap();
        assert!(matches!(outcome, Outcome::Returned { .. }), "{outcome:?}");
        assert_eq!(ledger.of(id).len(), 1);
        assert_eq!(count(&records(&first, *id).await, "call.claimed"), 1);
    }
    for engine in background {
        engine.stop().await.unwrap();
    }
}

/// Waits until it is let go; says when it has begun.
#[tool(requires_confirmation)]
async fn patient(#[state] gate: Gate) -> u32 {
    gate.begun.notify_one();
    gate.go.notified().await;
    1
}

#[derive(Clone, Default)]
struct Gate {
    begun: Arc<Notify>,
    go: Arc<Notify>,
}

async fn waiting(dir: &std::path::Path, clock: &TestClock, lease: Duration, gate: &Gate) -> (Engine, CallId) {
    let engine = Engine::builder()
        .store(sqlite(dir))
        .registry(Registry::of::<patient>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .state(gate.clone())
        .clock(clock.clone())
        .lease(lease)
        .worker(false)
        .start()
        .await
        .unwrap();
    let alice = who("alice");
    let Called::Waiting(waiting) = engine.call("patient", "{}").by(&alice).await.unwrap() else {
        panic!("it does not wait")
    };
    let on = waiting.active_requirements().remove(0);
    engine
        .desk()
        .decide(Decision::confirm(&on).by(&alice))
        .await
        .unwrap();
    (engine, waiting.call_id())
}

#[tokio::test]
async fn a_live_worker_keeps_its_claim_and_one_that_was_dropped_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, gate) = (TestClock::new(), Gate::default());
    let (engine, id) = waiting(dir.path(), &clock, Duration::from_millis(30), &gate).await;
    let worker = engine.worker();
    let mut running = Box::pin(worker.advance(id));
    tokio::select! {
        _ = &mut running => panic!("it waits to be let go"),
        () = gate.begun.notified() => {}
    }
    let version = async || {
        engine
            .store()
            .call(engine.tenant(), id)
            .await
            .unwrap()
            .unwrap()
            .version
    };
    let claimed = version().await;
    // Alive: the claim is renewed, so the stored call changes.
    clock.advance(Duration::from_millis(10));
    while version().await == claimed {
        tokio::task::yield_now().await;
    }
    // Dropped in the middle of the function: nobody may speak for it any more.
    drop(running);
    clock.advance(Duration::from_secs(1));
    let dropped = version().await;
    let deadline = std::time::Instant::now() + Duration::from_millis(100);
    while std::time::Instant::now() < deadline {
        assert!(
            version().await <= dropped + 1,
            "a claim is renewed though nobody works on it"
        );
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(1));
    engine.worker().sweep().await.unwrap();
    let call = engine.desk().call(id).await.unwrap();
    assert_eq!(call.phase().name(), "in_doubt");
}

#[tokio::test]
async fn a_result_that_comes_after_the_lease_has_lapsed_still_counts() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, gate) = (TestClock::new(), Gate::default());
    let (engine, id) = waiting(dir.path(), &clock, Duration::from_hours(1), &gate).await;
    let worker = engine.worker();
    let mut running = Box::pin(worker.advance(id));
    tokio::select! {
        _ = &mut running => panic!("it waits to be let go"),
        () = gate.begun.notified() => {}
    }
    clock.advance(Duration::from_secs(3601));
    engine.worker().sweep().await.unwrap();
    assert_eq!(engine.desk().call(id).await.unwrap().phase().name(), "in_doubt");
    gate.go.notify_one();
    let call = running.await.unwrap().call;
    assert!(
        matches!(call.phase(), Phase::Closed { outcome: Outcome::Returned { result, .. } } if result == "1")
    );
}

#[tokio::test]
async fn arguments_that_nobody_judged_in_time_expire() {
    let world = World::new::<ship>().await;
    // A desk that links no tools leaves the amended call to be judged.
    let console = Engine::builder()
        .store(sqlite(world.dir.path()))
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let (answer, call) = say_to(&console, &call, "alice", Verdict::Amend(json!({"n": 2}))).await;
    assert_eq!((answer, call.phase().name()), ("accepted", "gating"));
    world.later(24 * 8);
    let worker = world.engine.worker();
    let advanced = tokio::time::timeout(Duration::from_secs(10), worker.advance(*call.id())).await;
    let call = advanced.expect("it goes round and round").unwrap().call;
    assert!(
        matches!(
            call.phase(),
            Phase::Closed {
                outcome: Outcome::Expired
            }
        ),
        "{:?}",
        call.phase()
    );
    assert!(world.effects.all().is_empty());
    assert!(world.records().await.len() < 10);
}

/// A process that hears a decision again answers with the call of now, not with the one that it wrote last.
#[tokio::test]
async fn a_repeat_is_answered_with_the_call_of_now() {
    let world = World::new::<ship>().await;
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let confirm = || Decision::confirm(&call.requirements().remove(0)).by(&who("alice"));
    let decided = world.engine.desk().decide(confirm()).await.unwrap();
    assert_eq!(code(&decided.answer), "accepted");
    let other = Engine::builder()
        .store(sqlite(world.dir.path()))
        .clock(world.clock.clone())
        .worker(false);
    let other = other.start().await.unwrap();
    let asked = decided.call.unwrap().requirements().remove(0);
    let rejected = other
        .desk()
        .decide(Decision::reject(&asked).by(&who("bob")))
        .await
        .unwrap();
    assert_eq!(code(&rejected.answer), "accepted");
    let again = world.engine.desk().decide(confirm()).await.unwrap();
    assert_eq!(again.call.unwrap().phase().name(), "closed");
}
