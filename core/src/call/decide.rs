//! What people decide, and whether they may.
//!
//! Each function is one row of the table: it finds the gate that the decision is about, asks whether
//! this actor may decide it, and moves on. Whatever does not fit is refused, and that is recorded.

use super::record::{Note, refusal};
use super::{
    Answer, Call, Code, Decided, Event, From, MOST_ROUNDS, MOST_WORDS, Outcome, Phase, Refusal, Step, Vote,
};
use crate::actor::{Actor, Kind, OPERATOR};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::id::RequirementId;
use crate::requirement::Ask;
use crate::time::Timestamp;

/// Words of people are kept whole up to a limit; a record must stay small and a model's prompt too.
pub(super) fn cut(words: &str) -> String {
    let end = (0..=MOST_WORDS.min(words.len()))
        .rev()
        .find(|it| words.is_char_boundary(*it))
        .unwrap_or(0);
    words.get(..end).unwrap_or_default().to_owned()
}

fn cut_reason(reason: Option<String>) -> Option<String> {
    reason.map(|it| cut(&it)).filter(|it| !it.trim().is_empty())
}

impl Call {
    /// Recognises the same decision when it comes again. Keyed, for it may be about a secret that is
    /// wiped when the call closes, and must not be guessed from what stays.
    pub(super) fn fingerprint(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|it| it.as_bytes()).collect();
        let digest = Digest::of("countersign/decision/1", &parts);
        Digest::keyed(self.salt.bytes(), digest.bytes())
    }

    pub(super) fn was_decided(&self, on: RequirementId, by: &str, what: Digest) -> bool {
        self.decided
            .iter()
            .any(|it| it.on == on && it.by == by && it.what == what)
    }

    pub(super) fn remember(&mut self, on: RequirementId, by: &str, what: Digest) {
        self.decided.push(Decided {
            on,
            by: by.to_owned(),
            what,
        });
    }

    /// Whether `by` may decide what only a person who is this call's requester may decide.
    fn is_requester(&self, by: &Actor) -> Result<(), Refusal> {
        persons_only(by)?;
        if by.id == self.requester {
            return Ok(());
        }
        Err(refusal(
            Code::NotAllowed,
            format!(
                "only the requester `{}` may decide this; `{}` is somebody else",
                self.requester, by.id
            ),
        ))
    }

    /// Whether `by` may speak for the pool of an approval gate.
    fn speaks_for(&self, place: usize, by: &Actor) -> Result<(), Refusal> {
        persons_only(by)?;
        if self.is_own(&by.id) {
            return Err(refusal(
                Code::SelfApproval,
                format!(
                    "`{}` stands behind this call and so never counts for its approval",
                    by.id
                ),
            ));
        }
        match self.gates.approvals.get(place) {
            Some(gate) if by.pools.contains(&gate.pool) => Ok(()),
            Some(gate) => Err(refusal(
                Code::NotAllowed,
                format!("`{}` is not in pool `{}`, which is asked here", by.id, gate.pool),
            )),
            None => Err(refusal(Code::UnknownRequirement, "this call has no such gate")),
        }
    }

    /// Whether `by` may withdraw or re-ask: the requester or an operator.
    fn may_steer(&self, by: &Actor) -> Result<(), Refusal> {
        persons_only(by)?;
        if by.id == self.requester || by.has_role(OPERATOR) {
            return Ok(());
        }
        Err(refusal(
            Code::NotAllowed,
            format!(
                "only the requester `{}` or an operator may do this",
                self.requester
            ),
        ))
    }

    pub(super) fn filled(
        mut self,
        on: RequirementId,
        by: &Actor,
        arguments: Canonical,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["fill", arguments.as_str()]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.filled").by(by).on(on);
        let found = self.locate(on, now).and_then(|ask| match ask {
            Ask::Input => self.is_requester(by),
            Ask::Confirm | Ask::Approval(_) | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(wrong("fill", "asks for fields"))
            }
        });
        match (found, &self.phase) {
            (Err(refusal), _) => self.refused(refusal, note),
            (Ok(()), Phase::Input { deadline }) => {
                let shown = self.masked(&arguments);
                self.phase = Phase::Gating {
                    from: From::Filled { arguments },
                    deadline: *deadline,
                };
                self.remember(on, by.id.as_str(), what);
                self.accepted(note.words("proposed", shown.as_str()))
            }
            (
                Ok(()),
                Phase::Gating { .. }
                | Phase::Confirm { .. }
                | Phase::Approve { .. }
                | Phase::Cleared { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. },
            ) => self.out_of_turn(note),
        }
    }

    pub(super) fn confirmed(
        mut self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["confirm"]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.confirmed")
            .by(by)
            .on(on)
            .reason(cut_reason(reason).as_deref());
        match (self.asked_to_confirm(on, by, "confirm", now), &self.phase) {
            (Err(refusal), _) => self.refused(refusal, note),
            (Ok(()), Phase::Confirm { deadline }) => {
                self.phase = self.after_confirmation(now, *deadline);
                self.remember(on, by.id.as_str(), what);
                self.accepted(note)
            }
            (
                Ok(()),
                Phase::Input { .. }
                | Phase::Gating { .. }
                | Phase::Approve { .. }
                | Phase::Cleared { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. },
            ) => self.out_of_turn(note),
        }
    }

    pub(super) fn amended(
        mut self,
        on: RequirementId,
        by: &Actor,
        arguments: Canonical,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["amend", arguments.as_str()]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.amended")
            .by(by)
            .on(on)
            .reason(cut_reason(reason).as_deref());
        let found = self.asked_to_confirm(on, by, "amend", now).and_then(|()| {
            if self.round < MOST_ROUNDS {
                return Ok(());
            }
            Err(refusal(
                Code::NotAllowed,
                format!("this call was changed {MOST_ROUNDS} times; reject it and propose a new one"),
            ))
        });
        match (found, &self.phase) {
            (Err(refusal), _) => self.refused(refusal, note),
            (Ok(()), Phase::Confirm { deadline }) => {
                let shown = self.masked(&arguments);
                self.phase = Phase::Gating {
                    from: From::Amended { arguments },
                    deadline: *deadline,
                };
                self.remember(on, by.id.as_str(), what);
                self.accepted(note.words("proposed", shown.as_str()))
            }
            (
                Ok(()),
                Phase::Input { .. }
                | Phase::Gating { .. }
                | Phase::Approve { .. }
                | Phase::Cleared { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. },
            ) => self.out_of_turn(note),
        }
    }

    pub(super) fn answered(
        mut self,
        on: RequirementId,
        by: &Actor,
        answer: &Canonical,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["answer", answer.as_str()]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.answered").by(by).on(on);
        match self.asked_to_confirm(on, by, "answer", now) {
            Err(refusal) => self.refused(refusal, note),
            Ok(()) => {
                let note = note.words("result", answer.as_str());
                self.remember(on, by.id.as_str(), what);
                self.close(Outcome::Answered {
                    answer: answer.to_string(),
                    by: by.id.clone(),
                });
                self.accepted(note)
            }
        }
    }

    fn asked_to_confirm(
        &self,
        on: RequirementId,
        by: &Actor,
        verb: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.locate(on, now).and_then(|ask| match ask {
            Ask::Confirm => self.is_requester(by),
            Ask::Input | Ask::Approval(_) | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(wrong(verb, "asks for a confirmation"))
            }
        })
    }

    pub(super) fn approved(
        mut self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["approve"]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.approved")
            .by(by)
            .on(on)
            .reason(cut_reason(reason).as_deref());
        let found = self.locate(on, now).and_then(|ask| match ask {
            Ask::Approval(place) => self.may_vote(place, by).map(|()| place),
            Ask::Input | Ask::Confirm | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(wrong("approve", "asks a pool for its approval"))
            }
        });
        match (found, &self.phase) {
            (Err(refusal), _) => self.refused(refusal, note),
            (Ok(place), Phase::Approve { deadline }) => {
                let deadline = *deadline;
                self.votes.insert(Vote {
                    gate: place,
                    by: by.id.clone(),
                    at: now,
                });
                if self.is_approved() {
                    self.phase = self.after_approvals(now, deadline);
                }
                self.remember(on, by.id.as_str(), what);
                self.accepted(note.gate(place))
            }
            (
                Ok(_),
                Phase::Input { .. }
                | Phase::Gating { .. }
                | Phase::Confirm { .. }
                | Phase::Cleared { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. },
            ) => self.out_of_turn(note),
        }
    }

    fn may_vote(&self, place: usize, by: &Actor) -> Result<(), Refusal> {
        self.speaks_for(place, by)?;
        if let Some(vote) = self.votes.iter().find(|it| it.by == by.id) {
            let pool = self
                .gates
                .approvals
                .get(vote.gate)
                .map(|it| it.pool.as_str())
                .unwrap_or_default();
            return Err(refusal(
                Code::NotAllowed,
                format!(
                    "`{}` has approved for pool `{pool}`; a person counts for one gate of a call",
                    by.id
                ),
            ));
        }
        let quorum = self
            .gates
            .approvals
            .get(place)
            .map_or(0, |it| usize::from(it.quorum));
        if self.votes_for(place) >= quorum {
            return Err(refusal(
                Code::AlreadyDecided,
                "this pool has approved; other pools are still asked",
            ));
        }
        Ok(())
    }

    pub(super) fn rejected(
        mut self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        stop_run: bool,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["reject", if stop_run { "run" } else { "call" }]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let reason = cut_reason(reason);
        let note = Note::new("call.rejected").by(by).on(on).reason(reason.as_deref());
        let found = self.locate(on, now).and_then(|ask| match ask {
            Ask::Input | Ask::Confirm => self.is_requester(by).map(|()| None),
            Ask::Approval(place) => self.speaks_for(place, by).map(|()| Some(place)),
            Ask::Cleared | Ask::External | Ask::InDoubt(_) => Err(wrong("reject", "asks for a yes or no")),
        });
        match found {
            Err(refusal) => self.refused(refusal, note),
            Ok(place) => {
                self.remember(on, by.id.as_str(), what);
                self.close(Outcome::Rejected {
                    by: by.id.clone(),
                    reason,
                    stop_run,
                });
                self.accepted(place.into_iter().fold(note, Note::gate))
            }
        }
    }

    pub(super) fn reasked(
        mut self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let what = self.fingerprint(&["reask"]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let note = Note::new("call.reasked")
            .by(by)
            .on(on)
            .reason(cut_reason(reason).as_deref());
        let found = self.locate(on, now).and_then(|ask| match ask {
            Ask::Confirm | Ask::Approval(_) | Ask::Cleared if self.round < MOST_ROUNDS => self.may_steer(by),
            Ask::Confirm | Ask::Approval(_) | Ask::Cleared => Err(refusal(
                Code::NotAllowed,
                format!("this call was changed {MOST_ROUNDS} times; cancel it"),
            )),
            Ask::Input | Ask::External | Ask::InDoubt(_) => {
                Err(wrong("reask", "waits for a confirmation or an approval"))
            }
        });
        match found {
            Err(refusal) => self.refused(refusal, note),
            Ok(()) => {
                self.reseal();
                self.phase = Phase::Gating {
                    from: From::Reasked,
                    deadline: now.after(self.patience),
                };
                self.remember(on, by.id.as_str(), what);
                self.accepted(note)
            }
        }
    }

    pub(super) fn cancelled(mut self, by: &Actor, reason: Option<String>) -> Step {
        let reason = cut_reason(reason);
        let note = Note::new("call.cancelled").by(by).reason(reason.as_deref());
        if let Err(refusal) = self.may_steer(by) {
            return self.refused(refusal, note);
        }
        match &self.phase {
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. } => {
                self.close(Outcome::Cancelled {
                    by: by.id.clone(),
                    reason,
                });
                self.accepted(note)
            }
            // The function may be acting: that it should stop is on record, and nothing pretends it did.
            Phase::Executing { .. } => self.accepted(note),
            Phase::External { cleared, .. } => {
                let cleared = *cleared;
                self.fall_into_doubt(None, cleared);
                self.accepted(note)
            }
            Phase::InDoubt { .. } => self.refused(
                refusal(Code::NotAllowed, "it may have run: an operator must resolve it"),
                note,
            ),
            Phase::Closed { outcome } => match outcome {
                Outcome::Cancelled { by: before, .. } if *before == by.id => self.repeated(),
                Outcome::Cancelled { .. }
                | Outcome::Returned { .. }
                | Outcome::Failed { .. }
                | Outcome::Answered { .. }
                | Outcome::Rejected { .. }
                | Outcome::Blocked { .. }
                | Outcome::Expired
                | Outcome::Abandoned { .. } => {
                    let message = format!("this call is closed: {}", outcome.name());
                    self.refused(refusal(Code::AlreadyDecided, message), note)
                }
            },
        }
    }

    pub(super) fn out_of_turn(self, note: Note) -> Step {
        let message = format!("not now: this call is in phase `{}`", self.phase.name());
        self.refused(refusal(Code::OutOfTurn, message), note)
    }
}

