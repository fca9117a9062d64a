//! Whom an open call waits for, and until when: how inboxes, workers and the sweeper find it.
//!
//! The store keeps these words and does not know what they mean. They only find calls; whether somebody
//! may decide is settled in the machine, with the call in hand.

use std::collections::BTreeSet;

use countersign_core::actor::{Actor, OPERATOR, REPORTER};
use countersign_core::call::{Call, Event, Phase};
use countersign_core::id::{ActorId, PoolName};
use countersign_core::time::Timestamp;

/// Whoever links the tool.
pub(crate) const WORKER: &str = "worker";

fn requester(id: &ActorId) -> String {
    format!("requester:{id}")
}

fn pool(name: &PoolName) -> String {
    format!("pool:{name}")
}

fn role(name: &str) -> String {
    format!("role:{name}")
}

/// Calls of this requester that wait for other people, or for a process that finds out whom to ask.
fn pending(id: &ActorId) -> String {
    format!("pending:{id}")
}

/// Where all calls of this requester stand that wait for people; each once.
pub(crate) fn of_requester(id: &ActorId) -> Vec<String> {
    vec![requester(id), pending(id)]
}

/// Whether a call is one of those.
pub(crate) const fn is_pending(call: &Call) -> bool {
    matches!(
        call.phase(),
        Phase::Input { .. } | Phase::Gating { .. } | Phase::Confirm { .. } | Phase::Approve { .. }
    )
}

/// Whom a call waits for, and on whose account.
pub(crate) fn waits_for(call: &Call) -> Vec<String> {
    match call.phase() {
        Phase::Input { .. } | Phase::Confirm { .. } => vec![requester(call.requester())],
        Phase::Approve { .. } => {
            let pools = call.requirements().into_iter().filter_map(|it| it.pool);
            let pools: BTreeSet<PoolName> = pools.collect();
            let pending = std::iter::once(pending(call.requester()));
            pools.iter().map(pool).chain(pending).collect()
        }
        Phase::Gating { .. } => vec![WORKER.to_owned(), pending(call.requester())],
        Phase::Cleared { .. } => vec![WORKER.to_owned()],
        Phase::External { .. } => vec![role(REPORTER)],
        Phase::InDoubt { .. } => vec![role(OPERATOR)],
        Phase::Executing { .. } | Phase::Closed { .. } => Vec::new(),
    }
}

/// What an actor is asked as: requester, member of pools, operator, reporter.
pub(crate) fn of(actor: &Actor) -> Vec<String> {
    let own = std::iter::once(requester(&actor.id));
    let roles = [OPERATOR, REPORTER].into_iter().filter(|it| actor.has_role(it));
    own.chain(actor.pools.iter().map(pool))
        .chain(roles.map(role))
        .collect()
}

/// What time alone brings to a call: the end of its lease or of its time, and before that a warning and the
/// word to others. If several are over, the end comes first, and nothing after it.
fn dates(call: &Call) -> [(Option<Timestamp>, Event); 4] {
    [
        (call.lease(), Event::LeaseLapsed),
        (call.deadline(), Event::DeadlinePassed),
        (call.warns_at(), Event::Warned),
        (call.escalates_at(), Event::Escalated),
    ]
}

/// When a call must be looked at even if nothing happens to it.
pub(crate) fn due(call: &Call) -> Option<Timestamp> {
    dates(call).into_iter().filter_map(|(at, _)| at).min()
}

/// What is due to happen to a call by itself.
pub(crate) fn overdue(call: &Call, now: Timestamp) -> Option<Event> {
    let now = now.max(*call.updated());
    let mut dates = dates(call).into_iter();
    dates.find_map(|(at, event)| at.filter(|at| now >= *at).map(|_| event))
}
