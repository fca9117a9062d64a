//! The main path: confirm, approve, run, once.

use countersign::prelude::*;
use countersign::{Answer, Outcome, Phase, Source};
use serde_json::json;

use crate::world::{Effects, World, who};

/// Adds two numbers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Refunds a customer.
#[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
#[tool(requires_confirmation, destructive)]
async fn refund(
    #[state] effects: Effects,
    #[context] ctx: CallContext,
    /// Whom.
    customer_id: String,
    /// How much.
    amount_cents: u64,
) -> Result<String, String> {
    let by: Vec<String> = ctx.approvals.iter().map(|it| it.by.to_string()).collect();
    effects.push(format!("{customer_id} {amount_cents} {}", by.join(",")));
    Ok(format!("refunded {amount_cents}"))
}

#[tokio::test]
async fn an_ungated_tool_runs_in_place_and_stores_nothing() {
    let world = World::new::<add>().await;
    let before = world.records().await;
    let called = world.engine.call("add", r#"{"a":1,"b":2}"#).await.unwrap();
    assert!(
        matches!(called, Called::Done(Outcome::Returned { result, source: Source::Tool }) if result == "3")
    );
    assert_eq!(world.records().await, before);
}

#[tokio::test]
async fn confirmed_and_approved_it_runs_once() {
    let world = World::new::<(add, refund)>().await;
    let call = world
        .open(
            "refund",
            r#"{"customer_id":"ACME","amount_cents":50000}"#,
            "alice",
        )
        .await;
    let desk = world.engine.desk();
    let requirement = call.requirements().remove(0);
    let decided = desk
        .decide(Decision::confirm(&requirement).by(&who("alice")))
        .await
        .unwrap();
    assert_eq!(decided.answer, Answer::Accepted);
    let requirement = decided.call.unwrap().requirements().remove(0);
    assert_eq!(requirement.pool.as_ref().unwrap().as_str(), "managers");
    for (by, code) in [
        ("alice", "self_approval"),
        ("carol", "not_allowed"),
        ("nobody", "not_allowed"),
        ("bot", "not_allowed"),
    ] {
        let decided = desk
            .decide(Decision::approve(&requirement).by(&who(by)))
            .await
            .unwrap();
        assert!(
            matches!(decided.answer, Answer::Refused(refusal) if refusal.code.as_str() == code),
            "{by}"
        );
    }
    assert!(world.effects.all().is_empty());
    let decided = desk
        .decide(
            Decision::approve(&requirement)
                .by(&who("bob"))
                .reason("ticket 81"),
        )
        .await
        .unwrap();
    assert_eq!(decided.answer, Answer::Accepted);
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert!(
        matches!(call.phase(), Phase::Closed { outcome: Outcome::Returned { result, .. } } if result == "\"refunded 50000\"")
    );
    assert_eq!(world.effects.all(), ["ACME 50000 bob"]);
    // The same decision again gets the same answer; nothing runs twice.
    let again = desk
        .decide(Decision::approve(&requirement).by(&who("bob")))
        .await
        .unwrap();
    assert_eq!(again.answer, Answer::Repeated);
    world.engine.worker().advance(*call.id()).await.unwrap();
    assert_eq!(world.effects.all().len(), 1);
    assert_eq!(
        world.records().await,
        [
            "policy.changed",
            "call.opened",
            "call.confirmed",
            "call.refused",
            "call.refused",
            "call.refused",
            "call.refused",
            "call.approved",
            "call.claimed",
            "call.returned"
        ]
    );
}

#[tokio::test]
async fn bad_arguments_answer_at_once() {
    let world = World::new::<refund>().await;
    let before = world.records().await;
    let by = who("alice");
    let error = world
        .engine
        .call("refund", json!({"customer_id": 1, "amount": 5}))
        .by(&by)
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("customer_id") && text.contains("amount"), "{text}");
    assert_eq!(world.records().await, before);
}

#[tokio::test]
async fn an_amendment_is_asked_about_anew() {
    let world = World::new::<refund>().await;
    let call = world
        .open(
            "refund",
            r#"{"customer_id":"ACME","amount_cents":50000}"#,
            "alice",
        )
        .await;
    let old = call.requirements().remove(0);
    let desk = world.engine.desk();
    let amend = Decision::amend(&old, json!({"customer_id": "ACME", "amount_cents": 500})).by(&who("alice"));
    let call = desk.decide(amend).await.unwrap().call.unwrap();
    let new = call.requirements().remove(0);
    assert_ne!(new.id, old.id);
    let decided = desk
        .decide(Decision::confirm(&old).by(&who("alice")))
        .await
        .unwrap();
    assert!(matches!(decided.answer, Answer::Refused(refusal) if refusal.code.as_str() == "stale_seal"));
    desk.decide(Decision::confirm(&new).by(&who("alice")))
        .await
        .unwrap();
    world.engine.worker().advance(*call.id()).await.unwrap();
    assert_eq!(world.effects.all(), ["ACME 500 "]);
}

#[tokio::test]
async fn a_late_decision_is_refused_and_closes_the_call() {
    let world = World::new::<refund>().await;
    let call = world
        .open("refund", r#"{"customer_id":"ACME","amount_cents":500}"#, "alice")
        .await;
    world.later(24 * 7);
    let requirement = call.requirements().remove(0);
    let decided = world
        .engine
        .desk()
        .decide(Decision::confirm(&requirement).by(&who("alice")))
        .await
        .unwrap();
    assert!(matches!(decided.answer, Answer::Refused(refusal) if refusal.code.as_str() == "expired"));
    assert!(matches!(
        decided.call.unwrap().phase(),
        Phase::Closed {
            outcome: Outcome::Expired
        }
    ));
    assert!(world.effects.all().is_empty());
}

#[tokio::test]
async fn a_call_of_an_unknown_agent_is_blocked() {
    let world = World::new::<refund>().await;
    let (alice, stranger) = (who("alice"), who("stranger"));
    let call = world
        .engine
        .call("refund", r#"{"customer_id":"ACME","amount_cents":500}"#);
    let called = call.by(&alice).through(&stranger).await.unwrap();
    assert!(matches!(called, Called::Done(Outcome::Blocked { errors }) if errors[0].contains("stranger")));
    assert!(world.effects.all().is_empty());
}
