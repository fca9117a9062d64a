//! `#[tool(check = …)]`: what does not go together is refused, to whoever gave it, wherever it is given.

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Answer, Error, Outcome, Requirement, RequirementKind};
use serde_json::{Value, json};

use crate::world::{POLICY, who};

fn in_order(start: u64, end: u64) -> Result<(), &'static str> {
    assert_ne!(start, 13, "unlucky");
    if start < end {
        Ok(())
    } else {
        Err("`end` is not after `start`")
    }
}

/// Nobody is asked.
#[tool(check = in_order(*start, *end))]
fn checked_plain(start: u64, end: u64) -> u64 {
    end - start
}

/// On record.
#[approval(audit)]
#[tool(check = in_order(*start, *end))]
async fn checked_recorded(start: u64, end: u64) -> u64 {
    end - start
}

/// The requester confirms.
#[tool(requires_confirmation, check = in_order(*start, *end))]
fn checked_confirmed(start: u64, end: u64) -> u64 {
    end - start
}

/// The requester fills in.
#[tool(requires_user_input(end), requires_confirmation, check = in_order(*start, *end))]
fn checked_filled(start: u64, end: u64) -> u64 {
    end - start
}

/// Done elsewhere.
#[tool(external_execution, check = in_order(*start, *end))]
fn checked_outside(start: u64, end: u64) -> u64;

async fn engine() -> Engine {
    let engine = Engine::builder()
        .store(Sqlite::in_memory().unwrap())
        .registry(
            Registry::of::<(
                checked_plain,
                checked_recorded,
                checked_confirmed,
                checked_filled,
                checked_outside,
            )>()
            .unwrap(),
        )
        .policy(Policy::parse(POLICY).unwrap());
    engine.start().await.unwrap()
}

async fn asked(engine: &Engine, tool: &str, arguments: Value) -> Requirement {
    match engine.call(tool, arguments).by(&who("alice")).await.unwrap() {
        Called::Waiting(waiting) => waiting.active_requirements().remove(0),
        other @ Called::Done(_) => panic!("{other:?}"),
    }
}

/// What is asked after a decision of alice's.
async fn decide(engine: &Engine, decision: Decision) -> Option<Requirement> {
    let decided = engine.desk().decide(decision.by(&who("alice"))).await.unwrap();
    assert!(
        !matches!(decided.answer, Answer::Refused(_)),
        "{:?}",
        decided.answer
    );
    decided.call.unwrap().requirements().into_iter().next()
}

async fn result(engine: &Engine, of: &Requirement) -> String {
    match engine.wait(of.call).await.unwrap() {
        Outcome::Returned { result, .. } => result,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn whoever_calls_is_told_and_nobody_is_asked() {
    let engine = engine().await;
    for tool in [
        "checked_plain",
        "checked_recorded",
        "checked_confirmed",
        "checked_outside",
    ] {
        for (arguments, expect) in [
            (json!({"start": 5, "end": 5}), "`end` is not after `start`"),
            (json!({"start": 13, "end": 14}), "checking the arguments panicked"),
        ] {
            let refused = engine.call(tool, arguments).by(&who("alice")).await;
            let Err(Error::Arguments(errors)) = refused else {
                panic!("{tool}: {refused:?}");
            };
            assert_eq!(errors.to_string(), expect, "{tool}");
        }
    }
    let (inbox, _) = engine.desk().inbox(&who("alice"), None, 10).await.unwrap();
    assert!(inbox.is_empty());
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_person_who_fills_in_what_does_not_fit_is_asked_again() {
    let engine = engine().await;
    let mut on = asked(&engine, "checked_filled", json!({"start": 5})).await;
    for end in [4, 5] {
        on = decide(&engine, Decision::fill(&on, json!({"end": end})))
            .await
            .unwrap();
        assert!(matches!(on.kind, RequirementKind::UserInput), "{:?}", on.kind);
    }
    on = decide(&engine, Decision::fill(&on, json!({"end": 7})))
        .await
        .unwrap();
    assert!(matches!(on.kind, RequirementKind::Confirmation), "{:?}", on.kind);
    assert!(decide(&engine, Decision::confirm(&on)).await.is_none());
    assert_eq!(result(&engine, &on).await, "2");
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn an_amendment_that_does_not_fit_changes_nothing() {
    let engine = engine().await;
    let first = asked(&engine, "checked_confirmed", json!({"start": 5, "end": 6})).await;
    let wrong = Decision::amend(&first, json!({"start": 6, "end": 5}));
    let second = decide(&engine, wrong).await.unwrap();
    assert!(
        matches!(second.kind, RequirementKind::Confirmation),
        "{:?}",
        second.kind
    );
    assert!(decide(&engine, Decision::confirm(&second)).await.is_none());
    assert_eq!(result(&engine, &second).await, "1");
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn what_the_model_wrote_badly_is_not_left_to_the_person() {
    let engine = engine().await;
    for arguments in [json!({"start": "five"}), json!({"start": -1}), json!({})] {
        let refused = engine.call("checked_filled", arguments).by(&who("alice")).await;
        assert!(matches!(refused, Err(Error::Arguments(_))), "{refused:?}");
    }
    engine.stop().await.unwrap();
}
