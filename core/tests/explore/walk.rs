//! Breadth first through every state of one combination of gates.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use countersign_core::call::{Call, Event, Shadow};
use countersign_core::id::RequirementId;
use countersign_core::time::Timestamp;

use crate::check::{self, Tried};
use crate::deeds::{Classes, deeds};
use crate::ghost::{Asked, Because, Ghost, Stage};
use crate::memory::{MEMORIES, Memory};
use crate::world::{Combo, Outside, Pools, arguments, demands, start};

/// What was tried, and how often: (phase, event) to (accepted, repeated, refused).
pub(crate) type Table = BTreeMap<(&'static str, &'static str), [u64; 3]>;

#[derive(Default)]
pub(crate) struct Found {
    pub states: usize,
    pub transitions: u64,
    pub table: Table,
    pub classes: Classes,
}

#[derive(Clone)]
struct Node {
    call: Call,
    ghost: Ghost,
    shadow: Shadow,
}

pub(crate) struct Walk {
    seen: HashMap<String, usize>,
    waiting: VecDeque<(usize, Node)>,
    /// Which states lead to which; to see that the end can always be reached.
    back: Vec<Vec<usize>>,
    closed: Vec<usize>,
    /// What each id is about, over all paths.
    about: HashMap<RequirementId, String>,
    seals: HashMap<String, String>,
    found: Found,
}

pub(crate) fn explore(combo: Combo) -> Found {
    let mut walk = Walk {
        seen: HashMap::new(),
        waiting: VecDeque::new(),
        back: Vec::new(),
        closed: Vec::new(),
        about: HashMap::new(),
        seals: HashMap::new(),
        found: Found::default(),
    };
    walk.open(combo, None);
    // Whatever a grant does, it does it where a confirmation would be asked first.
    if combo.confirm && !combo.input {
        for memory in MEMORIES {
            walk.open(combo, Some(memory));
        }
    }
    while let Some((place, node)) = walk.waiting.pop_front() {
        walk.visit(place, &node);
    }
    walk.everything_can_end();
    walk.found.states = walk.back.len();
    walk.found
}

impl Walk {
    fn open(&mut self, combo: Combo, memory: Option<Memory>) {
        let offer = memory.map(|it| it.offer(combo, &arguments(1, false)));
        let step = combo.open(offer.clone());
        let mut ghost = Ghost::opened(
            combo,
            step.call.arguments().clone(),
            step.call.gates().clone(),
            start(),
        );
        ghost.pass(offer.as_ref(), start());
        let mut shadow = Shadow::default();
        check::opened(&step, &ghost, &mut shadow);
        check::grants(None, offer.as_ref(), &ghost, &step);
        self.enter(
            Node {
                call: step.call,
                ghost,
                shadow,
            },
            None,
        );
    }

    fn visit(&mut self, place: usize, node: &Node) {
        let deeds = deeds(&node.ghost, place, &mut self.found.classes);
        for deed in deeds {
            self.found.transitions += 1;
            let step = node.call.clone().step(deed.event.clone(), deed.now);
            let tried = Tried {
                before: &node.call,
                ghost: &node.ghost,
                event: &deed.event,
                now: deed.now,
            };
            let count = self
                .found
                .table
                .entry((node.call.phase().name(), kind(&deed.event)))
                .or_default();
            let Some((mut ghost, shadow)) = tried.check(&step, &node.shadow, count) else {
                continue;
            };
            ghost.learn(&step.call);
            self.ids_mean_one_thing(&step.call, &ghost);
            if deed.follow && is_bounded(&node.ghost, &ghost, &deed.event) {
                let next = Node {
                    call: step.call,
                    ghost,
                    shadow,
                };
                self.enter(next, Some(place));
            }
        }
    }

    fn enter(&mut self, mut node: Node, from: Option<usize>) {
        node.ghost.learn(&node.call);
        self.ids_mean_one_thing(&node.call, &node.ghost);
        let key = key(&node.ghost);
        let place = match self.seen.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.back.len();
                self.seen.insert(key, place);
                self.back.push(Vec::new());
                if node.ghost.stage == Stage::Closed {
                    self.closed.push(place);
                }
                self.waiting.push_back((place, node));
                place
            }
        };
        if let Some(from) = from
            && from != place
        {
            self.back[place].push(from);
        }
    }

    fn ids_mean_one_thing(&mut self, call: &Call, ghost: &Ghost) {
        let content = format!(
            "{} {} {}",
            ghost.arguments,
            demands(&ghost.gates),
            ghost.descriptor
        );
        if ghost.stage != Stage::Closed {
            let sealed = self.seals.entry(call.seal().to_string());
            let sealed = sealed.or_insert_with(|| format!("{} {content}", ghost.seal));
            assert_eq!(
                *sealed,
                format!("{} {content}", ghost.seal),
                "one seal for two things"
            );
        }
        for (id, (asked, seal)) in &ghost.issued {
            if *seal == ghost.seal && ghost.asks().contains(asked) {
                let about = format!("{asked:?} {} {content}", call.seal());
                let known = self.about.entry(*id).or_insert_with(|| about.clone());
                assert_eq!(*known, about, "one id for two things");
            }
        }
    }

    fn everything_can_end(&self) {
        let mut ends: BTreeSet<usize> = self.closed.iter().copied().collect();
        let mut waiting: Vec<usize> = self.closed.clone();
        while let Some(place) = waiting.pop() {
            for from in &self.back[place] {
                if ends.insert(*from) {
                    waiting.push(*from);
                }
            }
        }
        let stuck = self.seen.iter().find(|(_, place)| !ends.contains(place));
        assert_eq!(stuck, None, "this state never ends");
    }
}

