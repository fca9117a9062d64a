//! Who somebody is, which pools they belong to, and whether enough people are left to say yes.
//!
//! Identity is established at the edge: an [`Actor`] arrives here as a fact, looked up at the moment
//! of the decision. What it may do with a call is decided in [`crate::call`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::gate::{ApprovalGate, MOST_APPROVALS};
use crate::id::{ActorId, PoolName, Role};

/// The role that resolves calls in doubt and may cancel or re-ask any call.
pub const OPERATOR: &str = "operator";
/// The role that reports results of external execution.
pub const REPORTER: &str = "reporter";
/// The role of a service that proposes calls on behalf of any person. It decides nothing.
pub const DELEGATE: &str = "delegate";

/// The role that sets and lifts legal holds, and may see everything that is on record.
pub const AUDITOR: &str = "auditor";
/// The role that changes actors and their keys.
pub const ADMIN: &str = "admin";

/// What kind of actor.
///
/// ```
/// use countersign_core::actor::Kind;
///
/// assert_eq!(serde_json::to_string(&Kind::Person)?, r#""person""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A human being. Only persons decide.
    Person,
    /// A program that is no agent. May report results.
    Service,
    /// A program that a language model steers. May propose calls, for somebody.
    Agent,
    /// Not in the directory. May do nothing; that it tried is recorded.
    Unknown,
}

impl Kind {
    /// As it is stored and recorded.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Agent => "agent",
            Self::Unknown => "unknown",
        }
    }
}

/// Somebody, as of now.
///
/// Whoever looks it up fills in roles and pools; nothing here asks where they come from.
///
/// ```
/// use countersign_core::actor::{Actor, Kind, OPERATOR};
/// use countersign_core::id::{ActorId, PoolName, Role};
///
/// let bob = Actor {
///     id: ActorId::new("bob")?,
///     kind: Kind::Person,
///     roles: [Role::new("manager")?].into(),
///     pools: [PoolName::new("managers")?].into(),
///     auth: "asserted-library".to_owned(),
/// };
/// assert!(bob.is_person() && bob.has_role("manager") && !bob.has_role(OPERATOR));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub id: ActorId,
    /// What kind of actor.
    pub kind: Kind,
    /// Its roles.
    pub roles: BTreeSet<Role>,
    /// The pools it belongs to.
    pub pools: BTreeSet<PoolName>,
    /// How it was authenticated and through which edge, such as `asserted-local (os user 1000) cli`.
    pub auth: String,
}

impl Actor {
    /// Whether it has this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|it| it.as_str() == role)
    }

    /// Whether it is a person.
    pub const fn is_person(&self) -> bool {
        match self.kind {
            Kind::Person => true,
            Kind::Service | Kind::Agent | Kind::Unknown => false,
        }
    }
}

/// The agent that made a call for its requester. Neither it nor its owner ever counts for an approval.
///
/// ```
/// use countersign_core::actor::ActingAgent;
///
/// let bot: ActingAgent = serde_json::from_str(r#"{"id":"bot","owner":"erin"}"#)?;
/// assert_eq!(bot.owner.unwrap().as_str(), "erin");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActingAgent {
    /// The agent.
    pub id: ActorId,
    /// The person who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ActorId>,
}

/// Why a set of approval gates can never be met.
///
/// Such a call is blocked when it is opened, so that nobody waits for what cannot come.
///
/// ```
/// use countersign_core::actor::Unsatisfiable;
/// use countersign_core::id::PoolName;
///
/// let error = Unsatisfiable::UnknownPool(PoolName::new("mangers")?);
/// assert!(error.to_string().contains("there is no pool `mangers`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsatisfiable {
    /// A pool that no policy knows.
    #[error("unsatisfiable: there is no pool `{0}`; add it to the policy")]
    UnknownPool(PoolName),
    /// Not enough people who may vote.
    #[error(
        "unsatisfiable: pool `{pool}` needs {quorum} of its members, and not that many are left besides \
         the requester and the people needed for other pools"
    )]
    TooFew {
        /// Which pool.
        pool: PoolName,
        /// How many people it needs.
        quorum: u16,
    },
    /// More approval gates than one call may have.
    #[error("unsatisfiable: {0} approval gates are more than {MOST_APPROVALS}")]
    TooMany(usize),
}

