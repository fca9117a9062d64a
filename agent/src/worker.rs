//! Takes up what others have left: runs that were decided elsewhere, runs whose process died, messages that wait for
//! their session, and what is to happen after the answer.
//!
//! It reads the audit log from where it stands: a record of a call is a reason to look at the run of that call, and
//! nothing more. What is to be done is computed from what is stored. A paused run costs no task and no memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use countersign::RunId;
use countersign::store::RunFilter;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::agent::Agent;
use crate::error::Error;
use crate::run::Status;
use crate::stored::Stored;

/// How many entries or runs one look at the store takes.
const PAGE: usize = 256;
/// How many runs one worker leads at once.
const MOST_AT_ONCE: usize = 64;
/// How long the worker waits for a commit before it looks itself.
const POLL: Duration = Duration::from_millis(250);
/// How often everything that is open is looked at, for what no record tells of.
const ALL: Duration = Duration::from_mins(1);

/// A worker in the background.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What a record says of where to look.
#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    run: Option<RunId>,
}

impl Agent {
    pub(crate) fn start_worker(&self) {
        let (stop, mut stopped) = watch::channel(false);
        let weak = std::sync::Arc::downgrade(&self.0);
        let engine = self.0.engine.clone();
        let task = tokio::spawn(async move {
            let (mut seen, mut busy) = (Seen::default(), Busy::default());
            let mut again = None;
            while !*stopped.borrow() {
                // The worker ends with the last clone of its agent.
                let Some(inner) = weak.upgrade() else { return };
                let agent = Self(inner);
                let mut changes = engine.changes();
                // What fails now is looked at again.
                let found = agent.found(&mut seen).await.unwrap_or_default();
                for run in found.into_iter().chain(again) {
                    busy.lead(&agent, run).await;
                }
                drop(agent);
                again = tokio::select! {
                    _ = stopped.wait_for(|it| *it) => None,
                    it = busy.done() => it,
                    () = seen.wait(&engine, &mut changes) => None,
                };
            }
            while busy.tasks.join_next().await.is_some() {}
        });
        let mut worker = self.0.worker.lock().unwrap_or_else(PoisonError::into_inner);
        *worker = Some(Running { stop, task });
    }

