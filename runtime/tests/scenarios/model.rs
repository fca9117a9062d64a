//! The reference model: what must come of every step, told a second time and as plainly as possible.
//!
//! Written from the design alone. It shares no line and no type with the engine; it has no digests, no
//! records and no store. Where the engine derives an id from a seal, the model counts seals; where the
//! engine keeps votes with their gates, the model keeps for each voter the one pool they spoke for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::story::{AGENT, BIG, Deed, Gate, OPERATOR, PERSONS, Place, Pools, Setup, Shown, Step, Verb, Who};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Input,
    Confirm,
    Approve,
    Cleared,
    Closed(String),
}

/// What a call demands: frozen, until somebody changes it.
#[derive(Debug, Clone, Default)]
struct Gates {
    input: bool,
    confirm: bool,
    approvals: Vec<Gate>,
}

/// A call, and the world around it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) setup: Setup,
    pools: Pools,
    gone: BTreeSet<String>,
    rules: Vec<(String, usize)>,
    amount: u32,
    amended: bool,
    gates: Gates,
    /// What could be asked under each seal; the last one is the seal of now.
    seals: Vec<BTreeSet<String>>,
    phase: Phase,
    pub(crate) deadline: Duration,
    pub(crate) now: Duration,
    /// Who approved, for which pool.
    votes: BTreeMap<String, String>,
    /// Seal, gate, who, what: decisions that counted.
    decided: BTreeSet<(usize, String, String, String)>,
    /// With which amount the function ran.
    pub(crate) ran: Option<u32>,
    /// What came of the last step.
    pub(crate) answer: String,
}

impl Model {
    /// A call that was just opened.
    pub(crate) fn open(setup: &Setup) -> Self {
        let mut model = Self {
            setup: setup.clone(),
            pools: setup.pools.clone(),
            gone: BTreeSet::new(),
            rules: Vec::new(),
            amount: setup.amount,
            amended: false,
            gates: Gates::default(),
            seals: Vec::new(),
            phase: Phase::Input,
            deadline: setup.patience,
            now: Duration::ZERO,
            votes: BTreeMap::new(),
            decided: BTreeSet::new(),
            ran: None,
            answer: String::new(),
        };
        if setup.input {
            // What else is demanded is known when the fields are.
            model.gates.input = true;
            model.seal();
        } else {
            model.gates = model.demanded();
            model.seal();
            model.ask_first_gate(Duration::ZERO, setup.patience);
            if setup.granted && model.phase == Phase::Confirm {
                model.ask_approvals(Duration::ZERO);
            }
            if !model.can_be_met() {
                model.close("blocked");
            }
        }
        if (setup.input || setup.confirm) && !PERSONS.contains(&setup.by.as_str()) {
            model.close("blocked");
        }
        model
    }

