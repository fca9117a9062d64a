//! A Slack of our own: the methods of the Web API that are used here, as Slack documents them.
//!
//! It keeps messages as Slack does, remembers what it was asked, and fails as it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Longer than anything takes. A test that waits in vain fails.
const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const TOKEN: &str = "xoxb-0-of-no-workspace";
/// The channel that is called `#ops`.
pub(crate) const OPS: &str = "C0OPS";

/// How it fails, once.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// It does nothing and says so.
    Refuses(&'static str),
    /// It asks for patience, so many seconds.
    Busy(u32),
    /// It does nothing, and something before it answers with this status.
    Status(u16),
    /// It does what it is asked, and the answer is lost.
    Forgets,
    /// It does what it is asked, and never answers.
    Hangs,
}

/// A message as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) channel: String,
    pub(crate) ts: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Kept {
    calls: Vec<(String, Value)>,
    messages: Vec<Message>,
    failures: VecDeque<(&'static str, Failure)>,
}

/// The server. It ends with the runtime that it was made in.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) at: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    changed: watch::Sender<()>,
}

impl Fake {
    pub(crate) async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let fake = Self {
            at: listener.local_addr().unwrap(),
            kept: Arc::default(),
            changed: watch::channel(()).0,
        };
        let router = Router::new()
            .route("/api/{method}", post(answer))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// What is configured as `api`.
    pub(crate) fn api(&self) -> String {
        format!("http://{}/api/", self.at)
    }

    pub(crate) fn fail(&self, method: &'static str, failure: Failure) {
        self.with(|it| it.failures.push_back((method, failure)));
    }

    /// What a method was asked, in order.
    pub(crate) fn calls(&self, method: &str) -> Vec<Value> {
        let of = |it: &Kept| {
            let calls = it.calls.iter().filter(|(name, _)| name == method);
            calls.map(|(_, body)| body.clone()).collect()
        };
        self.with(|it| of(it))
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.with(|it| it.messages.clone())
    }

    /// Somebody deletes every message.
    pub(crate) fn forget_messages(&self) {
        self.with(|it| it.messages.clear());
    }

    /// Waits until something is found.
    pub(crate) async fn until<T>(&self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        let mut changes = self.changed.subscribe();
        let waiting = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = found(self) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:#?}", self.with(|it| it.calls.clone())))
    }

    /// Waits until a method was asked so often; gives the last time.
    pub(crate) async fn asked(&self, method: &str, times: usize) -> Value {
        self.until(method, |it| it.calls(method).get(times - 1).cloned())
            .await
    }

