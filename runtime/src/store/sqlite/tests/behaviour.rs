//! Batches, flushes, plans, fences, and the life of the writing thread.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use countersign_core::digest::Digest;
use countersign_core::id::{ActorId, RunId, ToolName};
use countersign_core::time::Timestamp;
use rusqlite::{Connection, params_from_iter};

use super::place;
use crate::store::conformance::runs::begin;
use crate::store::conformance::{call_id, check_log, empty, record, row, step, tenant};
use crate::store::sqlite::pen::Job;
use crate::store::sqlite::write::{Answer, Writer};
use crate::store::sqlite::{Pulse, Sqlite, edge, grant, history, open, read, run};
use crate::store::{
    CallFilter, Commit, Committed, Durability, EdgeFilter, GrantFilter, HistoryFilter, Store, StoreError,
};

/// A writer without its thread, so that a test decides what shares a batch.
fn writer() -> (Writer, Arc<Mutex<Connection>>, Arc<Pulse>) {
    let connection = Arc::new(Mutex::new(open::memory().unwrap()));
    let pulse = Arc::new(Pulse::new());
    let writer = Writer::new(Arc::clone(&connection), "test".into(), Arc::clone(&pulse));
    (writer, connection, pulse)
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer, Ok(Committed::Done { .. }))
}

#[test]
fn many_commits_share_one_flush() {
    let (mut writer, _, pulse) = writer();
    let commits: Vec<Commit> = (0..64)
        .map(|it| step(&tenant("t"), row(call_id(it), 0)))
        .collect();
    assert!(writer.batch(&commits).iter().all(is_done));
    let stats = pulse.stats();
    assert_eq!((stats.commits, stats.batches, stats.flushes), (64, 1, 1));
    // Only refusals: nothing is written, nothing flushed, nobody woken.
    assert!(
        writer
            .batch(&commits)
            .iter()
            .all(|it| matches!(it, Ok(Committed::Conflict)))
    );
    assert_eq!(pulse.stats(), stats);
    assert_eq!(*pulse.changed.borrow(), 1);
}

/// On one thread each commit was made before anybody else could ask for theirs, and nobody shared a flush.
#[tokio::test]
async fn a_commit_lets_the_other_tasks_of_its_thread_ask_first() {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    let mut alone = store.commit(step(&tenant("t"), row(call_id(0), 0)));
    let first = alone.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "{first:?}");
    assert_eq!(store.stats().commits, 0);
    let other = store.commit(step(&tenant("t"), row(call_id(1), 0)));
    let (alone, other) = tokio::join!(alone, other);
    assert!(is_done(&alone) && is_done(&other));
    assert_eq!(store.stats().commits, 2);
}

#[test]
fn only_batches_that_nobody_waits_for_skip_the_flush() {
    let (mut writer, connection, pulse) = writer();
    let mode = || -> i64 {
        let connection = connection.lock().unwrap();
        connection
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap()
    };
    let of = |durability| Commit {
        records: vec![record(None, "started")],
        durability,
        ..empty(&tenant("t"))
    };
    let (disk, process) = (of(Durability::Disk), of(Durability::Process));
    for (batch, flushes, synchronous) in [
        (vec![process.clone(), process.clone()], 0, 1),
        (vec![process.clone(), disk.clone()], 1, 2),
        (vec![process.clone()], 1, 1),
        (vec![disk], 2, 2),
    ] {
        assert!(writer.batch(&batch).iter().all(is_done));
        assert_eq!((pulse.stats().flushes, mode()), (flushes, synchronous));
    }
}

#[test]
fn a_commit_that_fails_fails_alone() {
    let (mut writer, connection, _) = writer();
    connection
        .lock()
        .unwrap()
        .execute_batch(
            "CREATE TRIGGER bad BEFORE INSERT ON run WHEN new.state = 'bad'
             BEGIN SELECT raise(ABORT, 'a bad run'); END;",
        )
        .unwrap();
    let commits: Vec<Commit> = (0..9)
        .map(|number| Commit {
            run: Some(begin(
                RunId::new(number, 0),
                if number == 4 { "bad" } else { "good" },
            )),
            ..step(&tenant("t"), row(call_id(number), 0))
        })
        .collect();
    for (number, answer) in writer.batch(&commits).iter().enumerate() {
        if number == 4 {
            let error = answer.as_ref().unwrap_err().to_string();
            assert!(error.contains("a bad run"), "{error}");
        } else {
            assert!(is_done(answer), "commit {number}: {answer:?}");
        }
    }
    let connection = connection.lock().unwrap();
    assert!(connection.is_autocommit());
    let left = read::call(&connection, &tenant("t"), call_id(4)).unwrap();
    assert_eq!(left, None, "the call of the failed commit was written");
    assert_eq!(read::head(&connection, &tenant("t")).unwrap().size(), 8);
}

