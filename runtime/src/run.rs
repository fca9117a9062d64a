//! The run that a call belongs to: one of its own, or one that it joins.

use countersign_core::id::{ActorId, RunId, SessionId};
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::engine::Inner;
use crate::error::Error;
use crate::store::{RunRow, StoreError};

/// The run of a call that is about to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: RunId,
    pub(crate) session: Option<SessionId>,
    /// Whether it begins with this call.
    pub(crate) begins: bool,
}

/// What is stored of a run besides its columns.
#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

impl Run {
    /// The row of a run that begins.
    pub(crate) fn row(&self, requester: &ActorId, created: Timestamp) -> RunRow {
        let stored = Stored {
            v: 1,
            kind: "direct".to_owned(),
            session: self.session.clone(),
        };
        RunRow {
            id: self.id,
            requester: requester.clone(),
            created,
            state: serde_json::to_string(&stored).unwrap_or_default(),
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
            });
        };
        let row = self.store.run(&self.tenant, id).await?;
        let row = row.filter(|it| it.requester == *requester);
        // Whose run it is, or that there is one, is nobody else's business.
        let row = row.ok_or(Error::UnknownRun(id))?;
        let stored: Stored = serde_json::from_str(&row.state)
            .map_err(|error| StoreError::Damaged(format!("{id} cannot be read: {error}")))?;
        if session.is_some() && session != stored.session {
            return Err(Error::OtherSession(id));
        }
        Ok(Run {
            id,
            session: stored.session,
            begins: false,
        })
    }
}
