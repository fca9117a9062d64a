//! Who people are: what a limited identity may, and who may change whom.

use std::sync::Arc;

use countersign::prelude::*;
use countersign::testing::TestClock;
use countersign::{Outcome, Phase};

use crate::world::{Effects, World, code, who};

/// One manager.
#[approval(required, pool = "managers")]
#[tool(name = "people.promote")]
async fn promote(#[state] effects: Effects, name: String) -> String {
    effects.push("promote");
    name
}

const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
frank = { kind = "person", roles = ["finance"] }
bob = { kind = "person", roles = ["manager", "operator"] }

[pools]
managers = { roles = ["manager"], actors = ["frank"] }
finance = { roles = ["finance"] }
"#;

async fn world() -> World {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    World::at::<promote>(dir, TestClock::new(), POLICY).await
}

fn limited(name: &str, roles: &[&str]) -> Identity {
    who(name).limited_to(roles.iter().map(|it| it.parse().unwrap()))
}

#[tokio::test]
async fn a_limited_identity_has_the_roles_and_pools_that_are_left() {
    let world = world().await;
    for (identity, roles, pools) in [
        (who("bob"), "manager operator", "managers"),
        (limited("bob", &["operator"]), "operator", ""),
        (limited("bob", &["manager"]), "manager", "managers"),
        (limited("bob", &["manager", "auditor"]), "manager", "managers"),
        (limited("bob", &[]), "", ""),
        (who("frank"), "finance", "finance managers"),
        // Not by name any more.
        (limited("frank", &["finance"]), "finance", "finance"),
        (limited("frank", &["manager"]), "", ""),
        // Only ever less.
        (
            limited("bob", &["operator"]).limited_to(["manager".parse().unwrap()]),
            "",
            "",
        ),
        (limited("nobody", &["manager"]), "", ""),
    ] {
        let actor = world.engine.actor(&identity).await.unwrap();
        let words = |them: Vec<&str>| them.join(" ");
        assert_eq!(
            words(
                actor
                    .roles
                    .iter()
                    .map(countersign::core::id::Role::as_str)
                    .collect()
            ),
            roles,
            "{identity:?}"
        );
        assert_eq!(
            words(
                actor
                    .pools
                    .iter()
                    .map(countersign::core::id::PoolName::as_str)
                    .collect()
            ),
            pools,
            "{identity:?}"
        );
    }
}

#[tokio::test]
async fn a_limited_identity_decides_with_the_roles_that_are_left() {
    let world = world().await;
    let desk = world.engine.desk();
    for (by, answer) in [
        (limited("bob", &["operator"]), "not_allowed"),
        (limited("bob", &[]), "not_allowed"),
        (limited("frank", &["finance", "manager"]), "not_allowed"),
        (limited("bob", &["manager"]), "accepted"),
        (who("frank"), "accepted"),
    ] {
        let call = world.open("people.promote", r#"{"name":"eve"}"#, "alice").await;
        let may = answer == "accepted";
        let (inbox, _) = desk.inbox(&by, None, 100).await.unwrap();
        assert_eq!(inbox.iter().any(|it| it.call == *call.id()), may, "{by:?}");
        let on = call.requirements().remove(0);
        let decided = desk.decide(Decision::approve(&on).by(&by)).await.unwrap();
        assert_eq!(code(&decided.answer), answer, "{by:?}");
        if may {
            // The claim looks at the voter again, and lets the vote stand.
            let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
            assert!(
                matches!(
                    call.phase(),
                    Phase::Closed {
                        outcome: Outcome::Returned { .. }
                    }
                ),
                "{:?}",
                call.phase()
            );
        }
    }
    assert_eq!(world.effects.all().len(), 2);
    // A limit takes roles away, not what is one's own.
    let call = world.open("people.promote", r#"{"name":"mia"}"#, "alice").await;
    let cancelled = desk.cancel(*call.id(), &limited("bob", &["manager"]), None).await;
    assert_eq!(code(&cancelled.unwrap().answer), "not_allowed");
    let cancelled = desk.cancel(*call.id(), &limited("alice", &[]), None).await;
    assert_eq!(code(&cancelled.unwrap().answer), "accepted");
}
