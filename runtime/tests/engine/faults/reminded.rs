//! A call that waits until others are told and its people are warned, while the store fails once.

use super::*;
use crate::world::POLICY;

/// Approved by managers, who are helped after two hours.
#[approval(required, pool = "managers")]
#[tool]
async fn loan(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

async fn started(scene: &Scene, store: impl Store) -> Engine {
    let managers = r#"managers = { roles = ["manager"], escalate_after = "2h", escalate_to = ["mailto:cfo@example.com"] }"#;
    let policy = POLICY.replace(r#"managers = { roles = ["manager"] }"#, managers);
    let builder = Engine::builder().store(store).clock(scene.clock.clone());
    let builder = builder
        .registry(Registry::of::<loan>().unwrap())
        .state(scene.ledger.clone());
    let builder = builder.policy(Policy::parse(&policy).unwrap()).worker(false);
    builder.start().await.unwrap()
}

async fn reminded(at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    let context = scene.context("reminded");
    let quiet = started(&scene, sqlite(scene.dir.path())).await;
    let alice = who("alice");
    let Called::Waiting(waiting) = quiet.call("loan", json!({"n": 1})).by(&alice).await.unwrap() else {
        panic!("{context}: nobody is asked")
    };
    let id = waiting.call_id();
    let engine = started(&scene, scene.faulty()).await;
    scene.arm();
    let worker = engine.worker();
    for hours in [2, 130] {
        scene.clock.advance(Duration::from_hours(hours));
        retried(|| worker.sweep(), &context).await;
        // A sweep passes over a call that it cannot load; the next one finds it.
        retried(|| worker.sweep(), &context).await;
    }
    let log = records(&quiet, id).await;
    for kind in ["call.escalated", "call.warned"] {
        assert_eq!(count(&log, kind), 1, "{context}: {kind}");
    }
    let answer = decided(&engine, id, "bob", Verdict::Approve, &context).await;
    assert!(matches!(answer, "accepted" | "repeated"), "{context}: {answer}");
    let call = retried(|| worker.advance(id), &context).await.call;
    match call.phase() {
        Phase::Closed {
            outcome: Outcome::Returned { .. },
        } => assert_eq!(scene.ledger.of(&id).len(), 1, "{context}"),
        // The claim was made though the worker heard otherwise: nobody runs it, a person looks.
        Phase::Executing { .. } => {
            assert!(scene.plan.committed.load(Ordering::SeqCst), "{context}");
            assert!(scene.ledger.of(&id).is_empty(), "{context}");
        }
        phase => panic!("{context}: {phase:?}"),
    }
    scene.plan.fired()
}

#[tokio::test]
async fn a_call_that_is_reminded_of() {
    everywhere("reminded", reminded).await;
}