#[test]
fn a_damaged_log_stops_its_tenant_only() {
    let (mut writer, connection, _) = writer();
    let both = |version| {
        [
            step(&tenant("one"), row(call_id(1), version)),
            step(&tenant("two"), row(call_id(1), version)),
        ]
    };
    assert!(writer.batch(&both(0)).iter().all(is_done));
    connection
        .lock()
        .unwrap()
        .execute_batch("UPDATE log_head SET frontier = x'00' WHERE log_id = 'one'")
        .unwrap();
    let answers = writer.batch(&both(1));
    assert!(matches!(answers[0], Err(StoreError::Damaged(_))), "{answers:?}");
    assert!(is_done(&answers[1]), "{answers:?}");
}

#[tokio::test]
async fn what_is_queued_is_written_before_the_last_handle_is_gone() {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    // Fewer than tokio lets one task do before it must yield.
    let commits = (0..100).map(|number| store.commit(step(&tenant("t"), row(call_id(number), 0))));
    let mut commits: Vec<_> = commits.collect();
    // Polled twice, also the first is queued, which saw no other; then nobody waits for them any more.
    for _ in 0..2 {
        let mut context = Context::from_waker(Waker::noop());
        commits.retain_mut(|it| it.as_mut().poll(&mut context).is_pending());
    }
    drop(commits);
    drop(store);
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(check_log(&store, &tenant("t")).await.len(), 100);
}

#[tokio::test]
async fn a_dead_writer_is_an_error_not_a_hang() {
    let store = Sqlite::in_memory().unwrap();
    assert!(store.commit(step(&tenant("t"), row(call_id(1), 0))).await.is_ok());
    let queue = store.0.queue.as_ref().unwrap();
    queue.send(Job::Panic).await.unwrap();
    queue.closed().await;
    for version in 1..4 {
        let result = store.commit(step(&tenant("t"), row(call_id(1), version))).await;
        assert!(matches!(result, Err(StoreError::Failed(_))), "{result:?}");
    }
    let stored = store.call(&tenant("t"), call_id(1)).await.unwrap().unwrap();
    assert_eq!(stored.version, 0);
}

#[tokio::test]
async fn two_handles_on_one_file_see_each_other() {
    let (_directory, path) = place();
    let (one, two) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
    for version in 0..20 {
        let before = (one.generation().await.unwrap(), two.generation().await.unwrap());
        let (writes, reads) = if version % 2 == 0 {
            (&one, &two)
        } else {
            (&two, &one)
        };
        let commit = step(&tenant("t"), row(call_id(1), version));
        assert!(is_done(&writes.commit(commit.clone()).await));
        assert!(matches!(reads.commit(commit).await, Ok(Committed::Conflict)));
        assert_eq!(
            reads
                .call(&tenant("t"), call_id(1))
                .await
                .unwrap()
                .unwrap()
                .version,
            version
        );
        let after = (one.generation().await.unwrap(), two.generation().await.unwrap());
        assert!(after.0 != before.0 && after.1 != before.1, "{before:?} {after:?}");
    }
    // A handle that goes away takes no lock of the other with it.
    drop(two);
    assert!(is_done(&one.commit(step(&tenant("t"), row(call_id(2), 0))).await));
    assert_eq!(check_log(&one, &tenant("t")).await.len(), 21);
}

#[tokio::test]
async fn reads_do_not_wait_for_a_writer() {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    assert!(is_done(
        &store.commit(step(&tenant("t"), row(call_id(1), 0))).await
    ));
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; UPDATE call SET state = 'not yet'")
        .unwrap();
    let seen = store.call(&tenant("t"), call_id(1)).await.unwrap().unwrap();
    assert_ne!(seen.state, "not yet");
    let all = store
        .calls(&tenant("t"), &CallFilter::default(), None, 9)
        .await
        .unwrap();
    assert_eq!(all, [seen]);
}

#[tokio::test]
async fn entries_are_fenced_against_accidents() {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    let mut commit = step(&tenant("t"), row(call_id(1), 0));
    let blob = countersign_core::audit::Blob {
        salt: Digest::default(),
        content: "1".to_owned(),
    };
    commit.records[0].blobs.push(blob.clone());
    assert!(is_done(&store.commit(commit).await));
    let other = Connection::open(&path).unwrap();
    other.pragma_update(None, "recursive_triggers", true).unwrap();
    for (sql, words) in [
        ("UPDATE audit_entry SET entry = '{}'", "append-only"),
        ("DELETE FROM audit_entry", "append-only"),
        (
            "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
            "append-only",
        ),
        (
            "UPDATE audit_blob SET content = '2'",
            "may be deleted, never changed",
        ),
    ] {
        let error = other.execute_batch(sql).unwrap_err().to_string();
        assert!(error.contains(words), "{sql}: {error}");
    }
    let found = store.blob(&tenant("t"), &blob.commitment()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&blob));
    other.execute_batch("DELETE FROM audit_blob").unwrap();
    assert_eq!(store.blob(&tenant("t"), &blob.commitment()).await.unwrap(), None);
    check_log(&store, &tenant("t")).await;
}

