//! `key` and `sign-in`: credentials, on the word of whoever can open the data directory.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use countersign::Role;
use serde_json::json;

use crate::cli::{Key, SignInArgs};
use crate::credential::{Credential, Credentials, Kind, New};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::{server, text};

/// Makes, lists or revokes API keys.
pub(crate) async fn answer(session: &Session, args: Key) -> Result<Reply, Failure> {
    let credentials = Credentials(&session.engine);
    match args {
        Key::Create {
            actor,
            roles,
            label,
            days,
        } => {
            let roles: Option<BTreeSet<Role>> = (!roles.is_empty()).then(|| roles.into_iter().collect());
            let by = session.identity(&actor);
            let new = New {
                kind: Kind::ApiKey,
                actor,
                roles,
                label,
                lasts: Duration::from_hours(u64::from(days) * 24),
            };
            let (key, secret) = match credentials.create(new, &by).await? {
                Ok(made) => made,
                Err(refusal) => return Ok(Reply::refused(&refusal)),
            };
            let words = format!(
                "{}\n\nShown this once: send it as `Authorization: Bearer …`. With keys, decisions on the word of this\n\
                 machine (--as) are refused unless the policy has local_decisions = true.\n",
                secret.reveal()
            );
            let mut json = key.json();
            json["status"] = "done".into();
            json["secret"] = secret.reveal().into();
            Ok(Reply::done(json, words))
        }
        Key::List { actor, after, limit } => {
            let limit = usize::from(limit);
            let (found, next) = credentials
                .list(Kind::ApiKey, actor.as_ref(), after.as_deref(), limit)
                .await?;
            let mut words = String::new();
            for key in &found {
                let over = if credentials.counts(key).await? {
                    ""
                } else {
                    "; it lets nobody in any more"
                };
                let _ = writeln!(words, "{}{over}", sentence(key));
            }
            if found.is_empty() {
                "No API key yet.\n".clone_into(&mut words);
            }
            if let Some(next) = &next {
                let _ = writeln!(
                    words,
                    "\nMore: {}",
                    session.command(&format!("key list --after {next}"))
                );
            }
            let items: Vec<_> = found.iter().map(Credential::json).collect();
            Ok(Reply::done(json!({"items": items, "next": next}), words))
        }
        Key::Revoke { key } => {
            let Some(found) = credentials.get(Kind::ApiKey, &key).await? else {
                return Err(Failure::new(format!("there is no API key {}", text::shown(&key))));
            };
            let by = session.identity(&found.actor);
            if !credentials.revoke(Kind::ApiKey, &key, &by).await? {
                return Err(Failure::new(format!("there is no API key {} any more", found.id)));
            }
            let words = format!("Revoked. Nobody gets in with {} any more.\n", found.id);
            Ok(Reply::done(
                json!({"status": "done", "key": found.id, "outcome": "revoked"}),
                words,
            ))
        }
    }
}

fn sentence(key: &Credential) -> String {
    let roles = key.kept.roles.as_ref().map_or_else(String::new, |roles| {
        let roles: Vec<&str> = roles.iter().map(Role::as_str).collect();
        let roles = if roles.is_empty() {
            "no roles".to_owned()
        } else {
            roles.join(", ")
        };
        format!(", with {roles} only")
    });
    let label = key
        .kept
        .label
        .as_ref()
        .map_or_else(String::new, |it| format!(", “{}”", text::shown(it)));
    let until = text::moment(&key.expires_at.to_string());
    format!("{}  {}{roles}{label}, until {until}", key.id, key.actor)
}

/// A link that signs somebody in, once.
pub(crate) async fn sign_in(session: &Session, args: SignInArgs) -> Result<Reply, Failure> {
    let base = args.url.trim_end_matches('/');
    let link = server::link(session, &args.actor, base).await?;
    let words = format!("{link}\n\nCounts once, within the hour.\n");
    Ok(Reply::done(
        json!({"status": "done", "actor": args.actor, "link": link}),
        words,
    ))
}
