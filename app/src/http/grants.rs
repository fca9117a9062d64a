//! Remembered confirmations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use countersign::{Answer, Error, GrantId};

use crate::http::extract::{Asked, Id, Paging};
use crate::http::problem::Problem;
use crate::http::wire::{Grant, Page};
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::sight;

/// The caller's remembered confirmations, the newest first; of everybody for operators and auditors.
#[utoipa::path(get, path = "/v1/grants", params(Paging), responses((status = 200, body = Page<Grant>), Refused),
    security(("key" = []), ("session" = [])), tag = "grants")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Grant>>, Problem> {
    let owner = (!sight::sees_all(&caller.actor)).then_some(&caller.actor.id);
    let (after, limit) = (paging.after::<GrantId>()?, paging.limit()?);
    let (found, next) = shared.engine().desk().grants(owner, after, limit).await?;
    Ok(Json(Page {
        items: found.iter().map(Grant::of).collect(),
        next: next.map(|it| it.to_string()),
    }))
}

/// Takes a remembered confirmation back: its owner or an operator.
#[utoipa::path(delete, path = "/v1/grants/{id}", params(("id" = String, Path)),
    responses((status = 204), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "grants")]
pub(super) async fn revoke(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<GrantId>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found(id);
    let revoked = match shared.engine().desk().revoke(id, &caller.identity).await {
        Ok(revoked) => revoked,
        Err(Error::UnknownGrant(_)) => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    match revoked.answer {
        Answer::Accepted | Answer::Repeated => Ok(StatusCode::NO_CONTENT),
        Answer::Refused(_) if !may_see(&caller, &revoked.grant) => Err(missing()),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}

fn may_see(caller: &Caller, grant: &countersign::Grant) -> bool {
    *grant.owner() == caller.actor.id || sight::sees_all(&caller.actor)
}
