//! What the records say about a call, to be compared with what is stored of it.
//!
//! A claim folds the call's own entries and refuses if the stored row says anything else: whoever
//! edits the row must also edit the log, and the log has a root.

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
}

/// An entry that is not one of a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no record of a call: {0}")]
pub struct ShadowError(String);

#[derive(Deserialize)]
struct Entry {
    kind: String,
    phase: String,
    seal: Seal,
    gates: Digest,
    descriptor: Digest,
    policy: Policy,
    actor: Option<Who>,
    gate: Option<usize>,
    claim: Option<ClaimNumber>,
    #[serde(default)]
    void: Vec<Void>,
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
        let entry: Entry = serde_json::from_str(entry).map_err(|error| ShadowError(error.to_string()))?;
        if entry.kind == "call.refused" {
            return Ok(());
        }
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
        Ok(())
    }
}

impl Call {
    /// What the records of this call must say.
    pub fn shadow(&self) -> Shadow {
        Shadow {
            phase: self.phase.name().to_owned(),
            seal: Some(self.seal),
            gates: Some(self.gates_digest()),
            rules: Some(self.rules),
            descriptor: Some(self.descriptor),
            votes: self.votes.iter().map(|it| (it.gate, it.by.clone())).collect(),
            claims: self.claims,
        }
    }

    pub(super) fn gates_digest(&self) -> Digest {
        let gates = serde_json::to_string(&self.gates).unwrap_or_default();
        Digest::of("countersign/gates/1", &[gates.as_bytes()])
    }
}
