//! What of a call stays while people decide: who proposes what, under which gates.
//!
//! Most steps leave it as it is. So it is shared by the call before a step and after it, and neither written
//! nor hashed again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::aside::Aside;
use super::{Call, Seal};
use crate::actor::ActingAgent;
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::id::{ActorId, CallId, RunId, SessionId, TenantId, ToolName};
use crate::time::Timestamp;

/// What stays of a call until its arguments or its gates are others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terms {
    pub(super) id: CallId,
    pub(super) run: RunId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionId>,
    pub(super) tenant: TenantId,
    pub(super) tool: ToolName,
    pub(super) requester: ActorId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<ActingAgent>,
    pub(super) opened: Timestamp,
    pub(super) descriptor: Digest,
    pub(super) idempotent: bool,
    pub(super) destructive: bool,
    /// Names of the arguments that nobody may see.
    pub(super) secrets: Vec<String>,
    /// Keys the commitment to the arguments, so that a digest betrays nothing.
    pub(super) salt: Digest,
    /// How long a phase lasts that no gate gives a time.
    #[serde(rename = "patience_ms", with = "crate::gate::millis")]
    pub(super) patience: Duration,
    /// The keyed digest of the arguments as the model sent them.
    pub(super) proposal: Digest,
    /// Whether the arguments are those, with nothing changed but what the requester filled in.
    pub(super) as_proposed: bool,
    pub(super) arguments: Canonical,
    pub(super) gates: Gates,
    pub(super) rules: Digest,
    /// Counts the seals, so that what was shown before a change is never what is shown after it.
    pub(super) round: u32,
    /// The commitment to the arguments that were sealed; it stays when secrets are wiped.
    pub(super) committed: Digest,
    pub(super) seal: Seal,
    pub(super) past_seals: Vec<Seal>,
    #[serde(skip)]
    pub(super) written: Aside<Written>,
}

/// How the terms are written, once that was asked.
#[derive(Clone, Default)]
pub(super) struct Written {
    text: OnceLock<(Arc<str>, Digest)>,
    gates: OnceLock<Digest>,
}

impl Written {
    /// As they were read: what somebody has edited has the digest of the edited text.
    pub(super) fn as_read(text: &str) -> Self {
        Self {
            text: (text.into(), digest(text)).into(),
            gates: OnceLock::new(),
        }
    }
}

fn digest(text: &str) -> Digest {
    Digest::of("countersign/terms/1", &[text.as_bytes()])
}

impl Terms {
    fn written(&self) -> &(Arc<str>, Digest) {
        self.written.text.get_or_init(|| {
            let text = serde_json::to_string(self).unwrap_or_default();
            let digest = digest(&text);
            (text.into(), digest)
        })
    }

    /// As they are stored.
    pub(super) fn text(&self) -> &Arc<str> {
        &self.written().0
    }

    /// The digest of that.
    pub(super) fn digest(&self) -> &Digest {
        &self.written().1
    }

    /// The digest of the gates, which every record names.
    pub(super) fn gates_digest(&self) -> Digest {
        *self.written.gates.get_or_init(|| {
            let gates = serde_json::to_string(&self.gates).unwrap_or_default();
            Digest::of("countersign/gates/1", &[gates.as_bytes()])
        })
    }
}

impl Call {
    /// To change them: whoever else shares them keeps what was.
    pub(super) fn terms_mut(&mut self) -> &mut Terms {
        let terms = Arc::make_mut(&mut self.terms);
        terms.written = Aside::default();
        terms
    }
}
