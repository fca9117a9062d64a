//! What a run costs beside its model: `cargo bench -p countersign-agent`.
//!
//! No criterion: what is counted is the time of the processor over many runs, commits, flushes and memory. Figures and
//! limits are in `docs/benchmarks.md`. Quote the ratios of one run, never absolute times.

use std::time::Duration;

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, Message, Request, Status};
use serde_json::json;

/// Looks a customer up.
#[tool(read_only)]
fn look_up(customer: String) -> String {
    customer
}

/// Refunds a customer.
#[tool(requires_confirmation)]
fn refund(customer: String) -> String {
    customer
}

const POLICY: &str = "[actors]\nalice = { kind = \"person\" }\nhelpdesk = { kind = \"agent\" }\n\
                      [limits]\npending_per_requester = 100000";

/// Uses the tool that it is told, once for each message.
fn model() -> ScriptedModel {
    ScriptedModel::answering(
        |request: Request<'_>| match request.messages.last().map(AsRef::as_ref) {
            Some(Message::User { text }) => Step::call(text, json!({"customer": "ACME"})),
            _ => Step::say("Done."),
        },
    )
}

struct Bench {
    agent: Agent,
    store: Sqlite,
    alice: Identity,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a directory on the disk of the project");
        let store = Sqlite::open(dir.path().join("countersign.db")).expect("a store");
        let engine = Engine::builder()
            .store(store.clone())
            .registry(Registry::of::<(look_up, refund)>().expect("tools"))
            .policy(Policy::parse(POLICY).expect("a policy"))
            .worker(false)
            .start()
            .await
            .expect("an engine");
        let agent = Agent::builder("helpdesk")
            .model(model())
            .worker(false)
            .build(&engine)
            .await
            .expect("an agent");
        Self {
            agent,
            store,
            alice: Identity::asserted("alice").expect("an id"),
            _dir: dir,
        }
    }

    /// One ungated tool.
    async fn plain(&self) {
        let run = self.agent.run("look_up").by(&self.alice).await.expect("a run");
        assert_eq!(run.status(), Status::Completed);
    }

    /// One gated tool: pause, confirm, continue.
    async fn gated(&self, session: Option<&str>) {
        let mut run = self.agent.run("refund").by(&self.alice);
        if let Some(session) = session {
            run = run.session(session);
        }
        let run = run.await.expect("a run");
        let confirm = run.active_requirements()[0].confirm();
        let run = self
            .agent
            .continue_run(run.id(), [confirm])
            .by(&self.alice)
            .await
            .expect("a run");
        assert_eq!(run.status(), Status::Completed);
    }
}

/// Processor time of this process so far, user and system.
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

/// Memory that this process has in use, in MiB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
    let kib = line.and_then(|it| it.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// What `count` of something cost, each.
async fn each<F: Future<Output = ()>>(bench: &Bench, name: &str, count: u32, one: impl Fn() -> F) {
    for _ in 0..50 {
        one().await;
    }
    let (before, begun) = (bench.store.stats(), cpu());
    for _ in 0..count {
        one().await;
    }
    let (after, used) = (bench.store.stats(), cpu().saturating_sub(begun));
    let per = |all: u64| u32::try_from(all).map_or(f64::NAN, f64::from) / f64::from(count);
    println!(
        "{name}: {:.3} ms CPU, {:.2} commits, {:.2} flushes",
        used.as_secs_f64() * 1000.0 / f64::from(count),
        per(after.commits - before.commits),
        per(after.flushes - before.flushes),
    );
}

/// The last hundred cycles of one session against its first.
async fn long_session(bench: &Bench) {
    const CYCLES: usize = 400;
    let mut used = Vec::new();
    for _ in 0..4 {
        let begun = cpu();
        for _ in 0..CYCLES / 4 {
            bench.gated(Some("long")).await;
        }
        used.push(cpu().saturating_sub(begun).as_secs_f64());
    }
    println!(
        "400 cycles in one session: {:.3} ms CPU each in the last hundred, {:.2} times the second hundred, {:.2} times the first",
        used[3] * 10.0,
        used[3] / used[1],
        used[3] / used[0],
    );
}

/// Ten thousand runs that wait for alice.
async fn paused(bench: &Bench) {
    const RUNS: usize = 10_000;
    let (before, tasks) = (
        memory(),
        tokio::runtime::Handle::current().metrics().num_alive_tasks(),
    );
    for _ in 0..RUNS {
        let run = bench.agent.run("refund").by(&bench.alice).await.expect("a run");
        assert_eq!(run.status(), Status::Paused);
    }
    println!(
        "10,000 paused runs: {:.1} MiB more memory, {} more tasks",
        memory() - before,
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
            .saturating_sub(tasks),
    );
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let bench = Bench::new().await;
        each(&bench, "a plain run (one ungated tool)", 1000, || bench.plain()).await;
        each(&bench, "pause, confirm, continue", 1000, || bench.gated(None)).await;
        long_session(&bench).await;
        paused(&Bench::new().await).await;
    });
}
