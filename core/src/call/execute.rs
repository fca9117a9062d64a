//! From a met gate to an end: claims, results, time-outs, doubt.
//!
//! `Executing` is committed before the function starts. If the process dies in between, the lease
//! lapses and a person decides; the other order could pay a refund twice.

use super::record::{Note, refusal};
use super::{Call, Claim, Code, Effect, From, MOST_CLAIMS, MOST_VOID, Outcome, Phase, Source, Step, Vote};
use crate::actor::Actor;
use crate::digest::Digest;
use crate::id::WorkerId;
use crate::time::Timestamp;

impl Call {
    pub(super) fn claimed(
        mut self,
        worker: WorkerId,
        until: Timestamp,
        descriptor: Digest,
        voters: &[Actor],
        token: Option<Digest>,
        now: Timestamp,
    ) -> Step {
        let claim = Claim {
            worker,
            number: self.claims.saturating_add(1),
        };
        let note = Note::new("call.claimed").claim(claim);
        let deadline = match &self.phase {
            Phase::Cleared { deadline } => *deadline,
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => return self.out_of_turn(note),
        };
        if now >= deadline {
            return self.too_late(deadline, note);
        }
        if !self.is_as_sealed() {
            return self.refused(
                refusal(
                    Code::Damaged,
                    "the stored call is not what was sealed; nothing was run",
                ),
                note,
            );
        }
        if descriptor != self.terms.descriptor {
            return self.refused(
                refusal(Code::StaleTool, "this process links another version of the tool"),
                note,
            );
        }
        let lost = self.lost_votes(voters);
        if lost.len() > MOST_VOID {
            self.reseal();
            self.phase = self.first_gate(now, deadline);
            return self.accepted(Note::new("call.votes_voided"));
        }
        if !lost.is_empty() {
            self.votes.retain(|it| !lost.contains(it));
            self.decided
                .retain(|it| !lost.iter().any(|vote| vote.by.as_str() == it.by));
            self.phase = Phase::Approve { deadline };
            return self.accepted(Note::new("call.votes_voided").void(&lost));
        }
        // INVARIANT: a cleared call has its quorums; checked once more, for this is the last gate.
        if !self.is_approved() {
            return self.refused(
                refusal(
                    Code::Damaged,
                    "the stored votes do not reach the quorum; nothing was run",
                ),
                note,
            );
        }
        self.claims = claim.number;
        self.tokens
            .extend(token.filter(|_| self.terms.gates.external.is_some()));
        self.phase = Phase::Executing {
            claim,
            until,
            deadline,
            report: None,
        };
        self.accepted(note)
    }

    /// The votes of those who no longer belong to the pool they voted for.
    fn lost_votes(&self, voters: &[Actor]) -> Vec<Vote> {
        let stands = |vote: &Vote| {
            let pool = self.terms.gates.approvals.get(vote.gate).map(|it| &it.pool);
            voters.iter().any(|it| {
                it.id == vote.by
                    && it.is_person()
                    && pool.is_some_and(|pool| it.pools.contains(pool))
                    && !self.is_own(&it.id)
            })
        };
        self.votes.iter().filter(|it| !stands(it)).cloned().collect()
    }

    /// Runs it again if what was decided still holds; else everything is asked anew.
    pub(super) fn retry(&mut self, voters: &[Actor], now: Timestamp) {
        let Phase::InDoubt { deadline, .. } = &self.phase else {
            return;
        };
        let deadline = *deadline;
        if now < deadline && self.lost_votes(voters).is_empty() {
            self.phase = self.after_approvals(now, deadline);
        } else {
            self.reseal();
            self.phase = Phase::Gating {
                from: From::Retried,
                deadline: now.after(self.terms.patience),
            };
        }
    }

