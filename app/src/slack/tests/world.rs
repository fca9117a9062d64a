//! A server without connections, a Slack that answers, and people in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use countersign::core::actor::Kind;
use countersign::ledger::SqliteLog;
use countersign::policy::ActorEntry;
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::{Answer, CallId, RequirementId, Verdict};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::fake::{Fake, OPS, TOKEN};
use crate::config::{Config, Notify};
use crate::outbox::{Channels, Outbox};
use crate::server::{Limits, Shared, router};
use crate::session::Session;
use crate::slack::people::{Links, User};
use crate::slack::{Cards, Slack};
use crate::webhook::Reports;

pub(super) const SECRET: &str = "the-signing-secret-of-no-app-0002";

/// Pay somebody.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
fn pay_out(to: String, cents: u64) -> String {
    format!("{to} has {cents}")
}

/// Wire money: two must agree.
#[approval(required, pool = "managers", quorum = 2)]
#[tool]
fn wire_it(to: String, cents: u64) -> String {
    format!("{to} has {cents}")
}

/// Pay many.
#[approval(required, pool = "managers")]
#[tool]
fn pay_many(to: String, lines: Vec<String>) -> String {
    format!("{to} has {}", lines.len())
}

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Low,
    High,
}

/// File a ticket.
#[tool(requires_user_input(severity, hours, urgent, note))]
fn file_it(summary: String, severity: Severity, hours: u8, urgent: bool, note: Option<String>) -> String {
    let severity = serde_json::to_string(&severity).unwrap();
    format!("{summary} {severity} {hours} {urgent} {note:?}")
}

/// Book a room. All of it is shown to the person, as the model has it.
#[tool(requires_user_input)]
fn book_room(room: String, seats: u8, hot: Option<bool>) -> String {
    format!("{room} {seats} {hot:?}")
}

/// Invite people.
#[tool(requires_user_input(people))]
fn invite(to: String, people: Vec<String>) -> String {
    format!("{to} {people:?}")
}

/// Open a safe.
#[tool(requires_user_input(code))]
fn open_safe(room: String, #[arg(secret)] code: String) -> String {
    format!("{room} {}", code.len())
}

pub(super) struct World {
    pub(super) shared: Shared,
    pub(super) slack: Arc<Slack>,
    pub(super) fake: Fake,
    pub(super) clock: TestClock,
    router: Router,
    data: TempDir,
    stop: watch::Sender<bool>,
}

/// How a request is sent.
pub(super) struct Sent {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl World {
    /// Alice and bob are linked; U0CAROL is nobody.
    pub(super) async fn new() -> Self {
        Self::with("").await
    }

    /// The same, where the policy says more.
    pub(super) async fn with(more: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let policy = r#"
            [actors]
            ada = { kind = "person", roles = ["admin"] }
            alice = { kind = "person" }
            bob = { kind = "person", roles = ["manager"] }
            carol = { kind = "person", roles = ["manager"] }
            mallory = { kind = "person" }
            robot = { kind = "agent", owner = "alice" }
            [pools]
            managers = { roles = ["manager"], notify = ["slack:#ops"], escalate_after = "1d", escalate_to = ["slack:C0BOSS"] }
            "#;
        let clock = TestClock::new();
        let engine = Engine::builder()
            .store(Sqlite::open(data.path().join("countersign.db")).unwrap())
            .registry(
                Registry::of::<(pay_out, wire_it, pay_many, file_it, book_room, invite, open_safe)>()
                    .unwrap(),
            )
            .policy(Policy::parse(&format!("{policy}\n{more}")).unwrap())
            .worker(false)
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        let session = Session::new(engine, "ops".to_owned(), data.path().to_owned(), true);
        let fake = Fake::new().await;
        let config = data.path().join("serve.toml");
        let text = format!(
            "[slack]\nteam = 'T0123'\napp = 'A0123'\nbot_token = '{TOKEN}'\nsigning_secret = '{SECRET}'\napi = '{}'",
            fake.api()
        );
        std::fs::write(&config, text).unwrap();
        let config = Config::find(None, data.path()).unwrap();
        let slack = Slack::configured(&session, &config, "https://ops.test")
            .unwrap()
            .unwrap();
        let (stop, stopping) = watch::channel(false);
        let shared = Shared::new(
            session,
            Limits::new(1_000_000),
            Reports::default(),
            Some(slack.clone()),
            None,
            stopping,
        );
        let world = Self {
            router: router(shared.clone()),
            shared,
            slack,
            fake,
            clock,
            data,
            stop,
        };
        world.link("U0ALICE", "alice").await;
        world.link("U0BOB", "bob").await;
        world.link("U0MALLORY", "mallory").await;
        world
    }

