//! Lists of calls: all of them, and those that people have decided.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use countersign::store::HistoryFilter;
use countersign::{ActorId, Call, CallId, Outcome, Phase, ToolName};
use serde::Deserialize;

use super::call::badge;
use super::page::{Frame, Moment, Place, Trouble};
use super::visible::{Line, typed};
use super::visitor::Visitor;
use crate::http::calls::{self, Bounds};
use crate::http::export::{confirmed_by, exported};
use crate::server::{Caller, Shared};

/// How many calls a page has.
const PAGE: usize = 50;
/// How many are looked at for one page, where most are hidden by a filter or from whoever looks.
const LOOKED_AT: usize = 2_000;

/// What a list is of.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    tool: String,
    #[serde(default)]
    requester: String,
    /// A phase, `open`, or how it ended.
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    before: Option<CallId>,
}

/// One call.
struct Row {
    id: CallId,
    tool: Line,
    requester: Line,
    through: Option<Line>,
    badge: (&'static str, &'static str),
    at: Moment,
    /// Who decided, in words.
    by: Vec<Line>,
    reason: Option<Line>,
}

#[derive(Template)]
#[template(path = "calls.html")]
struct Calls {
    title: &'static str,
    lead: &'static str,
    action: &'static str,
    is_history: bool,
    rows: Vec<Row>,
    tools: Vec<String>,
    wanted: Wanted,
    outcomes: &'static [(&'static str, &'static str)],
    is_filtered: bool,
    next: Option<CallId>,
}

const OUTCOMES: &[(&str, &str)] = &[
    ("returned", "Done"),
    ("failed", "Failed"),
    ("answered", "Answered by a person"),
    ("rejected", "Rejected"),
    ("blocked", "Blocked"),
    ("expired", "Expired"),
    ("cancelled", "Cancelled"),
    ("abandoned", "Abandoned"),
];

/// All calls, the newest first.
pub(super) async fn calls(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let (rows, next) = rows(&shared, &caller, &wanted, false).await?;
    let body = Calls {
        title: "Calls",
        lead: "Every gated call that concerns you, the newest first.",
        action: "/calls",
        is_history: false,
        ..body(&shared, rows, next, wanted)
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Calls,
    }
    .page("Calls", &body)
}

/// The same for spreadsheets: all of them, with the filters of the page.
pub(super) async fn csv(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let filter = wanted.filter(true);
    let is_possible = filter.is_some();
    let wanted = move |it: &Call| is_possible && fits(it, &wanted, true);
    Ok(exported(
        shared,
        caller,
        filter.unwrap_or_default(),
        "decided",
        wanted,
    )?)
}

/// Those that are over and that people were asked about.
pub(super) async fn history(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let (rows, next) = rows(&shared, &caller, &wanted, true).await?;
    let body = body(&shared, rows, next, wanted);
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::History,
    }
    .page("Decided", &body)
}

fn body(shared: &Shared, rows: Vec<Row>, next: Option<CallId>, wanted: Wanted) -> Calls {
    let wanted = Wanted {
        tool: typed(&wanted.tool),
        requester: typed(&wanted.requester),
        ..wanted
    };
    let tools = shared.engine().registry().iter();
    Calls {
        title: "Decided",
        lead: "What people have decided, and what became of it.",
        action: "/history",
        is_history: true,
        rows,
        tools: tools.map(|it| it.descriptor().name.to_string()).collect(),
        is_filtered: !(wanted.tool.is_empty() && wanted.requester.is_empty() && wanted.outcome.is_empty()),
        outcomes: OUTCOMES,
        wanted,
        next,
    }
}

async fn rows(
    shared: &Shared,
    caller: &Caller,
    wanted: &Wanted,
    is_history: bool,
) -> Result<(Vec<Row>, Option<CallId>), Trouble> {
    let Some(filter) = wanted.filter(is_history) else {
        return Ok((Vec::new(), None));
    };
    let bounds = Bounds {
        limit: PAGE,
        looked_at: LOOKED_AT,
    };
    let fits = |it: &Call| fits(it, wanted, is_history);
    let (found, next) = calls::history(shared, caller, &filter, wanted.before, bounds, fits).await?;
    Ok((found.iter().map(Row::of).collect(), next))
}

impl Wanted {
    /// What the store can tell apart. None if nothing can fit: a name that nobody can have is nobody's.
    fn filter(&self, is_history: bool) -> Option<HistoryFilter> {
        let tool = given(&self.tool).map(ToolName::new).transpose();
        let requester = given(&self.requester).map(ActorId::new).transpose();
        Some(HistoryFilter {
            tool: tool.ok()?,
            requester: requester.ok()?,
            open: match self.outcome.as_str() {
                "open" => Some(true),
                "" if !is_history => None,
                _ => Some(false),
            },
            ..HistoryFilter::default()
        })
    }

    /// The filters, as they stand in a link.
    fn query(&self) -> String {
        let [tool, requester, outcome] = [&self.tool, &self.requester, &self.outcome].map(|it| encoded(it));
        format!("tool={tool}&requester={requester}&outcome={outcome}")
    }
}

/// What stands in a field, if anything does.
fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|it| !it.is_empty())
}

fn fits(call: &Call, wanted: &Wanted, is_history: bool) -> bool {
    let outcome = match call.phase() {
        Phase::Closed { outcome } => Some(outcome.name()),
        _ => None,
    };
    if is_history && outcome.is_none() {
        return false;
    }
    matches!(wanted.outcome.as_str(), "" | "open") || outcome == Some(wanted.outcome.as_str())
}

impl Row {
    fn of(call: &Call) -> Self {
        let approved = call
            .votes()
            .iter()
            .map(|it| Line::of(format!("approved by {}", it.by)));
        let mut by: Vec<Line> = approved.collect();
        let mut reason = None;
        if let Phase::Closed { outcome } = call.phase() {
            let (who, why) = match outcome {
                Outcome::Rejected { by, reason, .. } => (Some(format!("rejected by {by}")), reason.as_ref()),
                Outcome::Cancelled { by, reason } => (Some(format!("withdrawn by {by}")), reason.as_ref()),
                Outcome::Abandoned { by, reason } => (Some(format!("given up by {by}")), Some(reason)),
                Outcome::Answered { by, .. } => (Some(format!("answered by {by}")), None),
                Outcome::Failed { error, .. } => (None, Some(error)),
                Outcome::Returned { .. } | Outcome::Blocked { .. } | Outcome::Expired => (None, None),
            };
            by.extend(who.map(Line::of));
            reason = why.map(|it| Line::of(brief(it)));
        }
        if let Some(it) = confirmed_by(call) {
            by.insert(0, Line::of(format!("confirmed by {it}")));
        }
        Self {
            id: *call.id(),
            tool: Line::of(call.tool()),
            requester: Line::of(call.requester()),
            through: call.agent().as_ref().map(|it| Line::of(&it.id)),
            badge: badge(call.phase()),
            at: Moment::of(*call.updated()),
            by,
            reason,
        }
    }
}

/// The beginning of a text, for a list.
pub(super) fn brief(text: &str) -> String {
    let beginning: String = text.chars().take(160).collect();
    if beginning.len() < text.len() {
        format!("{beginning}…")
    } else {
        beginning
    }
}

/// A value of a query, as it stands in a link.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Calls {
    /// Where the list goes on.
    fn more(&self, next: &CallId) -> String {
        format!("{}?{}&before={next}", self.action, self.wanted.query())
    }
}
