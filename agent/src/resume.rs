//! How a run goes on, in whatever process, and how it is stopped.

use std::collections::HashSet;
use std::pin::Pin;

use countersign::core::actor::OPERATOR;
use countersign::core::call::{Answer, Phase};
use countersign::core::tool::BoxFuture;
use countersign::store::RunFilter;
use countersign::{ActorId, Call, CallId, Decision, Identity, RequirementId, RunId, SessionId};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::agent::Agent;
use crate::calls;
use crate::detached::Detached;
use crate::drive::{Driver, Halt, Led};
use crate::error::Error;
use crate::event::{EventKind, RunEvent};
use crate::hook::Hooked;
use crate::run::{Run, Status};
use crate::session::Found;
use crate::start::Running;
use crate::stored::{Beside, Safe, Stopping, Stored, events};
use crate::transcript::Slot;

/// Decisions about a run that is paused. `await` it: the run goes on if nothing is open any more, and comes back when
/// it is over or waits again.
///
/// [`Agent`] has an example.
#[must_use = "nothing is decided until this is awaited"]
pub struct Continue<'a> {
    agent: &'a Agent,
    run: RunId,
    decisions: Vec<Decision>,
    by: Option<Identity>,
}

impl Continue<'_> {
    /// Who decides, where a decision does not say it itself.
    pub fn by(mut self, identity: &Identity) -> Self {
        self.by = Some(identity.clone());
        self
    }

    /// Takes the decisions, goes on, and tells what happens as it happens.
    ///
    /// # Errors
    ///
    /// What goes wrong, [`Running::run`] says. Must be called within a tokio runtime.
    pub fn stream(self) -> Running {
        let (tell, told) = unbounded_channel();
        Running::new(self.run, told, tokio::spawn(self.decided(Some(tell))))
    }

    fn decided(self, tell: Option<UnboundedSender<RunEvent>>) -> BoxFuture<'static, Result<Run, Error>> {
        let (agent, id, by) = (self.agent.clone(), self.run, self.by);
        let decisions: Vec<Decision> = self
            .decisions
            .into_iter()
            .map(|it| match &by {
                Some(by) => it.or_by(by),
                None => it,
            })
            .collect();
        Box::pin(async move {
            let (leader, run) = agent.load(id).await?;
            leader.check(&run, &decisions).await?;
            let mut refusals = Vec::new();
            let (desk, worker) = (agent.0.engine.desk(), agent.0.engine.worker());
            let (mut left, mut led) = (decisions.len(), None);
            for decision in decisions {
                left -= 1;
                let on = decision.requirement();
                // All are taken before anything runs; the last one may bring its call to run in the same breath, and
                // the run to go on with what came of it.
                let decided = match leader.last_slot(&run, on.call()) {
                    _ if left > 0 => desk.decide(decision).await?,
                    None => worker.decide(decision).await?,
                    Some(slot) => {
                        let beside = Beside::new(&leader, &run);
                        let write = |call: &Call| {
                            let content = calls::closed(call).map(calls::told)?;
                            beside.write(|run| run.goes_on(slot, content))
                        };
                        let (decided, is_written) = worker.decide_in_run(decision, &write).await?;
                        led = beside.written().filter(|_| is_written);
                        decided
                    }
                };
                if let Answer::Refused(refusal) = decided.answer {
                    refusals.push((on, refusal));
                }
            }
            // If it has moved on since it was loaded, the first commit is refused, and it is loaded again.
            let mut run = match led {
                Some((run, events)) => leader.lead_on(run, events, tell).await?,
                None => agent.progress_of(id, Some((leader, run)), tell).await?,
            };
            run.refusals = refusals;
            Ok(run)
        })
    }
}

impl<'a> IntoFuture for Continue<'a> {
    type Output = Result<Run, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        // Whoever waits may go, what was decided goes on.
        Box::pin(async move { Detached::new(self.decided(None)).await })
    }
}

