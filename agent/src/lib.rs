//! A model loop whose every tool call goes through Countersign's gates.
//!
//! The parts: [`model`] (what a model is asked and what it says), [`hook`] (who may look at what goes in and
//! out, rewrite it or block it).

pub mod guardrail;
pub mod hook;
pub mod message;
pub mod model;

pub use hook::{Hook, HookError, Hooked, OnError, Place, Seen, Verdict};
pub use message::{Assistant, Message, ToolCall, ToolResult};
pub use model::{Deltas, ModelError, ModelProvider, Offered, Reply, Request, Usage};
