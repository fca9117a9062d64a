//! Single sign-on: people whom an identity provider (OpenID Connect) vouches for.
//!
//! What is taken from the provider is who somebody is, by issuer and subject together, and those roles that the
//! configuration maps. Everything else in a token is nobody's business here.
//!
//! What a newcomer would get wrong: a name or an address in a token is what somebody may have typed at the provider. It
//! never makes anybody an actor that is there.

mod command;
mod config;
mod fetch;
mod keys;
mod provider;
mod subject;
#[cfg(test)]
mod tests;
mod token;

use countersign::policy::Lent;
use countersign::{ActorId, Answer, Identity, Introduction};

use crate::config::Config as Whole;
use crate::credential::Credential;
use crate::failure::Failure;
use crate::http::problem::Problem;
use crate::server::Shared;

pub(crate) use command::answer;
pub(crate) use config::Config;
pub(crate) use subject::{Link, Links};

use provider::Provider;
use token::{Meant, Proven, Unproven};

/// The configured provider, at work.
pub(crate) struct Oidc {
    config: Config,
    provider: Provider,
}

/// The one that is configured. It is not asked anything yet: a provider that is down keeps nobody from starting.
pub(crate) fn configured(whole: &Whole) -> Result<Option<Oidc>, Failure> {
    let Some(config) = &whole.oidc else {
        return Ok(None);
    };
    let made = Oidc::new(config.clone());
    made.map(Some).map_err(|(place, why)| whole.fault(place, why))
}

impl Oidc {
    fn new(config: Config) -> Result<Self, (&'static str, String)> {
        if let Some(fault) = config.fault() {
            return Err(fault);
        }
        let provider = Provider::new(&config.issuer).map_err(|why| ("oidc.issuer", why))?;
        Ok(Self { config, provider })
    }

    pub(crate) fn issuer(&self) -> &str {
        self.provider.issuer()
    }

    /// Whom a bearer token stands for; nobody if it does not count, whatever the reason: the log has it.
    pub(crate) async fn bearer(&self, shared: &Shared, token: &str) -> Result<Option<Credential>, Problem> {
        let Some(audience) = self.config.audience.as_deref() else {
            return Ok(None);
        };
        let Some(proven) = self.proven(shared, token, Meant::Access { audience }).await else {
            return Ok(None);
        };
        let link = self.known(shared, &proven).await?;
        let (from, until) = (proven.issued_at, proven.expires_at);
        Ok(link.map(|it| Credential::of_token(how(&it), it.id, it.actor, from, until)))
    }

    async fn proven(&self, shared: &Shared, token: &str, meant: Meant<'_>) -> Option<Proven> {
        let proven = async {
            let unproven = Unproven::read(token)?;
            let now = shared.engine().now();
            let keys = self.provider.keys(&unproven.kid, unproven.algorithm, now).await;
            unproven.proven(&keys, self.issuer(), meant, now)
        };
        match proven.await {
            Ok(proven) => Some(proven),
            Err(wrong) => {
                tracing::info!(%wrong, "a token was refused");
                None
            }
        }
    }

    /// Whom the provider speaks of. What it says of their roles is kept before anything else is done.
    async fn known(&self, shared: &Shared, proven: &Proven) -> Result<Option<Link>, Problem> {
        let links = Links(shared.engine());
        let found = links.of(self.issuer(), &proven.subject).await?;
        let lent = Lent {
            roles: self.config.roles(&proven.claims),
            said_at: proven.issued_at,
            until: proven.issued_at.after(self.config.roles_last),
        };
        let Some(link) = found else {
            return self.introduced(shared, proven, lent).await;
        };
        if self.config.lends() {
            let by = Identity::authenticated(link.actor.clone(), how(&link));
            // Somebody who is gone, or no person any more, is nobody here.
            if let Answer::Refused(refusal) = shared.engine().lend(&by, lent, None).await? {
                tracing::warn!(%refusal.message, "a subject stands for nobody who may sign in");
                return Ok(None);
            }
        }
        Ok(Some(link))
    }

    /// A person whom nobody knew, if such people are made known, and nobody has their name.
    async fn introduced(
        &self,
        shared: &Shared,
        proven: &Proven,
        lent: Lent,
    ) -> Result<Option<Link>, Problem> {
        let Some(actor) = self
            .config
            .name(&proven.claims)
            .and_then(|it| ActorId::new(it).ok())
        else {
            tracing::warn!("a subject of the identity provider stands for nobody; link it to an actor");
            return Ok(None);
        };
        let links = Links(shared.engine());
        let made = links.made(self.issuer(), &proven.subject, &actor, &actor);
        let by = Identity::authenticated(actor, how(&made));
        let introduction = Introduction {
            edges: vec![made.written()],
            records: vec![made.record(true, &by)],
        };
        match shared.engine().lend(&by, lent, Some(introduction)).await? {
            Answer::Accepted | Answer::Repeated => {}
            Answer::Refused(refusal) => {
                tracing::warn!(%refusal.message, "a subject of the identity provider was not made known");
            }
        }
        // Also if another request of the same person was faster.
        Ok(links.of(self.issuer(), &proven.subject).await?)
    }
}

/// How somebody with a link was known, for the record: the link, which names issuer and subject, not the subject.
fn how(link: &Link) -> String {
    let short = link.id.get(..16).unwrap_or_default();
    format!("oidc {} subject {short}", link.kept.issuer)
}

/// Whether a bearer token may be one of a provider: keys of ours have no dots.
pub(crate) fn is_token(text: &str) -> bool {
    text.contains('.')
}
