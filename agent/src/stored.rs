//! A run as it is stored: the row, the small state in it, and the one place that writes both.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use countersign::store::{Commit, Committed, Durability, RunEventRow, RunRow, RunWrite};
use countersign::{ActorId, Call, Engine, RunId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::agent::Agent;
use crate::error::Error;
use crate::event::{EventKind, RunEvent};
use crate::model::Usage;
use crate::run::Status;
use crate::transcript::{Slot, Transcript};

/// How many events are read at once.
const PAGE: usize = 500;

/// What is stored of a run besides its columns and events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    v: u32,
    /// How many events there are.
    pub(crate) events: u64,
    /// What the models have cost so far.
    #[serde(default)]
    pub(crate) usage: Usage,
    /// How long it has been led, in milliseconds; not how long it was paused.
    #[serde(default)]
    pub(crate) led_ms: u64,
    /// How it was established who the requester is.
    pub(crate) auth: String,
    /// The run whose agent asked this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<RunId>,
    /// The agents that lead to this one, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) path: Vec<String>,
    /// The background hooks that have still to see it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) after: Vec<String>,
    /// How often they were asked in vain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) tries: u32,
    /// Who is stopping it, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stopping: Option<Stopping>,
    /// Whether it failed in a way that continuing may mend.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) may_continue: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks it so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A run that was loaded, to be moved on. Whoever writes first wins; the other one finds out at its next
/// commit, and has to let go.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: RunId,
    pub(crate) requester: ActorId,
    pub(crate) agent: ActorId,
    pub(crate) session: Option<SessionId>,
    pub(crate) created: Timestamp,
    pub(crate) status: Status,
    pub(crate) state: State,
    /// The version that is stored; none if nothing is yet.
    version: Option<u64>,
    pub(crate) transcript: Transcript,
    /// Events that happened and are not yet stored.
    pending: Vec<RunEvent>,
}

/// Who is stopping a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stopping {
    pub(crate) by: ActorId,
    /// How it was established who that is.
    pub(crate) auth: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// How safe a commit of a run must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safe {
    /// Survives the death of the process. Every gated call flushes what came before it to the disk.
    Process,
    /// Survives the death of the machine.
    Disk,
}

/// A run as it will be once it is written.
#[derive(Debug)]
pub(crate) struct Written {
    version: u64,
    state: State,
}

