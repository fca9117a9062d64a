//! Tools that run in place: without any store when nothing is asked, between two records when audited.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use async_trait::async_trait;
use countersign::prelude::*;
use countersign::store::{Commit, Committed, Sqlite, Store as _, StoreError};
use countersign::{Effect, Error, Outcome, Phase, Source};
use serde_json::{Value, json};

use crate::flows::sqlite;
use crate::stores::{Guard, Guarded};
use crate::world::{Effects, POLICY, World, who};

/// Adds.
#[tool]
fn plus(a: i64, b: i64) -> i64 {
    a + b
}

/// Adds, later.
#[tool(read_only)]
async fn plus_later(#[context] ctx: CallContext, a: i64, b: i64) -> String {
    tokio::task::yield_now().await;
    format!("{} for {}", a + b, ctx.requester)
}

/// Counts its effects.
#[tool]
fn count_up(#[state] effects: Effects, text: String) -> usize {
    effects.push(text);
    effects.all().len()
}

/// Fails as it is told.
#[tool]
fn fails(how: String) -> Result<u8, String> {
    assert!(how != "panic", "boom at {how}");
    Err(how)
}

/// Fails as it is told, later.
#[tool]
async fn fails_later(how: String) -> Result<u8, String> {
    tokio::task::yield_now().await;
    assert!(how != "panic", "boom at {how}");
    Err(how)
}

/// Never ends.
#[tool(timeout = "5ms")]
async fn never() {
    std::future::pending::<()>().await;
}

/// Blocks until it is let go.
#[tool(timeout = "5ms", blocking)]
fn blocks(#[state] latch: Latch) -> bool {
    latch.0.lock().unwrap().recv().is_ok()
}

#[derive(Clone)]
struct Latch(Arc<Mutex<mpsc::Receiver<()>>>);

/// Says too much.
#[tool]
async fn long(n: usize) -> String {
    "x".repeat(n)
}

/// A store that must not be asked for anything but who exists.
struct Untouchable;

#[async_trait]
impl Guard for Untouchable {
    async fn commit(&self, _: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        panic!("a commit: {commit:?}")
    }

    async fn read(&self, what: &'static str) -> Result<(), StoreError> {
        assert_eq!(what, "directory", "a read");
        Ok(())
    }
}

type Free = (
    plus,
    plus_later,
    count_up,
    fails,
    fails_later,
    never,
    blocks,
    long,
);

async fn untouchable() -> (Engine, Effects, mpsc::Sender<()>) {
    let (go, latch) = mpsc::channel();
    let effects = Effects::default();
    let engine = Engine::builder()
        .store(Guarded {
            store: Sqlite::in_memory().unwrap(),
            guard: Untouchable,
        })
        .registry(Registry::of::<Free>().unwrap())
        .state(effects.clone())
        .state(Latch(Arc::new(Mutex::new(latch))))
        .worker(false)
        .start()
        .await
        .unwrap();
    (engine, effects, go)
}

async fn done(engine: &Engine, tool: &str, arguments: Value) -> Outcome {
    match engine.call(tool, arguments).await.unwrap() {
        Called::Done(outcome) => outcome,
        Called::Waiting(waiting) => panic!("{waiting:?}"),
    }
}

fn result(outcome: Outcome) -> String {
    match outcome {
        Outcome::Returned {
            result,
            source: Source::Tool,
        } => result,
        outcome => panic!("{outcome:?}"),
    }
}

