//! `inbox` and `audit log`: pages of `{"items": […], "next"}`.
//!
//! `next` is what `--after` takes for the page that follows; null on the last one.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write as _;

use countersign::{ActorId, Call, Canonical, PoolName, Requirement, RequirementKind, RunId, ToolName};
use countersign_agent::Run;
use serde_json::{Value, json};

use crate::cli::{InboxArgs, LogArgs};
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
    let (found, next) = desk.inbox_calls(&by, args.after, usize::from(args.limit)).await?;
    let asked = asked(&found);
    let people = session.people().await?;
    let mut items = Vec::new();
    let mut told = match asked.len() {
        0 => format!("Nothing waits for {}.\n", args.by),
        1 => format!("One thing waits for {}.\n", args.by),
        many => format!("{many} things wait for {}.\n", args.by),
    };
    let groups = groups(&asked);
    let paths = paths(session, &asked).await?;
    for (place, (requirement, call)) in asked.iter().enumerate() {
        let group = &groups[&alike(requirement, call)];
        let mut item = requirement::listed_json(requirement, session.is_stale(call));
        if let Some(fields) = item.as_object_mut() {
            let key = asked[group[0]].0.call;
            fields.insert("group".to_owned(), json!({"key": key, "count": group.len()}));
            fields.insert("path".to_owned(), json!(paths[&requirement.run]));
        }
        items.push(item);
        // The oldest of a group is shown whole, the others by what decides them.
        if group[0] != place {
            continue;
        }
        told.push('\n');
        told.push_str(&head(session, call));
        if let path @ [_, _, ..] = paths[&requirement.run].as_slice() {
            let _ = writeln!(told, "\n  Asked by an agent for another: {}", path.join(" > "));
        }
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

/// What calls ask, each with its call.
pub(crate) fn asked(found: &[(Call, Vec<Requirement>)]) -> Vec<Asked<'_>> {
    let asked = found.iter();
    asked
        .flat_map(|(call, asked)| asked.iter().map(move |it| (it, call)))
        .collect()
}

/// What is asked, and the call that asks it.
pub(crate) type Asked<'a> = (&'a Requirement, &'a Call);

/// The agents that led to each of these calls, the outermost first; none for those that were made directly.
pub(crate) async fn paths(
    session: &Session,
    asked: &[Asked<'_>],
) -> Result<HashMap<RunId, Vec<String>>, Failure> {
    let engine = &session.engine;
    let mut paths = HashMap::new();
    for (requirement, _) in asked {
        if let Entry::Vacant(path) = paths.entry(requirement.run) {
            let row = engine.store().run(engine.tenant(), requirement.run).await?;
            path.insert(row.as_ref().map(Run::path_of).unwrap_or_default());
        }
    }
    Ok(paths)
}

/// What makes two questions the same one: who wants what done, and who is asked.
pub(crate) type Alike<'a> = (
    &'a ToolName,
    &'a ActorId,
    &'a Canonical,
    RequirementKind,
    Option<&'a PoolName>,
);

pub(crate) fn alike<'a>(requirement: &'a Requirement, call: &'a Call) -> Alike<'a> {
    (
        call.tool(),
        call.requester(),
        call.arguments(),
        requirement.kind,
        requirement.pool.as_ref(),
    )
}

/// The places of those that ask the same, the oldest first.
pub(crate) fn groups<'a>(asked: &[Asked<'a>]) -> HashMap<Alike<'a>, Vec<usize>> {
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, (requirement, call)) in asked.iter().enumerate() {
        groups.entry(alike(requirement, call)).or_default().push(place);
    }
    groups
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
