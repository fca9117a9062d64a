//! Where a call can stand, and how it can end.

use serde::{Deserialize, Serialize};

use super::{Claim, Effect};
use crate::canonical::Canonical;
use crate::id::ActorId;
use crate::time::Timestamp;

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum Phase {
    /// The requester is asked for fields.
    Input {
        /// Until when.
        deadline: Timestamp,
    },
    /// Arguments wait to be decoded and judged by a process that links the tool.
    Gating {
        /// How it got here.
        from: From,
        /// Until when.
        deadline: Timestamp,
    },
    /// The requester is asked to confirm.
    Confirm {
        /// Until when.
        deadline: Timestamp,
    },
    /// Pools are asked.
    Approve {
        /// Until when; of several gates, the earliest.
        deadline: Timestamp,
    },
    /// Every gate is met. A worker may claim it.
    Cleared {
        /// Until when.
        deadline: Timestamp,
    },
    /// A worker runs it. Committed before the function starts.
    Executing {
        /// Whose claim.
        claim: Claim,
        /// Until when the worker must have renewed. Stored beside the call, because no record tells of it.
        #[serde(skip)]
        until: Timestamp,
        /// The deadline it was cleared with.
        deadline: Timestamp,
        /// What the outside reported before the hand-off had returned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        report: Option<Outcome>,
    },
    /// The outside system works on it.
    External {
        /// What the hand-off returned, JSON text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<String>,
        /// Until when.
        deadline: Timestamp,
        /// The deadline it was cleared with: until then, what was decided holds.
        cleared: Timestamp,
    },
    /// It may have run; nobody knows.
    InDoubt {
        /// The claim that was lost, if a worker had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        claim: Option<Claim>,
        /// The deadline it was cleared with.
        deadline: Timestamp,
    },
    /// The end.
    Closed {
        /// How.
        outcome: Outcome,
    },
}

/// How a call got into [`Phase::Gating`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum From {
    /// Fields were filled in.
    Filled {
        /// All arguments.
        arguments: Canonical,
    },
    /// The arguments were replaced.
    Amended {
        /// All arguments.
        arguments: Canonical,
    },
    /// The gates are to be asked anew.
    Reasked,
    /// An operator wants it run again, and what was decided no longer holds.
    Retried,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It ran.
    Returned {
        /// The result, JSON text.
        result: String,
        /// Who says so.
        source: Source,
    },
    /// It ran and failed, or could not be started.
    Failed {
        /// What went wrong.
        error: String,
        /// Whether it may have acted.
        effect: Effect,
        /// Who says so.
        source: Source,
    },
    /// The requester gave the answer; the tool never ran.
    Answered {
        /// The answer of a human, JSON text.
        answer: String,
        /// Who.
        by: ActorId,
    },
    /// Somebody said no; the tool never ran.
    Rejected {
        /// Who.
        by: ActorId,
        /// Why, in their words.
        reason: Option<String>,
        /// Whether the whole run is to stop.
        stop_run: bool,
    },
    /// It could not be let through; the tool never ran.
    Blocked {
        /// Why.
        errors: Vec<String>,
    },
    /// Nobody answered in time; the tool never ran.
    Expired,
    /// It was withdrawn; the tool never ran.
    Cancelled {
        /// Who.
        by: ActorId,
        /// Why, in their words.
        reason: Option<String>,
    },
    /// It was given up. It may have run.
    Abandoned {
        /// Who.
        by: ActorId,
        /// Why, in their words.
        reason: String,
    },
}

/// Who says how a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The function itself.
    Tool,
    /// An outside system.
    Reported,
    /// An operator, about a call in doubt.
    Resolved,
}

/// Somebody's approval, for one gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The place of the gate among the frozen approval gates.
    pub gate: usize,
    /// Who.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
}

impl Phase {
    /// The phase as it is written in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Gating { .. } => "gating",
            Self::Confirm { .. } => "confirm",
            Self::Approve { .. } => "approve",
            Self::Cleared { .. } => "cleared",
            Self::Executing { .. } => "executing",
            Self::External { .. } => "external",
            Self::InDoubt { .. } => "in_doubt",
            Self::Closed { .. } => "closed",
        }
    }
}

impl Outcome {
    /// The outcome as it is written in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Returned { .. } => "returned",
            Self::Failed { .. } => "failed",
            Self::Answered { .. } => "answered",
            Self::Rejected { .. } => "rejected",
            Self::Blocked { .. } => "blocked",
            Self::Expired => "expired",
            Self::Cancelled { .. } => "cancelled",
            Self::Abandoned { .. } => "abandoned",
        }
    }
}
