//! The call machine: one use of one gated tool, from opening to its end.
//!
//! [`Call::step`] is total. For every phase and event it says what comes next, or refuses, and what
//! is to be recorded; nothing here fails, waits, stores or asks the time. The table is in
//! `docs/ARCHITECTURE.md`; the properties it has are explored exhaustively in `core/tests/explore`.
//!
//! What a newcomer would get wrong: a requirement is never stored. It is derived from phase and
//! seal, so a decision can only ever be about what was shown.

mod answer;
mod aside;
mod decide;
mod erase;
mod event;
mod execute;
mod gating;
mod open;
mod phase;
mod readable;
mod record;
mod remember;
mod remind;
mod seal;
mod settle;
mod shadow;
mod terms;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Code, Refusal};
use aside::Aside;
pub use event::{Claim, Effect, Event, Judgement, Reporter, Resolution};
pub use open::{Opening, Release};
pub use phase::{From, Outcome, Phase, Source, Vote};
pub use seal::Seal;
pub use shadow::{Shadow, ShadowError, may_follow};
use terms::Terms;
use text::Told;

use crate::audit::Draft;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::grant::Change;
use crate::id::{ActorId, GrantId};
use crate::requirement::Ask;
use crate::time::Timestamp;

pub(crate) use decide::persons_only;

/// The version of the stored form of a call.
pub const CALL_VERSION: u32 = 1;
/// How often the arguments of one call may be sealed anew.
pub const MOST_ROUNDS: u32 = 32;
/// How often a tool that is `idempotent` is claimed before a person must look.
pub const MOST_CLAIMS: u16 = 3;
/// How many lost votes one record can name. If more are lost at once, all votes are void.
pub const MOST_VOID: usize = 16;
/// How many tokens for reporting one call may be issued.
pub const MOST_TOKENS: usize = 8;
/// The longest reason or message that is kept, in bytes; longer ones are cut.
pub const MOST_WORDS: usize = 4096;

/// One use of one tool.
///
/// ```
/// use countersign_core::call::{Answer, Call, Event, Opening, Outcome, Phase, Release};
/// # use countersign_core::{actor::{Actor, Kind}, canonical::Canonical, digest::Digest, time::Timestamp};
/// # use countersign_core::gate::{ConfirmationGate, Gates};
/// # use countersign_core::id::{ActorId, CallId, RunId, TenantId, ToolName};
/// # let hour = std::time::Duration::from_secs(3600);
/// # let (kind, auth) = (Kind::Person, "asserted-library".to_owned());
/// # let alice = Actor { id: ActorId::new("alice")?, kind, roles: [].into(), pools: [].into(), auth };
/// # let confirmation = Some(ConfirmationGate { expires_in: hour, because: Vec::new() });
/// # let arguments = Canonical::parse(r#"{"service":"billing"}"#)?;
/// # let release = Release {
/// #     descriptor: Digest::default(), idempotent: false, destructive: false, secrets: Vec::new(),
/// # };
/// # let opening = Opening {
/// #     id: CallId::new(0, 1), run: RunId::new(0, 1), session: None, tenant: TenantId::default(),
/// #     tool: ToolName::new("restart")?, release, requester: alice.clone(), agent: None,
/// #     salt: Digest::new([7; 32]), patience: hour, proposed: arguments.clone(), arguments,
/// #     gates: Gates { confirmation, ..Gates::default() }, rules: Digest::default(), blocked: Vec::new(),
/// #     offer: None,
/// # };
/// # let now = Timestamp::from_millis(0);
///
/// let call = Call::open(opening, now).call; // asks alice, who made it, to confirm
/// let (seal, asked) = (*call.seal(), call.requirements().remove(0));
/// assert_eq!(asked.seal, seal);
/// let event = Event::Rejected { on: asked.id, by: alice, reason: None, stop_run: false };
/// let step = call.step(event, now);
/// assert_eq!(step.answer, Answer::Accepted);
/// assert!(matches!(step.call.phase(), Phase::Closed { outcome: Outcome::Rejected { .. } }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// What stays while people decide. Changed through [`terms_mut`](Call::terms_mut) only.
    terms: Arc<Terms>,
    /// When it was last changed. Stored beside the rest, which the records tell of.
    updated: Timestamp,
    phase: Phase,
    votes: BTreeSet<Vote>,
    claims: u16,
    /// Counts the doubts, so that what settled one is never taken to settle the next.
    doubts: u16,
    tokens: Vec<Digest>,
    decided: Vec<Decided>,
    /// The grant that passed the confirmation under the seal of now.
    granted: Option<GrantId>,
    /// What is asked under the seal of now and was warned of.
    warned: BTreeSet<Ask>,
    /// What is asked under the seal of now and others were told of.
    escalated: BTreeSet<Ask>,
    told: Aside<Told>,
}

