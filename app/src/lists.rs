//! `inbox`, `runs` and `audit log`: pages of `{"items": […], "next"}`.
//!
//! `next` is what `--after` takes for the page that follows; null on the last one.

use std::collections::HashMap;
use std::fmt::Write as _;

use countersign::store::{RunFilter, RunRow};
use countersign::{ActorId, Call, Canonical, Error, Phase, PoolName, Requirement, RequirementKind, ToolName};
use serde_json::{Value, json};

use crate::cli::{InboxArgs, LogArgs, RunsArgs};
use crate::failure::Failure;
use crate::record::{self, Record};
use crate::reply::{Reply, head};
use crate::requirement;
use crate::session::Session;
use crate::text;

/// What somebody can decide now.
pub(crate) async fn inbox(session: &Session, args: InboxArgs) -> Result<Reply, Failure> {
    let by = session.identity(&args.by);
    let desk = session.engine.desk();
    let (found, next) = desk.inbox(&by, args.after, usize::from(args.limit)).await?;
    let people = session.people().await?;
    let mut items = Vec::new();
    let mut told = match found.len() {
        0 => format!("Nothing waits for {}.\n", args.by),
        1 => format!("One thing waits for {}.\n", args.by),
        many => format!("{many} things wait for {}.\n", args.by),
    };
    let mut asked = Vec::new();
    for requirement in &found {
        match desk.call(requirement.call).await {
            Ok(call) => asked.push((requirement, call)),
            // One call that cannot be read must not hide all others; `show` says what is wrong with it.
            Err(error @ (Error::Call { .. } | Error::Damaged { .. })) => {
                told.push('\n');
                told.push_str(&text::wrapped(&text::shown(&error.to_string()), "  ", "  "));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let groups = groups(&asked);
    for (place, (requirement, call)) in asked.iter().enumerate() {
        let group = &groups[&alike(requirement, call)];
        let mut item = requirement::listed_json(requirement, session.is_stale(call));
        if let Some(fields) = item.as_object_mut() {
            let key = asked[group[0]].0.call;
            fields.insert("group".to_owned(), json!({"key": key, "count": group.len()}));
        }
        items.push(item);
        // The oldest of a group is shown whole, the others by what decides them.
        if group[0] != place {
            continue;
        }
        told.push('\n');
        told.push_str(&head(session, call));
        told.push('\n');
        told.push_str(&requirement::words(session, &people, call, requirement));
        if group.len() > 1 {
            let _ = writeln!(told, "  The same waits {} more times:", group.len() - 1);
            for other in &group[1..] {
                let _ = writeln!(told, "    {}", asked[*other].0.id);
            }
        }
    }
    if let Some(next) = next {
        let _ = writeln!(
            told,
            "\nMore: {}",
            session.command(&format!("inbox --as {} --after {next}", args.by))
        );
    }
    Ok(Reply::done(json!({"items": items, "next": next}), told))
}

/// What makes two questions the same one: who wants what done, and who is asked.
type Alike<'a> = (
    &'a ToolName,
    &'a ActorId,
    &'a Canonical,
    RequirementKind,
    Option<&'a PoolName>,
);

fn alike<'a>(requirement: &'a Requirement, call: &'a Call) -> Alike<'a> {
    (
        call.tool(),
        call.requester(),
        call.arguments(),
        requirement.kind,
        requirement.pool.as_ref(),
    )
}

/// The places of those that ask the same, the oldest first.
fn groups<'a>(asked: &'a [(&'a Requirement, Call)]) -> HashMap<Alike<'a>, Vec<usize>> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, (requirement, call)) in asked.iter().enumerate() {
        groups.entry(alike(requirement, call)).or_default().push(place);
    }
    groups
}

/// The runs, the newest first.
pub(crate) async fn runs(session: &Session, args: RunsArgs) -> Result<Reply, Failure> {
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
        items.push(run_json(row, &calls, status));
        for call in &calls {
            table.push(vec![
                moment(row),
                format!(
                    "{} {}, asked by {}",
                    call.tool(),
                    standing(call),
                    call.requester()
                ),
            ]);
            table.push(vec![String::new(), call.id().to_string()]);
        }
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
    json!({"run": row.id, "requester": row.requester, "created": row.created, "status": status, "calls": calls})
}

fn outcome(call: &Call) -> Option<&'static str> {
    match call.phase() {
        Phase::Closed { outcome } => Some(outcome.name()),
        _ => None,
    }
}

/// How a run of direct calls stands.
fn status(calls: &[Call]) -> &'static str {
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

fn standing(call: &Call) -> String {
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

/// Entries of the audit log, the oldest first.
pub(crate) async fn audit_log(session: &Session, args: LogArgs) -> Result<Reply, Failure> {
    let engine = &session.engine;
    let limit = usize::from(args.limit);
    let from = args.after.map_or(0, |it| it.saturating_add(1));
    let mut rows = engine
        .store()
        .entries(engine.tenant(), args.call, from, limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let records: Vec<Record> = rows.iter().map(Record::read).collect::<Result<_, _>>()?;
    let next = records.last().map(Record::seq).filter(|_| more);
    let words = record::words(session, &records).await?;
    let table: Vec<Vec<String>> = records
        .iter()
        .map(|it| vec![it.seq().to_string(), it.moment(), it.actor(), it.told(&words)])
        .collect();
    let mut told = if table.is_empty() {
        "No entries.\n".to_owned()
    } else {
        text::table(&table)
    };
    if let Some(next) = next {
        let _ = writeln!(
            told,
            "\nMore: {}",
            session.command(&format!("audit log --after {next}"))
        );
    }
    let items: Vec<Value> = records.into_iter().map(|it| it.entry).collect();
    Ok(Reply::done(json!({"items": items, "next": next}), told))
}
