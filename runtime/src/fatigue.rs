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

use crate::engine::Inner;
use crate::error::Error;
use crate::policy::Limits;
use crate::run::Run;
use crate::store::CallFilter;

/// After how many rejections a tool is withheld for the rest of a run.
const MOST_REJECTIONS: usize = 3;
/// How many calls one look at the store takes.
const PAGE: usize = 256;
/// The phases in which a call waits for people, or for a process that finds out whom to ask.
const WAITING: [&str; 4] = ["input", "gating", "confirm", "approve"];

impl Inner {
    /// Why this proposal is not put before people again, in words for whoever made it; nothing if it may be.
    pub(crate) async fn turned_down(
        &self,
        run: &RunId,
        tool: &ToolName,
        arguments: &Canonical,
    ) -> Result<Vec<String>, Error> {
        let filter = CallFilter {
            phases: vec!["closed"],
            run: Some(*run),
            tool: Some(tool.clone()),
            ..CallFilter::default()
        };
        let mut after = None;
        let mut count = 0;
        loop {
            let rows = self.store.calls(&self.tenant, &filter, after, PAGE).await?;
            for row in &rows {
                let Ok(call) = Call::from_text(&row.state) else {
                    continue;
                };
                let Phase::Closed {
                    outcome: Outcome::Rejected { by, .. },
                } = call.phase()
                else {
                    continue;
                };
                count += 1;
                if call.was_proposed_with(arguments) {
                    return Ok(vec![format!(
                        "`{by}` rejected this very call before in this run ({}); do not propose it again",
                        call.id()
                    )]);
                }
                if count >= MOST_REJECTIONS {
                    return Ok(vec![format!(
                        "people rejected `{tool}` {count} times in this run, the last was `{by}` ({}); \
                         it is withheld for the rest of the run, do not propose it again",
                        call.id()
                    )]);
                }
            }
            after = rows.last().map(|it| it.id);
            if rows.len() < PAGE {
                return Ok(Vec::new());
            }
        }
    }

    /// Refuses a call that would be one too many to wait for people. One that asks nobody is none of them.
    pub(crate) async fn check_pending(&self, call: &Call, run: &Run, limits: Limits) -> Result<(), Error> {
        if !WAITING.contains(&call.phase().name()) {
            return Ok(());
        }
        let of_run = CallFilter {
            phases: WAITING.to_vec(),
            run: Some(run.id),
            ..CallFilter::default()
        };
        let of_requester = CallFilter {
            phases: WAITING.to_vec(),
            requester: Some(call.requester().clone()),
            ..CallFilter::default()
        };
        let checks = [
            (
                !run.begins,
                of_run,
                "pending_per_run",
                limits.pending_per_run,
                run.id.to_string(),
            ),
            (
                true,
                of_requester,
                "pending_per_requester",
                limits.pending_per_requester,
                format!("`{}`", call.requester()),
            ),
        ];
        for (applies, filter, limit, most, whose) in checks {
            let room = usize::try_from(most).unwrap_or(usize::MAX);
            if applies && self.store.count(&self.tenant, &filter, room).await? >= room {
                tracing::warn!(limit, most, whose, tool = %call.tool(), "a call was not opened: too many wait");
                return Err(Error::TooManyPending { limit, most, whose });
            }
        }
        Ok(())
    }
}
