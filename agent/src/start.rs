//! How a run begins.

use std::pin::Pin;

use countersign::core::tool::BoxFuture;
use countersign::{Identity, RunId, SessionId};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::detached::Detached;
use crate::drive::{Driver, Halt};
use crate::error::Error;
use crate::event::{EventKind, RunEvent};
use crate::hook::Place;
use crate::run::{Run, Status};
use crate::session::OnBusy;
use crate::stored::{Safe, Stored};

/// A run that is about to begin. `await` it: it comes back when the run is over or waits for people.
///
/// Dropping the future does not stop the run, [`Agent::cancel`] does: the rest becomes a task. Nothing is
/// stored before the model has first answered, unless somebody listens ([`stream`](Self::stream)) or the run has to
/// queue: a run that nobody was told of needs no trace.
///
/// [`Agent`] has an example.
#[must_use = "nothing begins until this is awaited"]
pub struct RunBuilder<'a> {
    agent: &'a Agent,
    input: String,
    by: Option<Identity>,
    session: Option<&'a str>,
}

impl<'a> RunBuilder<'a> {
    pub(crate) const fn new(agent: &'a Agent, input: String) -> Self {
        Self {
            agent,
            input,
            by: None,
            session: None,
        }
    }

    /// On whose behalf. Required.
    pub fn by(mut self, requester: &Identity) -> Self {
        self.by = Some(requester.clone());
        self
    }

    /// The conversation that it belongs to: the model is told of its earlier runs, whatever agent led them.
    pub const fn session(mut self, session: &'a str) -> Self {
        self.session = Some(session);
        self
    }

    /// Begins it, and tells what happens in it as it happens.
    ///
    /// ```
    /// use countersign::prelude::*;
    /// use countersign::store::Sqlite;
    /// use countersign_agent::model::{ScriptedModel, Step};
    /// use countersign_agent::{Agent, EventKind};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }\nhelpdesk = { kind = \"agent\" }")?)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// let model = ScriptedModel::new([Step::say("Good morning.")]);
    /// let agent = Agent::builder("helpdesk").model(model).build(&engine).await?;
    ///
    /// let mut running = agent.run("Hello.").by(&alice).stream()?;
    /// let mut said = String::new();
    /// while let Some(event) = running.next().await {
    ///     if let EventKind::ContentDelta { text } = event.kind {
    ///         said.push_str(&text);
    ///     }
    /// }
    /// assert_eq!(said, "Good morning.");
    /// assert_eq!(running.run().await?.output(), Some("Good morning."));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoRequester`]; what else goes wrong, [`Running::run`] says. Must be called within a tokio runtime.
    pub fn stream(self) -> Result<Running, Error> {
        let (tell, told) = unbounded_channel();
        let id = self.agent.0.engine.new_run_id();
        let task = tokio::spawn(self.started(id, Some(tell))?);
        Ok(Running::new(id, told, task))
    }

    fn started(
        self,
        id: RunId,
        tell: Option<UnboundedSender<RunEvent>>,
    ) -> Result<BoxFuture<'static, Result<Run, Error>>, Error> {
        let by = self.by.ok_or(Error::NoRequester)?;
        let session = self.session.map(SessionId::new).transpose()?;
        let engine = &self.agent.0.engine;
        let agent = self.agent.0.identity.id().clone();
        let mut run = Stored::new(id, by.id().clone(), agent, engine.now());
        run.session = session;
        by.auth().clone_into(&mut run.state.auth);
        Ok(self.agent.clone().begin(run, by, self.input, tell))
    }
}

impl<'a> IntoFuture for RunBuilder<'a> {
    type Output = Result<Run, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let id = self.agent.0.engine.new_run_id();
            Detached::new(self.started(id, None)?).await
        })
    }
}

/// A run that was begun, and what happens in it.
///
/// [`RunBuilder::stream`] has an example.
pub struct Running {
    id: RunId,
    told: UnboundedReceiver<RunEvent>,
    task: JoinHandle<Result<Run, Error>>,
}

impl Running {
    pub(crate) const fn new(
        id: RunId,
        told: UnboundedReceiver<RunEvent>,
        task: JoinHandle<Result<Run, Error>>,
    ) -> Self {
        Self { id, told, task }
    }

    /// Which run.
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// What happens next; none when the run is over or waits for people.
    pub async fn next(&mut self) -> Option<RunEvent> {
        self.told.recv().await
    }

    /// The run, when it is over or waits for people.
    pub async fn run(self) -> Result<Run, Error> {
        self.task
            .await
            .unwrap_or_else(|ended| match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::Stopped),
            })
    }
}

impl Agent {
    /// Begins a run: passes its input by the hooks, finds its session, and leads it.
    pub(crate) fn begin(
        self,
        run: Stored,
        by: Identity,
        input: String,
        tell: Option<UnboundedSender<RunEvent>>,
    ) -> BoxFuture<'static, Result<Run, Error>> {
        Box::pin(async move {
            let id = run.id;
            let mut driver = Driver::new(self.clone(), run, by);
            driver.tell = tell;
            match driver.begin(input).await {
                Ok(run) => Ok(run),
                // Somebody stopped it, or a worker believed that this process was dead.
                Err(Halt::Lost) => self.progress(id).await,
                Err(Halt::Error(error)) => Err(error),
            }
        })
    }
}

impl Driver {
    async fn begin(&mut self, input: String) -> Result<Run, Halt> {
        let hooks = self.agent.0.hooks.pre.clone();
        let (input, rewritten_by) = match self.hooked(&hooks, Place::Input, None, input).await? {
            Ok(passed) => passed,
            Err(blocked) => {
                let error = format!("the input was blocked by `{}`: {}", blocked.by, blocked.reason);
                let (input, rewritten_by) = (blocked.shown(), vec![blocked.by.clone()]);
                self.run.happened(EventKind::RunStarted { input, rewritten_by });
                self.run.happened(blocked.happened(Place::Input));
                let may_continue = false;
                self.run.happened(EventKind::RunFailed { error, may_continue });
                self.run.status = Status::Failed;
                self.commit(Safe::Disk).await?;
                return Ok(Run::of(&self.run, &[]));
            }
        };
        let empty = self.run.clone();
        loop {
            self.run = empty.clone();
            self.run.happened(EventKind::RunStarted {
                input: input.clone(),
                rewritten_by: rewritten_by.clone(),
            });
            if let (Some(session), Some(found)) = (self.run.session.clone(), self.look_at_session().await?) {
                let agent = self.agent.clone();
                match (found.busy, agent.0.busy) {
                    (None, _) => {}
                    (Some(run), OnBusy::Refuse) => return Err(Error::Busy { session, run }.into()),
                    (Some(_), OnBusy::Queue) => {
                        self.run.status = Status::Queued;
                        self.commit(Safe::Disk).await?;
                        // It may have become free in the meantime.
                        agent.wake_queue(session);
                        return Ok(Run::of(&self.run, &[]));
                    }
                    (Some(busy), OnBusy::Cancel) => {
                        let reason = Some("a new message took its place".to_owned());
                        agent.cancelled(busy, &self.by, reason).await?;
                        continue;
                    }
                }
                self.history = found.messages;
            }
            if self.tell.is_some() {
                match self.commit(Safe::Process).await {
                    Err(Halt::Lost) => continue,
                    other => other?,
                }
            }
            match self.lead().await {
                // Another message of the session was faster; the model was asked in vain. Without a session, it is the
                // run that asked for this one that is no longer led: then it is not asked again.
                Err(Halt::Lost) if !self.run.is_stored() && self.run.session.is_some() => {}
                other => return other,
            }
        }
    }
}