impl Agent {
    /// Decides what a paused run asks, and goes on with it if nothing is open any more. Answering some of several
    /// is fine. With no decisions it goes on with what was decided elsewhere; a run that failed because its model
    /// could not be asked is tried again.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRun`]; [`Error::ForeignRequirement`] and [`Error::RepeatedRequirement`] before any decision is
    /// taken; otherwise if the store fails. A decision that does not count is no error: see [`Run::refusals`].
    pub fn continue_run(&self, run: RunId, decisions: impl IntoIterator<Item = Decision>) -> Continue<'_> {
        Continue {
            agent: self,
            run,
            decisions: decisions.into_iter().collect(),
            by: None,
        }
    }

    /// A run as it is now.
    pub async fn get(&self, run: RunId) -> Result<Run, Error> {
        let (leader, stored) = self.load(run).await?;
        let calls = leader.asked(&stored).await?;
        Ok(Run::of(&stored, &calls))
    }

    /// What happened in a run, from number `from` (inclusive) on. What is being said at this moment is not in it.
    pub async fn events(&self, run: RunId, from: u64) -> Result<Vec<RunEvent>, Error> {
        let (_, stored) = self.load(run).await?;
        events(&self.0.engine, run, from, stored.state.events).await
    }

    /// Stops a run: its requester or an operator. Its open calls are withdrawn; what is being executed at this moment
    /// is not interrupted, and its result is not heard any more.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownRun`], [`Error::Foreign`]; otherwise if the store fails. A run that is over stays as it is.
    pub async fn cancel(&self, run: RunId, by: &Identity, reason: Option<String>) -> Result<Run, Error> {
        self.load(run).await?;
        self.cancelled(run, by, reason).await
    }

    /// The same, for a run of any agent.
    pub(crate) fn cancelled<'a>(
        &'a self,
        id: RunId,
        by: &'a Identity,
        reason: Option<String>,
    ) -> BoxFuture<'a, Result<Run, Error>> {
        Box::pin(async move {
            let actor = self.0.engine.actor(by).await?;
            loop {
                let Some(run) = Stored::load(&self.0.engine, id).await? else {
                    return Err(Error::UnknownRun(id));
                };
                if run.requester != *by.id() && !actor.has_role(OPERATOR) {
                    return Err(Error::Foreign { run: id });
                }
                if !run.status.is_open() {
                    return Ok(Run::of(&run, &[]));
                }
                // Its own agent's hooks are the ones that see how it ended, also where another one stops it.
                let mut driver = self.find(&run.agent).unwrap_or(self).driver(run);
                let stopping = Stopping {
                    by: by.id().clone(),
                    auth: by.auth().to_owned(),
                    reason: reason.clone(),
                };
                match driver.stopping(stopping).await {
                    Ok(run) => return Ok(run),
                    Err(Halt::Lost) => {}
                    Err(Halt::Error(error)) => return Err(error),
                }
            }
        })
    }

    /// Whoever is to lead a run that was loaded. Its requester is who the process that began it has vouched for.
    pub(crate) fn driver(&self, run: Stored) -> Driver {
        let by = Identity::authenticated(run.requester.clone(), run.state.auth.clone());
        Driver::new(self.clone(), run, by)
    }

    /// The only place of its turn that has no result, if that waits for this call, and what comes of it is told the
    /// model as it is.
    fn last_slot<'a>(&self, run: &'a Stored, call: CallId) -> Option<&'a Slot> {
        let turn = run
            .transcript
            .turn
            .as_ref()
            .filter(|_| run.status == Status::Paused)?;
        let mut open = turn.slots.iter().filter(|it| it.result.is_none());
        let slot = open.next().filter(|_| open.next().is_none())?;
        let is_it = slot.plan.call == call && slot.plan.child.is_none();
        let as_it_is = self.0.hooks.tool.iter().all(Hooked::is_background);
        (is_it && as_it_is).then_some(slot)
    }

    /// Leads a run on that was taken up by the commit that closed its last call.
    async fn lead_on(
        &self,
        run: Stored,
        events: Vec<RunEvent>,
        tell: Option<UnboundedSender<RunEvent>>,
    ) -> Result<Run, Error> {
        let id = run.id;
        let mut driver = self.driver(run);
        driver.tell.clone_from(&tell);
        for event in events {
            driver.say(event);
        }
        let led = async {
            driver.prepare().await?;
            driver.lead().await
        };
        match led.await {
            Ok(run) => Ok(run),
            Err(Halt::Lost) => self.progress_of(id, None, tell).await,
            Err(Halt::Error(error)) => Err(error),
        }
    }

    /// Whether all decisions are about what this run asks, each about something else.
    async fn check(&self, run: &Stored, decisions: &[Decision]) -> Result<(), Error> {
        let mut seen: HashSet<RequirementId> = HashSet::new();
        let slots = run.transcript.turn.iter().flat_map(|it| &it.slots);
        let (children, own): (Vec<_>, Vec<_>) = slots
            .filter(|it| it.result.is_none())
            .partition(|it| it.plan.child.is_some());
        let mut calls: HashSet<CallId> = own.iter().map(|it| it.plan.call).collect();
        if decisions
            .iter()
            .any(|it| !calls.contains(&it.requirement().call()))
        {
            for slot in children {
                calls.extend(self.asked_by(slot).await?.iter().map(|it| *it.id()));
            }
        }
        for decision in decisions {
            let on = decision.requirement();
            if !calls.contains(&on.call()) {
                return Err(Error::ForeignRequirement(on));
            }
            if !seen.insert(on) {
                return Err(Error::RepeatedRequirement(on));
            }
        }
        Ok(())
    }

    /// Brings a run as far as it can be brought now: runs what was decided, and leads it on if nothing is open any
    /// more. Waits while another process leads it.
    pub(crate) fn progress(&self, id: RunId) -> BoxFuture<'static, Result<Run, Error>> {
        self.progress_of(id, None, None)
    }

    fn progress_of(
        &self,
        id: RunId,
        mut loaded: Option<(Self, Stored)>,
        tell: Option<UnboundedSender<RunEvent>>,
    ) -> BoxFuture<'static, Result<Run, Error>> {
        let agent = self.clone();
        Box::pin(async move {
            loop {
                let mut changes = agent.0.engine.changes();
                let (leader, run) = match loaded.take() {
                    Some(loaded) => loaded,
                    None => agent.load(id).await?,
                };
                match leader.step(run, tell.clone()).await {
                    Ok(Some(run)) => return Ok(run),
                    Ok(None) => changes.next().await,
                    Err(Halt::Lost) => {}
                    Err(Halt::Error(error)) => return Err(error),
                }
            }
        })
    }

    /// One attempt. None while another process leads the run.
    async fn step(&self, mut run: Stored, tell: Option<UnboundedSender<RunEvent>>) -> Led<Option<Run>> {
        let mut settled = Vec::new();
        match run.status {
            Status::Running => {
                if !self.is_abandoned(&run).await? {
                    return Ok(None);
                }
            }
            Status::Paused => {
                let (closed, calls) = self.advanced(&run).await?;
                settled = closed;
                if !calls.is_empty() {
                    return Ok(Some(Run::of(&run, &calls)));
                }
                run.happened(EventKind::RunContinued);
            }
            Status::Failed if run.state.may_continue => {
                if let Some(session) = &run.session {
                    self.0.sessions.forget(session);
                }
                run.happened(EventKind::RunContinued);
                run.state.may_continue = false;
                run.state.after.clear();
            }
            Status::Stopping => {
                let Some(stopping) = run.state.stopping.clone() else {
                    return Err(Error::Damaged {
                        run: run.id,
                        why: "nobody stops it".to_owned(),
                    }
                    .into());
                };
                return self.driver(run).stopping(stopping).await.map(Some);
            }
            Status::Queued | Status::Failed | Status::Completed | Status::Cancelled => {
                return Ok(Some(Run::of(&run, &[])));
            }
        }
        let was_paused = run.status == Status::Paused;
        let mut driver = self.driver(run);
        driver.tell = tell;
        driver.settled = settled;
        if was_paused {
            // What is done next is to read how calls have ended. The commit that brings their results is the claim:
            // of two processes that read them, one is refused, and has done nothing.
            driver.prepare().await?;
        } else {
            driver.claim().await?;
        }
        driver.lead().await.map(Some)
    }

    /// Whether the process that led it has said nothing for as long as it is believed to be alive.
    pub(crate) async fn is_abandoned(&self, run: &Stored) -> Result<bool, Error> {
        let row = self.0.engine.store().run(self.0.engine.tenant(), run.id).await?;
        let due = row.and_then(|it| it.due);
        Ok(due.is_some_and(|it| it <= self.0.engine.now()))
    }

    /// Runs what was cleared of a paused run's calls, and of those of the agents it has asked. Gives what of its own is
    /// closed, and what is still open.
    async fn advanced(&self, run: &Stored) -> Result<(Vec<Call>, Vec<Call>), Error> {
        let engine = &self.0.engine;
        let (mut closed, mut open) = (Vec::new(), Vec::new());
        let slots = run.transcript.turn.iter().flat_map(|it| &it.slots);
        for slot in slots.filter(|it| it.result.is_none()) {
            if let Some(child) = slot.plan.child {
                let Some(agent) = self.0.children.get(&slot.call.name) else {
                    continue;
                };
                if let Ok(child) = agent.progress(child).await
                    && child.status().is_open()
                {
                    open.extend(
                        agent
                            .asked(
                                &Stored::load(engine, child.id())
                                    .await?
                                    .ok_or(Error::UnknownRun(child.id()))?,
                            )
                            .await?,
                    );
                }
                continue;
            }
            let call = match engine.worker().advance(slot.plan.call).await {
                Ok(advanced) => advanced.call,
                Err(countersign::Error::UnknownCall(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let call = if matches!(call.phase(), Phase::Executing { .. }) {
                engine.wait_until_settled(slot.plan.call).await?
            } else {
                call
            };
            if calls::closed(&call).is_none() {
                open.push(call);
            } else {
                closed.push(call);
            }
        }
        Ok((closed, open))
    }

    /// Begins the oldest message that waits for a session to be free, in the background.
    pub(crate) fn wake_queue(&self, session: SessionId) {
        let agent = self.clone();
        tokio::spawn(async move {
            // What goes wrong here is tried again by a worker.
            let _ = agent.next_of(session).await;
        });
    }

    async fn next_of(&self, session: SessionId) -> Result<(), Error> {
        let engine = &self.0.engine;
        let filter = RunFilter::OfSession(session);
        let (mut before, mut oldest) = (None, None);
        loop {
            let rows = engine.store().runs(engine.tenant(), &filter, before, 16).await?;
            before = rows.last().map(|it| it.id);
            let mut queued = rows.iter().filter(|it| it.status == Status::Queued.as_str());
            let (count, last) = (rows.len(), queued.next_back().map(|it| it.id));
            if rows.iter().any(|it| it.alone) {
                return Ok(());
            }
            oldest = last.or(oldest);
            if count < 16 || last.is_none() {
                break;
            }
        }
        match oldest {
            Some(run) => self.dequeue(run).await,
            None => Ok(()),
        }
    }

    /// Begins a message that has waited, unless its session is busy again.
    pub(crate) fn dequeue(&self, id: RunId) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            let (leader, run) = self.load(id).await?;
            if run.status != Status::Queued {
                return Ok(());
            }
            let mut driver = leader.driver(run);
            match driver.claim().await {
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Lost) => return Ok(()),
                Ok(()) => {}
            }
            match driver.lead().await {
                Err(Halt::Error(error)) => Err(error),
                Err(Halt::Lost) | Ok(_) => Ok(()),
            }
        })
    }
}