pub(super) fn persons_only(by: &Actor) -> Result<(), Refusal> {
    match by.kind {
        Kind::Person => Ok(()),
        Kind::Service | Kind::Agent => Err(refusal(
            Code::NotAllowed,
            format!("`{}` is not a person, and only persons decide", by.id),
        )),
        Kind::Unknown => Err(refusal(
            Code::NotAllowed,
            format!("nobody knows an actor `{}`", by.id),
        )),
    }
}

pub(super) fn wrong(verb: &str, right: &str) -> Refusal {
    refusal(
        Code::InvalidInput,
        format!("`{verb}` is for a requirement that {right}; this one does not"),
    )
}

/// A decision that the desk refuses before it becomes an event: a schema that does not fit, say.
impl Call {
    /// Refuses a decision that never became an event, and records that somebody tried.
    pub fn refuse(self, on: RequirementId, by: &Actor, refusal: Refusal) -> Step {
        let note = Note::new("call.decided").by(by).on(on);
        self.refused(refusal, note)
    }

    /// Whether this very decision was accepted before, or was refused for good; then nothing else need be checked.
    pub fn is_repeat(&self, event: &Event, now: Timestamp) -> bool {
        !self.decided.is_empty() && matches!(self.clone().step(event.clone(), now).answer, Answer::Repeated)
    }
}
