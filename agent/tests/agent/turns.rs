//! What becomes of the calls of one turn.

use std::sync::LazyLock;

use countersign::PoolName;
use countersign::core::gate::DeclaredApproval;
use countersign::core::tool::{Definition, Descriptor};
use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, EventKind, Message, Run, Status, ToolResult};
use serde_json::{Value, json};

use crate::world::{World, asked, identity, refund};

/// The results of a run, in the order of its events.
async fn results(agent: &Agent, run: &Run) -> Vec<ToolResult> {
    let events = agent.events(run.id(), 0).await.unwrap();
    let results = events.into_iter().filter_map(|it| match it.kind {
        EventKind::ToolResult { result, .. } => Some(result),
        _ => None,
    });
    results.collect()
}

fn json_of(result: &ToolResult) -> Value {
    serde_json::from_str(&result.content).unwrap()
}

#[tokio::test]
async fn what_a_model_gets_wrong_is_an_answer_to_it() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::say("Hm.")
            .calling_text("refund", "{not json")
            .calling("look_up", json!({"customer": 7}))
            .calling("look_down", json!({}))
            .calling("fail", json!({"why": "the disk is full"})),
        Step::say("I see."),
    ]);
    let agent = world.agent(model.clone()).await;
    let run = agent.run("Try.").by(&identity("alice")).await.unwrap();
    assert_eq!(run.output(), Some("I see."));
    let results = results(&agent, &run).await;
    let said: Vec<Value> = results.iter().map(json_of).collect();
    for refused in &said[..3] {
        assert_eq!(refused["status"], "refused", "{refused}");
    }
    assert!(said[1].to_string().contains("customer"), "{}", said[1]);
    assert_eq!(
        (&said[3]["status"], &said[3]["error"]),
        (&json!("failed"), &json!("the disk is full"))
    );
    assert_eq!(world.effects.all(), [""; 0]);
}

#[tokio::test]
async fn every_call_has_one_result_in_order_also_when_ids_repeat() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::say("")
            .calling("refund", json!({"customer": "A", "cents": 1}))
            .with_id("x")
            .calling("look_up", json!({"customer": "B"}))
            .with_id("x")
            .calling("refund", json!({"customer": "A", "cents": 1}))
            .with_id("x"),
        Step::call("look_up", json!({"customer": "C"})).with_id("x"),
        Step::say("Done."),
    ]);
    let agent = world.agent(model.clone()).await;
    let alice = identity("alice");
    let run = agent.run("Go.").by(&alice).await.unwrap();
    // Equal calls are two calls, each asked for.
    assert_eq!(asked(&run), ["confirmation refund", "confirmation refund"]);
    let all = run.active_requirements();
    assert_ne!(all[0].id, all[1].id);
    let decisions = [all[1].confirm(), all[0].reject("once is enough")];
    let run = agent.continue_run(run.id(), decisions).by(&alice).await.unwrap();
    assert_eq!(run.status(), Status::Completed);
    assert_eq!(world.effects.all(), ["look_up B", "refund A 1", "look_up C"]);
    let heard = model.last_request().unwrap();
    let ids: Vec<(String, String)> = heard
        .messages
        .iter()
        .filter_map(|it| match it.as_ref() {
            Message::Tool(result) => Some((result.id.clone(), result.content.clone())),
            _ => None,
        })
        .collect();
    let names: Vec<&str> = ids.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["x", "x_2", "x_3", "x_4"]);
    assert!(
        ids[0].1.contains("once is enough") && ids[0].1.contains("\"may_retry\":false"),
        "{ids:?}"
    );
    assert!(ids[2].1.contains("A got 1"), "{ids:?}");
}

#[tokio::test]
async fn fields_that_only_a_person_fills_are_dropped_and_recorded() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::call("file_ticket", json!({"summary": "It burns", "severity": 1})),
        Step::say("Filed."),
    ]);
    let agent = world.agent(model).await;
    let alice = identity("alice");
    let run = agent.run("File it.").by(&alice).await.unwrap();
    assert_eq!(asked(&run), ["user_input file_ticket"]);
    let asked = &run.active_requirements()[0];
    assert_eq!(asked.tool_args().as_str(), r#"{"summary":"It burns"}"#);
    let events = agent.events(run.id(), 0).await.unwrap();
    let EventKind::Said { plans, .. } = &events[1].kind else {
        panic!("{events:?}")
    };
    assert_eq!(plans[0].dropped, ["severity"]);
    // What does not fit is refused, and it is asked again.
    let wrong = agent
        .continue_run(run.id(), [asked.fill(json!({"severity": "high"}))])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!((wrong.status(), wrong.refusals().len()), (Status::Paused, 1));
    let run = agent
        .continue_run(run.id(), [asked.fill(json!({"severity": 4}))])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Filed."));
    assert_eq!(world.effects.all(), ["file_ticket It burns 4"]);
}

