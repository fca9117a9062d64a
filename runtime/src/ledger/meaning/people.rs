//! Who is known: who changes whom, and that each change begins where the last one ended.

use std::collections::BTreeMap;

use countersign_core::actor::Kind;
use serde::{Deserialize, Serialize};

use super::{Contradiction, by_person, named};
use crate::ledger::entry::{Fields, Side};
use crate::policy::ActorEntry;

/// The actors that were changed since the last policy, as they are; none for one that was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct People(BTreeMap<String, Option<ActorEntry>>);

impl People {
    /// An admin makes, changes or removes an actor.
    pub(super) fn changed(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let by = by_person(entry)?;
        if !entry.actor.as_ref().is_some_and(|it| it.admin.0) {
            return Err(format!("`{by}` is no admin"));
        }
        let who = named(entry.who.as_ref(), "who")?;
        let (before, after) = (actor(entry.before.as_ref())?, actor(entry.after.as_ref())?);
        let lent = after.and_then(|it| it.lent.as_ref());
        if lent.is_some_and(|it| !it.roles.is_empty()) {
            return Err(format!("an admin lends `{who}` nothing"));
        }
        let known = before.and_then(|it| it.lent.as_ref());
        let person = after.is_some_and(|it| it.kind == Kind::Person);
        if known.is_some_and(|it| person && lent.is_none_or(|new| new.said_at < it.said_at)) {
            return Err(format!("it is forgotten what was said of `{who}` before"));
        }
        if let (Some(before), Some(after)) = (before, after)
            && before.introduced != after.introduced
        {
            return Err(format!(
                "`{who}` made themselves known, or did not; no admin changes that"
            ));
        }
        self.becomes(who, before, after)
    }

    /// A person shows who they are, and is lent what an identity provider says of them. Nothing else changes; who was
    /// not known has no role of their own.
    pub(super) fn lent(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let by = by_person(entry)?;
        let who = named(entry.who.as_ref(), "who")?;
        if by != who {
            return Err(format!("`{who}` did not show who they are"));
        }
        let (before, after) = (actor(entry.before.as_ref())?, actor(entry.after.as_ref())?);
        let after = after.ok_or_else(|| format!("it makes nothing of `{who}`"))?;
        let Some(lent) = &after.lent else {
            return Err(format!("nothing is lent to `{who}`"));
        };
        if before.is_none() && self.0.contains_key(who) {
            return Err(format!(
                "`{who}` was somebody before, and no newcomer is given their id"
            ));
        }
        let own = |it: &ActorEntry| (it.kind, it.roles.clone(), it.owner.clone(), it.introduced);
        if before.map_or_else(|| (Kind::Person, [].into(), None, true), own) != own(after) {
            return Err(format!("more of `{who}` is changed than what is lent"));
        }
        let known = before.and_then(|it| it.lent.as_ref());
        if known.is_some_and(|it| lent.said_at < it.said_at) {
            return Err(format!("what is lent to `{who}` was said before what they have"));
        }
        self.becomes(who, before, Some(after))
    }

    fn becomes(
        &mut self,
        who: &str,
        before: Option<&ActorEntry>,
        after: Option<&ActorEntry>,
    ) -> Result<(), Contradiction> {
        if before == after {
            return Err(format!("nothing of `{who}` is changed"));
        }
        if self.0.get(who).is_some_and(|it| it.as_ref() != before) {
            return Err(format!("`{who}` was not so before it"));
        }
        if let Some(wrong) = after.and_then(|it| it.contradictions(who).pop()) {
            return Err(wrong);
        }
        self.0.insert(who.to_owned(), after.cloned());
        Ok(())
    }

    /// A policy is loaded: it may say of anybody what they are.
    pub(super) fn seeded(&mut self) {
        self.0.clear();
    }
}

fn actor(side: Option<&Side>) -> Result<Option<&ActorEntry>, Contradiction> {
    match side {
        None => Ok(None),
        Some(Side::Actor(entry)) => Ok(Some(entry)),
        Some(Side::Policy(_)) => Err("it is about no actor".to_owned()),
    }
}
