//! The command line of a program that links Countersign tools.
//!
//! An edge: it says who somebody is, shows what a call asks and carries what is decided. Whether they
//! may decide is settled below it. With `--json` every command answers with one object on one line; the
//! shapes and exit codes are in `docs/cli.md` and do not change.
//!
//! What a newcomer would get wrong: `--as alice` proves nothing. It is what somebody who can open the data
//! directory says, and it is recorded as that, with the name of the operating system's user.
//!
//! ```no_run
//! use countersign::prelude::*;
//!
//! /// Restart a service.
//! #[tool(requires_confirmation)]
//! fn restart_service(
//!     /// Service name, e.g. `billing`.
//!     service_name: String,
//! ) -> String {
//!     format!("{service_name} restarts")
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     countersign_app::App::new("ops").policy("actors.alice.kind = \"person\"").main().await
//! }
//! ```

mod actors;
mod agents;
mod asking;
mod audit;
mod call;
mod chat;
mod cli;
#[cfg(feature = "http")]
mod config;
#[cfg(feature = "http")]
mod console;
#[cfg(feature = "http")]
mod credential;
mod decide;
mod desk;
#[cfg(feature = "http")]
mod edges;
#[cfg(feature = "http")]
mod email;
mod explain;
mod failure;
mod grants;
mod hidden;
#[cfg(feature = "http")]
mod http;
mod input;
#[cfg(feature = "http")]
mod keys;
mod lists;
mod local;
#[cfg(feature = "http")]
mod notices;
#[cfg(feature = "http")]
mod oidc;
#[cfg(feature = "http")]
mod outbox;
#[cfg(feature = "http")]
mod outside;
mod people;
mod prompt;
mod questions;
mod record;
mod reply;
mod requirement;
mod runs;
#[cfg(feature = "http")]
mod server;
mod session;
mod show;
#[cfg(feature = "http")]
mod sight;
#[cfg(feature = "http")]
mod slack;
mod stage;
#[cfg(test)]
mod tests;
mod text;
mod tools;
mod traces;
#[cfg(feature = "http")]
mod webhook;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use countersign::{EngineBuilder, Policy, Registry};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::session::Session;

pub use crate::stage::{Said, Stage};

/// The store, in the data directory.
const STORE: &str = "countersign.db";

type Provide = Box<dyn FnOnce(EngineBuilder, &Path) -> Result<EngineBuilder, String> + Send>;
type Story = Box<
    dyn for<'a> FnOnce(&'a mut Stage) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> + Send,
>;
type Effects = Box<dyn Fn(&Path) -> String + Send + Sync>;

/// A program that links tools: give it its policy and state, then let it answer its command line.
#[must_use = "nothing happens until `.main().await`"]
pub struct App {
    name: String,
    registry: Option<Registry>,
    policy: Option<String>,
    provided: Vec<Provide>,
    agents: Vec<agents::Make>,
    story: Option<Story>,
    effects: Option<Effects>,
    trace_content: bool,
    /// Whether this program has no tools of its own and works on what others have written.
    guest: bool,
}

