//! What stays: remembered confirmations, and keys.

use askama::Template;
use axum::extract::{Path, Query, RawForm, State};
use axum::http::StatusCode;
use axum::response::Response;
use countersign::core::actor::ADMIN;
use countersign::core::grant::{Scope, Which};
use countersign::{ActorId, Answer, GrantId};
use serde::Deserialize;

use super::decide::posted;
use super::page::{Frame, Moment, Place, Trouble, see, sentence};
use super::visible::Line;
use super::visitor::Visitor;
use crate::credential::{Credential, Kind};
use crate::http::keys;
use crate::http::problem::Problem;
use crate::server::{Caller, Shared};
use crate::sight;

/// How much a page has.
const PAGE: usize = 100;

#[derive(Default, Deserialize)]
pub(super) struct Wanted<T> {
    after: Option<T>,
    did: Option<String>,
}

struct Remembered {
    id: GrantId,
    owner: Line,
    tool: Line,
    which: &'static str,
    place: String,
    until: Option<Moment>,
    left: u32,
    since: Moment,
    call: String,
}

#[derive(Template)]
#[template(path = "grants.html")]
struct Grants {
    rows: Vec<Remembered>,
    next: Option<GrantId>,
    revoked: bool,
    of_everybody: bool,
}

/// What is remembered, of whoever looks; of everybody for those who see all.
pub(super) async fn grants(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted<GrantId>>,
) -> Result<Response, Trouble> {
    let of_everybody = sight::sees_all(&caller.actor);
    let owner = (!of_everybody).then_some(&caller.actor.id);
    let (found, next) = shared.engine().desk().grants(owner, wanted.after, PAGE).await?;
    let rows = found.iter().map(|it| Remembered {
        id: it.id(),
        owner: Line::of(it.owner()),
        tool: Line::of(it.tool()),
        which: match it.which() {
            Which::Exact => "exactly the same arguments",
            Which::Any => "any arguments",
        },
        place: match it.scope() {
            Scope::Run { .. } => "in its run".to_owned(),
            Scope::Session { .. } => "in its conversation".to_owned(),
            Scope::Until { .. } => "everywhere".to_owned(),
        },
        until: it.ends().map(Moment::of),
        left: it.left(),
        since: Moment::of(it.made_at()),
        call: it.call().to_string(),
    });
    let body = Grants {
        rows: rows.collect(),
        next,
        revoked: wanted.did.is_some(),
        of_everybody,
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Grants,
    }
    .page("Remembered confirmations", &body)
}

/// Takes one back.
pub(super) async fn revoke_grant(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<GrantId>,
) -> Result<Response, Trouble> {
    let revoked = shared.engine().desk().revoke(id, &caller.identity).await?;
    match revoked.answer {
        Answer::Accepted | Answer::Repeated => Ok(see("/grants?did=revoke")),
        Answer::Refused(_)
            if *revoked.grant.owner() != caller.actor.id && !sight::sees_all(&caller.actor) =>
        {
            Err(Trouble::not_found("such remembered confirmation"))
        }
        Answer::Refused(refusal) => Err(Problem::from(refusal).into()),
    }
}

