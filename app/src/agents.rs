//! The agents of a program: how they are named, and when they are made.
//!
//! A command that talks to none makes none: a missing key of a provider must not keep anybody from deciding.

use std::path::{Path, PathBuf};
use std::pin::Pin;

use countersign::{Engine, RunId};
use countersign_agent::{Agent, AgentBuilder, Error};

use crate::cli::{Command, Subject};
use crate::failure::Failure;
use crate::session::Session;
use crate::{App, text};

/// Makes an agent when the engine has started.
pub(crate) type Make = Box<dyn FnOnce(Engine, PathBuf) -> Pin<Box<dyn Future<Output = Made> + Send>> + Send>;
type Made = Result<AgentBuilder, String>;

impl App {
    /// An agent that `chat` talks to and whose runs `worker` continues. May be called more than once; the first one
    /// is meant where nobody says which.
    ///
    /// ```no_run
    /// use countersign_agent::Agent;
    /// use countersign_agent::model::{ScriptedModel, Step};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> std::process::ExitCode {
    /// countersign_app::App::new("ops")
    ///     .policy("actors.alice.kind = \"person\"\nactors.ops.kind = \"agent\"")
    ///     .agent(Agent::builder("ops").model(ScriptedModel::new([Step::say("Good morning.")])))
    ///     .main()
    ///     .await
    /// # }
    /// ```
    pub fn agent(self, agent: AgentBuilder) -> Self {
        self.agent_with(|_, _| async { Ok::<_, String>(agent) })
    }

    /// The same, made when it is needed, from the engine (to build the agents that it may ask; without workers of
    /// their own) and the data directory: `.agent_with(|engine, data| async move { … })`.
    pub fn agent_with<F, Fut, E>(mut self, make: F) -> Self
    where
        F: FnOnce(Engine, PathBuf) -> Fut + Send + 'static,
        Fut: Future<Output = Result<AgentBuilder, E>> + Send + 'static,
        E: std::fmt::Display,
    {
        self.agents.push(Box::new(|engine, data| {
            let agent = make(engine, data);
            Box::pin(async { agent.await.map_err(|error| error.to_string()) })
        }));
        self
    }
}

/// Whether a command talks to agents. None is the story, or the desk.
pub(crate) fn are_needed(command: Option<&Option<Command>>) -> bool {
    match command {
        None | Some(None) => true,
        Some(Some(Command::Cancel(args))) => matches!(args.what, Subject::Run(_)),
        #[cfg(feature = "http")]
        Some(Some(Command::Serve(_))) => true,
        Some(Some(command)) => matches!(command, Command::Chat(_) | Command::Worker),
    }
}

/// Makes them all.
pub(crate) async fn built(makes: Vec<Make>, session: &Session, works: bool) -> Result<Vec<Agent>, Failure> {
    let mut agents = Vec::new();
    for make in makes {
        let data: &Path = &session.data;
        let builder = make(session.engine.clone(), data.to_owned())
            .await
            .map_err(Failure::new)?;
        agents.push(builder.worker(works).build(&session.engine).await?);
    }
    Ok(agents)
}

/// Ends their workers, and shows what is over to the hooks in the background.
pub(crate) async fn stop(agents: &[Agent]) -> Result<(), Failure> {
    for agent in agents {
        agent.stop().await?;
    }
    Ok(())
}

impl Session {
    /// The agent of that name, or the first one.
    pub(crate) fn agent(&self, name: Option<&str>) -> Result<&Agent, Failure> {
        let names: Vec<String> = self.agents.iter().map(|it| it.name().to_owned()).collect();
        match name {
            None => self
                .agents
                .first()
                .ok_or_else(|| Failure::usage("this program has no agent to talk to")),
            Some(name) => self.agents.iter().find(|it| it.name() == name).ok_or_else(|| {
                let known = if names.is_empty() {
                    "no agent".to_owned()
                } else {
                    text::listed(&names, "and")
                };
                Failure::usage(format!("there is no agent `{name}`; this program has {known}"))
            }),
        }
    }

    /// The agent that leads a run, or that asked the one that does.
    pub(crate) async fn agent_of(&self, run: RunId) -> Result<&Agent, Failure> {
        for agent in &self.agents {
            match agent.get(run).await {
                Ok(_) => return Ok(agent),
                Err(Error::UnknownRun(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::new(format!(
            "there is no {run} of an agent of this program"
        )))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.to_string())
    }
}
