//! What ends a command without an answer: an error, or words that make no sense.

use std::process::ExitCode;

use countersign::Error;
use serde_json::json;

use crate::text;

/// An error (exit 1) or a misuse (exit 2), with one line that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    usage: bool,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            usage: false,
        }
    }

    /// Something was said that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            usage: true,
        }
    }

    /// Tells the person, or with `--json` the program, and gives the exit code.
    pub(crate) fn told(&self, json: bool) -> ExitCode {
        eprintln!("error: {}", text::shown(&self.message));
        if json && !self.usage {
            // Whoever reads the answer may have gone; the exit code still says it.
            let _ = crate::print(&format!("{}\n", text::json(&self.json())));
        }
        ExitCode::from(self.code())
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }

    fn json(&self) -> serde_json::Value {
        json!({"status": "error", "message": self.message})
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<countersign::store::StoreError> for Failure {
    fn from(error: countersign::store::StoreError) -> Self {
        Self::from(Error::from(error))
    }
}
