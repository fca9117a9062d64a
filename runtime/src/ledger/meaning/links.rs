//! Which user of Slack is whom: who says so, and that nobody decides by a user that was never linked to them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Contradiction, by_person, named};
use crate::ledger::entry::{Fields, Who};

/// The links at one place of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Links {
    live: BTreeMap<String, String>,
    /// Every user with each actor that it was ever linked to. A decision that was on its way when the link was taken
    /// back may come after it.
    ever: BTreeSet<(String, String)>,
}

impl Links {
    /// An admin links a user.
    pub(super) fn linked(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let (user, who) = changed(entry)?;
        if let Some(other) = self.live.get(user) {
            return Err(format!("`{user}` was linked to `{other}` already"));
        }
        self.live.insert(user.to_owned(), who.to_owned());
        self.ever.insert((user.to_owned(), who.to_owned()));
        Ok(())
    }

    /// An admin takes a link back.
    pub(super) fn unlinked(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let (user, who) = changed(entry)?;
        match self.live.remove(user) {
            Some(it) if it == who => Ok(()),
            Some(other) => Err(format!("`{user}` was linked to `{other}`, not to `{who}`")),
            None => Err(format!("`{user}` was linked to nobody")),
        }
    }

    /// Somebody does something to a call. Only `slack TEAM/USER linked by ADMIN` is what our own edge writes.
    pub(super) fn acts(&self, who: &Who<'_>) -> Result<(), Contradiction> {
        let user = who.auth.as_ref().and_then(|it| {
            let (user, _) = it.strip_prefix("slack ")?.split_once(" linked by ")?;
            Some(user.to_owned())
        });
        let (Some(user), Some(id)) = (user, who.id.as_ref()) else {
            return Ok(());
        };
        let pair = (user, (**id).to_owned());
        if self.ever.contains(&pair) {
            return Ok(());
        }
        Err(format!("`{}` was never linked to `{}`", pair.0, pair.1))
    }
}

/// The user and the actor of a change.
fn changed<'a>(entry: &'a Fields<'_>) -> Result<(&'a str, &'a str), Contradiction> {
    let by = by_person(entry)?;
    if !entry.actor.as_ref().is_some_and(|it| it.admin.0) {
        return Err(format!("`{by}` is no admin"));
    }
    let user = named(entry.slack.as_ref(), "slack")?;
    Ok((user, named(entry.who.as_ref(), "who")?))
}
