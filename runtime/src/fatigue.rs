//! Keeps people from being asked too much: what they have turned down in a run, and how much may wait for them.
//!
//! All of it is counted from stored calls, so a restart forgets nothing.
//!
//! What a newcomer would get wrong: the limits are read before the commit. A rejection that was acknowledged
//! before a call is proposed counts for it; a limit can be passed by as many calls as are being opened at
//! that very moment. Nothing runs that was not decided, either way.

use countersign_core::call::{Call, Outcome, Phase};
use countersign_core::canonical::Canonical;
use countersign_core::id::{RunId, ToolName};

use crate::agenda;
use crate::engine::Inner;
use crate::error::Error;
use crate::policy::Limits;
use crate::store::CallFilter;

/// After how many rejections a tool is withheld for the rest of a run.
const MOST_REJECTIONS: usize = 3;
/// How many calls one look at the store takes.
const PAGE: usize = 256;
/// What a run that a call joins holds against it.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Why this proposal is not put before people again, in words for whoever made it.
    pub(crate) turned_down: Option<String>,
    /// How many calls of the run wait for people.
    pending: usize,
}

impl Inner {
    /// Looks through the calls of a run.
    pub(crate) async fn history(
        &self,
        run: RunId,
        tool: &ToolName,
        arguments: &Canonical,
    ) -> Result<History, Error> {
        let filter = CallFilter::OfRun(run);
        let mut history = History::default();
        let (mut after, mut rejections) = (None, 0);
        loop {
            let rows = self.store.calls(&self.tenant, &filter, after, PAGE).await?;
            for row in &rows {
                let Ok(call) = Call::from_text(&row.state) else {
                    continue;
                };
                history.pending += usize::from(agenda::is_pending(&call));
                let Phase::Closed {
                    outcome: Outcome::Rejected { by, .. },
                } = call.phase()
                else {
                    continue;
                };
                if call.tool() != tool {
                    continue;
                }
                rejections += 1;
                if call.was_proposed_with(arguments) {
                    history.turned_down = Some(format!(
                        "`{by}` rejected this very call before in this run ({}); do not propose it again",
                        call.id()
                    ));
                    return Ok(history);
                }
                if rejections >= MOST_REJECTIONS {
                    history.turned_down = Some(format!(
                        "people rejected `{tool}` {rejections} times in this run, the last was `{by}` ({}); \
                         it is withheld for the rest of the run, do not propose it again",
                        call.id()
                    ));
                }
            }
            after = rows.last().map(|it| it.id);
            if rows.len() < PAGE {
                return Ok(history);
            }
        }
    }

    /// Refuses a call that would be one too many to wait for people. One that asks nobody is none of them.
    pub(crate) async fn check_pending(
        &self,
        call: &Call,
        history: &History,
        limits: Limits,
    ) -> Result<(), Error> {
        if !agenda::is_pending(call) {
            return Ok(());
        }
        let topic = agenda::pending(call.requester());
        let room = usize::try_from(limits.pending_per_requester).unwrap_or(usize::MAX);
        let of_requester = self.store.count(&self.tenant, &topic, room).await?;
        let whose = format!("`{}`", call.requester());
        for (limit, most, count, whose) in [
            (
                "pending_per_run",
                limits.pending_per_run,
                history.pending,
                call.run().to_string(),
            ),
            (
                "pending_per_requester",
                limits.pending_per_requester,
                of_requester,
                whose,
            ),
        ] {
            if count >= usize::try_from(most).unwrap_or(usize::MAX) {
                tracing::warn!(limit, most, whose, tool = %call.tool(), "a call was not opened: too many wait");
                return Err(Error::TooManyPending { limit, most, whose });
            }
        }
        Ok(())
    }
}
