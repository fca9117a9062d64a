//! A call as text: how it is stored and read again.
//!
//! What its records tell of stands in `call`; beside it stands what they do not speak of: when it was last
//! changed, and until when a worker is believed to be alive.

use serde::Deserialize;
use serde_json::Value;

use super::{CALL_VERSION, Call, CallError, Phase};
use crate::time::Timestamp;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    updated: Timestamp,
    until: Option<Timestamp>,
    call: Call,
}

impl Call {
    /// Reads a stored call. A newer format and a damaged one are told apart.
    pub fn from_text(text: &str) -> Result<Self, CallError> {
        let damaged = |error: serde_json::Error| CallError::Damaged(error.to_string());
        match serde_json::from_str::<Stored>(text) {
            Ok(stored) if stored.v == CALL_VERSION => stored.call(),
            Ok(stored) => Err(CallError::Newer {
                found: stored.v.into(),
            }),
            Err(error) => {
                let value: Value = serde_json::from_str(text).map_err(damaged)?;
                match value.get("v").and_then(Value::as_u64) {
                    Some(found) if found > u64::from(CALL_VERSION) => Err(CallError::Newer { found }),
                    Some(_) | None => Err(damaged(error)),
                }
            }
        }
    }

    /// The stored form. `from_text` reads it back as an equal call.
    pub fn to_text(&self) -> String {
        let updated = self.updated;
        let until = self
            .lease()
            .map_or_else(|| "null".to_owned(), |it| format!("\"{it}\""));
        let body = self.told.text().unwrap_or_else(|| self.body().into());
        format!(r#"{{"v":{CALL_VERSION},"updated":"{updated}","until":{until},"call":{body}}}"#)
    }

    /// What records tell of.
    pub(super) fn body(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Stored {
    fn call(self) -> Result<Call, CallError> {
        let mut call = self.call;
        call.updated = self.updated;
        let mut lease = None;
        if let Phase::Executing { until, .. } = &mut call.phase {
            lease = Some(until);
        }
        match (lease, self.until) {
            (Some(until), Some(stored)) => *until = stored,
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                return Err(CallError::Damaged(
                    "a call has the end of a lease, `until`, while it executes and at no other time"
                        .to_owned(),
                ));
            }
        }
        Ok(call)
    }
}
