//! Agents, and their runs.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use countersign::core::actor::OPERATOR;
use countersign::store::RunRow;
use countersign::{Decision as CoreDecision, RunId};
use countersign_agent::{EventKind, RunEvent, Running};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use crate::http::events::{QUIET, Streamed, last_seen, streamed};
use crate::http::extract::{Asked, Body, Id, Paging, Patience};
use crate::http::idempotency::{Begun, Key, Once};
use crate::http::problem::Problem;
use crate::http::requirements::decision;
use crate::http::wire::{Agent, Call, Cancel, Decision, Input, Page, Requirement, Run, RunState};
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Open, Shared};
use crate::{runs, sight};

/// How long a run is waited for, unless `Prefer: wait` says otherwise. It goes on after that.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many events wait for a client that reads slowly.
const WAITING: usize = 16;

/// The agents that can be talked to.
#[utoipa::path(get, path = "/v1/agents", responses((status = 200, body = Page<Agent>), Refused),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn agents(State(shared): State<Shared>, _caller: Caller) -> Json<Page<Agent>> {
    let view = |it: &countersign_agent::Agent| Agent {
        name: it.name().to_owned(),
        model: it.model_name().to_owned(),
    };
    Json(Page {
        items: shared.agents().iter().map(view).collect(),
        next: None,
    })
}

/// Begins a run. 200 if it is over, 202 if it is paused or still runs: it goes on without this connection.
///
/// With `Accept: text/event-stream` its events are streamed as they happen; the number of an event is its id.
#[utoipa::path(post, path = "/v1/agents/{name}/runs", params(("name" = String, Path), Key), request_body = Input,
    responses((status = 200, content((RunState = "application/json"), (crate::http::events::Sent = "text/event-stream"))),
        (status = 202, body = RunState), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn begin(
    State(shared): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    headers: HeaderMap,
    Body(input): Body<Input>,
) -> Result<Response, Problem> {
    let agent = shared.agents().iter().find(|it| it.name() == name);
    let agent = agent.ok_or_else(|| Problem::not_found(format!("agent `{name}`")))?;
    if input.input.trim().is_empty() {
        return Err(Problem::invalid("`input` says nothing"));
    }
    let asked = json!({"agent": name, "input": input.input, "session": input.session});
    let once = Once::new(&shared, &caller, &headers, &asked, false)?;
    // Room first: a run that has begun is not taken back.
    let streams = wants_stream(&headers)
        .then(|| shared.limits().stream(&caller.actor.id))
        .transpose()?;
    if let Begun::Answered(answer) = once.begin().await? {
        return Ok(answer);
    }
    let mut builder = agent.run(input.input).by(&caller.identity);
    if let Some(session) = &input.session {
        builder = builder.session(session.as_str());
    }
    let running = match builder.stream() {
        Ok(running) => running,
        Err(error) => return once.end::<RunState>(Err(error.into())).await,
    };
    if let Some(open) = streams {
        // What is streamed cannot be kept: a repeat is told to look for the run.
        return Ok(stream(shared, caller, running, open).into_response());
    }
    let state = waited(&shared, running, patience(&caller, &headers)).await;
    once.end(state).await
}

fn patience<'a>(caller: &'a Caller, headers: &HeaderMap) -> Patience<'a> {
    let of = &caller.actor.id;
    Patience::of(of, headers).unwrap_or(Patience::new(of, PATIENCE))
}

/// Waits for a run as long as somebody wants and there is room, and says how it stands. A decision that does not count
/// is a problem.
async fn waited(
    shared: &Shared,
    running: Running,
    patience: Patience<'_>,
) -> Result<(StatusCode, RunState), Problem> {
    let id = running.id();
    let mut stopping = shared.stopping();
    let room = shared.limits().stream(patience.of);
    let lasts = if room.is_ok() {
        patience.lasts
    } else {
        Duration::ZERO
    };
    tokio::select! {
        ended = tokio::time::timeout(lasts, running.run()) => {
            if let Ok(ended) = ended
                && let Some((_, refusal)) = ended?.refusals().first()
            {
                return Err(refusal.clone().into());
            }
        }
        _ = stopping.wait_for(|it| *it) => {}
    }
    let row = shared.engine().store().run(shared.engine().tenant(), id).await?;
    let state = state(shared, &row.ok_or_else(|| Problem::not_found(id))?).await?;
    // The row says more than that: it stays open until all hooks have seen the answer.
    let status = if state.is_over() {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, state))
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accept.is_some_and(|it| it.contains("text/event-stream"))
}

