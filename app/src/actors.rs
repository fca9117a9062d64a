//! `actors`: who is known, and how an admin changes that.

use countersign::core::actor::Kind;
use countersign::policy::ActorEntry;
use countersign::{ActorId, Answer, KnownActor};
use serde_json::{Value, json};

use crate::cli::{ActorKind, Actors, ActorsArgs};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::text;

/// Lists them, or changes one.
pub(crate) async fn answer(session: &Session, args: ActorsArgs) -> Result<Reply, Failure> {
    match args.command {
        None => list(session).await,
        Some(Actors::Set {
            actor,
            kind,
            roles,
            owner,
            introduced,
            by,
        }) => {
            let entry = ActorEntry {
                kind: match kind {
                    ActorKind::Person => Kind::Person,
                    ActorKind::Service => Kind::Service,
                    ActorKind::Agent => Kind::Agent,
                },
                roles: roles.into_iter().collect(),
                owner,
                lent: None,
                introduced,
            };
            change(session, &actor, Some(entry), &by).await
        }
        Some(Actors::Remove { actor, by }) => change(session, &actor, None, &by).await,
    }
}

async fn list(session: &Session) -> Result<Reply, Failure> {
    let known = session.engine.actors().await?;
    let rows: Vec<Vec<String>> = known.iter().map(row).collect();
    let told = if rows.is_empty() {
        "Nobody is known. Actors stand in the policy, or are made by an admin who stands there.\n".to_owned()
    } else {
        text::table(&rows)
    };
    let items: Vec<Value> = known.iter().map(actor_json).collect();
    Ok(Reply::done(json!({"items": items, "next": null}), told))
}

/// What is shown of an actor.
pub(crate) fn actor_json(actor: &KnownActor) -> Value {
    json!({
        "actor": actor.id,
        "kind": actor.kind,
        "roles": actor.roles,
        "lent": actor.lent,
        "introduced": actor.introduced,
        "owner": actor.owner,
        "pools": actor.pools,
        "seeded": actor.seeded,
    })
}

fn row(actor: &KnownActor) -> Vec<String> {
    let kind = match &actor.owner {
        Some(owner) => format!("{} of {owner}", actor.kind.name()),
        None => actor.kind.name().to_owned(),
    };
    let roles: Vec<String> = actor.roles.iter().map(ToString::to_string).collect();
    let pools: Vec<String> = actor.pools.iter().map(|it| format!("pool {it}")).collect();
    let from = match (actor.seeded, actor.introduced) {
        (true, true) => "policy, sign-in",
        (true, false) => "policy",
        (false, true) => "sign-in",
        (false, false) => "",
    };
    vec![
        actor.id.to_string(),
        kind,
        roles.join(", "),
        pools.join(", "),
        from.to_owned(),
    ]
}

async fn change(
    session: &Session,
    actor: &ActorId,
    entry: Option<ActorEntry>,
    by: &ActorId,
) -> Result<Reply, Failure> {
    let removes = entry.is_none();
    let answer = session
        .engine
        .set_actor(&session.identity(by), actor, entry)
        .await?;
    let (outcome, told) = match answer {
        Answer::Refused(refusal) => return Ok(Reply::refused(&refusal)),
        Answer::Repeated => ("unchanged", format!("{actor} is so already.\n")),
        Answer::Accepted if removes => ("removed", format!("Nobody knows {actor} any more.\n")),
        Answer::Accepted => ("set", format!("{actor} is known as that from now on.\n")),
    };
    Ok(Reply::done(
        json!({"status": "done", "actor": actor, "outcome": outcome}),
        told,
    ))
}
