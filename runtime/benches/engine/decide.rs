//! Decisions per second: one approval after the other, and by 64 people at once, who take them from one
//! inbox; against single raw inserts of the same size on the same disk, and against one thread that writes
//! in batches of 64: the same entries, built from their values and inserted; and with the rows of their calls.
//! All in turn, so that a disk that is slow for a while is slow for all.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::core::audit::{ENTRY_VERSION, Entry, Frontier, leaf};
use countersign::prelude::*;
use countersign::store::{CallRow, Sqlite};
use countersign::{Answer, Requirement, TenantId, Timestamp};
use criterion::Criterion;
use rusqlite::{Connection, params};
use serde_json::{Map, Value};
use tokio::task::JoinSet;

use crate::cycle::raw_connection;

/// Pays somebody.
#[approval(required, pool = "managers", quorum = 2)]
#[tool]
fn remit_funds(
    /// To whom.
    to: String,
    /// How much.
    cents: u64,
) -> u64 {
    let _ = to;
    cents
}

/// How many requesters stand behind the calls.
const REQUESTERS: usize = 1000;

/// Two managers and many who ask them.
fn policy() -> Policy {
    let mut policy = String::from(
        "[pools]\nmanagers = { roles = [\"manager\"] }\n[limits]\npending_per_requester = 10000\n[actors]\n\
         bob = { kind = \"person\", roles = [\"manager\"] }\nerin = { kind = \"person\", roles = [\"manager\"] }\n",
    );
    for number in 0..REQUESTERS {
        let _ = writeln!(policy, "r{number} = {{ kind = \"person\" }}");
    }
    Policy::parse(&policy).expect("a policy")
}

/// One of those who ask, another one for each number up to their count.
pub(crate) fn requester(number: usize) -> Identity {
    Identity::asserted(&format!("r{}", number % REQUESTERS)).expect("an id")
}

/// How many people decide at once, and how many entries a batch of the peer has.
const AT_ONCE: usize = 64;
const ROUNDS: usize = 20;
/// Rounds before them that are not counted: the journals grow to their size, the caches fill.
const WARM_UP: usize = 3;
/// Decisions of one round: one after the other, and at once.
const SINGLE: usize = 100;
const MANY: usize = 1280;

/// An engine on a file in `dir`, whose tool asks managers, and one of them.
pub(crate) async fn engine(dir: &Path) -> (Engine, Identity) {
    let engine = Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).expect("a store"))
        .registry(Registry::of::<remit_funds>().expect("a tool"))
        .policy(policy())
        .worker(false)
        .start()
        .await
        .expect("an engine");
    (engine, Identity::asserted("bob").expect("an id"))
}

struct Desk {
    engine: Engine,
    bob: Identity,
}

async fn desk(dir: &Path) -> Arc<Desk> {
    let (engine, bob) = engine(dir).await;
    Arc::new(Desk { engine, bob })
}

