//! What people decided about calls of the same tool: beside a decision, never in place of looking.
//!
//! It costs the same however long the history is: the newest [`LOOKED_AT`] calls of the tool are read, and of those
//! that are shown the first [`ENTRIES`] entries of each.
//!
//! What a newcomer would get wrong: arguments are compared as they are shown. A secret is never compared, for that
//! would tell whether it is the same as another one.

use std::collections::BTreeMap;

use countersign::store::HistoryFilter;
use countersign::{Call, CallId, Outcome, Phase};

use super::calls::brief;
use super::diff::{Difference, differences};
use super::page::{Moment, Trouble};
use super::visible::Line;
use crate::http::calls::{Bounds, history};
use crate::record::{self, Record};
use crate::requirement::because;
use crate::server::{Caller, Shared};

/// How many are shown, at most.
const SHOWN: usize = 5;
/// Among how many calls of the tool they are looked for, the newest ones.
pub(super) const LOOKED_AT: usize = 100;
/// How many entries are read of each, for the reasons of those who approved.
const ENTRIES: usize = 50;
/// Of longer arguments (canonical JSON, in bytes) and of more differences, the page only says that there are some.
const LONG: usize = 8 * 1024;
const MANY: usize = 12;

/// A call that was decided.
pub(super) struct Similar {
    pub(super) id: CallId,
    pub(super) is_approved: bool,
    pub(super) requester: Line,
    pub(super) at: Moment,
    /// Who decided what, and why.
    pub(super) said: Vec<Line>,
    pub(super) likeness: Likeness,
    /// What is different in the arguments, from then to now. None if that is too much for this page, or not known.
    pub(super) differences: Option<Vec<Difference>>,
}

/// How much a call is like another, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Likeness {
    /// The same arguments, as far as they are shown.
    Arguments,
    /// Approval was needed for the same reasons.
    Reasons,
    /// The same tool.
    Tool,
}

impl Likeness {
    fn of(call: &Call, other: &Call) -> Self {
        if call.shown_arguments() == other.shown_arguments() {
            Self::Arguments
        } else if reasons(call) == reasons(other) {
            Self::Reasons
        } else {
            Self::Tool
        }
    }
}

/// Which pools were asked, and why.
fn reasons(call: &Call) -> Vec<(String, Vec<String>)> {
    let gates = call.gates().approvals.iter();
    gates
        .map(|it| (it.pool.to_string(), it.because.iter().map(because).collect()))
        .collect()
}

/// Whether people have approved a call or one of them has rejected it; none if they have done neither.
fn decided(call: &Call) -> Option<bool> {
    match call.phase() {
        Phase::Closed { outcome } => match outcome {
            Outcome::Rejected { by, .. } => (by != call.requester()).then_some(false),
            Outcome::Returned { .. } | Outcome::Failed { .. } | Outcome::Abandoned { .. } => approved(call),
            Outcome::Answered { .. }
            | Outcome::Blocked { .. }
            | Outcome::Expired
            | Outcome::Cancelled { .. } => None,
        },
        Phase::Cleared { .. } | Phase::Executing { .. } | Phase::External { .. } | Phase::InDoubt { .. } => {
            approved(call)
        }
        Phase::Input { .. } | Phase::Gating { .. } | Phase::Confirm { .. } | Phase::Approve { .. } => None,
    }
}

fn approved(call: &Call) -> Option<bool> {
    (!call.votes().is_empty()).then_some(true)
}

/// What was decided about calls like this one that somebody may see: the most alike first, then the newest.
pub(super) async fn similar(shared: &Shared, caller: &Caller, call: &Call) -> Result<Vec<Similar>, Trouble> {
    let filter = HistoryFilter {
        tool: Some(call.tool().clone()),
        ..HistoryFilter::default()
    };
    let bounds = Bounds {
        limit: LOOKED_AT,
        looked_at: LOOKED_AT,
    };
    let fits = |it: &Call| it.id() != call.id() && decided(it).is_some();
    let (mut found, _) = history(shared, caller, &filter, None, bounds, fits).await?;
    // As stable as it is: the newest come first already.
    found.sort_by_cached_key(|it| Likeness::of(call, it));
    found.truncate(SHOWN);
    let mut similar = Vec::new();
    for it in &found {
        similar.push(Similar {
            id: *it.id(),
            is_approved: decided(it) == Some(true),
            requester: Line::of(it.requester()),
            at: Moment::of(*it.updated()),
            said: said(shared, it).await?,
            likeness: Likeness::of(call, it),
            differences: differ(it, call),
        });
    }
    Ok(similar)
}

/// Who decided what about a call, and why.
async fn said(shared: &Shared, call: &Call) -> Result<Vec<Line>, Trouble> {
    if let Phase::Closed {
        outcome: Outcome::Rejected { by, reason, .. },
    } = call.phase()
    {
        let why = reason.as_deref().map_or_else(String::new, quoted);
        return Ok(vec![Line::of(format!("rejected by {by}{why}"))]);
    }
    let reasons = reasons_of_votes(shared, call).await?;
    let votes = call.votes().iter().map(|it| {
        let why = reasons.get(&(it.gate, it.by.to_string()));
        let why = why.map_or_else(String::new, |it| quoted(it));
        let gate = call.gates().approvals.get(it.gate);
        let pool = gate.map_or_else(String::new, |it| format!(" for {}", it.pool));
        Line::of(format!("approved by {}{pool}{why}", it.by))
    });
    Ok(votes.collect())
}

/// The reasons that were given with votes that count, by gate and name. Reasons are beside the log only.
async fn reasons_of_votes(
    shared: &Shared,
    call: &Call,
) -> Result<BTreeMap<(usize, String), String>, Trouble> {
    let engine = shared.engine();
    let rows = engine
        .store()
        .entries(engine.tenant(), Some(*call.id()), 0, ENTRIES)
        .await?;
    let records = rows.iter().filter_map(|it| Record::read(it).ok());
    let votes: Vec<Record> = records.filter(|it| it.kind() == "call.approved").collect();
    let words = record::words(shared.session(), &votes).await?;
    // Of somebody's votes the last one counts.
    let of = |it: &Record| {
        let gate = it.entry["gate"]
            .as_u64()
            .and_then(|it| usize::try_from(it).ok())?;
        let by = it.entry["actor"]["id"].as_str()?.to_owned();
        Some(((gate, by), it.word(&words, "reason")?.to_owned()))
    };
    Ok(votes.iter().filter_map(of).collect())
}

fn quoted(reason: &str) -> String {
    format!(": “{}”", brief(reason))
}

/// What is different from one call's arguments to another's, as they are shown.
fn differ(before: &Call, after: &Call) -> Option<Vec<Difference>> {
    let (before, after) = (before.shown_arguments(), after.shown_arguments());
    // Erased arguments look like none.
    if before.as_str() == "{}" && before != after {
        return None;
    }
    if before.as_str().len().max(after.as_str().len()) > LONG {
        return (before == after).then(Vec::new);
    }
    let found = differences(&before.value(), &after.value());
    (found.len() <= MANY).then_some(found)
}
