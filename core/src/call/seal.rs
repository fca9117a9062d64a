//! What exactly was shown and will run, as one digest; and what of it may be shown.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Call, Phase};
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

/// What the last record told of, as text and digest, if that was made or read in this process: it saves
/// writing the whole call again for its row and for the next record. No part of the call: it is neither
/// stored nor compared.
#[derive(Clone, Default)]
pub(super) struct Told(Option<(Arc<str>, Digest)>);

impl Told {
    /// What the text of a call says, without what stands beside it. The salt in it keeps the digest from
    /// being guessed.
    pub(super) fn of(body: &str) -> Self {
        let digest = Digest::of("countersign/state/1", &[body.as_bytes()]);
        Self(Some((body.into(), digest)))
    }

    /// Takes it out: whatever comes next may change the call.
    pub(super) const fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    pub(super) fn digest(&self) -> Option<Digest> {
        self.0.as_ref().map(|(_, digest)| *digest)
    }

    pub(super) fn text(&self) -> Option<Arc<str>> {
        self.0.as_ref().map(|(text, _)| text.clone())
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

impl PartialEq for Told {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Told {}

impl PartialOrd for Told {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Told {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Told {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Call {
    /// SHA-256 over exactly what is shown and will run.
    pub(super) fn sealed(&self, commitment: Digest) -> Seal {
        let gates = serde_json::to_string(&self.gates).unwrap_or_default();
        // Who stands behind it, whether it may be repeated and what is hidden decide what may happen to it:
        // in an edited row they must not differ unseen.
        let options = (
            &self.agent,
            &self.session,
            self.idempotent,
            self.destructive,
            self.as_proposed,
            &self.secrets,
        );
        let options = serde_json::to_string(&options).unwrap_or_default();
        Seal(Digest::of(
            "countersign/seal/1",
            &[
                self.tenant.as_str().as_bytes(),
                &self.id.bytes(),
                self.tool.as_str().as_bytes(),
                self.descriptor.bytes(),
                commitment.bytes(),
                gates.as_bytes(),
                self.rules.bytes(),
                self.requester.as_str().as_bytes(),
                options.as_bytes(),
                &self.round.to_be_bytes(),
            ],
        ))
    }

    /// Whether what is stored is still what was sealed.
    pub fn is_as_sealed(&self) -> bool {
        self.commitment() == self.committed && self.sealed(self.committed) == self.seal
    }

    /// HMAC of the canonical arguments under a key of these arguments alone.
    pub(super) fn commitment(&self) -> Digest {
        Digest::keyed(
            self.key_of_arguments().bytes(),
            self.arguments.as_str().as_bytes(),
        )
    }

    /// Blobs hold keys. None of them is the call's salt, or one blob that stays would give away the keys
    /// of those that were erased.
    pub(super) fn key_of_arguments(&self) -> Digest {
        Digest::keyed(self.salt.bytes(), format!("arguments/{}", self.round).as_bytes())
    }

    /// Seals anew: what was shown before is stale, what was voted is void.
    pub(super) fn reseal(&mut self) {
        self.past_seals.push(self.seal);
        self.round = self.round.saturating_add(1);
        self.votes.clear();
        // Whoever holds a token knows what became of the old arguments, not of the new ones.
        self.tokens.clear();
        self.granted = None;
        self.warned.clear();
        self.escalated.clear();
        self.committed = self.commitment();
        self.seal = self.sealed(self.committed);
    }

    /// The arguments as people may see them, with `secret` values replaced.
    pub fn shown_arguments(&self) -> Canonical {
        self.masked(&self.arguments)
    }

    pub(super) fn masked(&self, arguments: &Canonical) -> Canonical {
        if self.secrets.is_empty() {
            return arguments.clone();
        }
        let mut value = arguments.value();
        for name in &self.secrets {
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
        let salt = if self.secrets.is_empty() {
            self.key_of_arguments()
        } else {
            self.key_of_words("shown", &content)
        };
        Blob { salt, content }
    }

    /// A key for these words alone.
    pub(super) fn key_of_words(&self, purpose: &str, words: &str) -> Digest {
        let when = format!("{purpose}/{}/{}", self.round, self.updated.millis());
        Digest::keyed(
            self.salt.bytes(),
            Digest::of("countersign/words/1", &[when.as_bytes(), words.as_bytes()]).bytes(),
        )
    }

    /// Recognises what the model proposed. Keyed, for the arguments may be guessed.
    pub(super) fn proposal_of(&self, arguments: &Canonical) -> Digest {
        let key = Digest::keyed(self.salt.bytes(), b"proposal");
        Digest::keyed(key.bytes(), arguments.as_str().as_bytes())
    }

    /// Whether these are the arguments with which this call was proposed, before anybody changed them.
    pub fn was_proposed_with(&self, arguments: &Canonical) -> bool {
        self.proposal_of(arguments)
            .equals_in_constant_time(&self.proposal)
    }

    /// The stored call as its records tell of it; nothing once it is closed, when nothing of it runs any
    /// more.
    pub(super) fn to_be_told(&self) -> Told {
        if let Phase::Closed { .. } = self.phase {
            return Told::default();
        }
        Told::of(&self.body())
    }

    /// The digest of the state that the records speak of.
    pub(super) fn state(&self) -> Option<Digest> {
        self.told.digest().or_else(|| self.to_be_told().digest())
    }
}
