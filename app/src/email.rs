//! E-mail notices: short mails that say what is asked, and where to look at it.
//!
//! A mail holds no arguments and no secrets, for it is kept by everybody that carries it, and no link in it decides
//! anything: whoever opens it signs in to the console and decides there, or does not.
//!
//! What a newcomer would get wrong: a mail is a text that others wrote parts of. The names of tools and people are in
//! it as text, with whatever deceives written out, so that none of them is a header, an address or a link.

mod channel;
mod letter;
mod server;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::Hidden;

pub(crate) use channel::Emails;

/// `[email]`; the policy calls an address `mailto:NAME@DOMAIN`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The server that takes mails: `smtps://USER:PASSWORD@HOST`, `smtp://HOST`.
    pub(crate) smtp: Hidden,
    /// Whom they are from: `Countersign <countersign@ops.example>`.
    pub(crate) from: String,
    /// The addresses of people, for what is asked of nobody else.
    #[serde(default)]
    pub(crate) people: BTreeMap<String, String>,
}