/// The events of a run as it happens. Whoever goes away loses nothing: they are stored, but for the deltas.
fn stream(shared: Shared, caller: Caller, mut running: Running, open: Open) -> Streamed {
    let (tell, told) = mpsc::channel(WAITING);
    let id = running.id();
    tokio::spawn(async move {
        let _open = open;
        let mut stopping = shared.stopping();
        let first = Event::default().event("run").data(json!({"run": id}).to_string());
        // None when nobody listens any more, or nobody who may: the run is led to its end all the same.
        let mut tell = tell.send(Ok(first)).await.is_ok().then_some(tell);
        loop {
            let event = tokio::select! {
                event = running.next() => event,
                _ = stopping.wait_for(|it| *it), if tell.is_some() => {
                    tell = None;
                    continue;
                }
            };
            let Some(event) = event else { break };
            let Some(listener) = &tell else { continue };
            let may = is_delta(&event) || matches!(caller.again(&shared).await, Ok(Some(_)));
            if !may || listener.send(Ok(shown(&event))).await.is_err() {
                tell = None;
            }
        }
        if let Err(error) = running.run().await {
            tracing::warn!(%error, run = %id, "a run could not be led");
            let problem = Problem::from(error);
            let what = json!({"code": problem.code(), "detail": problem.detail()});
            if let Some(listener) = tell {
                let event = Event::default().event("problem").data(what.to_string());
                let _ = listener.send(Ok(event)).await;
            }
        }
    });
    streamed(told)
}

const fn is_delta(event: &RunEvent) -> bool {
    matches!(event.kind, EventKind::ContentDelta { .. })
}

fn shown(event: &RunEvent) -> Event {
    let value = serde_json::to_value(event).unwrap_or_default();
    let name = value["event"].as_str().unwrap_or("event").to_owned();
    let shown = Event::default().event(name).data(value.to_string());
    // A delta bears the number of the message that will have it: who goes on after it would miss the message.
    if is_delta(event) {
        shown
    } else {
        shown.id(event.number.to_string())
    }
}

/// Runs, the newest first: the caller's own; all of them for operators and auditors.
#[utoipa::path(get, path = "/v1/runs", params(Paging), responses((status = 200, body = Page<Run>), Refused),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Run>>, Problem> {
    let (before, limit) = (paging.after::<RunId>()?, paging.limit()?);
    let filter = sight::runs(&caller.actor);
    let engine = shared.engine();
    let mut rows = engine
        .store()
        .runs(engine.tenant(), &filter, before, limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    Ok(Json(Page {
        next: rows.last().filter(|_| more).map(|it| it.id.to_string()),
        items: rows.iter().map(Run::of).collect(),
    }))
}

/// A run that the caller may see. All others answer as if there were none.
pub(crate) async fn visible(shared: &Shared, caller: &Caller, id: RunId) -> Result<RunRow, Problem> {
    let row = sight::run(shared.engine(), &caller.actor, id).await?;
    row.ok_or_else(|| Problem::not_found(id))
}

/// A run with its calls, what it asks and how it ended.
#[utoipa::path(get, path = "/v1/runs/{id}", params(("id" = String, Path)),
    responses((status = 200, body = RunState), Refused), security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn get(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<RunId>,
) -> Result<Json<RunState>, Problem> {
    let row = visible(&shared, &caller, id).await?;
    Ok(Json(state(&shared, &row).await?))
}

async fn state(shared: &Shared, row: &RunRow) -> Result<RunState, Problem> {
    let session = shared.session();
    let calls = shared.engine().calls_of(row.id).await?;
    let (mut output, mut error) = (None, None);
    for event in runs::events(session, row.id).await? {
        match event.kind {
            EventKind::RunCompleted { output: it, .. } => output = Some(it),
            EventKind::RunFailed { error: it, .. } => error = Some(it),
            EventKind::RunContinued => error = None,
            _ => {}
        }
    }
    // The agents that it has asked ask in runs of their own; only the program that links the agent knows which.
    let asked = match session.agent_of(row.id).await {
        Ok(agent) if row.agent.is_some() => agent.get(row.id).await?.active_requirements().to_vec(),
        Ok(_) | Err(_) => calls.iter().flat_map(countersign::Call::requirements).collect(),
    };
    let mut requirements = Vec::new();
    for it in asked {
        let call = shared.engine().desk().call(it.call).await?;
        requirements.push(Requirement::new(it, session.is_stale(&call)));
    }
    Ok(RunState {
        run: Run::of(row),
        calls: calls
            .iter()
            .map(|it| Call::of(it, session.is_stale(it)))
            .collect(),
        output,
        error,
        requirements,
    })
}

