//! `chat`: talks to an agent, once or in a conversation, and decides inline what the person speaking is asked.
//!
//! A run that waits for somebody else is left waiting: it is in the store, and goes on with `chat --continue RUN`, with
//! a worker, or here, when it is decided while the person watches.

use std::collections::BTreeSet;

use countersign::core::actor::Kind;
use countersign::{ActorId, Code, Requirement, RequirementId, RunId};
use countersign_agent::{Agent, Error, EventKind, Run, Running, Status};
use serde_json::json;

use crate::cli::{CancelArgs, ChatArgs};
use crate::failure::Failure;
use crate::prompt::{Prompt, Stop};
use crate::reply::{CLOSED, DONE, FAILED, RUNNING, Reply, WAITING, head, parsed};
use crate::session::{Session, quoted};
use crate::{asking, decide, is_interactive, local, print, requirement, text};

/// Whether a command is more than one question and one answer.
pub(crate) fn is_conversation(args: &ChatArgs, json: bool) -> bool {
    args.message.is_none() && !json
}

/// Says one thing, or goes on with one run, as far as it goes now.
pub(crate) async fn once(session: &Session, args: ChatArgs) -> Result<Reply, Failure> {
    let by = session.identity(&args.by);
    if let Some(refused) = stranger(session, &args.by).await? {
        return Ok(refused);
    }
    let (agent, run) = match (&args.message, args.run) {
        (_, Some(run)) => {
            let agent = session.agent_of(run).await?;
            if let Some(refused) = foreign(session, run, &args.by).await? {
                return Ok(refused);
            }
            (agent, agent.continue_run(run, []).by(&by).await?)
        }
        (Some(message), None) => {
            let agent = session.agent(args.agent.as_deref())?;
            let mut run = agent.run(message).by(&by);
            if let Some(name) = &args.session {
                run = run.session(name);
            }
            (agent, run.await?)
        }
        (None, None) => {
            return Err(Failure::usage(
                "say something, or --continue a run: with --json there is no conversation",
            ));
        }
    };
    reply(session, agent, &run, &args.by).await
}

