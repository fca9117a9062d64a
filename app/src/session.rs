//! One process at work on one data directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign::{ActorId, Advanced, Call, CallId, Descriptor, Engine, Identity, Phase, Refusal, Timestamp};
use countersign_agent::Agent;

use crate::cli::{Command, Subject};
use crate::failure::Failure;
use crate::people::People;
use crate::reply::Reply;
use crate::{actors, audit, call, chat, decide, explain, grants, lists, runs, show, tools, traces};
#[cfg(feature = "http")]
use crate::{keys, notices, oidc};

/// How often a call that another process runs is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An engine, and what is needed to talk about it.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) engine: Engine,
    pub(crate) name: String,
    pub(crate) data: PathBuf,
    /// Those that can be talked to, where the command needs them.
    pub(crate) agents: Vec<Agent>,
    /// How this program was called, for hints that can be copied.
    program: String,
    /// Who the operating system says is here.
    user: String,
}

impl Session {
    pub(crate) fn new(engine: Engine, name: String, data: PathBuf, data_named: bool) -> Self {
        let mut program = std::env::args()
            .next()
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| name.clone());
        if let Some(near) = std::env::current_dir().ok().and_then(|here| {
            Path::new(&program)
                .strip_prefix(here)
                .ok()
                .map(|it| it.display().to_string())
        }) {
            program = near;
        }
        if data_named {
            program = format!("{program} --data {}", quoted(&data.display().to_string()));
        }
        let user = whoami::username().unwrap_or_else(|_| "unknown".to_owned());
        Self {
            engine,
            name,
            data,
            agents: Vec::new(),
            program,
            user,
        }
    }

    /// The same, with hints that name the program only.
    pub(crate) fn on_stage(mut self) -> Self {
        self.program.clone_from(&self.name);
        self
    }

    /// A command of this program as it can be typed.
    pub(crate) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.program)
    }

    /// Somebody by the word of whoever runs this program.
    pub(crate) fn identity(&self, by: &ActorId) -> Identity {
        let user: String = self.user.chars().filter(|it| !it.is_control()).take(64).collect();
        Identity::authenticated(by.clone(), format!("asserted-local (os user {user}) cli"))
    }

    /// The actors and pools as they are stored now.
    pub(crate) async fn people(&self) -> Result<People, Failure> {
        People::load(self).await
    }

    /// Does what was said.
    pub(crate) async fn run(&self, command: Command) -> Result<Reply, Failure> {
        match command {
            Command::Tools(_) => Ok(tools::table(self)),
            Command::Call(args) => call::propose(self, args).await,
            Command::Chat(args) => chat::once(self, args).await,
            Command::Inbox(args) => lists::inbox(self, args).await,
            Command::Runs(args) => runs::list(self, args).await,
            Command::Show(args) => match args.what {
                Subject::Call(call) => show::show(self, call, &args).await,
                Subject::Run(run) => runs::show(self, run).await,
            },
            Command::Decide(args) => decide::decide(self, args).await,
            Command::Grants(args) => grants::grants(self, args).await,
            Command::Cancel(args) => match args.what {
                Subject::Call(call) => decide::cancel(self, call, args).await,
                Subject::Run(run) => chat::cancel(self, run, args).await,
            },
            Command::Actors(args) => actors::answer(self, args).await,
            Command::Explain { call } => explain::explain(self, call).await,
            Command::Traces(args) => {
                let place = traces::place(None, &self.data);
                traces::answer(place.as_deref(), &args)
            }
            Command::Audit(args) => audit::answer(self, args).await,
            #[cfg(feature = "http")]
            Command::Key(args) => keys::answer(self, args).await,
            #[cfg(feature = "http")]
            Command::Oidc(args) => oidc::answer(self, args).await,
            #[cfg(feature = "http")]
            Command::Outbox(args) => notices::answer(self, args).await,
            #[cfg(feature = "http")]
            Command::SignIn(args) => keys::sign_in(self, args).await,
            #[cfg(feature = "http")]
            Command::Slack(args) => crate::slack::command::answer(self, args).await,
            Command::Worker | Command::Demo => Err(Failure::usage("this command cannot be given here")),
            #[cfg(feature = "http")]
            Command::Serve(_) => Err(Failure::usage("this command cannot be given here")),
        }
    }

    /// Runs what is cleared until SIGINT or SIGTERM, then finishes what was begun.
    pub(crate) async fn work(&self, json: bool) -> Result<u8, Failure> {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let worker = self.engine.worker();
        let working = tokio::spawn(async move { worker.run(stopped).await });
        let signal = signalled()?;
        if json {
            crate::print("{\"status\":\"working\"}\n")?;
        } else {
            crate::print(&format!(
                "Running what is cleared in {}. Ctrl-C stops.\n",
                self.data.display()
            ))?;
        }
        signal.await;
        let _ = stop.send(true);
        working
            .await
            .map_err(|error| Failure::new(format!("the worker ended: {error}")))??;
        if json {
            crate::print("{\"status\":\"stopped\"}\n")?;
        } else {
            crate::print("Stopped. What was begun is finished.\n")?;
        }
        Ok(0)
    }

    /// Runs a call as far as it goes, and waits while another process executes it.
    pub(crate) async fn settle(&self, id: CallId) -> Result<Advanced, Failure> {
        let worker = self.engine.worker();
        loop {
            let advanced = worker.advance(id).await?;
            let Phase::Executing { until, .. } = advanced.call.phase() else {
                return Ok(advanced);
            };
            if now() >= *until {
                // Whoever ran it has gone: say so in the store, which decides what comes next.
                worker.sweep().await?;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The descriptor that a call was gated with.
    pub(crate) async fn descriptor(&self, call: &Call) -> Result<Descriptor, Failure> {
        let missing = || Failure::new(format!("the descriptor of {} is missing or damaged", call.id()));
        let text = self
            .engine
            .store()
            .descriptor(call.descriptor())
            .await?
            .ok_or_else(missing)?;
        serde_json::from_str(&text).map_err(|_| missing())
    }

    /// Whether the tool linked here is another than the one a call was gated with.
    pub(crate) fn is_stale(&self, call: &Call) -> bool {
        self.engine
            .registry()
            .get(call.tool().as_str())
            .is_some_and(|it| it.digest() != *call.descriptor())
    }

    /// What is to be said of a call as it stands.
    pub(crate) async fn reply(&self, call: &Call, refused: Option<&Refusal>) -> Result<Reply, Failure> {
        Reply::of(self, call, refused).await
    }
}

/// The time of this machine.
pub(crate) fn now() -> Timestamp {
    use countersign::clock::Clock as _;
    countersign::clock::SystemClock.now()
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@=,+".contains(it);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Ends with SIGINT or SIGTERM. Listening has begun when this returns.
#[cfg(unix)]
pub(crate) fn signalled() -> Result<impl Future<Output = ()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |error| Failure::new(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with Ctrl-C.
#[cfg(not(unix))]
pub(crate) fn signalled() -> Result<impl Future<Output = ()>, Failure> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
