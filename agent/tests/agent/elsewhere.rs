//! Runs that are decided elsewhere, agents that ask agents.

use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, Run, Status};
use serde_json::json;

use crate::world::{World, asked, builder, identity};

fn script() -> ScriptedModel {
    ScriptedModel::new([
        Step::call("refund", json!({"customer": "ACME", "cents": 500})),
        Step::say("ACME has its money."),
    ])
}

/// Waits until a run is over, in whatever process.
async fn over(agent: &Agent, run: &Run) -> Run {
    loop {
        let mut changes = agent.engine().changes();
        let now = agent.get(run.id()).await.unwrap();
        if !now.status().is_open() {
            return now;
        }
        changes.next().await;
    }
}

#[tokio::test]
async fn a_decision_taken_elsewhere_continues_the_run() {
    let world = World::new().await;
    let agent = Agent::builder("helpdesk")
        .model(script())
        .build(&world.engine)
        .await
        .unwrap();
    let alice = identity("alice");
    let run = agent.run("Refund ACME.").by(&alice).await.unwrap();
    assert_eq!(run.status(), Status::Paused);
    // A console on the same file, without tools and without agents.
    let console = Engine::builder().store(crate::world::open(world.dir.path()));
    let console = console
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    let asked = run.active_requirements()[0].confirm().by(&alice);
    console.desk().decide(asked).await.unwrap();
    assert_eq!(over(&agent, &run).await.output(), Some("ACME has its money."));
    assert_eq!(world.effects.all(), ["refund ACME 500"]);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn a_decision_taken_while_nobody_was_there_is_found_at_the_start() {
    let world = World::new().await;
    let run = world
        .agent(script())
        .await
        .run("Refund ACME.")
        .by(&identity("alice"))
        .await
        .unwrap();
    let asked = run.active_requirements()[0].confirm().by(&identity("alice"));
    world.engine.desk().decide(asked).await.unwrap();
    let other = world.again().await;
    let agent = Agent::builder("helpdesk")
        .model(script())
        .build(&other.engine)
        .await
        .unwrap();
    assert_eq!(over(&agent, &run).await.output(), Some("ACME has its money."));
    assert_eq!(world.effects.all(), ["refund ACME 500"]);
}

#[tokio::test]
async fn two_processes_that_continue_one_run_do_it_once() {
    for _ in 0..10 {
        let world = World::new().await;
        let other = world.again().await;
        let model = script();
        let here = world.agent(model.clone()).await;
        let there = other.agent(model.clone()).await;
        let run = here.run("Refund ACME.").by(&identity("alice")).await.unwrap();
        let asked = run.active_requirements()[0].confirm().by(&identity("alice"));
        world.engine.desk().decide(asked).await.unwrap();
        let both = [here, there].map(|it| {
            let id = run.id();
            tokio::spawn(async move { it.continue_run(id, []).await })
        });
        for one in both {
            assert_eq!(one.await.unwrap().unwrap().output(), Some("ACME has its money."));
        }
        assert_eq!(world.effects.all(), ["refund ACME 500"]);
        assert_eq!(model.asked(), 2);
    }
}

fn family() -> (ScriptedModel, ScriptedModel) {
    let parent = ScriptedModel::new([
        Step::say("")
            .calling("researcher", json!({"input": "Look into ACME."}))
            .calling("refund", json!({"customer": "ACME", "cents": 1})),
        Step::say("All done."),
    ]);
    let child = ScriptedModel::new([
        Step::call("refund", json!({"customer": "ACME", "cents": 1})),
        Step::call("close_account", json!({"customer": "ACME"})),
        Step::say("ACME was looked into."),
    ]);
    (parent, child)
}

async fn parent(world: &World) -> (Agent, ScriptedModel) {
    let (parent, child) = family();
    let child = Agent::builder("researcher")
        .model(child)
        .worker(false)
        .build(&world.engine)
        .await
        .unwrap();
    let agent = builder(parent.clone())
        .agent(child, "Looks into things.")
        .build(&world.engine)
        .await
        .unwrap();
    (agent, parent)
}

#[tokio::test]
async fn an_agent_that_is_asked_pauses_the_one_that_asks() {
    let world = World::new().await;
    let (agent, model) = parent(&world).await;
    let (alice, bob) = (identity("alice"), identity("bob"));
    let run = agent
        .run("Look into ACME.")
        .by(&alice)
        .session("s")
        .await
        .unwrap();
    assert_eq!(run.status(), Status::Paused);
    assert_eq!(asked(&run), ["confirmation refund", "confirmation refund"]);
    let (inner, outer) = (&run.active_requirements()[0], &run.active_requirements()[1]);
    let child = agent.get(inner.run).await.unwrap();
    assert_eq!(child.path(), ["helpdesk", "researcher"]);
    assert_eq!(outer.run, run.id());
    // What was confirmed and remembered for one covers nothing of the other, though it is the same call.
    let remembered = outer.confirm().remember(Remember::exact());
    let run = agent
        .continue_run(run.id(), [remembered])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(asked(&run), ["confirmation refund"]);
    let run = agent
        .continue_run(run.id(), [inner.confirm()])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(asked(&run), ["confirmation close_account"]);
    let confirm = run.active_requirements()[0].confirm();
    // In another process, and the last one by the worker alone.
    let other = world.again().await;
    let (there, _) = parent(&other).await;
    let run = there.continue_run(run.id(), [confirm]).by(&alice).await.unwrap();
    assert_eq!(asked(&run), ["approval close_account"]);
    let approve = run.active_requirements()[0].approve().by(&bob);
    other.engine.desk().decide(approve).await.unwrap();
    there.work().await.unwrap();
    let run = agent.get(run.id()).await.unwrap();
    assert_eq!(run.output(), Some("All done."));
    assert_eq!(
        world.effects.all(),
        ["refund ACME 1", "refund ACME 1", "close_account ACME"]
    );
    assert_eq!(model.asked(), 1); // the second answer was given to the other process
}

#[tokio::test]
async fn stopping_the_one_that_asks_stops_the_one_that_is_asked() {
    let world = World::new().await;
    let (agent, _) = parent(&world).await;
    let alice = identity("alice");
    let run = agent.run("Look into ACME.").by(&alice).await.unwrap();
    let inner = run.active_requirements()[0].clone();
    agent.cancel(run.id(), &alice, None).await.unwrap();
    assert_eq!(agent.get(inner.run).await.unwrap().status(), Status::Cancelled);
    let late = world
        .engine
        .desk()
        .decide(inner.confirm().by(&alice))
        .await
        .unwrap();
    assert!(matches!(late.answer, countersign::Answer::Refused(_)));
    agent.work().await.unwrap();
    assert_eq!(world.effects.all(), [""; 0]);
}
