//! How a call begins.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::aside::Aside;
use super::record::Note;
use super::terms::Terms;
use super::{Call, Outcome, Phase, Seal, Step};
use crate::actor::{ActingAgent, Actor};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::grant::Offer;
use crate::id::{CallId, RunId, SessionId, TenantId, ToolName};
use crate::time::Timestamp;

/// What a call is opened with.
#[derive(Debug, Clone)]
pub struct Opening {
    /// A fresh id.
    pub id: CallId,
    /// The run it belongs to.
    pub run: RunId,
    /// The session of that run, if it belongs to one.
    pub session: Option<SessionId>,
    /// Whose data.
    pub tenant: TenantId,
    /// The tool.
    pub tool: ToolName,
    /// What its version says of it.
    pub release: Release,
    /// On whose behalf.
    pub requester: Actor,
    /// Which agent made it, if one did.
    pub agent: Option<ActingAgent>,
    /// 32 fresh random bytes.
    pub salt: Digest,
    /// How long a phase lasts that no gate gives a time.
    pub patience: Duration,
    /// The arguments as the model sent them.
    pub proposed: Canonical,
    /// The arguments after guardrails, decoded and checked.
    pub arguments: Canonical,
    /// The frozen gates; only the input gate, if fields are still to be filled in.
    pub gates: Gates,
    /// The hash of the rules applied.
    pub rules: Digest,
    /// Why it cannot be let through, if it cannot.
    pub blocked: Vec<String>,
    /// A grant that may pass the confirmation.
    pub offer: Option<Offer>,
}

/// What a version of a tool says of it, as far as its calls depend on it.
///
/// ```
/// use countersign_core::call::Release;
/// use countersign_core::digest::Digest;
///
/// let release = Release {
///     descriptor: Digest::default(),
///     idempotent: false,
///     destructive: true,
///     secrets: vec!["pin".to_owned()],
/// };
/// assert!(release.destructive); // "any arguments" is never remembered of it
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The digest of its descriptor.
    pub descriptor: Digest,
    /// Whether it may be run again without harm.
    pub idempotent: bool,
    /// Whether it destroys something.
    pub destructive: bool,
    /// The names of its `secret` arguments.
    pub secrets: Vec<String>,
}

impl Call {
    /// Opens a call: asks for its first gate, or closes it as blocked.
    pub fn open(opening: Opening, now: Timestamp) -> Step {
        let mut errors = opening.blocked;
        if opening.gates.asks_requester() && !opening.requester.is_person() {
            errors.push(format!(
                "`{}` asks its requester, and `{}` is not a person; make the call on behalf of one",
                opening.tool, opening.requester.id
            ));
        }
        let terms = Terms {
            id: opening.id,
            run: opening.run,
            session: opening.session,
            tenant: opening.tenant,
            tool: opening.tool,
            requester: opening.requester.id.clone(),
            agent: opening.agent,
            opened: now,
            descriptor: opening.release.descriptor,
            idempotent: opening.release.idempotent,
            destructive: opening.release.destructive,
            secrets: opening.release.secrets,
            salt: opening.salt,
            patience: opening.patience,
            proposal: Digest::default(),
            as_proposed: opening.proposed == opening.arguments,
            arguments: opening.arguments,
            gates: opening.gates,
            rules: opening.rules,
            round: 0,
            committed: Digest::default(),
            seal: Seal(Digest::default()),
            past_seals: Vec::new(),
            written: Aside::default(),
        };
        let mut call = Self {
            terms: Arc::new(terms),
            updated: now,
            phase: Phase::Cleared {
                deadline: now.after(opening.patience),
            },
            votes: BTreeSet::new(),
            claims: 0,
            doubts: 0,
            tokens: Vec::new(),
            decided: Vec::new(),
            granted: None,
            warned: BTreeSet::new(),
            escalated: BTreeSet::new(),
            told: Aside::default(),
        };
        call.terms_mut().proposal = call.proposal_of(&opening.proposed);
        call.seal_as_is();
        let mut note = Note::new("call.opened")
            .by(&opening.requester)
            .arguments(call.shown());
        let mut change = None;
        if errors.is_empty() {
            call.phase = match &call.terms.gates.user_input {
                Some(gate) => Phase::Input {
                    deadline: now.after(gate.expires_in),
                },
                None => call.first_gate(now, now.after(call.terms.patience)),
            };
            change = call.pass_confirmation(opening.offer.as_ref(), now);
        } else {
            note = note.words("errors", &errors.join("\n"));
            call.close(Outcome::Blocked { errors });
        }
        let mut step = call.accepted(note.passed_by(change.as_deref()));
        step.seen_from(None);
        Step { change, ..step }
    }
}
