//! Results that outside systems report with a call's one-time token.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use countersign::core::requirement::Ask;
use countersign::{ActorId, Answer as Said, CallId, Decision, Error};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::extract::{Id, Patience, Written};
use crate::http::problem::Problem;
use crate::http::requirements::report as reported;
use crate::http::tools::settled;
use crate::http::wire::{Answer, present};
use crate::http::{NotDone, Refused};
use crate::server::Shared;

/// How the work ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// As the tool's result schema wants it.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    /// What went wrong.
    failed: Option<String>,
    /// The call that it is about. Must be said where reports are signed: a signature covers the body, not the path.
    #[schema(value_type = Option<String>)]
    call: Option<CallId>,
}

/// Reports the result of a call, with the path that was issued for it. The same report again gets the same answer.
///
/// Wrong tokens are counted, of everybody together: where there are too many, they are answered 429 for a while. Whoever
/// has the right one is not held up.
#[utoipa::path(post, path = "/v1/external/{token}", params(("token" = String, Path)), request_body = Report,
    responses((status = 200, body = Answer), (status = 202, body = Answer), Refused, NotDone), tag = "external")]
pub(super) async fn report(
    State(shared): State<Shared>,
    Id(place): Id<String>,
    headers: HeaderMap,
    written: Written,
) -> Result<Response, Problem> {
    let now = shared.engine().now();
    shared.reports().admit(&headers, &written.0, now)?;
    let report: Report = written.read()?;
    let missing = || Problem::not_found("such token");
    // Counted alike whether there is such a call or not: the answer must not tell.
    let wrong = || shared.limits().wrong_token().err().unwrap_or_else(missing);
    let (call, token) = place.split_once('.').ok_or_else(wrong)?;
    let id: CallId = call.parse().map_err(|_| wrong())?;
    match report.call {
        Some(call) if call != id => return Err(Problem::invalid("this report is about another call")),
        None if shared.reports().demand_one() => {
            return Err(Problem::invalid(
                "reports are signed here: say in `call` which one it is about",
            ));
        }
        Some(_) | None => {}
    }
    let report = reported(report.result, report.failed)?;
    let desk = shared.engine().desk();
    let call = match desk.call(id).await {
        Ok(call) => call,
        Err(Error::UnknownCall(_)) => return Err(wrong()),
        Err(error) => return Err(error.into()),
    };
    let on = call.requirement_id(Ask::External);
    let known = desk.knows_token(&call, token);
    if known {
        // What does not fit is on record each time.
        let whose = ActorId::new(&format!("report:{id}")).map_err(|_| missing())?;
        shared.limits().admit(&whose)?;
    } else {
        shared.limits().wrong_token()?;
    }
    let decided = desk
        .decide(Decision::report_with_token(on, report, token.to_owned()))
        .await?;
    let call = match (decided.answer, decided.call) {
        // Whoever has no token learns nothing of the call.
        (Said::Refused(_), _) if !known => return Err(missing()),
        (Said::Refused(refusal), _) => return Err(refusal.into()),
        (Said::Accepted | Said::Repeated, Some(call)) => call,
        (Said::Accepted | Said::Repeated, None) => return Err(missing()),
    };
    let patience = Patience::of(call.requester(), &headers);
    let (status, answer) = settled(&shared, &call, patience).await?.with_status();
    Ok((status, Json(answer)).into_response())
}