#[test]
fn every_list_walks_an_index() {
    let connection = open::memory().unwrap();
    let mut used = BTreeSet::new();
    let topics = |count: usize| CallFilter::WaitingFor(vec!["worker".to_owned(); count]);
    for filter in [
        CallFilter::All,
        CallFilter::OfRun(RunId::new(1, 1)),
        CallFilter::Due(Timestamp::default()),
        topics(1),
        topics(2),
        topics(5),
    ] {
        let list = read::list(&tenant("t"), &filter, Some(call_id(1)), 10);
        used.extend(check_plan(&connection, &list.sql, list.values.len()));
    }
    for choice in 0..8_u32 {
        let filter = GrantFilter {
            owner: (choice & 1 != 0).then(|| ActorId::new("alice").unwrap()),
            tool: (choice & 2 != 0).then(|| ToolName::new("refund").unwrap()),
            scopes: if choice & 4 == 0 {
                Vec::new()
            } else {
                vec!["until".to_owned(), "run".to_owned()]
            },
        };
        let (sql, values) = grant::listed(&tenant("t"), &filter, None, 10);
        used.extend(check_plan(&connection, &sql, values.len()));
    }
    for source in &run::LISTS[..3] {
        used.extend(check_plan(&connection, &run::listing(source), 4));
    }
    for choice in 0..16_u32 {
        let filter = HistoryFilter {
            requester: (choice & 1 != 0).then(|| ActorId::new("alice").unwrap()),
            tool: (choice & 2 != 0).then(|| ToolName::new("refund").unwrap()),
            phase: (choice & 4 != 0).then(|| "closed".to_owned()),
            open: (choice & 8 != 0).then_some(false),
        };
        let list = history::list(&tenant("t"), &filter, None, 10);
        used.extend(check_plan(&connection, &list.sql, list.values.len()));
    }
    // What is open is little: it may be sorted. No call is looked for but by its id.
    let open = HistoryFilter {
        open: Some(true),
        ..HistoryFilter::default()
    };
    let list = history::list(&tenant("t"), &open, None, 10);
    let steps = plan(&connection, &list.sql, list.values.len());
    assert!(
        steps
            .iter()
            .any(|it| it == "SEARCH call USING INDEX sqlite_autoindex_call_1 (tenant=? AND id=?)"),
        "{steps:?}"
    );
    for (choice, page) in [(0, false), (0, true), (1, true), (2, true), (3, true)] {
        let filter = EdgeFilter {
            owner: (choice & 1 != 0).then(|| ActorId::new("alice").unwrap()),
            due: (choice & 2 != 0).then(Timestamp::default),
            ..EdgeFilter::of("session")
        };
        let (sql, values) = edge::listed(&tenant("t"), &filter, page.then_some("e-1"), 10);
        // What is due is little: it may be sorted.
        if choice == 2 {
            let steps = plan(&connection, &sql, values.len());
            assert!(steps.iter().any(|it| it.contains("edge_due")), "{steps:?}");
            used.insert("edge_due".to_owned());
        } else {
            used.extend(check_plan(&connection, &sql, values.len()));
        }
    }
    // These are few, or asked once at a start: they may be sorted.
    for source in &run::LISTS[3..] {
        let steps = plan(&connection, &run::listing(source), 4);
        assert!(steps.iter().any(|it| it.contains("run_open")), "{steps:?}");
        used.insert("run_open".to_owned());
    }
    for (sql, values) in [
        (read::COUNT, 3),
        (run::ALONE, 3),
        (read::ENTRIES, 3),
        (read::ENTRIES_ALONE, 4),
        (read::ENTRY_AT, 4),
        (read::LISTED, 2),
        (read::ACTORS, 1),
    ] {
        used.extend(check_plan(&connection, sql, values));
    }
    // An index that no list walks would be paid for with every commit.
    let all: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for index in all {
        assert!(used.contains(&index), "no list walks {index}");
    }
}

/// What SQLite does for a statement.
fn plan(connection: &Connection, sql: &str, values: usize) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    statement
        .query_map(params_from_iter(vec!["1"; values]), |row| row.get(3))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The indexes that a statement walks; fails if it scans or sorts.
fn check_plan(connection: &Connection, sql: &str, values: usize) -> Vec<String> {
    let steps = plan(connection, sql, values);
    for step in &steps {
        assert!(
            // `a` is what an inner list has found, limited already.
            !step.contains("TEMP B-TREE") && (!step.starts_with("SCAN") || step == "SCAN a"),
            "{sql}: {steps:?}"
        );
    }
    steps
        .iter()
        .filter_map(|it| it.split_once("INDEX ")?.1.split(' ').next())
        .map(str::to_owned)
        .collect()
}
