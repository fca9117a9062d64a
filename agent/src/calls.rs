//! The calls of one turn: what becomes of each, how it is made, and what the model is told.

use countersign::core::call::{Call, Effect, Outcome, Phase, Source};
use countersign::core::gate::DeclaredGates;
use countersign::schema::View;
use countersign::{CallBuilder, Called, Engine, Error as EngineError, Tier};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::drive::{Driver, Halt, Led, Proposal};
use crate::error::Error;
use crate::event::{EventKind, Plan};
use crate::hook::Place;
use crate::message::ToolCall;
use crate::run::{Run, Status, opened};
use crate::stored::{Beside, Safe, Stored};
use crate::transcript::Slot;

/// What a model is told of a call that ended with its process.
const UNKNOWN: &str =
    "the process that ran it ended before it could say how it went; it may or may not have acted";

impl Driver {
    /// Says what becomes of a call, before anything is called. Leaves in `call` what is stored of it.
    pub(crate) async fn plan(&mut self, call: &mut ToolCall) -> Led<(Plan, Proposal)> {
        let agent = self.agent.clone();
        let engine = &agent.0.engine;
        let mut plan = Plan::new(engine.new_call_id());
        let mut proposal = Proposal {
            arguments: call.arguments.clone(),
            original: None,
        };
        if !agent.0.offered.iter().any(|it| it.name() == call.name) {
            plan.refused = Some(refused(&format!("there is no tool `{}`", call.name)));
            return Ok((plan, proposal));
        }
        if agent.0.children.contains_key(&call.name) {
            plan.child = Some(engine.new_run_id());
        }
        let entry = engine.registry().get(&call.name);
        plan.gated = engine.tier(&call.name) == Some(Tier::Gated);
        if let Some(entry) = entry
            && let Ok(Value::Object(mut given)) = serde_json::from_str(&proposal.arguments)
        {
            plan.dropped = drop_hidden(&mut given, entry.descriptor());
            if !plan.dropped.is_empty() {
                proposal.arguments = Value::Object(given).to_string();
            }
        }
        let arguments = proposal.arguments.clone();
        match self
            .hooked(&agent.0.hooks.tool, Place::Arguments, Some(&call.name), arguments)
            .await?
        {
            Ok((text, rewritten_by)) => {
                proposal.arguments = text;
                proposal.original = (!rewritten_by.is_empty()).then(|| call.arguments.clone());
                plan.rewritten_by = rewritten_by;
            }
            Err(blocked) => {
                let why = format!("`{}` blocked the arguments: {}", blocked.by, blocked.reason);
                plan.refused = Some(refused(&why));
                call.arguments = json!({"blocked": blocked.shown()}).to_string();
                return Ok((plan, proposal));
            }
        }
        call.arguments.clone_from(&proposal.arguments);
        let secrets: Vec<&str> = entry.map_or_else(Vec::new, |it| {
            let all = it.descriptor().parameters.iter();
            all.filter(|it| it.secret).map(|it| it.name.as_str()).collect()
        });
        plan.secret = masked(&mut call.arguments, &secrets);
        Ok((plan, proposal))
    }

    /// Makes the calls of the open turn that can be made, and takes what came of the others. Gives the run if it
    /// has to wait.
    pub(crate) async fn turn(&mut self) -> Led<Option<Run>> {
        let real = self.fresh.take();
        let slots = self
            .run
            .transcript
            .turn
            .as_ref()
            .map_or_else(Vec::new, |it| it.slots.clone());
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut in_place = Vec::new();
        let (mut stop, mut open) = (None, Vec::new());
        // People are asked first: they take longest.
        for (place, slot) in slots.iter().enumerate().filter(|(_, it)| it.result.is_none()) {
            let proposal = real.as_ref().and_then(|it| it.get(place));
            if let Some(refused) = &slot.plan.refused {
                found.push((place, refused.clone()));
            } else if slot.plan.child.is_some() {
            } else if slot.plan.gated {
                match self.gated(slot, proposal).await? {
                    Made::Closed(outcome) => {
                        if let Outcome::Rejected {
                            by,
                            reason,
                            stop_run: true,
                        } = &outcome
                        {
                            stop = Some((by.clone(), reason.clone()));
                        }
                        found.push((place, told(&outcome)));
                    }
                    Made::Answered(content) => found.push((place, content)),
                    Made::Waits(call) => open.push((place, *call)),
                    Made::Paused(call) => return Ok(Some(Run::of(&self.run, &[*call]))),
                }
            } else {
                in_place.push((place, slot, proposal));
            }
        }
        found.extend(self.in_place(in_place).await?);
        for (place, slot) in slots.iter().enumerate().filter(|(_, it)| it.result.is_none()) {
            if slot.plan.refused.is_none() && slot.plan.child.is_some() {
                match Box::pin(self.child(slot)).await? {
                    Some(content) => found.push((place, content)),
                    None => {
                        let asked = self.agent.asked_by(slot).await?;
                        open.extend(asked.into_iter().map(|it| (place, it)));
                    }
                }
            }
        }
        found.sort_by_key(|it| it.0);
        let any = !found.is_empty();
        for (place, content) in found {
            if let Some(slot) = slots.get(place) {
                self.answer(slot, content).await?;
            }
        }
        if let Some((by, reason)) = stop {
            if any {
                self.commit(Safe::Process).await?;
            }
            return self.stop(by, reason).await.map(Some);
        }
        if self.run.transcript.turn.is_some() {
            open.sort_by_key(|it| it.0);
            let open: Vec<Call> = open.into_iter().map(|it| it.1).collect();
            return self.pause(&open).await.map(Some);
        }
        self.commit(Safe::Process).await?;
        Ok(None)
    }

