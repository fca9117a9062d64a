//! What waits: for whoever looks, and for others as far as they may see it.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use countersign::store::HistoryFilter;
use countersign::{Call, CallId, Requirement, RequirementKind};
use serde::Deserialize;

use super::events::newest;
use super::page::{Frame, Moment, Place, Trouble, part};
use super::value;
use super::visible::Line;
use super::visitor::Visitor;
use crate::lists::{self, Asked};
use crate::requirement::time_left;
use crate::server::{Caller, Shared};
use crate::sight;

/// How many requirements a page has.
const PAGE: usize = 100;
/// How many calls are looked at for the page of all.
const LOOKED_AT: usize = 400;

/// Which part of what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tab {
    /// What the person is asked as the one on whose behalf it is done.
    #[default]
    Confirm,
    /// What the person is asked for others.
    Approve,
    /// Everything that waits and may be seen.
    All,
}

impl Tab {
    const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::All => "all",
        }
    }

    const fn of(kind: RequirementKind) -> Self {
        match kind {
            RequirementKind::UserInput | RequirementKind::Confirmation => Self::Confirm,
            RequirementKind::Approval | RequirementKind::External | RequirementKind::InDoubt => Self::Approve,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    tab: Option<Tab>,
    /// `list`: only what changes.
    part: Option<String>,
    after: Option<CallId>,
}

/// Equal things that wait.
struct Group {
    href: String,
    id: String,
    title: Line,
    glance: Line,
    asks: &'static str,
    requester: Line,
    through: Option<Line>,
    left: Option<String>,
    since: Moment,
    warned: bool,
    /// The others that ask the same.
    same: Vec<String>,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct Inbox {
    /// Where the list is got anew: of the tab that was chosen, or of the one that has something.
    again: String,
    since: u64,
    list: List,
}

#[derive(Template)]
#[template(path = "part/inbox.html")]
struct List {
    tab: &'static str,
    confirm: String,
    approve: String,
    groups: Vec<Group>,
    next: Option<CallId>,
    has_tools: bool,
}

impl askama::filters::HtmlSafe for List {}

/// The inbox, or its list alone.
pub(super) async fn inbox(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let since = newest(&shared).await?;
    let list = list(&shared, &caller, &wanted).await?;
    if wanted.part.as_deref() == Some("list") {
        return part(&list);
    }
    let frame = Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Inbox,
    };
    let tab = wanted
        .tab
        .map_or_else(String::new, |it| format!("tab={}&", it.name()));
    let again = format!("/?{tab}part=list");
    frame.page("Inbox", &Inbox { again, since, list })
}

async fn list(shared: &Shared, caller: &Caller, wanted: &Wanted) -> Result<List, Trouble> {
    let desk = shared.engine().desk();
    let (mine, next) = desk.inbox_calls(&caller.identity, wanted.after, PAGE).await?;
    let asked = lists::asked(&mine);
    let count = |tab| {
        let count = asked.iter().filter(|it| Tab::of(it.0.kind) == tab).count();
        let more = if next.is_some() { "+" } else { "" };
        format!("{count}{more}")
    };
    let (confirm, approve) = (count(Tab::Confirm), count(Tab::Approve));
    let has_for = |tab| asked.iter().any(|it| Tab::of(it.0.kind) == tab);
    // Nobody should see an empty page while the other one is not.
    let tab = wanted
        .tab
        .unwrap_or(if has_for(Tab::Approve) && !has_for(Tab::Confirm) {
            Tab::Approve
        } else {
            Tab::Confirm
        });
    let (groups, next) = if tab == Tab::All {
        let found = all(shared, caller).await?;
        let mut asked = lists::asked(&found);
        asked.truncate(PAGE);
        (grouped(shared, &asked).await?, None)
    } else {
        let asked: Vec<Asked<'_>> = asked.into_iter().filter(|it| Tab::of(it.0.kind) == tab).collect();
        (grouped(shared, &asked).await?, next)
    };
    Ok(List {
        tab: tab.name(),
        confirm,
        approve,
        groups,
        next,
        has_tools: !shared.engine().registry().is_empty(),
    })
}

/// Everything that waits for anybody, as far as it may be seen.
async fn all(shared: &Shared, caller: &Caller) -> Result<Vec<(Call, Vec<Requirement>)>, Trouble> {
    let engine = shared.engine();
    let filter = HistoryFilter {
        open: Some(true),
        ..HistoryFilter::default()
    };
    let rows = engine
        .store()
        .history(engine.tenant(), &filter, None, LOOKED_AT)
        .await?;
    let calls = rows.iter().filter_map(|it| engine.read(it).ok());
    Ok(calls
        .filter(|it| sight::sees(&caller.actor, it))
        .map(|it| {
            let asked = it.requirements();
            (it, asked)
        })
        .collect())
}

async fn grouped(shared: &Shared, asked: &[Asked<'_>]) -> Result<Vec<Group>, Trouble> {
    let paths = lists::paths(shared.session(), asked).await?;
    let groups = lists::groups(asked);
    let mut drawn = Vec::new();
    for (place, (requirement, call)) in asked.iter().enumerate() {
        let group = &groups[&lists::alike(requirement, call)];
        if group[0] != place {
            continue;
        }
        let entry = shared.engine().registry().get(call.tool().as_str());
        let title = entry.and_then(|it| it.descriptor().title.clone());
        let path = &paths[&requirement.run];
        drawn.push(Group {
            href: format!("/requests/{}", requirement.id),
            id: requirement.id.to_string(),
            title: Line::of(title.as_deref().unwrap_or(call.tool().as_str())),
            glance: glance(requirement),
            asks: asks(requirement.kind),
            requester: Line::of(call.requester()),
            through: (!path.is_empty()).then(|| Line::of(path.join(" › "))),
            left: time_left(requirement),
            since: Moment::of(*call.opened()),
            warned: requirement.warned || requirement.escalated,
            same: group[1..].iter().map(|it| asked[*it].0.id.to_string()).collect(),
        });
    }
    Ok(drawn)
}

/// What is asked, in a word or two.
pub(super) const fn asks(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::UserInput => "needs input",
        RequirementKind::Confirmation => "to confirm",
        RequirementKind::Approval => "to approve",
        RequirementKind::External => "awaits a report",
        RequirementKind::InDoubt => "in doubt",
    }
}

/// The first arguments on one line. Nobody decides by it; the page of the request has them all.
fn glance(requirement: &Requirement) -> Line {
    let value = requirement.arguments.value();
    let leaves = value::leaves(&value);
    let words = leaves.iter().take(4).map(|it| {
        let (words, _) = value::words(it.value);
        let brief: String = words.chars().take(80).collect();
        let more = if brief.len() < words.len() { "…" } else { "" };
        format!("{}: {brief}{more}", it.path)
    });
    let more = if leaves.len() > 4 { " …" } else { "" };
    Line::of(format!("{}{more}", words.collect::<Vec<_>>().join(" · ")))
}
