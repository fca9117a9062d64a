//! The console: pages on which people see what waits, decide it, and look at what happened.
//!
//! Every page is made here and works without a script; with one, open pages renew what changes. Nothing is decided by
//! a GET; one opens a session, for who comes back from the identity provider. The pages use the engine directly, and the modules that the API and the command line use; what somebody may not
//! see does not exist for them.
//!
//! What a newcomer would get wrong: a page must not show a string that is no [`visible`] one. Templates escape markup;
//! they know nothing of characters that hide.

mod ask;
mod assets;
mod audit;
mod call;
mod calls;
mod decide;
mod diff;
mod events;
pub(crate) mod form;
mod inbox;
mod outbox;
mod page;
mod people;
mod question;
mod runs;
mod settings;
mod sign_in;
mod similar;
mod single;
#[cfg(test)]
mod tests;
mod tools;
pub(crate) mod value;
mod visible;
mod visitor;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::server::Shared;

/// Nothing of that name: a page for browsers, a problem for programs.
pub(crate) async fn nowhere(headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    if accepts.is_some_and(|it| it.contains("text/html")) {
        return page::Trouble::not_found("such page").into_response();
    }
    crate::http::nowhere().into_response()
}

/// The pages, and where their forms go.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(inbox::inbox))
        .route("/assets/{name}", get(assets::asset))
        .route("/audit", get(audit::log))
        .route("/audit/checkpoint", post(audit::sign))
        .route("/audit/receipts/{seq}", get(audit::receipt))
        .route("/audit/verify", post(audit::verify))
        .route("/calls", get(calls::calls))
        .route("/calls/{id}", get(call::call))
        .route("/calls/{id}/cancel", post(decide::cancel))
        .route("/chat", get(runs::chat).post(runs::say))
        .route("/events", get(events::events))
        .route("/grants", get(settings::grants))
        .route("/grants/{id}/revoke", post(settings::revoke_grant))
        .route("/history", get(calls::history))
        .route("/history.csv", get(calls::csv))
        .route("/keys", get(settings::keys).post(settings::make_key))
        .route("/keys/{id}/revoke", post(settings::revoke_key))
        .route("/outbox", get(outbox::outbox))
        .route("/outbox/{id}/again", post(outbox::again))
        .route("/people", get(people::people).post(people::change))
        .route("/requests/{id}", get(call::request))
        .route("/requests/{id}/{verb}", post(decide::decide))
        .route("/runs", get(runs::list))
        .route("/runs/{id}", get(runs::run))
        .route("/runs/{id}/cancel", post(runs::cancel))
        .route("/sign-in", get(sign_in::ask).post(sign_in::sign_in))
        .route("/sign-in/oidc", get(single::begin))
        .route("/sign-in/oidc/callback", get(single::end))
        .route("/sign-in/{token}", get(sign_in::opened))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/tools", get(tools::tools))
        .route("/tools/{name}", get(tools::tool).post(tools::call))
}
