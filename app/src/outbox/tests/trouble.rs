//! What does not arrive: it is tried again, given up, sent again, and is in nobody's way.

use std::ops::Range;
use std::time::Duration;

use countersign::NoticeKind;
use countersign::prelude::*;
use countersign::store::Commit;

use super::{Again, DEAD, DUE, Delivery, Fault, POLICY, SENT, State, World, at, look};

impl World {
    /// Four thousand notices to one place, and these to another, beside what one call asks.
    async fn crowd(&self, boss: Range<u64>) {
        let call = self.open("north").await;
        let asked = self
            .engine
            .desk()
            .call(call)
            .await
            .unwrap()
            .requirements()
            .remove(0);
        let (tenant, now) = (self.engine.tenant(), self.engine.now());
        let to = |place: &str, seq| {
            Delivery::new(tenant, NoticeKind::Asked, asked.id, place.to_owned(), seq, now).put(DUE)
        };
        let ops = (1000..5000).map(|seq| to("test:ops", seq));
        let commit = Commit {
            edges: ops.chain(boss.map(|seq| to("test:boss", seq))).collect(),
            ..Commit::new(tenant.clone(), now)
        };
        self.engine.store().commit(commit).await.unwrap();
    }
}

#[tokio::test]
async fn what_can_never_arrive_is_given_up_at_once_and_may_be_sent_again() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    *world.wire.fault.lock().unwrap() = Some(Fault::never("there is no such channel"));
    world.look().await;
    assert_eq!((world.kept(DUE).await, world.kept(DEAD).await), (0, 1));
    let id = world.wire.tries.lock().unwrap()[0].clone();
    *world.wire.fault.lock().unwrap() = None;
    let bob = Identity::asserted("bob").unwrap();
    let again = look::again(&world.engine, &id, &bob).await.unwrap();
    assert!(matches!(again, Again::Due(_)), "{again:?}");
    let again = look::again(&world.engine, &id, &bob).await.unwrap();
    assert_eq!(again, Again::Otherwise(State::Due), "it is not dead any more");
    let unknown = look::again(&world.engine, "msg_0", &bob).await.unwrap();
    assert_eq!(unknown, Again::Unknown);
    world.look().await;
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
    assert_eq!((world.kept(SENT).await, world.kept(DEAD).await), (1, 0));
}

#[tokio::test]
async fn after_three_days_it_is_given_up_and_the_receivers_wish_is_kept() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    // An hour at most is believed: what stands in front of a receiver may say anything.
    let after = Some(Duration::from_hours(50));
    let why = "slower, please".to_owned();
    *world.wire.fault.lock().unwrap() = Some(Fault::Later { why, after });
    world.look().await;
    world.clock.advance(Duration::from_mins(59));
    world.look().await;
    assert_eq!(world.wire.tries.lock().unwrap().len(), 1);
    *world.wire.fault.lock().unwrap() = Some(Fault::down("it is down"));
    world.clock.advance(Duration::from_mins(1));
    world.look().await;
    assert_eq!(world.wire.tries.lock().unwrap().len(), 2);
    for _ in 0..69 {
        world.clock.advance(Duration::from_hours(1));
        world.look().await;
    }
    assert_eq!((world.kept(DUE).await, world.kept(DEAD).await), (1, 0));
    for _ in 0..5 {
        world.clock.advance(Duration::from_hours(1));
        world.look().await;
    }
    assert_eq!((world.kept(DUE).await, world.kept(DEAD).await), (0, 1));
}