impl Driver {
    /// Says that this process leads the run from now on.
    async fn claim(&mut self) -> Led<()> {
        self.prepare().await?;
        self.commit(Safe::Process).await
    }

    /// Makes ready to lead it, and says nothing yet.
    async fn prepare(&mut self) -> Led<()> {
        self.run.status = Status::Running;
        if let Some(found) = self.look_at_session().await? {
            self.history = found.messages;
        }
        Ok(())
    }

    /// The session of the run as it stands now, if it has one.
    pub(crate) async fn look_at_session(&self) -> Led<Option<Found>> {
        let Some(session) = &self.run.session else {
            return Ok(None);
        };
        let (agent, run) = (&self.agent.0, &self.run);
        let found = agent
            .sessions
            .look(&agent.engine, session, &run.requester, run.id);
        Ok(Some(found.await?))
    }

    /// Stops the run on behalf of whoever rejected a call with it.
    pub(crate) async fn stop(&mut self, by: ActorId, reason: Option<String>) -> Led<Run> {
        let auth = format!("rejected a call of {}", self.run.id);
        self.stopping(Stopping { by, auth, reason }).await
    }

    /// Marks the run as stopping, withdraws its calls, and ends it.
    async fn stopping(&mut self, stopping: Stopping) -> Led<Run> {
        let agent = self.agent.clone();
        let engine = &agent.0.engine;
        // First of all nobody may lead it any more: what is withdrawn after this, nobody opens again.
        self.run.status = Status::Stopping;
        self.run.state.stopping = Some(stopping.clone());
        self.commit(Safe::Disk).await?;
        let by = Identity::authenticated(stopping.by.clone(), stopping.auth.clone());
        let slots = self
            .run
            .transcript
            .turn
            .as_ref()
            .map_or_else(Vec::new, |it| it.slots.clone());
        for slot in slots.iter().filter(|it| it.result.is_none()) {
            let stopped = match slot.plan.child {
                Some(child) => match agent.cancelled(child, &by, stopping.reason.clone()).await {
                    Ok(_) | Err(Error::UnknownRun(_)) => json!({"status": "cancelled"}),
                    Err(error) => return Err(error.into()),
                },
                None => match engine
                    .desk()
                    .cancel(slot.plan.call, &by, stopping.reason.clone())
                    .await
                {
                    Ok(decided) => {
                        let open = decided
                            .call
                            .as_ref()
                            .is_some_and(|it| crate::calls::closed(it).is_none());
                        if open {
                            json!({"status": "cancelled", "error": "the run was stopped while it was under way; it may have acted", "effect": "unknown"})
                        } else {
                            json!({"status": "cancelled"})
                        }
                    }
                    Err(countersign::Error::UnknownCall(_)) => json!({"status": "cancelled"}),
                    Err(error) => return Err(error.into()),
                },
            };
            let result = slot.answered(stopped.to_string());
            let rewritten_by = Vec::new();
            self.run.happened(EventKind::ToolResult { result, rewritten_by });
        }
        let Stopping { by, reason, .. } = stopping;
        self.run.happened(EventKind::RunCancelled { by, reason });
        self.run.status = Status::Cancelled;
        self.over().await?;
        Ok(Run::of(&self.run, &[]))
    }
}
