//! What the server costs: `cargo bench -p countersign-app`; with `-- long`, ten minutes of load and its memory.
//!
//! The server is this same program in a process of its own, so that its CPU and memory are its own; the peer is a bare
//! axum handler in another one, which makes as many commits of one record each. Both are asked by the same clients on
//! loopback. Figures and limits are in `docs/benchmarks.md`. Quote the ratios of one run, never absolute times.

mod client;
mod peer;

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use countersign::prelude::*;
use serde_json::json;
use tokio::task::LocalSet;

use crate::client::{Client, Process};

/// Refunds a customer.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
fn refund(
    /// Which.
    customer: String,
) -> String {
    customer
}

/// How many people listen, each with 50 streams.
const LISTENERS: usize = 40;
/// How many clients ask at once.
const CLIENTS: usize = 16;

fn policy() -> String {
    let mut policy = "[pools]\nmanagers = { roles = [\"manager\"] }\n[limits]\npending_per_requester = 100000\n\
                      [actors]\nalice = { kind = \"person\" }\nbob = { kind = \"person\", roles = [\"manager\"] }\n"
        .to_owned();
    for number in 0..LISTENERS {
        let _ = writeln!(
            policy,
            "p{number} = {{ kind = \"person\", roles = [\"manager\"] }}"
        );
    }
    policy
}

fn main() -> ExitCode {
    match std::env::var(client::ROLE).as_deref() {
        Ok("server") => {
            let app = countersign_app::App::new("bench").policy(policy());
            return runtime(true).block_on(app.main());
        }
        Ok(_) => runtime(true).block_on(peer::serve()),
        // The clients take one thread: what they use, the servers do not have.
        Err(_) => runtime(false).block_on(LocalSet::new().run_until(measure())),
    }
    ExitCode::SUCCESS
}

