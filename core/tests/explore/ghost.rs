//! What a call must do, said a second time: written from the table in the blueprint, not from the code.
//!
//! The ghost keeps the least that the table needs, and says of every event whether it counts. The
//! machine must agree about that, about where the call then stands and about what it then asks.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::call::{Call, Claim, Code};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::Gates;
use countersign_core::grant::Offer;
use countersign_core::id::{ActorId, PoolName, RequirementId};
use countersign_core::requirement::Ask;
use countersign_core::time::Timestamp;

use crate::memory::Memory;
use crate::world::{Combo, ESCALATING, HOUR, PATIENCE, descriptor};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Input,
    Gating(Because),
    Confirm,
    Approve,
    Cleared,
    Executing,
    External,
    InDoubt,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Because {
    Filled,
    Amended,
    Reasked,
    Retried,
}

/// What a requirement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Asked {
    Input,
    Confirm,
    Pool(PoolName),
    Cleared,
    External,
    Doubt(u16),
}

impl Stage {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Gating(_) => "gating",
            Self::Confirm => "confirm",
            Self::Approve => "approve",
            Self::Cleared => "cleared",
            Self::Executing => "executing",
            Self::External => "external",
            Self::InDoubt => "in_doubt",
            Self::Closed => "closed",
        }
    }
}

impl Asked {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Confirm => "confirm",
            Self::Pool(_) => "pool",
            Self::Cleared => "cleared",
            Self::External => "external",
            Self::Doubt(_) => "doubt",
        }
    }
}

pub(crate) enum Verdict {
    Accepted(Box<Ghost>),
    Repeated,
    Refused(Option<Code>),
}

#[derive(Debug, Clone)]
pub(crate) struct Ghost {
    pub combo: Combo,
    pub stage: Stage,
    pub gates: Gates,
    pub descriptor: Digest,
    pub arguments: Canonical,
    pub proposed: Canonical,
    /// Fields that the requester has filled in.
    pub filled: BTreeSet<String>,
    pub seal: u32,
    /// Who confirmed what, for the seal of now.
    pub confirmed: Option<(ActorId, Canonical)>,
    /// Which grant passed the confirmation in their place.
    pub granted: Option<Memory>,
    /// Whether nothing but the requester's fields was added to what was proposed.
    pub as_proposed: bool,
    pub destructive: bool,
    pub secrets: BTreeSet<String>,
    pub votes: BTreeMap<ActorId, PoolName>,
    pub deadline: Option<Timestamp>,
    /// Since when each stage waits.
    pub since: BTreeMap<&'static str, Timestamp>,
    /// What is asked under the seal of now and was warned of, and what others were told of.
    pub warned: BTreeSet<Asked>,
    pub escalated: BTreeSet<Asked>,
    /// Until when what was decided holds.
    pub holds: Timestamp,
    pub idempotent: bool,
    pub claims: u16,
    /// Claims since a human last said: run it.
    pub unasked: u16,
    pub claim: Option<Claim>,
    pub until: Timestamp,
    pub early: Option<&'static str>,
    pub tokens: BTreeSet<Digest>,
    pub doubts: u16,
    /// How often somebody changed what is asked. Bounds the exploration.
    pub changes: u32,
    pub updated: Timestamp,
    pub decided: BTreeSet<(RequirementId, String, String)>,
    pub issued: BTreeMap<RequirementId, (Asked, u32)>,
    pub cancelled_by: Option<ActorId>,
    pub outcome: &'static str,
}

pub(crate) type Who<'a> = (RequirementId, &'a str, String);

impl Ghost {
    pub(crate) fn opened(combo: Combo, arguments: Canonical, gates: Gates, now: Timestamp) -> Self {
        let mut ghost = Self {
            combo,
            stage: Stage::Closed,
            gates,
            descriptor: descriptor(1),
            proposed: arguments.clone(),
            arguments,
            filled: BTreeSet::new(),
            seal: 0,
            confirmed: None,
            granted: None,
            as_proposed: true,
            destructive: combo.release(1).destructive,
            secrets: combo.release(1).secrets.into_iter().collect(),
            votes: BTreeMap::new(),
            deadline: None,
            since: BTreeMap::new(),
            warned: BTreeSet::new(),
            escalated: BTreeSet::new(),
            holds: now,
            idempotent: combo.idempotent,
            claims: 0,
            unasked: 0,
            claim: None,
            until: now,
            early: None,
            tokens: BTreeSet::new(),
            doubts: 0,
            changes: 0,
            updated: now,
            decided: BTreeSet::new(),
            issued: BTreeMap::new(),
            cancelled_by: None,
            outcome: "",
        };
        ghost.ask(now, now.after(PATIENCE));
        ghost
    }

