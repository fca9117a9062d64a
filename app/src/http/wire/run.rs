//! Runs and agents, as they cross the wire.

use countersign::store::RunRow;
use countersign::{ActorId, RunId, SessionId, Timestamp};
use countersign_agent::Run as Led;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Call, Requirement};

/// A run: from one input to its final output, or one direct call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    #[schema(value_type = String)]
    run: RunId,
    #[schema(value_type = String)]
    requester: ActorId,
    #[schema(value_type = Option<String>)]
    agent: Option<ActorId>,
    /// The agents that led here, the outermost first.
    path: Vec<String>,
    #[schema(value_type = Option<String>)]
    session: Option<SessionId>,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// `running`, `paused`, `completed`, `failed`, `cancelled`; `direct` for calls that were made directly.
    #[schema(example = "paused")]
    status: String,
}

impl Run {
    pub(crate) fn of(row: &RunRow) -> Self {
        Self {
            run: row.id,
            requester: row.requester.clone(),
            agent: row.agent.clone(),
            path: Led::path_of(row),
            session: row.session.clone(),
            created: row.created,
            status: row.status.clone(),
        }
    }
}

/// A run with what it asks and how it ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunState {
    #[serde(flatten)]
    pub(crate) run: Run,
    pub(crate) calls: Vec<Call>,
    /// The final answer of a run that is completed.
    pub(crate) output: Option<String>,
    /// Why it could not go on.
    pub(crate) error: Option<String>,
    /// What is asked, of whoever: also by the agents that it has asked.
    pub(crate) requirements: Vec<Requirement>,
}

impl RunState {
    /// Whether it has its answer, or will never have one.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(
            self.run.status.as_str(),
            "running" | "paused" | "queued" | "stopping"
        )
    }
}

/// An input for an agent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    #[schema(min_length = 1)]
    pub(crate) input: String,
    /// The conversation that it belongs to; a new one unless said.
    #[schema(value_type = Option<String>, max_length = 128)]
    pub(crate) session: Option<SessionId>,
}

/// An agent that can be talked to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Agent {
    pub(crate) name: String,
    /// What answers: a provider's model, or `scripted`.
    pub(crate) model: String,
}
