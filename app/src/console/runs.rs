//! Runs of agents: the list, and a run as the conversation that it is.

use askama::Template;
use axum::extract::{Path, Query, RawForm, State};
use axum::response::Response;
use countersign::store::{RunFilter, RunRow};
use countersign::{Call, CallId, Error, Requirement, RequirementId, RunId};
use countersign_agent::{EventKind, Run, RunEvent};
use serde::Deserialize;

use super::call::badge;
use super::decide::{PATIENCE, posted};
use super::events::newest;
use super::inbox::asks;
use super::page::{Frame, Moment, Place, Trouble, part, see};
use super::question::{self, Asking};
use super::value::{Extent, View};
use super::visible::{Line, Lines};
use super::visitor::Visitor;
use crate::questions::Asked;
use crate::server::{Caller, Shared};
use crate::{runs, sight};

/// How many runs a page has.
const PAGE: usize = 50;
/// Of how many earlier runs of a conversation the page tells.
const EARLIER: usize = 20;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    before: Option<RunId>,
    #[serde(default)]
    part: Option<String>,
}

struct Row {
    id: RunId,
    name: Line,
    requester: Line,
    badge: (&'static str, &'static str),
    at: Moment,
    calls: Vec<(CallId, Line, (&'static str, &'static str))>,
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Runs {
    rows: Vec<Row>,
    next: Option<RunId>,
    has_agents: bool,
}

/// How a run stands.
fn standing(status: &str) -> (&'static str, &'static str) {
    match status {
        "queued" => ("", "Queued"),
        "running" => ("busy", "Working"),
        "paused" => ("wait", "Waits"),
        "stopping" => ("busy", "Being stopped"),
        "completed" => ("good", "Done"),
        "failed" => ("bad", "Failed"),
        "cancelled" => ("", "Stopped"),
        "damaged" => ("bad", "Damaged"),
        _ => ("", "Unknown"),
    }
}

/// The runs, the newest first.
pub(super) async fn list(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let engine = shared.engine();
    let filter = sight::runs(&caller.actor);
    let mut found = engine
        .store()
        .runs(engine.tenant(), &filter, wanted.before, PAGE + 1)
        .await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().map(|it| it.id).filter(|_| more);
    let mut rows = Vec::new();
    for row in &found {
        let (calls, status) = match engine.calls_of(row.id).await {
            Ok(calls) => {
                let status = runs::status(&calls);
                (calls, status)
            }
            Err(Error::Call { .. } | Error::Damaged { .. }) => (Vec::new(), "damaged"),
            Err(error) => return Err(error.into()),
        };
        let path = Run::path_of(row);
        rows.push(Row {
            id: row.id,
            badge: standing(if path.is_empty() { status } else { &row.status }),
            name: Line::of(if path.is_empty() {
                "Direct call".to_owned()
            } else {
                path.join(" › ")
            }),
            requester: Line::of(&row.requester),
            at: Moment::of(row.created),
            calls: calls
                .iter()
                .map(|it| (*it.id(), Line::of(it.tool()), badge(it.phase())))
                .collect(),
        });
    }
    let body = Runs {
        rows,
        next,
        has_agents: !shared.agents().is_empty(),
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Runs,
    }
    .page("Runs", &body)
}

/// Something said or done in a conversation.
struct Told {
    /// `me`, `agent`, `event`.
    class: &'static str,
    by: Line,
    text: Lines,
    at: Moment,
    href: Option<String>,
}

/// What is asked in a run.
struct Waits {
    href: String,
    tool: Line,
    asks: &'static str,
}

#[derive(Template)]
#[template(path = "part/run.html")]
struct Talk {
    id: RunId,
    told: Vec<Told>,
    /// What is asked of whoever looks, with its form.
    asking: Option<(RequirementId, Asking)>,
    waits: Vec<Waits>,
    badge: (&'static str, &'static str),
    is_moving: bool,
    is_open: bool,
    /// The agent and the conversation, if whoever looks may say more now.
    more: Option<(String, String)>,
}

impl askama::filters::HtmlSafe for Talk {}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    id: RunId,
    since: u64,
    title: Line,
    requester: Line,
    at: Moment,
    talk: Talk,
    may_cancel: bool,
    is_scripted: bool,
}

