//! Real processes, really killed: between any two commits of every flow, and at random instants.
//!
//! The child says a line before and after each commit and each effect, and one for everything that was
//! acknowledged. Step by step it waits for the parent after each line, so that the parent kills it at
//! exactly that one; at random it runs freely.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use countersign::clock::{Clock, SystemClock};
use countersign::store::{Commit, Committed, Sqlite, Store as _, StoreError};
use countersign::{CallId, Engine, Timestamp};
use tempfile::TempDir;

use crate::flows::{self, Ack, Flow, Ledger, Way, calls, open, play, prepared, settle, sqlite};
use crate::process::{Other, Random, hear, rounds, say, task};
use crate::stores::{Guard, Guarded};

/// The clock of whoever goes on: the dead process is silent for long enough, and nobody has to wait.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_mins(1))
    }
}

/// Says when a commit begins and when it is true.
struct Narrator {
    commits: AtomicUsize,
    stepping: bool,
}

impl Narrator {
    fn say(&self, line: &str) {
        say(line);
        if self.stepping && hear().is_none() {
            std::process::exit(0);
        }
    }
}

#[async_trait]
impl Guard for Narrator {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let kinds: Vec<_> = commit
            .records
            .iter()
            .map(|it| it.fields.get("kind").unwrap().to_string())
            .collect();
        self.say(&format!("commit.before {number} {}", kinds.join(",")));
        let committed = store.commit(commit).await;
        self.say(&format!("commit.after {number}"));
        committed
    }
}

/// What a child does: the flows it is told, one after the other; all of them again and again for `free`.
async fn life(dir: &Path, task: &str) {
    let (mode, flow) = task.split_once(' ').unwrap();
    let stepping = mode == "step";
    let speak = move |line: &str| {
        Narrator {
            commits: AtomicUsize::new(0),
            stepping,
        }
        .say(line);
    };
    let ledger = Ledger::new(dir, speak);
    let guard = Narrator {
        commits: AtomicUsize::new(0),
        stepping,
    };
    let store = Guarded {
        store: sqlite(dir),
        guard,
    };
    let engine = flows::engine(store, SystemClock, &ledger, false).await;
    speak("alive");
    let chosen = |it: &&Flow| flow == "all" || format!("{it:?}") == flow;
    for round in 0.. {
        for (number, flow) in Flow::ALL.iter().filter(chosen).enumerate() {
            let way = Way::ALL[(round + number) % 2];
            let id = open(&engine, *flow).await.unwrap();
            speak(&format!("ack {id} call.opened "));
            let heard = |id: &CallId, kind: &str, on: &str| speak(&format!("ack {id} {kind} {on}"));
            let call = play(&engine, id, way, heard).await.unwrap();
            speak(&format!("end {id} {}", call.phase().name()));
        }
        speak("round");
        if stepping {
            return;
        }
    }
}

/// Not a test by itself: the process that is killed by the tests below.
#[test]
fn child() {
    let Some((dir, task)) = task() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(life(&dir, &task));
}

fn acks(lines: &[String]) -> Vec<Ack> {
    let ack = |line: &String| {
        let mut words = line.strip_prefix("ack ")?.split(' ').map(str::to_owned);
        Some(Ack {
            call: words.next()?,
            kind: words.next()?,
            on: words.next().unwrap_or_default(),
        })
    };
    lines.iter().filter_map(ack).collect()
}

