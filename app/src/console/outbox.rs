//! The outbox: what did not arrive, what is to arrive, what has.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use countersign::{CallId, NoticeKind};
use serde::Deserialize;

use super::page::{Frame, Moment, Place, Trouble, see};
use super::visible::Line;
use super::visitor::Visitor;
use crate::http::outbox::not_again;
use crate::http::problem::Problem;
use crate::outbox::Delivery;
use crate::outbox::look::{self, Again, State as Standing, may_look, may_send};
use crate::server::Shared;

/// How much a page has.
const PAGE: usize = 100;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    state: String,
    after: Option<String>,
    did: Option<String>,
}

struct Row {
    id: String,
    what: &'static str,
    to: Line,
    call: CallId,
    tries: u32,
    why: Option<Line>,
    found: Moment,
    /// When it is tried next, or until when it is remembered.
    at: Moment,
}

/// One state, for the links to it.
struct Tab {
    word: &'static str,
    name: &'static str,
    count: usize,
    is_more: bool,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct OutboxPage {
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    state: Standing,
    next: Option<String>,
    may_send: bool,
    did: bool,
}

/// What there is in one state: what was given up first, if there is any.
pub(super) async fn outbox(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    if !may_look(&caller.actor) {
        return Err(Problem::forbidden("the outbox is for operators, admins and auditors to see").into());
    }
    let engine = shared.engine();
    let mut counts = Vec::new();
    for state in [Standing::Dead, Standing::Due, Standing::Sent] {
        counts.push((state, look::count(engine, state).await?));
    }
    let fullest = counts.iter().find(|(_, count)| *count > 0).map(|(it, _)| *it);
    let state = wanted.state.parse().ok().or(fullest).unwrap_or(Standing::Due);
    let (mut found, next) = look::list(engine, state, wanted.after.as_deref(), PAGE).await?;
    found.sort_by_key(|it| std::cmp::Reverse((it.kept.found_at, it.id.clone())));
    let tabs = counts.into_iter().map(|(it, count)| Tab {
        word: it.name(),
        name: name(it),
        count,
        is_more: count == look::COUNTED,
        is_here: it == state,
    });
    let body = OutboxPage {
        tabs: tabs.collect(),
        rows: found.iter().map(row).collect(),
        state,
        next,
        may_send: may_send(&caller.actor),
        did: wanted.did.is_some(),
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Outbox,
    }
    .page("Outbox", &body)
}

fn row(it: &Delivery) -> Row {
    Row {
        id: it.id.clone(),
        what: match it.kept.notice {
            NoticeKind::Asked => "It is asked",
            NoticeKind::Warned => "Little time is left",
            NoticeKind::Escalated => "Others are told",
            NoticeKind::Decided => "Somebody decided",
            NoticeKind::Expired => "Its time is over",
            NoticeKind::Closed => "It is not asked any more",
        },
        to: Line::of(&it.kept.to),
        call: it.call(),
        tries: it.kept.tries,
        why: it.kept.why.as_ref().map(Line::of),
        found: Moment::of(it.kept.found_at),
        at: Moment::of(it.at),
    }
}

const fn name(state: Standing) -> &'static str {
    match state {
        Standing::Dead => "Given up",
        Standing::Due => "To be sent",
        Standing::Sent => "Sent",
    }
}

/// Sends again what was given up.
pub(super) async fn again(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Trouble> {
    if !may_send(&caller.actor) {
        return Err(Problem::forbidden("operators and admins send again").into());
    }
    match look::again(shared.engine(), &id, &caller.identity).await? {
        Again::Due(_) => Ok(see("/outbox?state=due&did=again")),
        other => Err(not_again(&other).into()),
    }
}