/// Stops a run.
pub(crate) async fn cancel(session: &Session, id: RunId, args: CancelArgs) -> Result<Reply, Failure> {
    if let Some(refused) = local::refused(session).await? {
        return Ok(refused);
    }
    let agent = session.agent_of(id).await?;
    let by = session.identity(&args.by);
    match agent.cancel(id, &by, args.reason).await {
        Ok(run) => reply(session, agent, &run, &args.by).await,
        Err(error @ Error::Foreign { .. }) => Ok(Reply::not_accepted(Code::NotAllowed, error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Whom nobody knows, and whoever has only their word where that is not enough.
async fn stranger(session: &Session, by: &ActorId) -> Result<Option<Reply>, Failure> {
    if let Some(refused) = local::refused(session).await? {
        return Ok(Some(refused));
    }
    let actor = session.engine.actor(&session.identity(by)).await?;
    let refused = || Reply::not_accepted(Code::NotAllowed, format!("nobody knows an actor `{by}`"));
    Ok((actor.kind == Kind::Unknown).then(refused))
}

/// A run is a conversation with one person, and not for others to read on.
async fn foreign(session: &Session, run: RunId, by: &ActorId) -> Result<Option<Reply>, Failure> {
    let engine = &session.engine;
    let row = engine.store().run(engine.tenant(), run).await?;
    let refused = || Reply::not_accepted(Code::NotAllowed, format!("{run} is not a run of `{by}`"));
    Ok(row.is_none_or(|it| it.requester != *by).then(refused))
}

/// How a run stands, as JSON and in words.
async fn reply(session: &Session, agent: &Agent, run: &Run, by: &ActorId) -> Result<Reply, Failure> {
    let mut requirements = Vec::new();
    for requirement in run.active_requirements() {
        let call = session.engine.desk().call(requirement.call).await?;
        requirements.push(requirement::listed_json(requirement, session.is_stale(&call)));
    }
    let code = code(run.status());
    let mut words = String::new();
    match run.status() {
        Status::Paused => {
            words.push_str("Waiting.\n");
            let people = session.people().await?;
            for requirement in run.active_requirements() {
                let call = session.engine.desk().call(requirement.call).await?;
                words.push('\n');
                words.push_str(&head(session, &call));
                words.push('\n');
                words.push_str(&requirement::words(session, &people, &call, requirement));
            }
            words.push_str(&how_to_go_on(session, run.id(), by));
        }
        Status::Completed => words.push_str(&spoken(run.output().unwrap_or_default())),
        _ => words.push_str(&ended(run)),
    }
    Ok(Reply {
        json: json!({
            "status": run.status().as_str(),
            "run": run.id(),
            "agent": run.path().last(),
            "path": run.path(),
            "model": agent.model_name(),
            "session": run.session(),
            "output": run.output(),
            "error": run.error(),
            "requirements": requirements,
            "usage": run.usage(),
        }),
        text: words,
        code,
    })
}

const fn code(status: Status) -> u8 {
    match status {
        Status::Completed => DONE,
        Status::Paused => WAITING,
        Status::Failed => FAILED,
        Status::Cancelled => CLOSED,
        // Queued, led or stopped by another process.
        _ => RUNNING,
    }
}

fn how_to_go_on(session: &Session, run: RunId, by: &ActorId) -> String {
    let command = session.command(&format!("chat --continue {run} --as {}", quoted(by.as_str())));
    format!("\nWhen it is decided, it goes on with\n    {command}\n")
}

/// What became of a run that has no answer.
fn ended(run: &Run) -> String {
    let why = run
        .error()
        .map_or_else(String::new, |it| format!(": {}", text::shown(it)));
    let how = match run.status() {
        Status::Failed => "failed".to_owned(),
        Status::Cancelled => "was stopped".to_owned(),
        status => format!("is {status}"),
    };
    text::wrapped(&format!("The run {how}{why}."), "", "")
}

/// The words of a model, line by line.
fn spoken(words: &str) -> String {
    let lines: Vec<_> = words.lines().map(text::shown).collect();
    lines.join("\n") + "\n"
}

/// Talks until the person leaves. The exit code is that of the last run.
pub(crate) async fn converse(session: &Session, args: ChatArgs) -> Result<u8, Failure> {
    let mut prompt = Prompt::start();
    match talk(session, args, &mut prompt).await {
        Ok(code) => Ok(code),
        Err(Stop::Left) => Ok(DONE),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// The same, where somebody listens to the lines already.
pub(crate) async fn talk(session: &Session, args: ChatArgs, prompt: &mut Prompt) -> Result<u8, Stop> {
    if let Some(refused) = stranger(session, &args.by).await? {
        print(&refused.text)?;
        return Ok(refused.code);
    }
    let agent = match args.run {
        Some(run) => {
            let agent = session.agent_of(run).await?;
            if let Some(refused) = foreign(session, run, &args.by).await? {
                print(&refused.text)?;
                return Ok(refused.code);
            }
            agent
        }
        None => session.agent(args.agent.as_deref())?,
    };
    let new = || format!("chat-{}", session.engine.new_run_id());
    let mut chat = Chat {
        session,
        agent,
        name: args.session.unwrap_or_else(new),
        by: args.by,
        prompt,
        code: DONE,
    };
    match Box::pin(chat.serve(args.run)).await {
        Ok(()) | Err(Stop::Left) => {
            print("\n")?;
            Ok(chat.code)
        }
        Err(failed) => Err(failed),
    }
}

/// A conversation.
struct Chat<'a> {
    session: &'a Session,
    agent: &'a Agent,
    by: ActorId,
    name: String,
    prompt: &'a mut Prompt,
    code: u8,
}

impl Chat<'_> {
    async fn serve(&mut self, run: Option<RunId>) -> Result<(), Stop> {
        if let Some(id) = run {
            let found = self.agent.get(id).await.map_err(Failure::from)?;
            if let Some(session) = found.session() {
                self.name = session.to_string();
            }
            self.go_on(id).await?;
        } else {
            self.greet()?;
        }
        loop {
            let said = self.prompt.line(self.by.clone().as_str(), None).await?;
            match said.as_str() {
                "" => continue,
                "q" => return Ok(()),
                _ => {}
            }
            let by = self.session.identity(&self.by);
            let running = self
                .agent
                .run(said)
                .by(&by)
                .session(&self.name)
                .stream()
                .map_err(Failure::from)?;
            match self.heard(running).await? {
                Ok(run) => self.settled(run).await?,
                Err(Error::Busy { run, .. }) => {
                    print("  That was not said: this conversation waits for something. First this:\n")?;
                    self.go_on(run).await?;
                }
                Err(error) => return Err(Failure::from(error).into()),
            }
            // The answer is there: what looks at it afterwards delays nobody.
            let agent = self.agent.clone();
            tokio::spawn(async move { agent.stop().await });
        }
    }

    fn greet(&self) -> Result<(), Failure> {
        let model = match self.agent.model_name() {
            "scripted" => "It follows a script: no language model is asked.".to_owned(),
            name => format!("It asks the model {}.", text::shown(name)),
        };
        let words = format!(
            "You are {}, and talk to {}. {model} Leave with q or Ctrl-D; later, --session {} goes on.",
            self.by,
            self.agent.name(),
            quoted(&text::shown(&self.name)),
        );
        print(&format!("\n{}\n", text::wrapped(&words, "", "")))
    }

    /// Goes on with a run, with what was decided in the meantime.
    async fn go_on(&mut self, run: RunId) -> Result<(), Stop> {
        let running = self.agent.continue_run(run, []).stream();
        let run = self.heard(running).await?.map_err(Failure::from)?;
        self.settled(run).await
    }

    /// Tells what happens in a run, until it is over or waits.
    async fn heard(&mut self, mut running: Running) -> Result<Result<Run, Error>, Stop> {
        let mut told = Telling::default();
        loop {
            let event = tokio::select! {
                event = running.next() => event,
                _ = tokio::signal::ctrl_c() => return Err(Stop::Left),
            };
            match event {
                Some(event) => print(&told.words(self.agent.name(), &event.kind))?,
                None => break,
            }
        }
        let run = running.run().await;
        if let Ok(run) = &run {
            self.code = code(run.status());
            match run.status() {
                Status::Paused => {}
                Status::Completed if told.answered => {}
                // Somebody else has led it to its end.
                Status::Completed => {
                    let output = run.output().unwrap_or_default();
                    print(&format!("{}: {}", self.agent.name(), spoken(output)))?;
                }
                _ => print(&ended(run))?,
            }
        }
        Ok(run)
    }

    /// Brings a run that is paused as far as the person speaking can.
    async fn settled(&mut self, mut run: Run) -> Result<(), Stop> {
        while run.status() == Status::Paused {
            let (mine, others) = self.asked(&run).await?;
            let decided = if mine.is_empty() {
                print(&others)?;
                print(&how_to_go_on(self.session, run.id(), &self.by))?;
                if !is_interactive() {
                    return Err(Stop::Left);
                }
                self.watched(&run).await?
            } else {
                let mut decided = false;
                for requirement in &mine {
                    decided |= self.decided(requirement).await?;
                }
                if !decided {
                    print(&how_to_go_on(self.session, run.id(), &self.by))?;
                }
                decided
            };
            if !decided {
                return Ok(());
            }
            let running = self.agent.continue_run(run.id(), []).stream();
            run = self.heard(running).await?.map_err(Failure::from)?;
        }
        Ok(())
    }

    /// What a run asks of the person speaking, and what it asks of others, in words.
    async fn asked(&self, run: &Run) -> Result<(Vec<Requirement>, String), Failure> {
        let people = self.session.people().await?;
        let (mut mine, mut others) = (Vec::new(), String::new());
        for requirement in run.active_requirements() {
            let call = self.session.engine.desk().call(requirement.call).await?;
            let asked = requirement::asked(&people, &call, requirement);
            if asked.iter().any(|it| *it == self.by.as_str()) {
                mine.push(requirement.clone());
            } else {
                others.push_str(&asking::pause(
                    self.session,
                    &people,
                    &call,
                    std::slice::from_ref(requirement),
                ));
            }
        }
        Ok((mine, others))
    }

    /// Asks the person speaking for one decision; whether there is one.
    async fn decided(&mut self, requirement: &Requirement) -> Result<bool, Stop> {
        let people = self.session.people().await?;
        let call = self
            .session
            .engine
            .desk()
            .call(requirement.call)
            .await
            .map_err(Failure::from)?;
        print(&asking::pause(
            self.session,
            &people,
            &call,
            std::slice::from_ref(requirement),
        ))?;
        loop {
            let by = self.by.clone();
            let said = asking::decision(self.prompt, self.session, by, &call, requirement).await?;
            let Some(args) = said else {
                return Ok(false);
            };
            let reply = decide::decide(self.session, args).await?;
            if reply.json["status"] != "refused" {
                return Ok(true);
            }
            print(&format!("\n{}", reply.text))?;
        }
    }

    /// Waits until something that a run asks is decided elsewhere; false if the person does not want to wait.
    async fn watched(&mut self, run: &Run) -> Result<bool, Stop> {
        print("\nWaiting for that; it goes on here by itself. Enter stops waiting.\n")?;
        let engine = &self.session.engine;
        let before = ids(run);
        let mut generation = engine.store().generation().await.map_err(Failure::from)?;
        let mut changes = engine.changes();
        loop {
            tokio::select! {
                line = self.prompt.next() => {
                    line?;
                    return Ok(false);
                }
                () = changes.next() => {}
            }
            let now = engine.store().generation().await.map_err(Failure::from)?;
            if now == generation {
                continue;
            }
            generation = now;
            let run = self.agent.get(run.id()).await.map_err(Failure::from)?;
            if run.status() != Status::Paused || ids(&run) != before {
                return Ok(true);
            }
        }
    }
}

fn ids(run: &Run) -> BTreeSet<RequirementId> {
    run.active_requirements().iter().map(|it| it.id).collect()
}

/// What was told of a run so far.
#[derive(Default)]
struct Telling {
    /// Within a message that is still being said.
    speaking: bool,
    /// The last message that was said while it came.
    streamed: bool,
    /// Its answer was told.
    answered: bool,
}

impl Telling {
    /// An event as it is told; nothing for most of them.
    fn words(&mut self, agent: &str, event: &EventKind) -> String {
        match event {
            EventKind::ContentDelta { text } => {
                let mut words = String::new();
                if !self.speaking {
                    words = format!("{agent}: ");
                }
                (self.speaking, self.streamed) = (true, true);
                let lines: Vec<_> = text.split('\n').map(text::shown).collect();
                words + &lines.join("\n")
            }
            EventKind::Said { said, .. } => {
                let end = if self.speaking { "\n" } else { "" };
                self.speaking = false;
                self.streamed &= said.calls.is_empty();
                end.to_owned()
            }
            EventKind::ToolResult { result, .. } => {
                let content = parsed(&result.content);
                let status = content["status"].as_str().unwrap_or("done");
                format!("  · {}: {}\n", text::shown(&result.name), text::shown(status))
            }
            EventKind::RunCompleted { output, .. } => {
                self.answered = true;
                if self.streamed {
                    String::new()
                } else {
                    format!("{agent}: {}", spoken(output))
                }
            }
            _ => String::new(),
        }
    }
}