/// A decision that was accepted, to recognise the same one again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    on: crate::id::RequirementId,
    by: String,
    what: Digest,
}

/// A call after an event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a step that is not committed never happened"]
pub struct Step {
    /// The call as it is now.
    pub call: Call,
    /// What came of the event.
    pub answer: Answer,
    /// What to record, in the transaction that stores the call. None for what changes nothing worth keeping.
    pub record: Option<Draft>,
    /// A grant that was made or used, to be stored and recorded in the same transaction.
    pub change: Option<Box<Change>>,
}

/// A stored call that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// It was written by a newer release.
    #[error("this call has format {found}, this program reads up to {CALL_VERSION}; use a newer release")]
    Newer {
        /// The stored version.
        found: u64,
    },
    /// It is not a call.
    #[error("the stored call is damaged: {0}")]
    Damaged(String),
}

impl Call {
    /// What comes of an event. Time never runs backwards: `now` is at least the time of the last event.
    pub fn step(mut self, event: Event, now: Timestamp) -> Step {
        let now = now.max(self.updated);
        let before = self.updated;
        self.updated = now;
        let was = self.told.take().digest().or_else(|| self.state());
        let mut step = self.stepped(event, now);
        if let Answer::Refused(_) | Answer::Repeated = step.answer {
            step.call.updated = before;
        }
        step.seen_from(was);
        step
    }

    fn stepped(self, event: Event, now: Timestamp) -> Step {
        match event {
            Event::Filled {
                on,
                by,
                values,
                arguments,
            } => self.filled(on, &by, &values, arguments, now),
            Event::Confirmed {
                on,
                by,
                reason,
                remember,
            } => self.confirmed(on, &by, reason, remember.as_ref(), now),
            Event::Amended {
                on,
                by,
                arguments,
                reason,
            } => self.amended(on, &by, arguments, reason, now),
            Event::Answered { on, by, answer } => self.answered(on, &by, &answer, now),
            Event::Approved { on, by, reason } => self.approved(on, &by, reason, now),
            Event::Rejected {
                on,
                by,
                reason,
                stop_run,
            } => self.rejected(on, &by, reason, stop_run, now),
            Event::Reported { on, by, report } => self.reported(on, &by, report, now),
            Event::Resolved {
                on,
                by,
                reason,
                resolution,
            } => self.resolved(on, &by, &reason, resolution, now),
            Event::Reasked { on, by, reason } => self.reasked(on, &by, reason, now),
            Event::Cancelled { by, reason } => self.cancelled(&by, reason),
            Event::Gated(judgement) => self.gated(judgement, now),
            Event::Refused { errors } => self.gating_refused(errors, now),
            Event::Tightened {
                gates,
                rules,
                satisfiable,
            } => self.tightened(&gates, rules, satisfiable, now),
            Event::Warned => self.warned(now),
            Event::Escalated => self.escalated(now),
            Event::DeadlinePassed => self.deadline_passed(now),
            Event::Claimed {
                worker,
                until,
                descriptor,
                voters,
                token,
            } => self.claimed(worker, until, descriptor, &voters, token, now),
            Event::Renewed { claim, until } => self.renewed(claim, until),
            Event::Returned { claim, result } => self.returned(claim, result, now),
            Event::Failed { claim, error, effect } => self.failed(claim, error, effect),
            Event::TimedOut { claim } => self.timed_out(claim),
            Event::LeaseLapsed => self.lease_lapsed(now),
            Event::TokenIssued { by, token } => self.token_issued(&by, token),
        }
    }

