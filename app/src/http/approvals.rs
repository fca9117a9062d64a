//! The history of approvals, and how many things wait.

use axum::Json;
use axum::extract::State;
use countersign::ToolName;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::Refused;
use crate::http::calls::{filter, page};
use crate::http::extract::{Asked, Paging};
use crate::http::problem::Problem;
use crate::http::wire::{Call, Count, Page};
use crate::server::{Caller, Shared};

/// How many are counted, at most.
const COUNTED: usize = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Of this tool.
    #[param(value_type = Option<String>)]
    pub(super) tool: Option<ToolName>,
    /// Of this requester.
    pub(super) requester: Option<String>,
    /// That this person approved or rejected.
    by: Option<String>,
    /// That ended so, such as `returned` or `rejected`.
    outcome: Option<String>,
}

impl Which {
    /// Whether a call of this tool and requester is one of these.
    pub(super) fn wants(&self, call: &countersign::Call) -> bool {
        !call.gates().approvals.is_empty()
            && self.by.as_deref().is_none_or(|it| decided_by(call, it))
            && self.outcome.as_deref().is_none_or(|it| outcome(call) == Some(it))
    }
}

/// Calls with approval gates that the caller may see, the newest first: who approved, who said no, what came of it.
#[utoipa::path(get, path = "/v1/approvals", params(Which, Paging),
    responses((status = 200, body = Page<Call>), Refused),
    security(("key" = []), ("session" = [])), tag = "approvals")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Call>>, Problem> {
    let filter = filter(which.tool.clone(), which.requester.as_deref())?;
    page(&shared, &caller, &filter, &paging, |it| which.wants(it)).await
}

/// Whether somebody approved or rejected it.
pub(crate) fn decided_by(call: &countersign::Call, by: &str) -> bool {
    use countersign::{Outcome, Phase};
    let rejected = match call.phase() {
        Phase::Closed {
            outcome: Outcome::Rejected { by, .. },
        } => Some(by.as_str()),
        _ => None,
    };
    rejected == Some(by) || call.votes().iter().any(|it| it.by.as_str() == by)
}

/// How it ended, if it did.
pub(crate) fn outcome(call: &countersign::Call) -> Option<&'static str> {
    match call.phase() {
        countersign::Phase::Closed { outcome } => Some(outcome.name()),
        _ => None,
    }
}

/// How many things wait for the caller, up to 500.
#[utoipa::path(get, path = "/v1/approvals/count", responses((status = 200, body = Count), Refused),
    security(("key" = []), ("session" = [])), tag = "approvals")]
pub(super) async fn count(State(shared): State<Shared>, caller: Caller) -> Result<Json<Count>, Problem> {
    let (found, next) = shared
        .engine()
        .desk()
        .inbox(&caller.identity, None, COUNTED)
        .await?;
    Ok(Json(Count {
        waiting: found.len(),
        more: next.is_some(),
    }))
}
