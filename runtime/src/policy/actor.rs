//! An actor as policy and store know it, and what no actor may be.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::actor::{DELEGATE, Kind, REPORTER};
use countersign_core::id::{ActorId, Role};
use serde::{Deserialize, Serialize};

/// The most roles of one actor: a record of a change names them twice.
const MOST_ROLES: usize = 32;

/// An actor as the policy file seeds it and as the store keeps it.
///
/// Only persons hold roles freely. A service may be a `reporter`, a `delegate`, and nothing else. An agent holds no role at
/// all, so that no pool lets it approve, nor does any key that is made for it.
///
/// ```
/// use countersign::Policy;
/// use countersign::core::actor::Kind;
///
/// let policy = Policy::parse("[actors]\nrelay = { kind = \"service\", roles = [\"reporter\"] }").unwrap();
/// let relay = policy.actors().values().next().unwrap();
/// assert!(relay.kind == Kind::Service && relay.reports());
/// assert!(Policy::parse("[actors]\nbot = { kind = \"agent\", roles = [\"reporter\"] }").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorEntry {
    /// Person, service or agent.
    pub kind: Kind,
    /// Its roles.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Role>,
    /// The person who answers for an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<ActorId>,
}

impl ActorEntry {
    /// Whether it may report results of external execution.
    pub fn reports(&self) -> bool {
        self.kind != Kind::Agent && self.has_role(REPORTER)
    }

    /// Whether it is a person with this role.
    pub(crate) fn is_person_with(&self, role: &str) -> bool {
        self.kind == Kind::Person && self.has_role(role)
    }

    fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|it| it.as_str() == role)
    }

    /// What cannot be, of the actor `id` among `all`.
    pub(crate) fn contradictions_among(&self, id: &ActorId, all: &BTreeMap<ActorId, Self>) -> Vec<String> {
        let mut errors = self.contradictions(id.as_str());
        let is_person = |it: &ActorId| all.get(it).is_some_and(|it| it.kind == Kind::Person);
        if let Some(owner) = self.owner.as_ref().filter(|it| !is_person(it)) {
            errors.push(format!(
                "actor `{id}`: its owner `{owner}` is no person that is known; a person answers for an agent"
            ));
        }
        errors
    }

    /// What cannot be, of the actor `id`, whoever else there is.
    pub(crate) fn contradictions(&self, id: &str) -> Vec<String> {
        let mut errors = Vec::new();
        match self.kind {
            Kind::Person => {}
            Kind::Unknown => errors.push(format!("actor `{id}`: a kind is `person`, `service` or `agent`")),
            Kind::Agent => {
                if !self.roles.is_empty() {
                    errors.push(format!("actor `{id}` is an agent; agents never hold roles"));
                }
            }
            Kind::Service => {
                let own = [REPORTER, DELEGATE];
                if let Some(role) = self.roles.iter().find(|it| !own.contains(&it.as_str())) {
                    errors.push(format!(
                        "actor `{id}` is a service; it may have the roles `{REPORTER}` and `{DELEGATE}`, and only a person \
                         can have `{role}`"
                    ));
                }
            }
        }
        if self.roles.len() > MOST_ROLES {
            errors.push(format!("actor `{id}` has more than {MOST_ROLES} roles"));
        }
        if self.kind != Kind::Agent && self.owner.is_some() {
            errors.push(format!("actor `{id}` is no agent; only agents have an owner"));
        }
        errors
    }
}
