//! Single sign-on against an issuer of our own making, on a real store.

mod bearer;
mod issuer;
mod provision;
mod roles;
mod sign_in;
mod unlink;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use countersign::clock::Clock;
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{ActorId, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Config, Links, Oidc};
use crate::server::{Limits, Shared, router};
use crate::session::Session;
use crate::webhook::Reports;
use issuer::{Issuer, Pair};
use tower::ServiceExt as _;

/// Open a door.
#[approval(required, pool = "managers")]
#[tool]
fn open_door(door: String) -> String {
    format!("{door} is open")
}

const POLICY: &str = r#"
[actors]
ada = { kind = "person", roles = ["admin"] }
alice = { kind = "person" }
bob = { kind = "person" }
carol = { kind = "person", roles = ["manager"] }
bot = { kind = "agent", owner = "alice" }
[pools]
managers = { roles = ["manager"] }
"#;

/// People are made known, and those of the policy have no subject.
const PROVISION: &str = "provision = true\nprovision_beside = ['ada', 'alice', 'bob', 'carol']";

/// A clock that is moved by hand. It begins at the hour of the machine, as certificates and tokens do.
#[derive(Clone)]
struct Hands(Arc<AtomicI64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A server that knows an issuer, without connections of its own.
struct World {
    issuer: Issuer,
    pair: Pair,
    hands: Hands,
    shared: Shared,
    router: Router,
    _data: TempDir,
    _stop: watch::Sender<bool>,
}

/// What is answered.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl World {
    async fn new() -> Self {
        Self::with("").await
    }

    /// With more in its configuration.
    async fn with(more: &str) -> Self {
        let pair = Pair::rsa();
        let issuer = Issuer::new(&[pair.jwk("one")]).await;
        let config: Config = toml::from_str(&format!(
            "issuer = '{}'\naudience = 'countersign'\nclient_id = 'console'\n{more}",
            issuer.url
        ))
        .unwrap();
        let hands = Hands(Arc::new(AtomicI64::new(1_800_000_000_000)));
        let data = tempfile::tempdir().unwrap();
        let engine = Engine::builder()
            .store(Sqlite::open(data.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<open_door>().unwrap())
            .policy(Policy::parse(POLICY).unwrap())
            .clock(hands.clone())
            .worker(false)
            .start()
            .await
            .unwrap();
        let session = Session::new(engine, "ops".to_owned(), data.path().to_owned(), true);
        let (stop, stopping) = watch::channel(false);
        let oidc = Oidc::new(config, Some("s3cret".to_owned()), "https://ops.test")
            .ok()
            .unwrap();
        let shared = Shared::new(
            session,
            Limits::new(1_000_000),
            Reports::default(),
            None,
            Some(oidc),
            stopping,
        );
        Self {
            issuer,
            pair,
            hands,
            router: router(shared.clone()),
            shared,
            _data: data,
            _stop: stop,
        }
    }

    fn advance(&self, span: Duration) {
        self.hands
            .0
            .fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Now, in seconds.
    fn now(&self) -> i64 {
        self.hands.now().millis() / 1000
    }

    /// An admin lets a subject stand for somebody.
    async fn link(&self, subject: &str, actor: &str) {
        let links = Links(self.shared.engine());
        let ada = Identity::asserted("ada").unwrap();
        let actor = ActorId::new(actor).unwrap();
        links
            .link(&self.issuer.url, subject, &actor, &ada)
            .await
            .unwrap()
            .unwrap();
    }

    /// The claims of a good access token of an hour.
    fn claims(&self, subject: &str) -> Value {
        json!({
            "iss": self.issuer.url,
            "sub": subject,
            "aud": "countersign",
            "iat": self.now(),
            "exp": self.now() + 3600,
        })
    }

    /// A good token, with these claims in place of the usual ones; null takes one away.
    fn token(&self, subject: &str, changed: &Value) -> String {
        self.pair.token(
            &json!({"alg": "RS256", "kid": "one"}),
            &self.changed(subject, changed),
        )
    }

    fn changed(&self, subject: &str, changed: &Value) -> Value {
        let mut claims = self.claims(subject);
        for (name, value) in changed.as_object().into_iter().flatten() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// Asks the API something with a token.
    async fn get(&self, place: &str, token: &str) -> Answer {
        let request = Request::get(place)
            .header(header::HOST, "ops.test")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Who a token stands for, by what the API shows of oneself.
    async fn who(&self, token: &str) -> Option<String> {
        let answer = self.get("/v1/actors", token).await;
        if answer.status != StatusCode::OK {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
            return None;
        }
        let items: Value = serde_json::from_str(&answer.body).unwrap();
        Some(items["items"][0]["actor"].as_str().unwrap().to_owned())
    }
}

impl World {
    /// How many entries the audit log has.
    async fn size(&self) -> u64 {
        let engine = self.shared.engine();
        engine.store().head(engine.tenant()).await.unwrap().size()
    }
}
