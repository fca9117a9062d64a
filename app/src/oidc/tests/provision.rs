//! Making newcomers known: whom that must not touch.

use std::collections::BTreeSet;

use countersign::core::actor::Kind;
use countersign::policy::ActorEntry;
use serde_json::json;

use super::{Identity, Links, World};

#[tokio::test]
async fn nobody_is_made_known_while_somebody_may_be_here_already() {
    let world =
        World::with("provision = true\nactor_claim = 'name'\nprovision_beside = ['ada', 'carol']").await;
    let (engine, oidc) = (world.shared.engine(), world.shared.oidc().unwrap());
    let zoe = world.token("zoe-1", &json!({"name": "zoe"}));
    // Alice is known by a key, say. Her subject would be a second person, who could approve what she asks.
    let why = oidc.starts(engine).await.unwrap_err().to_string();
    assert!(
        why.contains("`alice`, `bob`") && why.contains("oidc link"),
        "{why}"
    );
    assert_eq!(world.who(&zoe).await, None);
    world.link("alice-1", "alice").await;
    let why = oidc.starts(engine).await.unwrap_err().to_string();
    assert!(why.contains("`bob`") && !why.contains("alice"), "{why}");
    assert_eq!(world.who(&zoe).await, None);
    // Linked to him at another provider says nothing of this one.
    let (links, ada) = (Links(engine), Identity::asserted("ada").unwrap());
    let bob = "bob".parse().unwrap();
    let other = links.link("https://other.example", "bob-1", &bob, &ada).await;
    other.unwrap().unwrap();
    assert!(oidc.starts(engine).await.is_err());
    world.link("bob-1", "bob").await;
    assert!(oidc.starts(engine).await.is_ok());
    assert_eq!(world.who(&zoe).await.as_deref(), Some("zoe"));
    // Whoever is locked out has a subject that is known: nothing is left to ask.
    for subject in ["bob-1", "zoe-1"] {
        assert!(world.unlink(subject).await);
    }
    assert!(oidc.starts(engine).await.is_ok());
    // Somebody whom an admin adds later is asked about as well, without a start.
    let erin = ActorEntry {
        kind: Kind::Person,
        roles: BTreeSet::new(),
        owner: None,
        lent: None,
    };
    let id = "erin".parse().unwrap();
    engine.set_actor(&ada, &id, Some(erin)).await.unwrap();
    let zack = world.token("zack-1", &json!({"name": "zack"}));
    assert_eq!(world.who(&zack).await, None);
    world.link("erin-1", "erin").await;
    assert_eq!(world.who(&zack).await.as_deref(), Some("zack"));
}

#[tokio::test]
async fn without_newcomers_nothing_is_asked_at_the_start() {
    let world = World::new().await;
    let oidc = world.shared.oidc().unwrap();
    assert!(oidc.starts(world.shared.engine()).await.is_ok());
}
