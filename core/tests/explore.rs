//! Tries everything that can happen to a call, in every state it can reach, for every combination of
//! gates, and compares with a second telling of the table (`explore/ghost.rs`).
//!
//! `explore/mutants.sh` plants mistakes in the machine, one at a time, and sees that this fails.

#[path = "explore/check.rs"]
mod check;
#[path = "explore/deeds.rs"]
mod deeds;
#[path = "explore/ghost.rs"]
mod ghost;
#[path = "explore/judge.rs"]
mod judge;
#[path = "explore/memory.rs"]
mod memory;
#[path = "explore/walk.rs"]
mod walk;
#[path = "explore/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use deeds::Class;
use walk::{Found, Table};

/// When one thread has found a mistake, the other need not go on.
struct StopOthers<'a>(&'a AtomicUsize);

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(usize::MAX / 64, Ordering::Relaxed);
        }
    }
}

/// Explores all combinations, on two threads.
fn explore_all() -> Found {
    let combos = world::combos();
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Found::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let _stop = StopOthers(&next);
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= combos.len() {
                        break;
                    }
                    // Large and small ones mixed.
                    let combo = &combos[place * 29 % combos.len()];
                    let found = walk::explore(*combo);
                    let mut all = all.lock().unwrap();
                    all.states += found.states;
                    all.classes.tried.extend(found.classes.tried);
                    all.transitions += found.transitions;
                    for (pair, counts) in found.table {
                        let sum = all.table.entry(pair).or_default();
                        (0..3).for_each(|it| sum[it] += counts[it]);
                    }
                }
            });
        }
    });
    all.into_inner().unwrap()
}

const PHASES: [&str; 9] = [
    "input",
    "gating",
    "confirm",
    "approve",
    "cleared",
    "executing",
    "external",
    "in_doubt",
    "closed",
];

/// Which events count in which phases.
const TABLE: [(&str, &[&str]); 23] = [
    ("filled", &["input"]),
    ("confirmed", &["confirm"]),
    ("amended", &["confirm"]),
    ("answered", &["confirm"]),
    ("approved", &["approve"]),
    ("rejected", &["input", "confirm", "approve"]),
    ("reported", &["executing", "external", "in_doubt"]),
    ("resolved", &["in_doubt"]),
    ("reasked", &["confirm", "approve", "cleared"]),
    (
        "cancelled",
        &[
            "input",
            "gating",
            "confirm",
            "approve",
            "cleared",
            "executing",
            "external",
        ],
    ),
    ("gated", &["gating"]),
    ("gating_refused", &["gating"]),
    ("tightened", &["confirm", "approve", "cleared"]),
    ("warned", &["input", "confirm", "approve", "external"]),
    ("escalated", &["approve"]),
    (
        "deadline_passed",
        &["input", "gating", "confirm", "approve", "cleared", "external"],
    ),
    ("claimed", &["cleared"]),
    ("renewed", &["executing"]),
    ("returned", &["executing", "in_doubt"]),
    ("failed", &["executing", "in_doubt"]),
    ("timed_out", &["executing"]),
    ("lease_lapsed", &["executing"]),
    ("token_issued", &["external"]),
];

#[test]
fn every_state_of_every_combination_keeps_the_promises() {
    let found = explore_all();
    println!("{} states, {} transitions", found.states, found.transitions);
    every_pair_is_tried(&found.table);
    // Stage, what is asked, now or before, how, by whom.
    println!("{} kinds of decisions", found.classes.tried.len());
    everybody_tries_everything(&found.classes.tried);
}

/// In every stage, on everything asked now or before in it, in every way, by everybody.
fn everybody_tries_everything(classes: &BTreeSet<Class>) {
    let about: BTreeSet<_> = classes.iter().map(|it| (it.0, it.1, it.2)).collect();
    let ways = deeds::WAYS * world::actors().len();
    for (stage, asked, current) in &about {
        let tried = classes
            .iter()
            .filter(|it| (it.0, it.1, it.2) == (*stage, *asked, *current));
        assert_eq!(tried.count(), ways, "in {stage} on {asked}, of now: {current}");
    }
    // What was asked before is tried in every stage; what is asked now, where it is asked.
    let of_now = about.iter().filter(|it| it.2).count();
    assert_eq!((of_now, about.len()), (8, 61));
}

fn every_pair_is_tried(table: &Table) {
    for (event, counted_in) in TABLE {
        for phase in PHASES {
            let counts = table.get(&(phase, event)).copied().unwrap_or_default();
            println!(
                "{phase:9} {event:15} accepted {:7} repeated {:7} refused {:7}",
                counts[0], counts[1], counts[2]
            );
            let [accepted, repeated, refused] = counts;
            assert_ne!(
                accepted + repeated + refused,
                0,
                "{event} is never tried in {phase}"
            );
            assert_eq!(accepted > 0, counted_in.contains(&phase), "{event} in {phase}");
        }
    }
    assert_eq!(
        table.len(),
        TABLE.len() * PHASES.len(),
        "an event or a phase is missing here"
    );
}