/// One run, with what was said before in its conversation.
pub(super) async fn run(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<RunId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    let since = newest(&shared).await?;
    let row = visible(&shared, &caller, id).await?;
    let path = Run::path_of(&row);
    let is_own = row.requester == caller.actor.id;
    let agent = shared
        .agents()
        .iter()
        .find(|it| path.len() == 1 && path.last().is_some_and(|name| name == it.name()));
    let mut talk = talk(&shared, &caller, &row).await?;
    talk.more = agent
        .zip(row.session.as_ref())
        .filter(|_| is_own && !talk.is_open)
        .map(|(agent, session)| (agent.name().to_owned(), session.to_string()));
    if wanted.part.as_deref() == Some("talk") {
        return part(&talk);
    }
    let body = RunPage {
        id,
        since,
        title: Line::of(if path.is_empty() {
            "Direct call".to_owned()
        } else {
            path.join(" › ")
        }),
        requester: Line::of(&row.requester),
        at: Moment::of(row.created),
        may_cancel: talk.is_open && !path.is_empty() && (is_own || sight::sees_all(&caller.actor)),
        talk,
        is_scripted: agent.is_some_and(|it| it.model_name() == "scripted"),
    };
    let place = if is_own && agent.is_some() {
        Place::Chat
    } else {
        Place::Runs
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place,
    }
    .page("Conversation", &body)
}

async fn visible(shared: &Shared, caller: &Caller, id: RunId) -> Result<RunRow, Trouble> {
    let row = sight::run(shared.engine(), &caller.actor, id).await?;
    row.ok_or_else(|| Trouble::not_found("such run"))
}

async fn talk(shared: &Shared, caller: &Caller, row: &RunRow) -> Result<Talk, Trouble> {
    let engine = shared.engine();
    let mut told = Vec::new();
    if let Some(session) = &row.session {
        let filter = RunFilter::OfSession(session.clone());
        let earlier = engine
            .store()
            .runs(engine.tenant(), &filter, Some(row.id), EARLIER)
            .await?;
        for before in earlier.iter().rev().filter(|it| it.requester == row.requester) {
            told.extend(conversation(shared, before).await?);
        }
    }
    told.extend(conversation(shared, row).await?);
    let calls = engine.calls_of(row.id).await?;
    let (is_of_agent, status) = (row.agent.is_some(), runs::status(&calls));
    let status = if is_of_agent { row.status.as_str() } else { status };
    let mut waits: Vec<Requirement> = calls.iter().flat_map(Call::requirements).collect();
    // A run that has asked another agent waits for what that one asks.
    for agent in shared.agents() {
        if let Ok(run) = agent.get(row.id).await {
            waits.extend(run.active_requirements().iter().cloned());
        }
    }
    waits.sort_by_key(|it| it.id);
    waits.dedup_by_key(|it| it.id);
    let asking = asking(shared, caller, row.id, &waits).await?;
    if let Some((id, _)) = &asking {
        waits.retain(|it| it.id != *id);
    }
    if !is_of_agent {
        told.extend(calls.iter().map(|it| Told {
            class: "event",
            by: Line::of(it.requester()),
            text: Lines::of(format!("{} {}", it.tool(), runs::standing(it))),
            at: Moment::of(*it.updated()),
            href: Some(format!("/calls/{}", it.id())),
        }));
    }
    Ok(Talk {
        id: row.id,
        told,
        asking,
        waits: waits
            .iter()
            .map(|it| Waits {
                href: format!("/requests/{}", it.id),
                tool: Line::of(&it.tool),
                asks: asks(it.kind),
            })
            .collect(),
        badge: standing(status),
        is_moving: matches!(status, "queued" | "running" | "stopping"),
        is_open: matches!(status, "queued" | "running" | "paused" | "stopping"),
        more: None,
    })
}

