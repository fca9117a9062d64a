//! Who may see what. What somebody may not see answers as what does not exist.
//!
//! A call is seen by those it concerns: its requester, the agent that made it and whoever owns that agent, the
//! members of the pools it asks, those who voted, and reporters while it waits for them. Operators and auditors see
//! all. Whether somebody may *decide* is another question, which the machine answers.

use std::collections::BTreeSet;

use countersign::core::actor::{ADMIN, AUDITOR, Actor, OPERATOR, REPORTER};
use countersign::store::{RunFilter, RunRow};
use countersign::{ActorId, Call, CallId, Engine, Error, Phase, PoolName, RunId};

/// Those whom a call concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audience {
    people: BTreeSet<ActorId>,
    pools: BTreeSet<PoolName>,
    reporters: bool,
}

impl Audience {
    pub(crate) fn of(call: &Call) -> Self {
        let agent = call.agent().iter();
        let behind = agent.flat_map(|it| std::iter::once(&it.id).chain(&it.owner));
        let voters = call.votes().iter().map(|it| &it.by);
        Self {
            people: behind.chain(voters).chain([call.requester()]).cloned().collect(),
            pools: call.gates().approvals.iter().map(|it| it.pool.clone()).collect(),
            reporters: matches!(call.phase(), Phase::External { .. }),
        }
    }

    pub(crate) fn has(&self, actor: &Actor) -> bool {
        sees_all(actor)
            || self.people.contains(&actor.id)
            || !self.pools.is_disjoint(&actor.pools)
            || (self.reporters && actor.has_role(REPORTER))
    }
}

/// A call, if there is one and somebody may see it.
pub(crate) async fn call(engine: &Engine, actor: &Actor, id: CallId) -> Result<Option<Call>, Error> {
    match engine.desk().call(id).await {
        Ok(call) => Ok(Some(call).filter(|it| sees(actor, it))),
        Err(Error::UnknownCall(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A run, if there is one and somebody may see it.
pub(crate) async fn run(engine: &Engine, actor: &Actor, id: RunId) -> Result<Option<RunRow>, Error> {
    let row = engine.store().run(engine.tenant(), id).await?;
    Ok(row.filter(|it| sees_run(actor, it)))
}

/// The runs that somebody's list has: their own, or all of them.
pub(crate) fn runs(actor: &Actor) -> RunFilter {
    if sees_all(actor) {
        RunFilter::All
    } else {
        RunFilter::OfRequester(actor.id.clone())
    }
}

/// Whether somebody may see a call.
pub(crate) fn sees(actor: &Actor, call: &Call) -> bool {
    Audience::of(call).has(actor)
}

/// Whether somebody may see a run with all that was said in it. Approvers see the call they are asked about, not the
/// conversation around it.
pub(crate) fn sees_run(actor: &Actor, run: &RunRow) -> bool {
    sees_all(actor) || run.requester == actor.id || run.agent.as_ref() == Some(&actor.id)
}

/// Whether somebody sees every call and run.
pub(crate) fn sees_all(actor: &Actor) -> bool {
    actor.has_role(OPERATOR) || actor.has_role(AUDITOR)
}

/// Whether somebody may read the whole audit log.
pub(crate) fn sees_log(actor: &Actor) -> bool {
    sees_all(actor) || actor.has_role(ADMIN)
}
