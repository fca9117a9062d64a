//! Keeps people from being asked too much: what they have turned down in a run, and how much may wait for them.
//!
//! All of it is counted from stored calls, so a restart forgets nothing.
//!
//! What a newcomer would get wrong: what a run has is read before the commit. A rejection that was acknowledged
//! before a call is proposed counts for it; the limit of a run can be passed by as many calls as are being
//! opened in it at that very moment. That of a requester is kept by the commit itself. Nothing runs that was
//! not decided, either way.

use countersign_core::call::{Call, Outcome, Phase};
use countersign_core::canonical::Canonical;
use countersign_core::id::{RunId, ToolName};

use crate::agenda;
use crate::engine::Inner;
use crate::error::Error;
use crate::policy::Limits;
use crate::store::{CallFilter, Room};

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
                let Ok(call) = Call::from_text(&row.terms, &row.state) else {
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
}

/// Refuses a call that would be one too many of its run to wait for people. One that asks nobody is none of
/// them.
pub(crate) fn check_run(call: &Call, history: &History, limits: Limits) -> Result<(), Error> {
    let most = limits.pending_per_run;
    if agenda::is_pending(call) && history.pending >= at_most(most) {
        return Err(too_many("pending_per_run", most, call.run().to_string(), call));
    }
    Ok(())
}

/// The room that a requester must have left for a call that asks somebody.
pub(crate) fn room(call: &Call, limits: Limits) -> Option<Room> {
    agenda::is_pending(call).then(|| Room {
        topics: agenda::of_requester(call.requester()),
        most: at_most(limits.pending_per_requester),
    })
}

/// The requester has no room left.
pub(crate) fn no_room(call: &Call, limits: Limits) -> Error {
    let whose = format!("`{}`", call.requester());
    too_many("pending_per_requester", limits.pending_per_requester, whose, call)
}

fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn too_many(limit: &'static str, most: u32, whose: String, call: &Call) -> Error {
    tracing::warn!(limit, most, whose, tool = %call.tool(), "a call was not opened: too many wait");
    Error::TooManyPending { limit, most, whose }
}
