//! A server without connections, with people who are signed in.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Answer, CallId, RequirementId};
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::credential::{Kind, New};
use crate::server::{COOKIE, Limits, Shared, router};
use crate::session::Session;
use crate::webhook::Reports;

/// Somebody whose name is markup: ids are any visible ASCII.
pub(super) const EVE: &str = "<script>alert(1)</script>";
pub(super) const EVIL: &str = "</textarea></title><script>alert(1)</script>\u{202e}\u{1b}[2J";

/// Deploy a service.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
fn deploy_it(service: String) -> String {
    service
}

/// Tell the time.
#[tool(read_only)]
fn tell_time(zone: String) -> String {
    zone
}

/// Send a parcel.
#[tool(requires_user_input(size))]
fn send_parcel(to: String, size: u8) -> String {
    format!("{to} {size}")
}

pub(super) struct World {
    pub(super) shared: Shared,
    router: Router,
    _data: TempDir,
    _stop: watch::Sender<bool>,
}

impl World {
    pub(super) async fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let policy = format!(
            r#"
            [actors]
            ada = {{ kind = "person", roles = ["admin"] }}
            alice = {{ kind = "person" }}
            bob = {{ kind = "person", roles = ["manager"] }}
            mallory = {{ kind = "person" }}
            olivia = {{ kind = "person", roles = ["operator"] }}
            "{EVE}" = {{ kind = "person", roles = ["manager"] }}
            [pools]
            managers = {{ roles = ["manager"] }}
            "#
        );
        let engine = Engine::builder()
            .store(Sqlite::open(data.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<(deploy_it, tell_time, send_parcel)>().unwrap())
            .policy(Policy::parse(&policy).unwrap())
            .worker(false)
            .start()
            .await
            .unwrap();
        let session = Session::new(engine, "ops".to_owned(), data.path().to_owned(), true);
        let (stop, stopping) = watch::channel(false);
        let shared = Shared::new(
            session,
            Limits::new(1_000_000),
            Reports::default(),
            None,
            None,
            stopping,
        );
        Self {
            router: router(shared.clone()),
            shared,
            _data: data,
            _stop: stop,
        }
    }

    /// The cookie of somebody who has signed in.
    pub(super) async fn cookie(&self, actor: &str) -> String {
        let identity = Identity::asserted(actor).unwrap();
        let new = New {
            kind: Kind::SignIn,
            actor: identity.id().clone(),
            roles: None,
            label: None,
            lasts: Duration::from_mins(1),
        };
        let credentials = self.shared.credentials();
        let (_, link) = credentials.create(new, &identity).await.unwrap().unwrap();
        let (_, secret) = credentials
            .sign_in(link.reveal(), Duration::from_mins(1))
            .await
            .unwrap()
            .unwrap();
        format!("{COOKIE}={}", secret.reveal())
    }

    pub(super) async fn ask(
        &self,
        method: Method,
        place: &str,
        cookie: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> (StatusCode, String, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(place)
            .header(header::HOST, "ops.test");
        if !cookie.is_empty() {
            request = request.header(header::COOKIE, cookie);
        }
        request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html");
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body.to_owned())).unwrap())
            .await
            .unwrap();
        let headers = answer.headers();
        // Whatever is answered, nobody puts it into a frame and nothing foreign runs in it.
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{place}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY", "{place}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{place}");
        let status = answer.status();
        let location = headers
            .get(header::LOCATION)
            .map_or("", |it| it.to_str().unwrap())
            .to_owned();
        // Streams have no end.
        let is_stream = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|it| it == "text/event-stream");
        let body = if is_stream {
            Vec::new()
        } else {
            to_bytes(answer.into_body(), 1 << 22).await.unwrap().to_vec()
        };
        (status, location, String::from_utf8_lossy(&body).into_owned())
    }

    pub(super) async fn get(&self, place: &str, cookie: &str) -> (StatusCode, String, String) {
        self.ask(Method::GET, place, cookie, &[], "").await
    }

    /// What the console's own forms send.
    pub(super) async fn post(&self, place: &str, cookie: &str, body: &str) -> (StatusCode, String, String) {
        self.ask(
            Method::POST,
            place,
            cookie,
            &[("sec-fetch-site", "same-origin")],
            body,
        )
        .await
    }

    pub(super) async fn size(&self) -> u64 {
        let engine = self.shared.engine();
        engine.store().head(engine.tenant()).await.unwrap().size()
    }

    pub(super) async fn propose(&self, by: &str, tool: &str, arguments: &str) -> CallId {
        let called = self
            .shared
            .engine()
            .call(tool, arguments.to_owned())
            .by(&Identity::asserted(by).unwrap())
            .await
            .unwrap();
        let Called::Waiting(waiting) = called else {
            panic!("it waits")
        };
        waiting.call_id()
    }

    pub(super) async fn asked(&self, call: CallId) -> RequirementId {
        self.shared
            .engine()
            .desk()
            .call(call)
            .await
            .unwrap()
            .requirements()[0]
            .id
    }

    pub(super) async fn phase(&self, call: CallId) -> &'static str {
        self.shared
            .engine()
            .desk()
            .call(call)
            .await
            .unwrap()
            .phase()
            .name()
    }

    /// A call of alice that waits for the managers.
    pub(super) async fn to_approve(&self, service: &str) -> CallId {
        let call = self
            .propose(
                "alice",
                "deploy_it",
                &serde_json::json!({ "service": service }).to_string(),
            )
            .await;
        let decision = Decision::new(self.asked(call).await, countersign::Verdict::Confirm)
            .by(&Identity::asserted("alice").unwrap());
        assert_eq!(
            self.shared.engine().desk().decide(decision).await.unwrap().answer,
            Answer::Accepted
        );
        call
    }

    /// Every route of the console, read from where they are declared, with what is there of this call.
    pub(super) async fn routes(&self, call: CallId) -> Vec<(String, bool, bool)> {
        let run = *self.shared.engine().desk().call(call).await.unwrap().run();
        let requirement = self.asked(call).await;
        let declared = include_str!("../../console.rs").split(".route(\"").skip(1);
        let routes: Vec<_> = declared
            .map(|it| {
                let (place, handlers) = it.split_once('"').unwrap();
                let handlers = handlers.split(".route").next().unwrap();
                let id = match place.split('/').nth(1).unwrap() {
                    "calls" => call.to_string(),
                    "requests" => requirement.to_string(),
                    "runs" => run.to_string(),
                    "grants" => "grant_00000000000000000000000001".to_owned(),
                    _ => "0".to_owned(),
                };
                let place = place
                    .replace("{id}", &id)
                    .replace("{seq}", "0")
                    .replace("{verb}", "approve");
                let place = place.replace("{name}", "tell_time").replace("{token}", "cl_1");
                (place, handlers.contains("get("), handlers.contains("post("))
            })
            .collect();
        assert!(routes.len() > 25, "the routes are not where this test reads them");
        routes
    }
}

pub(super) fn is_open(place: &str) -> bool {
    place.starts_with("/assets/") || place.starts_with("/sign-in")
}
