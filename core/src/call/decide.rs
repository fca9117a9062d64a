//! What people decide, and whether they may.
//!
//! Each function is one row of the table: it finds the gate that the decision is about, asks whether
//! this actor may decide it, and moves on. Whatever does not fit is refused, and that is recorded.

use super::record::{Note, refusal};
use super::settle::may_report_as;
use super::{
    Answer, Call, Code, Decided, Event, From, MOST_ROUNDS, MOST_WORDS, Outcome, Phase, Refusal, Step, Vote,
};
use crate::actor::{Actor, Kind, OPERATOR};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::grant::Wish;
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

/// What somebody says about a requirement.
struct Said<'a> {
    on: RequirementId,
    by: &'a Actor,
    /// Recognises it when it is said again.
    what: Digest,
    note: Note,
}

impl Said<'_> {
    /// Why, in their words.
    fn because(self, reason: Option<String>) -> Self {
        let note = self.note.reason(cut_reason(reason).as_deref());
        Self { note, ..self }
    }
}

impl Call {
    /// Recognises the same decision when it comes again. Keyed, for it may be about a secret that is
    /// wiped when the call closes, and must not be guessed from what stays.
    pub(super) fn fingerprint(&self, parts: &[&str]) -> Digest {
        let parts: Vec<&[u8]> = parts.iter().map(|it| it.as_bytes()).collect();
        let digest = Digest::of("countersign/decision/1", &parts);
        Digest::keyed(self.terms.salt.bytes(), digest.bytes())
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
        if by.id == self.terms.requester {
            return Ok(());
        }
        Err(refusal(
            Code::NotAllowed,
            format!(
                "only the requester `{}` may decide this; `{}` is somebody else",
                self.terms.requester, by.id
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
        match self.terms.gates.approvals.get(place) {
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
        if by.id == self.terms.requester || by.has_role(OPERATOR) {
            return Ok(());
        }
        Err(refusal(
            Code::NotAllowed,
            format!(
                "only the requester `{}` or an operator may do this",
                self.terms.requester
            ),
        ))
    }

    /// Whether `by` may answer what is asked here in some way.
    fn may_answer(&self, ask: Ask, by: &Actor) -> Result<(), Refusal> {
        match ask {
            Ask::Input | Ask::Confirm => self.is_requester(by),
            Ask::Approval(place) => self.speaks_for(place, by),
            Ask::Cleared => self.may_steer(by),
            Ask::External => may_report_as(by),
            Ask::InDoubt(_) => self.may_settle(by),
        }
    }

    /// Why `verb` is no answer to what is asked here. Who could give none at all is told that first.
    pub(super) fn wrong(&self, ask: Ask, by: &Actor, verb: &str, right: &str) -> Refusal {
        match self.may_answer(ask, by) {
            Err(refusal) => refusal,
            Ok(()) => misplaced(verb, right),
        }
    }

    /// Takes one decision: the same one again, or one about a gate that asks now and that `may` allows.
    fn taken<T>(
        mut self,
        said: Said<'_>,
        now: Timestamp,
        may: impl FnOnce(&Self, Ask) -> Result<T, Refusal>,
        take: impl FnOnce(&mut Self, T, Timestamp, Note) -> Note,
    ) -> Step {
        let Said { on, by, what, note } = said;
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        match (
            self.locate(on, now).and_then(|ask| may(&self, ask)),
            self.deadline(),
        ) {
            (Err(refusal), _) => self.refused(refusal, note),
            // INVARIANT: whatever asks people, apart from a doubt, asks until some time.
            (Ok(_), None) => self.out_of_turn(note),
            (Ok(found), Some(deadline)) => {
                let note = take(&mut self, found, deadline, note);
                self.remember(on, by.id.as_str(), what);
                self.accepted(note)
            }
        }
    }

    /// Somebody's decision, to be recognised and recorded.
    fn said<'a>(&self, kind: &'static str, on: RequirementId, by: &'a Actor, parts: &[&str]) -> Said<'a> {
        Said {
            on,
            by,
            what: self.fingerprint(parts),
            note: Note::new(kind).by(by).on(on),
        }
    }

    pub(super) fn filled(
        self,
        on: RequirementId,
        by: &Actor,
        values: &Canonical,
        arguments: Canonical,
        now: Timestamp,
    ) -> Step {
        let said = self.said("call.filled", on, by, &["fill", values.as_str()]);
        let may = |call: &Self, ask| match ask {
            Ask::Input => call.is_requester(by),
            Ask::Confirm | Ask::Approval(_) | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(call.wrong(ask, by, "fill", "asks for fields"))
            }
        };
        self.taken(said, now, may, |call, (), deadline, note| {
            let shown = call.masked(&arguments);
            let from = From::Filled { arguments };
            call.phase = Phase::Gating { from, deadline };
            note.words("proposed", shown.as_str())
        })
    }

    pub(super) fn confirmed(
        self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        wish: Option<&Wish>,
        now: Timestamp,
    ) -> Step {
        let remember = wish.map(|it| serde_json::to_string(&it.remember).unwrap_or_default());
        let said = self
            .said(
                "call.confirmed",
                on,
                by,
                &["confirm", remember.as_deref().unwrap_or_default()],
            )
            .because(reason);
        let may = |call: &Self, ask| {
            call.asked_to_confirm(ask, by, "confirm")
                .and_then(|()| call.made_grant(wish, on, now))
        };
        let mut change = None;
        let step = self.taken(said, now, may, |call, grant, deadline, note| {
            call.phase = call.after_confirmation(now, deadline);
            change = grant.map(|it| Box::new(it.recorded()));
            match &change {
                Some(change) => note.word("remembered", &change.grant.id().to_string()),
                None => note,
            }
        });
        Step { change, ..step }
    }

    pub(super) fn amended(
        self,
        on: RequirementId,
        by: &Actor,
        arguments: Canonical,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let said = self
            .said("call.amended", on, by, &["amend", arguments.as_str()])
            .because(reason);
        let may = |call: &Self, ask| {
            call.asked_to_confirm(ask, by, "amend")?;
            if call.terms.round < MOST_ROUNDS {
                return Ok(());
            }
            Err(refusal(
                Code::NotAllowed,
                format!("this call was changed {MOST_ROUNDS} times; reject it and propose a new one"),
            ))
        };
        self.taken(said, now, may, |call, (), deadline, note| {
            let shown = call.masked(&arguments);
            let from = From::Amended { arguments };
            call.phase = Phase::Gating { from, deadline };
            note.words("proposed", shown.as_str())
        })
    }

    pub(super) fn answered(self, on: RequirementId, by: &Actor, answer: &Canonical, now: Timestamp) -> Step {
        let said = self.said("call.answered", on, by, &["answer", answer.as_str()]);
        let may = |call: &Self, ask| call.asked_to_confirm(ask, by, "answer");
        self.taken(said, now, may, |call, (), _, note| {
            call.close(Outcome::Answered {
                answer: answer.to_string(),
                by: by.id.clone(),
            });
            note.words("result", answer.as_str())
        })
    }

    fn asked_to_confirm(&self, ask: Ask, by: &Actor, verb: &str) -> Result<(), Refusal> {
        match ask {
            Ask::Confirm => self.is_requester(by),
            Ask::Input | Ask::Approval(_) | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(self.wrong(ask, by, verb, "asks for a confirmation"))
            }
        }
    }

    pub(super) fn approved(
        self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let said = self.said("call.approved", on, by, &["approve"]).because(reason);
        let may = |call: &Self, ask| match ask {
            Ask::Approval(place) => call.may_vote(place, by).map(|()| place),
            Ask::Input | Ask::Confirm | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(call.wrong(ask, by, "approve", "asks a pool for its approval"))
            }
        };
        self.taken(said, now, may, |call, place, deadline, note| {
            call.votes.insert(Vote {
                gate: place,
                by: by.id.clone(),
                at: now,
            });
            if call.is_approved() {
                call.phase = call.after_approvals(now, deadline);
            }
            note.gate(place)
        })
    }

    fn may_vote(&self, place: usize, by: &Actor) -> Result<(), Refusal> {
        self.speaks_for(place, by)?;
        if let Some(vote) = self.votes.iter().find(|it| it.by == by.id) {
            let pool = self
                .terms
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
            .terms
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
        self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        stop_run: bool,
        now: Timestamp,
    ) -> Step {
        let reason = cut_reason(reason);
        let what = ["reject", if stop_run { "run" } else { "call" }];
        let said = self.said("call.rejected", on, by, &what).because(reason.clone());
        let may = |call: &Self, ask| match ask {
            Ask::Input | Ask::Confirm => call.is_requester(by).map(|()| None),
            Ask::Approval(place) => call.speaks_for(place, by).map(|()| Some(place)),
            Ask::Cleared | Ask::External | Ask::InDoubt(_) => {
                Err(call.wrong(ask, by, "reject", "asks for a yes or no"))
            }
        };
        self.taken(said, now, may, |call, place, _, note| {
            call.close(Outcome::Rejected {
                by: by.id.clone(),
                reason,
                stop_run,
            });
            place.into_iter().fold(note, Note::gate)
        })
    }

    pub(super) fn reasked(
        self,
        on: RequirementId,
        by: &Actor,
        reason: Option<String>,
        now: Timestamp,
    ) -> Step {
        let said = self.said("call.reasked", on, by, &["reask"]).because(reason);
        let may = |call: &Self, ask| match ask {
            Ask::Confirm | Ask::Approval(_) | Ask::Cleared => {
                call.may_steer(by)?;
                if call.terms.round < MOST_ROUNDS {
                    return Ok(());
                }
                Err(refusal(
                    Code::NotAllowed,
                    format!("this call was changed {MOST_ROUNDS} times; cancel it"),
                ))
            }
            Ask::Input | Ask::External | Ask::InDoubt(_) => {
                Err(call.wrong(ask, by, "reask", "waits for a confirmation or an approval"))
            }
        };
        self.taken(said, now, may, |call, (), _, note| {
            call.reseal();
            call.phase = Phase::Gating {
                from: From::Reasked,
                deadline: now.after(call.terms.patience),
            };
            note
        })
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

pub(crate) fn persons_only(by: &Actor) -> Result<(), Refusal> {
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

pub(super) fn misplaced(verb: &str, right: &str) -> Refusal {
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

    /// Whether `by` may answer this requirement in some way; for a decision whose values do not fit, so that
    /// who may not decide learns that and nothing else.
    pub fn may_be_answered(&self, on: RequirementId, by: &Actor, now: Timestamp) -> Result<(), Refusal> {
        self.locate(on, now).and_then(|ask| self.may_answer(ask, by))
    }

    /// Whether this very decision was accepted before, or was refused for good; then nothing else need be checked.
    pub fn is_repeat(&self, event: &Event, now: Timestamp) -> bool {
        !self.decided.is_empty() && matches!(self.clone().step(event.clone(), now).answer, Answer::Repeated)
    }
}
