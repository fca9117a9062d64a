//! Lists of calls for spreadsheets: CSV as RFC 4180 has it.
//!
//! What others wrote is text there too. What a spreadsheet would take for a formula begins with an apostrophe.

use std::io;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use countersign::store::HistoryFilter;
use countersign::{ActorId, Call, Outcome, Phase};
use tokio::sync::mpsc;

use crate::http::Refused;
use crate::http::approvals::{Which, outcome};
use crate::http::calls::{Bounds, filter, history};
use crate::http::events::Told;
use crate::http::extract::Asked;
use crate::http::problem::Problem;
use crate::server::{Caller, Shared};

/// How much is read and made at once.
const PAGE: Bounds = Bounds {
    limit: 200,
    looked_at: 1000,
};
/// How many pages wait for a client that reads slowly.
const WAITING: usize = 1;
/// The first line.
const HEAD: [&str; 13] = [
    "call",
    "tool",
    "requester",
    "agent",
    "pools",
    "confirmed_by",
    "approved_by",
    "phase",
    "outcome",
    "closed_by",
    "reason",
    "opened_at",
    "changed_at",
];

/// The history of approvals as CSV, the newest first: all that the caller may see, as the list has it.
///
/// It is made while it is read, in pages, and has no limit. A connection that breaks off before its end has not told
/// all. A cell that begins with `=`, `+`, `-`, `@`, a tab, a carriage return, a line feed, or a wide form of the first
/// four, has an apostrophe before it.
#[utoipa::path(get, path = "/v1/approvals.csv", params(Which),
    responses((status = 200, body = String, content_type = "text/csv"), Refused),
    security(("key" = []), ("session" = [])), tag = "approvals")]
pub(super) async fn csv(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    let filter = filter(which.tool.clone(), which.requester.as_deref())?;
    exported(shared, caller, filter, "approvals", move |it| which.wants(it))
}

/// Answers with the calls that somebody may see and that are wanted.
pub(crate) fn exported(
    shared: Shared,
    caller: Caller,
    filter: HistoryFilter,
    name: &str,
    wanted: impl Fn(&Call) -> bool + Send + Sync + 'static,
) -> Result<Response, Problem> {
    // It is held open as a stream is.
    let open = shared.limits().stream(&caller.actor.id)?;
    let (tell, told) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _open = open;
        let mut stopping = shared.stopping();
        let told = tokio::select! {
            told = pages(&shared, caller, &filter, wanted, &tell) => told,
            () = tell.closed() => Ok(()),
            _ = stopping.wait_for(|it| *it) => Err(Problem::too_slow()),
        };
        if let Err(problem) = told {
            tracing::warn!(detail = problem.detail(), "an export was broken off");
            // An end that looks like one would be taken for the whole. Whoever does not read notices anyway.
            let _ = tell.try_send(Err(io::Error::other("broken off")));
        }
    });
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(Told(told))).into_response())
}

/// Tells all pages, as long as whoever reads them may.
async fn pages(
    shared: &Shared,
    mut caller: Caller,
    filter: &HistoryFilter,
    wanted: impl Fn(&Call) -> bool,
    tell: &mpsc::Sender<io::Result<String>>,
) -> Result<(), Problem> {
    let (mut before, mut text) = (None, line(&HEAD.map(str::to_owned)));
    loop {
        let (found, next) = history(shared, &caller, filter, before, PAGE, &wanted).await?;
        text.extend(found.iter().map(row));
        if tell.send(Ok(std::mem::take(&mut text))).await.is_err() || next.is_none() {
            return Ok(());
        }
        before = next;
        caller = caller.again(shared).await?.ok_or_else(Problem::unauthenticated)?;
    }
}

/// Who confirmed it, as far as the call says so: whatever ran was confirmed.
pub(crate) fn confirmed_by(call: &Call) -> Option<&ActorId> {
    let has_run = matches!(
        call.phase(),
        Phase::Closed {
            outcome: Outcome::Returned { .. } | Outcome::Failed { .. }
        }
    );
    (has_run && call.gates().confirmation.is_some()).then(|| call.requester())
}

/// Who ended it, and why.
fn ended(call: &Call) -> (Option<&ActorId>, String) {
    let Phase::Closed { outcome } = call.phase() else {
        return (None, String::new());
    };
    match outcome {
        Outcome::Rejected { by, reason, .. } | Outcome::Cancelled { by, reason } => {
            (Some(by), reason.clone().unwrap_or_default())
        }
        Outcome::Abandoned { by, reason } => (Some(by), reason.clone()),
        Outcome::Answered { by, .. } => (Some(by), String::new()),
        Outcome::Failed { error, .. } => (None, error.clone()),
        Outcome::Blocked { errors } => (None, errors.join("; ")),
        Outcome::Returned { .. } | Outcome::Expired => (None, String::new()),
    }
}

/// The line of a call. Names have no spaces, so a space separates them.
fn row(call: &Call) -> String {
    let name = |it: Option<&ActorId>| it.map(ToString::to_string).unwrap_or_default();
    let pools: Vec<&str> = call.gates().approvals.iter().map(|it| it.pool.as_str()).collect();
    let voters: Vec<&str> = call.votes().iter().map(|it| it.by.as_str()).collect();
    let (by, reason) = ended(call);
    line(&[
        call.id().to_string(),
        call.tool().to_string(),
        call.requester().to_string(),
        name(call.agent().as_ref().map(|it| &it.id)),
        pools.join(" "),
        name(confirmed_by(call)),
        voters.join(" "),
        call.phase().name().to_owned(),
        outcome(call).unwrap_or_default().to_owned(),
        name(by),
        reason,
        call.opened().to_string(),
        call.updated().to_string(),
    ])
}

/// One line, with its end.
fn line(cells: &[String; HEAD.len()]) -> String {
    cells.each_ref().map(|it| cell(it)).join(",") + "\r\n"
}

/// A cell: no formula, and quoted where RFC 4180 wants it. What spreadsheets take for one is in OWASP's "CSV
/// Injection".
fn cell(text: &str) -> String {
    const BEGIN: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    let tick = if text.starts_with(BEGIN) { "'" } else { "" };
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
            ("\n=1", "\"'\n=1\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
            ("1=1", "1=1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }
}
