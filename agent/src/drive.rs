//! Leads a run: asks the model, has its calls made, and stops where people are asked.
//!
//! Everything that was done is committed before the next thing is: the message with its calls before any of them
//! is made, the results before the model is asked again. A process that dies leaves a run that another one can
//! take up; what it may have done without writing it down is only repeated if the tool says that this does no harm.
//! Each commit names the version that it moves on from, so that a run is led by one process: the one that was
//! believed dead finds out at its next commit, and lets go.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::trace::TARGET;
use countersign::{Call, Identity, SessionId};
use tokio::sync::mpsc::UnboundedSender;
use tracing::Instrument as _;

use crate::agent::Agent;
use crate::error::Error;
use crate::event::{EventKind, Plan, RunEvent};
use crate::hook::{Hooked, Place, Seen, Verdict};
use crate::message::{Assistant, Message, ToolCall};
use crate::model::{Deltas, ModelError, Reply, Request};
use crate::run::{Run, Status, opened};
use crate::stored::{Lost, Safe, Stored};
use crate::transcript::Slot;

/// How long to wait before a model that failed for a moment is asked again; twice as long each time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Why a run is not led any further here.
pub(crate) enum Halt {
    /// Somebody else leads it, stops it, or holds its session.
    Lost,
    /// It cannot be written or read.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

pub(crate) type Led<T> = Result<T, Halt>;

/// What a call is made with, where this process has heard the model propose it.
pub(crate) struct Proposal {
    pub(crate) arguments: String,
    /// What the model wrote, where a hook has changed it.
    pub(crate) original: Option<String>,
}

/// One process that leads one run.
pub(crate) struct Driver {
    pub(crate) agent: Agent,
    pub(crate) run: Stored,
    /// On whose behalf, and how that was established.
    pub(crate) by: Identity,
    /// What the model is told of earlier runs.
    pub(crate) history: Vec<Arc<Message>>,
    /// Who listens.
    pub(crate) tell: Option<UnboundedSender<RunEvent>>,
    /// Arguments that are not stored, by the place of their call in the open turn. None of a turn that another
    /// process has begun.
    pub(crate) fresh: Option<Vec<Proposal>>,
    /// Calls that were just seen to be closed, and are not read again.
    pub(crate) settled: Vec<Call>,
    pub(crate) since: Instant,
}

impl Driver {
    pub(crate) fn new(agent: Agent, run: Stored, by: Identity) -> Self {
        Self {
            agent,
            run,
            by,
            history: Vec::new(),
            tell: None,
            fresh: None,
            settled: Vec::new(),
            since: Instant::now(),
        }
    }

    /// Leads it until it is over or waits.
    pub(crate) async fn lead(&mut self) -> Led<Run> {
        let name = self.agent.name();
        // After the semantic conventions of OpenTelemetry for generative AI.
        let span = tracing::info_span!(
            target: TARGET,
            "invoke_agent",
            otel.name = format!("invoke_agent {name}"),
            otel.kind = "internal",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = name,
            gen_ai.conversation.id = self.run.session.as_ref().map(SessionId::as_str),
            countersign.run.id = %self.run.id,
        );
        self.led_on().instrument(span).await
    }

    async fn led_on(&mut self) -> Led<Run> {
        loop {
            if !self.run.status.is_open() {
                return Ok(Run::of(&self.run, &[]));
            }
            if self.run.transcript.turn.is_none() {
                self.ask().await?;
            } else if let Some(paused) = Box::pin(self.turn()).await? {
                return Ok(paused);
            }
        }
    }

    /// Writes what happened, and tells it.
    pub(crate) async fn commit(&mut self, safe: Safe) -> Led<()> {
        self.count_time();
        let inner = &self.agent.0;
        match self.run.commit(&inner.engine, inner.lease, safe).await? {
            Err(Lost) => Err(Halt::Lost),
            Ok(events) => {
                for event in events {
                    self.say(event);
                }
                Ok(())
            }
        }
    }

