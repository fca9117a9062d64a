//! What somebody says about what a call asks. Only by a form of their own: no link decides anything.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, RawForm, State};
use axum::http::StatusCode;
use axum::response::Response;
use countersign::{Answer, CallId, RequirementId};

use super::ask::{self, Draft, Unread};
use super::call::{Seen, page};
use super::form::Posted;
use super::page::{Trouble, see, sentence};
use super::question::back;
use super::value::Extent;
use super::visible::Line;
use super::visitor::Visitor;
use crate::http::problem::Problem;
use crate::record;
use crate::requirement;
use crate::server::{Caller, Shared};

/// How long a page waits for what it has set going before it shows that it still goes on.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What was posted, each name once: of the same name the last one counts.
pub(super) fn posted(form: &[u8]) -> Posted {
    form_urlencoded::parse(form)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// Takes a decision.
pub(super) async fn decide(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path((id, verb)): Path<(RequirementId, String)>,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    let posted = posted(&form);
    let seen = Seen::load(&shared, &caller, id.call()).await?;
    let shows_all = posted.contains_key("all");
    let says_yes = !matches!(verb.as_str(), "reject" | "reask" | "abandon");
    if says_yes && !shows_all && !seen.arguments(Extent::Brief).is_open() {
        let words = "Nothing was decided: a part of the arguments was not shown. Now everything is; read it, then decide.";
        return page(
            &shared,
            &caller,
            &seen,
            true,
            Some(("warn", Line::of(words))),
            None,
            StatusCode::CONFLICT,
        )
        .await;
    }
    // Asked now, or asked before: the desk says what has become of it, and puts the attempt on record.
    let asked = requirement::find(&seen.call, id).or_else(|| seen.call.reask().filter(|it| it.id == id));
    let read = match &asked {
        Some(requirement) => ask::decision(requirement, &seen.descriptor, &verb, &posted),
        None => bare(id, &verb).ok_or(Unread::Unknown),
    };
    let decision = match read {
        Ok(decision) => decision,
        Err(Unread::Unknown) => return Err(Trouble::not_found("such decision")),
        Err(Unread::Row) => return again(&shared, &caller, &seen, id, verb, posted, BTreeMap::new()).await,
        Err(Unread::Wrong(errors)) => return again(&shared, &caller, &seen, id, verb, posted, errors).await,
    };
    let proposes = matches!(verb.as_str(), "fill" | "amend");
    let decided = shared
        .engine()
        .desk()
        .decide(decision.by(&caller.identity))
        .await?;
    if let Answer::Refused(refusal) = decided.answer {
        let problem = Problem::from(refusal);
        let status = problem.status();
        let notice = Some(("bad", Line::of(sentence(problem.detail()))));
        let seen = Seen::load(&shared, &caller, id.call()).await?;
        return page(&shared, &caller, &seen, shows_all, notice, None, status).await;
    }
    // What was set going is often done before anybody could look.
    let settled = tokio::time::timeout(PATIENCE, shared.engine().wait_until_settled(id.call())).await;
    if let Ok(call) = settled
        && proposes
        && requirement::find(&call?, id).is_some()
    {
        // The values passed the schema but not the types of the function: the same is asked once more.
        let errors = record::last_errors(shared.session(), id.call()).await?;
        let errors = BTreeMap::from([(String::new(), vec![errors])]);
        let seen = Seen::load(&shared, &caller, id.call()).await?;
        return again(&shared, &caller, &seen, id, verb, posted, errors).await;
    }
    // Whoever answered in a conversation goes on with it.
    Ok(see(&match back(&posted) {
        Some(run) => format!("/runs/{run}"),
        None => format!("/calls/{}?did={verb}", id.call()),
    }))
}

/// The page once more, with what was typed.
async fn again(
    shared: &Shared,
    caller: &Caller,
    seen: &Seen,
    id: RequirementId,
    verb: String,
    posted: Posted,
    errors: BTreeMap<String, Vec<String>>,
) -> Result<Response, Trouble> {
    let is_wrong = !errors.is_empty();
    let words = match errors.get("") {
        Some(words) => sentence(&words.join("; ")),
        None => "Some of it does not fit. Nothing was decided.".to_owned(),
    };
    let notice = is_wrong.then(|| ("bad", Line::of(words)));
    let status = if is_wrong {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let shows_all = posted.contains_key("all");
    let draft = Draft { verb, posted, errors };
    page(shared, caller, seen, shows_all, notice, Some((id, draft)), status).await
}

/// A decision about what is asked no more, as far as it can be said without knowing what it was.
fn bare(id: RequirementId, verb: &str) -> Option<countersign::Decision> {
    use countersign::Verdict;
    let verdict = match verb {
        "confirm" => Verdict::Confirm,
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        "reask" => Verdict::Reask,
        "retry" => Verdict::Retry,
        "handed-off" => Verdict::HandedOff,
        "abandon" => Verdict::Abandon,
        "amend" => Verdict::Amend(serde_json::json!({})),
        "fill" => Verdict::Fill(serde_json::json!({})),
        "answer" => Verdict::Answer(serde_json::Value::Null),
        "done" => Verdict::Done(serde_json::Value::Null),
        "report" | "report-failure" => Verdict::Report(Ok(serde_json::Value::Null)),
        _ => return None,
    };
    Some(countersign::Decision::new(id, verdict))
}

/// Withdraws a call.
pub(super) async fn cancel(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<CallId>,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    let seen = Seen::load(&shared, &caller, id).await?;
    let posted = posted(&form);
    let reason = posted
        .get("reason")
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty());
    let cancelled = shared
        .engine()
        .desk()
        .cancel(id, &caller.identity, reason)
        .await?;
    if let Answer::Refused(refusal) = cancelled.answer {
        let problem = Problem::from(refusal);
        let notice = Some(("bad", Line::of(sentence(problem.detail()))));
        return page(&shared, &caller, &seen, true, notice, None, problem.status()).await;
    }
    Ok(see(&format!("/calls/{id}?did=cancel")))
}
