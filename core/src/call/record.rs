//! What a step leaves in the audit log.
//!
//! An entry says who did what to which call and where the call then stood. It holds no personal data
//! but the actor's id: words, arguments and results are blobs beside the log, bound by commitments.

use std::fmt::{Display, Write as _};

use super::aside::Aside;
use super::{Answer, Call, Claim, Code, Phase, Refusal, Step, Vote};
use crate::actor::Actor;
use crate::audit::{Blob, Draft, Fields};
use crate::canonical::quote;
use crate::digest::Digest;
use crate::gate::ApprovalGate;
use crate::grant::Change;
use crate::id::RequirementId;
use crate::requirement::Ask;

/// Collects the fields of one entry.
pub(super) struct Note {
    kind: &'static str,
    fields: Fields,
    blobs: Vec<Blob>,
    /// Words and results that are to become blobs, under the names of their fields.
    words: Vec<(&'static str, String)>,
}

impl Note {
    /// An entry of this kind, `call.` and the event.
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            fields: Fields::of_call(),
            blobs: Vec::new(),
            words: Vec::new(),
        }
    }

    /// A field whose value is written in canonical form here: no tree of values is made for a record.
    fn with(mut self, name: &'static str, value: impl FnOnce(&mut String)) -> Self {
        self.fields.put(name, value);
        self
    }

    /// Something whose text needs no escapes.
    fn name(self, name: &'static str, value: &impl Display) -> Self {
        self.with(name, |out| {
            let _ = write!(out, "\"{value}\"");
        })
    }

    fn digest(self, name: &'static str, value: &Digest) -> Self {
        self.with(name, |out| value.quote(out))
    }

    /// Who did it.
    pub(super) fn by(self, actor: &Actor) -> Self {
        let auth: String = actor.auth.chars().take(256).collect();
        self.with("actor", |out| {
            out.push_str("{\"auth\":");
            quote(&auth, out);
            out.push_str(",\"id\":");
            quote(actor.id.as_str(), out);
            out.push_str(",\"kind\":");
            quote(actor.kind.name(), out);
            out.push_str(",\"roles\":");
            list(2048, &actor.roles, out, |role, out| quote(role.as_str(), out));
            out.push('}');
        })
    }

    /// A holder of a reporting token did it.
    pub(super) fn by_token(self, token: &Digest) -> Self {
        self.with("actor", |out| {
            out.push_str("{\"token\":");
            token.quote(out);
            out.push('}');
        })
    }

    /// Which requirement it answers.
    pub(super) fn on(self, requirement: RequirementId) -> Self {
        self.name("requirement", &requirement)
    }

    /// The arguments as they are shown from now on.
    pub(super) fn arguments(mut self, shown: Blob) -> Self {
        let commitment = shown.commitment();
        self.blobs.push(shown);
        self.digest("shown", &commitment)
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
        self.with("claim", |out| {
            let Claim { worker, number } = claim;
            let _ = write!(out, "{{\"number\":{number},\"worker\":\"{worker}\"}}");
        })
    }

    /// For which approval gate.
    pub(super) fn gate(self, place: usize) -> Self {
        self.with("gate", |out| {
            let _ = write!(out, "{place}");
        })
    }

    /// Votes that no longer count.
    pub(super) fn void(self, votes: &[Vote]) -> Self {
        self.with("void", |out| list(usize::MAX, votes, out, vote))
    }

    /// Which grant passed the confirmation, if one did.
    pub(super) fn passed_by(self, change: Option<&Change>) -> Self {
        match change {
            Some(change) => self.name("passed_by", &change.grant.id()),
            None => self,
        }
    }

    /// What is asked.
    pub(super) fn asked(self, asks: &[Ask]) -> Self {
        self.with("asked", |out| {
            list(usize::MAX, asks, out, |ask, out| quote(&ask.name(), out));
        })
    }

    /// A plain word that is no personal data.
    pub(super) fn word(self, name: &'static str, value: &str) -> Self {
        self.with(name, |out| quote(value, out))
    }
}

