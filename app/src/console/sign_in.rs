//! Signing in with a link, and out again.
//!
//! A link is opened by whoever previews it in a chat or scans mail, so opening it does nothing: the page it leads to has
//! a button.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::page::{Trouble, bare, see};
use super::visible::{Line, typed};
use super::visitor::Visitor;
use crate::credential::{Kind, Secret};
use crate::oidc::Oidc;
use crate::server::{Caller, SESSION, Shared, set_cookie};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    program: Line,
    /// The link that was opened.
    token: Option<String>,
    /// What was tried and does not count: a link, a way to the provider; or that the provider does not answer.
    failed: Option<&'static str>,
    /// Whether an identity provider is configured.
    single: bool,
}

#[derive(Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    token: String,
}

pub(super) fn page(
    shared: &Shared,
    token: Option<String>,
    failed: Option<&'static str>,
    status: StatusCode,
) -> Response {
    let program = Line::of(&shared.session().name);
    bare(
        Some(shared),
        status,
        "Sign in",
        &SignIn {
            program,
            token,
            failed,
            single: shared.oidc().is_some_and(Oidc::signs_in),
        },
    )
}

/// Where a link can be pasted.
pub(super) async fn ask(State(shared): State<Shared>, headers: HeaderMap) -> Result<Response, Trouble> {
    let known = Caller::known(&shared, &headers).await?;
    Ok(if known.is_some() {
        see("/")
    } else {
        page(&shared, None, None, StatusCode::OK)
    })
}

/// A link that was opened. Nothing happens yet.
pub(super) async fn opened(State(shared): State<Shared>, Path(token): Path<String>) -> Response {
    page(&shared, Some(typed(&token)), None, StatusCode::OK)
}

/// Signs in.
pub(super) async fn sign_in(
    State(shared): State<Shared>,
    Form(said): Form<Said>,
) -> Result<Response, Trouble> {
    // People paste the whole link.
    let token = said.token.trim().rsplit('/').next().unwrap_or_default();
    let Some((_, secret)) = shared.credentials().sign_in(token, SESSION).await? else {
        return Ok(page(&shared, None, Some("link"), StatusCode::UNAUTHORIZED));
    };
    Ok(with_cookie(see("/"), Some(&secret)))
}

/// Signs out: the session counts no more, wherever its cookie may be.
pub(super) async fn sign_out(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
) -> Result<Response, Trouble> {
    shared
        .credentials()
        .revoke(Kind::Session, &caller.credential.id, &caller.identity)
        .await?;
    Ok(with_cookie(see("/sign-in"), None))
}

pub(super) fn with_cookie(mut answer: Response, session: Option<&Secret>) -> Response {
    if let Ok(cookie) = set_cookie(session).parse() {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}
