//! The outbox over a real store, with a clock that is moved by hand and a channel that does as it is told.

mod trouble;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use countersign::prelude::*;
use countersign::store::{EdgeFilter, Sqlite};
use countersign::testing::TestClock;
use countersign::{Call, CallId, NoticeKind};
use tempfile::TempDir;
use tokio::sync::watch;

use super::look::{self, Again, State};
use super::{Channel, Channels, DEAD, DUE, Delivery, Fault, Outbox, SENT};
use crate::config::Notify;

/// Open a gate.
#[approval(required, pool = "managers", quorum = 2, expires_in = "8h")]
#[tool]
fn open_gate(gate: String) -> String {
    gate
}

/// Move a crate.
#[tool(requires_confirmation)]
fn move_crate(to: String) -> String {
    to
}

const POLICY: &str = r#"
    actors.alice = { kind = "person" }
    actors.bob = { kind = "person", roles = ["manager"] }
    actors.carol = { kind = "person", roles = ["manager"] }
    [pools.managers]
    roles = ["manager"]
    notify = ["test:ops"]
    escalate_after = "4h"
    escalate_to = ["test:boss"]
"#;

/// Arrived: the id, what, and where.
type Arrived = Vec<(String, NoticeKind, String)>;

#[derive(Clone, Default)]
struct Wire {
    arrived: Arc<Mutex<Arrived>>,
    /// What the next attempts come to; they arrive once it is empty.
    fault: Arc<Mutex<Option<Fault>>>,
    panics: Arc<Mutex<bool>>,
    /// Deliveries that never arrive.
    poison: Arc<Mutex<Vec<String>>>,
    /// Places that cannot be reached.
    closed: Arc<Mutex<Vec<String>>>,
    tries: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Channel for Wire {
    fn reaches(&self, _: &str) -> bool {
        true
    }

    fn tells(&self, notice: NoticeKind) -> bool {
        notice != NoticeKind::Closed
    }

    async fn of_person(&self, person: &countersign::ActorId) -> Result<Vec<String>, countersign::Error> {
        Ok(vec![format!("test:@{person}")])
    }

    async fn carry(&self, delivery: &Delivery) -> Result<(), Fault> {
        self.tries.lock().unwrap().push(delivery.id.clone());
        assert!(!*self.panics.lock().unwrap(), "a channel that panics");
        let closed = self.closed.lock().unwrap().contains(&delivery.kept.to);
        if self.poison.lock().unwrap().contains(&delivery.id) {
            return Err(Fault::later("poison"));
        }
        if let Some(fault) = self
            .fault
            .lock()
            .unwrap()
            .clone()
            .or(closed.then(|| Fault::down("closed")))
        {
            return Err(fault);
        }
        let what = (
            delivery.id.clone(),
            delivery.kept.notice,
            delivery.kept.to.clone(),
        );
        self.arrived.lock().unwrap().push(what);
        Ok(())
    }
}

struct World {
    engine: Engine,
    clock: TestClock,
    wire: Wire,
    data: TempDir,
    stopping: watch::Sender<bool>,
}

impl World {
    async fn new() -> Self {
        Self::with(POLICY).await
    }

    async fn with(policy: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        Self {
            engine: engine(&data, &clock, policy).await,
            clock,
            wire: Wire::default(),
            data,
            stopping: watch::Sender::new(false),
        }
    }

    /// An outbox, as a process has one that just started.
    fn outbox(&self) -> Arc<Outbox> {
        let mut channels = Channels::default();
        channels.add("test", self.wire.clone());
        let notify = Notify {
            in_doubt: vec!["test:operators".to_owned()],
            external: Vec::new(),
        };
        Arc::new(Outbox::new(
            self.engine.clone(),
            channels,
            notify,
            self.stopping.subscribe(),
        ))
    }

    /// Everything an outbox does in one look.
    async fn look(&self) {
        let outbox = self.outbox();
        outbox.fill().await.unwrap();
        outbox.send().await.unwrap();
    }

