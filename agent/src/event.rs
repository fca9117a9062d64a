//! What happens in a run, as it is told and as it is stored.
//!
//! The events of a run are its truth: the conversation, what is still open and how it ended are read from them.
//! They are numbered from 0 without gaps, in the order in which they were committed.

use countersign::{ActorId, CallId, RequirementId, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::message::{Assistant, ToolResult};
use crate::model::Usage;

/// Something that happened in a run.
///
/// ```
/// use countersign_agent::{EventKind, RunEvent};
///
/// let text = r#"{"v":1,"number":3,"at":"2026-01-01T00:00:00.000Z","event":"run_continued"}"#;
/// let event: RunEvent = serde_json::from_str(text)?;
/// assert_eq!((event.number, event.kind), (3, EventKind::RunContinued));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// The version of this shape: 1.
    pub v: u32,
    /// Its place in the run, from 0. That of a [`ContentDelta`](EventKind::ContentDelta) is the place that the
    /// whole message will have: whoever goes on from there gets the message.
    pub number: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened in a run.
///
/// ```
/// use countersign_agent::EventKind;
///
/// let delta = EventKind::ContentDelta { text: "Good ".to_owned() };
/// assert!(!delta.is_stored());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// It began.
    RunStarted {
        /// What the model is to answer, as the hooks have left it.
        input: String,
        /// Which hooks have changed it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rewritten_by: Vec<String>,
    },
    /// Some words of a message that is still being said. Told while it happens, never stored.
    ContentDelta {
        /// The next words.
        text: String,
    },
    /// The model has said something; the calls that it proposes come next.
    Said {
        /// Its words and calls, as it will get them back: with the arguments that are proposed, after hooks have changed
        /// them and without secrets.
        said: Assistant,
        /// What becomes of each of its calls, in their order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        plans: Vec<Plan>,
        /// What it cost.
        usage: Usage,
    },
    /// A call has its result.
    ToolResult {
        /// What the model is told.
        #[serde(flatten)]
        result: ToolResult,
        /// Which hooks have changed it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rewritten_by: Vec<String>,
    },
    /// It waits for people, or for an outside system.
    RunPaused {
        /// What was asked at that moment. What is asked now, the run says.
        requirements: Vec<RequirementId>,
    },
    /// It goes on.
    RunContinued,
    /// A hook let something go no further.
    Blocked {
        /// Where: `input`, `output`.
        place: String,
        /// Which hook.
        by: String,
        /// Why.
        reason: String,
    },
    /// It is over.
    RunCompleted {
        /// What the model answered at last, as the hooks have left it.
        output: String,
        /// Which hooks have changed it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rewritten_by: Vec<String>,
    },
    /// It could not go on.
    RunFailed {
        /// Why.
        error: String,
        /// Whether continuing it may help: the model could not be asked, say.
        may_continue: bool,
    },
    /// Somebody stopped it.
    RunCancelled {
        /// Who.
        by: ActorId,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl EventKind {
    /// Whether it can be read again later.
    pub const fn is_stored(&self) -> bool {
        !matches!(self, Self::ContentDelta { .. })
    }
}

/// What becomes of one call that a model has proposed. Written before anything is called.
///
/// ```
/// use countersign_agent::Plan;
///
/// let plan: Plan = serde_json::from_str(r#"{"call":"call_00000000000000000000000001"}"#)?;
/// assert!(plan.child.is_none() && plan.dropped.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The id that the call will have, or has.
    pub call: CallId,
    /// Whether it is opened and waits for people or for a worker, as the tool was when this was planned; otherwise
    /// it runs in place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gated: bool,
    /// The run of the agent that is asked in place of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<RunId>,
    /// Fields that only a person is asked for, which the model tried to fill; they were dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Which hooks have changed the arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewritten_by: Vec<String>,
    /// Whether the arguments held secrets, which are not stored: what was not called at once is not called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
    /// Why it is not called at all; the model gets this as its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Plan {
    /// To call it with what the model wrote.
    pub(crate) const fn new(call: CallId) -> Self {
        Self {
            call,
            gated: false,
            child: None,
            dropped: Vec::new(),
            rewritten_by: Vec::new(),
            secret: false,
            refused: None,
        }
    }
}
