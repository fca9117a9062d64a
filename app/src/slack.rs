//! Slack: requirements as cards in channels and direct messages, and what people say there.
//!
//! A press or a form that is submitted ends where every decision ends, at the desk, by the actor whom an admin has
//! linked to that user. Nothing is decided by anybody who is linked to nobody, by a callback that Slack has not signed,
//! or about anything else than what the card showed: the button carries the id of the requirement, and that the seal.
//!
//! What a newcomer would get wrong: a card is no state. It is written from the call as it stands, each time anew; when
//! it is old, the desk says so, and the card is written again.

mod block;
mod card;
mod cards;
mod channel;
mod client;
pub(crate) mod command;
mod exact;
mod modal;
mod payload;
pub(crate) mod people;
mod place;
mod routes;
mod seen;
mod signature;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::Hidden;
use crate::failure::Failure;
use crate::session::Session;
use client::Client;
use place::Names;

pub(crate) use channel::{CARD, Cards};
pub(crate) use routes::router;
pub(crate) use seen::SEEN;

/// The fewest characters of a signing secret; Slack's have 32.
const SHORTEST: usize = 16;

/// How many cards are written at once, at most.
const PENS: usize = 16;

/// One workspace, as this server speaks to it.
pub(crate) struct Slack {
    session: Session,
    team: String,
    app: Option<String>,
    secret: Vec<u8>,
    client: Client,
    names: Names,
    /// Where people reach the console.
    base: String,
    /// Whoever writes a card holds the pen of its requirement: an older view never comes after a newer one.
    pens: [Mutex<()>; PENS],
}

/// `[slack]`: one workspace, and the app in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The workspace, `T…`: what is done in another one does not count.
    team: String,
    /// The app, `A…`; any that has the secret unless said.
    app: Option<String>,
    /// `xoxb-…`: what the app may do.
    bot_token: Hidden,
    /// What Slack signs its requests with.
    signing_secret: Hidden,
    /// Where its Web API is.
    #[serde(default = "usual_api")]
    api: String,
}

fn usual_api() -> String {
    "https://slack.com/api/".to_owned()
}

impl Slack {
    /// The workspace of the configuration, if there is one; `base` is how people reach the console.
    pub(crate) fn configured(
        session: &Session,
        config: &crate::config::Config,
        base: &str,
    ) -> Result<Option<Arc<Self>>, Failure> {
        let Some(slack) = &config.slack else {
            return Ok(None);
        };
        let Config { team, app, api, .. } = slack;
        if !people::is_id(team, &['T']) {
            return Err(config.fault("slack.team", "the id of a workspace begins with T"));
        }
        if app.as_ref().is_some_and(|it| !people::is_id(it, &['A'])) {
            return Err(config.fault("slack.app", "the id of an app begins with A"));
        }
        let token = config.reveal("slack.bot_token", &slack.bot_token)?;
        let secret = config.reveal("slack.signing_secret", &slack.signing_secret)?;
        // An empty or guessed secret would let anybody decide.
        if secret.len() < SHORTEST {
            return Err(config.fault("slack.signing_secret", "it is too short to be one"));
        }
        let client = Client::new(api, token).map_err(|why| config.fault("slack.api", why))?;
        Ok(Some(Arc::new(Self {
            session: session.clone(),
            team: team.clone(),
            app: app.clone(),
            secret: secret.into_bytes(),
            client,
            names: Names::default(),
            base: base.to_owned(),
            pens: std::array::from_fn(|_| Mutex::new(())),
        })))
    }
}
