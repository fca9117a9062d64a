//! What can go wrong around a run.

use countersign::{RequirementId, RunId, SessionId};

/// What can go wrong around a run. A model that fails, a hook that blocks or a tool that is refused are no errors
/// but ends of a run: see [`Status`](crate::Status).
///
/// ```
/// use countersign_agent::Error;
///
/// let error = Error::NoRequester;
/// assert_eq!(error.to_string(), "a run needs a requester: add `.by(&identity)`");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody was named on whose behalf the run is.
    #[error("a run needs a requester: add `.by(&identity)`")]
    NoRequester,
    /// The agent does not fit the engine.
    #[error("the agent `{agent}` cannot be built: {why}")]
    Build {
        /// Which.
        agent: String,
        /// Why, and what to do.
        why: String,
    },
    /// There is no such run of this agent.
    #[error("there is no {0} of this agent")]
    UnknownRun(RunId),
    /// The run is not the one of whoever wants it moved.
    #[error("{run} can be stopped by its requester or an operator only")]
    Foreign {
        /// Which.
        run: RunId,
    },
    /// A decision is about something that this run does not ask. None of the decisions was taken.
    #[error("{0} is not asked by this run; none of the decisions was taken")]
    ForeignRequirement(RequirementId),
    /// Two decisions are about one requirement. None of the decisions was taken.
    #[error("two decisions are about {0}; none of them was taken")]
    RepeatedRequirement(RequirementId),
    /// A session goes on with one run at a time.
    #[error("the session {session} is busy with {run}; decide what it asks, or stop it")]
    Busy {
        /// Which session.
        session: SessionId,
        /// With which run.
        run: RunId,
    },
    /// A session is that of whoever began it. Nobody else goes on with it, or is told what was said in it.
    #[error("the session {0} is somebody else's; take another name")]
    ForeignSession(SessionId),
    /// What is stored of a run cannot be read as what it should be.
    #[error("{run} is damaged: {why}; restore a backup, nothing was changed")]
    Damaged {
        /// Which.
        run: RunId,
        /// Why.
        why: String,
    },
    /// A tool that ran in place is gone, with its task.
    #[error("a tool of {0} ended with its task; what it did is not known")]
    Interrupted(RunId),
    /// The tokio runtime was shut down while the run was led. A worker will take it up.
    #[error("the process stops; a worker takes the run up when its lease is over")]
    Stopped,
    /// A call could not be proposed or decided.
    #[error(transparent)]
    Engine(#[from] countersign::Error),
}

impl From<countersign::store::StoreError> for Error {
    fn from(error: countersign::store::StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<countersign::core::id::IdError> for Error {
    fn from(error: countersign::core::id::IdError) -> Self {
        Self::Engine(error.into())
    }
}
