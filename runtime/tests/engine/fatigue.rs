//! People are not asked again about what they turned down, nor about too much at once.

use countersign::prelude::*;
use countersign::{Call, Error, Outcome, RunId};
use serde_json::json;

use crate::world::{POLICY, World, code, who};

/// Send a message.
#[approval(required, pool = "managers", when = *copies > 9)]
#[tool(requires_confirmation)]
async fn send(text: String, copies: u32) -> u32 {
    let _ = text;
    copies
}

/// Restart a service.
#[tool(requires_confirmation)]
async fn warm_up(service: String) -> String {
    service
}

type All = (send, warm_up);

async fn propose(world: &World, text: &str, run: Option<RunId>) -> Result<Called, Error> {
    let alice = who("alice");
    let call = world
        .engine
        .call("send", json!({"text": text, "copies": 1}))
        .by(&alice);
    run.into_iter().fold(call, countersign::CallBuilder::run).await
}

async fn waits(world: &World, text: &str, run: Option<RunId>) -> Call {
    match propose(world, text, run).await.unwrap() {
        Called::Waiting(waiting) => waiting.call().clone(),
        Called::Done(outcome) => panic!("{outcome:?}"),
    }
}

async fn blocked(world: &World, text: &str, run: RunId) -> String {
    match propose(world, text, Some(run)).await.unwrap() {
        Called::Done(Outcome::Blocked { errors }) => errors.join("; "),
        other => panic!("{other:?}"),
    }
}

async fn reject(world: &World, call: &Call) {
    let on = &call.requirements()[0];
    let decided = world
        .engine
        .desk()
        .decide(Decision::reject(on).by(&who("alice")))
        .await;
    assert_eq!(code(&decided.unwrap().answer), "accepted");
}

