//! Confirmations that are remembered: making a grant, and passing by one.

use super::{Call, Phase};
use crate::call::{Code, Refusal};
use crate::grant::{Asked, Change, Grant, Making, Offer, Wish};
use crate::id::RequirementId;
use crate::time::Timestamp;

impl Call {
    fn asked(&self) -> Asked<'_> {
        Asked {
            tool: &self.terms.tool,
            descriptor: &self.terms.descriptor,
            destructive: self.terms.destructive,
            run: &self.terms.run,
            session: self.terms.session.as_ref(),
            arguments: &self.terms.arguments,
        }
    }

    /// The grant that a confirmation makes, if one is wanted.
    pub(super) fn made_grant(
        &self,
        wish: Option<&Wish>,
        on: RequirementId,
        now: Timestamp,
    ) -> Result<Option<Grant>, Refusal> {
        let Some(wish) = wish else { return Ok(None) };
        // What comes next time is what the model sends, and that was something else.
        if !self.terms.as_proposed {
            return Err(Refusal {
                code: Code::InvalidInput,
                message:
                    "the arguments were changed since the call was proposed; confirm it without remembering"
                        .to_owned(),
            });
        }
        let making = Making {
            owner: &self.terms.requester,
            call: self.terms.id,
            on,
            asked: self.asked(),
        };
        Grant::made(wish, &making, now).map(Some)
    }

    /// Passes the confirmation that is asked now, if the offered grant covers it.
    ///
    /// Only where the arguments come from the model and the requester as they were proposed: what was
    /// amended, rewritten or re-asked is confirmed by a person.
    pub(super) fn pass_confirmation(&mut self, offer: Option<&Offer>, now: Timestamp) -> Option<Box<Change>> {
        let Offer { grant, owner } = offer?;
        let deadline = match &self.phase {
            Phase::Confirm { deadline } if self.terms.as_proposed => *deadline,
            Phase::Confirm { .. }
            | Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => return None,
        };
        if owner.id != self.terms.requester || !grant.covers(owner, &self.asked(), now) {
            return None;
        }
        self.phase = self.after_confirmation(now, deadline);
        self.granted = Some(grant.id());
        Some(Box::new(grant.clone().used_by(self.terms.id)))
    }
}