fn runtime(threads: bool) -> tokio::runtime::Runtime {
    let mut builder = if threads {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build().expect("a runtime")
}

async fn measure() {
    let dir =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk of the project");
    let bench = Bench::start(dir.path());
    if std::env::args().any(|it| it == "long") {
        bench.long(Duration::from_mins(10)).await;
    } else {
        bench.lists().await;
        bench.decisions().await;
        bench.cycles().await;
        bench.streams().await;
    }
}

struct Bench {
    server: Process,
    peer: Process,
    alice: String,
    bob: String,
    listeners: Vec<String>,
}

impl Bench {
    fn start(dir: &Path) -> Self {
        let key = |actor: &str| client::key(dir, actor);
        Self {
            alice: key("alice"),
            bob: key("bob"),
            listeners: (0..LISTENERS).map(|it| key(&format!("p{it}"))).collect(),
            server: Process::server(dir),
            peer: Process::peer(&dir.join("peer.db")),
        }
    }

    /// An inbox of twenty, against as many bytes from a handler that reads nothing.
    async fn lists(&self) {
        let mut client = self.server.client(&self.alice).await;
        for _ in 0..20 {
            propose(&mut client).await;
        }
        let bytes = client.get("/v1/requirements").await.to_string().len();
        let own = load(&self.server, &self.alice, CLIENTS, 4000, async |client, _| {
            client.get("/v1/requirements").await;
        });
        let own = own.await;
        let place = format!("/bytes/{bytes}");
        let peer = load(&self.peer, "", CLIENTS, 4000, async move |client, _| {
            client.get(&place).await;
        });
        told("inbox list of 20", &own, &peer.await);
    }

    /// Confirmations of calls that wait.
    async fn decisions(&self) {
        let mut client = self.server.client(&self.alice).await;
        let mut waiting = Vec::new();
        for _ in 0..2000 {
            waiting.push(propose(&mut client).await);
        }
        let own = load(
            &self.server,
            &self.alice,
            CLIENTS,
            2000,
            async move |client, number| {
                decide(client, &waiting[number], "confirm").await;
            },
        );
        let own = own.await;
        let peer = load(&self.peer, "", CLIENTS, 2000, async |client, _| {
            client.post("/commits/1", &json!({})).await;
        });
        told("decide", &own, &peer.await);
    }

    /// Call, confirm, approve, done: three requests; five commits of the server.
    async fn cycles(&self) {
        for (clients, many) in [(1, 500), (CLIENTS, 2000)] {
            let own = self.cycled(clients, many).await;
            let peer = load(&self.peer, "", clients, many, async |client, _| {
                for commits in ["/commits/1", "/commits/1", "/commits/3"] {
                    client.post(commits, &json!({})).await;
                }
            });
            told(&format!("full cycle, {clients} at once"), &own, &peer.await);
        }
    }

    async fn cycled(&self, clients: usize, many: usize) -> Load {
        let (address, bob) = (self.server.address.clone(), self.bob.clone());
        load(
            &self.server,
            &self.alice,
            clients,
            many,
            async move |client, _| {
                let asked = propose(client).await;
                let confirmed = decide(client, &asked, "confirm").await;
                let approval = confirmed["requirements"][0]["id"]
                    .as_str()
                    .expect("an approval")
                    .to_owned();
                let alice = std::mem::replace(&mut client.key, bob.clone());
                let done = decide(client, &approval, "approve").await;
                client.key = alice;
                assert_eq!(done["status"], "done", "{done} of {address}");
            },
        )
        .await
    }

    /// Streams on which nothing happens.
    async fn streams(&self) {
        let before = self.server.memory();
        let mut open = Vec::new();
        for key in &self.listeners {
            for _ in 0..2000 / LISTENERS {
                let mut client = self.server.client(key).await;
                client.listen().await;
                open.push(client);
            }
        }
        let after = self.server.memory();
        let own = (after - before) / 1024;
        println!(
            "{} idle streams: {own} MiB more, {} MiB in all (limit 100)",
            open.len(),
            after / 1024
        );
    }

    /// Cycles and lists without end: whether memory stays what it was.
    async fn long(&self, lasts: Duration) {
        let began = Instant::now();
        while began.elapsed() < lasts {
            let load = self.cycled(CLIENTS, 5000).await;
            let seconds = began.elapsed().as_secs();
            println!(
                "{seconds:>4} s: {:.0} cycles/s, {} MiB",
                load.per_second(),
                self.server.memory() / 1024
            );
        }
    }
}

async fn propose(client: &mut Client) -> String {
    let called = client
        .post(
            "/v1/tools/refund/calls",
            &json!({"arguments": {"customer": "ACME-123"}}),
        )
        .await;
    called["requirements"][0]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{called}"))
        .to_owned()
}

async fn decide(client: &mut Client, on: &str, decision: &str) -> serde_json::Value {
    client
        .post(
            &format!("/v1/requirements/{on}/decisions"),
            &json!({"decision": decision}),
        )
        .await
}

/// What came of a load.
struct Load {
    many: usize,
    took: Duration,
    /// CPU of the server.
    cpu: Duration,
    /// How long each took, the shortest first.
    each: Vec<Duration>,
}

impl Load {
    #[allow(clippy::cast_precision_loss, reason = "a count of some thousands")]
    fn per_second(&self) -> f64 {
        self.many as f64 / self.took.as_secs_f64()
    }

    fn p99(&self) -> f64 {
        self.each[self.each.len() * 99 / 100].as_secs_f64() * 1000.0
    }

    #[allow(clippy::cast_precision_loss, reason = "a count of some thousands")]
    fn cpu(&self) -> f64 {
        self.cpu.as_secs_f64() * 1000.0 / self.many as f64
    }
}

/// Asks as often, by so many clients at once.
async fn load(
    process: &Process,
    key: &str,
    clients: usize,
    many: usize,
    ask: impl AsyncFn(&mut Client, usize) + 'static,
) -> Load {
    let (next, ask) = (Rc::new(Cell::new(0)), Rc::new(ask));
    let (cpu, began) = (process.cpu(), Instant::now());
    let mut asking = Vec::new();
    for _ in 0..clients {
        let (next, ask, mut client) = (next.clone(), ask.clone(), process.client(key).await);
        asking.push(tokio::task::spawn_local(async move {
            let mut each = Vec::new();
            while next.get() < many {
                let number = next.replace(next.get() + 1);
                let began = Instant::now();
                ask(&mut client, number).await;
                each.push(began.elapsed());
            }
            each
        }));
    }
    let mut each = Vec::new();
    for one in asking {
        each.extend(one.await.expect("a client"));
    }
    each.sort();
    Load {
        many,
        took: began.elapsed(),
        cpu: process.cpu().saturating_sub(cpu),
        each,
    }
}

fn told(what: &str, own: &Load, bare: &Load) {
    println!(
        "{what}: {:.0}/s against {:.0}/s, {:.2} of bare; p99 {:.1} ms against {:.1} ms; server CPU {:.2} ms against \
         {:.2} ms each",
        own.per_second(),
        bare.per_second(),
        own.per_second() / bare.per_second(),
        own.p99(),
        bare.p99(),
        own.cpu(),
        bare.cpu(),
    );
}
