//! API keys: made for oneself, or for a program by an admin; shown once.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::core::actor::ADMIN;
use countersign::{ActorId, Identity, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credential::{Credential, Kind, New, Secret, may_make};
use crate::http::extract::{Asked, Body, Id, Paging};
use crate::http::problem::Problem;
use crate::http::wire::Page;
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};

/// For how many days a key counts unless said, and at most.
const DAYS: u32 = 90;
const MOST_DAYS: u32 = 3650;

/// An API key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Key {
    id: String,
    #[schema(value_type = String)]
    actor: ActorId,
    /// The roles that it carries; all of its actor's if null.
    #[schema(value_type = Option<Vec<String>>)]
    roles: Option<BTreeSet<Role>>,
    label: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
    #[schema(value_type = String)]
    made_by: ActorId,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The link (`/v1/subjects`) of the sign-in through which it was made: it counts as long as that stands.
    link: Option<String>,
    /// Whether it lets anybody in now.
    counts: bool,
}

impl Key {
    fn of(it: Credential, counts: bool) -> Self {
        Self {
            link: it.kept.through.map(|it| it.id),
            counts,
            id: it.id,
            actor: it.actor,
            roles: it.kept.roles,
            label: it.kept.label,
            made_at: it.kept.made_at,
            made_by: it.kept.made_by,
            expires_at: it.expires_at,
        }
    }
}

/// A key with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Made {
    #[serde(flatten)]
    key: Key,
    /// `ck_…`; shown this once.
    secret: String,
}

/// A key that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Whose; the caller's own unless said.
    #[schema(value_type = Option<String>)]
    pub(crate) actor: Option<ActorId>,
    /// Only these of its actor's roles.
    #[schema(value_type = Option<Vec<String>>)]
    pub(crate) roles: Option<BTreeSet<Role>>,
    #[schema(max_length = 100)]
    pub(crate) label: Option<String>,
    /// For how many days: 90 unless said, 3650 at most.
    #[schema(minimum = 1, maximum = 3650)]
    pub(crate) days: Option<u32>,
}

/// The caller's keys; everybody's for admins.
#[utoipa::path(get, path = "/v1/keys", params(Paging), responses((status = 200, body = Page<Key>), Refused),
    security(("key" = []), ("session" = [])), tag = "keys")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Key>>, Problem> {
    let owner = (!caller.actor.has_role(ADMIN)).then_some(&caller.actor.id);
    let (after, limit) = (paging.after.as_deref(), paging.limit()?);
    let (found, next) = shared
        .credentials()
        .list(Kind::ApiKey, owner, after, limit)
        .await?;
    let mut items = Vec::new();
    for key in found {
        let counts = shared.credentials().counts(&key).await?;
        items.push(Key::of(key, counts));
    }
    Ok(Json(Page { items, next }))
}

/// Makes a key: people for themselves, admins for services and agents. Its secret is shown once, in this answer.
///
/// Without `Idempotency-Key`: a secret is not kept to be shown again. If the answer is lost, revoke the key.
#[utoipa::path(post, path = "/v1/keys", request_body = Wanted,
    responses((status = 201, body = Made), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "keys")]
pub(super) async fn create(
    State(shared): State<Shared>,
    caller: Caller,
    headers: HeaderMap,
    Body(wanted): Body<Wanted>,
) -> Result<Response, Problem> {
    if headers.contains_key("idempotency-key") {
        return Err(Problem::malformed(
            "a key's secret is shown once, so making one takes no `Idempotency-Key`",
        ));
    }
    let (key, secret) = make(&shared, &caller, wanted).await?;
    let made = Made {
        key: Key::of(key, true),
        secret: secret.reveal().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Makes a key for somebody who is known by a credential, within what that one may.
///
/// A credential that carries few roles makes none that carries more, whoever it is for, and none that outlasts its
/// [bounds](Credential::bounds).
pub(crate) async fn make(
    shared: &Shared,
    caller: &Caller,
    wanted: Wanted,
) -> Result<(Credential, Secret), Problem> {
    let actor = wanted.actor.unwrap_or_else(|| caller.actor.id.clone());
    let owner = shared
        .engine()
        .actor(&Identity::authenticated(actor.clone(), ""))
        .await?;
    may_make(&caller.actor, &owner)?;
    let days = wanted.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Problem::invalid(format!(
            "`days` is a number from 1 to {MOST_DAYS}"
        )));
    }
    let own = &caller.credential;
    let carried = |it: &Role| caller.actor.has_role(it.as_str());
    // Somebody's own key has roles that this credential has, also one that carries all of them.
    let is_limited = own.kept.roles.is_some() || actor == caller.actor.id;
    let roles = match (wanted.roles, &own.kept.roles) {
        (None, Some(_)) => Some(owner.roles.iter().filter(|it| carried(it)).cloned().collect()),
        (roles, _) => roles,
    };
    if let Some(role) = roles.iter().flatten().find(|it| is_limited && !carried(it)) {
        return Err(Problem::forbidden(format!(
            "this credential does not carry the role `{role}`"
        )));
    }
    let new = New {
        kind: Kind::ApiKey,
        actor,
        roles,
        label: wanted.label,
        lasts: Duration::from_hours(u64::from(days) * 24),
    };
    let made = shared
        .credentials()
        .create_within(new, own.bounds(), &caller.identity);
    Ok(made.await??)
}

/// Makes a key count no more, for its owner or an admin. False for all others, as if there were none.
pub(crate) async fn unmake(shared: &Shared, caller: &Caller, id: &str) -> Result<bool, Problem> {
    let credentials = shared.credentials();
    let key = credentials.get(Kind::ApiKey, id).await?;
    let may = key.is_some_and(|it| it.actor == caller.actor.id || caller.actor.has_role(ADMIN));
    Ok(may && credentials.revoke(Kind::ApiKey, id, &caller.identity).await?)
}

/// Revokes a key: its owner or an admin.
#[utoipa::path(delete, path = "/v1/keys/{id}", params(("id" = String, Path)),
    responses((status = 204), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "keys")]
pub(super) async fn revoke(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<String>,
) -> Result<StatusCode, Problem> {
    if unmake(&shared, &caller, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("such key"))
    }
}
