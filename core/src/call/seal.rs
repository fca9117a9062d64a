//! What exactly was shown and will run, as one digest; and what of it may be shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Call;
use crate::audit::Blob;
use crate::canonical::Canonical;
use crate::digest::Digest;

/// The digest of exactly what was shown and will run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seal(pub(super) Digest);

impl Seal {
    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Call {
    /// SHA-256 over exactly what is shown and will run.
    pub(super) fn sealed(&self, commitment: Digest) -> Seal {
        let gates = serde_json::to_string(&self.terms.gates).unwrap_or_default();
        // Who stands behind it, whether it may be repeated and what is hidden decide what may happen to it:
        // in an edited row they must not differ unseen.
        let options = (
            &self.terms.agent,
            &self.terms.session,
            self.terms.idempotent,
            self.terms.destructive,
            self.terms.as_proposed,
            &self.terms.secrets,
        );
        let options = serde_json::to_string(&options).unwrap_or_default();
        Seal(Digest::of(
            "countersign/seal/1",
            &[
                self.terms.tenant.as_str().as_bytes(),
                &self.terms.id.bytes(),
                self.terms.tool.as_str().as_bytes(),
                self.terms.descriptor.bytes(),
                commitment.bytes(),
                gates.as_bytes(),
                self.terms.rules.bytes(),
                self.terms.requester.as_str().as_bytes(),
                options.as_bytes(),
                &self.terms.round.to_be_bytes(),
            ],
        ))
    }

    /// Whether what is stored is still what was sealed.
    pub fn is_as_sealed(&self) -> bool {
        self.commitment() == self.terms.committed && self.sealed(self.terms.committed) == self.terms.seal
    }

    /// HMAC of the canonical arguments under a key of these arguments alone.
    pub(super) fn commitment(&self) -> Digest {
        Digest::keyed(
            self.key_of_arguments().bytes(),
            self.terms.arguments.as_str().as_bytes(),
        )
    }

    /// Blobs hold keys. None of them is the call's salt, or one blob that stays would give away the keys
    /// of those that were erased.
    pub(super) fn key_of_arguments(&self) -> Digest {
        Digest::keyed(
            self.terms.salt.bytes(),
            format!("arguments/{}", self.terms.round).as_bytes(),
        )
    }

    /// Seals anew: what was shown before is stale, what was voted is void.
    pub(super) fn reseal(&mut self) {
        let terms = self.terms_mut();
        terms.past_seals.push(terms.seal);
        terms.round = terms.round.saturating_add(1);
        self.votes.clear();
        // Whoever holds a token knows what became of the old arguments, not of the new ones.
        self.tokens.clear();
        self.granted = None;
        self.warned.clear();
        self.escalated.clear();
        self.seal_as_is();
    }

    /// The seal of what stands here now.
    pub(super) fn seal_as_is(&mut self) {
        let committed = self.commitment();
        let seal = self.sealed(committed);
        let terms = self.terms_mut();
        terms.committed = committed;
        terms.seal = seal;
    }

    /// The arguments as people may see them, with `secret` values replaced.
    pub fn shown_arguments(&self) -> Canonical {
        self.masked(&self.terms.arguments)
    }

    pub(super) fn masked(&self, arguments: &Canonical) -> Canonical {
        if self.terms.secrets.is_empty() {
            return arguments.clone();
        }
        let mut value = arguments.value();
        for name in &self.terms.secrets {
            if let Some(secret) = value.get_mut(name) {
                *secret = Value::from("***");
            }
        }
        Canonical::of(&value).unwrap_or_else(|_| Canonical::null())
    }

    /// The blob of what is shown.
    pub(super) fn shown(&self) -> Blob {
        let content = self.shown_arguments().to_string();
        // A blob with the key of the commitment to all arguments would let a secret be guessed; without
        // secrets it lets the auditor check the commitment.
        let salt = if self.terms.secrets.is_empty() {
            self.key_of_arguments()
        } else {
            self.key_of_words("shown", &content)
        };
        Blob { salt, content }
    }

    /// A key for these words alone.
    pub(super) fn key_of_words(&self, purpose: &str, words: &str) -> Digest {
        let when = format!("{purpose}/{}/{}", self.terms.round, self.updated.millis());
        Digest::keyed(
            self.terms.salt.bytes(),
            Digest::of("countersign/words/1", &[when.as_bytes(), words.as_bytes()]).bytes(),
        )
    }

    /// Recognises what the model proposed. Keyed, for the arguments may be guessed.
    pub(super) fn proposal_of(&self, arguments: &Canonical) -> Digest {
        let key = Digest::keyed(self.terms.salt.bytes(), b"proposal");
        Digest::keyed(key.bytes(), arguments.as_str().as_bytes())
    }

    /// Whether these are the arguments with which this call was proposed, before anybody changed them.
    pub fn was_proposed_with(&self, arguments: &Canonical) -> bool {
        self.proposal_of(arguments)
            .equals_in_constant_time(&self.terms.proposal)
    }
}