    pub(super) fn links(&self) -> Links<'_> {
        self.shared.links()
    }

    pub(super) async fn link(&self, user: &str, actor: &str) {
        let (ada, actor) = (Identity::asserted("ada").unwrap(), actor.parse().unwrap());
        let answer = self.links().link(&ada, &here(user), &actor).await.unwrap();
        assert_eq!(answer, Answer::Accepted);
    }

    /// Ada gives somebody these roles and takes all others.
    pub(super) async fn roles(&self, of: &str, roles: &[&str]) {
        let entry = ActorEntry {
            kind: Kind::Person,
            roles: roles.iter().map(|it| it.parse().unwrap()).collect(),
            owner: None,
            lent: None,
            introduced: false,
        };
        self.becomes(of, Some(entry)).await;
    }

    /// Ada makes somebody something else, or nobody.
    pub(super) async fn becomes(&self, id: &str, entry: Option<ActorEntry>) {
        let ada = Identity::asserted("ada").unwrap();
        let engine = self.shared.engine();
        let answer = engine.set_actor(&ada, &id.parse().unwrap(), entry).await.unwrap();
        assert_eq!(answer, Answer::Accepted);
    }

    /// A call, confirmed by alice: it waits for the managers.
    pub(super) async fn to_approve(&self, arguments: &Value) -> (CallId, RequirementId) {
        let (call, asked) = self.propose("pay_out", arguments).await;
        let alice = Identity::asserted("alice").unwrap();
        let confirmed = Decision::new(asked, Verdict::Confirm).by(&alice);
        self.shared.engine().desk().decide(confirmed).await.unwrap();
        (call, self.asked(call).await.unwrap())
    }

    pub(super) async fn propose(&self, tool: &str, arguments: &Value) -> (CallId, RequirementId) {
        let alice = Identity::asserted("alice").unwrap();
        let called = self
            .shared
            .engine()
            .call(tool, arguments.to_string())
            .by(&alice)
            .await
            .unwrap();
        let Called::Waiting(waiting) = called else {
            panic!("it waits")
        };
        (waiting.call_id(), waiting.active_requirements()[0].id)
    }

    pub(super) async fn asked(&self, call: CallId) -> Option<RequirementId> {
        let call = self.shared.engine().desk().call(call).await.unwrap();
        call.requirements().first().map(|it| it.id)
    }