/// Where the explorer stops going on. A call may be changed, fall into doubt and be claimed without end;
/// each of these starts the same life over, so the second time is followed only where it is the point.
fn is_bounded(before: &Ghost, ghost: &Ghost, event: &Event) -> bool {
    let combo = &ghost.combo;
    // Whether a tool may be repeated matters only once it has been claimed.
    let changes = match (combo.idempotent, combo.input, combo.pools) {
        (false, false, Pools::None) => true,
        (false, false, Pools::One | Pools::Two) => combo.outside != Outside::HandOff,
        (false, true, Pools::Two) | (true, false, Pools::One) => {
            combo.confirm && combo.outside == Outside::None
        }
        _ => false,
    };
    let (most_doubts, most_claims) = match (ghost.changes, combo.idempotent, combo.pools) {
        (0, true, _) => (1, 4),
        (0, false, Pools::None | Pools::Two) => (2, 2),
        _ => (1, 1),
    };
    // What becomes of other gates than the annotation's is followed where nothing else multiplies it.
    let others = match before.stage {
        Stage::Gating(Because::Retried) => demands(&before.gates) != demands(&ghost.gates),
        Stage::Gating(Because::Filled) => {
            demands(&combo.gates()) != demands(&ghost.gates)
                && (combo.idempotent || combo.outside == Outside::HandOff)
        }
        _ => false,
    };
    ghost.changes <= u32::from(changes)
        && ghost.doubts <= most_doubts
        && ghost.claims <= most_claims
        && !(others && matches!(event, Event::Gated(_)))
}

/// What matters for the future of a call.
///
/// Of times it only matters which are over: the machine adds spans to now and compares, and whatever
/// is tried around a deadline is tried around that deadline.
/// Old seals and ids are left out, because nothing but refusals and repeats comes of them; those of
/// the first path that led here are tried. A closed call keeps only how it ended, and for whom.
fn key(ghost: &Ghost) -> String {
    if ghost.stage == Stage::Closed {
        return format!(
            "closed {} {:?} {}",
            ghost.outcome, ghost.cancelled_by, ghost.changes
        );
    }
    let left = |time: Timestamp| time > ghost.updated;
    let asks = ghost.asks();
    let decided: BTreeSet<(&Asked, &str, &str)> = ghost
        .decided
        .iter()
        .filter_map(|(on, who, what)| {
            let (asked, seal) = ghost.issued.get(on)?;
            (*seal == ghost.seal && asks.contains(asked)).then_some((asked, who.as_str(), what.as_str()))
        })
        .collect();
    // Who holds a lapsed claim does not matter, only whether anybody does.
    let claim = ghost
        .claim
        .filter(|_| matches!(ghost.stage, Stage::Executing | Stage::InDoubt));
    let proposed = matches!(ghost.stage, Stage::Gating(_)).then_some(&ghost.proposed);
    let holds =
        matches!(ghost.stage, Stage::Executing | Stage::External | Stage::InDoubt).then(|| left(ghost.holds));
    // A call that was let through is like one that was confirmed. It is followed where little else happens.
    let granted = ghost.granted.is_some()
        && !ghost.combo.idempotent
        && matches!(ghost.combo.pools, Pools::None | Pools::One)
        && ghost.combo.outside == Outside::None;
    let [warned, escalated] = reminded(ghost);
    format!(
        "{:?} {} {} {} {proposed:?} {:?} {:?} {decided:?} {:?} {warned:?} {escalated:?} {holds:?} {} {} {} {claim:?} {:?} {:?} {} {} {granted} {} {} {:?}",
        ghost.stage,
        ghost.descriptor,
        demands(&ghost.gates),
        ghost.arguments,
        ghost.filled,
        ghost.votes,
        ghost.deadline.map(left),
        ghost.idempotent,
        ghost.claims,
        ghost.unasked,
        ghost.early,
        ghost.tokens,
        ghost.doubts,
        ghost.changes,
        ghost.as_proposed,
        ghost.destructive,
        ghost.secrets,
    )
}

/// Who was reminded, of what is asked or may be asked again under this seal.
fn reminded(ghost: &Ghost) -> [BTreeSet<&Asked>; 2] {
    let matters = |it: &&Asked| match it {
        Asked::Input => matches!(ghost.stage, Stage::Input | Stage::Gating(Because::Filled)),
        Asked::Confirm => matches!(ghost.stage, Stage::Confirm | Stage::Gating(Because::Amended)),
        Asked::Pool(_) => matches!(ghost.stage, Stage::Approve | Stage::Cleared),
        Asked::External => ghost.stage == Stage::External,
        Asked::Cleared | Asked::Doubt(_) => false,
    };
    [&ghost.warned, &ghost.escalated].map(|it| it.iter().filter(matters).collect())
}

pub(crate) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Filled { .. } => "filled",
        Event::Confirmed { .. } => "confirmed",
        Event::Amended { .. } => "amended",
        Event::Answered { .. } => "answered",
        Event::Approved { .. } => "approved",
        Event::Rejected { .. } => "rejected",
        Event::Reported { .. } => "reported",
        Event::Resolved { .. } => "resolved",
        Event::Reasked { .. } => "reasked",
        Event::Cancelled { .. } => "cancelled",
        Event::Gated(_) => "gated",
        Event::Refused { .. } => "gating_refused",
        Event::Tightened { .. } => "tightened",
        Event::Warned => "warned",
        Event::Escalated => "escalated",
        Event::DeadlinePassed => "deadline_passed",
        Event::Claimed { .. } => "claimed",
        Event::Renewed { .. } => "renewed",
        Event::Returned { .. } => "returned",
        Event::Failed { .. } => "failed",
        Event::TimedOut { .. } => "timed_out",
        Event::LeaseLapsed => "lease_lapsed",
        Event::TokenIssued { .. } => "token_issued",
    }
}
