//! `runs`, and `show` of one of them: what agents and direct callers have begun, and how it stands.
//!
//! Everything is read from the store, so a program without agents can show those of another.

use std::fmt::Write as _;

use countersign::store::{RunFilter, RunRow};
use countersign::{Call, Error, Phase, RunId};
use countersign_agent::{EventKind, Run, RunEvent};
use serde_json::{Value, json};

use crate::cli::RunsArgs;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::text;

/// How many events are read at once.
const PAGE: usize = 500;

/// The runs, the newest first.
pub(crate) async fn list(session: &Session, args: RunsArgs) -> Result<Reply, Failure> {
    let engine = &session.engine;
    let limit = usize::from(args.limit);
    let mut rows = engine
        .store()
        .runs(engine.tenant(), &RunFilter::All, args.after, limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map(|it| it.id).filter(|_| more);
    let mut items = Vec::new();
    let mut table = Vec::new();
    for row in &rows {
        let (calls, status) = match engine.calls_of(row.id).await {
            Ok(calls) => {
                let status = status(&calls);
                (calls, status)
            }
            Err(Error::Call { id, .. }) => {
                table.push(vec![
                    moment(row),
                    format!("{id} cannot be read; asked by {}", row.requester),
                ]);
                (Vec::new(), "damaged")
            }
            Err(error) => return Err(error.into()),
        };
        let path = Run::path_of(row);
        if path.is_empty() {
            for call in &calls {
                let words = format!(
                    "{} {}, asked by {}",
                    call.tool(),
                    standing(call),
                    call.requester()
                );
                table.push(vec![moment(row), words]);
                table.push(vec![String::new(), call.id().to_string()]);
            }
        } else {
            let words = format!("{} {}, asked by {}", path.join(" > "), row.status, row.requester);
            table.push(vec![moment(row), words]);
            table.push(vec![String::new(), row.id.to_string()]);
            for call in &calls {
                let words = format!("  {} {}: {}", call.tool(), standing(call), call.id());
                table.push(vec![String::new(), words]);
            }
        }
        items.push(run_json(row, &calls, status));
    }
    let mut told = if table.is_empty() {
        "No runs yet.\n".to_owned()
    } else {
        text::table(&table)
    };
    if let Some(next) = next {
        let _ = writeln!(
            told,
            "\nMore: {}",
            session.command(&format!("runs --after {next}"))
        );
    }
    Ok(Reply::done(json!({"items": items, "next": next}), told))
}

/// Month, day, hour and minute.
fn moment(row: &RunRow) -> String {
    text::moment(&row.created.to_string())
        .get(5..16)
        .unwrap_or_default()
        .to_owned()
}

fn run_json(row: &RunRow, calls: &[Call], status: &str) -> Value {
    let calls: Vec<Value> = calls
        .iter()
        .map(|it| json!({"call": it.id(), "tool": it.tool(), "phase": it.phase().name(), "outcome": outcome(it)}))
        .collect();
    let status = if row.agent.is_some() {
        row.status.as_str()
    } else {
        status
    };
    json!({
        "run": row.id,
        "requester": row.requester,
        "agent": row.agent,
        "path": Run::path_of(row),
        "session": row.session,
        "created": row.created,
        "status": status,
        "calls": calls,
    })
}

fn outcome(call: &Call) -> Option<&'static str> {
    match call.phase() {
        Phase::Closed { outcome } => Some(outcome.name()),
        _ => None,
    }
}

/// How a run of direct calls stands.
pub(crate) fn status(calls: &[Call]) -> &'static str {
    let waits = |it: &Call| {
        !matches!(
            it.phase(),
            Phase::Closed { .. } | Phase::Gating { .. } | Phase::Cleared { .. } | Phase::Executing { .. }
        )
    };
    let last = calls.last().and_then(outcome);
    if calls.iter().any(waits) {
        "paused"
    } else if calls.iter().any(|it| !matches!(it.phase(), Phase::Closed { .. })) {
        "running"
    } else {
        match last {
            Some("failed") => "failed",
            Some("cancelled") => "cancelled",
            _ => "completed",
        }
    }
}

/// How a call stands, in words.
pub(crate) fn standing(call: &Call) -> String {
    match call.phase() {
        Phase::Closed { outcome } => outcome.name().to_owned(),
        Phase::Input { .. } => "asks for input".to_owned(),
        Phase::Confirm { .. } => "asks to confirm".to_owned(),
        Phase::Approve { .. } => "asks for approval".to_owned(),
        Phase::External { .. } => "works outside".to_owned(),
        Phase::InDoubt { .. } => "is in doubt".to_owned(),
        Phase::Gating { .. } | Phase::Cleared { .. } => "is cleared".to_owned(),
        Phase::Executing { .. } => "runs".to_owned(),
    }
}

