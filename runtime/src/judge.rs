//! Decodes arguments, evaluates conditions and rules, and freezes the gates of a call.
//!
//! Used by whoever opens a call and by whoever finds one in `Gating` and links its tool. What cannot
//! be judged is not let through.

use std::collections::BTreeSet;

use countersign_core::actor::{ActingAgent, satisfiable};
use countersign_core::call::{Call, Event, From, Judgement, Phase, Release};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::{ApprovalGate, Gates, MOST_APPROVALS};
use countersign_core::grant::Offer;
use countersign_core::id::ActorId;
use countersign_core::tool::ArgumentErrors;

use crate::directory::Directory;
use crate::registry::Entry;

/// The frozen gates of one set of complete arguments.
pub(crate) struct Judged {
    pub(crate) gates: Gates,
    pub(crate) rules: Digest,
}

/// Decodes complete arguments with the tool's own types, checks them against its schema, evaluates
/// every `when` and adds the rules of the policy.
pub(crate) fn judge(
    entry: &Entry,
    directory: &Directory,
    arguments: &Canonical,
) -> Result<Judged, ArgumentErrors> {
    let descriptor = entry.descriptor();
    let conditions = guarded(|| (entry.definition().conditions)(arguments.as_str()))??;
    entry
        .rendered()
        .input()
        .check(&arguments.value())
        .map_err(ArgumentErrors)?;
    let declared = descriptor.gates.frozen(&conditions, directory.policy.patience());
    let (gates, rules) = directory.tighten(descriptor.name.as_str(), &declared, arguments);
    Ok(Judged { gates, rules })
}

/// Reads with the tool's own types what was given of arguments that a person is still to complete. What is
/// wrong with it must be told to whoever gave it: the person could not mend it.
pub(crate) fn readable(entry: &Entry, arguments: &Canonical) -> Result<(), ArgumentErrors> {
    let asked = entry.descriptor().gates.user_input.iter();
    let unfilled: Vec<&str> = asked.flat_map(|it| &it.fields).map(String::as_str).collect();
    guarded(|| (entry.definition().check)(arguments.as_str(), &unfilled))?
}

/// A decoder that panics has not decoded.
fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T, ArgumentErrors> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode))
        .map_err(|_| ArgumentErrors(vec!["reading the arguments panicked".to_owned()]))
}

/// Whether distinct people, none of whom stands behind the call, can meet these gates; of pools whose members are
/// not known in advance, they can.
pub(crate) fn can_be_met(
    gates: &Gates,
    directory: &Directory,
    excluded: &BTreeSet<ActorId>,
) -> Result<(), String> {
    let asked = &gates.approvals;
    let counted: Vec<ApprovalGate> = asked
        .iter()
        .filter(|it| directory.policy.counts(&it.pool))
        .cloned()
        .collect();
    // How many gates there may be does not depend on who is counted.
    let asked = if asked.len() > MOST_APPROVALS {
        asked
    } else {
        &counted
    };
    satisfiable(asked, directory.members(), excluded).map_err(|error| error.to_string())
}

/// What becomes of a call in `Gating`, seen by a process that links its tool.
pub(crate) fn regate(
    entry: &Entry,
    directory: &Directory,
    call: &Call,
    offer: Option<Offer>,
) -> Option<Event> {
    let arguments = call.proposed()?.clone();
    let judged = match judge(entry, directory, &arguments) {
        Ok(judged) => judged,
        Err(errors) => return Some(Event::Refused { errors: errors.0 }),
    };
    // As the machine has it: new arguments of the same tool get the gates of now, anything else may only
    // get stricter. What will be asked must be possible.
    let anew = match call.phase() {
        Phase::Gating { from, .. } => match from {
            From::Filled { .. } | From::Amended { .. } => entry.digest() == *call.descriptor(),
            From::Reasked | From::Retried => false,
        },
        _ => false,
    };
    let asked = if anew {
        judged.gates.clone()
    } else {
        call.gates().tightened(&judged.gates)
    };
    let satisfiable = can_be_met(
        &asked,
        directory,
        &behind(call.requester(), call.agent().as_ref()),
    );
    Some(Event::Gated(Judgement {
        release: release(entry),
        arguments,
        gates: judged.gates,
        rules: judged.rules,
        satisfiable,
        offer,
    }))
}

/// What the linked version of a tool says of it.
pub(crate) fn release(entry: &Entry) -> Release {
    let descriptor = entry.descriptor();
    let secrets = descriptor.parameters.iter().filter(|it| it.secret);
    Release {
        descriptor: entry.digest(),
        idempotent: descriptor.hints.idempotent,
        destructive: descriptor.hints.destructive,
        secrets: secrets.map(|it| it.name.clone()).collect(),
    }
}

/// Who stands behind a call and so never counts for its approval.
pub(crate) fn behind(requester: &ActorId, agent: Option<&ActingAgent>) -> BTreeSet<ActorId> {
    let agent = agent
        .into_iter()
        .flat_map(|it| std::iter::once(it.id.clone()).chain(it.owner.clone()));
    std::iter::once(requester.clone()).chain(agent).collect()
}
