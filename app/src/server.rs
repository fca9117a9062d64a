//! The server: who may connect, who somebody is, and what every answer has in common.
//!
//! The API is in [`crate::http`], the console in [`crate::console`]; both get a [`Caller`] from here and never ask
//! themselves who somebody is.

mod caller;
mod channels;
pub(crate) mod feed;
mod guard;
mod limits;
mod listen;
mod metrics;
mod serve;

use std::sync::Arc;
use std::time::Duration;

use countersign::Engine;
use countersign_agent::Agent;
use tokio::sync::watch;

use crate::credential::Credentials;
use crate::oidc::Oidc;
use crate::session::Session;
use crate::slack::Slack;
use crate::slack::people::Links;
use crate::webhook::Reports;

pub(crate) use caller::Caller;
pub(crate) use caller::{cookie, set_cookie};
pub(crate) use feed::{Feed, Happened};
pub(crate) use limits::{Limits, Open, PER_SECOND};
pub(crate) use listen::Place;
pub(crate) use metrics::Metrics;
#[cfg(test)]
pub(crate) use serve::router;
pub(crate) use serve::{link, serve};

/// The cookie of a console session. The prefix binds it to this host, HTTPS and the whole path.
pub(crate) const COOKIE: &str = "__Host-countersign";
/// How long a console session lasts.
pub(crate) const SESSION: Duration = Duration::from_hours(12);
/// How long a sign-in link counts.
pub(crate) const LINK: Duration = Duration::from_hours(1);
/// The most bytes of a request's body: four times what the arguments of a call may be.
pub(crate) const BODY: usize = 1024 * 1024;

/// What all handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

struct Inner {
    session: Session,
    feed: Feed,
    limits: Limits,
    metrics: Metrics,
    oidc: Option<Oidc>,
    reports: Reports,
    stopping: watch::Receiver<bool>,
    slack: Option<Arc<Slack>>,
}

impl Shared {
    pub(crate) fn new(
        session: Session,
        limits: Limits,
        reports: Reports,
        slack: Option<Arc<Slack>>,
        oidc: Option<Oidc>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let feed = Feed::new();
        Self(Arc::new(Inner {
            session,
            feed,
            limits,
            metrics: Metrics::new(),
            oidc,
            reports,
            stopping,
            slack,
        }))
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.session.engine
    }

    pub(crate) fn agents(&self) -> &[Agent] {
        &self.0.session.agents
    }

    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials(self.engine())
    }

    /// Which user of Slack is whom.
    pub(crate) fn links(&self) -> Links<'_> {
        Links(self.engine())
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The workspace that this server speaks to, if one is configured.
    pub(crate) fn slack(&self) -> Option<&Arc<Slack>> {
        self.0.slack.as_ref()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The identity provider that is configured.
    pub(crate) fn oidc(&self) -> Option<&Oidc> {
        self.0.oidc.as_ref()
    }

    /// Who may report results.
    pub(crate) fn reports(&self) -> &Reports {
        &self.0.reports
    }

    /// Turns true when the server stops: whoever waits or streams ends then.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.clone()
    }
}