    /// Hands what came of a call to the hooks, and writes down what the model is told.
    async fn answer(&mut self, slot: &Slot, content: String) -> Led<()> {
        let hooks = self.agent.0.hooks.tool.clone();
        let looked = self
            .hooked(&hooks, Place::Result, Some(&slot.call.name), content)
            .await?;
        let (content, rewritten_by) = looked.unwrap_or_else(|blocked| {
            let why = format!("`{}` blocked the result: {}", blocked.by, blocked.reason);
            (
                json!({"status": "blocked", "error": why}).to_string(),
                vec![blocked.by],
            )
        });
        let result = slot.answered(content);
        self.run.happened(EventKind::ToolResult { result, rewritten_by });
        Ok(())
    }

    /// Opens a gated call, or looks at the one that was opened.
    async fn gated(&mut self, slot: &Slot, proposal: Option<&Proposal>) -> Led<Made> {
        let engine = self.agent.0.engine.clone();
        let id = slot.plan.call;
        let settled = self.settled.iter().position(|it| *it.id() == id);
        let stored = match settled.map(|it| self.settled.swap_remove(it)) {
            Some(call) => Some(call),
            // Proposed just now: if it is stored all the same, opening it again finds it.
            None if proposal.is_some() => None,
            None => opened(&engine, id).await?,
        };
        let call = match stored {
            Some(call) => call,
            None if proposal.is_none() && slot.plan.secret => {
                let why = "it was not proposed, and its secret arguments were not stored; propose it again";
                return Ok(Made::Answered(refused(why)));
            }
            None => {
                let text = proposal.map_or(&slot.call.arguments, |it| &it.arguments);
                let through = self.agent.0.identity.clone();
                let by = self.by.clone();
                // What the model wrote is not stored where a hook has changed it. Nothing is no less true: it is not
                // what is called, and nothing remembered covers it.
                let original = (!slot.plan.rewritten_by.is_empty())
                    .then(|| proposal.and_then(|it| it.original.as_deref()).unwrap_or("{}"));
                let run = self.run.id;
                let propose = || {
                    let call = engine.call(&slot.call.name, text.as_str());
                    let call = call.by(&by).through(&through).run(run).id(id);
                    match original {
                        Some(original) => call.proposed(original),
                        None => call,
                    }
                };
                let mut opened = None;
                if self.run.has_news() && proposal.is_some() {
                    opened = Some(self.open_with_run(propose()).await?).filter(|it| !is_cleared(it));
                }
                let opened = match opened {
                    Some(opened) => opened,
                    None => self.alive(propose().into_future()).await?,
                };
                match opened {
                    Ok(Called::Done(outcome)) => return Ok(Made::Closed(outcome)),
                    Ok(Called::Waiting(waiting)) if self.run.status == Status::Paused => {
                        return Ok(Made::Paused(Box::new(waiting.call().clone())));
                    }
                    Ok(Called::Waiting(waiting)) => waiting.call().clone(),
                    Err(error) => return said(error).map(Made::Answered),
                }
            }
        };
        let call = match call.phase() {
            Phase::Cleared { .. } | Phase::Gating { .. } => {
                let worker = engine.worker();
                self.alive(async move { worker.advance(id).await }).await??.call
            }
            _ => call,
        };
        Ok(match closed(&call) {
            Some(outcome) => Made::Closed(outcome.clone()),
            None => Made::Waits(Box::new(call)),
        })
    }

