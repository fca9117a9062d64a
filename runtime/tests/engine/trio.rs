//! Three worker processes on one file; at random instants one of them is killed and another takes its place.
//!
//! Each opens calls of every flow, decides what is asked, and runs in the background whatever is cleared, its own
//! or another's. It says what was acknowledged to it, and before each claim whose it is. In the end all are killed,
//! and whoever comes after them must find everything that was acknowledged, nothing that ran twice or without
//! its decisions, and for every doubt a claim of somebody who is dead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use countersign::clock::{Clock, SystemClock};
use countersign::prelude::*;
use countersign::store::{Commit, Committed, Sqlite, Store as _, StoreError};
use countersign::{Call, CallId, Phase, Timestamp};
use serde_json::{Value, json};

use crate::flows::{self, Ack, All, Flow, Ledger, calls, prepared, records, settle, sqlite};
use crate::process::{Other, Random, rounds, say, task};
use crate::stores::{Guard, Guarded};
use crate::world::{code, who};

/// How many work at once.
const WORKERS: usize = 3;
/// How long one that says nothing is believed to be alive: short, so that the others inherit while it lasts.
const LEASE: Duration = Duration::from_millis(600);
/// How many kills share one file: what was left behind is looked at in between.
const KILLS_A_FILE: u64 = 50;

/// Says whose claim it is about to commit.
struct Claims;

#[async_trait]
impl Guard for Claims {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        for record in commit
            .records
            .iter()
            .filter(|it| it.fields.get("kind").is_some_and(|it| it == "call.claimed"))
        {
            let worker = record.fields.get("claim").unwrap();
            let worker = worker["worker"].as_str().unwrap();
            say(format!("claims {worker}"));
        }
        store.commit(commit).await
    }
}

/// What one of the three does until it is killed.
async fn life(dir: &Path, first: usize) {
    let engine = Engine::builder()
        .store(Guarded {
            store: sqlite(dir),
            guard: Claims,
        })
        .registry(Registry::of::<All>().unwrap())
        .state(Ledger::new(dir, |_| {}))
        .clock(SystemClock)
        .lease(LEASE)
        .start()
        .await
        .unwrap();
    say("alive");
    for flow in Flow::ALL.iter().cycle().skip(first) {
        let arguments = json!({"n": flow.number()});
        let by = who("alice");
        let called = engine.call(flow.tool(), arguments).by(&by).await.unwrap();
        // What asks nobody is done at once, by one of the three.
        let Called::Waiting(waiting) = called else {
            continue;
        };
        let id = waiting.call_id();
        say(format!("ack {id} call.opened "));
        while decided(&engine, id, *flow).await {}
    }
}

/// Decides the next thing that a call asks; false when it is over or nobody of the flow has anything to say.
async fn decided(engine: &Engine, id: CallId, flow: Flow) -> bool {
    let call = engine.wait_until_settled(id).await.unwrap();
    if flow == Flow::Cancelled && matches!(call.phase(), Phase::Approve { .. }) {
        let by = who("alice");
        engine.desk().cancel(id, &by, None).await.unwrap();
        say(format!("ack {id} call.cancelled "));
        return true;
    }
    let asked = call.requirements();
    let Some((asked, (by, verdict))) = asked.first().and_then(|it| Some((it, flow.said(it)?))) else {
        return false;
    };
    let kind = flows::kind(&verdict);
    let decision = Decision::new(asked, verdict).by(&who(by)).reason("by script");
    let decided = engine.desk().decide(decision).await.unwrap();
    if matches!(code(&decided.answer), "accepted" | "repeated") {
        say(format!("ack {id} {kind} {}", asked.id));
        return true;
    }
    // Only time can have come in between: the lease of somebody who was killed.
    assert!(
        matches!(code(&decided.answer), "already_decided" | "stale_seal"),
        "{:?}",
        decided.answer
    );
    true
}

/// Not a test by itself: one of the three.
#[test]
fn child() {
    let Some((dir, task)) = task() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(life(&dir, task.parse().unwrap()));
}

/// What killed processes had said.
#[derive(Default)]
struct Said {
    acks: Vec<Ack>,
    workers: BTreeSet<String>,
    silent: usize,
}

impl Said {
    fn hear(&mut self, lines: &[String]) {
        for line in lines {
            let mut words = line.split(' ').map(str::to_owned);
            match words.next().as_deref() {
                Some("ack") => self.acks.push(Ack {
                    call: words.next().unwrap(),
                    kind: words.next().unwrap(),
                    on: words.next().unwrap_or_default(),
                }),
                Some("claims") => {
                    self.workers.insert(words.next().unwrap());
                }
                _ => {}
            }
        }
        self.silent += usize::from(!lines.iter().any(|it| it.starts_with("ack")));
    }
}