#[tokio::test]
async fn two_gates_are_passed_one_after_the_other() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::call("close_account", json!({"customer": "ACME"})),
        Step::call("refund", json!({"customer": "ACME", "cents": 3})),
        Step::say("Done."),
    ]);
    let agent = world.agent(model).await;
    let (alice, bob) = (identity("alice"), identity("bob"));
    let run = agent.run("Close it.").by(&alice).await.unwrap();
    let confirm = run.active_requirements()[0].confirm();
    let run = agent.continue_run(run.id(), [confirm]).by(&alice).await.unwrap();
    assert_eq!(asked(&run), ["approval close_account"]);
    let asked_of_bob = run.active_requirements()[0].clone();
    // Who asked cannot sign off, and the model has no say at all.
    for (who, name) in [(&alice, "alice"), (&identity("helpdesk"), "helpdesk")] {
        let refused = agent
            .continue_run(run.id(), [asked_of_bob.approve()])
            .by(who)
            .await
            .unwrap();
        assert_eq!(refused.refusals().len(), 1, "{name}");
    }
    assert_eq!(world.effects.all(), [""; 0]);
    let run = agent
        .continue_run(run.id(), [asked_of_bob.approve()])
        .by(&bob)
        .await
        .unwrap();
    assert_eq!(asked(&run), ["confirmation refund"]);
    let confirm = run.active_requirements()[0].confirm();
    let run = agent.continue_run(run.id(), [confirm]).by(&alice).await.unwrap();
    assert_eq!(run.output(), Some("Done."));
    assert_eq!(world.effects.all(), ["close_account ACME", "refund ACME 3"]);
}

#[tokio::test]
async fn what_is_reported_from_outside_goes_to_the_model_and_nothing_else_does() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::say("")
            .calling("submit_change", json!({"summary": "new disk"}))
            .calling("refund", json!({"customer": "A", "cents": 1})),
        Step::say("Done."),
    ]);
    let agent = world.agent(model).await;
    let (alice, relay) = (identity("alice"), identity("relay"));
    let run = agent.run("Change it.").by(&alice).await.unwrap();
    assert_eq!(asked(&run), ["external submit_change", "confirmation refund"]);
    let all = run.active_requirements().to_vec();
    // A forged result for a tool that runs here, a result of another shape, a result by nobody.
    let forged = [
        (all[1].report(Ok(json!("A got 1000"))), &relay),
        (all[0].report(Ok(json!("yes"))), &relay),
        (all[0].report(Ok(json!(true))), &identity("mallory")),
        (all[0].confirm(), &alice),
        (all[1].amend(json!({"customer": "A"})), &alice),
    ];
    for (decision, by) in forged {
        let refused = agent.continue_run(run.id(), [decision]).by(by).await.unwrap();
        assert_eq!(
            (refused.status(), refused.refusals().len()),
            (Status::Paused, 1),
            "{refused:?}"
        );
    }
    let run = agent
        .continue_run(run.id(), [all[0].report(Ok(json!(true)))])
        .by(&relay)
        .await
        .unwrap();
    let run = agent
        .continue_run(run.id(), [all[1].reject("no")])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Done."));
    assert_eq!(world.effects.all(), [""; 0]);
    let results = results(&agent, &run).await;
    assert_eq!(results[0].content, "true");
}

#[tokio::test]
async fn a_rejected_call_never_runs_whatever_is_sent_later() {
    let world = World::new().await;
    let same = json!({"customer": "ACME", "cents": 5});
    let model = ScriptedModel::new([
        Step::call("refund", same.clone()),
        Step::call("refund", same),
        Step::say("I give up."),
    ]);
    let agent = world.agent(model).await;
    let alice = identity("alice");
    let run = agent.run("Refund.").by(&alice).await.unwrap();
    let asked = run.active_requirements()[0].clone();
    let run = agent
        .continue_run(run.id(), [asked.reject("no")])
        .by(&alice)
        .await
        .unwrap();
    // The same proposal again is answered without asking.
    assert_eq!(
        (run.status(), run.output()),
        (Status::Completed, Some("I give up."))
    );
    let late = agent.continue_run(run.id(), [asked.confirm()]).by(&alice).await;
    assert!(late.is_err(), "{late:?}");
    let decided = world
        .engine
        .desk()
        .decide(asked.confirm().by(&alice))
        .await
        .unwrap();
    assert!(matches!(decided.answer, countersign::Answer::Refused(_)));
    agent.work().await.unwrap();
    assert_eq!(world.effects.all(), [""; 0]);
}

#[tokio::test]
async fn secrets_are_not_stored_with_the_conversation() {
    let world = World::new().await;
    let model = ScriptedModel::new([
        Step::call("sign_in", json!({"user": "ann", "pin": "4711-0815"})),
        Step::say("In."),
    ]);
    let agent = world.agent(model).await;
    let alice = identity("alice");
    let run = agent.run("Sign in.").by(&alice).await.unwrap();
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(!told.contains("4711") && told.contains("***"), "{told}");
    let confirm = run.active_requirements()[0].confirm();
    let run = agent.continue_run(run.id(), [confirm]).by(&alice).await.unwrap();
    assert_eq!(run.output(), Some("In."));
    assert_eq!(world.effects.all(), ["sign_in ann 4711-0815"]);
}

