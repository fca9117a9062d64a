//! Opens gated calls: judges what is proposed, passes it by a remembered confirmation, commits it.

use std::sync::Arc;

use countersign_core::actor::{ActingAgent, Actor, Kind};
use countersign_core::call::{Call, Opening, Phase, Step};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::grant::Offer;
use countersign_core::tool::ArgumentErrors;

use crate::call::{Called, Parts, canonical};
use crate::directory::Directory;
use crate::engine::{Engine, Inner, Waiting, random_bytes};
use crate::error::Error;
use crate::fatigue::{self, History};
use crate::grant::{self, Place, offer};
use crate::judge::{behind, can_be_met, judge, readable, release};
use crate::recent::Loaded;
use crate::registry::Entry;
use crate::run::{RUNNING, Run};
use crate::store::{CallRow, CallWrite, Commit, Committed};
use crate::trace;
use crate::turn::row;

/// Opens a gated call. Bad arguments answer at once; nobody is asked about them.
pub(crate) async fn gated(entry: &Entry, engine: &Engine, parts: Parts<'_>) -> Result<Called, Error> {
    let inner = parts.inner;
    let by = parts.by.ok_or(Error::NoRequester)?;
    let arguments = canonical(&parts.arguments)?;
    let proposed = parts.proposed.map_or_else(|| Ok(arguments.clone()), canonical)?;
    if let Some(opened) = stored(inner, &parts, entry).await? {
        return answer(engine, opened).await;
    }
    let run = match (parts.run, parts.write) {
        (Some(id), Some(_)) => Run::led(id, parts.session)?,
        (id, _) => inner.run_for(by.id(), id, parts.session).await?,
    };
    let history = if run.begins {
        History::default()
    } else {
        inner.history(run.id, &entry.descriptor().name, &proposed).await?
    };
    let mut tries = 0;
    let opened = loop {
        // The cached directory will do: the commit says which revision it was, and is refused if another
        // one is stored.
        let directory = if tries > 0 {
            inner.directory.refreshed(&*inner.store).await?
        } else {
            inner.directory.last()
        };
        let requester = directory.actor(by, inner.clock.now());
        // An agent that calls for itself is its own acting agent: whoever owns it stands behind the call.
        let acting = parts
            .agent
            .or_else(|| (requester.kind == Kind::Agent).then_some(by));
        let agent = acting.map(|it| directory.agent(it.id()));
        let mut opening = opening(inner, entry, &directory, &arguments, &run, requester, agent)?;
        opening.proposed.clone_from(&proposed);
        opening.id = parts.id.unwrap_or(opening.id);
        opening.blocked.extend(history.turned_down.clone());
        let step = Box::pin(opened(inner, opening, &run, &directory, tries)).await?;
        let limits = directory.policy.limits();
        fatigue::check_run(&step.call, &history, limits)?;
        let row = Arc::new(row(&step.call, 0));
        let mut commit = Commit {
            room: fatigue::room(&step.call, limits),
            ..opening_commit(inner, entry, &step, row.clone(), &run, directory.revision)
        };
        if let Some(write) = parts.write {
            commit.run = Some(write(&step.call).ok_or_else(|| run.not_led("not written"))?);
            commit.assumed_run = None;
        }
        let expected = parts.write.and(commit.run.as_ref()).map(|it| it.expected);
        match inner.store.commit(commit).await? {
            Committed::Done { .. } => {
                inner.described.insert(entry.digest());
                inner.tell_opened(&step.call, &directory.policy);
                let loaded = Loaded { call: step.call, row };
                inner.recent.put(&loaded);
                break loaded.call;
            }
            Committed::Full => return Err(fatigue::no_room(&step.call, limits)),
            Committed::Conflict => {
                if let Some(opened) = stored(inner, &parts, entry).await? {
                    break opened;
                }
                // It may have been stopped, or taken up: then there is nothing to try again.
                match expected {
                    Some(version) => inner.is_free_at(&run, version).await?,
                    None if run.led => {
                        inner.run_for(by.id(), parts.run, parts.session).await?;
                    }
                    None => {}
                }
                tries += 1;
            }
        }
    };
    trace::opened(&opened);
    match opened.phase() {
        // Its run is written, and must be led on while it waits.
        Phase::Cleared { .. } if parts.write.is_some() => Ok(Called::Waiting(Waiting::new(opened))),
        _ => answer(engine, opened).await,
    }
}

