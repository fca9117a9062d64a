//! Stories that nobody thought of: a proptest state machine, whose reference is the model.
//!
//! Ten thousand of them are told to the bare call machine, which takes some seconds, and fewer to the real
//! engine with its file, its desk and its worker, which takes as long. The seed is fixed. Others, and more:
//! `COUNTERSIGN_SEED=17 COUNTERSIGN_STORIES=100000 cargo test -p countersign --test scenarios chance`.
//!
//! A story that goes wrong is shortened and printed as a row of the table.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::Union;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use crate::machine::Machine;
use crate::model::Model;
use crate::stage::{Difference, Stage, play};
use crate::story::{
    AGENT, BIG, Deed, Gate, OPERATOR, PERSONS, Place, Pools, SERVICE, Setup, Shown, Step, Verb, Who,
};
use crate::table::seed;
use crate::theatre::Theatre;

/// How many stories the machine is told.
const STORIES: u32 = 10_000;
/// How many stories the engine is told.
const PERFORMANCES: u32 = 150;
/// How many steps a story has at most.
const STEPS: usize = 20;

const HOUR: Duration = Duration::from_hours(1);
const POOLS: [&str; 2] = ["managers", "finance"];

fn members(pool: &'static str) -> impl Strategy<Value = (String, Vec<String>)> {
    let persons = subsequence(PERSONS.to_vec(), 1..=5);
    // Programs may be named in a pool; they never count.
    let programs = prop_oneof![6 => Just(Vec::new()), 1 => Just(vec![AGENT]), 1 => Just(vec![SERVICE])];
    (persons, programs).prop_map(move |(persons, programs)| {
        let all = persons.into_iter().chain(programs).map(str::to_owned);
        (pool.to_owned(), all.collect())
    })
}

fn gate(pool: &'static str) -> impl Strategy<Value = Option<Gate>> {
    let hours = select(vec![2, 10, 24, 48]);
    let gate = (1_usize..=3, hours, prop::bool::weighted(0.2));
    let gate = gate.prop_map(move |(quorum, hours, big)| Gate {
        pool: pool.to_owned(),
        quorum,
        expires: HOUR * hours,
        big,
    });
    prop::option::weighted(0.7, gate)
}

fn cast() -> impl Strategy<Value = Pools> {
    let operator = subsequence(vec!["alice", "olivia", "bob"], 0..=2).prop_map(|it| {
        let names = it.into_iter().map(str::to_owned);
        (OPERATOR.to_owned(), names.collect())
    });
    (members(POOLS[0]), members(POOLS[1]), operator).prop_map(|(a, b, operator)| {
        let pools = [a, b, operator].into_iter();
        pools.map(|(pool, it)| (pool, it.into_iter().collect())).collect()
    })
}

fn setup() -> impl Strategy<Value = Setup> {
    let who = (
        prop_oneof![8 => Just("alice"), 3 => Just("bob"), 1 => Just(SERVICE), 1 => Just(AGENT)],
        prop_oneof![2 => Just(None), 1 => Just(Some(AGENT))],
        prop_oneof![1 => Just(None), 1 => Just(Some("erin")), 1 => Just(Some("carol"))],
    );
    let gates = (
        prop::bool::weighted(0.25),
        prop::bool::weighted(0.6),
        gate(POOLS[0]),
        gate(POOLS[1]),
    );
    let rest = (
        select(vec![6_u32, 24, 168]),
        select(vec![BIG - 1, BIG]),
        prop::bool::weighted(0.3),
    );
    (who, gates, cast(), rest).prop_map(|(who, gates, pools, rest)| {
        let (by, through, owner) = who;
        let (input, confirm, first, second) = gates;
        let (patience, amount, granted) = rest;
        let mut approvals: Vec<Gate> = first.into_iter().chain(second).collect();
        for gate in &mut approvals {
            // An engine does not start on a pool that could never be enough.
            let persons = pools[&gate.pool]
                .iter()
                .filter(|it| PERSONS.contains(&it.as_str()));
            gate.quorum = gate.quorum.min(persons.count());
        }
        let is_person = PERSONS.contains(&by);
        Setup {
            input,
            // Something must be asked, whatever the arguments.
            confirm: confirm || (!input && approvals.iter().all(|it| it.big)),
            approvals,
            patience: HOUR * patience,
            pools,
            west: Pools::new(),
            by: by.to_owned(),
            through: through.filter(|_| is_person).map(str::to_owned),
            owner: owner.map(str::to_owned),
            amount,
            granted: granted && confirm && !input && is_person,
        }
    })
}

/// Anybody: of the other tenant too, if there is one.
fn who(model: &Model) -> BoxedStrategy<Who> {
    let others = [SERVICE, AGENT, "stranger"];
    let names: Vec<&str> = PERSONS.into_iter().chain(others).collect();
    let west = if model.setup.west.is_empty() {
        Place::Here
    } else {
        Place::West
    };
    let place = prop_oneof![5 => Just(Place::Here), 1 => Just(Place::Console), 2 => Just(west)];
    (select(names), place)
        .prop_map(|(name, place)| Who {
            name: name.to_owned(),
            place,
        })
        .boxed()
}