/// A run with its calls and everything that happened in it.
pub(crate) async fn show(session: &Session, id: RunId) -> Result<Reply, Failure> {
    let engine = &session.engine;
    let found = engine.store().run(engine.tenant(), id).await?;
    let row = found.ok_or_else(|| Failure::new(format!("there is no {id}")))?;
    let calls = engine.calls_of(id).await?;
    let events = events(session, id).await?;
    let path = Run::path_of(&row);
    let mut json = run_json(&row, &calls, status(&calls));
    let standing_now = json["status"].as_str().unwrap_or_default().to_owned();
    let mut words = text::pairs(
        2,
        [
            ("run", id.to_string()),
            ("status", standing_now),
            ("asked by", row.requester.to_string()),
            (
                "agent",
                if path.is_empty() {
                    "none, called directly".to_owned()
                } else {
                    path.join(" > ")
                },
            ),
            (
                "session",
                row.session
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), ToString::to_string),
            ),
        ],
    );
    if !calls.is_empty() {
        words.push_str("\n  Calls\n");
        let rows = calls
            .iter()
            .map(|it| vec![format!("    {}", it.tool()), standing(it), it.id().to_string()]);
        words.push_str(&text::table(&rows.collect::<Vec<_>>()));
    }
    if !events.is_empty() {
        words.push_str("\n  What happened (UTC)\n");
        let rows = events
            .iter()
            .map(|it| vec![format!("    {}", clock(it)), told(&it.kind)]);
        words.push_str(&text::table(&rows.collect::<Vec<_>>()));
    }
    if let Some(fields) = json.as_object_mut() {
        fields.insert("events".to_owned(), json!(events));
    }
    Ok(Reply::done(json, words))
}

/// Everything that happened in a run of an agent.
pub(crate) async fn events(session: &Session, id: RunId) -> Result<Vec<RunEvent>, Failure> {
    let store = session.engine.store();
    let mut events: Vec<RunEvent> = Vec::new();
    loop {
        let from = events.last().map_or(0, |it| it.number + 1);
        let rows = store.run_events(session.engine.tenant(), id, from, PAGE).await?;
        for row in &rows {
            events.push(serde_json::from_str(&row.text).map_err(|error| {
                Failure::new(format!("event {} of {id} cannot be read: {error}", row.number))
            })?);
        }
        if rows.len() < PAGE {
            return Ok(events);
        }
    }
}

fn clock(event: &RunEvent) -> String {
    let at = text::moment(&event.at.to_string());
    at.get(11..19).unwrap_or_default().to_owned()
}

/// An event in words, on one line. What a model, a tool or a person said is escaped and quoted.
fn told(event: &EventKind) -> String {
    let hooks = |by: &[String]| match by {
        [] => String::new(),
        names => format!(" (rewritten by {})", text::shown(&text::listed(names, "and"))),
    };
    let quoted = |it: &str| format!("“{}”", text::shown(it));
    match event {
        EventKind::RunStarted { input, rewritten_by } => {
            format!("asked: {}{}", quoted(input), hooks(rewritten_by))
        }
        EventKind::ContentDelta { text } => quoted(text),
        EventKind::Said { said, .. } => {
            let mut words = Vec::new();
            if !said.text.is_empty() {
                words.push(format!("said: {}", quoted(&said.text)));
            }
            for call in &said.calls {
                words.push(format!(
                    "calls {} {}",
                    text::shown(&call.name),
                    text::shown(&call.arguments)
                ));
            }
            words.join("; ")
        }
        EventKind::ToolResult { result, rewritten_by } => format!(
            "{} gave {}{}",
            text::shown(&result.name),
            text::shown(&result.content),
            hooks(rewritten_by)
        ),
        EventKind::RunPaused { requirements } => match requirements.len() {
            1 => "paused: one thing is asked".to_owned(),
            many => format!("paused: {many} things are asked"),
        },
        EventKind::RunContinued => "went on".to_owned(),
        EventKind::Blocked { place, by, reason } => {
            format!("{place} blocked by {}: {}", text::shown(by), text::shown(reason))
        }
        EventKind::RunCompleted { output, rewritten_by } => {
            format!("answered: {}{}", quoted(output), hooks(rewritten_by))
        }
        EventKind::RunFailed { error, .. } => format!("failed: {}", text::shown(error)),
        EventKind::RunCancelled { by, reason } => match reason {
            Some(reason) => format!("stopped by {by}: {}", text::shown(reason)),
            None => format!("stopped by {by}"),
        },
    }
}
