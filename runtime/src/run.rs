//! The run that a call belongs to: one of its own, or one that it joins.

use countersign_core::id::{ActorId, RunId, SessionId};
use countersign_core::time::Timestamp;

use crate::engine::Inner;
use crate::error::Error;
use crate::store::{RunRow, RunWrite};

/// The status of a run that an agent leads at this moment. The others are the agent's business.
pub(crate) const RUNNING: &str = "running";

/// The run of a call that is about to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) session: Option<SessionId>,
    /// Whether it begins with this call.
    pub(crate) begins: bool,
    /// Whether an agent leads it. Then calls are opened in it while it does, and not once it was stopped.
    pub(crate) led: bool,
}

impl Run {
    /// How a run that begins is written. Nobody leads it: how it stands is what its calls say.
    pub(crate) fn begin(&self, requester: &ActorId, created: Timestamp) -> RunWrite {
        RunWrite {
            row: RunRow {
                id: self.id,
                version: 0,
                requester: requester.clone(),
                created,
                agent: None,
                session: self.session.clone(),
                status: "direct".to_owned(),
                alone: false,
                open: false,
                due: None,
                state: String::new(),
            },
            expected: None,
            events: Vec::new(),
        }
    }
}

impl Inner {
    /// A new run, or the stored one that a call of `requester` joins.
    pub(crate) async fn run_for(
        &self,
        requester: &ActorId,
        joined: Option<RunId>,
        session: Option<&str>,
    ) -> Result<Run, Error> {
        let session = session.map(SessionId::new).transpose()?;
        let Some(id) = joined else {
            return Ok(Run {
                id: self.new_run_id(),
                session,
                begins: true,
                led: false,
            });
        };
        let row = self.store.run(&self.tenant, id).await?;
        let row = row.filter(|it| it.requester == *requester);
        // Whose run it is, or that there is one, is nobody else's business.
        let row = row.ok_or(Error::UnknownRun(id))?;
        if row.agent.is_some() && row.status != RUNNING {
            return Err(Error::RunNotLed {
                run: id,
                status: row.status,
            });
        }
        if session.is_some() && session != row.session {
            return Err(Error::OtherSession(id));
        }
        Ok(Run {
            id,
            session: row.session,
            begins: false,
            led: row.agent.is_some(),
        })
    }
}
