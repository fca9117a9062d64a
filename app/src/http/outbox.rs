//! Notices on their way to people and programs elsewhere.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign::{CallId, NoticeKind, RequirementId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::http::extract::{Asked, Id, Paging};
use crate::http::idempotency::{Begun, Key, Once};
use crate::http::problem::Problem;
use crate::http::wire::Page;
use crate::http::{NotDone, Refused};
use crate::outbox::Delivery;
use crate::outbox::look::{self, Again, State as Standing, may_look, may_send};
use crate::server::{Caller, Shared};

/// A notice to one place.
#[derive(Debug, Serialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "it is called so in the API and in web hooks"
)]
pub(super) struct Notice {
    /// The same in every attempt: `webhook-id`, `Message-ID`.
    id: String,
    /// `due`, `sent` or `dead`: given up.
    #[schema(value_type = String, example = "due")]
    state: Standing,
    /// `asked`, `warned`, `escalated`, `decided`, `expired` or `closed`.
    #[schema(value_type = String, example = "asked")]
    notice: NoticeKind,
    /// What it is about.
    #[schema(value_type = String)]
    requirement: RequirementId,
    #[schema(value_type = String)]
    call: CallId,
    /// Where it goes, as the policy has it.
    #[schema(example = "mailto:ops@example.com")]
    to: String,
    /// How often it was tried.
    tries: u32,
    /// Why the last attempt that failed did.
    why: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    found_at: Timestamp,
    /// When it is tried next, if it is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// Until when it is remembered, if it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    kept_until: Option<Timestamp>,
}

impl Notice {
    fn of(it: Delivery, state: Standing) -> Self {
        let at = |wanted: bool| wanted.then_some(it.at);
        Self {
            call: it.call(),
            next_at: at(state == Standing::Due),
            kept_until: at(state != Standing::Due),
            id: it.id,
            state,
            notice: it.kept.notice,
            requirement: it.kept.requirement,
            to: it.kept.to,
            tries: it.kept.tries,
            why: it.kept.why,
            found_at: it.kept.found_at,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// `due` unless said, `sent` or `dead`.
    #[param(value_type = Option<String>)]
    state: Option<Standing>,
}

/// Notices in one state, in order of their ids; for operators, admins and auditors.
#[utoipa::path(get, path = "/v1/outbox", params(Which, Paging), responses((status = 200, body = Page<Notice>), Refused),
    security(("key" = []), ("session" = [])), tag = "outbox")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Notice>>, Problem> {
    if !may_look(&caller.actor) {
        return Err(Problem::forbidden(
            "the outbox is for operators, admins and auditors to see",
        ));
    }
    let state = which.state.unwrap_or(Standing::Due);
    let (after, limit) = (paging.after.as_deref(), paging.limit()?);
    let (found, next) = look::list(shared.engine(), state, after, limit).await?;
    Ok(Json(Page {
        items: found.into_iter().map(|it| Notice::of(it, state)).collect(),
        next,
    }))
}

/// Sends again what was given up; for operators and admins. It is due at once.
#[utoipa::path(post, path = "/v1/outbox/{id}/again", params(("id" = String, Path), Key),
    responses((status = 200, body = Notice), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "outbox")]
pub(super) async fn again(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !may_send(&caller.actor) {
        return Err(Problem::forbidden("operators and admins send again"));
    }
    let asked = json!({"send again": id});
    let once = Once::new(&shared, &caller, &headers, &asked, false)?;
    if let Begun::Answered(answer) = once.begin().await? {
        return Ok(answer);
    }
    let done = look::again(shared.engine(), &id, &caller.identity).await;
    let answer = match done.map_err(Problem::from) {
        Ok(Again::Due(due)) => Ok((StatusCode::OK, Notice::of(*due, Standing::Due))),
        Ok(other) => Err(not_again(&other)),
        Err(problem) => Err(problem),
    };
    once.end(answer).await
}

/// Why something is not sent again.
pub(crate) fn not_again(what: &Again) -> Problem {
    match what {
        Again::Otherwise(Standing::Due) => Problem::conflict("out_of_turn", "it is to be sent already"),
        Again::Otherwise(_) => Problem::conflict("out_of_turn", "it has arrived"),
        Again::Unknown | Again::Due(_) => Problem::not_found("such notice in the outbox"),
    }
}
