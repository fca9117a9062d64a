//! Who sends a request: from the credential only, never from a body.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use countersign::Identity;
use countersign::core::actor::{Actor, Kind as ActorKind};

use crate::credential::{Credential, Kind, Secret};
use crate::http::problem::Problem;
use crate::oidc;
use crate::server::{COOKIE, SESSION, Shared};

/// An authenticated actor.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    /// As the directory has it now, with the roles that the credential carries.
    pub(crate) actor: Actor,
    pub(crate) credential: Credential,
}

impl Caller {
    /// The actor behind what a request brings; none if it brings nothing that counts.
    pub(crate) async fn known(shared: &Shared, headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        let credentials = shared.credentials();
        let (credential, edge) = match (bearer(headers), cookie(headers, COOKIE)) {
            (Some(token), _) if oidc::is_token(token) => match shared.oidc() {
                Some(oidc) => (oidc.bearer(shared, token).await?, "http"),
                None => return Ok(None),
            },
            (Some(token), _) => (credentials.check(Kind::ApiKey, token).await?, "http"),
            (None, Some(token)) => (credentials.check(Kind::Session, token).await?, "console"),
            (None, None) => return Ok(None),
        };
        let Some(credential) = credential else {
            return Ok(None);
        };
        let identity = credential.identity(edge);
        let actor = shared.engine().actor(&identity).await?;
        // Somebody who was removed from the directory is nobody.
        Ok((actor.kind != ActorKind::Unknown).then_some(Self {
            identity,
            actor,
            credential,
        }))
    }

    /// The same, looked up anew; none if the credential counts no more.
    pub(crate) async fn again(&self, shared: &Shared) -> Result<Option<Self>, Problem> {
        if !shared.credentials().still_counts(&self.credential).await? {
            return Ok(None);
        }
        let actor = shared.engine().actor(&self.identity).await?;
        Ok((actor.kind != ActorKind::Unknown).then(|| Self {
            actor,
            ..self.clone()
        }))
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        let caller = Self::known(shared, &parts.headers)
            .await?
            .ok_or_else(Problem::unauthenticated)?;
        shared.limits().admit(&caller.actor.id)?;
        Ok(caller)
    }
}

/// The token of an `Authorization: Bearer` header. A request that has one is judged by it alone.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?;
    // What cannot be read must not fall back to the cookie.
    let text = value.to_str().unwrap_or_default();
    let token = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    Some(token.map_or("", |(_, token)| token.trim()))
}

/// The value of a cookie (RFC 6265, section 4.2).
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let mut pairs = lines
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'));
    pairs.find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
}

/// The `Set-Cookie` of a session; without a secret, the one that ends it. It comes along when somebody follows a link
/// from elsewhere, to a request in a chat, say: no link does anything, and whatever does is refused across sites.
pub(crate) fn set_cookie(session: Option<&Secret>) -> String {
    let (value, seconds) = session.map_or(("", 0), |it| (it.reveal(), SESSION.as_secs()));
    format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}")
}