/// Whether distinct people can meet all gates, each person counting for one.
///
/// `members` are the persons of each known pool. Matching people to places by augmenting paths
/// (Ford and Fulkerson), so that a person who is in two pools is left to the one that needs them.
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet};
/// use std::time::Duration;
///
/// use countersign_core::actor::satisfiable;
/// use countersign_core::gate::ApprovalGate;
/// use countersign_core::id::{ActorId, PoolName};
///
/// let managers = PoolName::new("managers")?;
/// let gate = ApprovalGate {
///     pool: managers.clone(),
///     quorum: 2,
///     expires_in: Duration::from_secs(3600),
///     escalate_after: None,
///     because: Vec::new(),
/// };
/// let people = BTreeSet::from([ActorId::new("alice")?, ActorId::new("bob")?]);
/// let members = BTreeMap::from([(managers, people)]);
/// assert!(satisfiable(&[gate.clone()], &members, &BTreeSet::new()).is_ok());
/// // If alice asks, bob alone cannot be two people.
/// assert!(satisfiable(&[gate], &members, &[ActorId::new("alice")?].into()).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`Unsatisfiable`] names the first gate that cannot be met.
pub fn satisfiable(
    gates: &[ApprovalGate],
    members: &BTreeMap<PoolName, BTreeSet<ActorId>>,
    excluded: &BTreeSet<ActorId>,
) -> Result<(), Unsatisfiable> {
    if gates.len() > MOST_APPROVALS {
        return Err(Unsatisfiable::TooMany(gates.len()));
    }
    let mut taken: BTreeMap<&ActorId, usize> = BTreeMap::new();
    let mut candidates = Vec::new();
    for gate in gates {
        let pool = members
            .get(&gate.pool)
            .ok_or_else(|| Unsatisfiable::UnknownPool(gate.pool.clone()))?;
        candidates.push(
            pool.iter()
                .filter(|it| !excluded.contains(*it))
                .collect::<Vec<_>>(),
        );
    }
    for (place, gate) in gates.iter().enumerate() {
        for _ in 0..gate.quorum {
            if !seat(place, &candidates, &mut taken, &mut BTreeSet::new()) {
                return Err(Unsatisfiable::TooFew {
                    pool: gate.pool.clone(),
                    quorum: gate.quorum,
                });
            }
        }
    }
    Ok(())
}

/// Finds one more person for the gate at `place`, moving others to their other pools if that helps.
fn seat<'a>(
    place: usize,
    candidates: &[Vec<&'a ActorId>],
    taken: &mut BTreeMap<&'a ActorId, usize>,
    tried: &mut BTreeSet<&'a ActorId>,
) -> bool {
    let people = candidates.get(place).map(Vec::as_slice).unwrap_or_default();
    for person in people {
        if !tried.insert(person) {
            continue;
        }
        let free = match taken.get(person).copied() {
            None => true,
            Some(other) => other != place && seat(other, candidates, taken, tried),
        };
        if free {
            taken.insert(person, place);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(text: &str) -> BTreeSet<ActorId> {
        text.split_whitespace()
            .map(|it| ActorId::new(it).unwrap())
            .collect()
    }

    #[track_caller]
    fn check(gates: &[(&str, u16)], pools: &[(&str, &str)], excluded: &str, expected: bool) {
        let gates: Vec<ApprovalGate> = gates
            .iter()
            .map(|(pool, quorum)| ApprovalGate {
                pool: PoolName::new(pool).unwrap(),
                quorum: *quorum,
                expires_in: Duration::ZERO,
                escalate_after: None,
                because: Vec::new(),
            })
            .collect();
        let pools = pools
            .iter()
            .map(|(pool, people)| (PoolName::new(pool).unwrap(), names(people)))
            .collect();
        assert_eq!(satisfiable(&gates, &pools, &names(excluded)).is_ok(), expected);
    }

    #[test]
    fn people_are_moved_to_where_they_are_needed() {
        check(&[("a", 1), ("b", 1)], &[("a", "x y"), ("b", "x")], "", true);
        check(&[("b", 1), ("a", 1)], &[("a", "x"), ("b", "x y")], "", true);
        check(
            &[("a", 2), ("b", 1), ("c", 1)],
            &[("a", "x y z"), ("b", "x y"), ("c", "x")],
            "",
            false,
        );
        check(
            &[("a", 2), ("b", 1), ("c", 1)],
            &[("a", "x y z w"), ("b", "x y"), ("c", "x")],
            "",
            true,
        );
    }

    #[test]
    fn too_few_are_seen() {
        check(&[("a", 1)], &[("a", "")], "", false);
        check(&[("a", 1)], &[], "", false);
        check(&[("a", 1)], &[("a", "x")], "x", false);
        check(&[("a", 2)], &[("a", "x y z")], "x", true);
        check(&[("a", 1), ("a", 1)], &[("a", "x")], "", false);
        check(
            &[("a", 1); 17],
            &[("a", "a b c d e f g h i j k l m n o p q r")],
            "",
            false,
        );
    }
}
