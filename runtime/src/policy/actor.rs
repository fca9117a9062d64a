//! An actor as policy and store know it, and what no actor may be.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::actor::{DELEGATE, Kind, REPORTER};
use countersign_core::id::{ActorId, Role};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most roles of one actor: a record of a change names them twice.
const MOST_ROLES: usize = 32;

/// An actor as the policy file seeds it and as the store keeps it.
///
/// Only persons hold roles freely. A service may be a `reporter` and nothing else. An agent holds no role at
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
    /// Roles that it has besides, for a time. No policy lends any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent: Option<Lent>,
    /// Whether it is a person who made themselves known at sign-in, under a name that somebody else might be meant by.
    /// Whoever gives them roles says that they are meant: a policy or an admin who does not is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub introduced: bool,
}

/// Roles that an identity provider said a person has: believed until a time, and not a moment longer.
///
/// ```
/// use std::time::Duration;
///
/// use countersign::{ActorId, Timestamp};
/// use countersign::core::actor::Kind;
/// use countersign::policy::{ActorEntry, Lent};
///
/// let noon = Timestamp::from_millis(12 * 3_600_000);
/// let lent = Lent { roles: ["manager".parse()?].into(), said_at: noon, until: noon.after(Duration::from_secs(3600)) };
/// let bob = ActorEntry { kind: Kind::Person, roles: [].into(), owner: None, lent: Some(lent), introduced: false };
/// assert_eq!(bob.roles_at(noon).len(), 1);
/// assert!(bob.roles_at(noon.after(Duration::from_secs(3600))).is_empty());
/// # Ok::<(), countersign::core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lent {
    /// Which.
    pub roles: BTreeSet<Role>,
    /// When that was said. What was said earlier does not replace it.
    pub said_at: Timestamp,
    /// From then on they are gone.
    pub until: Timestamp,
}

impl Lent {
    /// Nothing; what was said earlier lends nothing either.
    fn ended(said_at: Timestamp) -> Self {
        Self {
            roles: BTreeSet::new(),
            said_at,
            until: said_at,
        }
    }
}

impl ActorEntry {
    /// Its roles at a moment: its own, and those lent that are not yet over.
    pub fn roles_at(&self, now: Timestamp) -> BTreeSet<Role> {
        let lent = self.lent.iter().filter(|it| now < it.until);
        lent.flat_map(|it| &it.roles)
            .chain(&self.roles)
            .cloned()
            .collect()
    }

    /// The same with the roles that are lent to what was there before, if it is a person. Nobody else is lent any, and
    /// whoever was removed has none left.
    pub(crate) fn lent_as(mut self, before: Option<&Self>) -> Self {
        let known = before.filter(|_| self.kind == Kind::Person);
        self.lent = known.and_then(|it| it.lent.clone());
        self
    }

    /// The same as an admin makes it of what was there before: whatever was lent ends, and nothing that was said until
    /// now lends it again.
    pub(crate) fn set_over(mut self, before: Option<&Self>, now: Timestamp) -> Self {
        let known = before.and_then(|it| it.lent.as_ref());
        self.lent = known
            .filter(|_| self.kind == Kind::Person)
            .map(|it| Lent::ended(it.said_at.max(now)));
        self
    }

    /// What is left of it when it is removed: nobody, so that its id is given to no newcomer.
    pub(crate) fn removed(&self) -> Self {
        Self {
            kind: Kind::Unknown,
            roles: BTreeSet::new(),
            owner: None,
            lent: self.lent.as_ref().map(|it| Lent::ended(it.said_at)),
            introduced: self.introduced,
        }
    }

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
                let mut roles = self.roles.iter();
                if let Some(role) = roles.find(|it| ![REPORTER, DELEGATE].contains(&it.as_str())) {
                    errors.push(format!(
                        "actor `{id}` is a service; it may have the roles `{REPORTER}` and `{DELEGATE}`, and only a \
                         person can have `{role}`"
                    ));
                }
            }
        }
        if self.roles.len() > MOST_ROLES {
            errors.push(format!("actor `{id}` has more than {MOST_ROLES} roles"));
        }
        if let Some(lent) = &self.lent {
            if self.kind != Kind::Person {
                errors.push(format!("actor `{id}` is no person; only persons are lent roles"));
            }
            if lent.roles.len() > MOST_ROLES {
                errors.push(format!("actor `{id}` is lent more than {MOST_ROLES} roles"));
            }
            if lent.until < lent.said_at {
                errors.push(format!("actor `{id}` is lent roles until before they were said"));
            }
        }
        if self.introduced && self.kind != Kind::Person {
            errors.push(format!("actor `{id}` is no person; only persons are introduced"));
        }
        if self.kind != Kind::Agent && self.owner.is_some() {
            errors.push(format!("actor `{id}` is no agent; only agents have an owner"));
        }
        errors
    }
}