impl Step {
    /// What counts says from which state of the call to which it leads: an edit in between is found.
    pub(super) fn seen_from(&mut self, was: Option<Digest>) {
        let (Answer::Accepted, Some(record)) = (&self.answer, &mut self.record) else {
            return;
        };
        self.call.told = Aside(self.call.to_be_told());
        for (name, state) in [("was", was), ("is", self.call.told.digest())] {
            if let Some(state) = state {
                record.fields.put(name, |out| state.quote(out));
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
        .word("event", event)
        .word("refusal", refusal.code.as_str());
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
        let kind = note.kind;
        let mut note = note
            .word("kind", kind)
            .name("run", &self.terms.run)
            .name("call", &self.terms.id)
            .word("tool", self.terms.tool.as_str())
            .digest("descriptor", &self.terms.descriptor)
            .word("requester", self.terms.requester.as_str())
            .word("phase", self.phase.name())
            .digest("seal", &self.terms.seal.0)
            .digest("args", &self.terms.committed)
            .digest("gates", &self.terms.gates_digest())
            .with("policy", |out| self.policy_note(out));
        if let Some(agent) = &self.terms.agent {
            note = note.with("agent", |out| {
                out.push_str("{\"id\":");
                quote(agent.id.as_str(), out);
                out.push_str(",\"owner\":");
                match &agent.owner {
                    Some(owner) => quote(owner.as_str(), out),
                    None => out.push_str("null"),
                }
                out.push('}');
            });
        }
        if let Phase::Closed { outcome } = &self.phase {
            note = note.word("outcome", outcome.name());
        }
        for (name, text) in std::mem::take(&mut note.words) {
            let blob = Blob {
                salt: self.key_of_words(name, &text),
                content: text,
            };
            note = note.digest(name, &blob.commitment());
            note.blobs.push(blob);
        }
        Draft {
            call: Some(self.terms.id),
            fields: note.fields,
            blobs: note.blobs,
        }
    }

    /// Which rules applied, what was needed and what there was.
    fn policy_note(&self, out: &mut String) {
        out.push_str("{\"had\":");
        list(3072, &self.votes, out, vote);
        out.push_str(",\"needed\":");
        let gates = &self.terms.gates;
        let before = [
            gates.user_input.as_ref().map(|_| Needed::Word("user_input")),
            gates.confirmation.as_ref().map(|_| Needed::Word("confirmation")),
        ];
        let pools = gates.approvals.iter().take(crate::gate::MOST_APPROVALS);
        let external = gates.external.as_ref().map(|_| Needed::Word("external"));
        let needed = before.into_iter().flatten().chain(pools.map(Needed::Pool));
        list(
            usize::MAX,
            needed.chain(external),
            out,
            |needed, out| match needed {
                Needed::Word(word) => quote(word, out),
                Needed::Pool(gate) => {
                    out.push_str("{\"pool\":");
                    quote(gate.pool.as_str(), out);
                    let _ = write!(out, ",\"quorum\":{}}}", gate.quorum);
                }
            },
        );
        out.push_str(",\"rules\":");
        self.terms.rules.quote(out);
        out.push('}');
    }
}

/// A gate in a record.
enum Needed<'a> {
    Word(&'static str),
    Pool(&'a ApprovalGate),
}

fn vote(vote: &Vote, out: &mut String) {
    out.push_str("{\"by\":");
    quote(vote.by.as_str(), out);
    let _ = write!(out, ",\"gate\":{}}}", vote.gate);
}

/// The first of these, as many as fit into `room` bytes: an entry has room for what people choose, but not
/// for all of it.
fn list<T>(
    mut room: usize,
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    write: impl Fn(T, &mut String),
) {
    out.push('[');
    for (place, item) in items.into_iter().enumerate() {
        let before = out.len();
        if place > 0 {
            out.push(',');
        }
        let begin = out.len();
        write(item, out);
        let length = out.len() - begin;
        if length > room {
            out.truncate(before);
            break;
        }
        room -= length;
    }
    out.push(']');
}

/// A refusal with this code.
pub(super) fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal {
        code,
        message: message.into(),
    }
}
