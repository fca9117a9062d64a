//! The run that a call belongs to: one of its own, or one that it joins.

use countersign_core::call::Call;
use countersign_core::id::{ActorId, RunId, SessionId};
use countersign_core::time::Timestamp;

use crate::engine::Inner;
use crate::error::Error;
use crate::store::{RunFilter, RunRow, RunWrite};

/// The status of a run that an agent leads at this moment. The others are the agent's business.
pub(crate) const RUNNING: &str = "running";

/// How many runs of a session are looked at at once.
const PAGE: usize = 256;

/// How the run of a call is to be written in the commit that moves the call on, given the call as it will be then;
/// nothing, if it is not to be written with it. For whoever leads runs: see
/// [`CallBuilder::in_run`](crate::CallBuilder::in_run) and [`Worker::decide_in_run`](crate::Worker::decide_in_run).
///
/// Asked again when a commit has to be tried again; what counts is what was written.
pub type WriteRun<'a> = &'a (dyn Fn(&Call) -> Option<RunWrite> + Send + Sync);

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
    /// One whose leader writes it with the call.
    pub(crate) fn led(id: RunId, session: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            id,
            session: session.map(SessionId::new).transpose()?,
            begins: false,
            led: true,
        })
    }

    /// The refusal where its leader is another, or nobody.
    pub(crate) fn not_led(&self, status: &str) -> Error {
        Error::RunNotLed {
            run: self.id,
            status: status.to_owned(),
        }
    }

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
    /// Refuses if a run is not stored in this version, or its session is another's.
    pub(crate) async fn is_free_at(&self, run: &Run, version: Option<u64>) -> Result<(), Error> {
        match self.store.run(&self.tenant, run.id).await? {
            Some(row) if Some(row.version) != version => return Err(run.not_led(&row.status)),
            None if version.is_some() => return Err(run.not_led("gone")),
            Some(_) | None => {}
        }
        let Some(session) = &run.session else {
            return Ok(());
        };
        let (filter, mut before) = (RunFilter::OfSession(session.clone()), None);
        loop {
            let rows = self.store.runs(&self.tenant, &filter, before, PAGE).await?;
            if rows.iter().any(|it| it.alone && it.id != run.id) {
                return Err(run.not_led("not the one that its session goes on with"));
            }
            before = rows.last().map(|it| it.id).filter(|_| rows.len() == PAGE);
            if before.is_none() {
                return Ok(());
            }
        }
    }

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
        let run = Run {
            id,
            session: row.session,
            begins: false,
            led: row.agent.is_some(),
        };
        if run.led && row.status != RUNNING {
            return Err(run.not_led(&row.status));
        }
        if session.is_some() && session != run.session {
            return Err(Error::OtherSession(id));
        }
        Ok(run)
    }
}
