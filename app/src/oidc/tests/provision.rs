//! Making newcomers known: whom that must not touch.

use std::collections::BTreeSet;

use countersign::core::actor::Kind;
use countersign::policy::ActorEntry;
use serde_json::{Value, json};

use super::{Body, Identity, Links, PROVISION, Request, StatusCode, World, header};

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
        introduced: false,
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

#[tokio::test]
async fn a_name_that_a_newcomer_took_gets_roles_only_where_they_are_meant() {
    let world = World::with(&format!("{PROVISION}\nactor_claim = 'name'")).await;
    world.link("ada-1", "ada").await;
    let ada = world.token("ada-1", &json!({}));
    let zoe = |subject: &str| world.token(subject, &json!({"name": "zoe"}));
    assert_eq!(world.who(&zoe("zoe-1")).await.as_deref(), Some("zoe"));
    let asked = async |method: &str, body: &Value| {
        let request = Request::builder()
            .method(method)
            .uri("/v1/actors/zoe")
            .header(header::HOST, "ops.test")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {ada}"));
        let request = request.body(Body::from(body.to_string())).unwrap();
        world.send(request).await
    };
    let mut manager = json!({"kind": "person", "roles": ["manager"]});
    let refused = asked("PUT", &manager).await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        refused.body
    );
    assert!(refused.body.contains("made themselves known"), "{}", refused.body);
    manager["introduced"] = json!(true);
    assert_eq!(asked("PUT", &manager).await.status, StatusCode::NO_CONTENT);
    let shown: Value = serde_json::from_str(&world.get("/v1/actors", &ada).await.body).unwrap();
    let items = shown["items"].as_array().unwrap();
    let introduced = items.iter().filter(|it| it["introduced"] == json!(true));
    assert_eq!(
        introduced.map(|it| it["actor"].clone()).collect::<Vec<_>>(),
        ["zoe"]
    );
    // Once she is gone, nobody else is made zoe.
    assert_eq!(asked("DELETE", &json!({})).await.status, StatusCode::NO_CONTENT);
    let people = world.shared.session().people().await.unwrap();
    assert!(people.all().all(|(id, _)| id.as_str() != "zoe"));
    for subject in ["zoe-1", "zoe-2"] {
        assert_eq!(world.who(&zoe(subject)).await, None);
    }
    assert!(
        world
            .shared
            .engine()
            .actors()
            .await
            .unwrap()
            .iter()
            .all(|it| it.id.as_str() != "zoe")
    );
}
