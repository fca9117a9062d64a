//! A model loop whose every tool call goes through Countersign's gates.
//!
//! An [`Agent`] leads a run from one input to its output. Where a call waits for people, the run pauses: it is what is
//! stored of it, and goes on in any process that has the agent. [`model`] says what a model is, [`hook`] who may look
//! at what goes in and out, rewrite it or block it.
//!
//! What a newcomer would get wrong: a run that is paused is not held by anybody. Nothing waits in memory, and
//! dropping the future that began it stops nothing.

mod after;
mod agent;
mod calls;
pub mod control;
mod detached;
mod drive;
mod error;
mod event;
pub mod feedback;
pub mod guardrail;
pub mod hook;
pub mod message;
pub mod model;
mod resume;
mod run;
mod session;
mod start;
mod stored;
mod transcript;
mod worker;
mod wrong;

pub use agent::{Agent, AgentBuilder, LEASE, Limits};
pub use control::UserControlFlowTools;
pub use error::Error;
pub use event::{EventKind, Plan, RunEvent};
pub use feedback::UserFeedbackTools;
pub use hook::{Hook, HookError, Hooked, OnError, Place, Seen, Verdict};
pub use message::{Assistant, Message, ToolCall, ToolResult};
pub use model::{Deltas, ModelError, ModelProvider, Offered, Reply, Request, Usage};
pub use resume::Continue;
pub use run::{Run, Status};
pub use session::OnBusy;
pub use start::{RunBuilder, Running};