    /// Adds the time since the last commit to that for which the run was led.
    pub(crate) fn count_time(&mut self) {
        let led = self.since.elapsed();
        self.since += led;
        self.run.state.led_ms += u64::try_from(led.as_millis()).unwrap_or(u64::MAX);
    }

    pub(crate) fn say(&self, event: RunEvent) {
        if let Some(tell) = &self.tell {
            // Nobody listening any more is no reason to stop.
            let _ = tell.send(event);
        }
    }

    /// Does something that may take long, and says meanwhile that this process is alive.
    pub(crate) async fn alive<T>(&mut self, work: impl Future<Output = T>) -> Led<T> {
        let mut work = std::pin::pin!(work);
        let beat = self.agent.0.lease / 3;
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(beat) => {
                    // A run that is not stored yet is nobody else's.
                    if self.run.is_stored() {
                        self.commit(Safe::Process).await?;
                    }
                }
            }
        }
    }

    /// Asks the model what comes next.
    async fn ask(&mut self) -> Led<()> {
        if let Some(why) = self.exhausted() {
            return self.fail(why, false).await;
        }
        let agent = self.agent.clone();
        let messages: Vec<Arc<Message>> = self
            .history
            .iter()
            .chain(&self.run.transcript.messages)
            .cloned()
            .collect();
        let request = Request {
            instructions: &agent.0.instructions,
            messages: &messages,
            tools: &agent.0.offered,
            max_tokens: agent.0.max_tokens,
        };
        let mut tries = 0;
        let reply = loop {
            match self.chat(&agent, request).await? {
                Ok(reply) => break reply,
                Err(error) if error.is_transient() && tries < agent.0.limits.retries => {
                    let wait = PATIENCE * 2_u32.saturating_pow(tries);
                    tries += 1;
                    self.alive(tokio::time::sleep(wait)).await?;
                }
                Err(error) => {
                    let why = format!("the model `{}` could not be asked: {error}", agent.model_name());
                    return self.fail(why, true).await;
                }
            }
        };
        self.heard(reply).await
    }

    /// Asks the model once, within the time that the run has left.
    async fn chat(&mut self, agent: &Agent, request: Request<'_>) -> Led<Result<Reply, ModelError>> {
        let left = agent.0.limits.time.saturating_sub(self.led());
        let (number, at) = (self.run.next(), agent.0.engine.now());
        // What a hook may still take back, nobody hears before.
        let tell = self
            .tell
            .clone()
            .filter(|_| agent.0.hooks.post.iter().all(Hooked::is_background));
        let mut listen = |text: &str| {
            let text = text.to_owned();
            let event = RunEvent {
                v: 1,
                number,
                at,
                kind: EventKind::ContentDelta { text },
            };
            if let Some(tell) = &tell {
                let _ = tell.send(event);
            }
        };
        let deltas = match &tell {
            Some(_) => Deltas::to(&mut listen),
            None => Deltas::nobody(),
        };
        let model = agent.model_name();
        let span = tracing::info_span!(
            target: TARGET,
            "chat",
            otel.name = format!("chat {model}"),
            otel.kind = "client",
            otel.status_code = tracing::field::Empty,
            gen_ai.operation.name = "chat",
            gen_ai.request.model = model,
            gen_ai.usage.input_tokens = tracing::field::Empty,
            gen_ai.usage.output_tokens = tracing::field::Empty,
            countersign.run.id = %self.run.id,
        );
        let asked = tokio::time::timeout(left, agent.0.model.chat(request, deltas));
        let reply = match self.alive(asked.instrument(span.clone())).await? {
            Ok(reply) => reply,
            Err(_) => Err(ModelError::new(format!(
                "it did not answer within the {left:?} that the run had left"
            ))),
        };
        match &reply {
            Ok(reply) => {
                span.record("gen_ai.usage.input_tokens", reply.usage.input_tokens);
                span.record("gen_ai.usage.output_tokens", reply.usage.output_tokens);
            }
            Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        Ok(reply)
    }

    /// How long it was led.
    fn led(&self) -> Duration {
        Duration::from_millis(self.run.state.led_ms) + self.since.elapsed()
    }

    /// Which limit is reached.
    fn exhausted(&self) -> Option<String> {
        let limits = self.agent.0.limits;
        if self.run.transcript.turns >= limits.turns {
            return Some(format!(
                "the model was asked {} times, the most for one run",
                limits.turns
            ));
        }
        let tokens = self.run.state.usage.total();
        if limits.tokens.is_some_and(|it| tokens >= it) {
            return Some(format!(
                "{tokens} tokens were used, and {} are the most",
                limits.tokens.unwrap_or(0)
            ));
        }
        (self.led() >= limits.time).then(|| format!("it was led for {:?}, the most for one run", limits.time))
    }

    /// Takes what the model said: its last words, or calls to be made.
    async fn heard(&mut self, reply: Reply) -> Led<()> {
        self.run.state.usage += reply.usage;
        if reply.said.calls.is_empty() {
            return self.complete(reply).await;
        }
        let Reply { mut said, usage } = reply;
        self.name_apart(&mut said.calls);
        let mut plans = Vec::with_capacity(said.calls.len());
        let mut real = Vec::with_capacity(said.calls.len());
        for call in &mut said.calls {
            let (plan, proposal) = self.plan(call).await?;
            plans.push(plan);
            real.push(proposal);
        }
        // A single call that asks people is opened in the commit that says so; before any other is made, what was
        // said is written. A run that another one has asked for begins only while that one is led.
        let asks = matches!(&*plans, [plan] if plan.gated && plan.refused.is_none() && plan.child.is_none());
        let asks = asks && (self.run.is_stored() || self.run.state.parent.is_none());
        self.run.happened(EventKind::Said { said, plans, usage });
        if !asks {
            self.commit(Safe::Process).await?;
        }
        self.fresh = Some(real);
        Ok(())
    }

    /// Gives calls that bear one id ids of their own: each gets exactly one result.
    fn name_apart(&self, calls: &mut [ToolCall]) {
        let mut taken: HashSet<String> = HashSet::new();
        for message in &self.run.transcript.messages {
            if let Message::Assistant(said) = message.as_ref() {
                taken.extend(said.calls.iter().map(|it| it.id.clone()));
            }
        }
        for call in calls {
            let given = if call.id.is_empty() { "call" } else { &call.id };
            let mut id = given.to_owned();
            let mut number = 1;
            while taken.contains(&id) {
                number += 1;
                id = format!("{given}_{number}");
            }
            taken.insert(id.clone());
            call.id = id;
        }
    }

    /// Passes a text by hooks. What goes on, and who has changed it; or who blocked it.
    pub(crate) async fn hooked(
        &mut self,
        hooks: &[Hooked],
        place: Place,
        tool: Option<&str>,
        text: String,
    ) -> Led<Result<(String, Vec<String>), Blocked>> {
        let (mut text, mut changed) = (text, Vec::new());
        let tool = tool.and_then(|it| countersign::ToolName::new(it).ok());
        for hooked in hooks.iter().filter(|it| !it.is_background()) {
            let (agent, requester) = (self.run.agent.clone(), self.run.requester.clone());
            let (run, session) = (self.run.id, self.run.session.clone());
            let looking = text.clone();
            let tool = tool.clone();
            let asked = async move {
                let mut seen = Seen::new(place, &looking);
                seen.tool = tool.as_ref();
                seen.agent = Some(&agent);
                seen.requester = Some(&requester);
                seen.run = Some(run);
                seen.session = session.as_ref();
                hooked.look(&seen).await
            };
            match self.alive(asked).await? {
                Verdict::Pass => {}
                Verdict::Rewrite(other) => {
                    if other != text {
                        changed.push(hooked.name().to_owned());
                    }
                    text = other;
                }
                Verdict::Block { reason, masked } => {
                    return Ok(Err(Blocked {
                        by: hooked.name().to_owned(),
                        reason,
                        masked,
                    }));
                }
            }
        }
        Ok(Ok((text, changed)))
    }

    /// The model has said its last words.
    async fn complete(&mut self, reply: Reply) -> Led<()> {
        let Reply { said, usage } = reply;
        let agent = self.agent.clone();
        let looked = self
            .hooked(&agent.0.hooks.post, Place::Output, None, said.text.clone())
            .await?;
        let (text, rest) = match looked {
            Ok((text, rewritten_by)) => (text.clone(), Ok((text, rewritten_by))),
            Err(blocked) => (blocked.shown(), Err(blocked)),
        };
        let said = Assistant { text, ..said };
        let plans = Vec::new();
        self.run.happened(EventKind::Said { said, plans, usage });
        match rest {
            Ok((output, rewritten_by)) => {
                self.run
                    .happened(EventKind::RunCompleted { output, rewritten_by });
                self.run.status = Status::Completed;
            }
            Err(blocked) => {
                let error = format!("the answer was blocked by `{}`: {}", blocked.by, blocked.reason);
                self.run.happened(blocked.happened(Place::Output));
                let may_continue = false;
                self.run.happened(EventKind::RunFailed { error, may_continue });
                self.run.status = Status::Failed;
            }
        }
        self.over().await
    }

    /// It cannot go on.
    async fn fail(&mut self, error: String, may_continue: bool) -> Led<()> {
        self.run.happened(EventKind::RunFailed { error, may_continue });
        self.run.state.may_continue = may_continue;
        self.run.status = Status::Failed;
        self.over().await
    }

    /// It is over; whoever was waiting for that goes on.
    pub(crate) async fn over(&mut self) -> Led<()> {
        self.run.state.after = self.agent.0.hooks.after();
        self.run.state.tries = 0;
        self.commit(Safe::Disk).await?;
        if let Some(session) = &self.run.session {
            self.agent.wake_queue(session.clone());
        }
        Ok(())
    }

    /// Stops here: what these calls ask is up to others now.
    pub(crate) async fn pause(&mut self, calls: &[Call]) -> Led<Run> {
        self.run.paused(calls);
        self.commit(Safe::Process).await?;
        Ok(Run::of(&self.run, calls))
    }
}

