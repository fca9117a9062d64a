//! Who is known: who changes whom, and that each change begins where the last one ended.

use std::collections::BTreeMap;

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