    /// Opens the only call of a turn, in one commit with the message that it is in: and with the pause, if it asks.
    async fn open_with_run(&mut self, call: CallBuilder<'_>) -> Led<Result<Called, EngineError>> {
        self.count_time();
        let session = self.run.session.clone();
        let beside = Beside::new(&self.agent, &self.run);
        let write = |call: &Call| {
            beside.write(|run| {
                if !call.requirements().is_empty() {
                    run.paused(std::slice::from_ref(call));
                }
            })
        };
        let mut call = call.in_run(self.run.id, &write);
        if let Some(session) = &session {
            call = call.session(session.as_str());
        }
        let opened = call.await;
        if opened.is_ok()
            && let Some((run, events)) = beside.written()
        {
            self.run = run;
            for event in events {
                self.say(event);
            }
        }
        Ok(opened)
    }

    /// Runs what nobody is asked about, all at once.
    async fn in_place(&mut self, slots: Vec<(usize, &Slot, Option<&Proposal>)>) -> Led<Vec<(usize, String)>> {
        let engine = self.agent.0.engine.clone();
        let mut found = Vec::new();
        let mut running = JoinSet::new();
        let many = slots.len() > 1;
        for (place, slot, proposal) in slots {
            if proposal.is_none() && !may_repeat(&engine, &slot.call.name) {
                let content = json!({"status": "unknown", "error": UNKNOWN, "effect": "unknown"});
                found.push((place, content.to_string()));
                continue;
            }
            if proposal.is_none() && slot.plan.secret {
                let why = "its secret arguments were not stored; propose it again";
                found.push((place, refused(why)));
                continue;
            }
            let task = InPlace {
                engine: engine.clone(),
                name: slot.call.name.clone(),
                arguments: proposal.map_or(&slot.call.arguments, |it| &it.arguments).clone(),
                by: self.by.clone(),
                through: self.agent.0.identity.clone(),
                id: slot.plan.call,
            };
            if many {
                running.spawn(async move { (place, task.run().await) });
            } else {
                let content = self.alive(task.run()).await??;
                found.push((place, content));
            }
        }
        while let Some(done) = self.alive(running.join_next()).await? {
            // The engine catches what panics; a task that is gone all the same may have acted.
            let (place, content) = done.map_err(|_| Error::Interrupted(self.run.id))?;
            found.push((place, content?));
        }
        Ok(found)
    }

    /// Asks another agent, or goes on with what it was asked. None as long as it waits.
    async fn child(&mut self, slot: &Slot) -> Led<Option<String>> {
        let Some((agent, id)) = self
            .agent
            .0
            .children
            .get(&slot.call.name)
            .cloned()
            .zip(slot.plan.child)
        else {
            return Ok(Some(refused(&format!(
                "there is no agent `{}` any more",
                slot.call.name
            ))));
        };
        let Ok(Asked { input }) = serde_json::from_str(&slot.call.arguments) else {
            return Ok(Some(refused(
                "expected {\"input\": \"what it is to do, in words\"}",
            )));
        };
        let run = match Stored::load(&agent.0.engine, id).await? {
            Some(_) => {
                let progress = agent.progress(id);
                self.alive(progress).await??
            }
            None => {
                let mut begun = Stored::new(
                    id,
                    self.run.requester.clone(),
                    agent.0.identity.id().clone(),
                    agent.0.engine.now(),
                );
                begun.state.parent = Some(self.run.id);
                begun.state.path = self.run.state.path.clone();
                begun.state.path.push(self.agent.name().to_owned());
                begun.state.auth.clone_from(&self.run.state.auth);
                // Nobody hears the agents that are asked: their runs have events of their own.
                let started = agent.begin(begun, self.by.clone(), input, None);
                match self.alive(started).await? {
                    // It was never written, because this run is not led any more.
                    Err(Error::UnknownRun(unwritten)) if unwritten == id => return Err(Halt::Lost),
                    other => other?,
                }
            }
        };
        Ok(match run.status() {
            Status::Completed => Some(json!(run.output().unwrap_or_default()).to_string()),
            Status::Failed | Status::Cancelled => {
                Some(json!({"status": run.status().as_str(), "error": run.error()}).to_string())
            }
            Status::Queued | Status::Running | Status::Paused | Status::Stopping => None,
        })
    }
}

/// What an agent is asked.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    input: String,
}

/// How far a call could be brought.
enum Made {
    Closed(Outcome),
    /// It was not opened; the model is told this.
    Answered(String),
    Waits(Box<Call>),
    /// So does the run, and that is written.
    Paused(Box<Call>),
}

/// A call that nobody is asked about.
struct InPlace {
    engine: Engine,
    name: String,
    arguments: String,
    by: countersign::Identity,
    through: countersign::Identity,
    id: countersign::CallId,
}

