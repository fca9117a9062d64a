//! Hooks that keep out what should not pass: personal data, injected instructions, what is not wanted.
//!
//! Each is a [`Hook`](crate::Hook) and can stand at any [`Place`](crate::Place). They look at text and know
//! nothing of runs, stores or models. None of them is proof: what each finds and misses is measured in
//! `docs/guardrails.md`, with the commands that measure it. The gates do not depend on any of them.

mod function;
mod injection;
mod json;
#[cfg(feature = "moderation")]
mod moderation;
mod pattern;
mod pii;

pub use function::{FnGuardrail, from_fn};
pub use injection::{PromptInjectionGuardrail, Suspicion};
#[cfg(feature = "moderation")]
pub use moderation::ModerationGuardrail;
pub use pii::{Finding, PatternError, PiiGuardrail, PiiKind};