/// The first of these questions that whoever looks may answer, if all of it is seen here.
async fn asking(
    shared: &Shared,
    caller: &Caller,
    run: RunId,
    waits: &[Requirement],
) -> Result<Option<(RequirementId, Asking)>, Trouble> {
    let engine = shared.engine();
    for it in waits.iter().filter(|it| it.requester == caller.actor.id) {
        let Some(asked) = Asked::of(it) else { continue };
        // What is closed at first is looked at on the page of the request.
        if !View::of(&it.arguments.value(), &[], Extent::Brief).is_open() {
            continue;
        }
        let call = engine.desk().call(it.call).await?;
        if call.may_be_answered(it.id, &caller.actor, engine.now()).is_ok() {
            return Ok(Some((it.id, Asking::of(&asked, None).within(run))));
        }
    }
    Ok(None)
}

async fn conversation(shared: &Shared, row: &RunRow) -> Result<Vec<Told>, Trouble> {
    let events = runs::events(shared.session(), row.id).await?;
    let agent = row.agent.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(events
        .iter()
        .flat_map(|it| told(it, row.requester.as_str(), &agent))
        .collect())
}

/// An event as it is read.
fn told(event: &RunEvent, requester: &str, agent: &str) -> Vec<Told> {
    let one = |class, by: &str, text: String| Told {
        class,
        by: Line::of(by),
        text: Lines::of(text),
        at: Moment::of(event.at),
        href: None,
    };
    match &event.kind {
        EventKind::RunStarted { input, .. } => vec![one("me", requester, input.clone())],
        EventKind::Said { said, plans, .. } => {
            let words = (!said.text.is_empty()).then(|| one("agent", agent, said.text.clone()));
            let calls = said.calls.iter().enumerate().map(|(place, call)| {
                let plan = plans.get(place).filter(|it| it.gated);
                let told = match question::asked(&call.name, &call.arguments) {
                    Some(words) => one("agent", agent, words),
                    None => one("event", agent, format!("uses {} {}", call.name, call.arguments)),
                };
                Told {
                    href: plan.map(|it| format!("/calls/{}", it.call)),
                    ..told
                }
            });
            words.into_iter().chain(calls).collect()
        }
        EventKind::ToolResult { result, .. } => {
            vec![match question::answered(&result.name, &result.content) {
                Some(words) => one("me", requester, words),
                None => one("event", &result.name, format!("gave {}", result.content)),
            }]
        }
        EventKind::RunPaused { .. } => vec![one("event", agent, "waits for people".to_owned())],
        EventKind::RunContinued => vec![one("event", agent, "goes on".to_owned())],
        EventKind::Blocked { place, by, reason } => {
            vec![one("event", by, format!("blocked the {place}: {reason}"))]
        }
        EventKind::RunFailed { error, .. } => vec![one("event", agent, format!("failed: {error}"))],
        EventKind::RunCancelled { by, reason } => {
            let why = reason.as_ref().map_or_else(String::new, |it| format!(": {it}"));
            vec![one("event", by.as_str(), format!("stopped it{why}"))]
        }
        // What was said last is the answer, unless a hook has rewritten it.
        EventKind::RunCompleted { output, rewritten_by } if !rewritten_by.is_empty() => {
            vec![one("agent", agent, output.clone())]
        }
        EventKind::RunCompleted { .. } | EventKind::ContentDelta { .. } => Vec::new(),
    }
}

/// Stops a run.
pub(super) async fn cancel(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<RunId>,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    visible(&shared, &caller, id).await?;
    let reason = posted(&form).remove("reason").filter(|it| !it.trim().is_empty());
    let agent = shared.session().agent_of(id).await?;
    agent.cancel(id, &caller.identity, reason).await?;
    Ok(see(&format!("/runs/{id}")))
}

