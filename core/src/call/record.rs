//! What a step leaves in the audit log.
//!
//! An entry says who did what to which call and where the call then stood. It holds no personal data
//! but the actor's id: words, arguments and results are blobs beside the log, bound by commitments.

use serde_json::{Map, Value};

use super::{Answer, Call, Claim, Code, Phase, Refusal, Step, Vote};
use crate::actor::Actor;
use crate::audit::{Blob, Draft};
use crate::digest::Digest;
use crate::grant::Change;
use crate::id::RequirementId;
use crate::requirement::Ask;

/// Collects the fields of one entry.
pub(super) struct Note {
    kind: &'static str,
    fields: Map<String, Value>,
    blobs: Vec<Blob>,
    /// Words and results that are to become blobs, under the names of their fields.
    words: Vec<(&'static str, String)>,
}

impl Note {
    /// An entry of this kind, `call.` and the event.
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            fields: Map::new(),
            blobs: Vec::new(),
            words: Vec::new(),
        }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Who did it.
    pub(super) fn by(self, actor: &Actor) -> Self {
        let roles = within(2048, actor.roles.iter().map(|it| Value::from(it.as_str())));
        let kind = serde_json::to_value(actor.kind).unwrap_or_default();
        let auth: String = actor.auth.chars().take(256).collect();
        let value = serde_json::json!({"id": actor.id.as_str(), "kind": kind, "auth": auth, "roles": roles});
        self.with("actor", value)
    }

    /// A holder of a reporting token did it.
    pub(super) fn by_token(self, token: &Digest) -> Self {
        self.with("actor", serde_json::json!({"token": token.to_string()}))
    }

    /// Which requirement it answers.
    pub(super) fn on(self, requirement: RequirementId) -> Self {
        self.with("requirement", requirement.to_string())
    }

    /// The arguments as they are shown from now on.
    pub(super) fn arguments(mut self, shown: Blob) -> Self {
        let commitment = shown.commitment().to_string();
        self.blobs.push(shown);
        self.with("shown", commitment)
    }

    /// Somebody's words, or a result: bound here, kept beside the log.
    pub(super) fn words(mut self, name: &'static str, text: &str) -> Self {
        self.words.push((name, text.to_owned()));
        self
    }

    /// A reason, if there is one.
    pub(super) fn reason(self, reason: Option<&str>) -> Self {
        match reason {
            Some(reason) => self.words("reason", reason),
            None => self,
        }
    }

    /// Under which claim.
    pub(super) fn claim(self, claim: Claim) -> Self {
        self.with(
            "claim",
            serde_json::json!({"worker": claim.worker.to_string(), "number": claim.number}),
        )
    }

    /// For which approval gate.
    pub(super) fn gate(self, place: usize) -> Self {
        self.with("gate", place)
    }

    /// Votes that no longer count.
    pub(super) fn void(self, votes: &[Vote]) -> Self {
        let void: Vec<Value> = votes
            .iter()
            .map(|it| serde_json::json!({"gate": it.gate, "by": it.by.as_str()}))
            .collect();
        self.with("void", void)
    }

    /// Which grant passed the confirmation, if one did.
    pub(super) fn passed_by(self, change: Option<&Change>) -> Self {
        match change {
            Some(change) => self.word("passed_by", &change.grant.id().to_string()),
            None => self,
        }
    }

    /// What is asked.
    pub(super) fn asked(self, asks: &[Ask]) -> Self {
        let asked: Vec<Value> = asks.iter().map(|it| it.name().into()).collect();
        self.with("asked", asked)
    }

    /// A plain word that is no personal data.
    pub(super) fn word(self, name: &str, value: &str) -> Self {
        self.with(name, value)
    }
}

