//! Tools, and calls of them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use countersign::core::actor::{DELEGATE, Kind};
use countersign::schema::Dialect;
use countersign::{CallId, Called, Identity, Tier};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::http::extract::{Asked, Body, Id, Patience};
use crate::http::idempotency::{Begun, Key, Once};
use crate::http::problem::Problem;
use crate::http::wire::{Answer, Page, Proposal, Tool};
use crate::http::{NotDone, Refused};
use crate::server::{Caller, Shared};
use crate::tools::tier_name;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct In {
    /// As this provider's API takes them: `openai`, `openai-strict`, `anthropic`, `gemini`, `mcp`, `json-schema`.
    dialect: Option<String>,
}

/// The linked tools; with `dialect`, as that provider's API takes them.
#[utoipa::path(get, path = "/v1/tools", params(In), responses((status = 200, body = Page<Tool>), Refused),
    security(("key" = []), ("session" = [])), tag = "tools")]
pub(super) async fn list(
    State(shared): State<Shared>,
    _caller: Caller,
    Asked(asked): Asked<In>,
) -> Result<Response, Problem> {
    let registry = shared.engine().registry();
    let Some(dialect) = asked.dialect else {
        return Ok(Json(Page {
            items: registry.iter().map(|it| tool(&shared, it)).collect(),
            next: None,
        })
        .into_response());
    };
    let dialect: Dialect = dialect
        .parse()
        .map_err(|error| Problem::malformed(format!("`dialect`: {error}")))?;
    let mut items: Vec<Value> = Vec::new();
    for entry in registry.iter() {
        let text = entry
            .rendered()
            .tool(dialect)
            .map_err(|error| Problem::invalid(error.to_string()))?;
        items.push(serde_json::from_str(text).map_err(|error| Problem::internal(&error))?);
    }
    Ok(Json(json!({"items": items, "next": null})).into_response())
}

fn tool(shared: &Shared, entry: &countersign::registry::Entry) -> Tool {
    let descriptor = entry.descriptor();
    let tier = shared
        .engine()
        .tier(descriptor.name.as_str())
        .unwrap_or(Tier::Gated);
    Tool {
        name: descriptor.name.clone(),
        title: descriptor.title.clone(),
        description: descriptor.description.clone(),
        tier: tier_name(tier),
        gates: json!(descriptor.gates),
        hints: json!(descriptor.hints),
        input_schema: json!(descriptor.input_schema),
        digest: entry.digest(),
    }
}

/// Proposes a call. 200 if it is over, 202 if it waits for people or still runs.
///
/// `Prefer: wait=SECONDS` waits that long for a call that runs. With an `Idempotency-Key` the same request again
/// is the same call.
#[utoipa::path(post, path = "/v1/tools/{name}/calls", params(("name" = String, Path), Key), request_body = Proposal,
    responses((status = 200, body = Answer), (status = 202, body = Answer), Refused, NotDone),
    security(("key" = []), ("session" = [])), tag = "tools")]
pub(super) async fn propose(
    State(shared): State<Shared>,
    caller: Caller,
    Id(name): Id<String>,
    headers: HeaderMap,
    Body(proposal): Body<Proposal>,
) -> Result<Response, Problem> {
    let arguments = proposal.arguments.as_ref().map_or("{}", |it| it.get());
    let asked = json!({
        "tool": name, "arguments": arguments, "run": proposal.run, "session": proposal.session,
        "on_behalf_of": proposal.on_behalf_of,
    });
    let stored = shared.engine().tier(&name) == Some(Tier::Gated);
    let once = Once::new(&shared, &caller, &headers, &asked, stored)?;
    let (requester, agent) = behind(&shared, &caller, &proposal).await?;
    let id = match once.begin().await? {
        Begun::New(id) => id,
        Begun::Answered(answer) => return Ok(answer),
    };
    let answer = called(
        &shared,
        &name,
        &proposal,
        (&requester, agent.as_ref()),
        id,
        Patience::of(&caller.actor.id, &headers),
    )
    .await;
    once.end(answer.map(Answer::with_status)).await
}

