//! `show`: a call with everything that happened to it.

use std::fmt::Write as _;

use countersign::{Call, CallId, Phase};
use serde_json::{Value, json};

use crate::cli::ShowArgs;
use crate::failure::Failure;
use crate::local;
use crate::record;
use crate::reply::{Reply, head, told_model};
use crate::requirement;
use crate::session::Session;
use crate::text;

/// Shows a call; issues a reporting token if asked to.
pub(crate) async fn show(session: &Session, id: CallId, args: &ShowArgs) -> Result<Reply, Failure> {
    let desk = session.engine.desk();
    let mut token = None;
    if let (true, Some(by)) = (args.token, &args.by) {
        if let Some(refused) = local::refused(session).await? {
            return Ok(refused);
        }
        match desk.issue_token(id, &session.identity(by)).await? {
            Ok(issued) => token = Some(issued),
            Err(refusal) => return Ok(Reply::refused(&refusal)),
        }
    }
    let call = desk.call(id).await?;
    let damaged = desk.check(id).await.err().map(|it| it.to_string());
    let records = record::of_call(session, id).await?;
    let words = record::words(session, &records).await?;
    let reply = session.reply(&call, None).await?;
    let mut told = String::new();
    if let Some(damaged) = &damaged {
        told.push_str(&text::wrapped(
            &format!("Damaged: {}", text::shown(damaged)),
            "",
            "",
        ));
        told.push('\n');
    }
    if let Phase::Closed { outcome } = call.phase() {
        let _ = write!(
            told,
            "{}\n\n{}",
            head(session, &call).trim_end(),
            indented(&reply.text)
        );
        if let Some(model) = told_model(outcome) {
            told.push_str(&text::wrapped(
                &format!("The model is told: {}", text::json(&model)),
                "  ",
                "  ",
            ));
        }
    } else {
        told.push_str(&reply.text);
    }
    if let Some(token) = &token {
        let _ = write!(told, "\n  Token for one report, shown this once:\n    {token}\n");
    }
    let _ = write!(told, "\n  Records (UTC)\n{}", record::timeline(&records, &words));
    let mut json = call_json(session, &call);
    if let Some(fields) = json.as_object_mut() {
        fields.insert("answer".to_owned(), reply.json);
        fields.insert("damaged".to_owned(), damaged.into());
        fields.insert(
            "records".to_owned(),
            records.into_iter().map(|it| it.entry).collect(),
        );
        fields.insert("words".to_owned(), record::words_json(words));
        if let Some(token) = token {
            fields.insert("token".to_owned(), token.into());
        }
    }
    Ok(Reply::done(json, told))
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|it| {
            if it.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {it}\n")
            }
        })
        .collect()
}

/// The call as it stands.
pub(crate) fn call_json(session: &Session, call: &Call) -> Value {
    let stale = session.is_stale(call);
    let requirements: Vec<Value> = call
        .requirements()
        .iter()
        .map(|it| requirement::json(it, stale))
        .collect();
    let pool = |gate: usize| call.gates().approvals.get(gate).map(|it| it.pool.clone());
    let votes: Vec<Value> = call
        .votes()
        .iter()
        .map(|it| json!({"gate": it.gate, "pool": pool(it.gate), "by": it.by, "at": it.at}))
        .collect();
    let outcome = match call.phase() {
        Phase::Closed { outcome } => Some(outcome.name()),
        _ => None,
    };
    json!({
        "call": call.id(),
        "run": call.run(),
        "session": call.session(),
        "tool": call.tool(),
        "requester": call.requester(),
        "agent": call.agent(),
        "phase": call.phase().name(),
        "outcome": outcome,
        "opened": call.opened(),
        "updated": call.updated(),
        "arguments": call.shown_arguments().value(),
        "seal": call.seal(),
        "descriptor": call.descriptor(),
        "stale_tool": stale,
        "gates": call.gates(),
        "granted": call.granted(),
        "votes": votes,
        "requirements": requirements,
    })
}
