//! What the records say about a call, to be compared with what is stored of it.
//!
//! A claim folds the call's own entries and refuses if the stored row says anything else: whoever
//! edits the row must also edit the log, and the log has a root.
//!
//! What a newcomer would get wrong: the last entry alone proves nothing. Honest people who decide on an
//! edited row put the edit on record. So each entry must also follow from the one before it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Call, Seal};
use crate::digest::Digest;
use crate::id::ActorId;

/// The part of a call that its records determine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Shadow {
    phase: String,
    seal: Option<Seal>,
    gates: Option<Digest>,
    rules: Option<Digest>,
    descriptor: Option<Digest>,
    votes: BTreeSet<(usize, ActorId)>,
    claims: u16,
    requester: Option<ActorId>,
    agent: Option<Agent>,
    /// Everything else of the call, as one digest; none when it is closed.
    state: Option<Digest>,
}

/// An entry that is not one of a call, or does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShadowError(String);

#[derive(Deserialize)]
struct Entry {
    kind: String,
    phase: String,
    seal: Seal,
    gates: Digest,
    descriptor: Digest,
    policy: Policy,
    requester: ActorId,
    agent: Option<Agent>,
    actor: Option<Who>,
    gate: Option<usize>,
    claim: Option<ClaimNumber>,
    #[serde(default)]
    void: Vec<Void>,
    was: Option<Digest>,
    is: Option<Digest>,
}

/// What every record has.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

/// Who made the call for its requester.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
struct Agent {
    id: ActorId,
    owner: Option<ActorId>,
}

#[derive(Deserialize)]
struct Policy {
    rules: Digest,
}

#[derive(Deserialize)]
struct Who {
    id: Option<ActorId>,
}

#[derive(Deserialize)]
struct ClaimNumber {
    number: u16,
}

#[derive(Deserialize)]
struct Void {
    gate: usize,
    by: ActorId,
}

impl Shadow {
    /// Takes the next record of the call, oldest first. The text is an audit entry.
    pub fn fold(&mut self, entry: &str) -> Result<(), ShadowError> {
        let entry = match serde_json::from_str::<Entry>(entry) {
            Ok(entry) => entry,
            // What became of a grant that this call's confirmation made says nothing about the call.
            Err(_) if serde_json::from_str(entry).is_ok_and(|it: Kind| it.kind.starts_with("grant.")) => {
                return Ok(());
            }
            Err(error) => return Err(ShadowError(format!("this is no record of a call: {error}"))),
        };
        if entry.kind == "call.refused" {
            return Ok(());
        }
        self.check(&entry)?;
        if self.seal != Some(entry.seal) {
            self.votes.clear();
        }
        if let ("call.approved", Some(gate), Some(Who { id: Some(by) })) =
            (entry.kind.as_str(), entry.gate, entry.actor)
        {
            self.votes.insert((gate, by));
        }
        for vote in entry.void {
            self.votes.remove(&(vote.gate, vote.by));
        }
        if let ("call.claimed", Some(claim)) = (entry.kind.as_str(), entry.claim) {
            self.claims = claim.number;
        }
        self.phase = entry.phase;
        self.seal = Some(entry.seal);
        self.gates = Some(entry.gates);
        self.rules = Some(entry.policy.rules);
        self.descriptor = Some(entry.descriptor);
        self.requester = Some(entry.requester);
        self.agent = entry.agent;
        self.state = entry.is;
        Ok(())
    }

    /// Whether an entry can follow: from the phase that was recorded last, and with nothing changed that
    /// its event does not change.
    fn check(&self, entry: &Entry) -> Result<(), ShadowError> {
        let kind = &entry.kind;
        let Some((phases, changes)) = precondition(kind) else {
            return Err(ShadowError(format!("`{kind}` is no record of a call")));
        };
        if !phases.contains(&self.phase.as_str()) {
            return Err(ShadowError(format!(
                "`{kind}` does not follow in phase `{}`, which the records before it lead to",
                self.phase
            )));
        }
        let kept = match changes {
            Changes::Everything => return Ok(()),
            Changes::Judgement => true,
            Changes::Gates => self.descriptor == Some(entry.descriptor),
            Changes::Seal => self.same_gates(entry),
            Changes::Nothing => self.same_gates(entry) && self.seal == Some(entry.seal),
            Changes::NotEvenPhase => {
                self.same_gates(entry) && self.seal == Some(entry.seal) && self.phase == entry.phase
            }
        };
        if kept
            && self.state == entry.was
            && self.requester.as_ref() == Some(&entry.requester)
            && self.agent == entry.agent
        {
            return Ok(());
        }
        Err(ShadowError(format!(
            "`{kind}` is about another call than the records before it: it was made from an edited one"
        )))
    }

