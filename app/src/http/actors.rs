//! Who exists, with which roles.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use countersign::core::actor::{ADMIN, Kind};
use countersign::policy::ActorEntry;
use countersign::{ActorId, Answer, PoolName, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::extract::{Body, Id};
use crate::http::problem::Problem;
use crate::http::wire::Page;
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::sight;

/// An actor.
#[derive(Debug, Serialize, ToSchema)]
#[allow(
    clippy::struct_field_names,
    reason = "an actor's name is `actor` everywhere on the wire"
)]
pub(super) struct Actor {
    #[schema(value_type = String)]
    actor: ActorId,
    /// `person`, `service` or `agent`.
    #[schema(value_type = String, example = "person")]
    kind: Kind,
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    /// Roles that an identity provider said it has, at its last sign-in.
    lent: Option<Borrowed>,
    /// Whether it is a person who made themselves known at sign-in.
    introduced: bool,
    /// The person who answers for it.
    #[schema(value_type = Option<String>)]
    owner: Option<ActorId>,
    #[schema(value_type = Vec<String>)]
    pools: BTreeSet<PoolName>,
    /// Whether the policy file names it: loaded with other contents, it sets the actor as it says.
    seeded: bool,
}

/// Roles for a time. From `until` on they are gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lent)]
pub(super) struct Borrowed {
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    #[schema(value_type = String, format = DateTime)]
    said_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
}

/// An actor as it is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `person`, `service` or `agent`.
    #[schema(value_type = String, example = "person")]
    kind: Kind,
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<Role>,
    #[schema(value_type = Option<String>)]
    owner: Option<ActorId>,
    /// Said of a person who made themselves known at sign-in: that they are meant, and nobody else of that name.
    #[serde(default)]
    introduced: bool,
}

/// All actors, for admins, operators and auditors; the caller alone for everybody else.
#[utoipa::path(get, path = "/v1/actors", responses((status = 200, body = Page<Actor>), Refused),
    security(("key" = []), ("session" = [])), tag = "actors")]
pub(super) async fn list(State(shared): State<Shared>, caller: Caller) -> Result<Json<Page<Actor>>, Problem> {
    let all = sight::sees_all(&caller.actor) || caller.actor.has_role(ADMIN);
    let actors = shared.engine().actors().await?.into_iter();
    let view = |it: countersign::KnownActor| Actor {
        actor: it.id,
        kind: it.kind,
        roles: it.roles,
        lent: it.lent.map(|it| Borrowed {
            roles: it.roles,
            said_at: it.said_at,
            until: it.until,
        }),
        introduced: it.introduced,
        owner: it.owner,
        pools: it.pools,
        seeded: it.seeded,
    };
    Ok(Json(Page {
        items: actors
            .filter(|it| all || it.id == caller.actor.id)
            .map(view)
            .collect(),
        next: None,
    }))
}

/// Makes or changes an actor: admins only. On record.
#[utoipa::path(put, path = "/v1/actors/{id}", params(("id" = String, Path)), request_body = Wanted,
    responses((status = 204), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "actors")]
pub(super) async fn set(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<ActorId>,
    Body(wanted): Body<Wanted>,
) -> Result<StatusCode, Problem> {
    let entry = ActorEntry {
        kind: wanted.kind,
        roles: wanted.roles,
        owner: wanted.owner,
        lent: None,
        introduced: wanted.introduced,
    };
    change(&shared, &caller, &id, Some(entry)).await
}

/// Removes an actor: admins only. On record. Its keys and sessions count no more.
#[utoipa::path(delete, path = "/v1/actors/{id}", params(("id" = String, Path)),
    responses((status = 204), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "actors")]
pub(super) async fn remove(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<ActorId>,
) -> Result<StatusCode, Problem> {
    change(&shared, &caller, &id, None).await
}

async fn change(
    shared: &Shared,
    caller: &Caller,
    id: &ActorId,
    entry: Option<ActorEntry>,
) -> Result<StatusCode, Problem> {
    match shared.engine().set_actor(&caller.identity, id, entry).await? {
        Answer::Accepted | Answer::Repeated => Ok(StatusCode::NO_CONTENT),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}
