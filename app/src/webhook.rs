//! Web hooks: a signed notice to a program elsewhere (Standard Webhooks 1.0.0).
//!
//! What is told is what people are shown, with secrets replaced. The receiver learns that something is asked or no
//! longer asked; nothing that it answers decides anything.

mod body;
mod channel;
mod signature;

use serde::Deserialize;

use crate::config::Hidden;

pub(crate) use channel::Webhooks;
pub(crate) use signature::Keys;

/// One receiver, `[webhooks.NAME]`; the policy calls it `webhook:NAME`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where it listens.
    pub(crate) url: String,
    /// What signs: `whsec_…` (HMAC-SHA256) or `whsk_…` (Ed25519). Each signs every notice, so that one can be replaced by
    /// another while both count.
    pub(crate) secrets: Vec<Hidden>,
    /// Whether it may be at a private address, or without TLS.
    #[serde(default)]
    pub(crate) allow_private: bool,
}