/// A commit came too late: somebody else has moved the run on, or holds its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Stored {
    /// A run that begins.
    pub(crate) fn new(id: RunId, requester: ActorId, agent: ActorId, created: Timestamp) -> Self {
        Self {
            id,
            requester,
            agent,
            session: None,
            created,
            status: Status::Running,
            state: State {
                v: 1,
                events: 0,
                usage: Usage::default(),
                led_ms: 0,
                auth: String::new(),
                parent: None,
                path: Vec::new(),
                after: Vec::new(),
                tries: 0,
                stopping: None,
                may_continue: false,
            },
            version: None,
            transcript: Transcript::default(),
            pending: Vec::new(),
        }
    }

    /// The stored run of that id, if an agent leads it.
    pub(crate) async fn load(engine: &Engine, id: RunId) -> Result<Option<Self>, Error> {
        let row = engine.store().run(engine.tenant(), id).await?;
        let Some(row) = row.filter(|it| it.agent.is_some()) else {
            return Ok(None);
        };
        let mut run = Self::of(row)?;
        run.read(engine).await?;
        Ok(Some(run))
    }

    /// A run without its events.
    pub(crate) fn of(row: RunRow) -> Result<Self, Error> {
        let damaged = |why: String| Error::Damaged { run: row.id, why };
        let state: State = serde_json::from_str(&row.state).map_err(|error| damaged(error.to_string()))?;
        if state.v != 1 {
            return Err(damaged(format!("it has format {}, and 1 is known", state.v)));
        }
        let status = Status::read(&row.status).ok_or_else(|| damaged(format!("status `{}`", row.status)))?;
        let agent = row.agent.clone().ok_or_else(|| damaged("no agent".to_owned()))?;
        Ok(Self {
            id: row.id,
            requester: row.requester,
            agent,
            session: row.session,
            created: row.created,
            status,
            state,
            version: Some(row.version),
            transcript: Transcript::default(),
            pending: Vec::new(),
        })
    }

    /// Reads the events of a run that was loaded without them.
    pub(crate) async fn read(&mut self, engine: &Engine) -> Result<(), Error> {
        self.transcript = Transcript::default();
        for event in events(engine, self.id, 0, self.state.events).await? {
            self.transcript.fold(&event);
        }
        Ok(())
    }

    /// Whether anything of it is stored.
    pub(crate) const fn is_stored(&self) -> bool {
        self.version.is_some()
    }

    /// Something happened. It counts from the next commit on; what is to be told of it is given back then.
    pub(crate) fn happened(&mut self, kind: EventKind) {
        let event = RunEvent {
            v: 1,
            number: self.next(),
            at: self.created,
            kind,
        };
        self.transcript.fold(&event);
        self.pending.push(event);
    }

    /// The number of the event that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.state.events + self.pending.len() as u64
    }

    /// Writes what happened. Gives the events as they were stored, or says that somebody else was faster.
    pub(crate) async fn commit(
        &mut self,
        engine: &Engine,
        lease: Duration,
        safe: Safe,
    ) -> Result<Result<Vec<RunEvent>, Lost>, Error> {
        let now = engine.now();
        let (write, written) = self.write(now, lease)?;
        let commit = Commit {
            run: Some(write),
            // An agent is asked while the one that asks is led; not by one that was stopped.
            assumed_run: self
                .state
                .parent
                .filter(|_| self.version.is_none())
                .map(|it| (it, Status::Running.as_str().to_owned())),
            durability: match safe {
                Safe::Process => Durability::Process,
                Safe::Disk => Durability::Disk,
            },
            ..Commit::new(engine.tenant().clone(), now)
        };
        match engine.store().commit(commit).await? {
            Committed::Done { .. } => Ok(Ok(self.wrote(written))),
            Committed::Conflict | Committed::Full => Ok(Err(Lost)),
        }
    }

    /// How it is to be written, and what is to be said of it once it is: [`wrote`](Self::wrote).
    pub(crate) fn write(&mut self, now: Timestamp, lease: Duration) -> Result<(RunWrite, Written), Error> {
        let mut state = self.state.clone();
        state.events = self.next();
        let mut events = Vec::with_capacity(self.pending.len());
        for event in &mut self.pending {
            event.at = now;
            events.push(RunEventRow {
                number: event.number,
                text: serde_json::to_string(event).map_err(|error| Error::Damaged {
                    run: self.id,
                    why: format!("an event cannot be written: {error}"),
                })?,
            });
        }
        let version = self.version.map_or(0, |it| it + 1);
        let row = RunRow {
            id: self.id,
            version,
            requester: self.requester.clone(),
            created: self.created,
            agent: Some(self.agent.clone()),
            session: self.session.clone(),
            status: self.status.as_str().to_owned(),
            alone: self.session.is_some() && self.status.holds_session(),
            open: self.status.is_open() || !state.after.is_empty(),
            due: self.due(now, lease, &state),
            state: serde_json::to_string(&state).unwrap_or_default(),
        };
        let write = RunWrite {
            row,
            expected: self.version,
            events,
        };
        Ok((write, Written { version, state }))
    }

    /// It is stored. Gives what there is to tell of it.
    pub(crate) fn wrote(&mut self, written: Written) -> Vec<RunEvent> {
        self.version = Some(written.version);
        self.state = written.state;
        std::mem::take(&mut self.pending)
    }

    /// Whether something happened that is not stored.
    pub(crate) const fn has_news(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The last call of its turn is closed: this is what the model is told of it, and who writes that leads the run.
    pub(crate) fn goes_on(&mut self, slot: &Slot, content: String) {
        self.happened(EventKind::RunContinued);
        let result = slot.answered(content);
        let rewritten_by = Vec::new();
        self.happened(EventKind::ToolResult { result, rewritten_by });
        self.status = Status::Running;
    }

    /// Stops here: what these calls ask is up to others now.
    pub(crate) fn paused(&mut self, calls: &[Call]) {
        let requirements = calls.iter().flat_map(Call::requirements);
        let requirements = requirements.map(|it| it.id).collect();
        self.happened(EventKind::RunPaused { requirements });
        self.status = Status::Paused;
    }

    /// When a worker is to look at it, whatever happens.
    fn due(&self, now: Timestamp, lease: Duration, state: &State) -> Option<Timestamp> {
        match self.status {
            Status::Running => Some(now.after(lease)),
            Status::Stopping => Some(now),
            Status::Queued | Status::Paused => None,
            Status::Completed | Status::Failed | Status::Cancelled if state.after.is_empty() => None,
            // Background hooks: at once, and then less and less often, up to every five minutes.
            Status::Completed | Status::Failed | Status::Cancelled => {
                let wait = Duration::from_millis(if state.tries == 0 {
                    0
                } else {
                    500 << state.tries.min(9)
                });
                Some(now.after(wait.min(Duration::from_mins(5))))
            }
        }
    }
}

/// A run that is written in a commit of one of its calls.
pub(crate) struct Beside<'a> {
    agent: &'a Agent,
    before: &'a Stored,
    /// As it was last to be written. A commit that is tried again writes it anew.
    last: Mutex<Option<(Stored, Written)>>,
}

impl<'a> Beside<'a> {
    pub(crate) fn new(agent: &'a Agent, before: &'a Stored) -> Self {
        Self {
            agent,
            before,
            last: Mutex::default(),
        }
    }

    /// How the run is to be written after this has happened to it.
    pub(crate) fn write(&self, happened: impl FnOnce(&mut Stored)) -> Option<RunWrite> {
        let mut run = self.before.clone();
        happened(&mut run);
        let (write, written) = run.write(self.agent.0.engine.now(), self.agent.0.lease).ok()?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((run, written));
        Some(write)
    }

    /// The run as it was written, and what there is to tell of it. To be asked once it was committed.
    pub(crate) fn written(self) -> Option<(Stored, Vec<RunEvent>)> {
        let last = self.last.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (mut run, written) = last?;
        let events = run.wrote(written);
        Some((run, events))
    }
}

/// The stored events of a run from number `from` on, up to `most` of them.
pub(crate) async fn events(engine: &Engine, id: RunId, from: u64, most: u64) -> Result<Vec<RunEvent>, Error> {
    let mut found = Vec::new();
    let mut from = from;
    loop {
        let rest = usize::try_from(most)
            .unwrap_or(usize::MAX)
            .saturating_sub(found.len());
        let rows = engine
            .store()
            .run_events(engine.tenant(), id, from, PAGE.min(rest))
            .await?;
        let full = rows.len() == PAGE;
        for row in rows {
            let event: RunEvent = serde_json::from_str(&row.text).map_err(|error| Error::Damaged {
                run: id,
                why: format!("event {} cannot be read: {error}", row.number),
            })?;
            from = event.number + 1;
            found.push(event);
        }
        if !full {
            return Ok(found);
        }
    }
}
