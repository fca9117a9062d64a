//! Arguments that wait for a process that links the tool, and policies that got stricter.

use super::record::{Note, refusal};
use super::{Call, Code, From, Judgement, MOST_ROUNDS, Outcome, Phase, Release, Step, Terms};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::gate::Gates;
use crate::requirement::Ask;
use crate::time::Timestamp;

impl Call {
    /// The arguments that wait to be judged, if any do.
    pub fn proposed(&self) -> Option<&Canonical> {
        match &self.phase {
            Phase::Gating { from, .. } => Some(match from {
                From::Filled { arguments } | From::Amended { arguments } => arguments,
                From::Reasked | From::Retried => &self.terms.arguments,
            }),
            Phase::Input { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => None,
        }
    }

    pub(super) fn gated(mut self, judgement: Judgement, now: Timestamp) -> Step {
        let note = Note::new("call.gated");
        let (from, deadline) = match &self.phase {
            Phase::Gating { from, deadline } => (from.clone(), *deadline),
            Phase::Input { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => return self.out_of_turn(note),
        };
        if now >= deadline {
            return self.too_late(deadline, note);
        }
        let Judgement {
            release,
            arguments,
            gates,
            rules,
            satisfiable,
            offer,
        } = judgement;
        // New arguments are judged anew. The same arguments, or another tool, may only get stricter:
        // a redeploy must not take a gate away from a call that waits.
        let anew = match from {
            From::Filled { .. } | From::Amended { .. } => release.descriptor == self.terms.descriptor,
            From::Reasked | From::Retried => false,
        };
        let unchanged = self.proposed() == Some(&arguments) && !matches!(from, From::Amended { .. });
        let before = self.terms.gates.clone();
        let terms = self.terms_mut();
        terms.gates = if anew { gates } else { before.tightened(&gates) };
        terms.adopt(release);
        terms.as_proposed &= unchanged;
        terms.arguments = arguments;
        terms.rules = rules;
        self.reseal();
        let mut note = note;
        let mut change = None;
        match satisfiable {
            Ok(()) => {
                self.phase = self.next_gate(&before, now, deadline);
                // Whoever has the gates asked anew wants to be asked.
                let offer = offer.filter(|_| matches!(from, From::Filled { .. }));
                change = self.pass_confirmation(offer.as_ref(), now);
            }
            Err(error) => {
                note = note.words("errors", &error);
                self.close(Outcome::Blocked { errors: vec![error] });
            }
        }
        let shown = self.shown();
        let step = self.accepted(note.arguments(shown).passed_by(change.as_deref()));
        Step { change, ..step }
    }

    pub(super) fn gating_refused(mut self, errors: Vec<String>, now: Timestamp) -> Step {
        let note = Note::new("call.gating_refused").words("errors", &errors.join("\n"));
        let (from, deadline) = match &self.phase {
            Phase::Gating { from, deadline } => (from.clone(), *deadline),
            Phase::Input { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => return self.out_of_turn(note),
        };
        if now >= deadline {
            return self.too_late(deadline, note);
        }
        match from {
            // The person gets another try, under the same id: what was shown is still what it was. The
            // decision that led here no longer counts as made.
            From::Filled { .. } => self.ask_again(Ask::Input, Phase::Input { deadline }),
            From::Amended { .. } => self.ask_again(Ask::Confirm, Phase::Confirm { deadline }),
            From::Reasked => self.close(Outcome::Blocked { errors }),
            // It may have run before: to say that it was blocked would deny that. Nothing that was decided
            // holds any more, so another retry asks anew too.
            From::Retried => self.fall_into_doubt(None, now),
        }
        self.accepted(note)
    }

    fn ask_again(&mut self, ask: Ask, phase: Phase) {
        let on = self.requirement_id(ask);
        self.decided.retain(|it| it.on != on);
        self.phase = phase;
    }

    pub(super) fn tightened(
        mut self,
        gates: &Gates,
        rules: Digest,
        satisfiable: Result<(), String>,
        now: Timestamp,
    ) -> Step {
        let mut note = Note::new("call.tightened");
        let deadline = match &self.phase {
            Phase::Confirm { deadline } | Phase::Approve { deadline } | Phase::Cleared { deadline } => {
                *deadline
            }
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => return self.out_of_turn(note),
        };
        if now >= deadline {
            return self.too_late(deadline, note);
        }
        if self.terms.gates.cover(gates) {
            return self.refused(
                refusal(
                    Code::OutOfTurn,
                    "these gates are no stricter than the frozen ones",
                ),
                note,
            );
        }
        let before = self.terms.gates.clone();
        let terms = self.terms_mut();
        terms.gates = before.tightened(gates);
        terms.rules = rules;
        self.reseal();
        // A policy that keeps changing must not keep a call, and its list of seals, growing for ever.
        let possible = if self.terms.round > MOST_ROUNDS {
            Err(format!("its gates changed more than {MOST_ROUNDS} times"))
        } else {
            satisfiable
        };
        match possible {
            Ok(()) => self.phase = self.next_gate(&before, now, deadline),
            Err(error) => {
                note = note.words("errors", &error);
                self.close(Outcome::Blocked { errors: vec![error] });
            }
        }
        let shown = self.shown();
        self.accepted(note.arguments(shown))
    }

    pub(super) fn deadline_passed(mut self, now: Timestamp) -> Step {
        let note = Note::new("call.deadline_passed");
        match self.deadline() {
            Some(deadline) if now >= deadline => {}
            Some(deadline) => {
                return self.refused(
                    refusal(Code::OutOfTurn, format!("the deadline is {deadline}")),
                    note,
                );
            }
            None => return self.out_of_turn(note),
        }
        match &self.phase {
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. } => {
                self.close(Outcome::Expired);
                self.accepted(note)
            }
            // The outside may have acted. Silence does not say that it did not.
            Phase::External { cleared, .. } => {
                let cleared = *cleared;
                self.fall_into_doubt(None, cleared);
                self.accepted(note)
            }
            Phase::Executing { .. } | Phase::InDoubt { .. } | Phase::Closed { .. } => self.out_of_turn(note),
        }
    }

    pub(super) fn too_late(self, deadline: Timestamp, note: Note) -> Step {
        self.refused(
            refusal(Code::Expired, format!("too late: this expired at {deadline}")),
            note,
        )
    }
}

impl Terms {
    /// The call is now of this version of its tool. What an earlier one said only gets stricter.
    fn adopt(&mut self, release: Release) {
        let Release {
            descriptor,
            idempotent,
            destructive,
            secrets,
        } = release;
        self.descriptor = descriptor;
        self.idempotent &= idempotent;
        self.destructive |= destructive;
        for secret in secrets {
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
    }
}