impl Step {
    /// What counts says from which state of the call to which it leads: an edit in between is found.
    pub(super) fn seen_from(&mut self, was: Option<Digest>) {
        let (Answer::Accepted, Some(record)) = (&self.answer, &mut self.record) else {
            return;
        };
        self.call.told = self.call.to_be_told();
        for (name, state) in [("was", was), ("is", self.call.told.digest())] {
            if let Some(state) = state {
                record.fields.insert(name.to_owned(), state.to_string().into());
            }
        }
    }
}

impl Call {
    /// The event counts, and this is on record.
    pub(super) fn accepted(self, note: Note) -> Step {
        let draft = self.draft(note);
        Step {
            call: self,
            answer: Answer::Accepted,
            record: Some(draft),
            change: None,
        }
    }

    /// The event does not count. That it was tried is on record.
    pub(super) fn refused(self, refusal: Refusal, note: Note) -> Step {
        let event = note.kind.strip_prefix("call.").unwrap_or(note.kind);
        let note = Note {
            kind: "call.refused",
            ..note
        }
        .with("event", event)
        .with("refusal", refusal.code.as_str());
        let draft = self.draft(note);
        Step {
            call: self,
            answer: Answer::Refused(refusal),
            record: Some(draft),
            change: None,
        }
    }

    /// The same was accepted before: the same answer, no new record.
    pub(super) fn repeated(self) -> Step {
        Step {
            call: self,
            answer: Answer::Repeated,
            record: None,
            change: None,
        }
    }

    /// The event counts but is not worth a record.
    pub(super) fn unrecorded(self) -> Step {
        Step {
            call: self,
            answer: Answer::Accepted,
            record: None,
            change: None,
        }
    }

    fn draft(&self, note: Note) -> Draft {
        let mut note = note
            .with("run", self.run.to_string())
            .with("call", self.id.to_string())
            .with("tool", self.tool.as_str())
            .with("descriptor", self.descriptor.to_string())
            .with("requester", self.requester.as_str())
            .with("phase", self.phase.name())
            .with("seal", self.seal.to_string())
            .with("args", self.committed.to_string())
            .with("gates", self.gates_digest().to_string())
            .with("policy", self.policy_note());
        if let Some(agent) = &self.agent {
            note = note.with("agent", serde_json::json!({"id": agent.id.as_str(), "owner": agent.owner.as_ref().map(crate::id::ActorId::as_str)}));
        }
        if let Phase::Closed { outcome } = &self.phase {
            note = note.with("outcome", outcome.name());
        }
        let kind = note.kind;
        note = note.with("kind", kind);
        for (name, text) in std::mem::take(&mut note.words) {
            let blob = Blob {
                salt: self.key_of_words(name, &text),
                content: text,
            };
            note = note.with(name, blob.commitment().to_string());
            note.blobs.push(blob);
        }
        Draft {
            call: Some(self.id),
            fields: note.fields,
            blobs: note.blobs,
        }
    }

    /// Which rules applied, what was needed and what there was.
    fn policy_note(&self) -> Value {
        let mut needed = Vec::new();
        if self.gates.user_input.is_some() {
            needed.push(Value::from("user_input"));
        }
        if self.gates.confirmation.is_some() {
            needed.push(Value::from("confirmation"));
        }
        for gate in self.gates.approvals.iter().take(crate::gate::MOST_APPROVALS) {
            needed.push(serde_json::json!({"pool": gate.pool.as_str(), "quorum": gate.quorum}));
        }
        if self.gates.external.is_some() {
            needed.push(Value::from("external"));
        }
        let had = within(
            3072,
            self.votes
                .iter()
                .map(|it| serde_json::json!({"gate": it.gate, "by": it.by.as_str()})),
        );
        serde_json::json!({"rules": self.rules.to_string(), "needed": needed, "had": had})
    }
}

/// The first of these, as many as fit: an entry has room for what people choose, but not for all of it.
fn within(bytes: usize, values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut room = bytes;
    values
        .take_while(|it| {
            let length = it.to_string().len();
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        })
        .collect()
}

/// A refusal with this code.
pub(super) fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal {
        code,
        message: message.into(),
    }
}