/// The call of that id, if it was opened before by the same requester, for the same tool.
async fn stored(inner: &Inner, parts: &Parts<'_>, entry: &Entry) -> Result<Option<Call>, Error> {
    // One that is opened with its run is new.
    let Some(id) = parts.id.filter(|_| parts.write.is_none()) else {
        return Ok(None);
    };
    let call = match inner.load(id).await {
        Ok(loaded) => loaded.call,
        Err(Error::UnknownCall(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let same = parts.by.is_some_and(|it| it.id() == call.requester())
        && call.tool() == &entry.descriptor().name
        && parts.run.is_none_or(|it| it == *call.run());
    // Whose call it is, or that there is one, is nobody else's business.
    if same {
        Ok(Some(call))
    } else {
        Err(Error::TakenId(id))
    }
}

/// What its proposer is told of a call that was opened.
async fn answer(engine: &Engine, opened: Call) -> Result<Called, Error> {
    let inner = &engine.inner;
    let id = *opened.id();
    match opened.phase() {
        Phase::Closed { outcome } => Ok(Called::Done(outcome.clone())),
        // No gate stands for these arguments: a worker of ours takes it right away.
        Phase::Cleared { .. } if engine.has_worker() => {
            inner.hint(id);
            let settled = engine.wait_until_settled(id).await?;
            match settled.phase() {
                Phase::Closed { outcome } => Ok(Called::Done(outcome.clone())),
                _ => Ok(Called::Waiting(Waiting::new(settled))),
            }
        }
        _ => Ok(Called::Waiting(Waiting::new(opened))),
    }
}

/// Opens a call, past its confirmation if its requester has said that they need not be asked again.
async fn opened(
    inner: &Inner,
    mut opening: Opening,
    run: &Run,
    directory: &Directory,
    tries: u32,
) -> Result<Step, Error> {
    let now = inner.clock.now();
    let step = Call::open(opening.clone(), now);
    if !matches!(step.call.phase(), Phase::Confirm { .. }) {
        return Ok(step);
    }
    let place = Place {
        owner: &opening.requester.id,
        tool: &opening.tool,
        // Nobody can have remembered anything for a run that only begins.
        run: (!run.begins).then_some(&run.id),
        session: opening.session.as_ref(),
        tries,
    };
    let with = |offer: &Offer| Opening {
        offer: Some(offer.clone()),
        ..opening.clone()
    };
    let passes = |offer: &Offer| Call::open(with(offer), now).change.is_some();
    let Some(grant) = inner.grant_for(place, directory, passes).await? else {
        return Ok(step);
    };
    opening.offer = Some(offer(grant, directory, now));
    Ok(Call::open(opening, now))
}

fn opening_commit(
    inner: &Inner,
    entry: &Entry,
    step: &Step,
    row: Arc<CallRow>,
    run: &Run,
    directory: u64,
) -> Commit {
    let (call, change) = (&step.call, step.change.as_deref());
    let used = change.map(|it| it.record.clone());
    Commit {
        call: Some(CallWrite { row, replaces: None }),
        run: run.begins.then(|| run.begin(call.requester(), *call.opened())),
        grant: change.map(|it| grant::write(&it.grant)),
        before: change.and_then(|it| it.grant.ends()),
        descriptor: inner.described.missing(entry),
        assumed_directory: Some(directory),
        assumed_run: run.led.then(|| (run.id, RUNNING.to_owned())),
        records: step.record.clone().into_iter().chain(used).collect(),
        ..Commit::new(inner.tenant.clone(), *call.opened())
    }
}

fn opening(
    inner: &Inner,
    entry: &Entry,
    directory: &Directory,
    arguments: &Canonical,
    run: &Run,
    requester: Actor,
    agent: Option<ActingAgent>,
) -> Result<Opening, Error> {
    let descriptor = entry.descriptor();
    let patience = directory.policy.patience();
    let mut blocked = Vec::new();
    if requester.kind == Kind::Unknown {
        blocked.push(format!("nobody knows an actor `{}`", requester.id));
    }
    // Of an agent that nobody knows, nobody knows the owner, who must not approve its calls.
    if let Some(agent) = agent.as_ref().filter(|it| !directory.actors.contains_key(&it.id)) {
        blocked.push(format!(
            "nobody knows an agent `{}`; add it to the policy with its owner",
            agent.id
        ));
    }
    if requester.kind == Kind::Agent && agent.as_ref().is_some_and(|it| it.id != requester.id) {
        blocked.push(format!(
            "`{}` is an agent, and another agent makes this call; make it on behalf of a person",
            requester.id
        ));
    }
    let (gates, rules) = if let Some(gate) = descriptor.gates.frozen_input(patience) {
        // The arguments are not complete: only what the model gave can be checked.
        entry
            .rendered()
            .model_input()
            .check(&arguments.value())
            .map_err(ArgumentErrors)?;
        readable(entry, arguments)?;
        let (name, revision) = (descriptor.name.as_str(), directory.revision);
        directory.policy.tighten_input(name, gate, revision)
    } else {
        let judged = judge(entry, directory, arguments)?;
        let behind = behind(&requester.id, agent.as_ref());
        blocked.extend(can_be_met(&judged.gates, directory, &behind).err());
        (judged.gates, judged.rules)
    };
    Ok(Opening {
        id: inner.new_call_id(),
        run: run.id,
        session: run.session.clone(),
        tenant: inner.tenant.clone(),
        tool: descriptor.name.clone(),
        release: release(entry),
        requester,
        agent,
        salt: Digest::new(random_bytes()),
        patience,
        proposed: arguments.clone(),
        arguments: arguments.clone(),
        gates,
        rules,
        blocked,
        offer: None,
    })
}
