//! A gated cycle (call, confirm, run, close) against four raw single-row commits of the same size on the same disk:
//! confirmed by whoever runs it, in three commits, and at a desk with a worker that comes after it, in four. The first
//! also 64 at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Outcome, Phase};
use criterion::Criterion;
use rusqlite::Connection;

/// Restarts a service.
#[tool(requires_confirmation)]
pub(crate) fn restart(
    /// Which.
    service: String,
) -> String {
    service
}

const POLICY: &str = "[actors]\nalice = { kind = \"person\" }";

struct Bench {
    engine: Engine,
    store: Sqlite,
    alice: Identity,
    _dir: Arc<tempfile::TempDir>,
}

async fn bench(in_memory: bool) -> Bench {
    let dir = Arc::new(
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk of the project"),
    );
    let store = if in_memory {
        Sqlite::in_memory()
    } else {
        Sqlite::open(dir.path().join("countersign.db"))
    };
    let store = store.expect("a store");
    let engine = Engine::builder()
        .store(store.clone())
        .registry(Registry::of::<restart>().expect("tools"))
        .policy(Policy::parse(POLICY).expect("a policy"))
        .worker(false)
        .start()
        .await
        .expect("an engine");
    Bench {
        engine,
        store,
        alice: Identity::asserted("alice").expect("an id"),
        _dir: dir,
    }
}

/// Who takes the confirmation.
#[derive(Clone, Copy)]
enum Way {
    /// A worker, which claims the call in the same commit.
    Worker,
    /// The desk; a worker claims the call later.
    Desk,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Worker => "gated_cycle",
            Self::Desk => "gated_cycle_at_a_desk",
        }
    }
}

impl Bench {
    /// Call, confirm, run, close.
    async fn cycle(&self, way: Way) {
        let called = self
            .engine
            .call("restart", r#"{"service":"billing"}"#)
            .by(&self.alice)
            .await
            .expect("a call");
        let Called::Waiting(waiting) = called else {
            unreachable!("it waits")
        };
        let requirement = waiting.active_requirements().remove(0);
        let decision = Decision::confirm(&requirement).by(&self.alice);
        let call = match way {
            Way::Worker => {
                let decided = self.engine.worker().decide(decision).await;
                decided.expect("a decision").call.expect("a call")
            }
            Way::Desk => {
                self.engine.desk().decide(decision).await.expect("a decision");
                let advanced = self.engine.worker().advance(waiting.call_id()).await;
                advanced.expect("a run").call
            }
        };
        assert!(matches!(
            call.phase(),
            Phase::Closed {
                outcome: Outcome::Returned { .. }
            }
        ));
    }
}

/// Four commits of one row each, as large as what one commit of a cycle writes.
fn raw(connection: &Connection, row: &[u8]) {
    for _ in 0..4 {
        connection
            .execute("INSERT INTO raw(body) VALUES (?1)", [row])
            .expect("a row");
    }
}

pub(crate) fn raw_connection(dir: &std::path::Path) -> Connection {
    let connection = Connection::open(dir.join("raw.db")).expect("a database");
    connection
        .pragma_update(None, "journal_mode", "wal")
        .expect("wal");
    connection
        .pragma_update(None, "synchronous", "full")
        .expect("full");
    connection
        .execute_batch("CREATE TABLE raw(id INTEGER PRIMARY KEY, body BLOB) STRICT")
        .expect("a table");
    connection
}

/// CPU time of this process so far, user and system.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks = |place: usize| {
        fields
            .get(place)
            .and_then(|it| it.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

pub(crate) fn all(criterion: &mut Criterion) {
    if !crate::is_wanted("gated_cycle") {
        return;
    }
    let runtime = crate::runtime();
    let disk = runtime.block_on(bench(false));
    let dir =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk of the project");
    let connection = raw_connection(dir.path());
    let row = vec![b'x'; bytes_per_commit(&runtime)];
    println!("a commit of a cycle writes {} bytes of rows", row.len());

    let mut group = criterion.benchmark_group("gated_cycle");
    group.bench_function("alone", |it| {
        it.iter(|| runtime.block_on(disk.cycle(Way::Worker)));
    });
    group.finish();

    for way in [Way::Worker, Way::Desk] {
        report_pairs(&runtime, &disk, way, &connection, &row);
        report_cpu(&runtime, &disk, way, &connection, &row);
    }
    report_concurrent(&runtime);
}

/// How many bytes of rows one commit of a cycle writes, on average.
fn bytes_per_commit(runtime: &tokio::runtime::Runtime) -> usize {
    runtime.block_on(async {
        let bench = bench(false).await;
        bench.cycle(Way::Desk).await;
        let entries = bench
            .engine
            .store()
            .entries(bench.engine.tenant(), None, 1, 100)
            .await
            .expect("entries");
        let records: usize = entries.iter().map(|it| it.text.len()).sum();
        let all = countersign::store::CallFilter::default();
        let calls = bench
            .engine
            .store()
            .calls(bench.engine.tenant(), &all, None, 1)
            .await
            .expect("a call");
        let state: usize = calls.iter().map(|it| it.terms.len() + it.state.len()).sum();
        records / entries.len().max(1) + state
    })
}

/// The two in turn, so that a disk that is slow for a while is slow for both.
fn report_pairs(
    runtime: &tokio::runtime::Runtime,
    bench: &Bench,
    way: Way,
    connection: &Connection,
    row: &[u8],
) {
    const PAIRS: usize = 1000;
    let (mut theirs, mut ours) = (Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS));
    for _ in 0..PAIRS {
        let start = Instant::now();
        raw(connection, row);
        theirs.push(start.elapsed());
        let start = Instant::now();
        runtime.block_on(bench.cycle(way));
        ours.push(start.elapsed());
    }
    // Seconds for a thousand are milliseconds for one.
    let mean = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[PAIRS / 2].as_secs_f64() * 1000.0
    };
    let means = (mean(&ours), mean(&theirs));
    let medians = (median(&mut ours), median(&mut theirs));
    println!(
        "{}/in_turn: median {:.3} ms against {:.3} ms for four raw commits: {:.2} times; \
         mean {:.3} ms against {:.3} ms: {:.2} times",
        way.name(),
        medians.0,
        medians.1,
        medians.0 / medians.1,
        means.0,
        means.1,
        means.0 / means.1,
    );
}

