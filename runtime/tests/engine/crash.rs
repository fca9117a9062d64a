//! A store that fails or dies at its n-th commit, for every n of every flow; then somebody else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::store::{Commit, Committed, Sqlite, StoreError};
use countersign::testing::TestClock;
use tokio::sync::Notify;

use crate::flows::{self, Acks, Flow, Ledger, Way, calls, open, play, prepared, settle, sqlite};
use crate::stores::{Guard, Guarded};

/// What happens at the n-th commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is not made, and the engine hears of an error.
    FailsBefore,
    /// It is made, and the engine hears of an error all the same.
    FailsAfter,
    /// The process ends before it is made.
    DiesBefore,
    /// The process ends after it was made, before anybody hears of it.
    DiesAfter,
}

struct Plan {
    fault: Fault,
    at: usize,
    commits: AtomicUsize,
    dead: AtomicBool,
    died: Notify,
}

struct Faulty(Arc<Plan>);

impl Faulty {
    /// A dead process does nothing more.
    async fn die(&self) -> Result<Committed, StoreError> {
        self.0.dead.store(true, Ordering::SeqCst);
        self.0.died.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Guard for Faulty {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        self.read("commit").await?;
        let number = self.0.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if number != self.0.at {
            return store.commit(commit).await;
        }
        let failed = || Err(StoreError::Failed("the disk said no".to_owned()));
        match self.0.fault {
            Fault::FailsBefore => failed(),
            Fault::FailsAfter => {
                store.commit(commit).await?;
                failed()
            }
            Fault::DiesBefore => self.die().await,
            Fault::DiesAfter => {
                store.commit(commit).await?;
                self.die().await
            }
        }
    }

    async fn read(&self, _: &'static str) -> Result<(), StoreError> {
        if self.0.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

use countersign::store::Store as _;

/// The life of a process: it opens a call and brings it on, and tries again what fails.
pub(crate) async fn live(engine: &countersign::Engine, flow: Flow, way: Way, acks: &Acks) {
    let id = loop {
        if let Ok(id) = open(engine, flow).await {
            break id;
        }
    };
    acks.push(&id, "call.opened", "");
    for _ in 0..5 {
        let heard = |call: &_, kind: &str, on: &str| acks.push(call, kind, on);
        if play(engine, id, way, heard).await.is_ok() {
            return;
        }
    }
    panic!("{flow:?} did not get through");
}

/// Interrupts a flow at commit `at`. False if it has fewer commits than that.
async fn interrupted(flow: Flow, way: Way, fault: Fault, at: usize, seen: &mut [usize; 2]) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let ledger = Ledger::new(dir.path(), |_| {});
    prepared(dir.path(), clock.clone(), &ledger).await;
    let plan = Arc::new(Plan {
        fault,
        at,
        commits: AtomicUsize::new(0),
        dead: AtomicBool::new(false),
        died: Notify::new(),
    });
    let acks = Acks::default();
    {
        let store = Guarded {
            store: sqlite(dir.path()),
            guard: Faulty(plan.clone()),
        };
        let engine = flows::engine(store, clock.clone(), &ledger, false).await;
        tokio::select! {
            () = plan.died.notified() => {}
            () = live(&engine, flow, way, &acks) => {}
        }
    }
    let context = format!("{flow:?} {way:?} {fault:?} at commit {at}");
    let fired = plan.commits.load(Ordering::SeqCst) >= at;
    clock.advance(Duration::from_hours(1));
    let engine = flows::engine(sqlite(dir.path()), clock, &ledger, false).await;
    engine.worker().sweep().await.unwrap();
    let found = calls(&engine, None).await;
    assert!(found.len() <= 2, "{context}");
    for id in found {
        match settle(&engine, id, &ledger, &acks.all(), &context).await {
            "ended" => seen[0] += 1,
            // What was not made can be made again: the end of a call is committed until it is kept.
            _ if fired && fault != Fault::FailsBefore => seen[1] += 1,
            other => panic!("{context}: {other} though nothing was lost"),
        }
    }
    fired
}

async fn check(flow: Flow) {
    for way in Way::ALL {
        check_way(flow, way).await;
    }
}

async fn check_way(flow: Flow, way: Way) {
    let (mut cases, mut seen) = (0, [0; 2]);
    for fault in [
        Fault::FailsBefore,
        Fault::FailsAfter,
        Fault::DiesBefore,
        Fault::DiesAfter,
    ] {
        let mut at = 1;
        while interrupted(flow, way, fault, at, &mut seen).await {
            at += 1;
            assert!(at < 50, "{flow:?} never ends");
        }
        cases += at - 1;
    }
    println!(
        "{flow:?} {way:?}: {cases} interruptions, {} ended, {} were in doubt",
        seen[0], seen[1]
    );
    let runs = !matches!(
        flow,
        Flow::Rejected | Flow::Cancelled | Flow::Outside | Flow::Again
    );
    assert_eq!(
        seen[1] > 0,
        runs,
        "{flow:?}: in doubt exactly where something may have run"
    );
}

crate::flows::for_every_flow!(|flow, _| check(flow));
