//! `grants`: the confirmations that are remembered, and how to take one back.

use std::fmt::Write as _;

use countersign::core::grant::{Grant, Scope, Which};
use countersign::{ActorId, Answer, GrantId};
use serde_json::{Value, json};

use crate::cli::{Grants, GrantsArgs};
use crate::failure::Failure;
use crate::local;
use crate::reply::Reply;
use crate::session::{Session, quoted};
use crate::text;

/// Lists them, or takes one back.
pub(crate) async fn grants(session: &Session, args: GrantsArgs) -> Result<Reply, Failure> {
    match &args.command {
        Some(Grants::Revoke { grant, by }) => revoke(session, *grant, by).await,
        None => list(session, &args).await,
    }
}

async fn list(session: &Session, args: &GrantsArgs) -> Result<Reply, Failure> {
    let desk = session.engine.desk();
    let limit = usize::from(args.limit);
    let (found, next) = desk.grants(args.by.as_ref(), args.after, limit).await?;
    let mut told = match &args.by {
        _ if !found.is_empty() => String::new(),
        Some(by) => format!("No confirmation of {by} is remembered.\n"),
        None => "No confirmation is remembered.\n".to_owned(),
    };
    for grant in &found {
        if !told.is_empty() {
            told.push('\n');
        }
        told.push_str(&text::wrapped(&sentence(grant), "", ""));
        let by = quoted(grant.owner().as_str());
        let revoke = format!("grants revoke {} --as {by}", grant.id());
        let _ = writeln!(told, "    {}", session.command(&revoke));
    }
    if let Some(next) = next {
        let by = args
            .by
            .as_ref()
            .map_or_else(String::new, |it| format!(" --as {it}"));
        let more = session.command(&format!("grants{by} --after {next}"));
        let _ = writeln!(told, "\nMore: {more}");
    }
    let items: Vec<Value> = found.iter().map(grant_json).collect();
    Ok(Reply::done(json!({"items": items, "next": next}), told))
}

async fn revoke(session: &Session, id: GrantId, by: &ActorId) -> Result<Reply, Failure> {
    if let Some(refused) = local::refused(session).await? {
        return Ok(refused);
    }
    let revoked = session.engine.desk().revoke(id, &session.identity(by)).await?;
    if let Answer::Refused(refusal) = revoked.answer {
        return Ok(Reply::refused(&refusal));
    }
    let owner = revoked.grant.owner();
    let told = format!(
        "Revoked. {owner} is asked again about {}.\n",
        revoked.grant.tool()
    );
    Ok(Reply::done(
        json!({"status": "done", "grant": id, "outcome": "revoked"}),
        told,
    ))
}

fn sentence(grant: &Grant) -> String {
    let which = match grant.which() {
        Which::Exact => "with the same arguments",
        Which::Any => "with any arguments",
    };
    let place = match grant.scope() {
        Scope::Run { run } => format!("in {run}"),
        Scope::Session { session } => format!("in session {session}"),
        Scope::Until { time } => format!("until {}", text::moment(&time.to_string())),
    };
    format!(
        "{} is not asked to confirm {} {which} {place}, {} more times. Since {}, by the confirmation of {}.",
        grant.owner(),
        grant.tool(),
        grant.left(),
        text::moment(&grant.made_at().to_string()),
        grant.call(),
    )
}

fn grant_json(grant: &Grant) -> Value {
    let (scope, run, session, until) = match grant.scope() {
        Scope::Run { run } => ("run", Some(run), None, None),
        Scope::Session { session } => ("session", None, Some(session), None),
        Scope::Until { time } => ("until", None, None, Some(time)),
    };
    json!({
        "grant": grant.id(),
        "owner": grant.owner(),
        "tool": grant.tool(),
        "descriptor": grant.descriptor(),
        "which": grant.which(),
        "scope": scope,
        "run": run,
        "session": session,
        "until": until,
        "left": grant.left(),
        "made": grant.made_at(),
        "call": grant.call(),
    })
}