/// The two in turn here too. The kernel's part of a flush is in both.
fn report_cpu(
    runtime: &tokio::runtime::Runtime,
    bench: &Bench,
    way: Way,
    connection: &Connection,
    row: &[u8],
) {
    const ROUNDS: u32 = 10;
    const CYCLES: u32 = 100;
    let (mut theirs, mut ours) = (Duration::ZERO, Duration::ZERO);
    let before = bench.store.stats();
    for _ in 0..ROUNDS {
        let start = cpu();
        (0..CYCLES).for_each(|_| raw(connection, row));
        theirs += cpu().saturating_sub(start);
        let start = cpu();
        runtime.block_on(async {
            for _ in 0..CYCLES {
                bench.cycle(way).await;
            }
        });
        ours += cpu().saturating_sub(start);
    }
    let stats = bench.store.stats();
    let of_one = |used: Duration| used.as_secs_f64() * 1000.0 / f64::from(ROUNDS * CYCLES);
    println!(
        "{}/alone: {:.3} ms CPU per cycle against {:.3} ms for four raw commits; \
         {:.2} commits and {:.2} flushes per cycle",
        way.name(),
        of_one(ours),
        of_one(theirs),
        per(stats.commits - before.commits, ROUNDS * CYCLES),
        per(stats.flushes - before.flushes, ROUNDS * CYCLES),
    );
}

fn per(count: u64, cycles: u32) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from) / f64::from(cycles)
}

/// 64 cycles at once on the disk, against one writer thread whose CPU is the limit: the same cycles on a
/// store in memory, which flushes nothing.
fn report_concurrent(runtime: &tokio::runtime::Runtime) {
    const AT_ONCE: usize = 64;
    const CYCLES: u32 = 6400;
    let mut rates = Vec::new();
    for in_memory in [true, false] {
        let bench = Arc::new(runtime.block_on(bench(in_memory)));
        let before = bench.store.stats();
        let left = Arc::new(AtomicU64::new(u64::from(CYCLES)));
        let start = Instant::now();
        runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..AT_ONCE {
                let (bench, left) = (bench.clone(), left.clone());
                tasks.spawn(async move {
                    while left
                        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1))
                        .is_ok()
                    {
                        bench.cycle(Way::Worker).await;
                    }
                });
            }
            while tasks.join_next().await.is_some() {}
        });
        let rate = f64::from(CYCLES) / start.elapsed().as_secs_f64();
        let flushes = per(bench.store.stats().flushes - before.flushes, CYCLES);
        let place = if in_memory { "memory" } else { "disk" };
        println!(
            "gated_cycle/64_at_once/{place}: {rate:.0} cycles per second, {flushes:.3} flushes per cycle"
        );
        rates.push(rate);
    }
    println!(
        "gated_cycle/64_at_once: disk reaches {:.2} of the rate in memory",
        rates[1] / rates[0]
    );
}
