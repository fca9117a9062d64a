//! Which subjects of an identity provider stand for whom: for admins.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use countersign::core::actor::ADMIN;
use countersign::{ActorId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::extract::{Asked, Body, Id, Paging};
use crate::http::problem::Problem;
use crate::http::wire::Page;
use crate::http::{NotDone, Refused};
use crate::oidc::{Ended, Link, Links};
use crate::server::{Caller, Shared};

/// A subject that stands for an actor, or did.
#[derive(Debug, Serialize, ToSchema)]
#[allow(
    clippy::struct_field_names,
    reason = "what the provider calls it, on the wire as in tokens"
)]
pub(super) struct Subject {
    /// Of the link.
    id: String,
    /// Null if it was unlinked: it is nobody until an admin links it again.
    #[schema(value_type = Option<String>)]
    actor: Option<ActorId>,
    issuer: String,
    /// The `sub` of its tokens.
    subject: String,
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    #[schema(value_type = String)]
    made_by: ActorId,
    ended: Option<Ended>,
}

impl From<Link> for Subject {
    fn from(it: Link) -> Self {
        Self {
            id: it.id,
            actor: it.actor,
            issuer: it.kept.issuer,
            subject: it.kept.subject,
            made_at: it.kept.made_at,
            made_by: it.kept.made_by,
            ended: it.kept.ended,
        }
    }
}

/// A link that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// A person that is known.
    #[schema(value_type = String)]
    actor: ActorId,
    #[schema(min_length = 1, max_length = 255)]
    subject: String,
    /// That of the configuration unless said.
    #[schema(min_length = 1, max_length = 1024)]
    issuer: Option<String>,
}

/// All links; for admins.
#[utoipa::path(get, path = "/v1/subjects", params(Paging), responses((status = 200, body = Page<Subject>), Refused),
    security(("key" = []), ("session" = [])), tag = "subjects")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Subject>>, Problem> {
    if !caller.actor.has_role(ADMIN) {
        return Err(Problem::forbidden("who signs in as whom is for admins to see"));
    }
    let (after, limit) = (paging.after.as_deref(), paging.limit()?);
    let (found, next) = Links(shared.engine()).list(after, limit).await?;
    Ok(Json(Page {
        items: found.into_iter().map(Subject::from).collect(),
        next,
    }))
}

/// Lets a subject stand for a person: admins only. On record.
#[utoipa::path(post, path = "/v1/subjects", request_body = Wanted,
    responses((status = 201, body = Subject), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "subjects")]
pub(super) async fn link(
    State(shared): State<Shared>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Problem> {
    let configured = || shared.oidc().map(|it| it.issuer().to_owned());
    let issuer = wanted.issuer.or_else(configured);
    let issuer =
        issuer.ok_or_else(|| Problem::invalid("no identity provider is configured; say its `issuer`"))?;
    let links = Links(shared.engine());
    let link = links.link(&issuer, &wanted.subject, &wanted.actor, &caller.identity);
    Ok((StatusCode::CREATED, Json(Subject::from(link.await??))).into_response())
}

/// Lets a subject stand for nobody: admins only. On record. Nobody gets in by it any more, nor by a session or key that
/// was made with it. It stays in the list, as nobody's, until it is linked again.
#[utoipa::path(delete, path = "/v1/subjects/{id}", params(("id" = String, Path)),
    responses((status = 204), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "subjects")]
pub(super) async fn unlink(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<String>,
) -> Result<StatusCode, Problem> {
    let unlinked = Links(shared.engine()).unlink(&id, &caller.identity).await??;
    if unlinked {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("such subject"))
    }
}
