//! What happens to a grant, on record under the call whose confirmation made it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Change, Grant};
use crate::actor::{Actor, OPERATOR};
use crate::audit::{Draft, Fields};
use crate::call::{Answer, Code, Refusal, persons_only};
use crate::digest::Digest;
use crate::id::{CallId, GrantId};

/// A stored grant that cannot be read, or is not what its records say. It passes nothing.
///
/// ```
/// use countersign_core::grant::Grant;
///
/// assert!(Grant::from_text("{}").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored grant is damaged: {0}")]
pub struct GrantError(String);

impl GrantError {
    pub(super) const fn new(why: String) -> Self {
        Self(why)
    }
}

/// What came of revoking a grant.
///
/// See [`Grant::revoke`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoking {
    /// Whether it counts.
    pub answer: Answer,
    /// The grant as it will be.
    pub grant: Grant,
    /// What to record; none for a repeat.
    pub record: Option<Draft>,
}

/// The part of a record that says something about a grant.
#[derive(Deserialize)]
struct Entry {
    kind: String,
    grant: Option<GrantId>,
    terms: Option<Digest>,
}

impl Grant {
    /// It was just made.
    pub(crate) fn recorded(self) -> Change {
        let record = self.draft("grant.made", |fields| {
            fields("descriptor", self.descriptor.to_string().into());
            fields("which", json!(self.which()));
            fields("scope", json!(self.scope));
            fields("requirement", self.on.to_string().into());
        });
        Change { grant: self, record }
    }

    /// It passes a confirmation of `call`.
    pub(crate) fn used_by(mut self, call: CallId) -> Change {
        self.used = self.used.saturating_add(1);
        let record = self.draft("grant.used", |fields| {
            fields("used_by", call.to_string().into());
        });
        Change { grant: self, record }
    }

    /// Takes it back: its owner or an operator. Said again, the answer is the same and nothing is recorded.
    #[must_use = "what is not committed never happened"]
    pub fn revoke(mut self, by: &Actor) -> Revoking {
        let refusal = if let Err(refusal) = persons_only(by) {
            Some((refusal.code, refusal.message))
        } else if by.id != self.owner && !by.has_role(OPERATOR) {
            let why = format!(
                "only its owner `{}` or an operator may revoke a grant",
                self.owner
            );
            Some((Code::NotAllowed, why))
        } else if self.left() == 0 {
            Some((Code::AlreadyDecided, "this grant is used up".to_owned()))
        } else {
            None
        };
        let actor = json!({"id": by.id.as_str(), "kind": by.kind, "auth": by.auth.chars().take(256).collect::<String>()});
        if let Some((code, message)) = refusal {
            let record = self.draft("grant.refused", |fields| {
                fields("actor", actor.clone());
                fields("refusal", code.as_str().into());
            });
            return Revoking {
                answer: Answer::Refused(Refusal { code, message }),
                grant: self,
                record: Some(record),
            };
        }
        if self.revoked {
            return Revoking {
                answer: Answer::Repeated,
                grant: self,
                record: None,
            };
        }
        self.revoked = true;
        let record = self.draft("grant.revoked", |fields| fields("actor", actor.clone()));
        Revoking {
            answer: Answer::Accepted,
            grant: self,
            record: Some(record),
        }
    }

    fn draft(&self, kind: &str, more: impl FnOnce(&mut dyn FnMut(&'static str, Value))) -> Draft {
        let mut fields = Fields::default();
        let mut put = |name: &'static str, value: Value| fields.insert(name, value);
        put("kind", kind.into());
        put("grant", self.id.to_string().into());
        put("terms", self.terms().to_string().into());
        put("tool", self.tool.as_str().into());
        put("requester", self.owner.as_str().into());
        put("call", self.call.to_string().into());
        put("left", self.left().into());
        more(&mut put);
        Draft {
            call: Some(self.call),
            fields,
            blobs: Vec::new(),
        }
    }

    /// Compares a stored grant with the records of the call that made it, oldest first.
    ///
    /// # Errors
    ///
    /// [`GrantError`] if they say anything else than the row: somebody edited one of them.
    pub fn check<'a>(&self, entries: impl IntoIterator<Item = &'a str>) -> Result<(), GrantError> {
        let (mut made, mut used, mut revoked) = (false, 0_u32, false);
        for text in entries {
            let entry: Entry = serde_json::from_str(text)
                .map_err(|error| GrantError::new(format!("a record cannot be read: {error}")))?;
            if entry.grant != Some(self.id) || !entry.kind.starts_with("grant.") {
                continue;
            }
            if entry.terms != Some(self.terms()) {
                return Err(GrantError::new("its terms are not those on record".to_owned()));
            }
            match entry.kind.as_str() {
                "grant.made" => made = true,
                "grant.used" => used = used.saturating_add(1),
                "grant.revoked" => revoked = true,
                _ => {}
            }
        }
        if made && used == self.used && revoked == self.revoked {
            return Ok(());
        }
        Err(GrantError::new("it is not what its records say".to_owned()))
    }
}
