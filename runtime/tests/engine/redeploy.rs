//! A tool changes while calls of it wait: nobody claims them, and they can be asked about anew.

use std::sync::LazyLock;

use countersign::core::gate::{Conditions, DeclaredApproval};
use countersign::core::tool::{ArgumentErrors, Definition, Descriptor};
use countersign::prelude::*;
use countersign::{PoolName, Verdict};

use crate::damage::{All, move_money, standing};
use crate::flows::{count, records, sqlite};
use crate::world::{World, code, who};

/// The same tool after a redeploy: another description, and one more gate.
static CHANGED: LazyLock<Definition> = LazyLock::new(|| {
    static DESCRIPTOR: LazyLock<Descriptor> = LazyLock::new(|| {
        let mut descriptor = move_money::descriptor().clone();
        "Changed.".clone_into(&mut descriptor.description);
        descriptor.gates.approvals[0].pool = PoolName::new("finance").unwrap();
        let pool = PoolName::new("operators").unwrap();
        descriptor.gates.approvals.push(DeclaredApproval {
            pool,
            quorum: 1,
            when: None,
            expires_in: None,
        });
        descriptor
    });
    fn conditions(arguments: &str) -> Result<Conditions, ArgumentErrors> {
        let mut conditions = (move_money::definition().conditions)(arguments)?;
        conditions.approvals = vec![true, false];
        Ok(conditions)
    }
    let old = move_money::definition();
    Definition {
        name: old.name,
        location: old.location,
        descriptor: || &DESCRIPTOR,
        conditions,
        check: old.check,
        states: old.states,
        body: old.body,
    }
});

#[tokio::test]
async fn a_tool_that_changed_is_never_claimed_and_can_be_asked_anew() {
    let world = World::new::<All>().await;
    let call = standing(&world, "cleared").await;
    let policy = format!(
        "{}operators = {{ roles = [\"operator\"] }}\n",
        crate::world::POLICY
    );
    let newer = Engine::builder()
        .store(sqlite(world.dir.path()))
        .registry(Registry::from_definitions([&*CHANGED]).unwrap())
        .policy(Policy::parse(&policy).unwrap())
        .state(world.effects.clone())
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    let id = *call.id();
    for _ in 0..3 {
        let refused = newer.worker().advance(id).await.unwrap().refused.unwrap();
        assert_eq!(refused.code.as_str(), "stale_tool");
        assert!(
            refused
                .message
                .contains("`move_money` has changed since this call was gated"),
            "{refused}"
        );
    }
    assert!(world.effects.all().is_empty());
    let reask = call.reask().unwrap();
    for (by, expected) in [
        ("mallory", "not_allowed"),
        ("bob", "not_allowed"),
        ("bot", "not_allowed"),
        ("alice", "accepted"),
    ] {
        let decided = newer
            .desk()
            .decide(Decision::reask(&reask).by(&who(by)))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), expected, "{by} asks anew");
    }
    // The union: the old tool's managers, and the new one's finance; everything decided is void.
    let mut call = newer.desk().call(id).await.unwrap();
    let pools: Vec<_> = call.gates().approvals.iter().map(|it| it.pool.as_str()).collect();
    assert_eq!(
        (call.phase().name(), pools),
        ("confirm", vec!["finance", "managers"])
    );
    assert!(call.votes().is_empty());
    for (by, verdict, pool) in [
        ("alice", Verdict::Confirm, None),
        ("bob", Verdict::Approve, Some("managers")),
        ("carol", Verdict::Approve, Some("finance")),
    ] {
        newer.worker().advance(id).await.unwrap();
        assert!(world.effects.all().is_empty(), "{by} has not decided");
        let asked = call.requirements();
        let on = asked
            .iter()
            .find(|it| it.pool.as_ref().map(PoolName::as_str) == pool)
            .unwrap();
        let decided = newer
            .desk()
            .decide(Decision::new(on, verdict).by(&who(by)))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), "accepted", "{by}");
        call = decided.call.unwrap();
    }
    // The process with the old tool has nothing to do with it now.
    let refused = world.engine.worker().advance(id).await.unwrap().refused.unwrap();
    assert_eq!(refused.code.as_str(), "stale_tool");
    let call = newer.worker().advance(id).await.unwrap().call;
    assert_eq!(call.phase().name(), "closed");
    assert_eq!(world.effects.all(), ["move_money 1"]);
    assert_eq!(count(&records(&newer, id).await, "call.claimed"), 1);
    let stored = newer.store().descriptor(call.descriptor()).await.unwrap();
    assert!(stored.unwrap().contains("Changed."), "the new descriptor is kept");
}
