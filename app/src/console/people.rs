//! Who exists, who may approve what; and, for admins, the change of it.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Query, RawForm, State};
use axum::http::StatusCode;
use axum::response::Response;
use countersign::core::actor::{ADMIN, Kind};
use countersign::policy::ActorEntry;
use countersign::{ActorId, Answer, Role};
use serde::Deserialize;

use super::decide::posted;
use super::form::Posted;
use super::page::{Frame, Place, Trouble, see, sentence};
use super::visible::{Line, typed};
use super::visitor::Visitor;
use crate::http::problem::Problem;
use crate::server::{Caller, Shared};
use crate::sight;

/// The most users of Slack that one page shows.
const MOST_LINKS: usize = 100;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    did: Option<String>,
    /// After which user of Slack.
    slack: Option<String>,
}

struct Person {
    id: Line,
    /// As a control holds it.
    plain: String,
    kind: &'static str,
    roles: Vec<Line>,
    /// The same, as they are typed.
    typed_roles: String,
    owner: Option<Line>,
    typed_owner: String,
    pools: Vec<Line>,
    is_seeded: bool,
    is_introduced: bool,
}

struct PoolRow {
    name: Line,
    members: Vec<Line>,
    roles: Vec<Line>,
    escalates: Option<String>,
}

/// A user of Slack, and as whom it decides.
struct Linked {
    user: Line,
    /// As a control holds it.
    plain: String,
    actor: Line,
    by: Line,
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    rows: Vec<Person>,
    pools: Vec<PoolRow>,
    linked: Vec<Linked>,
    /// Whether this is not the first page of them.
    is_further: bool,
    /// Where they go on.
    next: Option<String>,
    is_admin: bool,
    changed: bool,
    problem: Option<Line>,
    /// What was typed, where it comes back.
    typed: [String; 6],
}

/// Who exists, and who may approve what.
pub(super) async fn people(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    draw(&shared, &caller, &wanted, None).await
}

async fn draw(
    shared: &Shared,
    caller: &Caller,
    wanted: &Wanted,
    wrong: Option<(Problem, Posted)>,
) -> Result<Response, Trouble> {
    let is_admin = caller.actor.has_role(ADMIN);
    if !sight::sees_log(&caller.actor) {
        let words = "who has which role is for admins, operators and auditors to see";
        return Err(Problem::forbidden(words).into());
    }
    let rows = shared.engine().actors().await?.into_iter().map(|it| Person {
        plain: it.id.to_string(),
        kind: kind(it.kind),
        typed_roles: words(&it.roles),
        roles: it.roles.iter().map(Line::of).collect(),
        typed_owner: it.owner.as_ref().map(ToString::to_string).unwrap_or_default(),
        owner: it.owner.as_ref().map(Line::of),
        pools: it.pools.iter().map(Line::of).collect(),
        is_seeded: it.seeded,
        is_introduced: it.introduced,
        id: Line::of(&it.id),
    });
    let known = shared.session().people().await?;
    let now = shared.engine().now();
    let pools = known.pools().map(|(name, pool)| PoolRow {
        name: Line::of(name),
        members: known
            .all()
            .filter(|(id, it)| pool.has(id, it, now))
            .map(|(id, _)| Line::of(id))
            .collect(),
        roles: pool.roles.iter().map(Line::of).collect(),
        escalates: pool
            .escalate_after
            .map(|it| humantime::format_duration(it).to_string()),
    });
    let after = wanted.slack.as_deref();
    let (links, next) = shared.links().list(None, after, MOST_LINKS).await?;
    let linked = links.into_iter().map(|it| Linked {
        user: Line::of(&it.user),
        plain: it.user.to_string(),
        actor: Line::of(&it.actor),
        by: Line::of(&it.kept.made_by),
    });
    let status = wrong.as_ref().map_or(StatusCode::OK, |(it, _)| it.status());
    let again = |name: &str| {
        let posted = wrong.as_ref().and_then(|(_, posted)| posted.get(name));
        posted.map(|it| typed(it)).unwrap_or_default()
    };
    let body = People {
        rows: rows.collect(),
        pools: pools.collect(),
        linked: linked.collect(),
        is_further: after.is_some(),
        next,
        is_admin,
        changed: wanted.did.is_some(),
        typed: ["id", "kind", "roles", "owner", "user", "actor"].map(again),
        problem: wrong.as_ref().map(|(it, _)| Line::of(sentence(it.detail()))),
    };
    let frame = Frame {
        shared,
        caller,
        place: Place::People,
    };
    frame.page_with(status, "People", &body)
}

fn words(roles: &BTreeSet<Role>) -> String {
    let roles: Vec<&str> = roles.iter().map(Role::as_str).collect();
    roles.join(" ")
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Person => "person",
        Kind::Service => "service",
        Kind::Agent => "agent",
        Kind::Unknown => "unknown",
    }
}

/// Makes, changes or removes an actor. Whether somebody may is settled below; the refusal is on record.
pub(super) async fn change(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    let posted = posted(&form);
    if !sight::sees_log(&caller.actor) {
        return Err(Problem::forbidden("actors are for admins to change").into());
    }
    let changed = if posted.contains_key("user") {
        linked(&shared, &caller, &posted).await
    } else {
        changed(&shared, &caller, &posted).await
    };
    match changed {
        Ok(()) => Ok(see("/people?did=change")),
        Err(problem) => draw(&shared, &caller, &Wanted::default(), Some((problem, posted))).await,
    }
}

/// Links a user of Slack, or unlinks it.
async fn linked(shared: &Shared, caller: &Caller, posted: &Posted) -> Result<(), Problem> {
    let given = |name: &str| posted.get(name).map(|it| it.trim()).unwrap_or_default();
    let user = given("user").parse().map_err(Problem::invalid)?;
    let links = shared.links();
    let answer = if posted.contains_key("unlink") {
        links.unlink(&caller.identity, &user).await?
    } else {
        let actor = ActorId::new(given("actor")).map_err(|error| Problem::invalid(error.to_string()))?;
        links.link(&caller.identity, &user, &actor).await?
    };
    match answer {
        Answer::Accepted | Answer::Repeated => Ok(()),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}

async fn changed(shared: &Shared, caller: &Caller, posted: &Posted) -> Result<(), Problem> {
    let given = |name: &str| posted.get(name).map(|it| it.trim()).unwrap_or_default();
    let invalid = |error: &dyn std::fmt::Display| Problem::invalid(error.to_string());
    let id = ActorId::new(given("id")).map_err(|error| invalid(&error))?;
    let entry = if posted.contains_key("remove") {
        None
    } else {
        let kind = match given("kind") {
            "person" => Kind::Person,
            "service" => Kind::Service,
            "agent" => Kind::Agent,
            _ => return Err(Problem::invalid("an actor is a person, a service or an agent")),
        };
        let roles = given("roles").split([' ', ',']).filter(|it| !it.is_empty());
        let roles = roles.map(Role::new).collect::<Result<BTreeSet<_>, _>>();
        let owner = Some(given("owner")).filter(|it| !it.is_empty()).map(ActorId::new);
        Some(ActorEntry {
            kind,
            roles: roles.map_err(|error| invalid(&error))?,
            owner: owner.transpose().map_err(|error| invalid(&error))?,
            lent: None,
            introduced: given("introduced") == "true",
        })
    };
    match shared.engine().set_actor(&caller.identity, &id, entry).await? {
        Answer::Accepted | Answer::Repeated => Ok(()),
        Answer::Refused(refusal) => Err(refusal.into()),
    }
}
