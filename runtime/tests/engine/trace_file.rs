//! Traces in a file: kept for a while, lost without harm, and never in the way of a record.

use std::path::Path;
use std::time::{Duration, SystemTime};

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::trace::{Recorder, Sink as _, SpanId, TraceFile, TraceId, TracedSpan, Traces};
use countersign::{CallId, Engine};
use serde_json::{Map, Value, json};

use crate::flows::{self, Flow, Ledger, Way, open, play, prepared, sqlite};
use crate::traces::listen;

fn id(number: u128) -> CallId {
    CallId::new(1_767_225_600_000, number)
}

fn span(number: u128, ended: SystemTime) -> TracedSpan {
    let mut attributes = Map::new();
    attributes.insert("gen_ai.tool.call.id".to_owned(), id(number).to_string().into());
    attributes.insert("gen_ai.tool.name".to_owned(), "pay".into());
    TracedSpan {
        trace: TraceId::from(id(number)),
        id: SpanId([1; 8]),
        parent: Some(SpanId([2; 8])),
        name: "execute_tool pay".to_owned(),
        started: ended - Duration::from_secs(3),
        ended,
        error: Some("tool_error".to_owned()),
        error_words: None,
        attributes,
        links: vec![SpanId([3; 8]), SpanId([4; 8])],
    }
}

/// A time that a file can hold to the last digit.
fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap())
}

fn listed(path: &Path) -> Vec<CallId> {
    let list = Traces::open(path).unwrap().list(None, 100).unwrap();
    list.iter().map(|it| it.trace.call()).collect()
}

#[test]
fn what_was_taken_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.sqlite");
    let file = TraceFile::at(&path).start().unwrap();
    let spans = [1, 2, 3].map(|it| span(it, now()));
    for span in &spans {
        file.take(span);
    }
    let mut pause = span(2, now());
    pause.id = SpanId([9; 8]);
    file.take(&pause);
    file.flush();
    let traces = Traces::open(&path).unwrap();
    let list = traces.list(None, 2).unwrap();
    assert_eq!(
        list.iter().map(|it| it.trace.call()).collect::<Vec<_>>(),
        [id(3), id(2)]
    );
    assert_eq!((list[1].spans, list[1].tool.as_str()), (2, "pay"));
    assert_eq!(list[1].error.as_deref(), Some("tool_error"));
    assert_eq!(
        (list[0].started, list[0].ended),
        (spans[2].started, spans[2].ended)
    );
    assert_eq!(
        traces.list(Some(list[1].trace), 2).unwrap()[0].trace.call(),
        id(1)
    );
    assert_eq!(traces.of(id(3)).unwrap(), [spans[2].clone()]);
    assert_eq!(traces.of(id(4)).unwrap(), []);
    assert_eq!((file.dropped(), traces.lost().unwrap()), (0, 0));
}

#[test]
fn old_spans_are_deleted_by_themselves_and_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.sqlite");
    let day = Duration::from_hours(24);
    let file = TraceFile::at(&path).start().unwrap();
    file.take(&span(1, now() - 31 * day));
    file.take(&span(2, now() - 29 * day));
    file.flush();
    assert_eq!(listed(&path), [id(2)]);
    file.take(&span(3, now()));
    file.flush();
    let traces = Traces::open(&path).unwrap();
    assert_eq!(traces.prune(now() - 30 * day).unwrap(), 0);
    assert_eq!(traces.prune(now() - day).unwrap(), 1);
    assert_eq!(listed(&path), [id(3)]);
}

#[test]
fn a_full_queue_drops_and_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.sqlite");
    let file = TraceFile::at(&path).queue(4).start().unwrap();
    file.take(&span(0, now()));
    file.flush();
    // Somebody else writes, so that the thread of this file stands still.
    let mut other = rusqlite::Connection::open(&path).unwrap();
    let writing = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let began = std::time::Instant::now();
    for number in 1..=1000 {
        file.take(&span(number, now()));
    }
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "taking a span waits for nothing"
    );
    assert!(file.dropped() > 900, "{}", file.dropped());
    writing.rollback().unwrap();
    file.flush();
    file.take(&span(2000, now()));
    file.flush();
    let kept = listed(&path).len() as u64;
    assert_eq!(kept + file.dropped(), 1002);
    assert_eq!(Traces::open(&path).unwrap().lost().unwrap(), file.dropped());
}

#[test]
fn a_file_that_is_deleted_or_spoilt_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.sqlite");
    let file = TraceFile::at(&path).start().unwrap();
    file.take(&span(1, now()));
    file.flush();
    std::fs::remove_file(&path).unwrap();
    let _ = std::fs::remove_file(dir.path().join("traces.sqlite-wal"));
    let _ = std::fs::remove_file(dir.path().join("traces.sqlite-shm"));
    file.take(&span(2, now()));
    file.flush();
    assert_eq!(listed(&path), [id(2)]);
    drop(file);

    for text in [
        "",
        "this is no database, and longer than a header needs to be: "
            .repeat(100)
            .as_str(),
    ] {
        std::fs::write(&path, text).unwrap();
        let file = TraceFile::at(&path).start().unwrap();
        file.take(&span(3, now()));
        file.flush();
        assert_eq!((listed(&path), file.dropped()), (vec![id(3)], 0));
    }
    assert!(dir.path().join("traces.sqlite.damaged").exists());
}

