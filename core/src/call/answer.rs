//! What comes of an event: it counts, it counted before, or it is refused.

use serde::{Deserialize, Serialize};

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It counts.
    Accepted,
    /// The same was decided before; it counted then.
    Repeated,
    /// It does not count. The call is as it was.
    Refused(Refusal),
}

/// Why an event does not count. An answer, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Which kind.
    pub code: Code,
    /// What is wrong and what to do, for a person.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// This actor may not do that.
    NotAllowed,
    /// Requester, acting agent or its owner tried to approve.
    SelfApproval,
    /// The requirement is about what the call was before it changed.
    StaleSeal,
    /// The requirement was met or closed by another decision.
    AlreadyDecided,
    /// Too late.
    Expired,
    /// Nothing of that id was ever asked.
    UnknownRequirement,
    /// The values do not fit.
    InvalidInput,
    /// The worker links another version of the tool.
    StaleTool,
    /// Not in this phase, or not under this claim.
    OutOfTurn,
    /// What is stored is not what was sealed.
    Damaged,
}

impl Code {
    /// The code as it is written in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAllowed => "not_allowed",
            Self::SelfApproval => "self_approval",
            Self::StaleSeal => "stale_seal",
            Self::AlreadyDecided => "already_decided",
            Self::Expired => "expired",
            Self::UnknownRequirement => "unknown_requirement",
            Self::InvalidInput => "invalid_input",
            Self::StaleTool => "stale_tool",
            Self::OutOfTurn => "out_of_turn",
            Self::Damaged => "damaged",
        }
    }
}
