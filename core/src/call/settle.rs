//! What only the outside or an operator can say: how the work ended.

use super::decide::{cut, misplaced, persons_only};
use super::record::{Note, refusal};
use super::{Call, Code, Effect, MOST_TOKENS, Outcome, Phase, Refusal, Reporter, Resolution, Source, Step};
use crate::actor::{Actor, Kind, OPERATOR, REPORTER};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::id::RequirementId;
use crate::requirement::Ask;
use crate::time::Timestamp;

impl Call {
    pub(super) fn reported(
        mut self,
        on: RequirementId,
        by: &Reporter,
        report: Result<Canonical, String>,
        now: Timestamp,
    ) -> Step {
        let (who, note) = match by {
            Reporter::Token(token) => (token.to_string(), Note::new("call.reported").by_token(token)),
            Reporter::Actor(actor) => (actor.id.to_string(), Note::new("call.reported").by(actor)),
        };
        let note = note.on(on);
        let what = match &report {
            Ok(result) => self.fingerprint(&["report", result.as_str()]),
            Err(error) => self.fingerprint(&["report failed", error]),
        };
        if self.was_decided(on, &who, what) {
            return self.repeated();
        }
        let found = self.locate_report(on, by, now).and_then(|()| self.may_report(by));
        if let Err(refusal) = found {
            return self.refused(refusal, note);
        }
        let (outcome, note) = match report {
            Ok(result) => {
                let note = note.words("result", result.as_str());
                (
                    Outcome::Returned {
                        result: result.to_string(),
                        source: Source::Reported,
                    },
                    note,
                )
            }
            Err(error) => {
                let error = cut(&error);
                let note = note.words("error", &error);
                (
                    Outcome::Failed {
                        error,
                        effect: Effect::Reported,
                        source: Source::Reported,
                    },
                    note,
                )
            }
        };
        match &mut self.phase {
            Phase::Executing { report: Some(_), .. } => self.refused(
                refusal(Code::AlreadyDecided, "another result was reported before"),
                note,
            ),
            Phase::Executing { report, .. } => {
                *report = Some(outcome);
                self.remember(on, &who, what);
                self.accepted(note)
            }
            Phase::External { .. } | Phase::InDoubt { .. } => {
                self.remember(on, &who, what);
                self.close(outcome);
                self.accepted(note)
            }
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Closed { .. } => self.out_of_turn(note),
        }
    }

    /// A report is about the external gate; it is still welcome when the call has fallen into doubt.
    fn locate_report(&self, on: RequirementId, by: &Reporter, now: Timestamp) -> Result<(), Refusal> {
        let external = self.requirement_id(Ask::External) == on;
        match &self.phase {
            Phase::InDoubt { .. } if external && self.terms.gates.external.is_some() => Ok(()),
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => self.locate(on, now).and_then(|ask| match ask {
                Ask::External => Ok(()),
                Ask::Input | Ask::Confirm | Ask::Approval(_) | Ask::Cleared | Ask::InDoubt(_) => {
                    Err(self.wrong_report(ask, by))
                }
            }),
        }
    }

    fn wrong_report(&self, ask: Ask, by: &Reporter) -> Refusal {
        let (verb, right) = ("report", "waits for a result from outside");
        match by {
            Reporter::Actor(actor) => self.wrong(ask, actor, verb, right),
            Reporter::Token(_) => self.may_report(by).err().unwrap_or(misplaced(verb, right)),
        }
    }

    fn may_report(&self, by: &Reporter) -> Result<(), Refusal> {
        match by {
            Reporter::Token(token) if self.counts(token) => Ok(()),
            Reporter::Token(_) => Err(refusal(
                Code::NotAllowed,
                "this token was not issued for this call, or no longer counts",
            )),
            Reporter::Actor(actor) => may_report_as(actor),
        }
    }

    /// Whether a token of this digest was issued for this call, and counts or was used: whoever has it may be told how
    /// the call stands.
    pub fn knows_token(&self, token: &Digest) -> bool {
        let used = self.decided.iter().filter_map(|it| it.by.parse::<Digest>().ok());
        used.fold(self.counts(token), |found, it| {
            found | it.equals_in_constant_time(token)
        })
    }

    /// Whether a token of this digest was issued for this call and still counts. Every one is compared, so that the
    /// time says nothing about which came close.
    fn counts(&self, token: &Digest) -> bool {
        let tokens = self.tokens.iter();
        tokens.fold(false, |found, it| found | it.equals_in_constant_time(token))
    }