#[test]
fn a_file_of_a_newer_release_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.sqlite");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "application_id", 0x6373_5472).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    let file = TraceFile::at(&path).start().unwrap();
    file.take(&span(1, now()));
    file.flush();
    assert_eq!(file.dropped(), 1);
    let error = Traces::open(&path).err().unwrap().to_string();
    assert!(error.contains("format 2"), "{error}");
    assert!(!dir.path().join("traces.sqlite.damaged").exists());
}

/// How traces are kept while a story is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tracing {
    Off,
    On,
    SampledToNothing,
    NoSuchDirectory,
    DeletedOnTheWay,
    SpoiltOnTheWay,
    QueueOfNothing,
}

/// All entries of a log, without what is random: ids, salts and what is made of them.
async fn log(engine: &Engine) -> Vec<Value> {
    const RANDOM: [&str; 14] = [
        "args",
        "call",
        "claim",
        "gates",
        "is",
        "proposed",
        "reason",
        "requirement",
        "result",
        "run",
        "seal",
        "shown",
        "time",
        "was",
    ];
    let entries = engine
        .store()
        .entries(engine.tenant(), None, 0, 10_000)
        .await
        .unwrap();
    let bare = |text: &str| {
        let mut entry: Value = serde_json::from_str(text).unwrap();
        for name in RANDOM {
            if let Some(value) = entry.get_mut(name) {
                *value = Value::from("…");
            }
        }
        entry
    };
    entries.iter().map(|it| bare(&it.text)).collect()
}

async fn told(tracing: Tracing) -> (Vec<Value>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let ledger = Ledger::new(dir.path(), |_| {});
    prepared(dir.path(), clock.clone(), &ledger).await;
    let path = match tracing {
        Tracing::NoSuchDirectory => dir.path().join("nowhere/traces.sqlite"),
        _ => dir.path().join("traces.sqlite"),
    };
    let queue = if tracing == Tracing::QueueOfNothing {
        0
    } else {
        100
    };
    let file = TraceFile::at(&path).queue(queue).start().unwrap();
    let recorder = Recorder::new().to(file.clone());
    let recorder = match tracing {
        Tracing::SampledToNothing => recorder.sampled(0.0),
        _ => recorder,
    };
    let _listening = (tracing != Tracing::Off).then(|| listen(recorder));
    let engine = Engine::builder()
        .store(sqlite(dir.path()))
        .registry(Registry::of::<(flows::All, export_traced)>().unwrap())
        .state(ledger.clone())
        .clock(clock)
        .worker(false)
        .trace_content(tracing != Tracing::Off)
        .start()
        .await
        .unwrap();
    for flow in Flow::ALL {
        let id = open(&engine, flow).await.unwrap();
        play(&engine, id, Way::Desk, |_, _, _| {}).await.unwrap();
        file.flush();
        match tracing {
            Tracing::DeletedOnTheWay => std::fs::remove_file(&path).unwrap(),
            Tracing::SpoiltOnTheWay => std::fs::write(&path, "spoilt ".repeat(1000)).unwrap(),
            _ => {}
        }
    }
    engine
        .call("export_traced", json!({"customer": "ACME"}))
        .by(&crate::world::who("alice"))
        .await
        .unwrap();
    file.flush();
    let kept = Traces::open(&path)
        .and_then(|it| it.list(None, 1000))
        .map_or(0, |it| it.len());
    (log(&engine).await, kept)
}

/// Exports.
#[approval(audit)]
#[tool(read_only)]
fn export_traced(customer: String) -> String {
    customer
}

#[tokio::test]
async fn no_record_depends_on_traces() {
    let (without, kept) = told(Tracing::Off).await;
    assert!(kept == 0 && without.len() > 40, "{}", without.len());
    for (tracing, expected) in [
        (Tracing::On, 10),
        (Tracing::SampledToNothing, 0),
        (Tracing::NoSuchDirectory, 0),
        (Tracing::DeletedOnTheWay, 1),
        (Tracing::SpoiltOnTheWay, 1),
        (Tracing::QueueOfNothing, 0),
    ] {
        let (with, kept) = told(tracing).await;
        assert_eq!(with.len(), without.len(), "{tracing:?}");
        for (with, without) in with.iter().zip(&without) {
            assert_eq!(with, without, "{tracing:?}");
        }
        match tracing {
            // It is told whenever the thread is waiting just then.
            Tracing::QueueOfNothing => {}
            // As long as it is open, what was written last is beside the file.
            Tracing::SpoiltOnTheWay => assert!(kept >= expected, "{kept}"),
            _ => assert_eq!(kept, expected, "{tracing:?}"),
        }
    }
}

#[test]
fn it_is_not_the_file_of_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.db");
    drop(Sqlite::open(&path).unwrap());
    let before = std::fs::read(&path).unwrap();
    let file = TraceFile::at(&path).start().unwrap();
    file.take(&span(1, now()));
    file.flush();
    assert_eq!(file.dropped(), 1);
    drop(file);
    assert!(Sqlite::open(&path).is_ok(), "a mistaken path harms no store");
    assert!(before.starts_with(b"SQLite format 3"));
}
