//! What everybody may read of a call. Nobody but the machine writes.

use std::collections::BTreeSet;

use super::{Call, Phase, Seal, Vote};
use crate::actor::ActingAgent;
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::id::{ActorId, CallId, GrantId, RunId, SessionId, TenantId, ToolName};
use crate::time::Timestamp;

macro_rules! readable {
    ($($(#[doc = $doc:literal])* $field:ident: $type:ty;)*) => {
        impl Call {$(
            $(#[doc = $doc])*
            pub const fn $field(&self) -> &$type {
                &self.$field
            }
        )*}
    };
    (terms: $($(#[doc = $doc:literal])* $field:ident: $type:ty;)*) => {
        impl Call {$(
            $(#[doc = $doc])*
            pub fn $field(&self) -> &$type {
                &self.terms.$field
            }
        )*}
    };
}

readable! {
    terms:
    /// Which call.
    id: CallId;
    /// The run it belongs to.
    run: RunId;
    /// The session of that run.
    session: Option<SessionId>;
    /// Whose data.
    tenant: TenantId;
    /// The tool.
    tool: ToolName;
    /// On whose behalf.
    requester: ActorId;
    /// Which agent made it.
    agent: Option<ActingAgent>;
    /// Whether every version of the tool that gated the call was `idempotent`.
    idempotent: bool;
    /// Whether the tool is `destructive`.
    destructive: bool;
    /// When it was opened.
    opened: Timestamp;
    /// The descriptor that it was last gated with.
    descriptor: Digest;
    /// The arguments that will run. Holds secrets: show [`shown_arguments`](Call::shown_arguments).
    arguments: Canonical;
    /// The frozen gates.
    gates: Gates;
    /// The hash of the rules applied.
    rules: Digest;
    /// The seal.
    seal: Seal;
    /// The seals it had before, oldest first.
    past_seals: Vec<Seal>;
}

readable! {
    /// When it was last changed.
    updated: Timestamp;
    /// Where it stands.
    phase: Phase;
    /// The approvals so far.
    votes: BTreeSet<Vote>;
    /// The grant that passed its confirmation, if one did.
    granted: Option<GrantId>;
    /// How often it was claimed.
    claims: u16;
    /// How often nobody knew whether it had run.
    doubts: u16;
}
