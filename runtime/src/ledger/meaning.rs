//! What the log tells, and whether that can have happened.
//!
//! Whoever can write leaves can write a history in which nobody had to approve. So the entries are read as
//! a story: each step of a call must follow from the one before, nothing is cleared or runs before every
//! gate is met, nobody votes for their own call, and one claim has one end. What is kept is what is open:
//! a call that is closed is forgotten, so the memory does not grow with the log.
//!
//! An execution without an end is no contradiction. The process was killed, or is still at it.

mod grants;
mod holds;
mod links;
mod people;

use std::collections::{BTreeSet, HashMap};

use countersign_core::call::may_follow;
use serde::{Deserialize, Serialize};

use super::entry::{Fields, Policy, Text};
use grants::Grants;
use holds::Holds;
use links::Links;
use people::People;

/// The calls that are open at one place of the log.
///
/// ```
/// use countersign::ledger::Meaning;
///
/// let meaning = Meaning::default();
/// assert_eq!((meaning.open(), meaning.interrupted()), (0, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meaning {
    /// The time of the last entry.
    time: String,
    calls: HashMap<String, Open>,
    /// Tools that only had to be on record and have no end yet.
    started: HashMap<String, String>,
    grants: Grants,
    holds: Holds,
    people: People,
    links: Links,
}

/// A call that is not closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    phase: String,
    seal: String,
    requester: String,
    agent: Option<(String, Option<String>)>,
    /// The kind of its last record.
    last: String,
    filled: bool,
    confirmed: bool,
    votes: Vec<(usize, String)>,
    /// What was warned of and what others were told of, under this seal.
    reminded: BTreeSet<(String, String)>,
    claims: u32,
    /// Whether the last claim has its end.
    ended: bool,
}

/// Why an entry cannot be.
type Contradiction = String;

impl Meaning {
    /// How many gated calls are open.
    pub fn open(&self) -> usize {
        self.calls.len()
    }

    /// How many executions have no end: interrupted, or under way.
    pub fn interrupted(&self) -> usize {
        let running = self.calls.values().filter(|it| it.phase == "executing");
        running.count() + self.started.len()
    }

    /// Takes the next entry.
    pub(super) fn take(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        // All times have one form, so that they compare as text.
        if *entry.time < *self.time {
            return Err(format!(
                "its time {} is before that of the entry before it",
                &*entry.time
            ));
        }
        self.time.clear();
        self.time.push_str(&entry.time);
        self.grants.expects(entry)?;
        if &*entry.kind == "call.refused" {
            return Ok(());
        }
        if let Some(event) = entry.kind.strip_prefix("audited.") {
            return self.audited(event, entry);
        }
        if entry.kind.starts_with("call.") {
            if let Some(who) = &entry.actor {
                self.links.acts(who, entry)?;
            }
            return self.call(entry);
        }
        if let Some(event) = entry.kind.strip_prefix("grant.") {
            return self.grants.take(event, entry);
        }
        match &*entry.kind {
            "hold.set" | "hold.lifted" => self.holds.take(entry),
            "blobs.erased" => {
                let call = named(entry.call.as_ref(), "call")?;
                if self.calls.contains_key(call) {
                    return Err(format!("words of {call} were erased while it was open"));
                }
                self.holds.erased(call, entry)
            }
            "actor.changed" => self.people.changed(entry),
            "actor.lent" => self.people.lent(entry),
            "policy.changed" => {
                self.people.seeded();
                Ok(())
            }
            "credential.created" | "credential.revoked" | "session.opened" | "session.closed" => {
                let by = entry.actor.as_ref().ok_or("nobody did it")?;
                named(by.id.as_ref(), "actor")?;
                let credential = entry.credential.as_ref().ok_or("it has no `credential`")?;
                named(credential.id.as_ref(), "credential").map(|_| ())
            }
            "notice.sent_again" => {
                let by = entry.actor.as_ref().ok_or("nobody did it")?;
                named(by.id.as_ref(), "actor")?;
                let notice = entry.notice.as_ref().ok_or("it has no `notice`")?;
                named(notice.id.as_ref(), "notice").map(|_| ())
            }
            "slack.user_linked" => self.links.linked(entry),
            "slack.user_unlinked" => self.links.unlinked(entry),
            "actor.refused" | "decision.refused" | "keeping.refused" | "slack.refused" => Ok(()),
            _ => Err(unknown(entry)),
        }
    }

    /// What is missing after the last entry: the second half of a commit.
    pub(super) fn unfinished(&self) -> Option<Contradiction> {
        self.grants.unfinished()
    }