struct Key {
    id: String,
    actor: Line,
    label: Line,
    roles: Vec<Line>,
    all_roles: bool,
    made: Moment,
    made_by: Line,
    expires: Moment,
    is_over: bool,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Keys {
    rows: Vec<Key>,
    next: Option<String>,
    /// A secret that was just made: shown this once.
    made: Option<(String, Line)>,
    problem: Option<Line>,
    revoked: bool,
    is_admin: bool,
    roles: Vec<String>,
    me: String,
    programs: Vec<String>,
}

/// The keys of whoever looks; of everybody for admins.
pub(super) async fn keys(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted<String>>,
) -> Result<Response, Trouble> {
    let said = KeysSaid {
        revoked: wanted.did.is_some(),
        ..KeysSaid::default()
    };
    draw_keys(&shared, &caller, wanted.after.as_deref(), said).await
}

#[derive(Default)]
struct KeysSaid {
    made: Option<(String, Line)>,
    problem: Option<(StatusCode, Line)>,
    revoked: bool,
}

async fn draw_keys(
    shared: &Shared,
    caller: &Caller,
    after: Option<&str>,
    said: KeysSaid,
) -> Result<Response, Trouble> {
    let is_admin = caller.actor.has_role(ADMIN);
    let owner = (!is_admin).then_some(&caller.actor.id);
    let (found, next) = shared
        .credentials()
        .list(Kind::ApiKey, owner, after, PAGE)
        .await?;
    let people = shared.session().people().await?;
    let programs = people
        .all()
        .filter(|(_, it)| it.kind != countersign::core::actor::Kind::Person);
    let (status, problem) = said
        .problem
        .map_or((StatusCode::OK, None), |(status, words)| (status, Some(words)));
    let mut rows = Vec::new();
    for it in &found {
        rows.push(key(it, shared.credentials().counts(it).await?));
    }
    let body = Keys {
        rows,
        next,
        made: said.made,
        problem,
        revoked: said.revoked,
        is_admin,
        roles: caller.actor.roles.iter().map(ToString::to_string).collect(),
        me: caller.actor.id.to_string(),
        programs: programs
            .filter(|_| is_admin)
            .map(|(id, _)| id.to_string())
            .collect(),
    };
    Frame {
        shared,
        caller,
        place: Place::Keys,
    }
    .page_with(status, "Keys", &body)
}

fn key(it: &Credential, counts: bool) -> Key {
    Key {
        id: it.id.clone(),
        actor: Line::of(&it.actor),
        label: Line::of(it.kept.label.as_deref().unwrap_or_default()),
        roles: it.kept.roles.iter().flatten().map(Line::of).collect(),
        all_roles: it.kept.roles.is_none(),
        made: Moment::of(it.kept.made_at),
        made_by: Line::of(&it.kept.made_by),
        expires: Moment::of(it.expires_at),
        is_over: !counts,
    }
}

/// Makes a key. Its secret is on the page that answers, and nowhere else.
pub(super) async fn make_key(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    match made_key(&shared, &caller, &form).await {
        Ok((key, secret)) => {
            let said = KeysSaid {
                made: Some((secret, Line::of(&key.actor))),
                ..KeysSaid::default()
            };
            draw_keys(&shared, &caller, None, said).await
        }
        Err(problem) => {
            let words = Line::of(sentence(problem.detail()));
            let said = KeysSaid {
                problem: Some((problem.status(), words)),
                ..KeysSaid::default()
            };
            draw_keys(&shared, &caller, None, said).await
        }
    }
}

async fn made_key(shared: &Shared, caller: &Caller, form: &[u8]) -> Result<(Credential, String), Problem> {
    let posted = posted(form);
    let given = |name: &str| posted.get(name).map(|it| it.trim()).filter(|it| !it.is_empty());
    let actor = match given("actor") {
        Some(name) => ActorId::new(name).map_err(|error| Problem::invalid(error.to_string()))?,
        None => caller.actor.id.clone(),
    };
    let days = given("days").map(str::parse).transpose();
    let days = days.map_err(|_| Problem::invalid("a key counts for a number of days"))?;
    // All roles, unless somebody chose: then those, which may be none.
    let is_own = actor == caller.actor.id;
    let chosen = caller
        .actor
        .roles
        .iter()
        .filter(|it| posted.contains_key(&format!("role.{it}")));
    let wanted = keys::Wanted {
        roles: is_own.then(|| chosen.cloned().collect()),
        actor: Some(actor),
        label: given("label").map(str::to_owned),
        days,
    };
    let (key, secret) = keys::make(shared, caller, wanted).await?;
    Ok((key, secret.reveal().to_owned()))
}

/// Makes a key count no more.
pub(super) async fn revoke_key(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    if keys::unmake(&shared, &caller, &id).await? {
        return Ok(see("/keys?did=revoke"));
    }
    Err(Trouble::not_found("such key"))
}