fn says(who: impl Strategy<Value = Who> + 'static, verb: Verb, gate: &str) -> BoxedStrategy<Deed> {
    let shown = prop_oneof![8 => Just(Shown::Now), 1 => Just(Shown::Before), 1 => Just(Shown::First)];
    let gate = gate.to_owned();
    (who, shown)
        .prop_map(move |(who, shown)| Deed::Says {
            who,
            verb: verb.clone(),
            gate: gate.clone(),
            shown,
        })
        .boxed()
}

fn here(name: String) -> Who {
    Who {
        name,
        place: Place::Here,
    }
}

/// What somebody could do: half of the time something that brings the call on, or takes away what did.
fn deeds(model: &Model) -> BoxedStrategy<Deed> {
    let mut likely: Vec<(u32, BoxedStrategy<Deed>)> = Vec::new();
    for (name, gate) in model.wanted() {
        let who = || Just(here(name.clone()));
        match gate.as_str() {
            "input" => likely.push((1, says(who(), Verb::Fills, &gate))),
            "confirm" => {
                likely.push((8, says(who(), Verb::Confirms, &gate)));
                likely.push((1, says(who(), Verb::ConfirmsRemembering, &gate)));
                likely.push((1, says(who(), Verb::Amends(BIG - 1), &gate)));
                likely.push((1, says(who(), Verb::Amends(BIG), &gate)));
            }
            pool => likely.push((3, says(who(), Verb::Approves, pool))),
        }
    }
    for (name, pool) in model.voters() {
        let weight = if model.is_cleared() { 3 } else { 1 };
        likely.push((weight, Just(Deed::Leaves(here(name), pool)).boxed()));
    }
    if model.is_cleared() {
        likely.push((2, Just(Deed::Worker(Place::Here)).boxed()));
    }
    if likely.is_empty() {
        return anything(model);
    }
    prop_oneof![Union::new_weighted(likely), anything(model)].boxed()
}

/// What anybody could do, whether it makes sense or not.
fn anything(model: &Model) -> BoxedStrategy<Deed> {
    let requester = here(model.setup.by.clone());
    let asker = || prop_oneof![3 => Just(requester.clone()), 1 => who(model)].boxed();
    let pool = || select(POOLS.to_vec()).prop_map(str::to_owned);
    let moved = || (who(model), pool());
    let mut all: Vec<(u32, BoxedStrategy<Deed>)> = vec![
        (1, who(model).prop_map(Deed::Cancels).boxed()),
        (2, asker().prop_map(Deed::Reasks).boxed()),
        (3, Just(Deed::Sweeper).boxed()),
        (6, Just(Deed::Worker(Place::Here)).boxed()),
        (4, moved().prop_map(|(who, pool)| Deed::Joins(who, pool)).boxed()),
        (2, moved().prop_map(|(who, pool)| Deed::Leaves(who, pool)).boxed()),
        (1, who(model).prop_map(Deed::IsGone).boxed()),
        (
            2,
            (pool(), 1_usize..=2)
                .prop_map(|(pool, quorum)| Deed::RulesAdd(pool, quorum))
                .boxed(),
        ),
    ];
    if !model.setup.west.is_empty() {
        all.push((6, who(model).prop_map(Deed::Looks).boxed()));
        all.push((1, Just(Deed::Worker(Place::West)).boxed()));
    }
    for gate in model.gates() {
        let verbs = match gate.as_str() {
            "input" => vec![(6, Verb::Fills), (1, Verb::Rejects)],
            "confirm" => vec![
                (6, Verb::Confirms),
                (2, Verb::ConfirmsRemembering),
                (1, Verb::Amends(BIG - 1)),
                (1, Verb::Amends(BIG)),
                (1, Verb::Answers),
                (1, Verb::Rejects),
            ],
            _ => vec![
                (8, Verb::Approves),
                (1, Verb::ApprovesRemembering),
                (1, Verb::Rejects),
            ],
        };
        for (weight, verb) in verbs {
            let who = if matches!(gate.as_str(), "input" | "confirm") {
                asker()
            } else {
                who(model)
            };
            all.push((weight, says(who, verb, &gate)));
        }
    }
    Union::new_weighted(all).boxed()
}

/// How much later the next step is: often at once, and sometimes at the very deadline.
fn spans(model: &Model) -> BoxedStrategy<Duration> {
    let millisecond = Duration::from_millis(1);
    let left = model.deadline.saturating_sub(model.now);
    let mut spans = vec![
        (30, Just(Duration::ZERO).boxed()),
        (6, (0_u32..60).prop_map(|it| HOUR * it / 60).boxed()),
    ];
    if left > millisecond {
        let near = vec![left.saturating_sub(millisecond), left, left + millisecond];
        spans.push((1, select(near).boxed()));
    }
    Union::new_weighted(spans).boxed()
}