impl Desk {
    /// Calls that wait for two managers.
    async fn waiting(self: &Arc<Self>, calls: usize) -> Vec<Requirement> {
        let mut found = Vec::with_capacity(calls);
        while found.len() < calls {
            let mut tasks = JoinSet::new();
            for number in found.len()..calls.min(found.len() + AT_ONCE) {
                let desk = self.clone();
                tasks.spawn(async move {
                    let (alice, arguments) = (requester(number), r#"{"to":"ACME","cents":500}"#);
                    match desk.engine.call("remit_funds", arguments).by(&alice).await {
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

    /// All of them by 64 at once, who take what waits longest.
    async fn decide_at_once(self: &Arc<Self>, asked: Arc<[Requirement]>) {
        let mut tasks = JoinSet::new();
        for person in 0..AT_ONCE {
            let (desk, asked) = (self.clone(), asked.clone());
            tasks.spawn(async move {
                for asked in asked.iter().skip(person).step_by(AT_ONCE) {
                    desk.decide(asked).await;
                }
            });
        }
        tasks.join_all().await;
    }

    /// The stored calls that are asked about.
    async fn calls(&self, asked: &[Requirement]) -> Vec<CallRow> {
        let mut rows = Vec::with_capacity(asked.len());
        for asked in asked {
            let row = self.engine.store().call(self.engine.tenant(), asked.call).await;
            rows.push(row.expect("a store").expect("a call"));
        }
        rows
    }

    /// What the last decisions wrote, to be written once more by the peer.
    async fn written(&self, before: Vec<CallRow>, asked: &[Requirement]) -> Vec<Written> {
        let tenant = self.engine.tenant();
        let size = self.engine.store().head(tenant).await.expect("a head").size();
        let from = size - u64::try_from(asked.len()).unwrap_or(size);
        let rows = self.engine.store().entries(tenant, None, from, asked.len()).await;
        let rows = rows.expect("entries");
        let calls = self.calls(asked).await.into_iter().zip(before);
        rows.iter()
            .zip(calls)
            .map(|(it, (call, before))| {
                let record = serde_json::from_str::<Map<String, Value>>(&it.text).expect("an entry");
                // The peer's way of building an entry comes to the same text.
                assert_eq!(serde_json::to_string(&record).expect("an entry"), it.text);
                Written {
                    record,
                    call,
                    replaces: before.state,
                }
            })
            .collect()
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

/// What a decision writes.
struct Written {
    /// The values of its entry, without those that say where in the log it stands.
    record: Map<String, Value>,
    call: CallRow,
    replaces: String,
}

/// What the thread writes beside entries.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    None,
    /// What a decision replaces of the row of its call.
    Calls,
}

/// The entry of these values at the end of the log, in the quickest way there is: the values are sorted by name,
/// and the names are plain.
fn entry(mut record: Map<String, Value>, log: &TenantId, seq: u64, time: Timestamp) -> Entry {
    record.insert("log".to_owned(), log.as_str().into());
    record.insert("seq".to_owned(), seq.into());
    record.insert("time".to_owned(), time.to_string().into());
    record.insert("v".to_owned(), ENTRY_VERSION.into());
    let text = serde_json::to_string(&record).expect("an entry");
    Entry {
        leaf: leaf(text.as_bytes()),
        text,
    }
}

/// One thread that does nothing else: builds each entry and its leaf, and inserts them with their call; moves the
/// head of the log; and puts the new row of the call in place of the one before.
fn write_in_batches(
    connection: &mut Connection,
    head: &mut Frontier,
    written: &[Written],
    rows: Rows,
) -> Duration {
    let (log, time) = (TenantId::default(), Timestamp::default());
    let records: Vec<_> = written.iter().map(|it| it.record.clone()).collect();
    let mut records = records.into_iter();
    let begin = Instant::now();
    for batch in written.chunks(AT_ONCE) {
        let transaction = connection.transaction().expect("a transaction");
        for (Written { call, replaces, .. }, record) in batch.iter().zip(&mut records) {
            let (entry, id) = (entry(record, &log, head.size(), time), call.id.to_string());
            transaction
                .prepare_cached(
                    "INSERT INTO entry (place, log_id, seq, leaf, entry, call) VALUES (?1, ?2, ?1, ?3, ?4, ?5)",
                )
                .and_then(|mut it| {
                    it.execute(params![head.size(), log.as_str(), entry.leaf.bytes(), entry.text, id])
                })
                .expect("a row");
            head.append(entry.leaf);
            if rows == Rows::Calls {
                let replaced = transaction
                    .prepare_cached("UPDATE call SET state = ?3 WHERE tenant = ?1 AND id = ?2 AND state = ?4")
                    .and_then(|mut it| it.execute(params![log.as_str(), id, call.state, replaces]));
                assert_eq!(replaced.expect("a row"), 1);
            }
        }
        transaction
            .prepare_cached("INSERT OR REPLACE INTO head (log_id, size, frontier) VALUES (?1, ?2, ?3)")
            .and_then(|mut it| it.execute(params![log.as_str(), head.size(), head.bytes()]))
            .expect("a head");
        transaction.commit().expect("a commit");
    }
    begin.elapsed()
}

/// How many bytes of rows a decision writes: its record and its call.
async fn bytes_of_a_decision(desk: &Arc<Desk>) -> usize {
    let asked = desk.waiting(1).await;
    let before = desk.calls(&asked).await;
    desk.decide(&asked[0]).await;
    let Written { record, call, .. } = desk.written(before, &asked).await.remove(0);
    let entry = entry(record, &TenantId::default(), 1, Timestamp::default());
    entry.text.len() + call.state.len()
}

pub(crate) fn all(_: &mut Criterion) {
    if !crate::is_wanted("decide") {
        return;
    }
    let runtime = crate::runtime();
    let dir =
        tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk of the project");
    let desk = runtime.block_on(desk(dir.path()));
    let row = vec![b'x'; runtime.block_on(bytes_of_a_decision(&desk))];
    println!("a decision writes {} bytes of rows", row.len());
    let mut connection = raw_connection(dir.path());
    connection
        .execute_batch(
            "CREATE TABLE entry (place INTEGER PRIMARY KEY, log_id TEXT NOT NULL, seq INTEGER NOT NULL,
                 leaf BLOB NOT NULL, entry TEXT NOT NULL, call TEXT) STRICT;
             CREATE TABLE head (log_id TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL,
                 frontier BLOB NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE call (tenant TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
                 PRIMARY KEY (tenant, id)) STRICT",
        )
        .expect("tables");
    let mut head = Frontier::default();

    let mut times = [Duration::ZERO; 5];
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            times = Default::default();
        }
        let waiting = runtime.block_on(desk.waiting(SINGLE + MANY));
        let (one_by_one, at_once) = waiting.split_at(SINGLE);
        for asked in one_by_one {
            times[0] += insert_singly(&connection, &row, 1);
            let begin = Instant::now();
            runtime.block_on(desk.decide(asked));
            times[1] += begin.elapsed();
        }
        let before = runtime.block_on(desk.calls(at_once));
        open_once_more(&mut connection, &before);
        let asked = at_once.into();
        let begin = Instant::now();
        runtime.block_on(desk.decide_at_once(asked));
        times[2] += begin.elapsed();
        let written = runtime.block_on(desk.written(before, at_once));
        for (place, rows) in [Rows::None, Rows::Calls].into_iter().enumerate() {
            times[3 + place] += write_in_batches(&mut connection, &mut head, &written, rows);
        }
    }
    told(times);
}

/// The calls as they stand before they are decided, for the peer to replace.
fn open_once_more(connection: &mut Connection, calls: &[CallRow]) {
    let transaction = connection.transaction().expect("a transaction");
    for call in calls {
        transaction
            .prepare_cached("INSERT INTO call (tenant, id, state) VALUES ('default', ?1, ?2)")
            .and_then(|mut it| it.execute(params![call.id.to_string(), call.state]))
            .expect("a row");
    }
    transaction.commit().expect("a commit");
}

fn told(times: [Duration; 5]) {
    let rate = |decisions: usize, time: Duration| {
        let decisions = u32::try_from(decisions * ROUNDS).map_or(f64::NAN, f64::from);
        decisions / time.as_secs_f64()
    };
    let (raw, one, many) = (
        rate(SINGLE, times[0]),
        rate(SINGLE, times[1]),
        rate(MANY, times[2]),
    );
    println!(
        "decide/single: {one:.0} a second, {raw:.0} raw inserts a second: {:.2} of them",
        one / raw
    );
    println!(
        "decide/64_clients: {many:.0} a second, {:.2} times the raw inserts",
        many / raw
    );
    for (what, time) in [("entries", times[3]), ("entries and rows of calls", times[4])] {
        let peer = rate(MANY, time);
        println!(
            "decide/64_clients: {peer:.0} a second of the same {what} by one thread in batches of {AT_ONCE}: \
             {:.2} of them",
            many / peer
        );
    }
}