#[tokio::test]
async fn what_was_rejected_is_not_asked_again_in_that_run() {
    let world = World::new::<All>().await;
    let first = waits(&world, "hello", None).await;
    let run = *first.run();
    // Twice at once is two questions; nobody has said no yet.
    let twin = waits(&world, "hello", Some(run)).await;
    reject(&world, &first).await;
    let said = blocked(&world, "hello", run).await;
    assert!(said.contains("`alice` rejected this very call") && said.contains(&first.id().to_string()));
    // What waited already still waits; other words, and other runs, may be asked about.
    assert_eq!(world.call(*twin.id()).await.phase().name(), "confirm");
    waits(&world, "good day", Some(run)).await;
    waits(&world, "hello", None).await;
    let elsewhere = waits(&world, "something else", None).await;
    waits(&world, "hello", Some(*elsewhere.run())).await;
    // Another process, after a restart: the same answer, and on record who was told what.
    let again = World::at::<All>(world.dir.clone(), world.clock.clone(), POLICY).await;
    assert_eq!(blocked(&again, "hello", run).await, said);
    let rows = again
        .engine
        .store()
        .entries(again.engine.tenant(), None, 0, 1000)
        .await
        .unwrap();
    let recorded = rows
        .iter()
        .filter(|it| it.text.contains(r#""outcome":"blocked""#) && it.text.contains(r#""errors":"#));
    assert_eq!(recorded.count(), 2);
}

#[tokio::test]
async fn what_was_amended_before_it_was_rejected_is_known_as_it_was_proposed() {
    let world = World::new::<All>().await;
    let call = waits(&world, "hello", None).await;
    let amend = Decision::amend(&call.requirements()[0], json!({"text": "hi", "copies": 10}));
    let amended = world
        .engine
        .desk()
        .decide(amend.by(&who("alice")))
        .await
        .unwrap()
        .call
        .unwrap();
    reject(&world, &amended).await;
    blocked(&world, "hello", *call.run()).await;
}

#[tokio::test]
async fn a_pool_rejects_for_the_run_too_and_a_withdrawal_is_no_rejection() {
    let world = World::new::<All>().await;
    let cancelled = waits(&world, "hello", None).await;
    let run = *cancelled.run();
    world
        .engine
        .desk()
        .cancel(*cancelled.id(), &who("alice"), None)
        .await
        .unwrap();
    waits(&world, "hello", Some(run)).await;
    let alice = who("alice");
    let many = || {
        world
            .engine
            .call("send", r#"{"text":"spam","copies":99}"#)
            .by(&alice)
            .run(run)
    };
    let Called::Waiting(call) = many().await.unwrap() else {
        panic!()
    };
    let confirm = Decision::confirm(&call.active_requirements()[0]).by(&alice);
    let asked = world
        .engine
        .desk()
        .decide(confirm)
        .await
        .unwrap()
        .call
        .unwrap()
        .requirements()
        .remove(0);
    world
        .engine
        .desk()
        .decide(Decision::reject(&asked).by(&who("bob")))
        .await
        .unwrap();
    let Called::Done(Outcome::Blocked { errors }) = many().await.unwrap() else {
        panic!()
    };
    assert!(errors[0].contains("`bob` rejected"), "{errors:?}");
}

#[tokio::test]
async fn three_rejections_withhold_a_tool_for_the_run() {
    let world = World::new::<All>().await;
    let mut run = None;
    for text in ["one", "two", "three"] {
        let call = waits(&world, text, run).await;
        run = Some(*call.run());
        reject(&world, &call).await;
    }
    let said = blocked(&world, "four", run.unwrap()).await;
    assert!(said.contains("rejected `send` 3 times in this run"), "{said}");
    let alice = who("alice");
    let other = world
        .engine
        .call("warm_up", r#"{"service":"billing"}"#)
        .by(&alice)
        .run(run.unwrap());
    assert!(matches!(other.await.unwrap(), Called::Waiting(_)));
    waits(&world, "four", None).await;
}

fn limited(limits: &str) -> String {
    format!("{POLICY}\n[limits]\n{limits}")
}

#[tokio::test]
async fn only_so_many_wait_in_a_run() {
    let world = World::new::<All>().await;
    let (dir, clock) = (world.dir.clone(), world.clock.clone());
    let world = World::at::<All>(dir, clock, &limited("pending_per_run = 3")).await;
    let first = waits(&world, "0", None).await;
    let run = Some(*first.run());
    waits(&world, "1", run).await;
    let third = waits(&world, "2", run).await;
    let size = world.records().await.len();
    let error = propose(&world, "3", run).await.unwrap_err();
    assert!(matches!(
        error,
        Error::TooManyPending {
            limit: "pending_per_run",
            most: 3,
            ..
        }
    ));
    let said = error.to_string();
    assert!(
        said.contains("pending_per_run = 3") && said.contains("[limits]"),
        "{said}"
    );
    assert_eq!(world.records().await.len(), size, "nothing was stored");
    waits(&world, "3", None).await;
    world
        .engine
        .desk()
        .cancel(*third.id(), &who("alice"), None)
        .await
        .unwrap();
    waits(&world, "3", run).await;
}

/// What others are asked about counts for whoever asked for it.
#[tokio::test]
async fn what_waits_for_approval_counts_for_its_requester() {
    let world = World::new::<All>().await;
    let (dir, clock) = (world.dir.clone(), world.clock.clone());
    let world = World::at::<All>(dir, clock, &limited("pending_per_requester = 1")).await;
    let arguments = r#"{"text":"to all","copies":10}"#;
    let call = world.open("send", arguments, "alice").await;
    let confirm = Decision::confirm(&call.requirements()[0]).by(&who("alice"));
    let decided = world.engine.desk().decide(confirm).await.unwrap();
    assert_eq!(decided.call.unwrap().phase().name(), "approve");
    let error = propose(&world, "one more", None).await.unwrap_err();
    assert!(error.to_string().contains("`alice` has 1 call"), "{error}");
}

#[tokio::test]
async fn only_so_many_wait_for_one_requester() {
    let world = World::new::<All>().await;
    let (dir, clock) = (world.dir.clone(), world.clock.clone());
    let world = World::at::<All>(dir, clock, &limited("pending_per_requester = 2")).await;
    let first = waits(&world, "0", None).await;
    waits(&world, "1", None).await;
    let error = propose(&world, "2", None).await.unwrap_err();
    assert!(error.to_string().contains("`alice` has 2 calls"), "{error}");
    let mallory = who("mallory");
    let other = world
        .engine
        .call("warm_up", r#"{"service":"billing"}"#)
        .by(&mallory);
    assert!(matches!(other.await.unwrap(), Called::Waiting(_)));
    let confirm = Decision::confirm(&first.requirements()[0]).by(&who("alice"));
    world.engine.desk().decide(confirm).await.unwrap();
    waits(&world, "2", None).await;
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let error = Policy::parse(&limited("pending_per_run = 0")).unwrap_err();
    assert!(error.to_string().contains("at least 1"), "{error}");
    assert!(Policy::parse(&limited("pending = 3")).is_err());
}
