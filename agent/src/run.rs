//! A run as its caller sees it.

use countersign::store::RunRow;
use countersign::{Call, CallId, Engine, Refusal, Requirement, RequirementId, RunId, SessionId};

use crate::model::Usage;
use crate::stored::Stored;

/// How a run stands.
///
/// ```
/// use countersign_agent::Status;
///
/// assert_eq!(Status::Paused.as_str(), "paused");
/// assert!(Status::Paused.is_open() && !Status::Completed.is_open());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It begins when the run that its session is busy with is over.
    Queued,
    /// Some process leads it.
    Running,
    /// It waits for people, or for an outside system.
    Paused,
    /// It is being stopped.
    Stopping,
    /// It has its output.
    Completed,
    /// It could not go on: see [`Run::error`].
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl Status {
    const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::Paused,
        Self::Stopping,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name in the store, in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == text)
    }

    /// Whether it is not over.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Paused | Self::Stopping)
    }

    /// Whether its session goes on with it.
    pub(crate) const fn holds_session(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Stopping)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A run as it stood when it was looked at.
///
/// [`Agent`](crate::Agent) has an example.
#[derive(Debug, Clone)]
pub struct Run {
    id: RunId,
    session: Option<SessionId>,
    status: Status,
    path: Vec<String>,
    output: Option<String>,
    error: Option<String>,
    usage: Usage,
    events: u64,
    requirements: Vec<Requirement>,
    pub(crate) refusals: Vec<(RequirementId, Refusal)>,
}

impl Run {
    /// Looks at a run, and at what its calls ask.
    pub(crate) fn of(stored: &Stored, calls: &[Call]) -> Self {
        let agent = stored.agent.as_str().to_owned();
        Self {
            id: stored.id,
            session: stored.session.clone(),
            status: stored.status,
            path: stored.state.path.iter().cloned().chain([agent]).collect(),
            output: stored
                .transcript
                .output
                .clone()
                .filter(|_| stored.status == Status::Completed),
            error: stored
                .transcript
                .ended
                .clone()
                .filter(|_| !stored.status.is_open()),
            usage: stored.state.usage,
            events: stored.state.events,
            requirements: calls.iter().flat_map(Call::requirements).collect(),
            refusals: Vec::new(),
        }
    }

    /// The agents that led to a stored run, the outermost first and its own last; none for calls that were made
    /// directly. For whoever lists runs and links no agents.
    pub fn path_of(row: &RunRow) -> Vec<String> {
        #[derive(serde::Deserialize)]
        struct Led {
            #[serde(default)]
            path: Vec<String>,
        }
        let before = serde_json::from_str::<Led>(&row.state).map_or_else(|_| Vec::new(), |it| it.path);
        let own = row.agent.iter().map(ToString::to_string);
        before.into_iter().chain(own).collect()
    }

    /// Which run.
    pub const fn id(&self) -> RunId {
        self.id
    }

    /// The session it belongs to.
    pub const fn session(&self) -> Option<&SessionId> {
        self.session.as_ref()
    }

    /// How it stands.
    pub const fn status(&self) -> Status {
        self.status
    }

    /// The agents that led here, the outermost first and its own last.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// What is asked, of whoever: by its own calls and by those of the agents it has asked. Empty for a run that
    /// is not paused, and for one that waits for a worker only.
    pub fn active_requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// What the agent answered, once it is completed.
    pub fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    /// Why it failed or was stopped.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// What the models have cost so far.
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// How many events there are: the number that the next one will have.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The decisions of [`Agent::continue_run`](crate::Agent::continue_run) that do not count, and why. They
    /// changed nothing.
    pub fn refusals(&self) -> &[(RequirementId, Refusal)] {
        &self.refusals
    }
}

/// A call, if it was opened.
pub(crate) async fn opened(engine: &Engine, id: CallId) -> Result<Option<Call>, countersign::Error> {
    match engine.desk().call(id).await {
        Ok(call) => Ok(Some(call)),
        Err(countersign::Error::UnknownCall(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