/// Stories about one call; with another tenant beside it, or without.
struct Chance<const WEST: bool>;

impl<const WEST: bool> ReferenceStateMachine for Chance<WEST> {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        let everybody = || PERSONS.map(str::to_owned).into();
        let west = move || Pools::from(POOLS.map(|it| (it.to_owned(), everybody())));
        let west = move |setup| Setup {
            west: if WEST { west() } else { Pools::new() },
            ..setup
        };
        setup().prop_map(move |it| Model::open(&west(it))).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        let now = model.now;
        (spans(model), deeds(model))
            .prop_map(move |(span, deed)| Step { at: now + span, deed })
            .boxed()
    }

    fn apply(mut model: Model, step: &Step) -> Model {
        model.step(step);
        model
    }

    fn preconditions(model: &Model, step: &Step) -> bool {
        step.at >= model.now
    }
}

/// Tells stories to whatever `open` opens, and says how often each answer was given and each end came.
fn tell<const WEST: bool, S: Stage>(
    cases: u32,
    open: impl Fn(&Setup) -> Option<S>,
    mut close: impl FnMut(&mut S),
) -> BTreeMap<String, usize> {
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(seed()),
        failure_persistence: None,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let heard: RefCell<BTreeMap<String, usize>> = RefCell::default();
    let close = RefCell::new(&mut close);
    let strategy = Chance::<WEST>::sequential_strategy(1..=STEPS);
    let told = TestRunner::new(config).run(&strategy, |(model, steps, counter)| {
        let Some(mut stage) = open(&model.setup) else {
            return Ok(());
        };
        match play(&model.setup, &steps, &mut stage) {
            Ok(answers) => {
                let mut heard = heard.borrow_mut();
                let ends = stage.state().split([':', ' ']).next().map(str::to_owned);
                for word in answers.into_iter().chain(ends) {
                    *heard.entry(word).or_default() += 1;
                }
                (close.borrow_mut())(&mut stage);
                Ok(())
            }
            Err(difference) => {
                if let Some(counter) = counter {
                    counter.store(difference.after, Ordering::SeqCst);
                }
                Err(TestCaseError::fail("the model disagrees"))
            }
        }
    });
    match told {
        Ok(()) => heard.into_inner(),
        Err(TestError::Fail(_, (model, steps, _))) => {
            let differs = |steps: &[Step]| {
                let mut stage = open(&model.setup).expect("it was opened before");
                play(&model.setup, steps, &mut stage).err()
            };
            panic!("seed {}\n{}", seed(), shortened(steps, differs));
        }
        Err(error) => panic!("{error}"),
    }
}

/// The story without any step that it goes wrong without.
fn shortened(mut steps: Vec<Step>, differs: impl Fn(&[Step]) -> Option<Difference>) -> Difference {
    let mut difference = differs(&steps).expect("it went wrong before");
    let mut place = 0;
    while place < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(place);
        match differs(&fewer) {
            // Without this one, another may no longer be needed either.
            Some(shorter) => (steps, difference, place) = (fewer, shorter, 0),
            None => place += 1,
        }
    }
    difference
}

fn stories(usual: u32) -> u32 {
    match std::env::var("COUNTERSIGN_STORIES") {
        Ok(stories) => stories.parse().expect("COUNTERSIGN_STORIES is a number"),
        Err(_) => usual,
    }
}

/// Chance must have led everywhere, or nothing was shown.
#[track_caller]
fn heard_everything(heard: &BTreeMap<String, usize>, least: usize) {
    for word in [
        "accepted",
        "repeated",
        "not_allowed",
        "self_approval",
        "stale_seal",
        "already_decided",
        "expired",
        "unknown_requirement",
        "invalid_input",
        "runs",
        "voids votes",
        "asks anew",
        "expires",
        "returned",
        "blocked",
    ] {
        let times = heard.get(word).copied().unwrap_or_default();
        assert!(times >= least, "`{word}` only {times} times: {heard:#?}");
    }
}

#[test]
fn ten_thousand_stories_told_to_the_machine() {
    let heard = tell::<false, _>(stories(STORIES), |setup| Some(Machine::open(setup)), |_| {});
    heard_everything(&heard, 50);
}

#[test]
fn some_stories_told_to_the_engine() {
    let open = |setup: &Setup| {
        let blocked = !Model::open(setup).is_open();
        (!blocked).then(|| Theatre::open(setup))
    };
    let heard = tell::<true, _>(stories(PERFORMANCES), open, Theatre::close);
    for word in [
        "accepted",
        "runs",
        "unknown_requirement",
        "sees nothing",
        "unknown",
    ] {
        assert!(heard.contains_key(word), "{word}: {heard:#?}");
    }
}
