//! A confirmation that is remembered, used and taken back, while the store fails once.

use countersign::RunId;

use super::*;

/// Restarts something, and may be asked to once and for all.
#[tool(requires_confirmation)]
async fn bounce(n: u32) -> u32 {
    n
}

/// A call by alice, in a run of hers or in a new one.
async fn proposed(engine: &Engine, run: Option<RunId>, context: &str) -> countersign::Call {
    let alice = who("alice");
    let propose = || async {
        let call = engine.call("bounce", json!({"n": 1})).by(&alice);
        run.into_iter().fold(call, countersign::CallBuilder::run).await
    };
    match retried(propose, context).await {
        Called::Waiting(waiting) => waiting.call().clone(),
        Called::Done(outcome) => panic!("{context}: {outcome:?}"),
    }
}

async fn remembered(at: usize, after: bool) -> bool {
    let scene = Scene::new(at, after).await;
    let context = scene.context("remembered");
    let started = |store: Guarded<Faulty>| {
        let builder = Engine::builder().store(store).clock(scene.clock.clone());
        let registry = Registry::of::<bounce>().unwrap();
        builder.registry(registry).worker(false).start()
    };
    let engine = started(scene.faulty()).await.unwrap();
    scene.arm();
    let first = proposed(&engine, None, &context).await;
    let (run, desk) = (Some(*first.run()), engine.desk());
    let confirm = || {
        let decision = Decision::confirm(&first.requirements()[0]).by(&who("alice"));
        desk.decide(decision.remember(Remember::exact().uses(3)))
    };
    let made = retried(confirm, &context).await;
    assert!(matches!(code(&made.answer), "accepted" | "repeated"), "{context}");
    let passed = proposed(&engine, run, &context).await;
    assert_eq!(passed.phase().name(), "cleared", "{context}");
    let grant = passed.granted().unwrap();
    let owner = "alice".parse().unwrap();
    let found = retried(|| desk.grants(Some(&owner), None, 10), &context).await.0;
    assert_eq!((found.len(), found[0].id()), (1, grant), "{context}");
    let left = found[0].left();
    let alice = who("alice");
    let revoked = retried(|| desk.revoke(grant, &alice), &context).await;
    assert!(
        matches!(code(&revoked.answer), "accepted" | "repeated"),
        "{context}"
    );
    let asks = proposed(&engine, run, &context).await;
    assert_eq!(
        (asks.phase().name(), asks.granted()),
        ("confirm", &None),
        "{context}"
    );

    // Whatever failed: made once, used as often as it let something through, taken back once.
    let quiet = scene.engine(sqlite(scene.dir.path())).await;
    let mut used = 0;
    for id in calls(&quiet, None).await {
        used += usize::from(quiet.desk().call(id).await.unwrap().granted().is_some());
        quiet
            .desk()
            .check(id)
            .await
            .unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let log = records(&quiet, *first.id()).await;
    for (kind, expected) in [("grant.made", 1), ("grant.used", used), ("grant.revoked", 1)] {
        assert_eq!(count(&log, kind), expected, "{context}: {kind}");
    }
    assert_eq!(3 - usize::try_from(left).unwrap(), used, "{context}");
    assert!(used == 1 || (used == 2 && after), "{context}: {used} uses");
    scene.plan.fired()
}

#[tokio::test]
async fn a_remembered_confirmation() {
    everywhere("remembered", remembered).await;
}
