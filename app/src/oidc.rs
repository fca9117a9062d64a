//! Single sign-on: people whom an identity provider (`OpenID` Connect) vouches for.
//!
//! What is taken from the provider is who somebody is, by issuer and subject together, and those roles that the
//! configuration maps. Everything else in a token is nobody's business here.
//!
//! What a newcomer would get wrong: a name or an address in a token is what somebody may have typed at the provider. It
//! never makes anybody an actor that is there.

mod command;
mod config;
mod fetch;
mod flow;
mod keys;
mod provider;
mod subject;
#[cfg(test)]
mod tests;
mod token;

use countersign::policy::Lent;
use countersign::{ActorId, Answer, Engine, Identity, Introduction, Timestamp};
use serde::Deserialize;

use crate::config::Config as Whole;
use crate::credential::{Credential, Secret, Through};
use crate::failure::Failure;
use crate::http::problem::Problem;
use crate::server::{SESSION, Shared};

pub(crate) use command::answer;
pub(crate) use config::Config;
pub(crate) use flow::{Back, GONE};
pub(crate) use subject::{Ended, Link, Links};

use flow::{Client, Way};
use provider::Provider;
use token::{Meant, Proven, Unproven};

/// The configured provider, at work.
pub(crate) struct Oidc {
    config: Config,
    provider: Provider,
    /// What we are at the provider; nothing if nobody signs in there.
    client: Option<Client>,
}

/// Somebody, and the link that says so.
type Known = (Identity, Through);

/// The answer to a code, as far as it is looked at.
#[derive(Deserialize)]
struct Given {
    id_token: String,
}

/// The one that is configured; `base` is how people reach the console. It is not asked anything yet: a provider that is down keeps nobody from starting.
pub(crate) fn configured(whole: &Whole, base: &str) -> Result<Option<Oidc>, Failure> {
    let Some(config) = &whole.oidc else {
        return Ok(None);
    };
    let secret = config.client_secret.as_ref();
    let secret = secret
        .map(|it| whole.reveal("oidc.client_secret", it))
        .transpose()?;
    let made = Oidc::new(config.clone(), secret, base);
    made.map(Some).map_err(|(place, why)| whole.fault(place, why))
}

impl Oidc {
    /// Refuses to make newcomers known while people are here of whom nobody said which subject is theirs.
    pub(crate) async fn starts(&self, engine: &Engine) -> Result<(), Failure> {
        if !self.config.provision {
            return Ok(());
        }
        let missing = Links(engine).missing(self.issuer(), &self.config.provision_beside);
        match missing.await? {
            none if none.is_empty() => Ok(()),
            missing => Err(Failure::usage(unsaid(&missing))),
        }
    }

    fn new(config: Config, secret: Option<String>, base: &str) -> Result<Self, (&'static str, String)> {
        if let Some(fault) = config.fault() {
            return Err(fault);
        }
        let provider = Provider::new(&config.issuer).map_err(|why| ("oidc.issuer", why))?;
        let client = config.client_id.clone().map(|id| Client {
            id,
            secret,
            scopes: config.scopes.join(" "),
            back: format!("{base}/sign-in/oidc/callback"),
        });
        Ok(Self {
            config,
            provider,
            client,
        })
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
        let known = self.known(shared, &proven).await?;
        let (from, until) = (proven.issued_at.min(shared.engine().now()), proven.expires_at);
        Ok(known.map(|(by, through)| Credential::of_token(&by, through, from, until)))
    }

    /// Whether people sign in to the console there.
    pub(crate) const fn signs_in(&self) -> bool {
        self.client.is_some()
    }

    /// Where a browser goes to sign in, and the cookie that it comes back with. None if the provider does not answer.
    pub(crate) async fn begin(&self, now: Timestamp) -> Option<(String, String)> {
        let client = self.client.as_ref()?;
        let endpoints = self.provider.endpoints(now).await?;
        let way = Way::new(now);
        Some((way.there(client, &endpoints).into(), way.cookie()))
    }