    /// The gates in their fixed order: input, confirmation, approvals, execution.
    pub(crate) fn ask(&mut self, now: Timestamp, deadline: Timestamp) {
        let unfilled = self
            .gates
            .user_input
            .as_ref()
            .filter(|it| it.fields.iter().any(|field| !self.filled.contains(field)));
        if let Some(gate) = unfilled {
            self.wait(Stage::Input, now.after(gate.expires_in));
        } else if let Some(gate) = &self.gates.confirmation {
            self.wait(Stage::Confirm, now.after(gate.expires_in));
        } else {
            self.after_confirmation(now, deadline);
        }
    }

    /// A person need not be asked where a grant of theirs is for exactly this.
    pub(crate) fn pass(&mut self, offer: Option<&Offer>, now: Timestamp) {
        let memory = offer.map(Memory::of);
        let is_for = |it: &Memory| it.is_for(self.combo, self.destructive);
        let Some(memory) = memory.filter(is_for) else {
            return;
        };
        if self.stage == Stage::Confirm && self.as_proposed && self.descriptor == descriptor(1) {
            self.granted = Some(memory);
            self.after_confirmation(now, self.deadline.unwrap());
        }
    }

    pub(crate) fn after_confirmation(&mut self, now: Timestamp, deadline: Timestamp) {
        let earliest = self
            .gates
            .approvals
            .iter()
            .map(|it| now.after(it.expires_in))
            .min();
        match earliest {
            Some(deadline) => self.wait(Stage::Approve, deadline),
            None => self.after_approvals(now, deadline),
        }
    }

    pub(crate) fn after_approvals(&mut self, now: Timestamp, deadline: Timestamp) {
        self.holds = deadline;
        match &self.gates.external {
            Some(gate) if !gate.handoff => self.wait(Stage::External, now.after(gate.expires_in)),
            _ => self.wait(Stage::Cleared, deadline),
        }
    }

    pub(crate) fn wait(&mut self, stage: Stage, deadline: Timestamp) {
        // Whoever is sent back to where they were has no more time than before.
        if self.deadline != Some(deadline) || !self.since.contains_key(stage.name()) {
            self.since.insert(stage.name(), self.updated);
        }
        self.stage = stage;
        self.deadline = Some(deadline);
    }

    /// What is asked of people now, and not met.
    pub(crate) fn open(&self) -> BTreeSet<Asked> {
        let waits = matches!(
            self.stage,
            Stage::Input | Stage::Confirm | Stage::Approve | Stage::External
        );
        let met = |it: &Asked| matches!(it, Asked::Pool(pool) if self.votes_for(pool) >= self.quorum(pool));
        let asks = self.asks().into_iter().filter(|it| waits && !met(it));
        asks.collect()
    }

    /// When those are warned who were not, and when others are told: after three quarters of the time, and
    /// after an hour of one pool.
    pub(crate) fn reminders(&self) -> [(Option<Timestamp>, BTreeSet<Asked>); 2] {
        let unless = |set: &BTreeSet<Asked>| &self.open() - set;
        let escalates = |it: &Asked| matches!(it, Asked::Pool(pool) if pool.as_str() == ESCALATING);
        let warn = unless(&self.warned);
        let tell: BTreeSet<Asked> = unless(&self.escalated).into_iter().filter(escalates).collect();
        let (Some(since), Some(deadline)) = (self.since.get(self.stage.name()), self.deadline) else {
            return [(None, warn), (None, tell)];
        };
        let span = deadline.millis() - since.millis();
        let at = Timestamp::from_millis(since.millis() + span / 4 * 3);
        let warns = (!warn.is_empty()).then_some(at);
        let tells = (!tell.is_empty())
            .then_some(since.after(HOUR))
            .filter(|it| *it < deadline);
        [(warns, warn), (tells, tell)]
    }

    pub(crate) fn close(&mut self, outcome: &'static str) {
        self.stage = Stage::Closed;
        self.deadline = None;
        self.outcome = outcome;
    }

