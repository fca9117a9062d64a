//! Signing in at the provider: the authorization code flow of `OpenID` Connect, with PKCE (RFC 7636).
//!
//! One secret of 256 bits in a cookie binds the way there and back to one browser. What else must not be guessed
//! (`state`, `nonce`, the code verifier) is derived from it, so that beginning keeps nothing anywhere. That a way is gone
//! once is kept in the commit that opens the session.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign::store::{EdgeRow, EdgeWrite};
use countersign::{Digest, Timestamp};
use form_urlencoded::Serializer;
use reqwest::Url;
use serde::Deserialize;

use super::provider::Endpoints;
use crate::credential::random;

/// The edge rows of ways that were gone.
pub(crate) const GONE: &str = "signed_in";
/// How long somebody may take at the provider, in milliseconds.
const PATIENCE: i64 = 10 * 60 * 1000;
/// The longest code or state that is looked at, in bytes.
const MOST: usize = 4096;

/// What is configured of it.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<String>,
    pub(super) scopes: String,
    /// Where the provider sends people back to.
    pub(super) back: String,
}

/// What comes back from the provider, in the address (RFC 6749, section 4.1.2; RFC 9207).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Back {
    pub(super) code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) iss: Option<String>,
}

/// The way of one browser to the provider and back.
pub(super) struct Way {
    secret: String,
    begun_at: Timestamp,
}

impl Way {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            secret: random::<32>(),
            begun_at: now,
        }
    }

    /// The value of its cookie.
    pub(super) fn cookie(&self) -> String {
        format!("{}.{}", self.secret, self.begun_at.millis())
    }

    /// The way that a cookie stands for, if it is not too long ago.
    pub(super) fn read(cookie: &str, now: Timestamp) -> Option<Self> {
        let (secret, begun) = cookie.split_once('.')?;
        let begun: i64 = begun.parse().ok()?;
        let whole = secret.len() == 64 && secret.bytes().all(|it| it.is_ascii_hexdigit());
        let age = now.millis().checked_sub(begun)?;
        (whole && (0..PATIENCE).contains(&age)).then(|| Self {
            secret: secret.to_owned(),
            begun_at: Timestamp::from_millis(begun),
        })
    }

    fn derived(&self, name: &str) -> Digest {
        let begun = self.begun_at.millis().to_be_bytes();
        Digest::of(
            "countersign/sign-in/1",
            &[name.as_bytes(), self.secret.as_bytes(), &begun],
        )
    }

    pub(super) fn nonce(&self) -> String {
        self.derived("nonce").to_string()
    }

    fn verifier(&self) -> String {
        self.derived("verifier").to_string()
    }

    /// Whether this came back from the way that was begun here.
    pub(super) fn is_of(&self, state: &str) -> bool {
        let state: Option<Digest> = state.parse().ok();
        state.is_some_and(|it| self.derived("state").equals_in_constant_time(&it))
    }

    /// Where the browser goes.
    pub(super) fn there(&self, client: &Client, endpoints: &Endpoints) -> Url {
        let verifier = ring::digest::digest(&ring::digest::SHA256, self.verifier().as_bytes());
        let mut url = endpoints.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", &client.back)
            .append_pair("scope", &client.scopes)
            .append_pair("state", &self.derived("state").to_string())
            .append_pair("nonce", &self.nonce())
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(verifier))
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// What is asked for the code: the body, and the `Authorization` of a client with a secret.
    pub(super) fn exchange(
        &self,
        client: &Client,
        endpoints: &Endpoints,
        code: &str,
    ) -> (String, Option<String>) {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &client.back)
            .append_pair("code_verifier", &self.verifier());
        let basic = match &client.secret {
            Some(secret) if endpoints.takes_basic => {
                // RFC 6749, section 2.3.1: both are encoded as in a form before they are joined.
                let coded = |it: &str| form_urlencoded::byte_serialize(it.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", coded(&client.id), coded(secret));
                Some(format!("Basic {}", STANDARD.encode(pair)))
            }
            Some(secret) => {
                form.append_pair("client_id", &client.id)
                    .append_pair("client_secret", secret);
                None
            }
            None => {
                form.append_pair("client_id", &client.id);
                None
            }
        };
        (form.finish(), basic)
    }

    /// That it is gone, for as long as it could be gone again.
    pub(super) fn gone(&self) -> EdgeWrite {
        EdgeWrite::Put(EdgeRow {
            kind: GONE.to_owned(),
            id: self.derived("gone").to_string(),
            owner: None,
            version: 0,
            at: Some(Timestamp::from_millis(
                self.begun_at.millis().saturating_add(PATIENCE),
            )),
            state: "{}".to_owned(),
        })
    }
}

impl Back {
    /// The code, if all of it is from this issuer and of this way.
    pub(super) fn code(&self, way: &Way, issuer: &str, names_issuer: bool) -> Option<&str> {
        let from = match &self.iss {
            Some(iss) => iss == issuer,
            None => !names_issuer,
        };
        let state = self.state.as_deref().filter(|it| it.len() <= MOST)?;
        let code = self.code.as_deref().filter(|it| it.len() <= MOST)?;
        (from && way.is_of(state)).then_some(code)
    }
}
