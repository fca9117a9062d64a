//! A pool: who may approve, who is told that they are asked, and who else if they do not answer.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::actor::Kind;
use countersign_core::id::{ActorId, PoolName, Role};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::ActorEntry;
use super::rule::spans;

/// The longest name of a destination, in bytes.
const MOST_DESTINATION: usize = 256;

/// Who may approve, by name and by role. Only persons count.
///
/// ```
/// use countersign::Policy;
///
/// let policy = Policy::parse("
///     actors.bob = { kind = 'person', roles = ['manager'] }
///     actors.erin = { kind = 'person' }
///     actors.frank = { kind = 'person' }
///     pools.managers = { roles = ['manager'], actors = ['erin'] }
/// ").unwrap();
/// let managers = policy.pools().values().next().unwrap();
/// let now = countersign::Timestamp::from_millis(0);
/// let belongs = policy.actors().iter().filter(|(id, actor)| managers.has(id, actor, now));
/// assert_eq!(belongs.count(), 2); // bob by his role, erin by name
/// // An agent approves nothing.
/// assert!(Policy::parse("actors.bot = { kind = 'agent' }\npools.managers = { actors = ['bot'] }").is_err());
/// ```
///
/// Destinations are words that whatever carries the notices understands ([`Notify`](crate::Notify)). Being
/// told of a call lets nobody approve it:
///
/// ```
/// # use countersign::Policy;
/// let policy = Policy::parse("
///     pools.managers = { notify = ['slack:#ops'], escalate_after = '4h', escalate_to = ['mailto:cfo@example.com'] }
/// ").unwrap();
/// let managers = policy.pools().values().next().unwrap();
/// assert_eq!(managers.escalate_after.unwrap().as_secs(), 4 * 3600);
/// assert!(Policy::parse("pools.managers = { notify = [''] }").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// These actors.
    #[serde(default)]
    pub actors: BTreeSet<ActorId>,
    /// Everybody who has one of these roles.
    #[serde(default)]
    pub roles: BTreeSet<Role>,
    /// Whether it is known in advance who belongs to it; `true` unless said. Without, a pool that has too few members
    /// is refused at the start and blocks calls. `false` is for roles that an identity provider lends: then a call
    /// waits for people who may never have signed in.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub counted: bool,
    /// Where to tell that the pool is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// How long the pool may be asked before others are told too. Frozen for a call with its gates.
    #[serde(default, with = "spans", skip_serializing_if = "Option::is_none")]
    pub escalate_after: Option<Duration>,
    /// Where to tell that then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub escalate_to: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            actors: BTreeSet::new(),
            roles: BTreeSet::new(),
            counted: true,
            notify: Vec::new(),
            escalate_after: None,
            escalate_to: Vec::new(),
        }
    }
}

impl Pool {
    /// Whether this actor belongs to it at a moment. Only persons do.
    pub fn has(&self, id: &ActorId, actor: &ActorEntry, now: Timestamp) -> bool {
        actor.kind == Kind::Person && (self.actors.contains(id) || self.admits(&actor.roles_at(now)))
    }

    /// Whether this actor belongs to it, or would if roles that were lent once were lent again.
    pub(crate) fn could_have(&self, id: &ActorId, actor: &ActorEntry) -> bool {
        let lent = actor.lent.as_ref().is_some_and(|it| self.admits(&it.roles));
        let own = self.actors.contains(id) || self.admits(&actor.roles);
        actor.kind == Kind::Person && (own || lent)
    }

    /// Whether one of these roles lets a person belong to it.
    pub(crate) fn admits(&self, roles: &BTreeSet<Role>) -> bool {
        self.roles.iter().any(|it| roles.contains(it))
    }

    /// What cannot be meant.
    pub(super) fn contradictions(&self, name: &PoolName) -> Vec<String> {
        let mut errors = destinations(name, "notify", &self.notify);
        errors.extend(destinations(name, "escalate_to", &self.escalate_to));
        match (self.escalate_after, self.escalate_to.is_empty()) {
            (Some(_), true) => errors.push(format!(
                "pool `{name}`: escalate_after would tell nobody; say whom with escalate_to"
            )),
            (None, false) => errors.push(format!(
                "pool `{name}`: escalate_to is never used; say when with escalate_after"
            )),
            (Some(_), false) | (None, true) => {}
        }
        errors
    }

    /// Why others would never be told of a gate that asks this long, if that is so.
    pub(super) fn escalates_too_late(
        &self,
        name: &PoolName,
        tool: &str,
        expires_in: Duration,
    ) -> Option<String> {
        let after = self.escalate_after.filter(|it| *it >= expires_in)?;
        Some(format!(
            "pool `{name}`: escalate_after {} is not shorter than the {} that `{tool}` asks it",
            humantime::format_duration(after),
            humantime::format_duration(expires_in),
        ))
    }
}

fn destinations(pool: &PoolName, list: &str, all: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let faults = all.iter().filter_map(|it| {
        let fault = if it.trim().is_empty() {
            "an empty destination reaches nobody"
        } else if it.len() > MOST_DESTINATION || it.chars().any(char::is_control) {
            "a destination has at most 256 bytes and no control characters"
        } else if !seen.insert(it) {
            "a destination stands there twice"
        } else {
            return None;
        };
        Some(format!("pool `{pool}`: {list}: {fault}: `{}`", it.escape_debug()))
    });
    faults.collect()
}