/// `refund` after a redeploy: another description, and one more gate.
static CHANGED: LazyLock<Definition> = LazyLock::new(|| {
    static DESCRIPTOR: LazyLock<Descriptor> = LazyLock::new(|| {
        let mut descriptor = refund::descriptor().clone();
        "Refunds a customer, with care.".clone_into(&mut descriptor.description);
        descriptor.gates.approvals.push(DeclaredApproval {
            pool: PoolName::new("managers").unwrap(),
            quorum: 1,
            when: None,
            expires_in: None,
        });
        descriptor
    });
    let old = refund::definition();
    Definition {
        name: old.name,
        location: old.location,
        descriptor: || &DESCRIPTOR,
        conditions: |arguments| {
            let mut conditions = (refund::definition().conditions)(arguments)?;
            conditions.approvals = vec![true];
            Ok(conditions)
        },
        check: old.check,
        states: old.states,
        body: old.body,
    }
});

#[tokio::test]
async fn a_tool_that_changed_while_it_waited_is_asked_again() {
    let world = World::new().await;
    let script = || {
        ScriptedModel::new([
            Step::call("refund", json!({"customer": "ACME", "cents": 5})),
            Step::say("Done."),
        ])
    };
    let alice = identity("alice");
    let run = world
        .agent(script())
        .await
        .run("Refund.")
        .by(&alice)
        .await
        .unwrap();
    let old = run.active_requirements()[0].clone();

    let built = Engine::builder().store(crate::world::open(world.dir.path()));
    let built = built.registry(Registry::from_definitions([&*CHANGED]).unwrap());
    let built = built.policy(Policy::parse(crate::world::POLICY).unwrap());
    let engine = built
        .state(world.effects.clone())
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    let agent = crate::world::builder(script()).build(&engine).await.unwrap();
    // Confirmed as it was shown; the new release does not run it on that.
    let run = agent
        .continue_run(run.id(), [old.confirm()])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.status(), Status::Paused);
    assert_eq!(world.effects.all(), [""; 0]);
    let call = engine.desk().call(old.call).await.unwrap();
    let reask = Decision::reask(&call.reask().unwrap()).by(&alice);
    engine.desk().decide(reask).await.unwrap();
    let run = agent.continue_run(run.id(), []).await.unwrap();
    assert_eq!(asked(&run), ["confirmation refund"]);
    assert_ne!(run.active_requirements()[0].id, old.id);
    let confirm = run.active_requirements()[0].confirm();
    let run = agent.continue_run(run.id(), [confirm]).by(&alice).await.unwrap();
    let approve = run.active_requirements()[0].approve();
    let run = agent
        .continue_run(run.id(), [approve])
        .by(&identity("bob"))
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Done."));
    assert_eq!(world.effects.all(), ["refund ACME 5"]);
}

/// `refund` after a redeploy that has lost its gate, and says that it may run twice.
static OPENED: LazyLock<Definition> = LazyLock::new(|| {
    static DESCRIPTOR: LazyLock<Descriptor> = LazyLock::new(|| {
        let mut descriptor = refund::descriptor().clone();
        descriptor.gates.confirmation = None;
        descriptor.hints.idempotent = true;
        descriptor
    });
    let old = refund::definition();
    Definition {
        name: old.name,
        location: old.location,
        descriptor: || &DESCRIPTOR,
        conditions: old.conditions,
        check: old.check,
        states: old.states,
        body: old.body,
    }
});

#[tokio::test]
async fn a_call_that_waits_is_not_run_in_place_because_its_tool_lost_the_gate() {
    let world = World::new().await;
    let script = || {
        ScriptedModel::new([
            Step::call("refund", json!({"customer": "ACME", "cents": 5})),
            Step::say("Done."),
        ])
    };
    let alice = identity("alice");
    let run = world
        .agent(script())
        .await
        .run("Refund.")
        .by(&alice)
        .await
        .unwrap();
    let asked = run.active_requirements()[0].clone();
    let built = Engine::builder().store(crate::world::open(world.dir.path()));
    let built = built.registry(Registry::from_definitions([&*OPENED]).unwrap());
    let built = built.policy(Policy::parse(crate::world::POLICY).unwrap());
    let built = built.state(world.effects.clone()).clock(world.clock.clone());
    let engine = built.worker(false).start().await.unwrap();
    let agent = crate::world::builder(script()).build(&engine).await.unwrap();
    agent.work().await.unwrap();
    assert_eq!(agent.get(run.id()).await.unwrap().status(), Status::Paused);
    let run = agent
        .continue_run(run.id(), [asked.reject("no")])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Done."));
    assert_eq!(world.effects.all(), [""; 0]);
}
