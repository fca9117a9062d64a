//! Guardrails against data: what they find, what they miss, what they must never do.

mod injection;
mod measure;
mod own;
mod pii;
