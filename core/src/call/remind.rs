//! What time does to a call that is asked about: people are warned, and others are told besides.
//!
//! Neither changes what is needed, of whom, or until when. Each is given once for what is asked, and is
//! marked in the call in the commit that records it, so that no process gives it again.
//!
//! What a newcomer would get wrong: a warning that nobody gave in time is not made up for. Once the time is
//! over, nothing comes of it but the end.

use std::time::Duration;

use super::record::{Note, refusal};
use super::{Call, Code, Phase, Refusal, Step};
use crate::requirement::Ask;
use crate::time::Timestamp;

impl Call {
    /// When those who are asked are to be warned: when a quarter of the time is left. None where nobody is
    /// asked, where they were warned, and where the time is too short for that.
    pub fn warns_at(&self) -> Option<Timestamp> {
        let (span, deadline) = self.asking()?;
        let at = deadline.before(span / 4);
        (self.unwarned().next().is_some() && at < deadline).then_some(at)
    }

    /// When others are to be told, of the next gate that wants that and of which they were not told.
    pub fn escalates_at(&self) -> Option<Timestamp> {
        let (_, deadline) = self.asking()?;
        self.escalations()
            .map(|(_, at)| at)
            .min()
            .filter(|it| *it < deadline)
    }

    /// Since when what is asked now is asked: its time is counted from then on, so its deadline says it.
    pub fn asked_since(&self) -> Option<Timestamp> {
        let (span, deadline) = self.asking()?;
        Some(deadline.before(span).max(self.terms.opened))
    }

    /// Whether those who are asked this were warned.
    pub(crate) fn was_warned(&self, ask: Ask) -> bool {
        self.warned.contains(&ask)
    }

    /// Whether others were told of this.
    pub(crate) fn was_escalated(&self, ask: Ask) -> bool {
        self.escalated.contains(&ask)
    }

    pub(super) fn warned(mut self, now: Timestamp) -> Step {
        let note = Note::new("call.warned");
        if let Err(refusal) = self.is_time(self.warns_at(), now) {
            return self.refused(refusal, note);
        }
        let asks: Vec<Ask> = self.unwarned().collect();
        self.warned.extend(asks.iter().copied());
        self.accepted(note.asked(&asks))
    }

    pub(super) fn escalated(mut self, now: Timestamp) -> Step {
        let note = Note::new("call.escalated");
        if let Err(refusal) = self.is_time(self.escalates_at(), now) {
            return self.refused(refusal, note);
        }
        let due = self.escalations().filter(|(_, at)| now >= *at);
        let asks: Vec<Ask> = due.map(|(ask, _)| ask).collect();
        self.escalated.extend(asks.iter().copied());
        self.accepted(note.asked(&asks))
    }

    /// How long what is asked now is asked, and until when. None where nobody is asked, or nobody in
    /// particular is kept waiting.
    fn asking(&self) -> Option<(Duration, Timestamp)> {
        match &self.phase {
            Phase::Input { deadline } => {
                let gate = self.terms.gates.user_input.as_ref()?;
                Some((gate.expires_in, *deadline))
            }
            Phase::Confirm { deadline } => {
                let gate = self.terms.gates.confirmation.as_ref()?;
                Some((gate.expires_in, *deadline))
            }
            Phase::Approve { deadline } => {
                let spans = self.terms.gates.approvals.iter().map(|it| it.expires_in);
                Some((spans.min()?, *deadline))
            }
            Phase::External { deadline, .. } => {
                let gate = self.terms.gates.external.as_ref()?;
                Some((gate.expires_in, *deadline))
            }
            Phase::Gating { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => None,
        }
    }

    /// What is asked of people who were not warned.
    fn unwarned(&self) -> impl Iterator<Item = Ask> {
        self.open_asks().filter(|it| !self.was_warned(*it))
    }

    /// The gates of which others are still to be told, and when.
    fn escalations(&self) -> impl Iterator<Item = (Ask, Timestamp)> {
        let since = self.asked_since();
        self.open_asks().filter_map(move |ask| {
            let Ask::Approval(place) = ask else { return None };
            let after = self.terms.gates.approvals.get(place)?.escalate_after?;
            (!self.was_escalated(ask)).then_some((ask, since?.after(after)))
        })
    }

    /// Whether what is to happen at some time may happen now: not before, and not when all time is over.
    fn is_time(&self, at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
        match (self.asking(), at) {
            (None, _) => {
                let message = format!("not now: this call is in phase `{}`", self.phase.name());
                Err(refusal(Code::OutOfTurn, message))
            }
            (Some((_, deadline)), _) if now >= deadline => {
                let message = format!("too late: this expired at {deadline}");
                Err(refusal(Code::Expired, message))
            }
            (Some(_), None) => Err(refusal(Code::OutOfTurn, "there is nobody left to be told")),
            (Some(_), Some(at)) if now < at => Err(refusal(Code::OutOfTurn, format!("not before {at}"))),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}
