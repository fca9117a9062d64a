//! The channels that the configuration names.

use std::sync::Arc;

use crate::config::Config;
use crate::email::Emails;
use crate::failure::Failure;
use crate::outbox::Channels;
use crate::session::Session;
use crate::slack::{Cards, Slack};
use crate::text;
use crate::webhook::Webhooks;

/// Everything that is configured; `base` is how people reach the console.
pub(super) fn made(
    session: &Session,
    config: &Config,
    base: &str,
    slack: Option<&Arc<Slack>>,
) -> Result<Channels, Failure> {
    let mut channels = Channels::default();
    if !config.webhooks.is_empty() {
        channels.add("webhook", Webhooks::new(session.engine.clone(), config, base)?);
    }
    if let Some(email) = &config.email {
        channels.add(
            "mailto",
            Emails::new(session.engine.clone(), config, email, base)?,
        );
    }
    if let Some(slack) = slack {
        channels.add("slack", Cards(slack.clone()));
    }
    for place in config.notify.in_doubt.iter().chain(&config.notify.external) {
        if channels.to(place).is_none() {
            return Err(config.fault("notify", format!("nothing here carries to `{place}`")));
        }
    }
    Ok(channels)
}

/// Warns of destinations in the policy that nothing here carries to: what goes there ends as a dead letter.
pub(super) async fn missing(session: &Session, channels: &Channels) -> Result<(), Failure> {
    let people = session.people().await?;
    for (name, pool) in people.pools() {
        for place in pool.notify.iter().chain(&pool.escalate_to) {
            if channels.to(place).is_none() {
                let place = text::shown(place);
                eprintln!(
                    "warning: pool `{name}` notifies `{place}`, and nothing here carries to it; see --config"
                );
            }
        }
    }
    Ok(())
}
