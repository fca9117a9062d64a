//! Web hooks: a signed notice to a program elsewhere (Standard Webhooks 1.0.0).
//!
//! What is told is what people are shown, with secrets replaced. The receiver learns that something is asked or no
//! longer asked; nothing that it answers decides anything.

mod body;
mod channel;
mod report;
mod signature;

use countersign::ActorId;
use serde::Deserialize;

use crate::config::Hidden;
use crate::failure::Failure;

pub(crate) use channel::Webhooks;
pub(crate) use report::Reports;
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
    /// The service in whose name it may report results: what it is told of an external call then has a path for that.
    pub(crate) report_as: Option<ActorId>,
}

impl Config {
    /// What signs for this one.
    fn keys(&self, name: &str, config: &crate::config::Config) -> Result<Keys, Failure> {
        let place = format!("webhooks.{name}.secrets");
        let secrets = self.secrets.iter().map(|it| config.reveal(&place, it));
        let secrets: Vec<String> = secrets.collect::<Result<_, _>>()?;
        Keys::read(&secrets).map_err(|why| config.fault(&place, why))
    }
}
