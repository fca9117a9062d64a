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
///
/// ```
/// use std::time::Duration;
///
/// use countersign_core::gate::{Conditions, DeclaredApproval, DeclaredGates};
/// use countersign_core::id::PoolName;
///
/// let declared = DeclaredGates {
///     approvals: vec![DeclaredApproval {
///         pool: PoolName::new("managers")?,
///         quorum: 1,
///         when: Some("* amount_cents >= 10_000".to_owned()),
///         expires_in: None,
///     }],
///     ..DeclaredGates::default()
/// };
/// let small = Conditions { approvals: vec![false], ..Conditions::default() };
/// let large = Conditions { approvals: vec![true], ..Conditions::default() };
/// let day = Duration::from_secs(24 * 3600);
/// assert!(declared.any());
/// assert!(!declared.frozen(&small, day).any());
/// assert_eq!(declared.frozen(&large, day).approvals[0].expires_in, day);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// # use countersign_core::gate::DeclaredInput;
/// let gate = DeclaredInput { fields: vec!["severity".to_owned()], hidden: true, expires_in: None };
/// assert_eq!(serde_json::to_string(&gate)?, r#"{"fields":["severity"],"hidden":true}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// ```
/// assert_eq!(countersign_core::gate::DeclaredConfirmation::default().when, None); // always
/// ```
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
///
/// ```
/// use countersign_core::gate::DeclaredApproval;
/// let gate: DeclaredApproval = serde_json::from_str(r#"{"pool":"finance","quorum":2,"expires_in_ms":60000}"#)?;
/// assert_eq!(gate.expires_in, Some(std::time::Duration::from_secs(60)));
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// ```
/// let gate = countersign_core::gate::DeclaredExternal::default();
/// assert!(!gate.handoff); // nothing runs here; the result is reported
/// ```
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
///
/// ```
/// use countersign_core::gate::{DeclaredAudit, DeclaredGates};
/// let gates = DeclaredGates { audit: Some(DeclaredAudit::default()), ..DeclaredGates::default() };
/// assert!(!gates.any());
/// ```
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
///
/// ```
/// let all = countersign_core::gate::Conditions { confirmation: true, approvals: vec![true], audit: true };
/// assert_ne!(all, Default::default()); // the default: none of the declared conditions hold
/// ```
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
///
/// ```
/// let rule = "production is serious".to_owned();
/// let origin = countersign_core::gate::Origin::Rule { rule, when: vec![], doubts: vec![], revision: 3 };
/// let text = r#"{"from":"rule","rule":"production is serious","revision":3}"#;
/// assert_eq!(serde_json::to_string(&origin)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
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
        /// Its conditions on the arguments, as they are written. All of them hold, or cannot be tested.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        when: Vec<String>,
        /// Why a condition could not be tested, and so counts as holding.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        doubts: Vec<String>,
        /// The revision of the policy that it was read from.
        revision: u64,
    },
}

/// The gates of one call, frozen.
///
/// Part of the seal: what people were shown and what will be checked are these gates and no others.
///
/// ```
/// use countersign_core::gate::Gates;
///
/// let annotation: Gates = serde_json::from_str(
///     r#"{"approvals":[{"pool":"managers","quorum":1,"expires_in_ms":60000,"because":[]}]}"#,
/// )?;
/// let rule: Gates = serde_json::from_str(
///     r#"{"approvals":[{"pool":"managers","quorum":2,"expires_in_ms":90000,"because":[]}]}"#,
/// )?;
/// let both = annotation.tightened(&rule); // quorum 2 within a minute
/// assert!(both.cover(&rule) && both.cover(&annotation) && !annotation.cover(&rule));
/// # Ok::<(), serde_json::Error>(())
/// ```
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
///
/// ```
/// let text = r#"{"fields":["severity"],"expires_in_ms":60000,"because":[{"from":"annotation"}]}"#;
/// let gate: countersign_core::gate::InputGate = serde_json::from_str(text).unwrap();
/// assert_eq!(gate.fields, ["severity"]);
/// ```
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
///
/// ```
/// use countersign_core::gate::{ConfirmationGate, Gates};
/// # use std::time::Duration;
/// let gate = ConfirmationGate { expires_in: Duration::from_secs(60), because: Vec::new() };
/// assert!(Gates { confirmation: Some(gate), ..Gates::default() }.asks_requester());
/// ```
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
///
/// ```
/// let text = r#"{"pool":"managers","quorum":1,"expires_in_ms":60000,"because":[{"from":"annotation"}]}"#;
/// let gate: countersign_core::gate::ApprovalGate = serde_json::from_str(text).unwrap();
/// assert_eq!(gate.quorum, 1);
/// ```
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
    /// After how long others are told besides that it asks. It demands nothing and lets nobody else
    /// approve; a gate is as strict with it as without.
    #[serde(
        rename = "escalate_after_ms",
        with = "optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub escalate_after: Option<Duration>,
    /// What makes it stand.
    pub because: Vec<Origin>,
}

