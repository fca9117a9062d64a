//! Tells people and programs elsewhere that they are asked: at least once, whatever dies in between.
//!
//! Two steps, each of which may be broken off anywhere. [`fill`](Outbox::fill) reads the audit log from where it stood,
//! looks at the calls that the entries name, and compares what is asked *now* with what was told: what is new becomes
//! deliveries, in the commit that moves it on in the log. [`send`](Outbox::send) carries what is due. So a decision
//! stands whether or not anybody hears of it, and whoever is to hear of it does, from this process or a later one.
//!
//! What a newcomer would get wrong: nobody is told each step, but how things stand. What was asked and expired while
//! nothing listened is not told any more.

mod channel;
mod delivery;
mod fill;
pub(crate) mod look;
mod send;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use countersign::Engine;
use tokio::sync::watch;

use crate::config::Notify;

pub(crate) use channel::{Channel, Channels, Fault};
pub(crate) use delivery::{DEAD, DUE, Delivery, SENT};

/// How often what is due is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// The outbox of an engine's tenant. Several processes may have one over the same store.
pub(crate) struct Outbox {
    engine: Engine,
    channels: Channels,
    notify: Notify,
    /// Turns true when the process stops: nothing new is begun then.
    stopping: watch::Receiver<bool>,
}

impl Outbox {
    pub(crate) const fn new(
        engine: Engine,
        channels: Channels,
        notify: Notify,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            engine,
            channels,
            notify,
            stopping,
        }
    }

    /// Tells what is to be told until the process stops. Attempts that are under way then are finished.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut stopping = self.stopping.clone();
        let mut generation = None;
        loop {
            let found = self.engine.store().generation().await.ok();
            if found.is_none() || found != generation {
                match self.fill().await {
                    Ok(true) => generation = found,
                    Ok(false) => tracing::debug!("another process fills the outbox"),
                    // Looked at again in a moment: nothing was moved on that was not kept.
                    Err(error) => tracing::warn!(%error, "the outbox could not be filled"),
                }
            }
            if let Err(error) = self.send().await {
                tracing::warn!(%error, "the outbox could not be sent");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stopping.wait_for(|it| *it) => return,
            }
        }
    }
}
