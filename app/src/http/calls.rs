//! Calls: lists of them, one of them, why it waits, and taking it back.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use countersign::store::HistoryFilter;
use countersign::{Answer as Said, Call as CoreCall, CallId, ToolName};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::http::extract::{Asked, Body, Id, Paging, Patience};
use crate::http::idempotency::{Begun, Key, Once};
use crate::http::problem::Problem;
use crate::http::tools::settled;
use crate::http::wire::{Answer, Call, Cancel, Page};
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::{explain, sight};

/// How many calls one page looks at, at most, to find those that the caller may see.
const LOOKED_AT: usize = 1000;
/// How many calls are read at once, at least.
const AT_ONCE: usize = 50;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this tool.
    #[param(value_type = Option<String>)]
    tool: Option<ToolName>,
    /// In this phase, such as `confirm` or `closed`.
    phase: Option<String>,
    /// Of this requester.
    requester: Option<String>,
}

/// A call that the caller may see. All others answer as if there were none.
pub(super) async fn visible(shared: &Shared, caller: &Caller, id: CallId) -> Result<CoreCall, Problem> {
    let call = sight::call(shared.engine(), &caller.actor, id).await?;
    call.ok_or_else(|| Problem::not_found(id))
}

/// Calls that the caller may see, the newest first.
#[utoipa::path(get, path = "/v1/calls", params(Which, Paging), responses((status = 200, body = Page<Call>), Refused),
    security(("key" = []), ("session" = [])), tag = "calls")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Call>>, Problem> {
    let filter = HistoryFilter {
        phase: which.phase,
        ..filter(which.tool, which.requester.as_deref())?
    };
    page(&shared, &caller, &filter, &paging, |_| true).await
}

/// Calls of one tool, of one requester.
pub(super) fn filter(tool: Option<ToolName>, requester: Option<&str>) -> Result<HistoryFilter, Problem> {
    let requester = requester.map(str::parse).transpose();
    Ok(HistoryFilter {
        requester: requester.map_err(|_| Problem::malformed("`requester` is no actor's name"))?,
        tool,
        ..HistoryFilter::default()
    })
}

/// A page of the calls that the caller may see and that are wanted.
pub(super) async fn page(
    shared: &Shared,
    caller: &Caller,
    filter: &HistoryFilter,
    paging: &Paging,
    wanted: impl Fn(&CoreCall) -> bool,
) -> Result<Json<Page<Call>>, Problem> {
    let bounds = Bounds {
        limit: paging.limit()?,
        looked_at: LOOKED_AT,
    };
    let (found, next) = history(shared, caller, filter, paging.after()?, bounds, wanted).await?;
    let view = |it: CoreCall| Call::of(&it, shared.session().is_stale(&it));
    Ok(Json(Page {
        items: found.into_iter().map(view).collect(),
        next: next.map(|it| it.to_string()),
    }))
}

/// How much there is on one page.
pub(crate) struct Bounds {
    /// How many calls, at most.
    pub(crate) limit: usize,
    /// How many are looked at to find them, where most are not wanted or not to be seen.
    pub(crate) looked_at: usize,
}

/// Calls that somebody may see and that are wanted, the newest first, and where to go on.
pub(crate) async fn history(
    shared: &Shared,
    caller: &Caller,
    filter: &HistoryFilter,
    mut before: Option<CallId>,
    Bounds { limit, looked_at }: Bounds,
    wanted: impl Fn(&CoreCall) -> bool,
) -> Result<(Vec<CoreCall>, Option<CallId>), Problem> {
    let engine = shared.engine();
    let (mut found, mut looked) = (Vec::new(), 0);
    // Whoever wants few may have to be shown many before there are few that they may see.
    let at_once = limit.max(AT_ONCE);
    loop {
        let rows = engine
            .store()
            .history(engine.tenant(), filter, before, at_once)
            .await?;
        let full = rows.len() == at_once;
        for row in rows {
            before = Some(row.id);
            looked += 1;
            // One call that cannot be read must not hide all others; `GET calls/{id}` says what is wrong with it.
            let Ok(call) = engine.read(&row) else {
                continue;
            };
            if sight::sees(&caller.actor, &call) && wanted(&call) {
                found.push(call);
            }
            if found.len() == limit {
                return Ok((found, before));
            }
        }
        if !full {
            return Ok((found, None));
        }
        if looked >= looked_at {
            return Ok((found, before));
        }
    }
}

/// One call as it stands. `Prefer: wait=SECONDS` waits that long for one that runs.
#[utoipa::path(get, path = "/v1/calls/{id}", params(("id" = String, Path)),
    responses((status = 200, body = Call), Refused), security(("key" = []), ("session" = [])), tag = "calls")]
pub(super) async fn get(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<CallId>,
    headers: HeaderMap,
) -> Result<Json<Call>, Problem> {
    let mut call = visible(&shared, &caller, id).await?;
    if let Some(patience) = Patience::of(&caller.actor.id, &headers) {
        settled(&shared, &call, Some(patience)).await?;
        call = visible(&shared, &caller, id).await?;
    }
    Ok(Json(Call::of(&call, shared.session().is_stale(&call))))
}

/// Which gates a call has, what made each stand, who passed it, what is missing.
#[utoipa::path(get, path = "/v1/calls/{id}/explain", params(("id" = String, Path)),
    responses((status = 200, body = Object), Refused), security(("key" = []), ("session" = [])), tag = "calls")]
pub(super) async fn explain(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<Json<Value>, Problem> {
    visible(&shared, &caller, id).await?;
    let reply = explain::explain(shared.session(), id).await?;
    Ok(Json(reply.json))
}

/// Withdraws a call: its requester or an operator.
#[utoipa::path(post, path = "/v1/calls/{id}/cancel", params(("id" = String, Path), Key), request_body = Cancel,
    responses((status = 200, body = Answer), (status = 202, body = Answer), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "calls")]
pub(super) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<CallId>,
    headers: HeaderMap,
    Body(body): Body<Cancel>,
) -> Result<Response, Problem> {
    let asked = serde_json::json!({"cancel": id, "reason": body.reason});
    let once = Once::new(&shared, &caller, &headers, &asked, true)?;
    if let Begun::Answered(answer) = once.begin().await? {
        return Ok(answer);
    }
    visible(&shared, &caller, id).await?;
    let decided = shared
        .engine()
        .desk()
        .cancel(id, &caller.identity, body.reason)
        .await?;
    match (decided.answer, decided.call) {
        (Said::Refused(refusal), _) => Err(refusal.into()),
        (Said::Accepted | Said::Repeated, Some(call)) => {
            let answer = Answer::of(&call, shared.session().is_stale(&call));
            once.end(Ok(answer.with_status())).await
        }
        (Said::Accepted | Said::Repeated, None) => Err(Problem::not_found(id)),
    }
}

/// A token for one report.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Token {
    /// Where the result is to be posted, relative to this server. Whoever has it can report; shown this once.
    path: String,
}

/// Issues a token with which an outside system reports the result of this call; for actors with the role `reporter`.
#[utoipa::path(post, path = "/v1/calls/{id}/token", params(("id" = String, Path)),
    responses((status = 201, body = Token), Refused, NotDone), security(("key" = []), ("session" = [])), tag = "calls")]
pub(super) async fn token(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<CallId>,
) -> Result<Response, Problem> {
    visible(&shared, &caller, id).await?;
    match shared.engine().desk().issue_token(id, &caller.identity).await? {
        Ok(token) => {
            let path = format!("/v1/external/{id}.{token}");
            Ok((StatusCode::CREATED, Json(Token { path })).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