/// Frozen `external_execution`.
///
/// ```
/// use countersign_core::gate::{ExternalGate, Gates};
/// # use std::time::Duration;
/// let gate = ExternalGate { handoff: false, expires_in: Duration::from_secs(60), because: Vec::new() };
/// assert!(!Gates { external: Some(gate), ..Gates::default() }.has_body());
/// ```
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

/// The most approval gates that one call may have.
pub const MOST_APPROVALS: usize = 16;

impl Gates {
    /// Whether the call must be kept: somebody is asked, or something is reported.
    pub fn any(&self) -> bool {
        self.user_input.is_some()
            || self.confirmation.is_some()
            || !self.approvals.is_empty()
            || self.external.is_some()
    }

    /// Whether the requester is asked, and so must be a person.
    pub const fn asks_requester(&self) -> bool {
        self.user_input.is_some() || self.confirmation.is_some()
    }

    /// Whether our worker runs a function: always, unless the tool has no body.
    pub fn has_body(&self) -> bool {
        self.external.as_ref().is_none_or(|it| it.handoff)
    }

    /// The union: whatever satisfies it satisfies both.
    ///
    /// Approval gates of one pool are matched largest quorum first, and each pair keeps the larger
    /// quorum and the shorter time. Only where one side has more gates of a pool do gates add up.
    #[must_use]
    pub fn tightened(&self, other: &Self) -> Self {
        Self {
            user_input: both(self.user_input.as_ref(), other.user_input.as_ref(), |a, b| {
                InputGate {
                    fields: joined(&a.fields, &b.fields),
                    expires_in: a.expires_in.min(b.expires_in),
                    because: joined(&a.because, &b.because),
                }
            }),
            confirmation: both(self.confirmation.as_ref(), other.confirmation.as_ref(), |a, b| {
                ConfirmationGate {
                    expires_in: a.expires_in.min(b.expires_in),
                    because: joined(&a.because, &b.because),
                }
            }),
            approvals: tightened_approvals(&self.approvals, &other.approvals),
            external: both(self.external.as_ref(), other.external.as_ref(), |a, b| {
                ExternalGate {
                    // Without a body there is nothing to run; the stricter of the two runs nothing.
                    handoff: a.handoff && b.handoff,
                    expires_in: a.expires_in.min(b.expires_in),
                    because: joined(&a.because, &b.because),
                }
            }),
        }
    }

    /// Whether `other` demands nothing that these gates do not.
    pub fn cover(&self, other: &Self) -> bool {
        let input = covers(self.user_input.as_ref(), other.user_input.as_ref(), |a, b| {
            a.expires_in <= b.expires_in && b.fields.iter().all(|it| a.fields.contains(it))
        });
        let confirmation = covers(self.confirmation.as_ref(), other.confirmation.as_ref(), |a, b| {
            a.expires_in <= b.expires_in
        });
        let external = covers(self.external.as_ref(), other.external.as_ref(), |a, b| {
            a.expires_in <= b.expires_in && (b.handoff || !a.handoff)
        });
        input && confirmation && external && cover_approvals(&self.approvals, &other.approvals)
    }
}

fn covers<T>(a: Option<&T>, b: Option<&T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (a, b) {
        (_, None) => true,
        (Some(a), Some(b)) => covers(a, b),
        (None, Some(_)) => false,
    }
}