/// A file with everything that died children have left on it.
struct Scene {
    dir: TempDir,
    ledger: Ledger,
    last: Option<CallId>,
    ended: usize,
    in_doubt: usize,
    unborn: usize,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(dir.path(), |_| {});
        prepared(dir.path(), SystemClock, &ledger).await;
        Self {
            dir,
            ledger,
            last: None,
            ended: 0,
            in_doubt: 0,
            unborn: 0,
        }
    }

    fn start(&self, task: &str) -> Other {
        Other::start("killed::child", self.dir.path(), task)
    }

    /// A new process, as far as the file can tell.
    async fn survivor(&self) -> Engine {
        flows::engine(sqlite(self.dir.path()), Later, &self.ledger, false).await
    }

    /// Goes on after a process was killed that had said these lines.
    async fn inherit(&mut self, lines: &[String], context: &str) {
        let engine = self.survivor().await;
        engine.worker().sweep().await.unwrap();
        let acks = acks(lines);
        let found = calls(&engine, self.last).await;
        let known: BTreeSet<String> = found.iter().map(ToString::to_string).collect();
        for ack in &acks {
            assert!(known.contains(&ack.call), "{context}: {ack:?} is not stored");
        }
        if found.is_empty() {
            self.unborn += 1;
        }
        for id in found {
            self.last = Some(id);
            match settle(&engine, id, &self.ledger, &acks, &format!("{context}: {id}")).await {
                "ended" => self.ended += 1,
                _ => self.in_doubt += 1,
            }
        }
    }

    fn report(&self, what: &str) {
        let Self {
            ended,
            in_doubt,
            unborn,
            ..
        } = self;
        println!("{what}: {ended} calls ended, {in_doubt} were in doubt, {unborn} deaths before any call");
    }
}

/// Kills a child at each line that it says in this flow.
async fn at_every_line(flow: Flow) {
    let mut scene = Scene::new().await;
    let mut line = 0;
    loop {
        let mut child = scene.start(&format!("step {flow:?}"));
        let mut said = Vec::new();
        while said.len() <= line {
            if !said.is_empty() {
                child.tell("go on");
            }
            match child.line() {
                Some(it) => said.push(it),
                None => panic!("{flow:?} ended after {said:?}"),
            }
        }
        let here = said[line].clone();
        said.extend(child.kill());
        scene
            .inherit(&said, &format!("{flow:?}, killed at {here:?}"))
            .await;
        line += 1;
        if here == "round" {
            break;
        }
    }
    scene.report(&format!("{flow:?}, killed at each of {line} lines"));
    let runs = !matches!(
        flow,
        Flow::Rejected | Flow::Cancelled | Flow::Outside | Flow::Again
    );
    assert_eq!(
        scene.in_doubt > 0,
        runs,
        "{flow:?}: in doubt exactly where something may have run"
    );
}

crate::flows::for_every_flow!(|flow, _| at_every_line(flow));

/// How long a child takes for all flows once.
fn pace(scene: &Scene) -> (Duration, Vec<String>) {
    let mut child = scene.start("free all");
    let mut said = Vec::new();
    let mut began = None;
    loop {
        let line = child.line().unwrap();
        if line == "alive" {
            began = Some(Instant::now());
        }
        let over = line == "round";
        said.push(line);
        if over {
            let took = began.map_or(Duration::from_millis(100), |it| it.elapsed());
            said.extend(child.kill());
            return (took, said);
        }
    }
}

#[tokio::test]
async fn at_random_instants() {
    let rounds = rounds("COUNTERSIGN_KILLS", 200, 2000);
    let mut random = Random::seeded("killed at random");
    let mut scene = Scene::new().await;
    let (pace, said) = pace(&scene);
    // On a machine that was busy just then it says little about how long a flow takes.
    let pace = pace.min(Duration::from_millis(250));
    let lines = u64::try_from(said.len()).unwrap();
    scene.inherit(&said, "measured").await;
    for round in 0..rounds {
        let mut child = scene.start("free all");
        let mut said = vec![child.line().unwrap()];
        assert_eq!(said, ["alive"]);
        let how = if round % 2 == 0 {
            let span = pace / 1000 * u32::try_from(random.below(1000)).unwrap();
            let began = Instant::now();
            while began.elapsed() < span {
                std::thread::yield_now();
            }
            format!("{span:?} after it came to life")
        } else {
            let line = random.below(lines) + 1;
            said.extend((0..line).map_while(|_| child.line()));
            format!("about line {line}")
        };
        said.extend(child.kill());
        scene
            .inherit(&said, &format!("round {round}, killed {how}"))
            .await;
    }
    scene.report(&format!("{rounds} kills at random within {pace:?}"));
}