    pub(crate) fn doubt(&mut self, claim: Option<Claim>) {
        self.stage = Stage::InDoubt;
        self.deadline = None;
        self.claim = claim;
        self.doubts += 1;
        // Asked once more, the outside has its time once more.
        self.warned.remove(&Asked::External);
    }

    /// Whatever was decided is void, and what was handed out for it counts no more.
    pub(crate) fn reseal(&mut self) {
        self.seal += 1;
        self.votes.clear();
        self.confirmed = None;
        self.granted = None;
        self.tokens.clear();
        self.since.clear();
        self.warned.clear();
        self.escalated.clear();
    }

    /// What can be decided now.
    pub(crate) fn asks(&self) -> Vec<Asked> {
        match self.stage {
            Stage::Input => vec![Asked::Input],
            Stage::Confirm => vec![Asked::Confirm],
            Stage::Approve => self
                .gates
                .approvals
                .iter()
                .map(|it| Asked::Pool(it.pool.clone()))
                .collect(),
            Stage::Cleared => vec![Asked::Cleared],
            Stage::External => vec![Asked::External],
            Stage::Executing if self.gates.external.is_some() => vec![Asked::External],
            Stage::InDoubt if self.gates.external.is_some() => {
                vec![Asked::External, Asked::Doubt(self.doubts)]
            }
            Stage::InDoubt => vec![Asked::Doubt(self.doubts)],
            Stage::Gating(_) | Stage::Executing | Stage::Closed => Vec::new(),
        }
    }

    /// Writes down what the ids of now are about.
    pub(crate) fn learn(&mut self, call: &Call) {
        for asked in self.asks() {
            let ask = match &asked {
                Asked::Input => Ask::Input,
                Asked::Confirm => Ask::Confirm,
                Asked::Pool(pool) => {
                    let place = call.gates().approvals.iter().position(|it| it.pool == *pool);
                    Ask::Approval(place.unwrap())
                }
                Asked::Cleared => Ask::Cleared,
                Asked::External => Ask::External,
                Asked::Doubt(_) => {
                    let id = call.requirements().iter().map(|it| it.id).next().unwrap();
                    self.issued.insert(id, (asked, self.seal));
                    continue;
                }
            };
            self.issued.insert(call.requirement_id(ask), (asked, self.seal));
        }
    }

    pub(crate) fn quorum(&self, pool: &PoolName) -> usize {
        let gate = self.gates.approvals.iter().find(|it| it.pool == *pool);
        gate.map_or(0, |it| usize::from(it.quorum))
    }

    pub(crate) fn votes_for(&self, pool: &PoolName) -> usize {
        self.votes.values().filter(|it| *it == pool).count()
    }

    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|it| now >= it)
    }

    /// What is asked under this id, if it is asked now; else with which code it is refused.
    pub(crate) fn find(&self, (on, who, what): &Who<'_>, now: Timestamp) -> Result<Asked, Verdict> {
        if self.decided.contains(&(*on, (*who).to_owned(), what.clone())) {
            return Err(Verdict::Repeated);
        }
        let refused = |code| Err(Verdict::Refused(Some(code)));
        match self.issued.get(on) {
            None => refused(Code::UnknownRequirement),
            Some((asked, seal)) if *seal == self.seal && self.asks().contains(asked) => {
                if self.is_late(now) {
                    refused(Code::Expired)
                } else {
                    Ok(asked.clone())
                }
            }
            Some((_, seal)) if *seal < self.seal => refused(Code::StaleSeal),
            Some(_) if self.outcome == "expired" => refused(Code::Expired),
            Some((Asked::Doubt(_), _)) if self.stage == Stage::Approve => Err(Verdict::Refused(None)),
            // Asked for once; a lost vote has taken the call back before it.
            Some((Asked::Cleared | Asked::External, _)) if self.stage == Stage::Approve => {
                Err(Verdict::Refused(None))
            }
            Some(_) => refused(Code::AlreadyDecided),
        }
    }

    pub(crate) fn accept(
        &self,
        now: Timestamp,
        decision: Option<&Who<'_>>,
        change: impl FnOnce(&mut Self),
    ) -> Verdict {
        let mut next = self.clone();
        next.updated = now;
        change(&mut next);
        if let Some((on, who, what)) = decision {
            next.decided.insert((*on, (*who).to_owned(), what.clone()));
        }
        Verdict::Accepted(Box::new(next))
    }
}