impl InPlace {
    async fn run(self) -> Led<String> {
        let call = self.engine.call(&self.name, self.arguments.as_str());
        match call.by(&self.by).through(&self.through).id(self.id).await {
            Ok(Called::Done(outcome)) => Ok(told(&outcome)),
            // The policy was tightened while the process ran; nothing ran here.
            Ok(Called::Waiting(waiting)) => {
                Ok(refused(&format!("it waits for people as {}", waiting.call_id())))
            }
            Err(error) => said(error),
        }
    }
}

/// Whether a tool that may have run can be run again without harm.
fn may_repeat(engine: &Engine, tool: &str) -> bool {
    let harmless = engine.registry().get(tool).is_some_and(|it| {
        let hints = it.descriptor().hints;
        hints.read_only || hints.idempotent
    });
    // A release that asks people now has not asked them about this.
    harmless && engine.tier(tool) != Some(Tier::Gated)
}

/// Whether a call was opened that nobody is asked about.
fn is_cleared(opened: &Result<Called, EngineError>) -> bool {
    matches!(opened, Ok(Called::Waiting(waiting)) if matches!(waiting.call().phase(), Phase::Cleared { .. }))
}

/// How a call ended, if it has.
pub(crate) fn closed(call: &Call) -> Option<&Outcome> {
    match call.phase() {
        Phase::Closed { outcome } => Some(outcome),
        _ => None,
    }
}

/// What the model is told of an error: what it can mend is an answer, the rest is not its business.
fn said(error: EngineError) -> Led<String> {
    match error {
        EngineError::Arguments(errors) => Ok(json!({"status": "refused", "errors": errors.0}).to_string()),
        error @ (EngineError::UnknownTool { .. } | EngineError::TooManyPending { .. }) => {
            Ok(refused(&error.to_string()))
        }
        // Somebody stops the run, or has taken it up.
        EngineError::RunNotLed { .. } => Err(Halt::Lost),
        error => Err(Halt::Error(error.into())),
    }
}

/// A refusal in words that a model can use.
pub(crate) fn refused(why: &str) -> String {
    json!({"status": "refused", "error": why}).to_string()
}

/// How a call ended, in words that a model can use. What people said is data in it, quoted, never an instruction.
pub(crate) fn told(outcome: &Outcome) -> String {
    let value = match outcome {
        Outcome::Returned {
            result,
            source: Source::Tool | Source::Reported | Source::Resolved,
        } => {
            return result.clone();
        }
        Outcome::Failed { error, effect, .. } => {
            let effect = match effect {
                Effect::None => "none",
                Effect::Reported => "reported",
                Effect::Unknown => "unknown",
            };
            json!({"status": "failed", "error": error, "effect": effect})
        }
        Outcome::Answered { answer, by } => {
            let answer: Value = serde_json::from_str(answer).unwrap_or(Value::Null);
            json!({"status": "answered", "by": by, "answer": answer, "note": "the tool did not run; a person gave this answer in its place"})
        }
        Outcome::Rejected { by, reason, .. } => {
            json!({"status": "rejected", "by": by, "reason": reason, "may_retry": false})
        }
        Outcome::Blocked { errors } => json!({"status": "blocked", "errors": errors, "may_retry": false}),
        Outcome::Expired => {
            json!({"status": "expired", "error": "nobody decided in time; the tool did not run"})
        }
        Outcome::Cancelled { by, reason } => json!({"status": "cancelled", "by": by, "reason": reason}),
        Outcome::Abandoned { by, reason } => {
            json!({"status": "abandoned", "by": by, "reason": reason, "effect": "unknown"})
        }
    };
    value.to_string()
}

/// Takes out what only a person is asked for. Gives the names of what was there.
fn drop_hidden(given: &mut Map<String, Value>, descriptor: &countersign::Descriptor) -> Vec<String> {
    let DeclaredGates {
        user_input: Some(_), ..
    } = &descriptor.gates
    else {
        return Vec::new();
    };
    let hidden: Vec<String> = given
        .keys()
        .filter(|it| !View::Model.shows(descriptor, it))
        .cloned()
        .collect();
    for name in &hidden {
        given.remove(name);
    }
    hidden
}

/// Replaces secrets in arguments. Whether there were any.
fn masked(arguments: &mut String, secrets: &[&str]) -> bool {
    if secrets.is_empty() {
        return false;
    }
    let Ok(Value::Object(mut given)) = serde_json::from_str(arguments) else {
        // Nobody can say where in it the secret is.
        "{}".clone_into(arguments);
        return true;
    };
    let mut any = false;
    for name in secrets {
        if let Some(value) = given.get_mut(*name) {
            *value = Value::from("***");
            any = true;
        }
    }
    if any {
        *arguments = Value::Object(given).to_string();
    }
    any
}