    /// Ends the worker after it has led what it leads to the next stop, then runs the background hooks that are due.
    /// Put a time limit around it: a model may take long. What is cut off is taken up by the next worker.
    pub async fn stop(&self) -> Result<(), Error> {
        let running = self
            .0
            .worker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Running { stop, task }) = running {
            let _ = stop.send(true);
            let _ = task.await;
        }
        for run in self.due().await? {
            self.go_on(run).await?;
        }
        Ok(())
    }

    /// One look at everything that is open: what can go on, goes on. For programs without a background worker, and
    /// for tests.
    pub async fn work(&self) -> Result<(), Error> {
        for run in self.found(&mut Seen::default()).await? {
            self.go_on(run).await?;
        }
        Ok(())
    }

    /// The runs for which there may be something to do.
    async fn found(&self, seen: &mut Seen) -> Result<BTreeSet<RunId>, Error> {
        let engine = &self.0.engine;
        let head = engine.store().head(engine.tenant()).await?.size();
        let mut runs = BTreeSet::new();
        if seen.all.is_none_or(|it| it.elapsed() >= ALL) {
            // Everything that is told after this is read from the log.
            seen.log = Some(head);
            let mut before = None;
            loop {
                let rows = engine
                    .store()
                    .runs(engine.tenant(), &RunFilter::Open, before, PAGE)
                    .await?;
                before = rows.last().map(|it| it.id);
                runs.extend(
                    rows.iter()
                        .filter(|it| self.leads(it.agent.as_ref()))
                        .map(|it| it.id),
                );
                if rows.len() < PAGE {
                    break;
                }
            }
            seen.all = Some(Instant::now());
        }
        let mut from = seen.log.unwrap_or(head);
        while from < head {
            let entries = engine.store().entries(engine.tenant(), None, from, PAGE).await?;
            let Some(last) = entries.last() else { break };
            from = last.seq + 1;
            let told = entries
                .iter()
                .filter_map(|it| serde_json::from_str::<Record>(&it.text).ok());
            runs.extend(told.filter_map(|it| it.run));
        }
        seen.log = Some(from);
        runs.extend(self.due().await?);
        Ok(runs)
    }

    /// Whether runs of that agent are led by this one, or by one that it may ask.
    fn leads(&self, agent: Option<&countersign::ActorId>) -> bool {
        agent.is_some_and(|it| self.find(it).is_some())
    }

    /// Runs of which it is time, whatever happened.
    async fn due(&self) -> Result<Vec<RunId>, Error> {
        let engine = &self.0.engine;
        let due = RunFilter::Due(engine.now());
        let rows = engine.store().runs(engine.tenant(), &due, None, PAGE).await?;
        let ours = rows.into_iter().filter(|it| self.leads(it.agent.as_ref()));
        Ok(ours.map(|it| it.id).collect())
    }

    /// Whatever can be done for a run now; then for the one that asked it.
    async fn go_on(&self, id: RunId) -> Result<(), Error> {
        let mut next = Some(id);
        while let Some(id) = next {
            let (leader, run) = match self.load(id).await {
                Ok(found) => found,
                Err(Error::UnknownRun(_)) => return Ok(()),
                Err(error) => return Err(error),
            };
            let now = match run.status {
                Status::Queued => {
                    leader.dequeue(id).await?;
                    return Ok(());
                }
                Status::Running if !leader.is_abandoned(&run).await? => return Ok(()),
                Status::Completed | Status::Failed | Status::Cancelled => {
                    leader.after(run.clone()).await?;
                    run.status
                }
                Status::Running | Status::Paused | Status::Stopping => {
                    let run = leader.progress(id).await?;
                    leader.after_of(id).await?;
                    run.status()
                }
            };
            next = run.state.parent.filter(|_| !now.is_open());
        }
        Ok(())
    }

    async fn after_of(&self, id: RunId) -> Result<(), Error> {
        match Stored::load(&self.0.engine, id).await? {
            Some(run) if !run.status.is_open() => self.after(run).await,
            _ => Ok(()),
        }
    }
}

/// The runs that a worker leads at this moment, each in a task of its own: a model may take long.
#[derive(Default)]
struct Busy {
    tasks: JoinSet<RunId>,
    /// Whether something was told of them since.
    runs: HashMap<RunId, bool>,
}

impl Busy {
    /// Leads a run on; later, if it is being led.
    async fn lead(&mut self, agent: &Agent, id: RunId) {
        if let Some(again) = self.runs.get_mut(&id) {
            *again = true;
            return;
        }
        while self.tasks.len() >= MOST_AT_ONCE {
            if let Some(again) = self.done().await {
                self.spawn(agent, again);
            }
        }
        self.spawn(agent, id);
    }

    fn spawn(&mut self, agent: &Agent, id: RunId) {
        self.runs.insert(id, false);
        let agent = agent.clone();
        self.tasks.spawn(async move {
            // What fails now is looked at again.
            let _ = agent.go_on(id).await;
            id
        });
    }

    /// Until one of them is done; never, if there is none. Gives it if it is to be led again at once.
    async fn done(&mut self) -> Option<RunId> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok(id)) => self.runs.remove(&id).filter(|again| *again).map(|_| id),
            // What tools and hooks panic with is caught where it happens. After anything else nobody can say which
            // run it was; all that is open is looked at again in time.
            Some(Err(_)) => {
                self.runs.clear();
                None
            }
        }
    }
}

/// Up to where a worker has looked.
#[derive(Default)]
struct Seen {
    log: Option<u64>,
    all: Option<Instant>,
    generation: u64,
}

impl Seen {
    /// Until there may be something to do.
    async fn wait(&mut self, engine: &countersign::Engine, changes: &mut countersign::Changes<'_>) {
        let begun = Instant::now();
        while begun.elapsed() < POLL {
            let now = engine.store().generation().await.unwrap_or(0);
            if now != self.generation {
                self.generation = now;
                return;
            }
            changes.next().await;
        }
    }
}
