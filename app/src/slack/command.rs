//! `slack`: who decides as whom, on the word of whoever can open the data directory.

use std::fmt::Write as _;

use countersign::Answer;
use serde_json::json;

use super::people::{Link, Links, User};
use crate::cli::Slack;
use crate::failure::Failure;
use crate::local;
use crate::reply::Reply;
use crate::session::Session;

/// Lists links, makes or removes one.
pub(crate) async fn answer(session: &Session, args: Slack) -> Result<Reply, Failure> {
    let links = Links(&session.engine);
    let (by, user, actor) = match args {
        Slack::List { actor, after, limit } => {
            let (found, next) = links
                .list(actor.as_ref(), after.as_deref(), usize::from(limit))
                .await?;
            return Ok(list(session, &found, next.as_deref()));
        }
        Slack::Link { actor, user, by } => (by, user, Some(actor)),
        Slack::Unlink { user, by } => (by, user, None),
    };
    if let Some(refused) = local::refused(session).await? {
        return Ok(refused);
    }
    let by = session.identity(&by);
    let answer = match &actor {
        Some(actor) => links.link(&by, &user, actor).await?,
        None => links.unlink(&by, &user).await?,
    };
    Ok(match answer {
        Answer::Refused(refusal) => Reply::refused(&refusal),
        Answer::Accepted | Answer::Repeated => Reply::done(
            json!({"status": "done", "user": user.to_string(), "actor": actor}),
            done(&user, actor.as_ref()),
        ),
    })
}

fn done(user: &User, actor: Option<&countersign::ActorId>) -> String {
    match actor {
        Some(actor) => format!("Whoever is {user} in Slack decides as {actor}.\n"),
        None => format!("Whoever is {user} in Slack decides as nobody.\n"),
    }
}

fn list(session: &Session, found: &[Link], next: Option<&str>) -> Reply {
    let mut words = String::new();
    for link in found {
        let _ = writeln!(
            words,
            "{}  {}, linked by {}",
            link.user, link.actor, link.kept.made_by
        );
    }
    if found.is_empty() {
        words.push_str("Nobody in Slack decides as anybody.\n");
    }
    if let Some(next) = next {
        let more = session.command(&format!("slack list --after {next}"));
        let _ = writeln!(words, "\nMore: {more}");
    }
    let items: Vec<_> = found.iter().map(Link::json).collect();
    Reply::done(json!({"items": items, "next": next}), words)
}