    pub(super) fn token_issued(mut self, by: &Actor, token: Digest) -> Step {
        let note = Note::new("call.token_issued").by(by);
        if let Err(refusal) = may_report_as(by) {
            return self.refused(refusal, note);
        }
        match &self.phase {
            Phase::External { .. } if self.tokens.len() >= MOST_TOKENS => self.refused(
                refusal(
                    Code::NotAllowed,
                    format!("{MOST_TOKENS} tokens were issued for this call; use one of them"),
                ),
                note,
            ),
            Phase::External { .. } => {
                self.tokens.push(token);
                self.accepted(note)
            }
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => {
                let message = format!(
                    "a token exists while a result is awaited; this call is in phase `{}`",
                    self.phase.name()
                );
                self.refused(refusal(Code::NotAllowed, message), note)
            }
        }
    }

    pub(super) fn resolved(
        mut self,
        on: RequirementId,
        by: &Actor,
        reason: &str,
        resolution: Resolution,
        now: Timestamp,
    ) -> Step {
        let (word, result) = match &resolution {
            Resolution::Retry { .. } => ("retry", ""),
            Resolution::HandedOff => ("handed-off", ""),
            Resolution::Done { result } => ("done", result.as_str()),
            Resolution::Abandon => ("abandon", ""),
        };
        let what = self.fingerprint(&["resolve", word, result]);
        if self.was_decided(on, by.id.as_str(), what) {
            return self.repeated();
        }
        let reason = cut(reason);
        let note = Note::new("call.resolved")
            .by(by)
            .on(on)
            .word("resolution", word)
            .words("reason", &reason);
        let found = self.locate(on, now).and_then(|ask| match ask {
            Ask::InDoubt(_) => self.may_resolve(by, &reason, &resolution),
            Ask::Input | Ask::Confirm | Ask::Approval(_) | Ask::Cleared | Ask::External => Err(self.wrong(
                ask,
                by,
                word,
                "waits for an operator because its outcome is unknown",
            )),
        });
        if let Err(refusal) = found {
            return self.refused(refusal, note);
        }
        self.remember(on, by.id.as_str(), what);
        match resolution {
            Resolution::Retry { voters } => {
                self.retry(&voters, now);
                let shown = self.shown();
                self.accepted(note.arguments(shown))
            }
            Resolution::HandedOff => {
                let expires_in = self
                    .terms
                    .gates
                    .external
                    .as_ref()
                    .map_or(self.terms.patience, |it| it.expires_in);
                if let Phase::InDoubt {
                    deadline: cleared, ..
                } = &self.phase
                {
                    self.phase = Phase::External {
                        receipt: None,
                        deadline: now.after(expires_in),
                        cleared: *cleared,
                    };
                }
                self.accepted(note)
            }
            Resolution::Done { result } => {
                let note = note.words("result", result.as_str());
                self.close(Outcome::Returned {
                    result: result.to_string(),
                    source: Source::Resolved,
                });
                self.accepted(note)
            }
            Resolution::Abandon => {
                self.close(Outcome::Abandoned {
                    by: by.id.clone(),
                    reason,
                });
                self.accepted(note)
            }
        }
    }

    /// Whether `by` may say what became of a call in doubt.
    pub(super) fn may_settle(&self, by: &Actor) -> Result<(), Refusal> {
        persons_only(by)?;
        if self.is_own(&by.id) {
            return Err(refusal(
                Code::SelfApproval,
                format!("`{}` stands behind this call and may not resolve it", by.id),
            ));
        }
        if !by.has_role(OPERATOR) {
            return Err(refusal(
                Code::NotAllowed,
                "only an operator may resolve a call in doubt",
            ));
        }
        Ok(())
    }

    fn may_resolve(&self, by: &Actor, reason: &str, resolution: &Resolution) -> Result<(), Refusal> {
        self.may_settle(by)?;
        if reason.trim().is_empty() {
            return Err(refusal(
                Code::InvalidInput,
                "say why: resolving a call in doubt needs a reason",
            ));
        }
        match resolution {
            Resolution::HandedOff if self.terms.gates.external.is_none() => Err(refusal(
                Code::InvalidInput,
                "this tool has no outside system that could report; use retry, done or abandon",
            )),
            Resolution::Retry { .. }
            | Resolution::HandedOff
            | Resolution::Done { .. }
            | Resolution::Abandon => Ok(()),
        }
    }
}

pub(super) fn may_report_as(by: &Actor) -> Result<(), Refusal> {
    match by.kind {
        Kind::Person | Kind::Service if by.has_role(REPORTER) => Ok(()),
        Kind::Person | Kind::Service => Err(refusal(
            Code::NotAllowed,
            format!("`{}` does not have the role `{REPORTER}`", by.id),
        )),
        Kind::Agent => Err(refusal(
            Code::NotAllowed,
            "an agent may not report the result of its own call",
        )),
        Kind::Unknown => Err(refusal(
            Code::NotAllowed,
            format!("nobody knows an actor `{}`", by.id),
        )),
    }
}
