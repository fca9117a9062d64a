//! Who looks at the console: somebody with a session in a browser.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::page::Trouble;
use crate::credential::Kind;
use crate::server::{Caller, Shared};

/// Somebody who is signed in.
pub(super) struct Visitor(pub(super) Caller);

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Trouble> {
        let known = Caller::known(shared, &parts.headers).await?;
        // A key is for programs, and programs have the API.
        let caller = known
            .filter(|it| it.credential.kind == Kind::Session)
            .ok_or_else(|| Trouble::sign_in(&parts.headers))?;
        shared.limits().admit(&caller.actor.id)?;
        Ok(Self(caller))
    }
}
