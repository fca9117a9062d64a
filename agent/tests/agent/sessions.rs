//! Several messages of one conversation.

use countersign::prelude::*;
use countersign::store::RunFilter;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Error, Message, OnBusy, Request, Status};
use serde_json::json;

use crate::world::{World, builder, identity};

/// Says how much it was told, or refunds where it is asked to.
fn listener() -> ScriptedModel {
    ScriptedModel::answering(
        |request: Request<'_>| match request.messages.last().map(AsRef::as_ref) {
            Some(Message::User { text }) if text.contains("refund") => {
                Step::call("refund", json!({"customer": text, "cents": 5}))
            }
            _ => Step::say(format!("{} messages", request.messages.len())),
        },
    )
}

#[tokio::test]
async fn a_session_is_remembered_by_any_process() {
    let world = World::new().await;
    let agent = world.agent(listener()).await;
    let alice = identity("alice");
    let say = |text: &'static str| agent.run(text).by(&alice).session("s1");
    assert_eq!(say("One.").await.unwrap().output(), Some("1 messages"));
    assert_eq!(say("Two.").await.unwrap().output(), Some("3 messages"));
    let elsewhere = agent.run("Three.").by(&alice).session("s2").await.unwrap();
    assert_eq!(elsewhere.output(), Some("1 messages"));
    let other = world.again().await;
    world.clock.advance(std::time::Duration::from_secs(1));
    let there = other.agent(listener()).await;
    let third = there.run("Three.").by(&alice).session("s1").await.unwrap();
    assert_eq!(third.output(), Some("5 messages"));
    // What another process has added is heard here.
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(say("Four.").await.unwrap().output(), Some("7 messages"));
    let short = builder(listener()).history(1).build(&world.engine).await.unwrap();
    let fifth = short.run("Five.").by(&alice).session("s1").await.unwrap();
    assert_eq!(fifth.output(), Some("3 messages"));
}

#[tokio::test]
async fn a_busy_session_refuses_unless_it_is_told_otherwise() {
    let world = World::new().await;
    let agent = world.agent(listener()).await;
    let alice = identity("alice");
    let first = agent.run("refund A").by(&alice).session("s1").await.unwrap();
    let refused = agent.run("Hello?").by(&alice).session("s1").await;
    assert!(
        matches!(&refused, Err(Error::Busy { run, .. }) if *run == first.id()),
        "{refused:?}"
    );
    // Nothing of it is stored, and another session is free.
    assert!(agent.run("Hello?").by(&alice).session("s2").await.is_ok());
    let run = agent
        .continue_run(first.id(), [first.active_requirements()[0].confirm()])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("3 messages"));
    let after = agent.run("Hello?").by(&alice).session("s1").await.unwrap();
    assert_eq!(after.output(), Some("5 messages"));
}

#[tokio::test]
async fn nobody_goes_on_with_the_session_of_another() {
    let world = World::new().await;
    let agent = builder(listener())
        .on_busy(OnBusy::Cancel)
        .build(&world.engine)
        .await
        .unwrap();
    let (alice, bob) = (identity("alice"), identity("bob"));
    let first = agent.run("refund A").by(&alice).session("s1").await.unwrap();
    let agents = [agent.clone(), world.again().await.agent(listener()).await];
    for agent in agents {
        let foreign = agent.run("What did she say?").by(&bob).session("s1").await;
        assert!(matches!(&foreign, Err(Error::ForeignSession(_))), "{foreign:?}");
    }
    // Nor is hers stopped by it, or his stored.
    assert_eq!(agent.get(first.id()).await.unwrap().status(), Status::Paused);
    let rows = world.engine.store();
    let rows = rows
        .runs(world.engine.tenant(), &RunFilter::All, None, 10)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn a_message_may_wait_for_its_turn() {
    let world = World::new().await;
    let agent = builder(listener())
        .on_busy(OnBusy::Queue)
        .build(&world.engine)
        .await
        .unwrap();
    let alice = identity("alice");
    let first = agent.run("refund A").by(&alice).session("s1").await.unwrap();
    let second = agent.run("Second.").by(&alice).session("s1").await.unwrap();
    let third = agent.run("Third.").by(&alice).session("s1").await.unwrap();
    assert_eq!(
        (second.status(), third.status()),
        (Status::Queued, Status::Queued)
    );
    agent.work().await.unwrap();
    assert_eq!(agent.get(second.id()).await.unwrap().status(), Status::Queued);
    let confirm = first.active_requirements()[0].confirm();
    agent
        .continue_run(first.id(), [confirm])
        .by(&alice)
        .await
        .unwrap();
    // They are led in the background now, one after the other.
    for (run, said) in [(second, "5 messages"), (third, "7 messages")] {
        loop {
            let mut changes = world.engine.changes();
            let now = agent.get(run.id()).await.unwrap();
            if !now.status().is_open() {
                assert_eq!(now.output(), Some(said));
                break;
            }
            changes.next().await;
        }
    }
}

#[tokio::test]
async fn a_new_message_may_stop_what_waits() {
    let world = World::new().await;
    let agent = builder(listener())
        .on_busy(OnBusy::Cancel)
        .build(&world.engine)
        .await
        .unwrap();
    let alice = identity("alice");
    let first = agent.run("refund A").by(&alice).session("s1").await.unwrap();
    let second = agent.run("Never mind.").by(&alice).session("s1").await.unwrap();
    assert_eq!(second.output(), Some("4 messages"));
    assert_eq!(agent.get(first.id()).await.unwrap().status(), Status::Cancelled);
    let late = world
        .engine
        .desk()
        .decide(first.active_requirements()[0].confirm().by(&alice))
        .await
        .unwrap();
    assert!(matches!(late.answer, countersign::Answer::Refused(_)));
    assert_eq!(world.effects.all(), [""; 0]);
}

#[tokio::test]
async fn of_two_messages_at_once_one_goes_on() {
    let world = World::new().await;
    let agent = world.agent(listener()).await;
    let alice = identity("alice");
    for round in 0..20 {
        let session = format!("s{round}");
        let send = |text: &'static str| {
            let (agent, alice, session) = (agent.clone(), alice.clone(), session.clone());
            tokio::spawn(async move { agent.run(text).by(&alice).session(&session).await })
        };
        let both = [send("refund A"), send("refund B")];
        let mut paused = 0;
        for one in both {
            match one.await.unwrap() {
                Ok(run) => paused += usize::from(run.status() == Status::Paused),
                Err(Error::Busy { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(paused, 1);
    }
}