    fn audited(&mut self, event: &str, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let call = named(entry.call.as_ref(), "call")?;
        let requester = named(entry.requester.as_ref(), "requester")?;
        match event {
            "started" => match self.started.insert(call.to_owned(), requester.to_owned()) {
                None => Ok(()),
                Some(_) => Err(format!("{call} was started before")),
            },
            "returned" | "failed" => match self.started.remove(call) {
                Some(by) if by == requester => Ok(()),
                Some(by) => Err(format!("{call} was started for `{by}`")),
                None => Err(format!("{call} has an end and was not started, or ended before")),
            },
            "blocked" => Ok(()),
            _ => Err(unknown(entry)),
        }
    }

    fn call(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let id = named(entry.call.as_ref(), "call")?;
        let phase = named(entry.phase.as_ref(), "phase")?;
        let seal = named(entry.seal.as_ref(), "seal")?;
        let requester = named(entry.requester.as_ref(), "requester")?;
        let before = self.calls.get(id).map_or("", |it| it.phase.as_str());
        match may_follow(&entry.kind, before) {
            Some(true) => {}
            Some(false) if before.is_empty() => {
                return Err(format!(
                    "`{}`: {id} was not opened, or was closed before",
                    &*entry.kind
                ));
            }
            Some(false) => {
                return Err(format!(
                    "`{}` does not follow: {id} is in phase `{before}`",
                    &*entry.kind
                ));
            }
            None => return Err(unknown(entry)),
        }
        let call = self
            .calls
            .entry(id.to_owned())
            .or_insert_with(|| Open::new(entry, requester));
        self.grants
            .in_call(entry, &call.last)
            .map_err(|why| format!("`{}` of {id}: {why}", &*entry.kind))?;
        call.step(entry, phase, seal, requester)
            .map_err(|why| format!("`{}` of {id}: {why}", &*entry.kind))?;
        if phase == "closed" {
            self.calls.remove(id);
        }
        Ok(())
    }
}

impl Open {
    fn new(entry: &Fields<'_>, requester: &str) -> Self {
        Self {
            phase: String::new(),
            seal: String::new(),
            requester: requester.to_owned(),
            agent: agent(entry),
            last: String::new(),
            filled: false,
            confirmed: false,
            votes: Vec::new(),
            reminded: BTreeSet::new(),
            claims: 0,
            ended: true,
        }
    }

    fn step(
        &mut self,
        entry: &Fields<'_>,
        phase: &str,
        seal: &str,
        requester: &str,
    ) -> Result<(), Contradiction> {
        if self.requester != requester || self.agent != agent(entry) {
            return Err("it is somebody else's than it was".to_owned());
        }
        if matches!(&*entry.kind, "call.warned" | "call.escalated") {
            return self.reminded(entry, phase, seal);
        }
        // What was decided about other arguments or gates counts for nothing.
        if self.seal != seal {
            self.confirmed = false;
            self.votes.clear();
            self.reminded.clear();
            seal.clone_into(&mut self.seal);
        }
        if entry.passed_by.is_some() {
            self.confirmed = true;
        }
        self.decided(entry)?;
        self.ran(entry, phase)?;
        if phase == "in_doubt" {
            // The outside may be asked once more, and then for all its time.
            self.reminded.retain(|(_, asked)| asked != "external");
        }
        let clears = matches!(
            &*entry.kind,
            "call.opened"
                | "call.confirmed"
                | "call.approved"
                | "call.gated"
                | "call.tightened"
                | "call.claimed"
        );
        if clears && matches!(phase, "cleared" | "external" | "executing") {
            self.is_cleared(&entry.policy)?;
        }
        phase.clone_into(&mut self.phase);
        self.last.clear();
        self.last.push_str(&entry.kind);
        Ok(())
    }

    /// What somebody decided, and whether they could.
    fn decided(&mut self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        match &*entry.kind {
            "call.filled" => {
                self.by_requester(entry)?;
                self.filled = true;
            }
            "call.confirmed" => {
                self.by_requester(entry)?;
                self.confirmed = true;
            }
            "call.approved" => {
                let by = self.by_another(entry)?;
                let gate = entry
                    .gate
                    .filter(|it| *it < entry.policy.quorums.len())
                    .ok_or("it is for no gate")?;
                if self.votes.iter().any(|(_, voter)| voter == by) {
                    return Err(format!("`{by}` has approved before, and counts once"));
                }
                self.votes.push((gate, by.to_owned()));
            }
            "call.rejected" if self.phase == "approve" => {
                self.by_another(entry)?;
            }
            "call.rejected" | "call.amended" | "call.answered" => {
                self.by_requester(entry)?;
            }
            "call.resolved" => {
                self.by_another(entry)?;
            }
            "call.reasked" | "call.cancelled" => {
                by_person(entry)?;
            }
            _ => {}
        }
        for lost in &entry.void {
            self.votes
                .retain(|(gate, by)| !(*gate == lost.gate && **by == *lost.by));
        }
        Ok(())
    }