    async fn open(&self, gate: &str) -> CallId {
        let alice = Identity::asserted("alice").unwrap();
        let called = self
            .engine
            .call("open_gate", format!(r#"{{"gate":"{gate}"}}"#))
            .by(&alice)
            .await;
        let Called::Waiting(waiting) = called.unwrap() else {
            panic!("it waits for managers")
        };
        waiting.call_id()
    }

    async fn approve(&self, call: CallId, by: &str) -> Call {
        let desk = self.engine.desk();
        let asked = desk.call(call).await.unwrap().requirements().remove(0);
        let by = Identity::asserted(by).unwrap();
        desk.decide(Decision::approve(&asked).by(&by))
            .await
            .unwrap()
            .call
            .unwrap()
    }

    /// Alice approves what she asks for herself.
    async fn refused(&self, call: CallId) {
        let desk = self.engine.desk();
        let asked = desk.call(call).await.unwrap().requirements().remove(0);
        let alice = Identity::asserted("alice").unwrap();
        let answer = desk.decide(Decision::approve(&asked).by(&alice)).await;
        assert!(matches!(answer.unwrap().answer, countersign::Answer::Refused(_)));
    }

    fn arrived(&self) -> Vec<(NoticeKind, String)> {
        let arrived = self.wire.arrived.lock().unwrap();
        arrived
            .iter()
            .map(|(_, notice, to)| (*notice, to.clone()))
            .collect()
    }

    /// How many deliveries of a kind are kept.
    async fn kept(&self, kind: &str) -> usize {
        let filter = EdgeFilter::of(kind);
        self.engine
            .store()
            .edges(self.engine.tenant(), &filter, None, 1000)
            .await
            .unwrap()
            .len()
    }
}

async fn engine(data: &TempDir, clock: &TestClock, policy: &str) -> Engine {
    Engine::builder()
        .store(Sqlite::open(data.path().join("countersign.db")).unwrap())
        .registry(Registry::of::<(open_gate, move_crate)>().unwrap())
        .policy(Policy::parse(policy).unwrap())
        .clock(clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap()
}

fn at(places: &[(NoticeKind, &str)]) -> Vec<(NoticeKind, String)> {
    places
        .iter()
        .map(|(notice, to)| (*notice, (*to).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_pool_hears_that_it_is_asked_and_what_came_of_it_and_nothing_twice() {
    let world = World::new().await;
    world.look().await;
    let call = world.open("north").await;
    for _ in 0..3 {
        world.look().await;
    }
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
    world.approve(call, "bob").await;
    world.look().await;
    world.approve(call, "carol").await;
    for _ in 0..3 {
        world.look().await;
    }
    let decided = (NoticeKind::Decided, "test:ops");
    assert_eq!(
        world.arrived(),
        at(&[(NoticeKind::Asked, "test:ops"), decided, decided])
    );
    assert_eq!((world.kept(DUE).await, world.kept(SENT).await), (0, 3));
    assert_eq!(world.kept("outbox.told").await, 0);
}

#[tokio::test]
async fn time_warns_the_pool_and_tells_further_people_once() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    world.look().await;
    world.clock.advance(Duration::from_hours(4));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    world.clock.advance(Duration::from_hours(2));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    world.clock.advance(Duration::from_hours(2));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    let mut arrived = world.arrived();
    arrived.sort_by_key(|it| (it.0, it.1.clone()));
    let everybody = |notice| [(notice, "test:boss"), (notice, "test:ops")];
    let mut expected = vec![(NoticeKind::Asked, "test:ops")];
    for notice in [NoticeKind::Warned, NoticeKind::Escalated, NoticeKind::Expired] {
        expected.extend(everybody(notice));
    }
    assert_eq!(arrived, at(&expected));
}

#[tokio::test]
async fn what_was_decided_before_anybody_was_told_is_told_as_decided() {
    let world = World::new().await;
    world.look().await;
    let call = world.open("north").await;
    world.approve(call, "bob").await;
    world.approve(call, "carol").await;
    for _ in 0..3 {
        world.look().await;
    }
    assert_eq!(world.arrived(), at(&[(NoticeKind::Decided, "test:ops")]));
    // Told in pages of 64 entries: what a later page decides is not told by an earlier one, and again then.
    let call = world.open("south").await;
    world.look().await;
    world.refused(call).await;
    for gate in 0..80 {
        world.open(&format!("gate {gate}")).await;
    }
    world.approve(call, "bob").await;
    world.approve(call, "carol").await;
    world.look().await;
    let of_call = |wire: &Wire| {
        let arrived = wire.arrived.lock().unwrap();
        arrived.iter().filter(|it| it.1 == NoticeKind::Decided).count()
    };
    assert_eq!(of_call(&world.wire), 2);
}

#[tokio::test]
async fn an_answer_that_was_refused_is_no_decision() {
    let world = World::new().await;
    world.look().await;
    let call = world.open("north").await;
    world.look().await;
    world.refused(call).await;
    world.clock.advance(Duration::from_hours(8));
    world.engine.worker().sweep().await.unwrap();
    world.look().await;
    assert_eq!(
        world.arrived(),
        at(&[(NoticeKind::Asked, "test:ops"), (NoticeKind::Expired, "test:ops")])
    );
}

#[tokio::test]
async fn whoever_is_asked_himself_is_told_himself_and_what_nobody_wants_to_hear_is_not_kept() {
    let world = World::new().await;
    world.look().await;
    let alice = Identity::asserted("alice").unwrap();
    let called = world
        .engine
        .call("move_crate", r#"{"to":"dock"}"#)
        .by(&alice)
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("it waits for alice")
    };
    world.look().await;
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:@alice")]));
    world
        .engine
        .desk()
        .cancel(waiting.call_id(), &alice, None)
        .await
        .unwrap();
    world.look().await;
    assert_eq!(
        (
            world.arrived().len(),
            world.kept(DUE).await,
            world.kept("outbox.told").await
        ),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn what_is_open_when_the_first_outbox_begins_is_told_and_what_is_over_is_not() {
    let world = World::new().await;
    let over = world.open("west").await;
    world.approve(over, "bob").await;
    world.approve(over, "carol").await;
    world.engine.worker().advance(over).await.unwrap();
    world.open("north").await;
    world.look().await;
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
}

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_gets_everything_and_nothing_twice() {
    let world = World::new().await;
    world.look().await;
    *world.wire.fault.lock().unwrap() = Some(Fault::down("it is down"));
    for minute in 0..60 {
        if minute % 3 == 0 {
            world.open(&format!("gate {minute}")).await;
        }
        world.look().await;
        world.clock.advance(Duration::from_mins(1));
    }
    assert_eq!((world.arrived().len(), world.kept(DUE).await), (0, 20));
    // One place that is down costs one attempt in a look, not one for each notice.
    let tries = world.wire.tries.lock().unwrap().len();
    assert!(tries <= 60, "{tries} attempts in 60 looks");
    *world.wire.fault.lock().unwrap() = None;
    for _ in 0..75 {
        world.look().await;
        world.clock.advance(Duration::from_mins(1));
    }
    let mut ids: Vec<String> = world
        .wire
        .arrived
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.0.clone())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), world.arrived().len()), (20, 20));
    assert_eq!(
        (
            world.kept(DUE).await,
            world.kept(SENT).await,
            world.kept(DEAD).await
        ),
        (0, 20, 0)
    );
}

#[tokio::test]
async fn a_process_that_dies_anywhere_leaves_it_to_the_next() {
    let world = World::new().await;
    world.look().await;
    let call = world.open("north").await;
    // Before it is noticed, after it is noticed, and in the middle of an attempt.
    let next = World {
        engine: engine(&world.data, &world.clock, POLICY).await,
        ..world
    };
    next.outbox().fill().await.unwrap();
    assert_eq!(next.arrived(), []);
    *next.wire.panics.lock().unwrap() = true;
    next.outbox().send().await.unwrap();
    *next.wire.panics.lock().unwrap() = false;
    // Its lease holds: a process that is slow is not overtaken at once.
    next.look().await;
    assert_eq!(next.arrived(), []);
    next.clock.advance(Duration::from_mins(1));
    next.look().await;
    assert_eq!(next.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
    let tries = next.wire.tries.lock().unwrap().clone();
    assert_eq!((tries.len(), &tries[0]), (2, &tries[1]), "the same id each time");
    assert_eq!(next.approve(call, "bob").await.votes().len(), 1);
    next.look().await;
    assert_eq!(next.arrived().len(), 2);
}

#[tokio::test]
async fn processes_that_share_a_store_tell_each_thing_once() {
    let world = World::new().await;
    world.look().await;
    for gate in 0..40 {
        world.open(&format!("gate {gate}")).await;
    }
    let outboxes: Vec<_> = (0..4).map(|_| world.outbox()).collect();
    let mut looks = tokio::task::JoinSet::new();
    for outbox in outboxes {
        looks.spawn(async move {
            outbox.fill().await.unwrap();
            outbox.send().await.unwrap();
        });
    }
    looks.join_all().await;
    world.look().await;
    assert_eq!(
        (world.arrived().len(), world.wire.tries.lock().unwrap().len()),
        (40, 40)
    );
}

#[tokio::test]
async fn what_is_damaged_is_told_anew_and_keeps_nobody_waiting() {
    let world = World::new().await;
    world.look().await;
    let call = world.open("north").await;
    world.look().await;
    let sql = rusqlite::Connection::open(world.data.path().join("countersign.db")).unwrap();
    let changed = sql.execute("UPDATE edge SET state = 'garbage' WHERE kind = 'outbox.told'", []);
    assert_eq!(changed.unwrap(), 1);
    world.approve(call, "bob").await;
    world.open("south").await;
    world.look().await;
    let asked = (NoticeKind::Asked, "test:ops");
    assert_eq!(world.arrived(), at(&[asked, asked, asked]));
}

#[tokio::test]
async fn whoever_stops_begins_nothing_new() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    world.outbox().fill().await.unwrap();
    world.stopping.send_replace(true);
    world.outbox().send().await.unwrap();
    assert_eq!((world.arrived().len(), world.kept(DUE).await), (0, 1));
}