    /// Opens a session for who comes back from there. None if that cannot be believed; the log says why.
    pub(crate) async fn end(
        &self,
        shared: &Shared,
        cookie: &str,
        back: &Back,
    ) -> Result<Option<Secret>, Problem> {
        let now = shared.engine().now();
        let (Some(client), Some(way)) = (&self.client, Way::read(cookie, now)) else {
            return Ok(None);
        };
        let Some(endpoints) = self.provider.endpoints(now).await else {
            return Ok(None);
        };
        let Some(code) = back.code(&way, self.issuer(), endpoints.names_issuer) else {
            tracing::info!("somebody came back from the identity provider on a way that was not begun here");
            return Ok(None);
        };
        let (form, authorization) = way.exchange(client, &endpoints, code);
        let given = self.provider.exchanged(&endpoints, form, authorization).await;
        let given = given.and_then(|it| {
            serde_json::from_slice::<Given>(&it).map_err(|_| "its answer has no `id_token`".to_owned())
        });
        let given = match given {
            Ok(given) => given,
            Err(why) => {
                tracing::warn!(why, "the identity provider gave nothing for its code");
                return Ok(None);
            }
        };
        let (client, nonce) = (client.id.as_str(), way.nonce());
        let meant = Meant::SignIn {
            client,
            nonce: &nonce,
        };
        let Some(proven) = self.proven(shared, &given.id_token, meant).await else {
            return Ok(None);
        };
        let Some((by, through)) = self.known(shared, &proven).await? else {
            return Ok(None);
        };
        let credentials = shared.credentials();
        let opened = credentials.open(&by, SESSION, through, way.gone()).await?;
        Ok(opened.map(|(_, secret)| secret))
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

    /// Whom the provider speaks of, and the link that says so. What it says of their roles is kept before anything else
    /// is done.
    async fn known(&self, shared: &Shared, proven: &Proven) -> Result<Option<Known>, Problem> {
        let links = Links(shared.engine());
        let found = links.of(self.issuer(), &proven.subject).await?;
        let lent = Lent {
            roles: self.config.roles(&proven.claims),
            said_at: proven.issued_at,
            until: proven
                .issued_at
                .min(shared.engine().now())
                .after(self.config.roles_last),
        };
        let Some(link) = found else {
            return self.introduced(shared, proven, lent).await;
        };
        // Also with `provision`: who was known once and is nobody now is no newcomer.
        let Some(by) = link.identity() else {
            tracing::warn!(
                link.id,
                "a subject that was unlinked stands for nobody; link it to an actor"
            );
            return Ok(None);
        };
        if self.config.lends() {
            // Somebody who is gone, or no person any more, is nobody here.
            if let Answer::Refused(refusal) = shared.engine().lend(&by, lent, None).await? {
                tracing::warn!(%refusal.message, "a subject stands for nobody who may sign in");
                return Ok(None);
            }
        }
        Ok(Some((by, link.through())))
    }

    /// A person whom nobody knew, if such people are made known, and nobody has their name.
    async fn introduced(
        &self,
        shared: &Shared,
        proven: &Proven,
        lent: Lent,
    ) -> Result<Option<Known>, Problem> {
        let Some(actor) = self.config.name(&proven.claims) else {
            tracing::warn!("a subject of the identity provider stands for nobody; link it to an actor");
            return Ok(None);
        };
        let links = Links(shared.engine());
        let missing = links
            .missing(self.issuer(), &self.config.provision_beside)
            .await?;
        if !missing.is_empty() {
            tracing::warn!(why = unsaid(&missing), "nobody is made known");
            return Ok(None);
        }
        let made = links.made(self.issuer(), &proven.subject, &actor, &actor);
        let Some(by) = made.identity() else {
            return Ok(None);
        };
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
        let found = links.of(self.issuer(), &proven.subject).await?;
        Ok(found.and_then(|it| Some((it.identity()?, it.through()))))
    }
}

/// Why nobody is made known, and what to do.
fn unsaid(missing: &[ActorId]) -> String {
    let names: Vec<&str> = missing.iter().map(ActorId::as_str).collect();
    let names = names.join("`, `");
    format!(
        "`provision = true` would make those of `{names}` who sign in other people, who could approve their own calls: link \
         each to their subject (`oidc link`), or name those who never sign in there in `provision_beside`"
    )
}

/// Whether a bearer token may be one of a provider: keys of ours have no dots.
pub(crate) fn is_token(text: &str) -> bool {
    text.contains('.')
}
