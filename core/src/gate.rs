//! What a tool demands before it runs: as declared on the function, and as frozen for one call.
//!
//! Declared gates may carry conditions (`when`). Freezing evaluates them once, for one set of
//! arguments, and adds what the policy's rules demand. A later look may only [tighten](Gates::tightened).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::PoolName;

/// How long a gate asks when neither annotation nor policy say otherwise: seven days.
pub const DEFAULT_EXPIRY: Duration = Duration::from_hours(168);

/// The pool of an `#[approval(required)]` that names none.
pub const DEFAULT_POOL: &str = "approvers";

/// What the attributes on a function demand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredGates {
    /// `requires_user_input`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_input: Option<DeclaredInput>,
    /// `requires_confirmation`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<DeclaredConfirmation>,
    /// `#[approval(required, …)]`, in the order they were written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<DeclaredApproval>,
    /// `external_execution`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<DeclaredExternal>,
    /// `#[approval(audit)]`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<DeclaredAudit>,
}

/// `requires_user_input`: the requester fills fields in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredInput {
    /// The parameters asked, by the names that the JSON uses.
    pub fields: Vec<String>,
    /// Whether the model does not see these fields; otherwise it may pre-fill them.
    pub hidden: bool,
    /// How long it asks.
    #[serde(
        rename = "expires_in_ms",
        with = "optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_in: Option<Duration>,
}

/// `requires_confirmation`: the requester confirms this exact call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredConfirmation {
    /// The text of the condition; none means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How long it asks.
    #[serde(
        rename = "expires_in_ms",
        with = "optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_in: Option<Duration>,
}

/// `#[approval(required, …)]`: members of a pool sign off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredApproval {
    /// Who may approve.
    pub pool: PoolName,
    /// How many distinct people; at least 1.
    pub quorum: u16,
    /// The text of the condition; none means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How long it asks.
    #[serde(
        rename = "expires_in_ms",
        with = "optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_in: Option<Duration>,
}

/// `external_execution`: the result is reported by an outside system.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredExternal {
    /// Whether the function has a body, which hands the work over and returns a receipt.
    pub handoff: bool,
    /// How long it waits for the report.
    #[serde(
        rename = "expires_in_ms",
        with = "optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_in: Option<Duration>,
}

/// `#[approval(audit)]`: never waits, always on record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredAudit {
    /// The text of the condition; none means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Which declared conditions hold for one set of arguments.
///
/// A gate without a `when` holds. A condition that panics holds: doubt closes the gate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Of `requires_confirmation`; ignored if that is not declared.
    pub confirmation: bool,
    /// Of each `#[approval(required)]`, in the order of [`DeclaredGates::approvals`].
    pub approvals: Vec<bool>,
    /// Of `#[approval(audit)]`; ignored if that is not declared.
    pub audit: bool,
}

/// What makes a gate stand: shown by `explain`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    /// The annotation on the function, with its condition if it has one.
    Annotation {
        /// The text of `when`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        when: Option<String>,
    },
    /// A rule of the policy file.
    Rule {
        /// The rule's name.
        rule: String,
    },
}

/// The gates of one call, frozen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    /// The requester fills fields in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_input: Option<InputGate>,
    /// The requester confirms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation: Option<ConfirmationGate>,
    /// Members of pools approve; each gate has its own tally.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalGate>,
    /// An outside system reports the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalGate>,
}

/// Frozen `requires_user_input`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputGate {
    /// The fields asked.
    pub fields: Vec<String>,
    /// How long it asks.
    #[serde(rename = "expires_in_ms", with = "millis")]
    pub expires_in: Duration,
    /// What makes it stand.
    pub because: Vec<Origin>,
}

/// Frozen `requires_confirmation`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmationGate {
    /// How long it asks.
    #[serde(rename = "expires_in_ms", with = "millis")]
    pub expires_in: Duration,
    /// What makes it stand.
    pub because: Vec<Origin>,
}

/// Frozen `#[approval(required)]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalGate {
    /// Who may approve.
    pub pool: PoolName,
    /// How many distinct people.
    pub quorum: u16,
    /// How long it asks.
    #[serde(rename = "expires_in_ms", with = "millis")]
    pub expires_in: Duration,
    /// What makes it stand.
    pub because: Vec<Origin>,
}

/// Frozen `external_execution`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalGate {
    /// Whether a body runs first and hands the work over.
    pub handoff: bool,
    /// How long it waits for the report.
    #[serde(rename = "expires_in_ms", with = "millis")]
    pub expires_in: Duration,
    /// What makes it stand.
    pub because: Vec<Origin>,
}

pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Above 2^53−1 other JSON readers would lose digits; 285,000 years are enough.
    pub(crate) const MOST: u64 = (1 << 53) - 1;

    pub(crate) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(MOST).min(MOST))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

pub(crate) mod optional_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    // The signature is serde's.
    #[expect(clippy::ref_option, reason = "`#[serde(with)]` passes the field by reference")]
    pub(crate) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::millis::serialize(span, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
