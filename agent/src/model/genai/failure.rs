//! What went wrong at a provider, in our words, and whether asking again may help.

use genai::Error;
use serde_json::Value;

use crate::model::ModelError;

/// The most characters of a provider's own words.
const LONGEST: usize = 400;

/// The connection ended before the answer did.
pub(super) fn broken_off() -> ModelError {
    ModelError::transient("the answer broke off")
}

/// What an error of `genai` means.
pub(super) fn of(error: &Error) -> ModelError {
    match error {
        Error::HttpError { status, body, .. } => answered(status.as_u16(), body),
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            match (error.status(), webc_error) {
                (Some(status), genai::webc::Error::ResponseFailedStatus { body, .. }) => {
                    answered(status.as_u16(), body)
                }
                (Some(status), _) => answered(status.as_u16(), ""),
                (None, genai::webc::Error::Reqwest(error)) => unreached(error),
                (None, other) => not_understood(&other.to_string()),
            }
        }
        // Whatever happened to the connection is in the box, sometimes one of these again.
        Error::WebStream { error, cause, .. } => match error.downcast_ref::<Error>() {
            Some(inner) => of(inner),
            None => match error.downcast_ref::<reqwest::Error>() {
                Some(error) => unreached(error),
                None => ModelError::transient(format!("the answer broke off: {cause}")),
            },
        },
        Error::ChatResponse { body, .. } => told_in_stream(body),
        // The last piece of a stream that was cut.
        Error::StreamParse { serde_error, .. } if serde_error.is_eof() => broken_off(),
        Error::StreamParse { serde_error, .. } => not_understood(&serde_error.to_string()),
        other => ModelError::new(shortened(&other.to_string())),
    }
}

/// The error as it is shown: with the model's name, and never with the key.
pub(super) fn told(model: &str, key: &str, error: &ModelError) -> ModelError {
    let text = format!("`{model}`: {error}");
    // Short ones are no secrets, but words such as `none`.
    let text = if key.len() > 8 {
        text.replace(key, "[key]")
    } else {
        text
    };
    if error.is_transient() {
        ModelError::transient(text)
    } else {
        ModelError::new(text)
    }
}

fn not_understood(why: &str) -> ModelError {
    ModelError::new(format!("the answer could not be understood: {}", shortened(why)))
}

/// Neither a status nor an answer: a connection that was refused, took too long, or broke.
fn unreached(error: &reqwest::Error) -> ModelError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    if error.is_builder() {
        ModelError::new(shortened(&text))
    } else {
        ModelError::transient(shortened(&text))
    }
}

fn answered(status: u16, body: &str) -> ModelError {
    let text = match message(body) {
        words if words.is_empty() => format!("the provider answered {status}"),
        words => format!("the provider answered {status}: {}", shortened(&words)),
    };
    if is_transient(status) {
        ModelError::transient(text)
    } else {
        ModelError::new(text)
    }
}

/// Time-outs, conflicts, too many requests, and servers that fail; 529 is Anthropic's "overloaded".
const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 425 | 429 | 500..=599)
}

/// An error object where words of the answer were expected.
fn told_in_stream(body: &Value) -> ModelError {
    // Anthropic wraps it once more.
    let error = body.get("error").unwrap_or(body);
    let text = format!("the provider stopped: {}", shortened(&message(&body.to_string())));
    let code = error.get("code").or_else(|| error.get("status"));
    let status = code.and_then(|it| match it {
        Value::String(it) => it.parse().ok(),
        it => it.as_u64().and_then(|it| u16::try_from(it).ok()),
    });
    let kinds = [error.get("type"), code].into_iter().flatten();
    let passing = [
        "overloaded_error",
        "api_error",
        "server_error",
        "internal_server_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "timeout_error",
        "UNAVAILABLE",
        "RESOURCE_EXHAUSTED",
        "INTERNAL",
        "DEADLINE_EXCEEDED",
    ];
    let mut kinds = kinds.filter_map(Value::as_str);
    if status.is_some_and(is_transient) || kinds.any(|it| passing.contains(&it)) {
        ModelError::transient(text)
    } else {
        ModelError::new(text)
    }
}

/// The provider's own words, out of the JSON that it sends them in.
fn message(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    // Gemini answers a stream with a list.
    let parsed = parsed.get(0).unwrap_or(&parsed);
    let error = parsed.get("error").unwrap_or(parsed);
    let words = error.get("message").unwrap_or(error);
    words
        .as_str()
        .map_or_else(|| body.trim().to_owned(), str::to_owned)
}

fn shortened(text: &str) -> String {
    let mut end = text.char_indices().map(|(it, _)| it).skip(LONGEST);
    match end.next() {
        Some(end) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
