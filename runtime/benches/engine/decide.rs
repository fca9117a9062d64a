//! Decisions per second: one approval after the other, and by 64 people at once; against single raw
//! inserts of the same size on the same disk, and against the same entries built and inserted by one
//! thread in batches of 64. All in turn, so that a disk that is slow for a while is slow for all.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::core::audit::{Draft, Frontier};
use countersign::prelude::*;
use countersign::store::{CallFilter, Sqlite};
use countersign::{Answer, Requirement, TenantId, Timestamp};
use criterion::Criterion;
use rusqlite::{Connection, params};
use tokio::task::JoinSet;

use crate::cycle::raw_connection;

/// Pays somebody.
#[approval(required, pool = "managers", quorum = 2)]
#[tool]
pub(crate) fn remit_funds(
    /// To whom.
    to: String,
    /// How much.
    cents: u64,
) -> u64 {
    let _ = to;
    cents
}

pub(crate) const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
erin = { kind = "person", roles = ["manager"] }

[pools]
managers = { roles = ["manager"] }

[limits]
pending_per_requester = 1000000
"#;

/// How many people decide at once, and how many entries a batch of the peer has.
const AT_ONCE: usize = 64;
const ROUNDS: usize = 20;
/// Decisions of one round: one after the other, and at once.
const SINGLE: usize = 100;
const MANY: usize = 1280;

struct Desk {
    engine: Engine,
    alice: Identity,
    bob: Identity,
}

async fn desk(dir: &Path) -> Arc<Desk> {
    let who = |name: &str| Identity::asserted(name).expect("an id");
    let engine = Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).expect("a store"))
        .registry(Registry::of::<remit_funds>().expect("a tool"))
        .policy(Policy::parse(POLICY).expect("a policy"))
        .worker(false)
        .start()
        .await
        .expect("an engine");
    Arc::new(Desk {
        engine,
        alice: who("alice"),
        bob: who("bob"),
    })
}

impl Desk {
    /// Calls that wait for two managers.
    async fn waiting(self: &Arc<Self>, calls: usize) -> Vec<Requirement> {
        let mut found = Vec::with_capacity(calls);
        while found.len() < calls {
            let mut tasks = JoinSet::new();
            for _ in 0..AT_ONCE.min(calls - found.len()) {
                let desk = self.clone();
                tasks.spawn(async move {
                    let arguments = r#"{"to":"ACME","cents":500}"#;
                    match desk.engine.call("remit_funds", arguments).by(&desk.alice).await {
                        Ok(Called::Waiting(waiting)) => waiting.active_requirements().remove(0),
                        other => unreachable!("it waits: {other:?}"),
                    }
                });
            }
            found.extend(tasks.join_all().await);
        }
        found
    }

    async fn decide(&self, asked: &Requirement) {
        let decision = Decision::approve(asked).by(&self.bob);
        let decided = self.engine.desk().decide(decision).await.expect("a decision");
        assert_eq!(decided.answer, Answer::Accepted);
    }

    /// All of them by 64 at once, each with their own share.
    async fn decide_at_once(self: &Arc<Self>, asked: Vec<Requirement>) {
        let mut tasks = JoinSet::new();
        for share in asked.chunks(asked.len().div_ceil(AT_ONCE)) {
            let (desk, share) = (self.clone(), share.to_vec());
            tasks.spawn(async move {
                for asked in &share {
                    desk.decide(asked).await;
                }
            });
        }
        tasks.join_all().await;
    }

    /// The records of the last decisions, to be written once more by the peer.
    async fn last_records(&self, records: usize) -> Vec<Draft> {
        let tenant = self.engine.tenant();
        let size = self.engine.store().head(tenant).await.expect("a head").size();
        let from = size - u64::try_from(records).unwrap_or(size);
        let rows = self.engine.store().entries(tenant, None, from, records).await;
        let rows = rows.expect("entries");
        let draft = |text: &str| Draft {
            call: None,
            fields: serde_json::from_str(text).expect("an entry"),
            blobs: Vec::new(),
        };
        rows.iter().map(|it| draft(&it.text)).collect()
    }
}