    fn with<T>(&self, take: impl FnOnce(&mut Kept) -> T) -> T {
        take(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(
    State(fake): State<Fake>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers["content-type"].to_str().unwrap().to_owned();
    let body: Value = if kind.starts_with("application/json") {
        serde_json::from_slice(&body).unwrap()
    } else {
        let fields = form_urlencoded::parse(&body);
        fields
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect()
    };
    let known = headers
        .get("authorization")
        .is_some_and(|it| it == &format!("Bearer {TOKEN}"));
    let answer = fake.with(|kept| {
        kept.calls.push((method.clone(), body.clone()));
        let place = kept.failures.iter().position(|(of, _)| *of == method);
        match place.and_then(|it| kept.failures.remove(it)) {
            Some((_, Failure::Refuses(error))) => {
                json!({"ok": false, "error": error}).to_string().into_response()
            }
            Some((_, Failure::Busy(seconds))) => (
                StatusCode::TOO_MANY_REQUESTS,
                [("retry-after", seconds.to_string())],
            )
                .into_response(),
            Some((_, Failure::Status(status))) => StatusCode::from_u16(status).unwrap().into_response(),
            Some((_, Failure::Forgets)) => {
                done(kept, &method, &body);
                StatusCode::BAD_GATEWAY.into_response()
            }
            Some((_, Failure::Hangs)) => {
                done(kept, &method, &body);
                StatusCode::IM_A_TEAPOT.into_response()
            }
            None if !known => json!({"ok": false, "error": "invalid_auth"})
                .to_string()
                .into_response(),
            None => done(kept, &method, &body).to_string().into_response(),
        }
    });
    fake.changed.send_replace(());
    if answer.status() == StatusCode::IM_A_TEAPOT {
        std::future::pending::<()>().await;
    }
    answer
}

/// What a method does.
fn done(kept: &mut Kept, method: &str, body: &Value) -> Value {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let refused = |error: &str| json!({"ok": false, "error": error});
    match method {
        "chat.postMessage" => {
            if let Some(error) = unfit(body) {
                return refused(&error);
            }
            let channel = match text("channel").as_str() {
                "#ops" => OPS.to_owned(),
                user if user.starts_with('U') => format!("D{}", &user[1..]),
                channel if channel == OPS || channel == "C0BOSS" || channel.starts_with('D') => {
                    channel.to_owned()
                }
                _ => return refused("channel_not_found"),
            };
            // Later than the time of any test.
            let ts = format!("1900000000.{:06}", kept.messages.len() + 1);
            let message = Message {
                channel: channel.clone(),
                ts: ts.clone(),
                body: body.clone(),
            };
            kept.messages.push(message);
            json!({"ok": true, "channel": channel, "ts": ts})
        }
        "chat.update" => {
            if let Some(error) = unfit(body) {
                return refused(&error);
            }
            let (channel, ts) = (text("channel"), text("ts"));
            let found = kept
                .messages
                .iter_mut()
                .find(|it| it.channel == channel && it.ts == ts);
            match found {
                Some(message) => {
                    message.body = body.clone();
                    json!({"ok": true, "channel": channel, "ts": ts})
                }
                None => refused("message_not_found"),
            }
        }
        "conversations.history" => {
            let of = kept
                .messages
                .iter()
                .rev()
                .filter(|it| it.channel == text("channel") && it.ts > text("oldest"));
            let messages = of.map(|it| {
                json!({"type": "message", "ts": it.ts, "app_id": "A0123", "metadata": it.body["metadata"]})
            });
            paged("messages", &messages.collect::<Vec<_>>(), &text("cursor"))
        }
        "conversations.list" => {
            let channels = [
                json!({"id": "C0OTHER", "name": "other"}),
                json!({"id": OPS, "name": "ops"}),
            ];
            paged("channels", &channels, &text("cursor"))
        }
        "conversations.open" => {
            let user = text("users");
            json!({"ok": true, "channel": {"id": format!("D{}", &user[1..])}})
        }
        "chat.postEphemeral" => match unfit(body) {
            Some(error) => refused(&error),
            None => json!({"ok": true, "message_ts": "1764000000.999999"}),
        },
        "views.open" => match unfit_form(&body["view"]) {
            Some(error) => refused(&error),
            None => json!({"ok": true, "view": {"id": "V1"}}),
        },
        _ => refused("unknown_method"),
    }
}

/// One page of a list, which has one item: whoever does not turn pages finds nothing.
fn paged(name: &str, items: &[Value], cursor: &str) -> Value {
    let place = cursor.parse().unwrap_or(0);
    let next = if place + 1 < items.len() {
        (place + 1).to_string()
    } else {
        String::new()
    };
    json!({
        "ok": true, name: items.get(place).into_iter().collect::<Vec<_>>(),
        "response_metadata": {"next_cursor": next},
    })
}

/// What Slack refuses of a message.
fn unfit(body: &Value) -> Option<String> {
    let blocks = body["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Not documented: what people have measured.
    let total: usize = blocks
        .iter()
        .map(|it| it.to_string().encode_utf16().count())
        .sum();
    if blocks.len() > 50 || total > 13_000 {
        return Some("msg_blocks_too_long".to_owned());
    }
    blocks.iter().find_map(unfit_block)
}

fn unfit_form(view: &Value) -> Option<String> {
    let blocks = view["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let long = |name: &str, most: usize| view[name].as_str().is_some_and(|it| it.len() > most);
    let title = view["title"]["text"].as_str().unwrap_or_default();
    if blocks.len() > 100 || title.is_empty() || title.len() > 24 || long("private_metadata", 3000) {
        return Some("invalid_arguments".to_owned());
    }
    blocks.iter().find_map(unfit_block)
}

/// The limits of Block Kit, and ours: text is plain, and nothing in it becomes a picture.
fn unfit_block(block: &Value) -> Option<String> {
    let mut texts = Vec::new();
    gathered(block, &mut texts);
    for text in texts {
        if text["type"] != "plain_text" || text["emoji"] != json!(false) {
            return Some(format!("invalid_blocks: {text}"));
        }
    }
    let units = |it: &Value| length(it["text"].as_str().unwrap_or_default());
    let fits = match block["type"].as_str()? {
        "header" => (1..=150).contains(&units(&block["text"])),
        "section" => match block["fields"].as_array() {
            Some(fields) => fields.len() <= 10 && fields.iter().all(|it| (1..=2000).contains(&units(it))),
            None => (1..=3000).contains(&units(&block["text"])),
        },
        "context" => {
            let elements = block["elements"].as_array()?;
            elements.len() <= 10 && elements.iter().all(|it| (1..=2000).contains(&units(it)))
        }
        "actions" => {
            let elements = block["elements"].as_array()?;
            let long = |it: &Value| it["value"].as_str().is_some_and(|it| it.len() > 2000);
            elements.len() <= 25
                && elements
                    .iter()
                    .all(|it| (1..=75).contains(&units(&it["text"])) && !long(it))
        }
        "input" => {
            let element = &block["element"];
            let options = element["options"].as_array();
            let fits = |it: &Value| (1..=75).contains(&units(&it["text"])) && it["value"].is_string();
            let first = element["initial_value"].as_str().unwrap_or_default();
            (1..=2000).contains(&units(&block["label"]))
                && units(&block["hint"]) <= 2000
                && units(&element["placeholder"]) <= 150
                && length(first) <= 3000
                && block["block_id"].as_str().is_some_and(|it| it.len() <= 255)
                && options.is_none_or(|it| (1..=100).contains(&it.len()) && it.iter().all(fits))
        }
        _ => false,
    };
    (!fits).then(|| format!("invalid_blocks: {block}"))
}

/// How many characters a text has for Slack, which escapes these three.
fn length(text: &str) -> usize {
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    escaped.encode_utf16().count()
}

/// Every text object.
fn gathered<'a>(value: &'a Value, into: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            if members.get("text").is_some_and(Value::is_string) {
                into.push(value);
            }
            members.values().for_each(|it| gathered(it, into));
        }
        Value::Array(items) => items.iter().for_each(|it| gathered(it, into)),
        _ => {}
    }
}
