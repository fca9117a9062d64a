//! What waits for people, and what they say.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign::core::grant::Span as CoreSpan;
use countersign::{
    Answer as Said, CallId, Decision as CoreDecision, Remember as CoreRemember, RequirementId,
    RequirementKind, RunId, ToolName, Verdict,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::http::extract::{Asked, Body, Id, Paging, Patience};
use crate::http::idempotency::{Begun, Key, Once};
use crate::http::problem::Problem;
use crate::http::tools::settled;
use crate::http::wire::{Answer, Decision, Page, Remember, Requirement, Span, Which};
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::{record, sight};

/// How long it is looked whether arguments that somebody has given fit the types of the function.
const JUDGED: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `user_input`, `confirmation`, `approval`, `external` or `in_doubt`.
    #[param(value_type = Option<String>)]
    kind: Option<RequirementKind>,
    /// Of this tool.
    #[param(value_type = Option<String>)]
    tool: Option<ToolName>,
    /// Of this run.
    #[param(value_type = Option<String>)]
    run: Option<RunId>,
}

/// What the caller may decide now, the oldest call first. There can be some more than `limit`: those of one call are
/// never on two pages.
#[utoipa::path(get, path = "/v1/requirements", params(Filter, Paging),
    responses((status = 200, body = Page<Requirement>), Refused),
    security(("key" = []), ("session" = [])), tag = "requirements")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Requirement>>, Problem> {
    let (after, limit) = (paging.after::<CallId>()?, paging.limit()?);
    let desk = shared.engine().desk();
    let (found, next) = desk.inbox_calls(&caller.identity, after, limit).await?;
    let wanted = |it: &countersign::Requirement| {
        filter.kind.is_none_or(|kind| kind == it.kind)
            && filter.tool.as_ref().is_none_or(|tool| *tool == it.tool)
            && filter.run.is_none_or(|run| run == it.run)
    };
    let mut items = Vec::new();
    for (call, asked) in found {
        let stale = shared.session().is_stale(&call);
        let asked = asked.into_iter().filter(wanted);
        items.extend(asked.map(|it| Requirement::new(it, stale)));
    }
    Ok(Json(Page {
        items,
        next: next.map(|it| it.to_string()),
    }))
}

/// Decides a requirement. 200 if its call is over, 202 if it waits for others or runs.
///
/// The same said again by the same actor gets the same answer and counts once. `Prefer: wait=SECONDS` waits that
/// long for a call that runs.
#[utoipa::path(post, path = "/v1/requirements/{id}/decisions", params(("id" = String, Path), Key),
    request_body = Decision, responses((status = 200, body = Answer), (status = 202, body = Answer), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "requirements")]
pub(super) async fn decide(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<RequirementId>,
    headers: HeaderMap,
    Body(body): Body<Value>,
) -> Result<Response, Problem> {
    let once = Once::new(
        &shared,
        &caller,
        &headers,
        &json!({"requirement": id, "decision": body}),
        true,
    )?;
    let said: Decision = serde_json::from_value(body).map_err(|error| Problem::invalid(error.to_string()))?;
    if let Begun::Answered(answer) = once.begin().await? {
        return Ok(answer);
    }
    let proposes = matches!(said, Decision::Fill { .. } | Decision::Amend { .. });
    let decision = decision(id, said)?.by(&caller.identity);
    let answer = decided(
        &shared,
        &caller,
        decision,
        proposes,
        Patience::of(&caller.actor.id, &headers),
    )
    .await;
    once.end(answer.map(Answer::with_status)).await
}

/// Takes a decision of the caller and says how the call stands. `proposes` says whether it brings arguments.
pub(crate) async fn decided(
    shared: &Shared,
    caller: &Caller,
    decision: CoreDecision,
    proposes: bool,
    patience: Option<Patience<'_>>,
) -> Result<Answer, Problem> {
    let id = decision.requirement();
    let decided = shared.engine().desk().decide(decision).await?;
    let missing = || {
        Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_requirement",
            format!("there is no {id}"),
        )
    };
    let call = match (decided.answer, decided.call) {
        // That somebody tried is on record. That there is something to try, they are not told.
        (_, None) => return Err(missing()),
        (Said::Refused(_), Some(call)) if !sight::sees(&caller.actor, &call) => return Err(missing()),
        (Said::Refused(refusal), Some(_)) => return Err(refusal.into()),
        (Said::Accepted | Said::Repeated, Some(call)) => call,
    };
    let judged = proposes.then(|| Patience::new(&caller.actor.id, JUDGED));
    let answer = settled(shared, &call, patience.or(judged)).await?;
    let still =
        matches!(&answer, Answer::Waiting { requirements, .. } if requirements.iter().any(|it| it.id == id));
    if proposes && still {
        // The values passed the schema but not the types of the function: the same is asked once more.
        return Err(Problem::invalid(
            record::last_errors(shared.session(), id.call()).await?,
        ));
    }
    Ok(answer)
}

pub(super) fn decision(id: RequirementId, said: Decision) -> Result<CoreDecision, Problem> {
    let (verdict, reason, remembered) = match said {
        Decision::Confirm { reason, remember } => (Verdict::Confirm, reason, remember),
        Decision::Amend { arguments, reason } => (Verdict::Amend(arguments), reason, None),
        Decision::Answer { result, reason } => (Verdict::Answer(result), reason, None),
        Decision::Reject { reason } => (Verdict::Reject, reason, None),
        Decision::Fill { values } => (Verdict::Fill(values), None, None),
        Decision::Approve { reason } => (Verdict::Approve, reason, None),
        Decision::Report { result, failed } => (Verdict::Report(report(result, failed)?), None, None),
        Decision::Reask { reason } => (Verdict::Reask, reason, None),
        Decision::Retry { reason } => (Verdict::Retry, Some(reason), None),
        Decision::HandedOff { reason } => (Verdict::HandedOff, Some(reason), None),
        Decision::Done { result, reason } => (Verdict::Done(result), Some(reason), None),
        Decision::Abandon { reason } => (Verdict::Abandon, Some(reason), None),
    };
    let mut decision = CoreDecision::new(id, verdict);
    if let Some(reason) = reason {
        decision = decision.reason(reason);
    }
    if let Some(remembered) = remembered {
        decision = decision.remember(remember(&remembered)?);
    }
    Ok(decision)
}

fn remember(wish: &Remember) -> Result<CoreRemember, Problem> {
    let which = match wish.calls {
        Which::Exact => CoreRemember::exact(),
        Which::Any => CoreRemember::any(),
    };
    let span = match (wish.scope, wish.until) {
        (None | Some(Span::Run), None) => CoreSpan::Run,
        (Some(Span::Session), None) => CoreSpan::Session,
        (None, Some(time)) => CoreSpan::Until(time),
        (Some(_), Some(_)) => return Err(Problem::invalid("`remember` has either `scope` or `until`")),
    };
    Ok(CoreRemember {
        span,
        uses: wish.uses,
        ..which
    })
}

/// What the outside says: a result, or what went wrong.
pub(super) fn report(
    result: Option<Value>,
    failed: Option<String>,
) -> Result<Result<Value, String>, Problem> {
    match (result, failed) {
        (Some(result), None) => Ok(Ok(result)),
        (None, Some(failed)) => Ok(Err(failed)),
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::invalid("a report has either `result` or `failed`"))
        }
    }
}
