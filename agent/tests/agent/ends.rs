//! How runs end early: limits, models that fail, people who stop them.

use std::time::Duration;

use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Error, Limits, ModelError, Status, Usage};
use serde_json::json;

use crate::world::{World, builder, identity};

#[tokio::test]
async fn a_model_that_fails_after_a_tool_ran_does_not_run_it_again() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::call("count", json!({"by": 1})),
        Step::error(ModelError::new("no credit left")),
        Step::say("Counted."),
    ]);
    let agent = world.agent(model.clone()).await;
    let alice = identity("alice");
    let run = agent.run("Count.").by(&alice).await.unwrap();
    assert_eq!(run.status(), Status::Failed);
    assert!(run.error().unwrap().contains("no credit left"), "{run:?}");
    // The script has said its error; asked again, it goes on.
    let run = agent.continue_run(run.id(), []).await.unwrap();
    assert_eq!(run.output(), Some("Counted."));
    assert_eq!(world.effects.all(), ["count 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_for_a_moment_is_asked_again() {
    let world = World::new().await;
    let busy = || Step::error(ModelError::transient("overloaded"));
    let agent = world
        .agent(ScriptedModel::new([busy(), busy(), busy(), Step::say("Here.")]))
        .await;
    let run = agent.run("Hello?").by(&identity("alice")).await.unwrap();
    assert_eq!(run.output(), Some("Here."));
    let agent = world
        .agent(ScriptedModel::new([
            busy(),
            busy(),
            busy(),
            busy(),
            Step::say("Here."),
        ]))
        .await;
    let run = agent.run("Hello?").by(&identity("alice")).await.unwrap();
    assert_eq!(run.status(), Status::Failed);
}

#[tokio::test]
async fn turns_tokens_and_time_are_limited() {
    let world = World::new().await;
    let alice = identity("alice");
    let endless = || {
        ScriptedModel::answering(|_| {
            let usage = Usage {
                input_tokens: 10,
                output_tokens: 5,
            };
            Step::call("look_up", json!({"customer": "A"})).costing(usage)
        })
    };
    for (limits, why, asked) in [
        (
            Limits {
                turns: 3,
                ..Limits::default()
            },
            "3 times",
            3,
        ),
        (
            Limits {
                tokens: Some(20),
                ..Limits::default()
            },
            "30 tokens",
            2,
        ),
        (
            Limits {
                time: Duration::ZERO,
                ..Limits::default()
            },
            "led for",
            0,
        ),
    ] {
        let model = endless();
        let agent = builder(model.clone())
            .limits(limits)
            .build(&world.engine)
            .await
            .unwrap();
        let run = agent.run("Go.").by(&alice).await.unwrap();
        assert_eq!((run.status(), model.asked()), (Status::Failed, asked), "{why}");
        assert!(run.error().unwrap().contains(why), "{run:?}");
        // Limits are no accident: it does not go on.
        let again = agent.continue_run(run.id(), []).await.unwrap();
        assert_eq!((again.status(), model.asked()), (Status::Failed, asked));
    }
}

#[tokio::test]
async fn a_model_that_never_answers_is_given_up() {
    let world = World::new().await;
    let agent = builder(ScriptedModel::new([Step::silence()]))
        .limits(Limits {
            time: Duration::from_millis(40),
            ..Limits::default()
        })
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Hello?").by(&identity("alice")).await.unwrap();
    assert_eq!(run.status(), Status::Failed);
    assert!(run.error().unwrap().contains("did not answer"), "{run:?}");
}

#[tokio::test]
async fn stopping_a_run_withdraws_its_calls() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::calls([
            ("refund", json!({"customer": "A", "cents": 1})),
            ("close_account", json!({"customer": "A"})),
        ]),
        Step::say("Done."),
    ]);
    let agent = world.agent(model.clone()).await;
    let alice = identity("alice");
    let run = agent.run("Go.").by(&alice).await.unwrap();
    let all = run.active_requirements().to_vec();
    let refused = agent.cancel(run.id(), &identity("mallory"), None).await;
    assert!(matches!(refused, Err(Error::Foreign { .. })), "{refused:?}");
    let stopped = agent
        .cancel(run.id(), &alice, Some("changed my mind".to_owned()))
        .await
        .unwrap();
    assert_eq!(stopped.status(), Status::Cancelled);
    assert_eq!(stopped.error(), Some("stopped by alice: changed my mind"));
    for asked in &all {
        let decided = world
            .engine
            .desk()
            .decide(asked.confirm().by(&alice))
            .await
            .unwrap();
        assert!(matches!(decided.answer, countersign::Answer::Refused(_)));
    }
    agent.work().await.unwrap();
    assert_eq!((world.effects.all().len(), model.asked()), (0, 1));
    let again = agent.cancel(run.id(), &alice, None).await.unwrap();
    assert_eq!(again.error(), stopped.error());
}

#[tokio::test]
async fn an_operator_may_stop_what_others_began() {
    let world = World::new().await;
    let agent = world
        .agent(ScriptedModel::new([Step::call(
            "refund",
            json!({"customer": "A", "cents": 1}),
        )]))
        .await;
    let run = agent.run("Go.").by(&identity("alice")).await.unwrap();
    let stopped = agent.cancel(run.id(), &identity("olga"), None).await.unwrap();
    assert_eq!(stopped.status(), Status::Cancelled);
}

#[tokio::test]
async fn whoever_asks_must_be_named_and_the_agent_known() {
    let world = World::new().await;
    let agent = world.agent(ScriptedModel::new([Step::say("Hello.")])).await;
    assert!(matches!(agent.run("Hello.").await, Err(Error::NoRequester)));
    let unknown = countersign_agent::Agent::builder("stranger").model(ScriptedModel::new([]));
    let error = unknown.build(&world.engine).await.unwrap_err().to_string();
    assert!(
        error.contains("`[actors]`") && error.contains("stranger"),
        "{error}"
    );
    let error = builder(ScriptedModel::new([]))
        .tools(["refnd"])
        .build(&world.engine)
        .await;
    assert!(error.unwrap_err().to_string().contains("`refnd`"));
}