    /// What ran, and whether it could.
    fn ran(&mut self, entry: &Fields<'_>, phase: &str) -> Result<(), Contradiction> {
        let claim = entry.claim.as_ref().map(|it| it.number);
        match &*entry.kind {
            "call.claimed" => {
                if claim != self.claims.checked_add(1) {
                    return Err("its claim does not follow the one before".to_owned());
                }
                self.claims += 1;
                self.ended = false;
            }
            "call.returned" | "call.failed" => {
                if claim != Some(self.claims) || self.ended {
                    return Err("its claim has ended, or is another's".to_owned());
                }
                self.ended = true;
            }
            _ => {}
        }
        let ends = matches!(
            &*entry.kind,
            "call.returned"
                | "call.failed"
                | "call.reported"
                | "call.resolved"
                | "call.timed_out"
                | "call.lease_lapsed"
        );
        let outcome = entry.outcome.as_deref().unwrap_or_default();
        if phase == "closed" && matches!(outcome, "returned" | "failed") && !ends {
            return Err(format!("`{outcome}` is no outcome of it"));
        }
        Ok(())
    }

    /// What somebody was reminded of: of what is asked, once, and nothing changes by it.
    fn reminded(&mut self, entry: &Fields<'_>, phase: &str, seal: &str) -> Result<(), Contradiction> {
        if phase != self.phase || seal != self.seal {
            return Err("it moves the call".to_owned());
        }
        if entry.asked.is_empty() {
            return Err("it is about nothing that is asked".to_owned());
        }
        for asked in &entry.asked {
            if !self.is_asked(asked, &entry.policy) {
                return Err(format!("`{}` is not asked", &**asked));
            }
            let reminder = (entry.kind.to_string(), asked.to_string());
            if !self.reminded.insert(reminder) {
                return Err(format!("`{}` was reminded of before", &**asked));
            }
        }
        Ok(())
    }

    /// Whether something is asked in the phase of now, and not met.
    fn is_asked(&self, asked: &str, needed: &Policy) -> bool {
        match (&*self.phase, asked.strip_prefix("approval/")) {
            ("approve", Some(gate)) => gate.parse().is_ok_and(|gate: usize| {
                let votes = self.votes.iter().filter(|(it, _)| *it == gate).count();
                let quorum = needed.quorums.get(gate);
                quorum.is_some_and(|it| votes < usize::try_from(*it).unwrap_or(usize::MAX))
            }),
            ("input", _) => asked == "user_input",
            ("confirm", _) => asked == "confirmation",
            ("external", _) => asked == "external",
            _ => false,
        }
    }

    /// Whether everything was decided that had to be.
    fn is_cleared(&self, needed: &Policy) -> Result<(), Contradiction> {
        if needed.user_input && !self.filled {
            return Err("it was cleared and its requester filled nothing in".to_owned());
        }
        if needed.confirmation && !self.confirmed {
            return Err("it was cleared and its requester did not confirm it".to_owned());
        }
        for (gate, quorum) in needed.quorums.iter().enumerate() {
            let votes = self.votes.iter().filter(|(it, _)| *it == gate).count();
            if votes < usize::try_from(*quorum).unwrap_or(usize::MAX) {
                return Err(format!(
                    "it was cleared with {votes} of {quorum} approvals for gate {gate}"
                ));
            }
        }
        Ok(())
    }

    fn by_requester(&self, entry: &Fields<'_>) -> Result<(), Contradiction> {
        let by = by_person(entry)?;
        if by == self.requester {
            return Ok(());
        }
        Err(format!("`{by}` is not its requester `{}`", self.requester))
    }

    /// By a person who stands neither behind the call nor behind the agent that made it.
    fn by_another<'a>(&self, entry: &'a Fields<'_>) -> Result<&'a str, Contradiction> {
        let by = by_person(entry)?;
        let agent = self.agent.as_ref();
        let own =
            by == self.requester || agent.is_some_and(|(id, owner)| by == id || owner.as_deref() == Some(by));
        if own {
            return Err(format!("`{by}` decided about their own call"));
        }
        Ok(by)
    }
}

fn by_person<'a>(entry: &'a Fields<'_>) -> Result<&'a str, Contradiction> {
    let actor = entry.actor.as_ref().ok_or("nobody did it")?;
    let by = named(actor.id.as_ref(), "actor")?;
    if actor.kind.as_deref() == Some("person") {
        return Ok(by);
    }
    Err(format!("`{by}` is not a person"))
}

fn agent(entry: &Fields<'_>) -> Option<(String, Option<String>)> {
    let agent = entry.agent.as_ref()?;
    Some((
        agent.id.to_string(),
        agent.owner.as_ref().map(|it| it.to_string()),
    ))
}

fn named<'a>(field: Option<&'a Text<'_>>, name: &str) -> Result<&'a str, Contradiction> {
    field.map(|it| &**it).ok_or_else(|| format!("it has no `{name}`"))
}

fn unknown(entry: &Fields<'_>) -> Contradiction {
    format!("`{}` is no kind of record that this release knows", &*entry.kind)
}