    pub(super) fn renewed(mut self, claim: Claim, until: Timestamp) -> Step {
        let note = Note::new("call.renewed").claim(claim);
        match &mut self.phase {
            Phase::Executing {
                claim: held,
                until: held_until,
                ..
            } if *held == claim => {
                *held_until = until.max(*held_until);
                self.unrecorded()
            }
            Phase::Executing { .. }
            | Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => self.stale_claim(note),
        }
    }

    pub(super) fn returned(mut self, claim: Claim, result: String, now: Timestamp) -> Step {
        let note = Note::new("call.returned").claim(claim).words("result", &result);
        let Some(cleared) = self.cleared_for(claim) else {
            return self.stale_claim(note);
        };
        match (self.early_report(), &self.terms.gates.external) {
            (Some(report), _) => self.close(report),
            (None, Some(gate)) => {
                self.phase = Phase::External {
                    receipt: Some(result),
                    deadline: now.after(gate.expires_in),
                    cleared,
                };
            }
            (None, None) => self.close(Outcome::Returned {
                result,
                source: Source::Tool,
            }),
        }
        self.accepted(note)
    }

    pub(super) fn failed(mut self, claim: Claim, error: String, effect: Effect) -> Step {
        let note = Note::new("call.failed").claim(claim).words("error", &error);
        if self.cleared_for(claim).is_none() {
            return self.stale_claim(note);
        }
        match self.early_report() {
            // The outside said how it ended; that the hand-off failed afterwards changes nothing there.
            Some(report) => {
                self.close(report);
                self.accepted(note)
            }
            None => {
                self.close(Outcome::Failed {
                    error,
                    effect,
                    source: Source::Tool,
                });
                self.accepted(note)
            }
        }
    }

    /// The deadline the call was cleared with, if this claim still speaks for it.
    fn cleared_for(&self, claim: Claim) -> Option<Timestamp> {
        match &self.phase {
            Phase::Executing {
                claim: held,
                deadline,
                ..
            }
            | Phase::InDoubt {
                claim: Some(held),
                deadline,
            } if *held == claim => Some(*deadline),
            Phase::Executing { .. }
            | Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => None,
        }
    }

    /// What the outside reported before the hand-off had returned.
    fn early_report(&self) -> Option<Outcome> {
        match &self.phase {
            Phase::Executing { report, .. } => report.clone(),
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => None,
        }
    }

    pub(super) fn timed_out(self, claim: Claim) -> Step {
        let note = Note::new("call.timed_out").claim(claim);
        match &self.phase {
            Phase::Executing { claim: held, .. } if *held == claim => self.lost(note),
            Phase::Executing { .. }
            | Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => self.stale_claim(note),
        }
    }

    pub(super) fn lease_lapsed(self, now: Timestamp) -> Step {
        let note = Note::new("call.lease_lapsed");
        match &self.phase {
            Phase::Executing { until, claim, .. } if now >= *until => {
                let note = note.claim(*claim);
                self.lost(note)
            }
            Phase::Executing { .. }
            | Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => self.out_of_turn(note),
        }
    }

    /// The worker is gone. Only what may be repeated without harm is run again without asking.
    fn lost(mut self, note: Note) -> Step {
        if let Phase::Executing {
            claim,
            deadline,
            report,
            ..
        } = &self.phase
        {
            let (claim, deadline) = (*claim, *deadline);
            match report.clone() {
                Some(report) => self.close(report),
                None if self.terms.idempotent && self.claims < MOST_CLAIMS => {
                    self.phase = Phase::Cleared { deadline }
                }
                None => self.fall_into_doubt(Some(claim), deadline),
            }
        }
        self.accepted(note)
    }

    fn stale_claim(self, note: Note) -> Step {
        let message = format!(
            "this claim no longer holds; the call is in phase `{}`",
            self.phase.name()
        );
        self.refused(refusal(Code::OutOfTurn, message), note)
    }
}

impl Effect {
    /// The effect as it is written in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reported => "reported",
            Self::Unknown => "unknown",
        }
    }
}
