//! `oidc`: which subjects stand for whom, on the word of whoever can open the data directory.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Link, Links};
use crate::cli::Oidc;
use crate::config::Config;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::text;

/// Links, lists or unlinks.
pub(crate) async fn answer(session: &Session, args: Oidc) -> Result<Reply, Failure> {
    let links = Links(&session.engine);
    match args {
        Oidc::Link {
            actor,
            subject,
            issuer,
            config,
            by,
        } => {
            let issuer = match issuer {
                Some(issuer) => issuer,
                None => configured(session, config.as_deref())?,
            };
            let by = session.identity(&by);
            let link = match links.link(&issuer, &subject, &actor, &by).await? {
                Ok(link) => link,
                Err(refusal) => return Ok(Reply::refused(&refusal)),
            };
            let words = format!("{}\n", sentence(&link));
            Ok(Reply::done(done(&link, "linked"), words))
        }
        Oidc::List { after, limit } => {
            let (found, next) = links.list(after.as_deref(), usize::from(limit)).await?;
            let mut words = String::new();
            for link in &found {
                let _ = writeln!(words, "{}  {}", link.id, sentence(link));
            }
            if found.is_empty() {
                "No subject stands for anybody yet.\n".clone_into(&mut words);
            }
            if let Some(next) = &next {
                let more = session.command(&format!("oidc list --after {next}"));
                let _ = writeln!(words, "\nMore: {more}");
            }
            let items: Vec<Value> = found.iter().map(Link::json).collect();
            Ok(Reply::done(json!({"items": items, "next": next}), words))
        }
        Oidc::Unlink { link, by } => {
            let by = session.identity(&by);
            let missing = || Failure::new(format!("there is no link {}", text::shown(&link)));
            let found = links.get(&link).await?.ok_or_else(missing)?;
            let Some(actor) = &found.actor else {
                return Err(Failure::new(format!("{} already", sentence(&found))));
            };
            match links.unlink(&link, &by).await? {
                Err(refusal) => Ok(Reply::refused(&refusal)),
                Ok(false) => Err(missing()),
                Ok(true) => {
                    let words = format!(
                        "{actor} gets in by it no more, nor by a session or key that was made with it. The subject is nobody\n\
                         until it is linked again.\n"
                    );
                    Ok(Reply::done(done(&found, "unlinked"), words))
                }
            }
        }
    }
}

fn configured(session: &Session, named: Option<&std::path::Path>) -> Result<String, Failure> {
    let config = Config::find(named, &session.data)?;
    let oidc = config.oidc.ok_or_else(|| {
        Failure::usage("no identity provider is configured here; name its issuer with --issuer, or its file with --config")
    })?;
    Ok(oidc.issuer)
}

fn done(link: &Link, outcome: &str) -> Value {
    let mut json = link.json();
    json["status"] = "done".into();
    json["outcome"] = outcome.into();
    json
}

fn sentence(link: &Link) -> String {
    let (subject, issuer) = (text::shown(&link.kept.subject), text::shown(&link.kept.issuer));
    match (&link.actor, &link.kept.ended) {
        (Some(actor), _) => format!("{subject} of {issuer} is {actor}"),
        (None, Some(it)) => format!(
            "{subject} of {issuer} is nobody (it was {} until {}, unlinked by {})",
            it.actor,
            text::moment(&it.at.to_string()),
            it.by
        ),
        (None, None) => format!("{subject} of {issuer} is nobody"),
    }
}
