//! What ends a command without an answer: an error, or words that make no sense.

use std::process::ExitCode;

use countersign::Error;
use serde_json::json;

use crate::text;

/// The exit code of `audit` where something could not be found out or done.
pub(crate) const NOT_CHECKED: u8 = 3;

/// An error (exit 1; of `audit`, 3) or a misuse (exit 2; of `audit`, 3), with one line that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    usage: bool,
    audit: bool,
}

impl Failure {
    /// Something failed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            usage: false,
            audit: false,
        }
    }

    /// Something was said that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            usage: true,
            audit: false,
        }
    }

    /// The same, of `audit`: there, 1 and 2 say something about the log.
    pub(crate) fn of_audit(self) -> Self {
        Self { audit: true, ..self }
    }

    /// Tells the person, or with `--json` the program, and gives the exit code.
    pub(crate) fn told(&self, json: bool) -> ExitCode {
        eprintln!("error: {}", text::shown(&self.message));
        if json && (self.audit || !self.usage) {
            // Whoever reads the answer may have gone; the exit code still says it.
            let _ = crate::print(&format!("{}\n", text::json(&self.json())));
        }
        ExitCode::from(self.code())
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        if self.audit {
            NOT_CHECKED
        } else if self.usage {
            2
        } else {
            1
        }
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

impl From<countersign::ledger::LedgerError> for Failure {
    fn from(error: countersign::ledger::LedgerError) -> Self {
        Self::from(Error::from(error))
    }
}

impl From<countersign::store::StoreError> for Failure {
    fn from(error: countersign::store::StoreError) -> Self {
        Self::from(Error::from(error))
    }
}