impl App {
    /// A program of this name; its data is in `./NAME-data` unless `--data` says otherwise.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            registry: None,
            policy: None,
            provided: Vec::new(),
            agents: Vec::new(),
            story: None,
            effects: None,
            trace_content: false,
            guest: false,
        }
    }

    /// A program without tools, for the data directory of another: it decides, lists, explains and audits. It
    /// never makes a store, and has no commands that would need a tool.
    pub fn guest(name: impl Into<String>) -> Self {
        Self {
            registry: Some(Registry::default()),
            guest: true,
            ..Self::new(name)
        }
    }

    /// The policy as TOML text: actors, pools and rules. See [`Policy`].
    pub fn policy(mut self, text: impl Into<String>) -> Self {
        self.policy = Some(text.into());
        self
    }

    /// These tools; every linked one unless said.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// A value for the `#[state]` parameters of its type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.provided
            .push(Box::new(move |builder, _| Ok(builder.state(value))));
        self
    }

    /// The same, made when the data directory is known: `.state_with(|data| Ledger::open(data))`.
    pub fn state_with<T, E>(mut self, make: impl FnOnce(&Path) -> Result<T, E> + Send + 'static) -> Self
    where
        T: Clone + Send + Sync + 'static,
        E: std::fmt::Display,
    {
        self.provided.push(Box::new(move |builder, data| {
            let value = make(data).map_err(|error| error.to_string())?;
            Ok(builder.state(value))
        }));
        self
    }

    /// What `demo` plays; also what the program does without a command and without a terminal.
    pub fn demo<F>(mut self, story: F) -> Self
    where
        F: for<'a> FnOnce(&'a mut Stage) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>,
        F: Send + 'static,
    {
        self.story = Some(Box::new(story));
        self
    }

    /// What the tools have changed in the world, to be shown after a call has run on a terminal.
    pub fn effects(mut self, effects: impl Fn(&Path) -> String + Send + Sync + 'static) -> Self {
        self.effects = Some(Box::new(effects));
        self
    }

    /// Whether traces hold arguments, results and the words of errors; no unless said. `#[arg(secret)]` values
    /// are replaced even then.
    pub fn trace_content(mut self, content: bool) -> Self {
        self.trace_content = content;
        self
    }

    /// Answers the command line of this process. The code says how it ended; see `docs/cli.md`.
    pub async fn main(self) -> ExitCode {
        self.main_with(std::env::args_os()).await
    }

    /// The same with words of one's own, for programs that look at their command line first. The first word is passed
    /// over, as the name of a program is.
    pub async fn main_with(self, words: impl IntoIterator<Item = OsString>) -> ExitCode {
        let mut words: Vec<OsString> = words.into_iter().collect();
        if let Some(program) = words.first_mut() {
            *program = self.name.clone().into();
        }
        let audit = is_audit(&words);
        let cli = match parsed(&self.name, words) {
            Ok(cli) => cli,
            Err(error) => {
                let _ = error.print();
                let code = u8::try_from(error.exit_code()).unwrap_or(2);
                return ExitCode::from(if code > 0 && audit {
                    failure::NOT_CHECKED
                } else {
                    code
                });
            }
        };
        let json = cli.json;
        let place = traces::place(cli.traces.as_deref(), &self.data(&cli));
        let listening = traces::listen(place, &self.name);
        let answered = Box::pin(self.answered(cli)).await;
        listening.flush();
        match answered {
            Ok(code) => ExitCode::from(code),
            Err(failure) if audit => failure.of_audit().told(json),
            Err(failure) => failure.told(json),
        }
    }

    /// The data directory.
    fn data(&self, cli: &Cli) -> PathBuf {
        let usual = || PathBuf::from(format!("{}-data", self.name));
        cli.data.clone().unwrap_or_else(usual)
    }

    async fn answered(mut self, cli: Cli) -> Result<u8, Failure> {
        let registry = match self.registry.take() {
            Some(registry) => registry,
            None => Registry::from_inventory().map_err(countersign::Error::from)?,
        };
        let data = self.data(&cli);
        let place = traces::place(cli.traces.as_deref(), &data);
        self.is_possible(cli.command.as_ref(), &data)?;
        let command = match cli.command {
            Some(cli::Command::Audit(cli::Audit::Verify(args))) => {
                return say(&audit::verify(&data, &args)?, cli.json);
            }
            Some(cli::Command::Tools(args)) if args.needs_no_store() => {
                return say(&tools::offline(&registry, &args)?, cli.json);
            }
            Some(cli::Command::Traces(args)) => {
                return say(&traces::answer(place.as_deref(), &args)?, cli.json);
            }
            Some(cli::Command::Demo) => None,
            None if !is_interactive() => None,
            other => Some(other),
        };
        let story = self.story.take();
        let effects = self.effects.take();
        let makes = std::mem::take(&mut self.agents);
        #[cfg(feature = "http")]
        let guest = self.guest;
        let mut session = self.session(registry, data, cli.data.is_some()).await?;
        if agents::are_needed(command.as_ref()) {
            let works = command
                .as_ref()
                .and_then(Option::as_ref)
                .is_some_and(cli::Command::works);
            session.agents = agents::built(makes, &session, works).await?;
        }
        let code = match command {
            Some(Some(cli::Command::Worker)) => session.work(cli.json).await,
            #[cfg(feature = "http")]
            Some(Some(cli::Command::Serve(args))) => {
                let works = !guest && !args.no_worker;
                Box::pin(server::serve(session.clone(), &args, works, cli.json)).await
            }
            Some(Some(cli::Command::Chat(args))) if chat::is_conversation(&args, cli.json) => {
                Box::pin(chat::converse(&session, args)).await
            }
            Some(Some(command @ cli::Command::Chat(_))) => {
                for agent in session.agents.iter().filter(|it| it.model_name() == "scripted") {
                    eprintln!(
                        "note: {} follows a script; no language model is asked",
                        agent.name()
                    );
                }
                say(&Box::pin(session.run(command)).await?, cli.json)
            }
            Some(Some(command)) => say(&session.run(command).await?, cli.json),
            Some(None) => Box::pin(desk::sit(&session, effects.as_ref())).await,
            None => match story {
                Some(story) => stage::play(session.clone(), story).await,
                None => Err(Failure::usage("say what to do; `--help` lists the commands")),
            },
        };
        let stopped = agents::stop(&session.agents).await;
        match session.engine.stop().await {
            // What was asked for is done and told. That the log could not be signed is another matter.
            Err(countersign::Error::Ledger(error)) => {
                let what = error.to_string();
                eprintln!("warning: the audit log was not signed: {}", text::shown(&what));
            }
            other => other?,
        }
        stopped?;
        code
    }

    /// Whether a command can do anything here. Nobody audits, and no guest visits, what is not there.
    fn is_possible(&self, command: Option<&cli::Command>, data: &Path) -> Result<(), Failure> {
        use cli::Command;
        if self.guest
            && matches!(
                command,
                Some(
                    Command::Call(_) | Command::Chat(_) | Command::Worker | Command::Demo | Command::Tools(_)
                )
            )
        {
            return Err(Failure::usage(
                "this program has no tools; use the program that links them",
            ));
        }
        let verifies = matches!(command, Some(Command::Audit(cli::Audit::Verify(_))));
        let needs_store = self.guest || matches!(command, Some(Command::Audit(_)));
        if needs_store && !verifies && !data.join(STORE).is_file() {
            return Err(Failure::new(format!(
                "there is no store in {}; name a data directory with --data",
                data.display()
            )));
        }
        Ok(())
    }

    async fn session(self, registry: Registry, data: PathBuf, named: bool) -> Result<Session, Failure> {
        std::fs::create_dir_all(&data).map_err(|error| {
            Failure::new(format!(
                "cannot create the data directory {}: {error}",
                data.display()
            ))
        })?;
        let store = countersign::store::Sqlite::open(data.join(STORE)).map_err(countersign::Error::from)?;
        let key = audit::signing_key(&store, &data).await?;
        let mut builder = countersign::Engine::builder()
            .store(store)
            .signing_key(key)
            .registry(registry)
            .trace_content(self.trace_content)
            .worker(false);
        if let Some(text) = &self.policy {
            builder = builder.policy(Policy::parse(text).map_err(countersign::Error::from)?);
        }
        for provide in self.provided {
            builder = provide(builder, &data).map_err(Failure::new)?;
        }
        let engine = builder.start().await?;
        Ok(Session::new(engine, self.name, data, named))
    }
}

/// Reads the words of the command line; the first one is the program's name.
fn parsed(name: &str, words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let command = Cli::command().name(name.to_owned()).bin_name(name.to_owned());
    command
        .try_get_matches_from(words)
        .and_then(|it| Cli::from_arg_matches(&it))
}

/// Whether the words are about the audit log, also where they make no sense.
fn is_audit(words: &[OsString]) -> bool {
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--data") => {
                words.next();
            }
            Some(option) if option.starts_with('-') => {}
            Some(command) => return command == "audit",
            None => return false,
        }
    }
    false
}

/// Whether there is somebody to ask.
fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Prints an answer.
fn say(reply: &reply::Reply, json: bool) -> Result<u8, Failure> {
    let mut text = if json {
        text::json(&reply.json)
    } else {
        reply.text.clone()
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    print(&text)?;
    Ok(reply.code)
}

/// Writes to standard output. Whoever reads it may have gone: that is no error.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write the answer: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
