//! Roles of the provider: which are taken over, for how long, and what becomes of a vote when they end.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use countersign::{CallId, Phase};
use serde_json::{Value, json};

use super::{Identity, Links, PROVISION, StatusCode, World};

const MAPPED: &str =
    "roles_claim = 'groups'\nroles = { 'ops-managers' = 'manager', admins = 'admin' }\nroles_last = '1h'\n";

impl World {
    async fn roles(&self, of: &str) -> String {
        let actor = self
            .shared
            .engine()
            .actor(&Identity::asserted(of).unwrap())
            .await
            .unwrap();
        let roles: Vec<&str> = actor.roles.iter().map(countersign::Role::as_str).collect();
        roles.join(" ")
    }

    async fn proposed(&self) -> CallId {
        let alice = Identity::asserted("alice").unwrap();
        let engine = self.shared.engine();
        let called = engine
            .call("open_door", r#"{"door":"vault"}"#)
            .by(&alice)
            .await
            .unwrap();
        let countersign::Called::Waiting(waiting) = called else {
            panic!("it waits")
        };
        waiting.call_id()
    }

    async fn phase(&self, call: CallId) -> Phase {
        self.shared
            .engine()
            .desk()
            .call(call)
            .await
            .unwrap()
            .phase()
            .clone()
    }

    /// Approves what a call asks, with a token.
    async fn approves(&self, call: CallId, token: &str) -> StatusCode {
        let asked = self
            .shared
            .engine()
            .desk()
            .call(call)
            .await
            .unwrap()
            .requirements()[0]
            .id;
        let request = Request::post(format!("/v1/requirements/{asked}/decisions"))
            .header(header::HOST, "ops.test")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let body = Body::from(r#"{"decision":"approve"}"#);
        self.send(request.body(body).unwrap()).await.status
    }

    /// The kinds and words of the log, from an entry on.
    async fn told(&self, from: u64) -> Vec<Value> {
        let engine = self.shared.engine();
        let entries = engine
            .store()
            .entries(engine.tenant(), None, from, 1000)
            .await
            .unwrap();
        entries
            .iter()
            .map(|it| serde_json::from_str(&it.text).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn a_role_that_ends_between_sign_in_and_claim_takes_its_vote_along() {
    let world = World::with(MAPPED).await;
    world.link("u-1", "bob").await;
    let call = world.proposed().await;
    let manager = world.token(
        "u-1",
        &json!({"groups": ["ops-managers"], "exp": world.now() + 100_000}),
    );
    let from = world.size().await;
    assert_eq!(world.approves(call, &manager).await, StatusCode::ACCEPTED);
    assert!(matches!(world.phase(call).await, Phase::Cleared { .. }));
    let told = world.told(from).await;
    assert_eq!(
        (&told[0]["kind"], &told[0]["who"]),
        (&json!("actor.lent"), &json!("bob"))
    );
    assert_eq!(told[0]["after"]["lent"]["roles"], json!(["manager"]));
    assert_eq!(told[1]["kind"], "call.approved");
    let auth = told[1]["actor"]["auth"].as_str().unwrap();
    assert!(
        auth.starts_with(&format!("oidc {} subject ", world.issuer.url)) && auth.ends_with(" http"),
        "{auth}"
    );
    assert!(!serde_json::to_string(&told).unwrap().contains("u-1"));
    // Bob leaves the group, and never signs in again. An hour later his vote is worth nothing.
    world.advance(Duration::from_hours(1));
    let worker = world.shared.engine().worker();
    worker.advance(call).await.unwrap();
    assert!(matches!(world.phase(call).await, Phase::Approve { .. }));
    // The old token still says who he is, and nothing any more of what he may.
    assert_eq!(world.who(&manager).await.as_deref(), Some("bob"));
    assert_eq!(world.approves(call, &manager).await, StatusCode::NOT_FOUND);
    let plain = world.token("u-1", &json!({}));
    assert_eq!(world.approves(call, &plain).await, StatusCode::NOT_FOUND);
    assert_eq!(world.roles("bob").await, "");
}

#[tokio::test]
async fn what_the_provider_takes_away_is_gone_with_the_next_token() {
    let world = World::with(MAPPED).await;
    world.link("u-1", "bob").await;
    let groups = |groups: &[&str]| world.token("u-1", &json!({"groups": groups}));
    let early = groups(&["ops-managers", "admins", "operator", "manager"]);
    world.who(&early).await.unwrap();
    assert_eq!(world.roles("bob").await, "admin manager");
    let size = world.size().await;
    world.who(&early).await.unwrap();
    assert_eq!(world.size().await, size, "the same again is not written");
    world.advance(Duration::from_secs(1));
    let late = groups(&["ops-managers"]);
    world.who(&late).await.unwrap();
    assert_eq!(world.roles("bob").await, "manager");
    // What was signed before does not bring it back.
    world.who(&early).await.unwrap();
    assert_eq!(world.roles("bob").await, "manager");
    // Also if the provider's clock is ahead, and both come from the future here.
    let ahead = |seconds: i64, groups: &[&str]| {
        world.token("u-1", &json!({"groups": groups, "iat": world.now() + seconds}))
    };
    let (early, late) = (ahead(30, &["ops-managers", "admins"]), ahead(50, &[]));
    world.who(&late).await.unwrap();
    world.advance(Duration::from_secs(10));
    world.who(&early).await.unwrap();
    assert_eq!(world.roles("bob").await, "");
    // Carol's own role is not the provider's to take.
    world.link("u-2", "carol").await;
    world
        .who(&world.token("u-2", &json!({"groups": []})))
        .await
        .unwrap();
    assert_eq!(world.roles("carol").await, "manager");
}

#[tokio::test]
async fn a_clock_that_is_ahead_makes_no_role_last_longer() {
    let world = World::with(MAPPED).await;
    world.link("u-1", "bob").await;
    let ahead = json!({"groups": ["ops-managers"], "iat": world.now() + 60});
    world.who(&world.token("u-1", &ahead)).await.unwrap();
    assert_eq!(world.roles("bob").await, "manager");
    world.advance(Duration::from_hours(1));
    assert_eq!(world.roles("bob").await, "");
}

#[tokio::test]
async fn who_was_not_known_is_made_known_and_takes_nobody_over() {
    let more = format!("{MAPPED}{PROVISION}\nactor_claim = 'email'");
    let world = World::with(&more).await;
    let says = |subject: &str, email: &str, verified: Value| {
        world.token(
            subject,
            &json!({"email": email, "email_verified": verified, "groups": ["ops-managers"]}),
        )
    };
    let from = world.size().await;
    for (subject, email, verified) in [
        ("u-1", "ada", json!(true)),
        ("u-1", "carol", json!(true)),
        ("u-1", "bot", json!(true)),
        ("u-1", "zoe@ops.example", json!(false)),
        ("u-1", "zoe@ops.example", json!("true")),
        ("u-1", "zoe@ops.example", json!(null)),
        ("u-1", "zoe with a space", json!(true)),
        ("u-1", "https://evil.example/approve", json!(true)),
        ("u-1", "slack:U0123", json!(true)),
        ("u-1", "auth0|zoe", json!(true)),
        ("u-1", "", json!(true)),
    ] {
        assert_eq!(world.who(&says(subject, email, verified)).await, None, "{email}");
    }
    assert_eq!(world.size().await, from);
    let zoe = says("u-1", "zoe@ops.example", json!(true));
    let (first, second) = tokio::join!(world.who(&zoe), world.who(&zoe));
    assert_eq!(first.as_deref(), Some("zoe@ops.example"));
    assert_eq!(second, first);
    assert_eq!(world.roles("zoe@ops.example").await, "manager");
    let kinds: Vec<Value> = world
        .told(from)
        .await
        .into_iter()
        .map(|it| it["kind"].clone())
        .collect();
    assert_eq!(kinds, ["actor.lent", "credential.created"]);
    // Another subject with her address is nobody; she herself may call herself what she wants.
    assert_eq!(
        world.who(&says("u-2", "zoe@ops.example", json!(true))).await,
        None
    );
    let other = says("u-1", "ada", json!(true));
    assert_eq!(world.who(&other).await.as_deref(), Some("zoe@ops.example"));
    // Who was removed is not made anew.
    let engine = world.shared.engine();
    let ada = Identity::asserted("ada").unwrap();
    engine
        .set_actor(&ada, &"zoe@ops.example".parse().unwrap(), None)
        .await
        .unwrap();
    assert_eq!(world.who(&zoe).await, None);
    let link = Links(engine).of(&world.issuer.url, "u-1").await.unwrap();
    assert!(link.is_some());
}