/// Whether each gate of `b` has one of its own in `a` that is as strict.
///
/// Largest quorum first, each takes the most patient gate that will do: what is left can do more.
fn cover_approvals(a: &[ApprovalGate], b: &[ApprovalGate]) -> bool {
    let mut free: Vec<&ApprovalGate> = a.iter().collect();
    let mut needed: Vec<&ApprovalGate> = b.iter().collect();
    needed.sort_by_key(|it| std::cmp::Reverse(it.quorum));
    needed.into_iter().all(|needed| {
        let best = free
            .iter()
            .enumerate()
            .filter(|(_, it)| {
                it.pool == needed.pool && it.quorum >= needed.quorum && it.expires_in <= needed.expires_in
            })
            .max_by_key(|(_, it)| it.expires_in)
            .map(|(place, _)| place);
        best.map(|place| free.swap_remove(place)).is_some()
    })
}

fn both<T: Clone>(a: Option<&T>, b: Option<&T>, join: impl Fn(&T, &T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

fn joined<T: Clone + PartialEq>(a: &[T], b: &[T]) -> Vec<T> {
    let mut all = a.to_vec();
    all.extend(b.iter().filter(|it| !a.contains(it)).cloned());
    all
}

fn tightened_approvals(a: &[ApprovalGate], b: &[ApprovalGate]) -> Vec<ApprovalGate> {
    let mut pools: Vec<&PoolName> = a.iter().chain(b).map(|it| &it.pool).collect();
    pools.sort();
    pools.dedup();
    let mut union = Vec::new();
    for pool in pools {
        let of_pool = |gates: &[ApprovalGate]| {
            let mut of_pool: Vec<ApprovalGate> =
                gates.iter().filter(|it| it.pool == *pool).cloned().collect();
            of_pool.sort_by(|x, y| y.quorum.cmp(&x.quorum).then(x.expires_in.cmp(&y.expires_in)));
            of_pool
        };
        let (a, b) = (of_pool(a), of_pool(b));
        for place in 0..a.len().max(b.len()) {
            union.extend(both(a.get(place), b.get(place), |a, b| ApprovalGate {
                pool: a.pool.clone(),
                quorum: a.quorum.max(b.quorum),
                expires_in: a.expires_in.min(b.expires_in),
                escalate_after: a.escalate_after.into_iter().chain(b.escalate_after).min(),
                because: joined(&a.because, &b.because),
            }));
        }
    }
    union
}

impl DeclaredGates {
    /// The declared gates whose conditions hold. `expiry` is how long a gate asks that does not say.
    ///
    /// A missing entry in `conditions` counts as holding.
    pub fn frozen(&self, conditions: &Conditions, expiry: Duration) -> Gates {
        let annotation = |when: Option<&String>| vec![Origin::Annotation { when: when.cloned() }];
        Gates {
            user_input: self.frozen_input(expiry),
            confirmation: self
                .confirmation
                .as_ref()
                .filter(|_| conditions.confirmation)
                .map(|it| ConfirmationGate {
                    expires_in: it.expires_in.unwrap_or(expiry),
                    because: annotation(it.when.as_ref()),
                }),
            approvals: self
                .approvals
                .iter()
                .enumerate()
                .filter(|(place, _)| conditions.approvals.get(*place).copied().unwrap_or(true))
                .map(|(_, it)| ApprovalGate {
                    pool: it.pool.clone(),
                    quorum: it.quorum.max(1),
                    expires_in: it.expires_in.unwrap_or(expiry),
                    escalate_after: None,
                    because: annotation(it.when.as_ref()),
                })
                .collect(),
            external: self.external.as_ref().map(|it| ExternalGate {
                handoff: it.handoff,
                expires_in: it.expires_in.unwrap_or(expiry),
                because: annotation(None),
            }),
        }
    }

    /// The input gate alone: what can be known before the arguments are complete.
    pub fn frozen_input(&self, expiry: Duration) -> Option<InputGate> {
        self.user_input.as_ref().map(|it| InputGate {
            fields: it.fields.clone(),
            expires_in: it.expires_in.unwrap_or(expiry),
            because: vec![Origin::Annotation { when: None }],
        })
    }

    /// Whether a call of this tool may have to wait.
    pub fn any(&self) -> bool {
        self.user_input.is_some()
            || self.confirmation.is_some()
            || !self.approvals.is_empty()
            || self.external.is_some()
    }
}

#[cfg(test)]
mod tests;
