//! The table of scenarios, row by row: as it is written, and with its steps in other orders.
//!
//! Times stay in order when steps are shuffled: the deeds change places, the moments do not. To try other
//! orders: `COUNTERSIGN_SEED=17 cargo test -p countersign --test scenarios`.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Just, Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::stage::{Stage, play};
use crate::story::{Row, Step, rows};
use crate::theatre::Theatre;

const FILES: [(&str, &str); 8] = [
    ("quorum", include_str!("table/quorum.toml")),
    ("veto", include_str!("table/veto.toml")),
    ("self_approval", include_str!("table/self_approval.toml")),
    ("roles", include_str!("table/roles.toml")),
    ("tenants", include_str!("table/tenants.toml")),
    ("expiry", include_str!("table/expiry.toml")),
    ("seals", include_str!("table/seals.toml")),
    ("votes", include_str!("table/votes.toml")),
];

/// Under each heading, how many rows there are at least.
const HEADINGS: [(&str, usize); 14] = [
    ("quorum in every order", 19),
    ("veto in every position", 16),
    ("self-approval: the same id", 5),
    ("self-approval: a second role", 5),
    ("self-approval: the acting agent", 5),
    ("self-approval: the owner of the agent", 6),
    ("self-approval: through a grant", 6),
    ("role lost between view and click", 8),
    ("role lost between vote and claim", 10),
    ("same-named pool in another tenant", 5),
    ("same-named actor in another tenant", 6),
    ("expiry races", 21),
    ("stale seals", 18),
    ("double votes", 13),
];

/// How often the steps of each row are shuffled.
const SHUFFLES: u64 = 4;

/// The seed of everything that is left to chance: fixed, unless `COUNTERSIGN_SEED` says another one.
pub(crate) fn seed() -> u64 {
    match std::env::var("COUNTERSIGN_SEED") {
        Ok(seed) => seed.parse().expect("COUNTERSIGN_SEED is a number"),
        Err(_) => 0,
    }
}

fn file(name: &str) -> Vec<Row> {
    let found = FILES.iter().find(|it| it.0 == name);
    rows(found.expect("a file of the table").1)
}

#[test]
fn no_heading_has_lost_a_row() {
    let all: Vec<Row> = FILES.iter().flat_map(|it| rows(it.1)).collect();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &all {
        *found.entry(&row.of).or_default() += 1;
    }
    let least: BTreeMap<&str, usize> = HEADINGS.into();
    assert_eq!(found.keys().collect::<Vec<_>>(), least.keys().collect::<Vec<_>>());
    for (heading, least) in least {
        assert!(found[heading] >= least, "{heading}: {} rows", found[heading]);
    }
    let stories: BTreeSet<String> = all
        .iter()
        .map(|it| format!("{}{:?}", it.setup, it.steps))
        .collect();
    assert_eq!(stories.len(), all.len(), "two rows tell the same story");
}

/// Plays the rows of one file as they are written.
fn as_written(name: &str) {
    for row in file(name) {
        let (steps, expected): (Vec<Step>, Vec<String>) = row.steps.iter().cloned().unzip();
        let mut theatre = Theatre::open(&row.setup);
        let answers = play(&row.setup, &steps, &mut theatre)
            .unwrap_or_else(|story| panic!("{name}: {}\n{story}", row.name));
        for ((step, expected), found) in steps.iter().zip(&expected).zip(&answers) {
            assert_eq!(expected, found, "{name}: {}: {step}", row.name);
        }
        assert_eq!(theatre.state(), row.ends, "{name}: {}", row.name);
        theatre.close();
    }
}

/// Plays the rows of one file with their steps in other orders.
fn shuffled(name: &str) {
    for (place, row) in file(name).into_iter().enumerate() {
        let steps: Vec<Step> = row.steps.iter().map(|it| it.0.clone()).collect();
        let deeds: Vec<_> = steps.iter().map(|it| it.deed.clone()).collect();
        for shuffle in 0..SHUFFLES {
            let seed = seed().wrapping_add((place as u64) << 16 | shuffle);
            let config = Config {
                rng_seed: RngSeed::Fixed(seed),
                failure_persistence: None,
                ..Config::default()
            };
            let deeds = Just(deeds.clone()).prop_shuffle();
            let deeds = deeds.new_tree(&mut TestRunner::new(config)).unwrap().current();
            let moments = steps.iter().map(|it| it.at);
            let steps: Vec<Step> = moments.zip(deeds).map(|(at, deed)| Step { at, deed }).collect();
            let mut theatre = Theatre::open(&row.setup);
            play(&row.setup, &steps, &mut theatre)
                .unwrap_or_else(|story| panic!("{name}: {} (shuffled by {seed})\n{story}", row.name));
            theatre.close();
        }
    }
}

macro_rules! each_file {
    ($($name:ident)*) => {$(
        mod $name {
            #[test]
            fn as_written() {
                super::as_written(stringify!($name));
            }

            #[test]
            fn shuffled() {
                super::shuffled(stringify!($name));
            }
        }
    )*};
}

each_file! { quorum veto self_approval roles tenants expiry seals votes }