fn failure(outcome: Outcome) -> (String, Effect) {
    match outcome {
        Outcome::Failed {
            error,
            effect,
            source: Source::Tool,
        } => (error, effect),
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn ungated_tools_touch_no_store() {
    let (engine, effects, _go) = untouchable().await;
    assert_eq!(result(done(&engine, "plus", json!({"a": 1, "b": 2})).await), "3");
    assert_eq!(
        result(done(&engine, "plus_later", json!({"a": 1, "b": 2})).await),
        "\"3 for anonymous\""
    );
    assert_eq!(result(done(&engine, "count_up", json!({"text": "x"})).await), "1");
    assert_eq!(effects.all(), ["x"]);
    let by = who("alice");
    let called = engine
        .call("plus_later", r#"{"a":1,"b":2}"#)
        .by(&by)
        .await
        .unwrap();
    assert!(matches!(called, Called::Done(Outcome::Returned { result, .. }) if result == "\"3 for alice\""));
}

#[tokio::test]
async fn a_panic_fails_with_unknown_effect() {
    let (engine, ..) = untouchable().await;
    for tool in ["fails", "fails_later"] {
        let (error, effect) = failure(done(&engine, tool, json!({"how": "panic"})).await);
        assert_eq!(
            (error.as_str(), effect),
            ("the tool panicked: boom at panic", Effect::Unknown),
            "{tool}"
        );
        let (error, effect) = failure(done(&engine, tool, json!({"how": "no money"})).await);
        assert_eq!((error.as_str(), effect), ("no money", Effect::Reported), "{tool}");
    }
}

#[tokio::test]
async fn a_time_limit_ends_async_and_sync_functions() {
    let (engine, _, go) = untouchable().await;
    for tool in ["never", "blocks"] {
        let (error, effect) = failure(done(&engine, tool, json!({})).await);
        assert_eq!(
            (error.as_str(), effect),
            ("the tool exceeded its time limit of 5 ms", Effect::Unknown),
            "{tool}"
        );
    }
    go.send(()).unwrap();
}

#[tokio::test]
async fn a_result_that_is_too_long_is_none() {
    let (engine, ..) = untouchable().await;
    assert_eq!(
        result(done(&engine, "long", json!({"n": 1024 * 1024 - 2})).await).len(),
        1024 * 1024
    );
    let (error, effect) = failure(done(&engine, "long", json!({"n": 1024 * 1024})).await);
    assert_eq!(
        error,
        "the tool ran, but its result of 1048578 bytes is longer than 1048576"
    );
    assert_eq!(effect, Effect::Unknown);
}

#[tokio::test]
async fn bad_arguments_are_explained_and_nothing_runs() {
    let (engine, effects, _go) = untouchable().await;
    let deep = format!(r#"{{"text":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
    let cases = [
        (r#"{"text":1}"#, "text"),
        (r#"{"text":"a","text":"b"}"#, "text"),
        (r#"{"text":"a","more":1}"#, "more"),
        (r"{}", "text"),
        ("[]", "object"),
        ("not json", "JSON"),
        (r#"{"text":"a"} x"#, "JSON"),
        (&deep, "JSON"),
    ];
    for (arguments, word) in cases {
        let error = engine.call("count_up", arguments).await.unwrap_err();
        assert!(matches!(error, Error::Arguments(_)), "{arguments}: {error:?}");
        assert!(error.to_string().contains(word), "{arguments}: {error}");
    }
    assert!(effects.all().is_empty());
}

#[tokio::test]
async fn an_unknown_tool_is_named_with_what_may_be_meant() {
    let (engine, ..) = untouchable().await;
    let error = engine.call("count_upp", json!({})).await.unwrap_err().to_string();
    assert_eq!(error, "there is no tool `count_upp`; did you mean `count_up`?");
    let error = engine.call("zzz", json!({})).await.unwrap_err().to_string();
    assert_eq!(error, "there is no tool `zzz`");
}

/// Reads what is stored while it runs.
#[approval(audit)]
#[tool]
fn look(#[state] file: File, what: String) -> Result<Vec<String>, String> {
    let found = file.kinds();
    assert!(what != "panic", "boom");
    if what == "fail" {
        Err("no".to_owned())
    } else {
        Ok(found)
    }
}

/// On record only for those who ask a lot.
#[approval(audit, when = heavy(*n))]
#[tool]
async fn load(#[state] file: File, n: u32) -> usize {
    let _ = n;
    file.kinds().len()
}

fn heavy(n: u32) -> bool {
    assert!(n != 13, "no condition for thirteen");
    n > 100
}

#[derive(Clone)]
struct File(PathBuf);

impl File {
    fn kinds(&self) -> Vec<String> {
        let db = rusqlite::Connection::open(&self.0).unwrap();
        let mut entries = db.prepare("SELECT entry FROM audit_entry ORDER BY seq").unwrap();
        let entries = entries.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let kind = |text: String| {
            serde_json::from_str::<Value>(&text).unwrap()["kind"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        entries.map(|it| kind(it.unwrap())).collect()
    }
}

/// Fails from the n-th commit on.
struct Failing(AtomicUsize);

#[async_trait]
impl Guard for Failing {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        if self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1))
            .is_err()
        {
            return Err(StoreError::Failed("the disk is full".to_owned()));
        }
        store.commit(commit).await
    }
}

async fn audited(dir: &std::path::Path, commits: usize) -> (Engine, File) {
    let file = File(dir.join("countersign.db"));
    let engine = Engine::builder()
        .store(Guarded {
            store: sqlite(dir),
            guard: Failing(AtomicUsize::new(commits)),
        })
        .registry(Registry::of::<(look, load)>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .state(file.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    (engine, file)
}

#[tokio::test]
async fn an_audited_tool_runs_between_two_records() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, file) = audited(dir.path(), 1000).await;
    let by = who("alice");
    let called = engine.call("look", r#"{"what":"x"}"#).by(&by).await.unwrap();
    let Called::Done(outcome) = called else {
        panic!("it waits")
    };
    assert_eq!(
        result(outcome),
        r#"["policy.changed","audited.started"]"#,
        "started is stored before it runs"
    );
    let ended = |file: &File| file.kinds().pop().unwrap();
    assert_eq!(ended(&file), "audited.returned");
    for (what, error, effect) in [
        ("fail", "no", Effect::Reported),
        ("panic", "the tool panicked: boom", Effect::Unknown),
    ] {
        let called = engine.call("look", json!({"what": what})).by(&by).await.unwrap();
        let Called::Done(outcome) = called else {
            panic!("it waits")
        };
        assert_eq!(failure(outcome), (error.to_owned(), effect));
        assert_eq!(ended(&file), "audited.failed");
    }
    // Nobody said on whose behalf; nothing ran.
    let before = file.kinds();
    let error = engine.call("look", json!({"what": "x"})).await.unwrap_err();
    assert!(matches!(error, Error::NoRequester), "{error}");
    assert_eq!(file.kinds(), before);
}

#[tokio::test]
async fn a_condition_of_an_audited_tool_decides_and_a_panic_in_it_records() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, file) = audited(dir.path(), 1000).await;
    let by = who("alice");
    for (n, records) in [(5, 1), (101, 3), (13, 5)] {
        let called = engine.call("load", json!({"n": n})).by(&by).await.unwrap();
        assert!(matches!(called, Called::Done(Outcome::Returned { .. })));
        assert_eq!(file.kinds().len(), records, "n = {n}");
    }
}

#[tokio::test]
async fn an_audited_tool_does_not_run_if_nothing_can_be_recorded() {
    let dir = tempfile::tempdir().unwrap();
    // The policy is the first commit; the second would be `started`.
    let (engine, file) = audited(dir.path(), 1).await;
    let by = who("alice");
    let error = engine
        .call("look", r#"{"what":"panic"}"#)
        .by(&by)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the store failed: the disk is full");
    assert_eq!(
        file.kinds(),
        ["policy.changed"],
        "it did not run, or it would have panicked"
    );
    // With `started` stored and the end not, the record says that it was interrupted.
    let dir = tempfile::tempdir().unwrap();
    let (engine, file) = audited(dir.path(), 2).await;
    let error = engine.call("look", r#"{"what":"x"}"#).by(&by).await.unwrap_err();
    assert_eq!(error.to_string(), "the store failed: the disk is full");
    assert_eq!(file.kinds(), ["policy.changed", "audited.started"]);
}

/// Never ends, and may not be repeated.
#[tool(requires_confirmation, timeout = "5ms")]
async fn hangs(#[state] effects: Effects) {
    effects.push("hangs");
    std::future::pending::<()>().await;
}

/// Never ends, and may be repeated.
#[tool(requires_confirmation, timeout = "5ms", idempotent)]
async fn hangs_again(#[state] effects: Effects, #[context] ctx: CallContext) {
    effects.push(ctx.idempotency_key);
    std::future::pending::<()>().await;
}

/// Panics.
#[tool(requires_confirmation)]
async fn explodes(#[state] effects: Effects) -> u8 {
    effects.push("explodes");
    panic!("boom")
}

/// Panics on its thread.
#[tool(requires_confirmation, blocking)]
fn explodes_there(#[state] effects: Effects) -> u8 {
    effects.push("explodes");
    panic!("boom")
}

/// Says too much.
#[tool(requires_confirmation)]
fn talks(#[state] effects: Effects) -> String {
    effects.push("talks");
    "x".repeat(1024 * 1024)
}

async fn run(tool: &str) -> (World, countersign::Call) {
    let world = World::new::<(hangs, hangs_again, explodes, explodes_there, talks)>().await;
    let call = world.open(tool, "{}", "alice").await;
    let on = call.requirements().remove(0);
    world
        .engine
        .desk()
        .decide(Decision::confirm(&on).by(&who("alice")))
        .await
        .unwrap();
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    (world, call)
}

#[tokio::test]
async fn gated_functions_that_end_badly() {
    for (tool, expected) in [
        ("explodes", "the tool panicked: boom"),
        ("explodes_there", "the tool panicked: boom"),
        (
            "talks",
            "the tool ran, but its result of 1048578 bytes is longer than 1048576",
        ),
    ] {
        let (world, call) = run(tool).await;
        let Phase::Closed { outcome } = call.phase() else {
            panic!("{tool}: {:?}", call.phase())
        };
        assert_eq!(
            failure(outcome.clone()),
            (expected.to_owned(), Effect::Unknown),
            "{tool}"
        );
        assert_eq!(world.effects.all().len(), 1);
    }
    let (world, call) = run("hangs").await;
    assert_eq!((call.phase().name(), world.effects.all().len()), ("in_doubt", 1));
    // Three claims, one key, then a person.
    let (world, call) = run("hangs_again").await;
    let keys = world.effects.all();
    assert_eq!((call.phase().name(), keys.len()), ("in_doubt", 3));
    assert!(keys.iter().all(|it| *it == keys[0]), "{keys:?}");
}
