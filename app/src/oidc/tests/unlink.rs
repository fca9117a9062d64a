//! A link that is taken back: what ends with it, and that nobody comes in by another door.

use std::time::Duration;

use serde_json::{Value, json};

use super::sign_in::SESSION;
use super::{Body, Identity, Links, PROVISION, Request, StatusCode, World, header};
use crate::credential::Kind;
use crate::oidc::Link;
use crate::oidc::flow::Way;

impl World {
    async fn found(&self, subject: &str) -> Link {
        let links = Links(self.shared.engine());
        links.of(&self.issuer.url, subject).await.unwrap().unwrap()
    }

    pub(super) async fn unlink(&self, subject: &str) -> bool {
        let link = self.found(subject).await;
        let ada = Identity::asserted("ada").unwrap();
        let links = Links(self.shared.engine());
        links.unlink(&link.id, &ada).await.unwrap().unwrap()
    }

    /// Makes a key for oneself, or for somebody.
    async fn key(&self, head: (&str, &str), of: &Value) -> String {
        let request = Request::post("/v1/keys")
            .header(header::HOST, "ops.test")
            .header(header::CONTENT_TYPE, "application/json")
            .header("sec-fetch-site", "same-origin")
            .header(head.0, head.1);
        let answer = self.send(request.body(Body::from(of.to_string())).unwrap()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let made: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&made["counts"], made["link"].is_string()), (&json!(true), true));
        made["secret"].as_str().unwrap().to_owned()
    }

    async fn page(&self, session: &str) -> StatusCode {
        let request = Request::get("/")
            .header(header::HOST, "ops.test")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, session);
        self.send(request.body(Body::empty()).unwrap()).await.status
    }
}

#[tokio::test]
async fn a_subject_that_was_unlinked_is_no_newcomer() {
    let world = World::with(&format!("{PROVISION}\nactor_claim = 'name'")).await;
    let says = |name: &str| world.token("zoe-1", &json!({"name": name}));
    let zoe = says("zoe");
    assert_eq!(world.who(&zoe).await.as_deref(), Some("zoe"));
    assert!(world.unlink("zoe-1").await);
    let size = world.size().await;
    world.advance(Duration::from_secs(1));
    // Neither by what she has nor by what she is given anew, whatever it calls her.
    for _ in 0..2 {
        for token in [&zoe, &says("zoe"), &says("zack")] {
            assert_eq!(world.who(token).await, None);
        }
        assert_eq!(
            world.signs_in(&json!({"sub": "zoe-1", "name": "zack"})).await,
            None
        );
        assert_eq!(world.size().await, size);
        let link = world.found("zoe-1").await;
        assert_eq!(link.actor, None);
        assert_eq!(link.json()["ended"]["actor"], json!("zoe"));
        assert!(!world.unlink("zoe-1").await, "it is so already");
    }
    // An admin says who it is, and another one may be told.
    world.link("zoe-1", "bob").await;
    assert_eq!(world.who(&zoe).await.as_deref(), Some("bob"));
    assert!(world.unlink("zoe-1").await);
    world.link("zoe-1", "alice").await;
    assert_eq!(world.who(&zoe).await.as_deref(), Some("alice"));
    let all = Links(world.shared.engine()).list(None, 10).await.unwrap().0;
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn what_was_made_through_a_link_counts_as_long_as_it_stands_as_it_stood() {
    let world = World::new().await;
    world.link("u-1", "ada").await;
    let session = world.signs_in(&json!({})).await.unwrap();
    let token = format!("Bearer {}", world.token("u-1", &json!({})));
    let with_session = world.key(("cookie", &session), &json!({})).await;
    let bearer = format!("Bearer {with_session}");
    let keys = [
        world.key(("authorization", &token), &json!({})).await,
        world.key(("authorization", &bearer), &json!({})).await,
        // A program's too: ada knows its secret.
        world.key(("cookie", &session), &json!({"actor": "bot"})).await,
        with_session,
    ];
    let counts = async |wanted: bool, why: &str| {
        for key in &keys {
            assert_eq!(world.who(key).await.is_some(), wanted, "{why}");
        }
        let page = world.page(&session).await;
        assert_eq!(page == StatusCode::OK, wanted, "{why}");
    };
    counts(true, "linked").await;
    // One that was opened in the moment before it was taken back, and written in the one after.
    let (by, through) = {
        let link = world.found("u-1").await;
        (link.identity().unwrap(), link.through())
    };
    assert!(world.unlink("u-1").await);
    let way = Way::new(world.shared.engine().now());
    let credentials = world.shared.credentials();
    let (late, secret) = credentials
        .open(&by, Duration::from_hours(1), through, way.gone())
        .await
        .unwrap()
        .unwrap();
    let late_page = async || world.page(&format!("{SESSION}={}", secret.reveal())).await;
    assert_eq!(late_page().await, StatusCode::SEE_OTHER);
    assert!(!credentials.still_counts(&late).await.unwrap());
    counts(false, "unlinked").await;
    let listed = credentials.list(Kind::ApiKey, None, None, 10).await.unwrap().0;
    assert_eq!(listed.len(), keys.len());
    for key in listed {
        assert!(!credentials.counts(&key).await.unwrap());
    }
    // Linked again, she signs in anew, and makes them anew.
    world.link("u-1", "ada").await;
    counts(false, "linked again").await;
    assert_eq!(late_page().await, StatusCode::SEE_OTHER);
    let again = world.signs_in(&json!({})).await.unwrap();
    assert_eq!(world.page(&again).await, StatusCode::OK);
}
