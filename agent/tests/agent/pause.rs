//! Runs that stop where people are asked, and go on.

use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Error, Status};
use serde_json::json;

use crate::world::{World, asked, identity};

fn refund_script() -> ScriptedModel {
    ScriptedModel::new([
        Step::call("refund", json!({"customer": "ACME", "cents": 500})),
        Step::say("ACME has its money."),
    ])
}

#[tokio::test]
async fn the_same_process_goes_on() {
    let world = World::new().await;
    let agent = world.agent(refund_script()).await;
    let alice = identity("alice");
    let run = agent.run("Refund ACME.").by(&alice).await.unwrap();
    assert_eq!(
        (run.status(), asked(&run)),
        (Status::Paused, vec!["confirmation refund".to_owned()])
    );
    assert_eq!(world.effects.all(), [""; 0]);
    let confirmed = run.active_requirements()[0].confirm();
    let run = agent
        .continue_run(run.id(), [confirmed])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(
        (run.status(), run.output()),
        (Status::Completed, Some("ACME has its money."))
    );
    assert_eq!(world.effects.all(), ["refund ACME 500"]);
}

#[tokio::test]
async fn a_new_process_goes_on() {
    let world = World::new().await;
    let alice = identity("alice");
    let run = {
        let agent = world.agent(refund_script()).await;
        agent.run("Refund ACME.").by(&alice).await.unwrap()
    };
    let other = world.again().await;
    drop(world);
    let agent = other.agent(refund_script()).await;
    let run = agent.get(run.id()).await.unwrap();
    let confirmed = run.active_requirements()[0].confirm();
    let run = agent
        .continue_run(run.id(), [confirmed])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("ACME has its money."));
    assert_eq!(other.effects.all(), ["refund ACME 500"]);
}

#[tokio::test]
async fn answering_some_of_several_loses_nothing() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (order, confirm) in orders
        .into_iter()
        .flat_map(|it| (0..8_u32).map(move |mask| (it, mask)))
    {
        let world = World::new().await;
        let agent = world
            .agent(ScriptedModel::new([
                Step::calls((1..=3).map(|it| ("refund", json!({"customer": "ACME", "cents": it})))),
                Step::say("Done."),
            ]))
            .await;
        let alice = identity("alice");
        let mut run = agent.run("Refund three times.").by(&alice).await.unwrap();
        let all = run.active_requirements().to_vec();
        assert_eq!(all.len(), 3);
        for (answered, place) in order.into_iter().enumerate() {
            assert_eq!(
                (run.status(), run.active_requirements().len()),
                (Status::Paused, 3 - answered)
            );
            let decision = if confirm & (1 << place) == 0 {
                all[place].reject("no")
            } else {
                all[place].confirm()
            };
            run = agent.continue_run(run.id(), [decision]).by(&alice).await.unwrap();
        }
        assert_eq!(run.output(), Some("Done."));
        let mut expected: Vec<String> = (0..3)
            .filter(|it| confirm & (1 << it) != 0)
            .map(|it| format!("refund ACME {}", it + 1))
            .collect();
        let mut done = world.effects.all();
        done.sort();
        expected.sort();
        assert_eq!(done, expected);
    }
}

#[tokio::test]
async fn decisions_about_something_else_are_refused_and_change_nothing() {
    let world = World::new().await;
    let agent = world.agent(refund_script()).await;
    let alice = identity("alice");
    let run = agent.run("Refund ACME.").by(&alice).await.unwrap();
    let other = agent.run("Refund ACME.").by(&alice).await.unwrap();
    let (mine, foreign) = (&run.active_requirements()[0], &other.active_requirements()[0]);

    let error = agent
        .continue_run(run.id(), [mine.confirm(), foreign.confirm()])
        .by(&alice)
        .await;
    assert!(
        matches!(error, Err(Error::ForeignRequirement(it)) if it == foreign.id),
        "{error:?}"
    );
    let error = agent
        .continue_run(run.id(), [mine.confirm(), mine.reject("no")])
        .by(&alice)
        .await;
    assert!(
        matches!(error, Err(Error::RepeatedRequirement(it)) if it == mine.id),
        "{error:?}"
    );
    let error = agent
        .continue_run(world.engine.new_run_id(), [mine.confirm()])
        .by(&alice)
        .await;
    assert!(matches!(error, Err(Error::UnknownRun(_))), "{error:?}");
    assert_eq!(
        agent.get(run.id()).await.unwrap().active_requirements(),
        run.active_requirements()
    );

    // Who decides is whoever it is; mallory is nobody here.
    let refused = agent
        .continue_run(run.id(), [mine.confirm()])
        .by(&identity("mallory"))
        .await
        .unwrap();
    assert_eq!((refused.status(), refused.refusals().len()), (Status::Paused, 1));
    assert_eq!(world.effects.all(), [""; 0]);
}
