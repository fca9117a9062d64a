//! Asks an endpoint that classifies texts: the `/moderations` of `OpenAI`, or one that speaks like it.
//!
//! The text leaves the machine. Whatever the endpoint does but answer well is an error, and an error blocks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::hook::{Hook, HookError, Seen, Verdict};

/// How long the endpoint may take unless said otherwise: less than a hook has, so that the reason is known.
const LIMIT: Duration = Duration::from_secs(8);
/// The longest answer that is read, in bytes. A good one has some two thousand.
const LONGEST: u64 = 256 << 10;

/// Blocks what an OpenAI-compatible moderation endpoint flags.
///
/// ```
/// use std::time::Duration;
///
/// use countersign_agent::guardrail::ModerationGuardrail;
///
/// let guardrail = ModerationGuardrail::new("https://moderation.example/v1", "the key")
///     .model("omni-moderation-latest")
///     .threshold("violence", 0.4)
///     .limit(Duration::from_secs(3));
/// assert!(!format!("{guardrail:?}").contains("the key"));
/// ```
#[derive(Clone)]
pub struct ModerationGuardrail(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    url: String,
    key: String,
    model: String,
    thresholds: BTreeMap<String, f64>,
    limit: Duration,
}

impl ModerationGuardrail {
    /// The endpoint under this base URL (`https://api.openai.com/v1`), with this key.
    pub fn new(base_url: impl AsRef<str>, key: impl Into<String>) -> Self {
        Self(Arc::new(Settings {
            url: format!("{}/moderations", base_url.as_ref().trim_end_matches('/')),
            key: key.into(),
            model: "omni-moderation-latest".to_owned(),
            thresholds: BTreeMap::new(),
            limit: LIMIT,
        }))
    }

    /// The endpoint of `OpenAI` itself.
    pub fn openai(key: impl Into<String>) -> Self {
        Self::new("https://api.openai.com/v1", key)
    }

    /// Which model classifies; `omni-moderation-latest` unless said.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).model = model.into();
        self
    }

    /// From which score (0 to 1) this category is flagged, in place of the endpoint's own opinion of it. An answer
    /// without a score for it is an error.
    #[must_use]
    pub fn threshold(mut self, category: impl Into<String>, score: f64) -> Self {
        Arc::make_mut(&mut self.0)
            .thresholds
            .insert(category.into(), score);
        self
    }

    /// How long the endpoint may take; eight seconds unless said.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.0).limit = limit;
        self
    }
}

/// Everything but the key.
impl fmt::Debug for ModerationGuardrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModerationGuardrail")
            .field("url", &self.0.url)
            .field("model", &self.0.model)
            .field("thresholds", &self.0.thresholds)
            .field("limit", &self.0.limit)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Hook for ModerationGuardrail {
    fn name(&self) -> &'static str {
        "moderation"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        let settings = Arc::clone(&self.0);
        let text = seen.text.to_owned();
        let asked = tokio::task::spawn_blocking(move || settings.ask(&text)).await;
        asked.map_err(|_| HookError::new("asking the moderation endpoint panicked"))?
    }
}

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Classified>,
}

#[derive(Deserialize)]
struct Classified {
    flagged: bool,
    categories: BTreeMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: BTreeMap<String, Option<f64>>,
}

impl Settings {
    /// Asks, and waits for the answer. No error repeats the text, the key or what the endpoint said.
    fn ask(&self, text: &str) -> Result<Verdict, HookError> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(self.limit))
            .http_status_as_error(false)
            // The key is for this endpoint alone.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        let question = Question {
            model: &self.model,
            input: text,
        };
        let question =
            serde_json::to_vec(&question).map_err(|_| HookError::new("the text could not be sent"))?;
        let mut response = ureq::Agent::from(config)
            .post(&self.url)
            .header("authorization", format!("Bearer {}", self.key))
            .content_type("application/json")
            .send(&question[..])
            .map_err(|error| unreachable(&error))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err("the moderation endpoint refused the key; check it".into()),
            429 => {
                return Err(
                    "the moderation endpoint has had too many requests (429); try again later".into(),
                );
            }
            status => return Err(format!("the moderation endpoint answered {status}").into()),
        }
        let answer = response.body_mut().with_config().limit(LONGEST).read_to_vec();
        let answer = answer.map_err(|error| unreachable(&error))?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|_| {
            HookError::new("the moderation endpoint's answer is not what such endpoints answer")
        })?;
        self.judged(&answer)
    }

    /// What the answer means. One text was asked about, so there is one result.
    fn judged(&self, answer: &Answer) -> Result<Verdict, HookError> {
        let [result] = &answer.results[..] else {
            return Err("the moderation endpoint's answer has not one result".into());
        };
        let mut flagged: Vec<&str> = Vec::new();
        for (category, threshold) in &self.thresholds {
            let score = result.category_scores.get(category).copied().flatten();
            let score = score.ok_or_else(|| {
                HookError::new(format!(
                    "the moderation endpoint gave no score for `{category}`; check its name"
                ))
            })?;
            // A threshold that is no number flags.
            let below = score < *threshold;
            if !below {
                flagged.push(category);
            }
        }
        let opinions = result.categories.iter().filter(|it| *it.1 == Some(true));
        let mut overruled = false;
        for (category, _) in opinions {
            if self.thresholds.contains_key(category) {
                overruled = true;
            } else {
                flagged.push(category);
            }
        }
        if flagged.is_empty() {
            // Flagged for no category that we know of is flagged all the same.
            let is_flagged = result.flagged && !overruled;
            return Ok(if is_flagged {
                Verdict::block("a moderation service flags it")
            } else {
                Verdict::Pass
            });
        }
        flagged.retain(|it| {
            it.len() <= 40
                && it
                    .bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"-_/ ".contains(&it))
        });
        Ok(Verdict::block(format!(
            "a moderation service flags it: {}",
            flagged.join(", ")
        )))
    }
}

/// Why there is no answer, without what the library says: it may name the URL or quote a header.
fn unreachable(error: &ureq::Error) -> HookError {
    match error {
        ureq::Error::Timeout(_) => "the moderation endpoint took too long".into(),
        ureq::Error::BodyExceedsLimit(_) => "the moderation endpoint's answer is too long".into(),
        _ => "the moderation endpoint cannot be reached; check its URL and key".into(),
    }
}
