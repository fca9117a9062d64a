//! Remembered confirmations, as the log tells of them: made by one confirmation, used so often, taken back.
//!
//! Two entries of one commit say the same from both sides: that a call was passed by a grant, and that the
//! grant was used by the call. The second one must be the next entry.
//!
//! Not to be told from the log: whether the arguments were the same (their digests have different keys), and
//! whether a call was in the session of a grant. Both are checked before the engine writes.

use std::collections::HashMap;

use countersign_core::grant::MOST_USES;
use serde::{Deserialize, Serialize};

use super::{Contradiction, by_person, named, unknown};
use crate::ledger::entry::{Fields, Scope};

/// The grants that can still be used at one place of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grants {
    live: HashMap<String, Grant>,
    due: Option<Due>,
}

/// What never changes of a grant, and how often it can still be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    /// The call whose confirmation made it.
    call: String,
    requester: String,
    tool: String,
    descriptor: String,
    terms: String,
    /// The run that it is for.
    run: Option<String>,
    /// The time of its end.
    until: Option<String>,
    left: u32,
}

/// What the next entry must be, because the last one said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Due {
    kind: String,
    grant: String,
    /// The call that made it or that it passed, whose it is, and where.
    call: String,
    requester: String,
    tool: String,
    descriptor: String,
    run: String,
}

impl Grants {
    /// Whether an entry is the one that the entry before it announced, if that announced any.
    pub(super) fn expects(&self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let Some(due) = &self.due else { return Ok(()) };
        if *entry.kind == *due.kind && entry.grant.as_deref() == Some(&*due.grant) {
            return Ok(());
        }
        Err(due.missing())
    }

    /// What was announced by the last entry of all.
    pub(super) fn unfinished(&self) -> Option<Contradiction> {
        self.due.as_ref().map(Due::missing)
    }

    /// What a record of a call says about grants; `last` is the kind of the one before.
    pub(super) fn in_call(&mut self, entry: &Fields<'_>, last: &str) -> Result<(), Contradiction> {
        if let Some(grant) = entry.passed_by.as_deref() {
            self.passes(grant, entry, last)?;
            self.due = Some(Due::new("grant.used", grant, entry)?);
        }
        if let Some(grant) = entry.remembered.as_deref() {
            if &*entry.kind != "call.confirmed" {
                return Err("only a confirmation makes a grant".to_owned());
            }
            self.due = Some(Due::new("grant.made", grant, entry)?);
        }
        Ok(())
    }

    /// Whether a grant covers the confirmation that it passed.
    fn passes(&self, id: &str, entry: &Fields<'_>, last: &str) -> Result<(), Contradiction> {
        let asks = match &*entry.kind {
            "call.opened" => true,
            // What was amended or asked anew is confirmed by a person.
            "call.gated" => last == "call.filled",
            _ => false,
        };
        if !asks || !entry.policy.confirmation {
            return Err(format!("{id} passed what no grant passes"));
        }
        let grant = self.live.get(id).ok_or_else(|| no_more(id))?;
        let is = |field: &Option<_>, of: &str| field.as_deref() == Some(of);
        if !is(&entry.requester, &grant.requester) {
            return Err(format!("{id} is a grant of `{}`", grant.requester));
        }
        if !is(&entry.tool, &grant.tool) || !is(&entry.descriptor, &grant.descriptor) {
            return Err(format!(
                "{id} is for another tool, or another version: `{}` with descriptor {}",
                grant.tool, grant.descriptor
            ));
        }
        if grant.run.as_ref().is_some_and(|run| !is(&entry.run, run)) {
            return Err(format!("{id} is for another run"));
        }
        match &grant.until {
            // All times have one form, so that they compare as text.
            Some(until) if *entry.time >= **until => Err(format!("{id} was over at {until}")),
            Some(_) | None => Ok(()),
        }
    }

