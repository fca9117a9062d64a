//! `outbox`: what is on its way to people elsewhere, and sending again what was given up.

use std::fmt::Write as _;

use countersign::Code;
use countersign::core::actor::Kind;
use serde_json::{Value, json};

use crate::cli::Outbox;
use crate::failure::Failure;
use crate::outbox::Delivery;
use crate::outbox::look::{self, Again, State, may_send};
use crate::reply::Reply;
use crate::session::Session;
use crate::{local, text};

/// Lists, or sends again.
pub(crate) async fn answer(session: &Session, args: Outbox) -> Result<Reply, Failure> {
    match args {
        Outbox::List { state, after, limit } => {
            list(session, state, after.as_deref(), usize::from(limit)).await
        }
        Outbox::Again { id, by } => {
            if let Some(refused) = local::refused(session).await? {
                return Ok(refused);
            }
            let by = session.identity(&by);
            let actor = session.engine.actor(&by).await?;
            if actor.kind == Kind::Unknown || !may_send(&actor) {
                return Ok(Reply::not_accepted(
                    Code::NotAllowed,
                    "operators and admins send again",
                ));
            }
            match look::again(&session.engine, &id, &by).await? {
                Again::Due(due) => Ok(Reply::done(
                    json!({"status": "done", "notice": due.json(State::Due)}),
                    "It is due at once: a process that serves carries it.\n".to_owned(),
                )),
                Again::Otherwise(state) => {
                    let message = match state {
                        State::Due => "it is to be sent already",
                        State::Sent | State::Dead => "it has arrived",
                    };
                    Ok(Reply::not_accepted(Code::OutOfTurn, message))
                }
                Again::Unknown => Err(Failure::new(format!(
                    "there is no notice {} in the outbox",
                    text::shown(&id)
                ))),
            }
        }
    }
}

async fn list(session: &Session, state: State, after: Option<&str>, limit: usize) -> Result<Reply, Failure> {
    let (found, next) = look::list(&session.engine, state, after, limit).await?;
    let rows: Vec<Vec<String>> = found.iter().map(|it| row(it, state)).collect();
    let mut words = if rows.is_empty() {
        format!("Nothing is {}.\n", state.name())
    } else {
        text::table(&rows)
    };
    if let Some(next) = &next {
        let more = format!("outbox list --state {} --after {next}", state.name());
        let _ = writeln!(words, "\nMore: {}", session.command(&more));
    }
    let items: Vec<Value> = found.iter().map(|it| it.json(state)).collect();
    Ok(Reply::done(json!({"items": items, "next": next}), words))
}

fn row(it: &Delivery, state: State) -> Vec<String> {
    let at = text::moment(&it.at.to_string());
    let when = match state {
        State::Due => format!("next at {at}"),
        State::Sent | State::Dead => format!("kept until {at}"),
    };
    let why = it.kept.why.as_deref().map(|it| format!(": {}", text::shown(it)));
    vec![
        it.id.clone(),
        it.kept.notice.as_str().to_owned(),
        text::shown(&it.kept.to).into_owned(),
        format!("{} tries, {when}{}", it.kept.tries, why.unwrap_or_default()),
    ]
}
