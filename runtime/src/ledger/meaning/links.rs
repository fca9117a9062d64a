//! Which user of Slack is whom: who says so, and that nobody decides by a user that was never linked to them.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Contradiction, by_person, named};
use crate::ledger::entry::{Fields, Who};

/// How long a decision that was on its way when the link was taken back may come after that.
const ON_ITS_WAY: Duration = Duration::from_mins(1);

/// The links at one place of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Links {
    /// By their users.
    live: BTreeMap<String, Link>,
    /// Those that were taken back a moment ago.
    ended: Vec<Ended>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    who: String,
    by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ended {
    user: String,
    link: Link,
    until: Timestamp,
}

impl Links {
    /// An admin links a user.
    pub(super) fn linked(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let (user, who, by) = changed(entry)?;
        if let Some(other) = self.live.get(user) {
            return Err(format!("`{user}` was linked to `{}` already", other.who));
        }
        let link = Link {
            who: who.to_owned(),
            by: by.to_owned(),
        };
        self.live.insert(user.to_owned(), link);
        Ok(())
    }

    /// An admin takes a link back.
    pub(super) fn unlinked(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let (user, who, _) = changed(entry)?;
        let now = time(entry)?;
        let link = match self.live.remove(user) {
            Some(link) if link.who == who => link,
            Some(other) => return Err(format!("`{user}` was linked to `{}`, not to `{who}`", other.who)),
            None => return Err(format!("`{user}` was linked to nobody")),
        };
        self.ended.retain(|it| now <= it.until);
        self.ended.push(Ended {
            user: user.to_owned(),
            link,
            until: now.after(ON_ITS_WAY),
        });
        Ok(())
    }

    /// Somebody does something to a call. Only `slack TEAM/USER linked by ADMIN` is what our own edge writes, and it
    /// must be a link of that moment: one that was taken back and is in the database again counts no more than one that
    /// never was.
    pub(super) fn acts(&self, who: &Who<'_>, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let by = who.auth.as_ref().and_then(|it| it.strip_prefix("slack "));
        let (Some((user, by)), Some(id)) = (by.and_then(|it| it.split_once(" linked by ")), &who.id) else {
            return Ok(());
        };
        let is = |link: &Link| link.who == **id && link.by == by;
        let now = time(entry)?;
        let mut ended = self.ended.iter().filter(|it| it.user == user && now <= it.until);
        if self.live.get(user).is_some_and(is) || ended.any(|it| is(&it.link)) {
            return Ok(());
        }
        Err(format!("`{user}` was not linked to `{}` by `{by}` then", &**id))
    }
}

fn time(entry: &Fields<'_>) -> Result<Timestamp, Contradiction> {
    entry
        .time
        .parse()
        .map_err(|error| format!("its time `{}`: {error}", &*entry.time))
}

/// The user and the actor of a change, and who made it.
fn changed<'a>(entry: &'a Fields<'_>) -> Result<(&'a str, &'a str, &'a str), Contradiction> {
    let by = by_person(entry)?;
    if !entry.actor.as_ref().is_some_and(|it| it.admin.0) {
        return Err(format!("`{by}` is no admin"));
    }
    let user = named(entry.slack.as_ref(), "slack")?;
    Ok((user, named(entry.who.as_ref(), "who")?, by))
}