impl Agent {
    /// The open calls of a run and of those that its agent has asked.
    pub(crate) async fn asked(&self, run: &Stored) -> Result<Vec<Call>, Error> {
        let mut calls = Vec::new();
        let Some(turn) = &run.transcript.turn else {
            return Ok(calls);
        };
        for slot in turn.slots.iter().filter(|it| it.result.is_none()) {
            calls.extend(self.asked_by(slot).await?);
        }
        Ok(calls)
    }

    /// The same of one place of a turn.
    pub(crate) async fn asked_by(&self, slot: &Slot) -> Result<Vec<Call>, Error> {
        let engine = &self.0.engine;
        let Plan { call, child, .. } = &slot.plan;
        let Some(child) = child else {
            return Ok(opened(engine, *call).await?.into_iter().collect());
        };
        match Stored::load(engine, *child).await? {
            Some(child) => Box::pin(self.asked(&child)).await,
            None => Ok(Vec::new()),
        }
    }
}

/// A hook let something go no further.
pub(crate) struct Blocked {
    pub(crate) by: String,
    pub(crate) reason: String,
    masked: Option<String>,
}

impl Blocked {
    /// What is stored of the text.
    pub(crate) fn shown(&self) -> String {
        self.masked
            .clone()
            .unwrap_or_else(|| format!("[blocked by {}]", self.by))
    }

    pub(crate) fn happened(self, place: Place) -> EventKind {
        EventKind::Blocked {
            place: place.as_str().to_owned(),
            by: self.by,
            reason: self.reason,
        }
    }
}
