//! The Web API of Slack, as far as cards need it.
//!
//! What became of a request that got no answer is unknown, and said to be: only whoever sends a message again must
//! know that.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url, header};
use serde_json::{Value, json};

use crate::outside::{self, Outside, Reach, is_here, reason, retry_after};

/// The most bytes of an answer: a page of messages.
const MOST: usize = 4 * 1024 * 1024;
/// How long to wait where Slack does not say.
const PAUSE: Duration = Duration::from_secs(30);
/// What it says to one who asks too often.
const BUSY: [&str; 2] = ["rate_limited", "ratelimited"];
/// What it says when it does not know itself, of one request and of all.
const UNSURE: [&str; 2] = ["fatal_error", "internal_error"];
const AWAY: [&str; 2] = ["request_timeout", "service_unavailable"];

/// Speaks to one workspace.
pub(super) struct Client {
    outside: Outside,
    base: Url,
    token: String,
}

/// Why Slack did not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It says that it did not, and why.
    Refused(String),
    /// It was not reached, or says that it does nothing for us for a while.
    Down { why: String, after: Option<Duration> },
    /// Nobody knows whether it did: it did not answer, or only something before it did.
    Lost { why: String, after: Option<Duration> },
    /// Nobody knows whether it did: it answers, and does not say.
    Unknown(String),
}

impl Trouble {
    /// Whether it is known that Slack did nothing.
    pub(super) const fn is_certain(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Down { .. } => true,
            Self::Lost { .. } | Self::Unknown(_) => false,
        }
    }

    /// Whether Slack refused with one of these words.
    pub(super) fn is(&self, errors: &[&str]) -> bool {
        matches!(self, Self::Refused(error) if errors.contains(&error.as_str()))
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(why) | Self::Down { why, .. } | Self::Lost { why, .. } | Self::Unknown(why) => {
                f.write_str(why)
            }
        }
    }
}

impl Client {
    /// Speaks to the API at `base` with a bot's token.
    pub(super) fn new(base: &str, token: String) -> Result<Self, String> {
        let base = format!("{}/", base.trim_end_matches('/'));
        let base = Url::parse(&base).map_err(|error| format!("`{base}` is no address: {error}"))?;
        // Only what is on this machine may be asked in the clear: the token goes there.
        let reach = if base.host_str().is_some_and(is_here) {
            Reach::Anywhere
        } else {
            Reach::Public
        };
        let outside = Outside::new(reach)?;
        outside.may_ask(&base)?;
        Ok(Self { outside, base, token })
    }

    /// Calls a method with JSON.
    pub(super) async fn call(&self, method: &str, body: &Value) -> Result<Value, Trouble> {
        self.asked(method, "application/json; charset=utf-8", body.to_string())
            .await
    }

    /// Calls a method that only reads: not all of those take JSON.
    pub(super) async fn ask(&self, method: &str, fields: &[(&str, &str)]) -> Result<Value, Trouble> {
        let form = |fields| {
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(fields)
                .finish()
        };
        let body = form(fields);
        self.asked(method, "application/x-www-form-urlencoded", body)
            .await
    }

    async fn asked(&self, method: &str, kind: &str, body: String) -> Result<Value, Trouble> {
        let place = self
            .base
            .join(method)
            .map_err(|error| Trouble::Refused(error.to_string()))?;
        let lost = |error: reqwest::Error| Trouble::Lost {
            why: format!("{method}: {}", reason(&error)),
            after: None,
        };
        let request = self
            .outside
            .request(Method::POST, &place)
            .map_err(Trouble::Refused)?
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, kind)
            .body(body);
        let answer = match request.send().await {
            Ok(answer) => answer,
            // It was never heard.
            Err(error) if error.is_connect() => {
                return Err(Trouble::Down {
                    why: format!("{method}: {}", reason(&error)),
                    after: None,
                });
            }
            Err(error) => return Err(lost(error)),
        };
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Trouble::Down {
                why: format!("{method}: too many requests"),
                after: Some(retry_after(&answer).unwrap_or(PAUSE)),
            });
        }
        if status != StatusCode::OK {
            let why = format!("{method}: Slack answers {status}");
            return Err(if status.is_server_error() {
                let after = retry_after(&answer);
                Trouble::Lost { why, after }
            } else {
                Trouble::Refused(why)
            });
        }
        let bytes = outside::body(answer, MOST).await.map_err(lost)?;
        let bytes = bytes.ok_or_else(|| Trouble::Unknown(format!("{method}: the answer is too long")))?;
        let said: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Trouble::Unknown(format!("{method}: the answer is no JSON")))?;
        judged(method, said)
    }
}

/// What an answer says.
fn judged(method: &str, said: Value) -> Result<Value, Trouble> {
    if said["ok"] == json!(true) {
        return Ok(said);
    }
    let error = said["error"].as_str().unwrap_or("no error named").to_owned();
    let why = format!("{method}: {error}");
    Err(if UNSURE.contains(&error.as_str()) {
        Trouble::Unknown(why)
    } else if AWAY.contains(&error.as_str()) {
        Trouble::Lost { why, after: None }
    } else if BUSY.contains(&error.as_str()) {
        Trouble::Down {
            why,
            after: Some(PAUSE),
        }
    } else {
        tracing::warn!(method, error, details = %said["response_metadata"], "Slack refuses");
        Trouble::Refused(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_nobody_in_the_clear() {
        assert!(Client::new("https://slack.com/api", "xoxb".to_owned()).is_ok());
        assert!(Client::new("http://127.0.0.1:8080/api/", "xoxb".to_owned()).is_ok());
        assert!(Client::new("http://slack.com/api", "xoxb".to_owned()).is_err());
        assert!(Client::new("slack.com", "xoxb".to_owned()).is_err());
    }

    #[test]
    fn answers_are_told_apart() {
        let of = |error: &str| judged("chat.postMessage", json!({"ok": false, "error": error})).unwrap_err();
        assert_eq!(
            of("channel_not_found"),
            Trouble::Refused("channel_not_found".to_owned())
        );
        assert!(matches!(of("ratelimited"), Trouble::Down { after: Some(_), .. }));
        assert!(matches!(of("service_unavailable"), Trouble::Lost { .. }));
        assert!(matches!(of("internal_error"), Trouble::Unknown(_)));
        assert!(judged("chat.postMessage", json!({"ok": true})).is_ok());
        assert!(judged("chat.postMessage", json!(["ok"])).is_err());
    }
}
