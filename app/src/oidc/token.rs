//! A signed token (RFC 7519 in the compact form of RFC 7515): what it must be before anything in it is believed.
//!
//! Only asymmetric signatures, by a key of the provider that is fit for the algorithm that the token names. The time is
//! that of the engine's clock. `jsonwebtoken` would bring a clock and a choice of cryptography of its own for the whole
//! process; what is left without those is splitting at two dots.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

use super::keys::Key;
use crate::http::unique::Unique;

/// The longest token that is looked at, in bytes.
pub(super) const MOST: usize = 12 * 1024;
/// How far clocks may be apart, in milliseconds.
const LEEWAY: i64 = 60_000;
/// The longest subject, in bytes (`OpenID` Connect Core, section 2).
const MOST_SUBJECT: usize = 255;

/// How a token is signed. Nothing else is taken: no `none`, and no algorithm where a public key is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    Ed25519,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            // The second is the name of RFC 9864.
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    /// Whether a key that says what it is for is for this.
    pub(super) fn is(self, name: &str) -> bool {
        Self::of(name) == Some(self)
    }
}

/// What the first part says.
#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

/// What every token must say, whatever it is for.
#[derive(Debug, Deserialize)]
struct Common {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Number,
    iat: Number,
    nbf: Option<Number>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(all) => all,
        }
    }
}

/// Why a token does not count. For the log of the server: whoever brings it is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    #[error("it is no token of three parts, or too long")]
    Shape,
    #[error("a part of it cannot be read")]
    Unreadable,
    #[error("it is signed in a way that is not taken")]
    Algorithm,
    #[error("it is another kind of token")]
    Kind,
    #[error("no key of the provider has its `kid` and its algorithm")]
    Key,
    #[error("its signature is not that of its key")]
    Signature,
    #[error("it is of another issuer")]
    Issuer,
    #[error("it is for somebody else")]
    Audience,
    #[error("it names nobody")]
    Subject,
    #[error("it has expired")]
    Expired,
    #[error("it does not count yet")]
    Early,
    #[error("it is of another sign-in")]
    Nonce,
}

/// A token before its signature is checked.
pub(super) struct Unproven<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    typ: Option<String>,
    signed: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

/// What a token is meant for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant<'a> {
    /// For this API: an access token (RFC 9068, or a plain one).
    Access { audience: &'a str },
    /// For this client, about who has just signed in.
    SignIn { client: &'a str, nonce: &'a str },
}

/// What the provider has signed, for us, now.
#[derive(Debug, Clone)]
pub(super) struct Proven {
    pub(super) subject: String,
    /// When it was said, in words of the provider, whose clock may be ahead by as much as is let pass. Tokens are
    /// ordered by it: of two that come from the future, one is later still.
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
    pub(super) claims: Value,
}

impl<'a> Unproven<'a> {
    /// Reads what stands before the signature's check.
    pub(super) fn read(token: &'a str) -> Result<Self, Wrong> {
        if token.len() > MOST {
            return Err(Wrong::Shape);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Wrong::Shape)?;
        let (header, claims) = signed.split_once('.').ok_or(Wrong::Shape)?;
        if claims.contains('.') {
            return Err(Wrong::Shape);
        }
        let header: Header = serde_json::from_value(json(header)?).map_err(|_| Wrong::Unreadable)?;
        let algorithm = Algorithm::of(&header.alg).ok_or(Wrong::Algorithm)?;
        // Whatever must be understood of it is not (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(Wrong::Algorithm);
        }
        Ok(Self {
            algorithm,
            kid: header.kid.ok_or(Wrong::Key)?,
            typ: header.typ,
            signed,
            claims,
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| Wrong::Unreadable)?,
        })
    }

    /// What it says, if one of these keys has signed it, for this purpose, and it counts now.
    pub(super) fn proven(
        &self,
        keys: &[Key],
        issuer: &str,
        meant: Meant<'_>,
        now: Timestamp,
    ) -> Result<Proven, Wrong> {
        if keys.is_empty() {
            return Err(Wrong::Key);
        }
        let message = self.signed.as_bytes();
        if !keys
            .iter()
            .any(|it| it.has_signed(self.algorithm, message, &self.signature))
        {
            return Err(Wrong::Signature);
        }
        let claims = json(self.claims)?;
        let common: Common = serde_json::from_value(claims.clone()).map_err(|_| Wrong::Unreadable)?;
        if common.iss != issuer {
            return Err(Wrong::Issuer);
        }
        if common.sub.is_empty() || common.sub.len() > MOST_SUBJECT {
            return Err(Wrong::Subject);
        }
        self.is_meant(meant, &common, &claims)?;
        let (end, said) = (millis(&common.exp)?, millis(&common.iat)?);
        let begins = common.nbf.as_ref().map(millis).transpose()?.unwrap_or(said);
        if now.millis() >= end.saturating_add(LEEWAY) {
            return Err(Wrong::Expired);
        }
        if said.max(begins) > now.millis().saturating_add(LEEWAY) {
            return Err(Wrong::Early);
        }
        Ok(Proven {
            subject: common.sub,
            issued_at: Timestamp::from_millis(said),
            expires_at: Timestamp::from_millis(end.saturating_add(LEEWAY)),
            claims,
        })
    }

    /// An ID token says who has signed in at a client. Taken for an access token, it would let whoever gets to see
    /// it act as that person.
    fn is_meant(&self, meant: Meant<'_>, common: &Common, claims: &Value) -> Result<(), Wrong> {
        let typ = self.typ.as_deref().unwrap_or("JWT");
        let typ = typ.strip_prefix("application/").unwrap_or(typ);
        let is_for = |whom: &str| common.aud.all().iter().any(|it| it == whom);
        match meant {
            Meant::Access { audience } => {
                let known = ["at+jwt", "jwt"].iter().any(|it| typ.eq_ignore_ascii_case(it));
                if !known || claims.get("nonce").is_some() {
                    return Err(Wrong::Kind);
                }
                if !is_for(audience) {
                    return Err(Wrong::Audience);
                }
            }
            // `OpenID` Connect Core, section 3.1.3.7.
            Meant::SignIn { client, nonce } => {
                if !typ.eq_ignore_ascii_case("jwt") {
                    return Err(Wrong::Kind);
                }
                let party = claims.get("azp");
                let shared = common.aud.all().len() > 1;
                if !is_for(client) || party.map_or(shared, |it| it != client) {
                    return Err(Wrong::Audience);
                }
                if claims.get("nonce").is_none_or(|it| it != nonce) {
                    return Err(Wrong::Nonce);
                }
            }
        }
        Ok(())
    }
}

/// A part of a token: base64url without padding, of an object without anything twice.
fn json(part: &str) -> Result<Value, Wrong> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| Wrong::Unreadable)?;
    serde_json::from_slice::<Unique>(&bytes).map_err(|_| Wrong::Unreadable)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| Wrong::Unreadable)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(Wrong::Unreadable)
    }
}

/// Milliseconds of a number of seconds (RFC 7519, `NumericDate`), which may have a fraction.
fn millis(seconds: &Number) -> Result<i64, Wrong> {
    /// The year 9999.
    const MOST: f64 = 253_402_300_799.0;
    let seconds = seconds.as_f64().ok_or(Wrong::Unreadable)?;
    if !(0.0..=MOST).contains(&seconds) {
        return Err(Wrong::Unreadable);
    }
    #[expect(clippy::cast_possible_truncation, reason = "within the years of four digits")]
    Ok((seconds * 1000.0) as i64)
}
