//! A decision and the claim of what it clears, in one commit: both or neither, and only of a call that is what its
//! records say.

use countersign::prelude::*;
use countersign::{Call, Verdict};

use crate::damage::{All, edit, raw, standing};
use crate::flows::{count, records};
use crate::races::{Work, interrupted, kinds, loads, say_to, ship, with_finance, without_bob};
use crate::world::{World, code, who};

/// A call that only bob's approval keeps from running, and what comes of it when a worker takes that and is
/// interrupted in the commit that would bring both.
async fn approved_by_a_worker(world: &World, work: Work) -> (Engine, &'static str, Call) {
    let call = world.open("ship", r#"{"n":1}"#, "alice").await;
    let (_, call) = say_to(&world.engine, &call, "alice", Verdict::Confirm).await;
    let engine = interrupted(world, "call.approved", work).await;
    let decision = Decision::approve(&call.requirements()[0]).by(&who("bob"));
    let decided = engine.worker().decide(decision).await.unwrap();
    (engine, code(&decided.answer), decided.call.unwrap())
}

#[tokio::test]
async fn a_decision_that_is_overtaken_claims_nothing_with_it() {
    let world = World::new::<ship>().await;
    let (engine, answer, call) = approved_by_a_worker(&world, loads(&world, without_bob())).await;
    assert_eq!((answer, call.phase().name()), ("not_allowed", "approve"));
    assert!(world.effects.all().is_empty());
    assert_eq!(count(&records(&engine, *call.id()).await, "call.claimed"), 0);

    let world = World::new::<ship>().await;
    let (engine, answer, call) = approved_by_a_worker(&world, loads(&world, with_finance())).await;
    assert_eq!((answer, call.phase().name()), ("stale_seal", "confirm"));
    assert!(world.effects.all().is_empty());
    assert_eq!(count(&records(&engine, *call.id()).await, "call.claimed"), 0);
}

#[tokio::test]
async fn a_decision_and_its_claim_are_one_commit() {
    let world = World::new::<ship>().await;
    // Somebody who changes nothing that matters to it.
    let (engine, answer, call) = approved_by_a_worker(&world, Box::new(|| Box::pin(async {}))).await;
    assert_eq!((answer, call.phase().name()), ("accepted", "closed"));
    assert_eq!(world.effects.all(), ["ship 1"]);
    let id = *call.id();
    let kinds = kinds(&engine, &call).await;
    assert_eq!(kinds[2..], ["call.approved", "call.claimed", "call.returned"]);
    let row = engine.store().call(engine.tenant(), id).await.unwrap().unwrap();
    assert_eq!(
        row.version, 3,
        "opened, confirmed, approved and claimed, returned"
    );
    engine.desk().check(id).await.unwrap();
}

#[tokio::test]
async fn a_worker_takes_no_decision_about_a_call_that_was_edited() {
    let world = World::new::<All>().await;
    let call = standing(&world, "approve").await;
    let on = call.requirements().remove(0);
    // What no seal covers: only its records can betray it.
    edit(&raw(&world), *call.id(), |it| it["patience_ms"] = 1.into());
    let decision = || Decision::approve(&on).by(&who("bob"));
    let refused = world
        .engine
        .worker()
        .decide(decision())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("is not what its records say; nothing was run"),
        "{refused}"
    );
    assert!(world.effects.all().is_empty());
    assert_eq!(
        count(&records(&world.engine, *call.id()).await, "call.approved"),
        0
    );
}
