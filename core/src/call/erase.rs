//! What stays of a call when its words are erased.

use serde_json::{Map, Value};

use super::{Call, Outcome, Phase};
use crate::canonical::Canonical;
use crate::digest::Digest;

impl Call {
    /// A closed call without arguments, results, reasons and salt; none if it is not closed.
    ///
    /// Who did what stays, and so does everything that its records say. A decision that is said again is
    /// no longer recognised: it is refused like any other about a closed call.
    pub fn erased(mut self) -> Option<Self> {
        let Phase::Closed { outcome } = &mut self.phase else {
            return None;
        };
        match outcome {
            Outcome::Returned { result: words, .. } | Outcome::Answered { answer: words, .. } => {
                "null".clone_into(words);
            }
            Outcome::Failed { error: words, .. } | Outcome::Abandoned { reason: words, .. } => {
                "erased".clone_into(words);
            }
            Outcome::Blocked { errors } => *errors = vec!["erased".to_owned()],
            Outcome::Rejected { reason, .. } | Outcome::Cancelled { reason, .. } => *reason = None,
            Outcome::Expired => {}
        }
        let terms = self.terms_mut();
        terms.arguments = Canonical::of(&Value::Object(Map::new())).unwrap_or_else(|_| Canonical::null());
        terms.salt = Digest::default();
        self.decided.clear();
        self.tokens.clear();
        Some(self)
    }
}