/// The clock of whoever comes after: everybody has been silent for long enough.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_mins(1))
    }
}

/// The records that must be there before the first claim, in this order.
const fn needed(flow: Flow) -> &'static [&'static str] {
    match flow {
        Flow::Paid | Flow::Rejected | Flow::Cancelled => &["call.opened", "call.confirmed", "call.approved"],
        Flow::Amended => &["call.opened", "call.amended", "call.confirmed", "call.approved"],
        Flow::Filled => &["call.opened", "call.filled", "call.confirmed"],
        Flow::HandedOver | Flow::Again => &["call.opened", "call.confirmed"],
        Flow::Outside => &["call.opened", "call.approved"],
        Flow::Cleared => &["call.opened"],
    }
}

/// Nothing has run without its decisions, and a doubt names somebody who is dead.
fn explained(call: &Call, records: &[Value], effects: usize, said: &Said) {
    let kinds: Vec<&str> = records.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    let context = format!("{}: {:?} {kinds:?}", call.id(), call.phase());
    if let Some(claimed) = kinds.iter().position(|it| *it == "call.claimed") {
        let mut before = kinds[..claimed].iter();
        for needed in needed(Flow::of(call)) {
            assert!(
                before.any(|it| it == needed),
                "{context}: claimed without {needed}"
            );
        }
    } else {
        assert_eq!(effects, 0, "{context}: acted without a claim");
    }
    if matches!(call.phase(), Phase::InDoubt { .. }) {
        let last = records
            .iter()
            .rev()
            .find(|it| it["kind"] == "call.claimed")
            .unwrap();
        let worker = last["claim"]["worker"].as_str().unwrap();
        assert!(
            said.workers.contains(worker),
            "{context}: {worker} was never heard of"
        );
        assert!(kinds.contains(&"call.lease_lapsed"), "{context}");
    }
}

/// Kills this many on one file, and looks at what they left.
async fn killed(kills: u64, random: &mut Random, seen: &mut BTreeMap<&'static str, usize>) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(dir.path(), |_| {});
    prepared(dir.path(), SystemClock, &ledger).await;
    let mut said = Said::default();
    let start = |random: &mut Random| Other::start("trio::child", dir.path(), &random.below(9).to_string());
    let mut alive: Vec<Other> = (0..WORKERS).map(|_| start(random)).collect();
    for _ in 0..kills {
        // The oldest: it has lived through the deaths of two others. How far it has come is up to chance.
        let mut victim = alive.remove(0);
        let lines = random.below(30);
        let mut heard: Vec<String> = (0..lines).map_while(|_| victim.line()).collect();
        let (began, span) = (Instant::now(), Duration::from_micros(random.below(4000)));
        while began.elapsed() < span {
            std::thread::yield_now();
        }
        heard.extend(victim.kill());
        said.hear(&heard);
        alive.push(start(random));
    }
    for one in alive {
        said.hear(&one.kill());
    }

    let engine = flows::engine(sqlite(dir.path()), Later, &ledger, false).await;
    engine.worker().sweep().await.unwrap();
    let mut after = None;
    let mut known = BTreeSet::new();
    loop {
        let found = calls(&engine, after).await;
        let Some(last) = found.last() else { break };
        after = Some(*last);
        for id in found {
            known.insert(id.to_string());
            let call = engine.desk().call(id).await.unwrap();
            explained(&call, &records(&engine, id).await, ledger.of(&id).len(), &said);
            let of: Vec<Ack> = said
                .acks
                .iter()
                .filter(|it| it.call == id.to_string())
                .cloned()
                .collect();
            *seen
                .entry(settle(&engine, id, &ledger, &of, &id.to_string()).await)
                .or_default() += 1;
        }
    }
    for ack in &said.acks {
        assert!(known.contains(&ack.call), "{ack:?} is not stored");
    }
    *seen.entry("acknowledged").or_default() += said.acks.len();
    *seen.entry("killed before they did anything").or_default() += said.silent;
}

#[tokio::test]
async fn killed_at_random_instants() {
    let mut left = rounds("COUNTERSIGN_TRIO_KILLS", 200, 1000);
    let mut random = Random::seeded("three workers, killed at random");
    let mut seen = BTreeMap::new();
    let all = left;
    while left > 0 {
        let kills = left.min(KILLS_A_FILE);
        Box::pin(killed(kills, &mut random, &mut seen)).await;
        left -= kills;
    }
    println!("{all} kills among {WORKERS} workers: {seen:?}");
    assert!(seen["ended"] > 0 && seen["acknowledged"] > 100, "{seen:?}");
}