    /// A record of a grant.
    pub(super) fn take(&mut self, event: &str, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let id = named(entry.grant.as_ref(), "grant")?;
        let due = self.due.take();
        match (event, due) {
            ("made", Some(due)) => self.made(id, &due, entry),
            ("used", Some(due)) => self.used(id, &due, entry),
            ("made", None) => Err(format!("no confirmation made {id}")),
            ("used", None) => Err(format!("{id} passed no confirmation")),
            ("revoked", _) => {
                by_person(entry)?;
                self.known(id, entry)?;
                self.live.remove(id);
                Ok(())
            }
            ("refused", _) => Ok(()),
            _ => Err(unknown(entry)),
        }
    }

    fn made(&mut self, id: &str, due: &Due, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let left = entry
            .left
            .filter(|it| (1..=MOST_USES).contains(it))
            .ok_or_else(|| format!("{id} is for no number of uses that a grant can have"))?;
        let (run, until) = match entry.scope.as_ref().ok_or("it has no `scope`")? {
            Scope::Run { run } => (Some(run.to_string()), None),
            Scope::Session { .. } => (None, None),
            Scope::Until { time } => (None, Some(time.to_string())),
        };
        let grant = Grant {
            call: named(entry.call.as_ref(), "call")?.to_owned(),
            requester: named(entry.requester.as_ref(), "requester")?.to_owned(),
            tool: named(entry.tool.as_ref(), "tool")?.to_owned(),
            descriptor: named(entry.descriptor.as_ref(), "descriptor")?.to_owned(),
            terms: named(entry.terms.as_ref(), "terms")?.to_owned(),
            run,
            until,
            left,
        };
        let of_the_confirmed = grant.call == due.call
            && grant.requester == due.requester
            && grant.tool == due.tool
            && grant.descriptor == due.descriptor
            && grant.run.as_ref().is_none_or(|run| *run == due.run);
        if !of_the_confirmed {
            return Err(format!(
                "{id} is another's than that of the confirmation of {}",
                due.call
            ));
        }
        match self.live.insert(id.to_owned(), grant) {
            None => Ok(()),
            Some(_) => Err(format!("{id} was made before")),
        }
    }

    fn used(&mut self, id: &str, due: &Due, entry: &Fields<'_>) -> Result<(), Contradiction> {
        if entry.used_by.as_deref() != Some(&*due.call) {
            return Err(format!("{id} passed {} and nothing else", due.call));
        }
        let left = self.known(id, entry)?.left;
        let fewer = left.checked_sub(1);
        if entry.left != fewer {
            return Err(format!("{id} had {left} uses left, and this was one of them"));
        }
        if fewer == Some(0) {
            self.live.remove(id);
        } else if let (Some(grant), Some(fewer)) = (self.live.get_mut(id), fewer) {
            grant.left = fewer;
        }
        Ok(())
    }

    /// The grant that a record is about, if the record says the same of it as the one that made it.
    fn known(&self, id: &str, entry: &Fields<'_>) -> Result<&Grant, Contradiction> {
        let grant = self.live.get(id).ok_or_else(|| no_more(id))?;
        let same = [
            (&entry.call, &grant.call),
            (&entry.requester, &grant.requester),
            (&entry.tool, &grant.tool),
            (&entry.terms, &grant.terms),
        ];
        if same
            .iter()
            .all(|(said, made)| said.as_deref() == Some(made.as_str()))
        {
            return Ok(grant);
        }
        Err(format!("{id} is not what it was when it was made"))
    }
}

impl Due {
    fn new(kind: &str, grant: &str, entry: &Fields<'_>) -> Result<Self, Contradiction> {
        Ok(Self {
            kind: kind.to_owned(),
            grant: grant.to_owned(),
            call: named(entry.call.as_ref(), "call")?.to_owned(),
            requester: named(entry.requester.as_ref(), "requester")?.to_owned(),
            tool: named(entry.tool.as_ref(), "tool")?.to_owned(),
            descriptor: named(entry.descriptor.as_ref(), "descriptor")?.to_owned(),
            run: named(entry.run.as_ref(), "run")?.to_owned(),
        })
    }

    fn missing(&self) -> Contradiction {
        format!(
            "here belongs `{}` of {}, which the entry before speaks of",
            self.kind, self.grant
        )
    }
}

fn no_more(id: &str) -> Contradiction {
    format!("{id} was never made, or is used up or revoked")
}