    /// Where the call stands, and who has approved.
    pub(crate) fn state(&self) -> String {
        let phase = match &self.phase {
            Phase::Input => "input",
            Phase::Confirm => "confirm",
            Phase::Approve => "approve",
            Phase::Cleared => "cleared",
            Phase::Closed(how) => return how.clone(),
        };
        let votes = self.votes.iter().map(|(who, pool)| format!("{who} for {pool}"));
        match votes.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => phase.to_owned(),
            votes => format!("{phase}: {votes}"),
        }
    }

    /// Whether anything can still happen to it.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Closed(_))
    }

    /// What could be asked, under the seal of now or an earlier one.
    pub(crate) fn gates(&self) -> BTreeSet<String> {
        self.seals.iter().flatten().cloned().collect()
    }

    /// Who could do the next thing, as far as it is asked of people: `input`, `confirm` or a pool.
    pub(crate) fn wanted(&self) -> Vec<(String, String)> {
        let everybody = PERSONS.into_iter();
        let pairs = everybody.flat_map(|who| self.wanted_of(who).map(move |gate| (who.to_owned(), gate)));
        pairs.collect()
    }

    /// Who has approved so far.
    pub(crate) fn voters(&self) -> Vec<(String, String)> {
        let votes = self.votes.iter();
        votes.map(|(who, pool)| (who.clone(), pool.clone())).collect()
    }

    pub(crate) fn is_cleared(&self) -> bool {
        self.phase == Phase::Cleared
    }

    pub(crate) fn step(&mut self, step: &Step) {
        let now = step.at;
        self.now = now;
        self.answer = match &step.deed {
            Deed::Says {
                who,
                verb,
                gate,
                shown,
            } => self.says(who, verb, gate, *shown, now),
            Deed::Reasks(who) => self.reasks(who, now),
            Deed::Cancels(who) => self.cancels(who),
            Deed::Looks(who) => self.looks(who),
            Deed::Worker(Place::West) => "unknown".to_owned(),
            Deed::Worker(Place::Here | Place::Console) => self.works(now).to_owned(),
            Deed::Sweeper => self.sweeps(now).to_owned(),
            Deed::Joins(who, pool) => {
                if who.place != Place::West {
                    self.pools
                        .entry(pool.clone())
                        .or_default()
                        .insert(who.name.clone());
                }
                String::new()
            }
            Deed::Leaves(who, pool) => {
                if who.place != Place::West {
                    self.pools.entry(pool.clone()).or_default().remove(&who.name);
                }
                String::new()
            }
            Deed::IsGone(who) => {
                if who.place != Place::West {
                    self.gone.insert(who.name.clone());
                }
                String::new()
            }
            Deed::RulesAdd(pool, quorum) => {
                self.rules.push((pool.clone(), *quorum));
                String::new()
            }
        };
    }

    // Who.

    fn is_person(&self, who: &str) -> bool {
        PERSONS.contains(&who) && !self.gone.contains(who)
    }

    fn is_in(&self, who: &str, pool: &str) -> bool {
        self.is_person(who) && self.pools.get(pool).is_some_and(|it| it.contains(who))
    }

    /// Requester, acting agent, its owner: they stand behind the call.
    fn behind(&self) -> Vec<&str> {
        let own_agent = (self.setup.by == AGENT).then_some(AGENT);
        let agent = self.setup.through.as_deref().or(own_agent);
        let owner = agent.and(self.setup.owner.as_deref());
        [Some(self.setup.by.as_str()), agent, owner]
            .into_iter()
            .flatten()
            .collect()
    }

    fn is_requester(&self, who: &str) -> Result<(), &'static str> {
        unless(self.is_person(who) && who == self.setup.by, "not_allowed")
    }

    fn speaks_for(&self, who: &str, pool: &str) -> Result<(), &'static str> {
        unless(self.is_person(who), "not_allowed")?;
        unless(!self.behind().contains(&who), "self_approval")?;
        unless(self.is_in(who, pool), "not_allowed")
    }

    fn steers(&self, who: &str) -> Result<(), &'static str> {
        let steers = who == self.setup.by || self.is_in(who, OPERATOR);
        unless(self.is_person(who) && steers, "not_allowed")
    }

    // What is demanded.

    /// What annotation and rules of now demand of the arguments of now.
    fn demanded(&self) -> Gates {
        let standing = self
            .setup
            .approvals
            .iter()
            .filter(|it| !it.big || self.amount >= BIG);
        let added = self.rules.iter().map(|(pool, quorum)| Gate {
            pool: pool.clone(),
            quorum: *quorum,
            expires: self.setup.patience,
            big: false,
        });
        Gates {
            input: self.setup.input,
            confirm: self.setup.confirm,
            approvals: union(&[], &standing.cloned().chain(added).collect::<Vec<_>>()),
        }
    }

    /// What is frozen together with what is demanded now.
    fn tightened(&self) -> Gates {
        let now = self.demanded();
        Gates {
            input: self.gates.input || now.input,
            confirm: self.gates.confirm || now.confirm,
            approvals: union(&self.gates.approvals, &now.approvals),
        }
    }

    /// Whether distinct people are left for every place of every gate.
    fn can_be_met(&self) -> bool {
        let places = self
            .gates
            .approvals
            .iter()
            .flat_map(|it| vec![it.pool.as_str(); it.quorum]);
        let free: Vec<&str> = PERSONS
            .into_iter()
            .filter(|it| self.is_person(it) && !self.behind().contains(it))
            .collect();
        self.seats(&places.collect::<Vec<_>>(), &free)
    }

    fn seats(&self, places: &[&str], free: &[&str]) -> bool {
        let Some((pool, rest)) = places.split_first() else {
            return true;
        };
        free.iter().filter(|it| self.is_in(it, pool)).any(|it| {
            let others: Vec<&str> = free.iter().copied().filter(|other| other != it).collect();
            self.seats(rest, &others)
        })
    }

    // What is asked.

    /// A new seal: what was shown before is stale, what was voted is void.
    fn seal(&mut self) {
        let mut gates: BTreeSet<String> = self.gates.approvals.iter().map(|it| it.pool.clone()).collect();
        gates.extend(self.gates.input.then(|| "input".to_owned()));
        gates.extend(self.gates.confirm.then(|| "confirm".to_owned()));
        self.seals.push(gates);
        self.votes.clear();
    }

    fn ask_first_gate(&mut self, now: Duration, otherwise: Duration) {
        if self.gates.confirm {
            self.phase = Phase::Confirm;
            self.deadline = now + self.setup.patience;
        } else if self.gates.approvals.is_empty() {
            self.phase = Phase::Cleared;
            self.deadline = otherwise;
        } else {
            self.ask_approvals(now);
        }
    }

    fn ask_approvals(&mut self, now: Duration) {
        match self.gates.approvals.iter().map(|it| it.expires).min() {
            Some(first) => {
                self.phase = Phase::Approve;
                self.deadline = now + first;
            }
            // The deadline of the confirmation stays.
            None => self.phase = Phase::Cleared,
        }
    }

    /// The call as it is now is sealed, and everything is asked again.
    fn ask_anew(&mut self, gates: Gates, now: Duration, otherwise: Duration) {
        self.gates = gates;
        self.seal();
        if self.can_be_met() {
            self.ask_first_gate(now, otherwise);
        } else {
            self.close("blocked");
        }
    }

    fn close(&mut self, how: impl Into<String>) {
        self.phase = Phase::Closed(how.into());
    }

    /// Whether the rules of now demand more than was frozen. Then that comes first.
    fn tighten(&mut self, now: Duration) -> bool {
        if !matches!(self.phase, Phase::Confirm | Phase::Approve | Phase::Cleared) || now >= self.deadline {
            return false;
        }
        let gates = self.tightened();
        let stricter = gates.approvals != self.gates.approvals;
        if stricter {
            self.ask_anew(gates, now, self.deadline);
        }
        stricter
    }

    /// Whether this can be decided at all.
    fn asked(&self, seal: usize, gate: &str, now: Duration) -> Result<(), &'static str> {
        if seal + 1 != self.seals.len() {
            return Err("stale_seal");
        }
        let turn = match gate {
            "input" => 0,
            "confirm" => 1,
            _ => 2,
        };
        let turn_of_now = match &self.phase {
            Phase::Input => 0,
            Phase::Confirm => 1,
            Phase::Approve => 2,
            Phase::Cleared => 3,
            Phase::Closed(how) if how == "expired" => return Err("expired"),
            Phase::Closed(_) => return Err("already_decided"),
        };
        match turn.cmp(&turn_of_now) {
            std::cmp::Ordering::Less => Err("already_decided"),
            std::cmp::Ordering::Greater => Err("unknown_requirement"),
            std::cmp::Ordering::Equal if now >= self.deadline => Err("expired"),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    // What is done.

    fn says(&mut self, who: &Who, verb: &Verb, gate: &str, shown: Shown, now: Duration) -> String {
        let last = self.seals.len() - 1;
        let seal = match shown {
            Shown::Now => Some(last),
            Shown::First => Some(0),
            Shown::Before => last.checked_sub(1),
        };
        let Some(seal) = seal.filter(|it| self.seals[*it].contains(gate)) else {
            return "unasked".to_owned();
        };
        if who.place == Place::West {
            return "unknown_requirement".to_owned();
        }
        let said = (seal, gate.to_owned(), who.name.clone(), format!("{verb:?}"));
        if self.decided.contains(&said) {
            return "repeated".to_owned();
        }
        // What makes no sense of itself is refused as it stands.
        if *verb != Verb::ApprovesRemembering {
            self.tighten(now);
        }
        match self
            .asked(seal, gate, now)
            .and_then(|()| self.may_say(&who.name, verb, gate))
        {
            Err(why) => {
                if why == "expired" {
                    self.close("expired");
                }
                why.to_owned()
            }
            Ok(()) => {
                self.decided.insert(said);
                self.said(&who.name, verb, gate, now);
                "accepted".to_owned()
            }
        }
    }

    fn may_say(&self, who: &str, verb: &Verb, gate: &str) -> Result<(), &'static str> {
        match verb {
            Verb::Fills | Verb::Confirms | Verb::Amends(_) | Verb::Answers => self.is_requester(who),
            Verb::ConfirmsRemembering => {
                self.is_requester(who)?;
                unless(!self.amended, "invalid_input")
            }
            Verb::Rejects if matches!(gate, "input" | "confirm") => self.is_requester(who),
            Verb::Rejects => self.speaks_for(who, gate),
            Verb::ApprovesRemembering => {
                self.speaks_for(who, gate)?;
                Err("invalid_input")
            }
            Verb::Approves => {
                self.speaks_for(who, gate)?;
                // A person counts for one gate of a call, once.
                unless(!self.votes.contains_key(who), "not_allowed")?;
                unless(!self.is_met(gate), "already_decided")
            }
        }
    }

    fn is_met(&self, pool: &str) -> bool {
        let needed = self.gates.approvals.iter().find(|it| it.pool == pool);
        let voted = self.votes.values().filter(|it| *it == pool).count();
        needed.is_none_or(|it| voted >= it.quorum)
    }

    fn said(&mut self, who: &str, verb: &Verb, gate: &str, now: Duration) {
        match verb {
            Verb::Fills => self.ask_anew(self.demanded(), now, self.deadline),
            Verb::Confirms | Verb::ConfirmsRemembering => self.ask_approvals(now),
            Verb::Amends(amount) => {
                self.amount = *amount;
                self.amended = true;
                self.ask_anew(self.demanded(), now, self.deadline);
            }
            Verb::Answers => self.close(format!("answered by {who}")),
            Verb::Rejects => self.close(format!("rejected by {who}")),
            Verb::Approves => {
                self.votes.insert(who.to_owned(), gate.to_owned());
                if self.gates.approvals.iter().all(|it| self.is_met(&it.pool)) {
                    self.phase = Phase::Cleared;
                }
            }
            Verb::ApprovesRemembering => {}
        }
    }

    fn reasks(&mut self, who: &Who, now: Duration) -> String {
        if !matches!(self.phase, Phase::Confirm | Phase::Approve | Phase::Cleared) {
            return "unasked".to_owned();
        }
        if who.place == Place::West {
            return "unknown_requirement".to_owned();
        }
        if now >= self.deadline {
            self.close("expired");
            return "expired".to_owned();
        }
        if self.tighten(now) {
            return "stale_seal".to_owned();
        }
        match self.steers(&who.name) {
            Err(why) => why.to_owned(),
            Ok(()) => {
                self.ask_anew(self.tightened(), now, now + self.setup.patience);
                "accepted".to_owned()
            }
        }
    }

    fn cancels(&mut self, who: &Who) -> String {
        if who.place == Place::West {
            return "unknown".to_owned();
        }
        let cancelled = format!("cancelled by {}", who.name);
        match (self.steers(&who.name), &self.phase) {
            (Err(why), _) => why,
            (Ok(()), Phase::Closed(how)) if *how == cancelled => "repeated",
            (Ok(()), Phase::Closed(_)) => "already_decided",
            (Ok(()), _) => {
                self.close(cancelled);
                "accepted"
            }
        }
        .to_owned()
    }

    /// What is asked of somebody now.
    fn wanted_of(&self, name: &str) -> impl Iterator<Item = String> {
        let asks = move |gate: &str| match (&self.phase, gate) {
            (Phase::Input, "input") | (Phase::Confirm, "confirm") => self.is_requester(name).is_ok(),
            (Phase::Approve, pool) => {
                self.speaks_for(name, pool).is_ok() && !self.votes.contains_key(name) && !self.is_met(pool)
            }
            _ => false,
        };
        let gates = self.seals.last().into_iter().flatten();
        gates.filter(move |it| asks(it)).cloned()
    }

    /// What somebody finds in their inbox.
    fn looks(&self, who: &Who) -> String {
        let seen: Vec<String> = self.wanted_of(&who.name).collect();
        if seen.is_empty() || who.place == Place::West {
            return "sees nothing".to_owned();
        }
        format!("sees {}", seen.join(" "))
    }

    /// A worker comes by.
    fn works(&mut self, now: Duration) -> &'static str {
        if self.phase != Phase::Cleared {
            return "nothing";
        }
        if now >= self.deadline {
            self.close("expired");
            return "expires";
        }
        if self.tighten(now) {
            return "asks anew";
        }
        let votes = self.votes.iter();
        let lost: Vec<String> = votes
            .filter(|(who, pool)| self.speaks_for(who, pool).is_err())
            .map(|(who, _)| who.clone())
            .collect();
        if lost.is_empty() {
            self.ran = Some(self.amount);
            self.close("returned");
            return "runs";
        }
        self.votes.retain(|who, _| !lost.contains(who));
        // Whoever has lost a vote may vote again, if they may again at all.
        self.decided.retain(|(_, _, who, _)| !lost.contains(who));
        self.phase = Phase::Approve;
        "voids votes"
    }

    fn sweeps(&mut self, now: Duration) -> &'static str {
        if !self.is_open() || now < self.deadline {
            return "nothing";
        }
        self.close("expired");
        "expires"
    }
}

fn unless(holds: bool, why: &'static str) -> Result<(), &'static str> {
    holds.then_some(()).ok_or(why)
}

/// Of each pool one gate: the larger quorum, the shorter time.
fn union(a: &[Gate], b: &[Gate]) -> Vec<Gate> {
    let mut all: BTreeMap<&str, Gate> = BTreeMap::new();
    for gate in a.iter().chain(b) {
        let one = all.entry(&gate.pool).or_insert_with(|| Gate {
            big: false,
            ..gate.clone()
        });
        one.quorum = one.quorum.max(gate.quorum);
        one.expires = one.expires.min(gate.expires);
    }
    all.into_values().collect()
}