#[derive(Template)]
#[template(path = "chat.html")]
struct Chat {
    agents: Vec<(Line, Line, bool)>,
    names: Vec<String>,
    talks: Vec<(RunId, Line, Moment, (&'static str, &'static str))>,
}

/// Where a conversation begins, and those that were.
pub(super) async fn chat(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
) -> Result<Response, Trouble> {
    let engine = shared.engine();
    let filter = RunFilter::OfRequester(caller.actor.id.clone());
    let found = engine.store().runs(engine.tenant(), &filter, None, 100).await?;
    let mut seen = std::collections::BTreeSet::new();
    let mut talks = Vec::new();
    for row in found.iter().filter(|it| it.agent.is_some()) {
        let is_new = row.session.as_ref().is_none_or(|it| seen.insert(it.clone()));
        if is_new && talks.len() < 20 {
            let events = engine.store().run_events(engine.tenant(), row.id, 0, 1).await?;
            let first = events
                .first()
                .and_then(|it| serde_json::from_str::<RunEvent>(&it.text).ok());
            let words = match first.map(|it| it.kind) {
                Some(EventKind::RunStarted { input, .. }) => input.chars().take(120).collect(),
                _ => Run::path_of(row).join(" › "),
            };
            talks.push((
                row.id,
                Line::of(words),
                Moment::of(row.created),
                standing(&row.status),
            ));
        }
    }
    let agents = shared.agents().iter();
    let body = Chat {
        names: agents.clone().map(|it| it.name().to_owned()).collect(),
        agents: agents
            .map(|it| {
                (
                    Line::of(it.name()),
                    Line::of(it.model_name()),
                    it.model_name() == "scripted",
                )
            })
            .collect(),
        talks,
    };
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Chat,
    }
    .page("Chat", &body)
}

/// Says something to an agent. The answer appears on the page of the run, as it comes.
pub(super) async fn say(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    let mut posted = posted(&form);
    let message = posted.remove("message").unwrap_or_default().replace("\r\n", "\n");
    if message.trim().is_empty() {
        return Ok(see("/chat"));
    }
    let name = posted.remove("agent");
    let agents = shared.agents().iter();
    let agent = agents.clone().find(|it| Some(it.name()) == name.as_deref());
    let agent = agent.ok_or_else(|| Trouble::not_found("such agent"))?;
    let new = || format!("console-{}", shared.engine().new_run_id());
    let session = posted
        .remove("session")
        .filter(|it| !it.is_empty())
        .unwrap_or_else(new);
    let before = latest(&shared, &session).await?;
    // A conversation is with one person, and nobody else's to go on with.
    if before.as_ref().is_some_and(|it| it.requester != caller.actor.id) {
        return Err(Trouble::not_found("such conversation"));
    }
    let running = agent
        .run(message)
        .by(&caller.identity)
        .session(&session)
        .stream()?;
    let id = running.id();
    let leading = tokio::spawn(running.run());
    // Short runs are over before anybody could look; of long ones the page tells as they go on.
    if let Ok(Ok(run)) = tokio::time::timeout(PATIENCE, leading).await {
        return Ok(see(&format!("/runs/{}", run?.id())));
    }
    let row = shared.engine().store().run(shared.engine().tenant(), id).await?;
    // One that waits for its conversation to be free may not be there to be looked at yet.
    Ok(see(&row.map_or_else(
        || "/chat".to_owned(),
        |it| format!("/runs/{}", it.id),
    )))
}

/// The newest run of a conversation.
async fn latest(shared: &Shared, session: &str) -> Result<Option<RunRow>, Trouble> {
    let engine = shared.engine();
    let session = countersign::SessionId::new(session).map_err(Error::from)?;
    let found = engine
        .store()
        .runs(engine.tenant(), &RunFilter::OfSession(session), None, 1)
        .await?;
    Ok(found.into_iter().next())
}