/// One row in each transaction.
fn insert_singly(connection: &Connection, row: &[u8], rows: usize) -> Duration {
    let begin = Instant::now();
    for _ in 0..rows {
        connection
            .prepare_cached("INSERT INTO raw(body) VALUES (?1)")
            .and_then(|mut it| it.execute([row]))
            .expect("a row");
    }
    begin.elapsed()
}

/// One thread that does nothing else: builds each entry and its leaf, moves the head, and inserts.
fn insert_in_batches(connection: &mut Connection, head: &mut Frontier, drafts: &[Draft]) -> Duration {
    let (log, time) = (TenantId::default(), Timestamp::default());
    let begin = Instant::now();
    for batch in drafts.chunks(AT_ONCE) {
        let transaction = connection.transaction().expect("a transaction");
        for draft in batch {
            let entry = draft.entry(&log, head.size(), time).expect("an entry");
            transaction
                .prepare_cached(
                    "INSERT INTO entry (place, log_id, seq, leaf, entry) VALUES (?1, ?2, ?1, ?3, ?4)",
                )
                .and_then(|mut it| {
                    it.execute(params![head.size(), log.as_str(), entry.leaf.bytes(), entry.text])
                })
                .expect("a row");
            head.append(entry.leaf);
        }
        transaction.commit().expect("a commit");
    }
    begin.elapsed()
}

/// How many bytes of rows a decision writes: its record and its call.
async fn bytes_of_a_decision(desk: &Arc<Desk>) -> usize {
    let asked = desk.waiting(1).await;
    desk.decide(&asked[0]).await;
    let store = desk.engine.store();
    let calls = store.calls(desk.engine.tenant(), &CallFilter::All, None, 1).await;
    let state = calls.expect("a call")[0].state.len();
    let record = &desk.last_records(1).await[0];
    record
        .entry(&TenantId::default(), 1, Timestamp::default())
        .expect("an entry")
        .text
        .len()
        + state
}

pub(crate) fn all(_: &mut Criterion) {
    if !crate::is_wanted("decide") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let dir =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk of the project");
    let desk = runtime.block_on(desk(dir.path()));
    let row = vec![b'x'; runtime.block_on(bytes_of_a_decision(&desk))];
    println!("a decision writes {} bytes of rows", row.len());
    let mut connection = raw_connection(dir.path());
    connection
        .execute_batch(
            "CREATE TABLE entry (place INTEGER PRIMARY KEY, log_id TEXT NOT NULL, seq INTEGER NOT NULL,
                 leaf BLOB NOT NULL, entry TEXT NOT NULL) STRICT",
        )
        .expect("a table");
    let mut head = Frontier::default();

    let mut times = [Duration::ZERO; 4];
    for _ in 0..ROUNDS {
        let waiting = runtime.block_on(desk.waiting(SINGLE + MANY));
        let (one_by_one, at_once) = waiting.split_at(SINGLE);
        for asked in one_by_one {
            times[0] += insert_singly(&connection, &row, 1);
            let begin = Instant::now();
            runtime.block_on(desk.decide(asked));
            times[1] += begin.elapsed();
        }
        let at_once = at_once.to_vec();
        let begin = Instant::now();
        runtime.block_on(desk.decide_at_once(at_once));
        times[2] += begin.elapsed();
        let drafts = runtime.block_on(desk.last_records(MANY));
        times[3] += insert_in_batches(&mut connection, &mut head, &drafts);
    }
    told(times);
}

fn told(times: [Duration; 4]) {
    let rate = |decisions: usize, time: Duration| {
        let decisions = u32::try_from(decisions * ROUNDS).map_or(f64::NAN, f64::from);
        decisions / time.as_secs_f64()
    };
    let (raw, one) = (rate(SINGLE, times[0]), rate(SINGLE, times[1]));
    let (many, batches) = (rate(MANY, times[2]), rate(MANY, times[3]));
    println!(
        "decide/single: {one:.0} a second, {raw:.0} raw inserts a second: {:.2} of them",
        one / raw
    );
    println!(
        "decide/64_clients: {many:.0} a second, {:.2} times the raw inserts; {batches:.0} a second of the same \
         entries by one thread in batches of {AT_ONCE}: {:.2} of them",
        many / raw,
        many / batches
    );
}