async fn called(
    shared: &Shared,
    name: &str,
    proposal: &Proposal,
    (requester, agent): (&Identity, Option<&Identity>),
    id: CallId,
    patience: Option<Patience<'_>>,
) -> Result<Answer, Problem> {
    let engine = shared.engine();
    let arguments = proposal.arguments.as_ref().map_or("{}", |it| it.get());
    let mut builder = engine.call(name, arguments).by(requester).id(id);
    if let Some(agent) = agent {
        builder = builder.through(agent);
    }
    if let Some(run) = proposal.run {
        builder = builder.run(run);
    }
    if let Some(session) = &proposal.session {
        builder = builder.session(session.as_str());
    }
    let waiting = match builder.await? {
        Called::Waiting(waiting) => waiting,
        // Blocked or passed at once: what is stored says more than the outcome.
        Called::Done(_) if engine.tier(name) == Some(Tier::Gated) => {
            let call = engine.desk().call(id).await?;
            return Ok(Answer::of(&call, shared.session().is_stale(&call)));
        }
        Called::Done(outcome) => return Ok(Answer::ended(None, &outcome)),
    };
    settled(shared, waiting.call(), patience).await
}

/// How a call stands when nobody but people can move it on, or when the time is over.
pub(super) async fn settled(
    shared: &Shared,
    call: &countersign::Call,
    patience: Option<Patience<'_>>,
) -> Result<Answer, Problem> {
    let now = Answer::of(call, shared.session().is_stale(call));
    let (Answer::Running { .. }, Some(patience)) = (&now, patience) else {
        return Ok(now);
    };
    // Whoever waits holds a connection. Where there is no room for one more, a preference is no promise.
    let Ok(_room) = shared.limits().stream(patience.of) else {
        return Ok(now);
    };
    let engine = shared.engine();
    let mut stopping = shared.stopping();
    let settled = tokio::select! {
        settled = tokio::time::timeout(patience.lasts, engine.wait_until_settled(*call.id())) => settled,
        _ = stopping.wait_for(|it| *it) => return Ok(now),
    };
    match settled {
        Ok(call) => {
            let call = call?;
            Ok(Answer::of(&call, shared.session().is_stale(&call)))
        }
        Err(_) => {
            let call = engine.desk().call(*call.id()).await?;
            Ok(Answer::of(&call, shared.session().is_stale(&call)))
        }
    }
}

/// On whose behalf, and through which agent. People speak for themselves, agents for the person who owns them, services
/// with the role [`DELEGATE`] for any person.
async fn behind(
    shared: &Shared,
    caller: &Caller,
    proposal: &Proposal,
) -> Result<(Identity, Option<Identity>), Problem> {
    let own = (caller.identity.clone(), None);
    let Some(person) = proposal
        .on_behalf_of
        .as_ref()
        .filter(|it| **it != caller.actor.id)
    else {
        return Ok(own);
    };
    let people = shared.session().people().await?;
    let owner = people.get(&caller.actor.id).and_then(|it| it.owner.as_ref());
    let is_person = people.get(person).is_some_and(|it| it.kind == Kind::Person);
    let allowed = !caller.actor.is_person() && (owner == Some(person) || caller.actor.has_role(DELEGATE));
    if !allowed || !is_person {
        return Err(Problem::forbidden(
            "an agent acts on behalf of the person who owns it, a service with the role `delegate` on behalf of any person",
        ));
    }
    let auth = format!("on-behalf, by {} ({})", caller.actor.id, caller.identity.auth());
    let requester = Identity::authenticated(person.clone(), auth);
    let agent = (caller.actor.kind == Kind::Agent).then(|| caller.identity.clone());
    Ok((requester, agent))
}
