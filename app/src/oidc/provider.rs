//! What a provider says of itself (`OpenID` Connect Discovery): where it is asked for what, and its keys.
//!
//! Read when it is needed first, then kept. A key that is not known has the set read again, once a minute at most: keys
//! are rotated, and whoever sends made-up tokens must not make us ask at their pace. A provider that does not answer
//! leaves the keys that are known in force for a day, and no longer.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use countersign::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::fetch::{self, Fetch};
use super::keys::{self, Key};
use super::token::Algorithm;

/// After this long, what is known is read again.
const FRESH: Duration = Duration::from_hours(1);
/// After this long without an answer, what was known counts no more.
const STALE: Duration = Duration::from_hours(24);
/// How long no answer is asked for again.
const PAUSE: Duration = Duration::from_mins(1);

/// What is used of the document.
#[derive(Debug, Clone, Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Where people sign in.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Url,
    /// Whether a secret goes into the header; into the form otherwise.
    pub(super) takes_basic: bool,
    /// Whether whoever comes back from there always says from where (RFC 9207).
    pub(super) names_issuer: bool,
}

/// What is known of a provider.
struct Known {
    keys: Vec<Key>,
    endpoints: Option<Endpoints>,
    read_at: Timestamp,
}

/// A provider, by its issuer.
pub(super) struct Provider {
    issuer: String,
    document: Url,
    fetch: Fetch,
    known: RwLock<Option<Arc<Known>>>,
    /// When it was asked last. Who holds this asks; nobody asks twice at once.
    asked_at: Mutex<Option<Timestamp>>,
}

impl Provider {
    /// One that is asked when it is needed.
    pub(super) fn new(issuer: &str) -> Result<Self, String> {
        fetch::place(issuer)?;
        let document = format!(
            "{}/.well-known/openid-configuration",
            issuer.trim_end_matches('/')
        );
        Ok(Self {
            issuer: issuer.to_owned(),
            document: fetch::place(&document)?,
            fetch: Fetch::new()?,
            known: RwLock::default(),
            asked_at: Mutex::default(),
        })
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The keys of that name that may sign so.
    pub(super) async fn keys(&self, kid: &str, algorithm: Algorithm, now: Timestamp) -> Vec<Key> {
        let fitting = |known: &Known| -> Vec<Key> {
            let keys = known.keys.iter();
            let fitting = keys.filter(|it| it.kid == kid && it.fits(algorithm));
            fitting.cloned().collect()
        };
        let known = self.known(now);
        let found = known.as_deref().map(&fitting).unwrap_or_default();
        if !found.is_empty() && known.is_some_and(|it| is_within(it.read_at, FRESH, now)) {
            return found;
        }
        if found.is_empty() {
            self.ask(&mut *self.asked_at.lock().await, now).await;
        } else if let Ok(mut asked_at) = self.asked_at.try_lock() {
            self.ask(&mut asked_at, now).await;
        }
        self.known(now).as_deref().map(fitting).unwrap_or_default()
    }

    /// Where people sign in, if that can be found out.
    pub(super) async fn endpoints(&self, now: Timestamp) -> Option<Endpoints> {
        if self
            .known(now)
            .is_none_or(|it| !is_within(it.read_at, FRESH, now))
        {
            self.ask(&mut *self.asked_at.lock().await, now).await;
        }
        self.known(now)?.endpoints.clone()
    }

    /// Gives a code away for tokens: what is answered.
    pub(super) async fn exchanged(
        &self,
        endpoints: &Endpoints,
        form: String,
        authorization: Option<String>,
    ) -> Result<Vec<u8>, String> {
        match self.fetch.post(&endpoints.token, form, authorization).await? {
            (200, body) => Ok(body),
            (status, _) => Err(format!("{} answers {status}", endpoints.token)),
        }
    }

    /// What is known and still counts.
    fn known(&self, now: Timestamp) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).clone();
        known.filter(|it| is_within(it.read_at, STALE, now))
    }

    /// Asks again, unless somebody has just done so.
    async fn ask(&self, asked_at: &mut Option<Timestamp>, now: Timestamp) {
        if asked_at.is_some_and(|it| is_within(it, PAUSE, now)) {
            return;
        }
        *asked_at = Some(now);
        match self.read(now).await {
            Ok(known) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
            }
            Err(why) => tracing::warn!(why, "the identity provider could not be asked for its keys"),
        }
    }

    async fn read(&self, now: Timestamp) -> Result<Known, String> {
        let document = self.fetch.get(&self.document).await?;
        let document: Document = serde_json::from_slice(&document)
            .map_err(|error| format!("{} cannot be read: {error}", self.document))?;
        // Section 4.3: otherwise one issuer could speak for another.
        if document.issuer != self.issuer {
            return Err(format!("{} is of another issuer", self.document));
        }
        let keys = self.fetch.get(&fetch::place(&document.jwks_uri)?).await?;
        Ok(Known {
            keys: keys::read(&keys)?,
            endpoints: document.endpoints()?,
            read_at: now,
        })
    }
}

impl Document {
    /// None of a provider at which nobody signs in.
    fn endpoints(&self) -> Result<Option<Endpoints>, String> {
        let (Some(authorization), Some(token)) = (&self.authorization_endpoint, &self.token_endpoint) else {
            return Ok(None);
        };
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        Ok(Some(Endpoints {
            authorization: fetch::endpoint(authorization)?,
            token: fetch::endpoint(token)?,
            takes_basic: methods.is_none_or(|it| it.iter().any(|it| it == "client_secret_basic")),
            names_issuer: self.authorization_response_iss_parameter_supported,
        }))
    }
}

/// Whether this was so long ago at most. What lies ahead of a clock that was set back is long ago.
fn is_within(then: Timestamp, span: Duration, now: Timestamp) -> bool {
    then <= now && now < then.after(span)
}
