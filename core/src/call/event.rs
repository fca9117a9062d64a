//! What can happen to a call. Past tense: whoever makes one says that it happened, the machine
//! decides whether it counts.

use super::Release;
use crate::actor::Actor;
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::grant::{Offer, Wish};
use crate::id::{RequirementId, WorkerId};
use crate::time::Timestamp;

/// Something that happened, or that somebody wants to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once per step and taken apart at once"
)]
pub enum Event {
    /// The requester filled the asked fields in. `arguments` are all arguments with them.
    Filled {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// What was filled in.
        values: Canonical,
        /// The arguments with the values in them, checked against the schema by the desk.
        arguments: Canonical,
    },
    /// The requester confirmed this exact call.
    Confirmed {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
        /// What is to be remembered of it.
        remember: Option<Wish>,
    },
    /// The requester replaced the arguments.
    Amended {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// All arguments anew.
        arguments: Canonical,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// The requester gave the answer in place of the tool.
    Answered {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// The answer, JSON text.
        answer: Canonical,
    },
    /// A member of the pool approved.
    Approved {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// The requester or a member of the pool said no. Final.
    Rejected {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
        /// Whether the whole run is to stop.
        stop_run: bool,
    },
    /// The outside system reported how the work ended.
    Reported {
        /// What it answers.
        on: RequirementId,
        /// Who says so.
        by: Reporter,
        /// The result as JSON text, checked against the output schema by the desk; or what went wrong.
        report: Result<Canonical, String>,
    },
    /// An operator settled a call of which nobody knows whether it ran.
    Resolved {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// Why, in their words; required.
        reason: String,
        /// How.
        resolution: Resolution,
    },
    /// The requester or an operator wants the gates asked anew, as when the tool changed meanwhile.
    Reasked {
        /// What it answers.
        on: RequirementId,
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// The requester or an operator withdrew the call.
    Cancelled {
        /// Who.
        by: Actor,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// A process that links the tool decoded the arguments and evaluated the conditions.
    Gated(Judgement),
    /// A process that links the tool found that these arguments cannot be run.
    Refused {
        /// What is wrong with them.
        errors: Vec<String>,
    },
    /// The policy of now demands more than what was frozen.
    Tightened {
        /// What it demands.
        gates: Gates,
        /// The hash of the rules applied.
        rules: Digest,
        /// Whether the union of these gates and the frozen ones can be met at all; else why not.
        satisfiable: Result<(), String>,
    },
    /// A quarter of the time of what is asked is left.
    Warned,
    /// What is asked has waited so long that others are to be told.
    Escalated,
    /// The time of what is asked is over.
    DeadlinePassed,
    /// A worker wants to run the call.
    Claimed {
        /// The worker.
        worker: WorkerId,
        /// Until when the worker must have renewed.
        until: Timestamp,
        /// The descriptor of the tool that it links.
        descriptor: Digest,
        /// Everybody who voted, as they stand now.
        voters: Vec<Actor>,
        /// The hash of the token with which the result of a hand-off may be reported.
        token: Option<Digest>,
    },
    /// The worker is alive.
    Renewed {
        /// Its claim.
        claim: Claim,
        /// Until when it must have renewed again.
        until: Timestamp,
    },
    /// The function returned.
    Returned {
        /// Under which claim.
        claim: Claim,
        /// The result, JSON text; of a hand-off, the receipt.
        result: String,
    },
    /// The function returned an error, panicked, or could not be started.
    Failed {
        /// Under which claim.
        claim: Claim,
        /// What went wrong.
        error: String,
        /// Whether it may have acted.
        effect: Effect,
    },
    /// The function exceeded its time limit and was given up.
    TimedOut {
        /// Under which claim.
        claim: Claim,
    },
    /// The worker has not renewed its claim in time.
    LeaseLapsed,
    /// Somebody who may report asked for a token to report with.
    TokenIssued {
        /// Who.
        by: Actor,
        /// The hash of the token.
        token: Digest,
    },
}

/// What a process that links the tool makes of arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The version of the tool that it links.
    pub release: Release,
    /// The arguments, after guardrails.
    pub arguments: Canonical,
    /// What annotation and policy demand for these arguments.
    pub gates: Gates,
    /// The hash of the rules applied.
    pub rules: Digest,
    /// Whether these gates can be met at all; else why not.
    pub satisfiable: Result<(), String>,
    /// A grant that may pass the confirmation.
    pub offer: Option<Offer>,
}

/// Which claim of a call: the worker and how many claims there had been. An older claim is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The worker.
    pub worker: WorkerId,
    /// The number of this claim of the call, from 1.
    pub number: u16,
}

/// Who reports a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reporter {
    /// Whoever holds a token of this hash.
    Token(Digest),
    /// An actor with the role `reporter`.
    Actor(Actor),
}

/// Whether a function that failed may have acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It was not started.
    None,
    /// It ran and said that it failed; what it did until then only it knows.
    Reported,
    /// It panicked: nobody knows.
    Unknown,
}

/// How a call in doubt is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// Run it again, with the same idempotency key.
    Retry {
        /// Everybody who voted, as they stand now.
        voters: Vec<Actor>,
    },
    /// It was handed over; the outside system will report.
    HandedOff,
    /// It ran, with this result (JSON text).
    Done {
        /// The result.
        result: Canonical,
    },
    /// It stays unknown. It may have run.
    Abandon,
}