    pub(super) async fn phase(&self, call: CallId) -> &'static str {
        let call = self.shared.engine().desk().call(call).await.unwrap();
        call.phase().name()
    }

    /// The card of a requirement, posted to `#ops`: where it is.
    pub(super) async fn posted(&self, id: RequirementId) -> Value {
        let loaded = self.slack.load(id.call()).await.unwrap();
        let mut message = self.slack.card(&loaded, id).message();
        message["channel"] = "#ops".into();
        let said = self
            .slack
            .client
            .call("chat.postMessage", &message)
            .await
            .unwrap();
        json!({"type": "message", "channel_id": OPS, "message_ts": said["ts"]})
    }

    /// The server anew, over the same store.
    pub(super) fn restart(&mut self) {
        let (stop, stopping) = watch::channel(false);
        self.slack = self.another();
        self.shared = Shared::new(
            self.shared.session().clone(),
            Limits::new(1_000_000),
            Reports::default(),
            Some(self.slack.clone()),
            None,
            stopping,
        );
        self.router = router(self.shared.clone());
        self.stop = stop;
    }

    /// The same workspace, as another process over the same store speaks to it.
    pub(super) fn another(&self) -> Arc<Slack> {
        let config = Config::find(None, self.data.path()).unwrap();
        let another = Slack::configured(self.shared.session(), &config, "https://ops.test");
        another.unwrap().unwrap()
    }

    /// Everything an outbox does in one look, as a process that just started does it.
    pub(super) async fn look(&self) {
        let mut channels = Channels::default();
        channels.add("slack", Cards(self.slack.clone()));
        let outbox = Outbox::new(
            self.shared.engine().clone(),
            channels,
            Notify::default(),
            self.shared.stopping(),
        );
        let outbox = Arc::new(outbox);
        outbox.fill().await.unwrap();
        outbox.send().await.unwrap();
    }

    /// The cards in a channel, as they stand.
    pub(super) fn cards(&self, channel: &str) -> Vec<Value> {
        let messages = self.fake.messages().into_iter();
        let here = messages.filter(|it| it.channel == channel && it.body.get("blocks").is_some());
        here.map(|it| it.body).collect()
    }

    /// What Slack sends when somebody presses a button of a card.
    pub(super) fn press(user: &str, action: &str, id: RequirementId, card: &Value) -> Value {
        json!({
            "type": "block_actions", "team": {"id": "T0123", "domain": "ops"}, "api_app_id": "A0123",
            "user": {"id": user, "username": "somebody", "team_id": "T0123"}, "trigger_id": "1.2.3",
            "container": card, "response_url": "https://evil.test/",
            "actions": [{"type": "button", "action_id": action, "value": id.to_string(), "action_ts": "1.1"}],
        })
    }

    /// What Slack sends when somebody submits a form that was opened here.
    pub(super) fn submit(user: &str, view: &Value, values: &[(&str, Value)]) -> Value {
        let values: BTreeMap<&str, Value> = values
            .iter()
            .map(|(block, input)| {
                (
                    *block,
                    json!({"value": {"type": "plain_text_input", "value": input}}),
                )
            })
            .collect();
        json!({
            "type": "view_submission", "team": {"id": "T0123"}, "api_app_id": "A0123",
            "user": {"id": user, "team_id": "T0123"}, "trigger_id": "1.2.4",
            "view": {
                "id": "V1", "callback_id": view["callback_id"], "private_metadata": view["private_metadata"],
                "state": {"values": values},
            },
        })
    }

    /// Sends a payload as Slack does.
    pub(super) async fn send(&self, payload: &Value) -> Sent {
        let body = encoded(payload);
        let headers = self.signed(SECRET, 0, &body);
        self.sent(&headers, &body).await
    }

    /// The headers of a body that is signed now, or so many seconds from now.
    pub(super) fn signed(&self, secret: &str, seconds: i64, body: &str) -> Vec<(&'static str, String)> {
        let time = (self.shared.engine().now().millis() / 1000 + seconds).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("v0:{time}:{body}").as_bytes());
        let bytes = mac.finalize().into_bytes();
        let digits = bytes
            .iter()
            .fold(String::new(), |digits, it| format!("{digits}{it:02x}"));
        vec![
            ("x-slack-request-timestamp", time),
            ("x-slack-signature", format!("v0={digits}")),
        ]
    }

    pub(super) async fn sent(&self, headers: &[(&'static str, String)], body: &str) -> Sent {
        let mut request = Request::post("/slack/interactivity")
            .header("host", "ops.test")
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        Sent {
            status,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// The entries of the log from number `from` on.
    pub(super) async fn log(&self, from: u64) -> Vec<Value> {
        let engine = self.shared.engine();
        let rows = engine
            .store()
            .entries(engine.tenant(), None, from, 500)
            .await
            .unwrap();
        rows.iter()
            .map(|it| serde_json::from_str(&it.text).unwrap())
            .collect()
    }

    /// The log as it is stored, for whoever verifies it.
    pub(super) fn stored_log(&self) -> SqliteLog {
        let place = self.data.path().join("countersign.db");
        SqliteLog::open(place, self.shared.engine().tenant()).unwrap()
    }

    pub(super) async fn size(&self) -> u64 {
        let engine = self.shared.engine();
        engine.store().head(engine.tenant()).await.unwrap().size()
    }
}

/// A user of this workspace.
pub(super) fn here(user: &str) -> User {
    User::new("T0123", user).unwrap()
}

pub(super) fn encoded(payload: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("payload", &payload.to_string()).finish()
}

/// The texts of a message, joined.
pub(super) fn words(message: &Value) -> String {
    let mut texts = Vec::new();
    gathered(&message["blocks"], &mut texts);
    texts.join("\n")
}

fn gathered(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            texts.extend(members.get("text").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|it| gathered(it, texts));
        }
        Value::Array(items) => items.iter().for_each(|it| gathered(it, texts)),
        _ => {}
    }
}

/// The buttons of a message, by their action.
pub(super) fn buttons(message: &Value) -> Vec<String> {
    let blocks = message["blocks"].as_array().unwrap().iter();
    let actions = blocks.filter(|it| it["type"] == "actions");
    let elements = actions.flat_map(|it| it["elements"].as_array().unwrap());
    elements
        .map(|it| it["action_id"].as_str().unwrap().to_owned())
        .collect()
}
