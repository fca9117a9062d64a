//! The HTTP API: what programs send and get.
//!
//! A decision names a requirement, whose id carries the seal of what was shown. Who decides, the credential says,
//! never a body. Wrong input is a problem (RFC 9457) and changes nothing.

mod actors;
mod approvals;
mod audit;
pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod export;
mod external;
mod extract;
mod grants;
mod idempotency;
pub(crate) mod keys;
pub(crate) mod outbox;
pub(crate) mod problem;
mod requirements;
mod runs;
mod slack;
mod subjects;
mod tools;
pub(crate) mod unique;
pub(crate) mod wire;

use std::sync::LazyLock;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::problem::Problem;
use crate::outbox::look::{self, State as Standing};
use crate::server::Shared;

pub(crate) use extract::arrived;
pub(crate) use idempotency::KIND as KEPT_ANSWERS;

/// The routes with what is said of them.
fn described() -> OpenApiRouter<Shared> {
    let info = InfoBuilder::new()
        .title("Countersign")
        .version("1")
        .description(Some(
            "Calls that wait for people. Send `Authorization: Bearer ck_…`. Lists answer pages: pass `next` as \
             `after`. Everything that creates or decides takes an `Idempotency-Key`.",
        ));
    let document = OpenApiBuilder::new()
        .info(info)
        .components(Some(Components::new()));
    let router = OpenApiRouter::with_openapi(document.build())
        .routes(routes!(tools::list))
        .routes(routes!(tools::propose))
        .routes(routes!(calls::list))
        .routes(routes!(calls::get))
        .routes(routes!(calls::explain))
        .routes(routes!(calls::cancel))
        .routes(routes!(calls::token))
        .routes(routes!(requirements::list))
        .routes(routes!(requirements::decide))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::count))
        .routes(routes!(export::csv))
        .routes(routes!(runs::agents))
        .routes(routes!(runs::begin))
        .routes(routes!(runs::list))
        .routes(routes!(runs::get))
        .routes(routes!(runs::events))
        .routes(routes!(runs::resume))
        .routes(routes!(runs::cancel))
        .routes(routes!(grants::list))
        .routes(routes!(grants::revoke))
        .routes(routes!(audit::log))
        .routes(routes!(audit::checkpoint))
        .routes(routes!(audit::proof))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(outbox::list))
        .routes(routes!(outbox::again))
        .routes(routes!(actors::list))
        .routes(routes!(actors::set, actors::remove))
        .routes(routes!(subjects::list, subjects::link))
        .routes(routes!(subjects::unlink))
        .routes(routes!(slack::list, slack::link, slack::unlink))
        .routes(routes!(external::report))
        .routes(routes!(events::events));
    router
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
}

/// The document, after `OpenAPI` 3.1.
pub(crate) fn openapi() -> Value {
    let mut document = described().into_openapi();
    let components = document.components.get_or_insert_with(Components::new);
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key, `ck_…`; or an access token (a JWT) of the identity provider that is configured",
        ));
    components.add_security_scheme("key", SecurityScheme::Http(key.build()));
    let cookie = ApiKeyValue::with_description(crate::server::COOKIE, "A console session");
    components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    let mut document = serde_json::to_value(document).unwrap_or_default();
    let mut problem = Value::Null;
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths
        .filter_map(|(_, it)| it.as_object_mut())
        .flatten()
        .map(|(_, it)| it)
    {
        name(operation);
        let answers = operation["responses"].as_object_mut().into_iter().flatten();
        for answer in answers.filter_map(|(_, it)| it.as_object_mut()) {
            // Every answer has a description in OpenAPI; one without a body says all by its status.
            answer.entry("description").or_insert("Done, or as it is.".into());
            let content = answer.get_mut("content").and_then(Value::as_object_mut);
            if let Some(it) = content.and_then(|it| it.get_mut("application/problem+json")) {
                let shared = json!({"$ref": "#/components/schemas/Problem"});
                problem = std::mem::replace(&mut it["schema"], shared);
            }
        }
    }
    document["components"]["schemas"]["Problem"] = problem;
    document
}

/// Names an operation so that no other has its name: what it is about, and what it does.
fn name(operation: &mut Value) {
    if let (Some(about), Some(does)) = (operation["tags"][0].as_str(), operation["operationId"].as_str()) {
        operation["operationId"] = format!("{about}_{does}").into();
    }
}

/// The API.
pub(crate) fn router() -> Router<Shared> {
    let (router, _) = described().split_for_parts();
    router.route("/openapi.json", get(document))
}

async fn document() -> impl IntoResponse {
    /// It takes longer to make than to send, and anybody may ask for it.
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| openapi().to_string());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it can do its work: whether the store answers, and it does not stop.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = String), (status = 503, body = String)))]
async fn readyz(State(shared): State<Shared>) -> Response {
    let engine = shared.engine();
    let stops = *shared.stopping().borrow();
    match engine.store().head(engine.tenant()).await {
        Ok(_) if !stops => "ready\n".into_response(),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response()
        }
    }
}

/// Counters for Prometheus. Without names of tools or people, so it needs no credential.
#[utoipa::path(get, path = "/metrics",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let metrics = shared.metrics();
    for (gauge, state) in [(&metrics.due, Standing::Due), (&metrics.dead, Standing::Dead)] {
        let count = look::count(shared.engine(), state).await?;
        gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    Ok(([(header::CONTENT_TYPE, kind)], metrics.text()))
}

/// What may go wrong with any request that needs a credential, for the document.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "read by the document only")]
pub(crate) enum Refused {
    /// The request cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(#[to_schema] problem::Body),
    /// No credential, or none that counts.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(#[to_schema] problem::Body),
    /// Not for this actor.
    #[response(status = 403, content_type = "application/problem+json")]
    NotAllowed(#[to_schema] problem::Body),
    /// Not there, or not for this actor to see.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] problem::Body),
    /// Too many requests of this actor; `Retry-After` says when.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(#[to_schema] problem::Body),
    /// The server could not do it.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(#[to_schema] problem::Body),
    /// It took too long, or the server stops.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(#[to_schema] problem::Body),
}

/// What may go wrong with one that changes something, besides.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code, reason = "read by the document only")]
pub(crate) enum NotDone {
    /// It stands otherwise meanwhile: already decided, out of turn, stale, or begun by a request with this key.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(#[to_schema] problem::Body),
    /// Too late.
    #[response(status = 410, content_type = "application/problem+json")]
    Gone(#[to_schema] problem::Body),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    BodyTooSlow(#[to_schema] problem::Body),
    /// Too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(#[to_schema] problem::Body),
    /// Not JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(#[to_schema] problem::Body),
    /// It does not fit, or the `Idempotency-Key` was used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(#[to_schema] problem::Body),
}

/// Nothing of that name or with that method.
pub(crate) fn nowhere() -> Problem {
    Problem::not_found("such place here; GET /openapi.json lists them")
}

/// A place that does not answer this method.
pub(crate) async fn wrong_method() -> Problem {
    let what = "this place does not answer this method; GET /openapi.json says which it does";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what)
}