    /// The first gate that the requester or the pools are asked for.
    fn first_gate(&self, now: Timestamp, deadline: Timestamp) -> Phase {
        match &self.terms.gates.confirmation {
            Some(gate) => Phase::Confirm {
                deadline: now.after(gate.expires_in),
            },
            None => self.after_confirmation(now, deadline),
        }
    }

    /// The first gate of a call whose gates have changed. What was filled in stays; fields that only the
    /// new gates ask for are asked before anything else.
    fn next_gate(&self, before: &Gates, now: Timestamp, deadline: Timestamp) -> Phase {
        let asked = |field| {
            before
                .user_input
                .as_ref()
                .is_some_and(|it| it.fields.contains(field))
        };
        match &self.terms.gates.user_input {
            Some(gate) if !gate.fields.iter().all(asked) => Phase::Input {
                deadline: now.after(gate.expires_in),
            },
            Some(_) | None => self.first_gate(now, deadline),
        }
    }

    fn after_confirmation(&self, now: Timestamp, deadline: Timestamp) -> Phase {
        match self
            .terms
            .gates
            .approvals
            .iter()
            .map(|it| now.after(it.expires_in))
            .min()
        {
            Some(deadline) => Phase::Approve { deadline },
            None => self.after_approvals(now, deadline),
        }
    }

    fn after_approvals(&self, now: Timestamp, deadline: Timestamp) -> Phase {
        match &self.terms.gates.external {
            Some(gate) if !gate.handoff => Phase::External {
                receipt: None,
                deadline: now.after(gate.expires_in),
                cleared: deadline,
            },
            Some(_) | None => Phase::Cleared { deadline },
        }
    }

    /// It may have run, and nobody knows. `cleared` is the deadline it was cleared with.
    fn fall_into_doubt(&mut self, claim: Option<Claim>, cleared: Timestamp) {
        self.doubts = self.doubts.saturating_add(1);
        // Should the outside be asked once more, it has all its time once more.
        self.warned.remove(&Ask::External);
        self.phase = Phase::InDoubt {
            claim,
            deadline: cleared,
        };
    }

    /// Closes, and wipes what nobody may see.
    fn close(&mut self, outcome: Outcome) {
        self.phase = Phase::Closed { outcome };
        if !self.terms.secrets.is_empty() {
            let shown = self.shown_arguments();
            self.terms_mut().arguments = shown;
        }
        self.tokens.clear();
    }

    /// Whether this actor may never approve: the requester, the acting agent, its owner.
    pub fn is_own(&self, actor: &ActorId) -> bool {
        self.terms.requester == *actor
            || self
                .terms
                .agent
                .as_ref()
                .is_some_and(|it| it.id == *actor || it.owner.as_ref() == Some(actor))
    }

    /// Whether the tool, or the outside system, may have acted although the outcome says nothing of a run:
    /// it was claimed or in doubt before, and nobody has said what became of that.
    pub const fn may_have_run(&self) -> bool {
        let told = match &self.phase {
            Phase::Closed { outcome } => match outcome {
                Outcome::Returned { .. } | Outcome::Failed { .. } => true,
                Outcome::Answered { .. }
                | Outcome::Rejected { .. }
                | Outcome::Blocked { .. }
                | Outcome::Expired
                | Outcome::Cancelled { .. }
                | Outcome::Abandoned { .. } => false,
            },
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. } => false,
        };
        !told && (self.claims > 0 || self.doubts > 0)
    }

    /// How many votes a gate has.
    pub fn votes_for(&self, gate: usize) -> usize {
        self.votes.iter().filter(|it| it.gate == gate).count()
    }

    /// Whether every approval gate has its quorum.
    fn is_approved(&self) -> bool {
        self.terms
            .gates
            .approvals
            .iter()
            .enumerate()
            .all(|(place, gate)| self.votes_for(place) >= usize::from(gate.quorum))
    }
}