/// Another server over the store may carry there; if none does, it shows.
#[tokio::test]
async fn where_nothing_carries_to_it_waits_and_is_given_up() {
    let world = World::with(&POLICY.replace(r#"["test:ops"]"#, r#"["nowhere:1", "test:ops"]"#)).await;
    world.look().await;
    world.open("north").await;
    world.look().await;
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
    assert_eq!((world.kept(DUE).await, world.kept(DEAD).await), (1, 0));
    world.clock.advance(Duration::from_hours(73));
    world.look().await;
    assert_eq!(world.kept(DEAD).await, 1);
}

#[tokio::test]
async fn what_waits_long_may_be_sent_at_once() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    let after = Some(Duration::from_hours(1));
    let why = "slower, please".to_owned();
    *world.wire.fault.lock().unwrap() = Some(Fault::Down { why, after });
    world.look().await;
    *world.wire.fault.lock().unwrap() = None;
    let id = world.wire.tries.lock().unwrap()[0].clone();
    let bob = Identity::asserted("bob").unwrap();
    let size = world
        .engine
        .store()
        .head(world.engine.tenant())
        .await
        .unwrap()
        .size();
    let again = look::again(&world.engine, &id, &bob).await.unwrap();
    assert!(matches!(again, Again::Due(_)), "{again:?}");
    let grown = world
        .engine
        .store()
        .head(world.engine.tenant())
        .await
        .unwrap()
        .size();
    assert_eq!(grown, size + 1, "who wanted it is on record");
    world.look().await;
    assert_eq!(world.arrived(), at(&[(NoticeKind::Asked, "test:ops")]));
    let again = look::again(&world.engine, &id, &bob).await.unwrap();
    assert_eq!(again, Again::Otherwise(State::Sent));
}

#[tokio::test]
async fn what_kills_whoever_carries_it_is_given_up() {
    let world = World::new().await;
    world.look().await;
    world.open("north").await;
    *world.wire.panics.lock().unwrap() = true;
    let mut minutes = 0;
    while world.kept(DEAD).await == 0 {
        world.clock.advance(Duration::from_mins(20));
        world.look().await;
        minutes += 20;
        assert!(minutes <= 73 * 60, "it is tried for ever");
    }
    assert!(minutes >= 72 * 60, "given up after {minutes} minutes");
}

/// A place that is slow and has much takes its own time, not that of the others.
#[tokio::test]
async fn a_place_that_has_much_keeps_no_other_from_being_found() {
    let world = World::new().await;
    world.look().await;
    world.crowd(5000..5020).await;
    world.look().await;
    let arrived = world.arrived();
    let to = |place: &str| arrived.iter().filter(|it| it.1 == place).count();
    assert_eq!(to("test:boss"), 20);
    assert!(to("test:ops") < 1000, "{}", to("test:ops"));
}

#[tokio::test]
async fn a_place_that_is_down_does_not_crowd_out_the_others() {
    let world = World::new().await;
    world.look().await;
    world.wire.closed.lock().unwrap().push("test:ops".to_owned());
    world.crowd(5000..5001).await;
    let mut looks = 0;
    while world.arrived().is_empty() {
        world.look().await;
        looks += 1;
        assert!(looks <= 5, "what is put off is not read again");
    }
    assert!(world.wire.tries.lock().unwrap().len() <= 6);
    world.wire.closed.lock().unwrap().clear();
    for _ in 0..10 {
        world.clock.advance(Duration::from_mins(1));
        world.look().await;
    }
    assert_eq!(world.arrived().len(), 4002);
}

#[tokio::test]
async fn one_that_never_arrives_is_not_in_the_way_of_others() {
    let world = World::new().await;
    world.look().await;
    world.open("poison").await;
    world.outbox().fill().await.unwrap();
    *world.wire.fault.lock().unwrap() = Some(Fault::later("it is too long"));
    world.look().await;
    *world.wire.fault.lock().unwrap() = None;
    let poison = world.wire.tries.lock().unwrap()[0].clone();
    world.wire.poison.lock().unwrap().push(poison);
    for gate in 0..10 {
        world.open(&format!("gate {gate}")).await;
    }
    // At once, and also when all of them are due together.
    world.clock.advance(Duration::from_mins(1));
    world.look().await;
    assert_eq!((world.arrived().len(), world.kept(DUE).await), (10, 1));
}
