//! Guardrails against data: what they find, what they miss, what they must never do.

mod measure;
mod pii;