    fn same_gates(&self, entry: &Entry) -> bool {
        self.gates == Some(entry.gates)
            && self.rules == Some(entry.policy.rules)
            && self.descriptor == Some(entry.descriptor)
    }
}

/// How much of what is sealed an event may change; each includes those below it.
enum Changes {
    /// It is the first.
    Everything,
    /// Descriptor, gates, rules and seal: the call was judged anew.
    Judgement,
    /// Gates, rules and seal.
    Gates,
    /// The seal alone: everything is asked anew.
    Seal,
    Nothing,
    /// Nor where the call stands: somebody was reminded.
    NotEvenPhase,
}

/// From which phases an event of this kind is accepted, as the table has it, and what it may change.
fn precondition(kind: &str) -> Option<(&'static [&'static str], Changes)> {
    Some(match kind {
        "call.opened" => (&[""], Changes::Everything),
        "call.filled" => (&["input"], Changes::Nothing),
        "call.confirmed" | "call.amended" | "call.answered" => (&["confirm"], Changes::Nothing),
        "call.approved" => (&["approve"], Changes::Nothing),
        "call.rejected" => (&["input", "confirm", "approve"], Changes::Nothing),
        "call.gated" => (&["gating"], Changes::Judgement),
        "call.gating_refused" => (&["gating"], Changes::Nothing),
        "call.tightened" => (&["confirm", "approve", "cleared"], Changes::Gates),
        "call.reasked" => (&["confirm", "approve", "cleared"], Changes::Seal),
        "call.claimed" | "call.votes_voided" => (&["cleared"], Changes::Nothing),
        "call.timed_out" | "call.lease_lapsed" => (&["executing"], Changes::Nothing),
        "call.returned" | "call.failed" => (&["executing", "in_doubt"], Changes::Nothing),
        "call.reported" => (&["executing", "external", "in_doubt"], Changes::Nothing),
        "call.token_issued" => (&["external"], Changes::Nothing),
        "call.resolved" => (&["in_doubt"], Changes::Seal),
        "call.warned" => (
            &["input", "confirm", "approve", "external"],
            Changes::NotEvenPhase,
        ),
        "call.escalated" => (&["approve"], Changes::NotEvenPhase),
        "call.deadline_passed" => (
            &["input", "gating", "confirm", "approve", "cleared", "external"],
            Changes::Nothing,
        ),
        "call.cancelled" => (
            &[
                "input",
                "gating",
                "confirm",
                "approve",
                "cleared",
                "executing",
                "external",
            ],
            Changes::Nothing,
        ),
        _ => return None,
    })
}

/// Whether a record of this kind can follow in this phase, which is empty before the first one; none if a
/// call has no records of this kind.
///
/// ```
/// use countersign_core::call::may_follow;
///
/// assert_eq!(may_follow("call.confirmed", "confirm"), Some(true));
/// assert_eq!(may_follow("call.claimed", "approve"), Some(false));
/// assert_eq!(may_follow("policy.changed", ""), None);
/// ```
pub fn may_follow(kind: &str, phase: &str) -> Option<bool> {
    precondition(kind).map(|(phases, _)| phases.contains(&phase))
}

impl Call {
    /// What the records of this call must say.
    pub fn shadow(&self) -> Shadow {
        Shadow {
            phase: self.phase.name().to_owned(),
            seal: Some(self.terms.seal),
            gates: Some(self.terms.gates_digest()),
            rules: Some(self.terms.rules),
            descriptor: Some(self.terms.descriptor),
            votes: self.votes.iter().map(|it| (it.gate, it.by.clone())).collect(),
            claims: self.claims,
            requester: Some(self.terms.requester.clone()),
            agent: self.terms.agent.as_ref().map(|it| Agent {
                id: it.id.clone(),
                owner: it.owner.clone(),
            }),
            state: self.state(),
        }
    }
}
