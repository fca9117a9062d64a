//! Which user of Slack decides as whom.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use countersign::core::actor::ADMIN;
use countersign::{ActorId, Answer, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::extract::{Asked, Body, Paging};
use crate::http::problem::Problem;
use crate::http::wire::Page;
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::slack::people::{Link, User};

/// A user of Slack, and the person as whom it decides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlackUser)]
pub(super) struct Linked {
    /// Workspace and user.
    #[schema(example = "T0123/U0456")]
    user: String,
    #[schema(value_type = String)]
    actor: ActorId,
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    #[schema(value_type = String)]
    made_by: ActorId,
}

impl From<Link> for Linked {
    fn from(it: Link) -> Self {
        Self {
            user: it.user.to_string(),
            actor: it.actor,
            made_at: it.kept.made_at,
            made_by: it.kept.made_by,
        }
    }
}

/// A link that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SlackLink)]
pub(super) struct Wanted {
    /// Workspace and user, as Slack's profile menu gives them.
    #[schema(example = "T0123/U0456", pattern = "^T[A-Z0-9]{1,31}/[UW][A-Z0-9]{1,31}$")]
    user: String,
    /// The person.
    #[schema(value_type = String)]
    actor: ActorId,
}

/// Which link.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Workspace and user: `T0123/U0456`.
    user: String,
}

fn user(text: &str) -> Result<User, Problem> {
    text.parse().map_err(Problem::invalid)
}

/// The users of Slack that decide as the caller; everybody's for admins.
#[utoipa::path(get, path = "/v1/slack/users", params(Paging), responses((status = 200, body = Page<Linked>), Refused),
    security(("key" = []), ("session" = [])), tag = "slack")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Linked>>, Problem> {
    let of = (!caller.actor.has_role(ADMIN)).then_some(&caller.actor.id);
    let (after, limit) = (paging.after.as_deref(), paging.limit()?);
    let (found, next) = shared.links().list(of, after, limit).await?;
    Ok(Json(Page {
        items: found.into_iter().map(Linked::from).collect(),
        next,
    }))
}

/// Lets a user of Slack decide as a person: admins only. Said again, it is as it was.
#[utoipa::path(post, path = "/v1/slack/users", request_body = Wanted,
    responses((status = 200, body = Linked), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "slack")]
pub(super) async fn link(
    State(shared): State<Shared>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Linked>, Problem> {
    let user = user(&wanted.user)?;
    if let Answer::Refused(refusal) = shared
        .links()
        .link(&caller.identity, &user, &wanted.actor)
        .await?
    {
        return Err(refusal.into());
    }
    let link = shared.links().get(&user).await?;
    let link = link.ok_or_else(|| Problem::conflict("out_of_turn", "somebody has unlinked it meanwhile"))?;
    Ok(Json(link.into()))
}

/// Lets a user of Slack decide as nobody any more: admins only.
#[utoipa::path(delete, path = "/v1/slack/users", params(Which), responses((status = 204), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "slack")]
pub(super) async fn unlink(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<StatusCode, Problem> {
    match shared
        .links()
        .unlink(&caller.identity, &user(&which.user)?)
        .await?
    {
        Answer::Refused(refusal) => Err(refusal.into()),
        Answer::Accepted | Answer::Repeated => Ok(StatusCode::NO_CONTENT),
    }
}
