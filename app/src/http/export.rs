//! The history of approvals for spreadsheets: CSV as RFC 4180 has it.
//!
//! What others wrote is text there too. A cell that a spreadsheet would take for a formula begins with an apostrophe.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use countersign::store::HistoryFilter;
use countersign::{Call, Outcome, Phase};
use tokio::sync::mpsc;

use crate::http::Refused;
use crate::http::approvals::{Which, outcome};
use crate::http::calls::{Bounds, filter, history};
use crate::http::events::Told;
use crate::http::extract::Asked;
use crate::http::problem::Problem;
use crate::server::{Caller, Shared};

/// How many lines are made at once.
const PAGE: Bounds = Bounds {
    limit: 200,
    looked_at: 1000,
};
/// How many pages wait for a client that reads slowly.
const WAITING: usize = 1;
/// The first line.
const HEAD: [&str; 12] = [
    "call",
    "tool",
    "requester",
    "agent",
    "pools",
    "approved_by",
    "phase",
    "outcome",
    "closed_by",
    "reason",
    "opened_at",
    "changed_at",
];

/// The history of approvals as CSV, the newest first: all of what the caller may see and the filters let through.
///
/// It is made while it is read. A connection that breaks off before its end has not told all. A cell that begins with
/// `=`, `+`, `-`, `@`, a tab or a carriage return has an apostrophe before it.
#[utoipa::path(get, path = "/v1/approvals.csv", params(Which),
    responses((status = 200, body = String, content_type = "text/csv"), Refused),
    security(("key" = []), ("session" = [])), tag = "approvals")]
pub(super) async fn csv(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let filter = filter(which.tool.clone(), which.requester.as_deref())?;
    // It is held open as a stream is.
    let open = shared.limits().stream(&caller.actor.id)?;
    let (tell, told) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _open = open;
        let mut stopping = shared.stopping();
        let told = tokio::select! {
            told = pages(&shared, caller, &filter, &which, &tell) => told,
            _ = stopping.wait_for(|it| *it) => Err(Problem::too_slow()),
        };
        if let Err(problem) = told {
            tracing::warn!(detail = problem.detail(), "an export was broken off");
            let _ = tell.send(Err(io::Error::other("the export was broken off"))).await;
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"approvals.csv\""),
    ];
    Ok((headers, Body::from_stream(Told(told))).into_response())
}

/// Tells all pages, as long as somebody listens and may.
async fn pages(
    shared: &Shared,
    mut caller: Caller,
    filter: &HistoryFilter,
    which: &Which,
    tell: &mpsc::Sender<io::Result<String>>,
) -> Result<(), Problem> {
    let (mut before, mut text) = (None, line(HEAD.map(str::to_owned)));
    loop {
        let (found, next) = history(shared, &caller, filter, before, PAGE, |it| which.wants(it)).await?;
        text.extend(found.iter().map(row));
        if tell.send(Ok(std::mem::take(&mut text))).await.is_err() || next.is_none() {
            return Ok(());
        }
        before = next;
        caller = caller.again(shared).await?.ok_or_else(Problem::unauthenticated)?;
    }
}

fn row(call: &Call) -> String {
    let (by, reason) = match call.phase() {
        Phase::Closed { outcome } => match outcome {
            Outcome::Rejected { by, reason, .. } | Outcome::Cancelled { by, reason } => (Some(by), reason.clone()),
            Outcome::Abandoned { by, reason } => (Some(by), Some(reason.clone())),
            Outcome::Answered { by, .. } => (Some(by), None),
            Outcome::Returned { .. } | Outcome::Failed { .. } | Outcome::Blocked { .. } | Outcome::Expired => {
                (None, None)
            }
        },
        _ => (None, None),
    };
    let joined = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(" ");
    line([
        call.id().to_string(),
        call.tool().to_string(),
        call.requester().to_string(),
        call.agent().as_ref().map(|it| it.id.to_string()).unwrap_or_default(),
        joined(&mut call.gates().approvals.iter().map(|it| it.pool.to_string())),
        joined(&mut call.votes().iter().map(|it| it.by.to_string())),
        call.phase().name().to_owned(),
        outcome(call).unwrap_or_default().to_owned(),
        by.map(ToString::to_string).unwrap_or_default(),
        reason.unwrap_or_default(),
        call.opened().to_string(),
        call.updated().to_string(),
    ])
}

/// One line, with its end.
fn line(cells: [String; 12]) -> String {
    cells.map(|it| cell(&it)).join(",") + "\r\n"
}

/// A cell: no formula, and quoted where RFC 4180 wants it.
fn cell(text: &str) -> String {
    let tick = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{tick}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{tick}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_what_was_written_and_never_a_formula() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("1=1", "1=1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