/// What happened in a run, from the beginning or after `Last-Event-ID`, and what happens until it is over.
#[utoipa::path(get, path = "/v1/runs/{id}/events",
    params(("id" = String, Path), ("Last-Event-ID" = Option<u64>, Header)),
    responses((status = 200, body = crate::http::events::Sent, content_type = "text/event-stream"), Refused),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn events(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<RunId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    visible(&shared, &caller, id).await?;
    let mut from = last_seen(&headers)?.map_or(0, |it| it + 1);
    let open = shared.limits().stream(&caller.actor.id)?;
    let (tell, told) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _open = open;
        let engine = shared.engine();
        let mut stopping = shared.stopping();
        loop {
            // Begun before the look: what is committed in between is not missed.
            let mut changes = engine.changes();
            let Ok(Some(again)) = caller.again(&shared).await else {
                return;
            };
            let Ok(row) = visible(&shared, &again, id).await else {
                return;
            };
            let Ok(found) = engine.store().run_events(engine.tenant(), id, from, 500).await else {
                return;
            };
            for row in &found {
                from = row.number + 1;
                let Ok(event) = serde_json::from_str::<RunEvent>(&row.text) else {
                    return;
                };
                if tell.send(Ok::<_, Infallible>(shown(&event))).await.is_err() {
                    return;
                }
            }
            if found.is_empty() && !row.open {
                return;
            }
            if found.is_empty() {
                tokio::select! {
                    () = changes.next() => {}
                    () = tokio::time::sleep(QUIET) => {}
                    () = tell.closed() => return,
                    _ = stopping.wait_for(|it| *it) => return,
                }
            }
        }
    });
    Ok(streamed(told).into_response())
}

/// Decisions about what a run asks.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decisions {
    #[serde(default)]
    decisions: Vec<About>,
}

/// A decision, and what it is about.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct About {
    requirement: String,
    #[schema(value_type = Decision)]
    say: Value,
}

/// Takes decisions about what a run asks, and goes on if nothing is open any more. A decision that does not count is
/// a problem; those before it stand.
#[utoipa::path(post, path = "/v1/runs/{id}/continue", params(("id" = String, Path), Key), request_body = Decisions,
    responses((status = 200, body = RunState), (status = 202, body = RunState), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn resume(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<RunId>,
    headers: HeaderMap,
    Body(body): Body<Decisions>,
) -> Result<Response, Problem> {
    let row = visible(&shared, &caller, id).await?;
    if row.requester != caller.actor.id && !caller.actor.has_role(OPERATOR) {
        return Err(Problem::forbidden(
            "only its requester or an operator goes on with a run",
        ));
    }
    let asked = json!({"continue": id, "decisions": body.decisions});
    let once = Once::new(&shared, &caller, &headers, &asked, true)?;
    let mut decisions: Vec<CoreDecision> = Vec::new();
    for about in body.decisions {
        let on = about
            .requirement
            .parse()
            .map_err(|_| Problem::invalid("`requirement` is no requirement's id"))?;
        let said = serde_json::from_value(about.say).map_err(|error| Problem::invalid(error.to_string()))?;
        decisions.push(decision(on, said)?.by(&caller.identity));
    }
    if let Begun::Answered(answer) = once.begin().await? {
        return Ok(answer);
    }
    let agent = shared.session().agent_of(id).await;
    let agent = agent
        .map_err(|_| Problem::conflict("no_agent", "this server does not have the agent of this run"))?;
    let running = agent.continue_run(id, decisions).by(&caller.identity).stream();
    let state = waited(&shared, running, patience(&caller, &headers)).await?;
    once.end(Ok(state)).await
}

/// Stops a run: its requester or an operator. Its open calls are withdrawn.
#[utoipa::path(post, path = "/v1/runs/{id}/cancel", params(("id" = String, Path)), request_body = Cancel,
    responses((status = 200, body = RunState), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "runs")]
pub(super) async fn cancel(
    State(shared): State<Shared>,
    caller: Caller,
    Id(id): Id<RunId>,
    Body(body): Body<Cancel>,
) -> Result<Json<RunState>, Problem> {
    visible(&shared, &caller, id).await?;
    let agent = shared.session().agent_of(id).await;
    let agent = agent
        .map_err(|_| Problem::conflict("no_agent", "this server does not have the agent of this run"))?;
    agent.cancel(id, &caller.identity, body.reason).await?;
    let row = visible(&shared, &caller, id).await?;
    Ok(Json(state(&shared, &row).await?))
}
