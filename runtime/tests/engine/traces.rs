//! What the engine tells a debugger, and what it must not tell.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::trace::{Recorder, Sink, SpanId, TraceId, TracedSpan};
use countersign::{Call, CallId, Outcome, Requirement, Verdict};
use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::world::{POLICY, World, who};

/// Everything that was told, in the order in which it was over.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<TracedSpan>>>);

impl Sink for Seen {
    fn take(&self, span: &TracedSpan) {
        self.0.lock().unwrap().push(span.clone());
    }
}

impl Seen {
    /// Listens on this thread.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let seen = Self::default();
        let guard = listen(Recorder::new().to(seen.clone()));
        (seen, guard)
    }

    pub(crate) fn all(&self) -> Vec<TracedSpan> {
        self.0.lock().unwrap().clone()
    }

    fn names(&self) -> Vec<String> {
        self.all().into_iter().map(|it| it.name).collect()
    }

    fn one(&self, name: &str) -> TracedSpan {
        let found: Vec<_> = self.all().into_iter().filter(|it| it.name == name).collect();
        assert_eq!(found.len(), 1, "{name} in {:?}", self.names());
        found[0].clone()
    }
}

pub(crate) fn listen(recorder: Recorder) -> DefaultGuard {
    // While there is only one subscriber, `tracing` asks that of the current thread whether anybody listens
    // and remembers the answer for all threads: tests of others, where nobody does, would silence this one.
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(tracing_subscriber::registry().with(Recorder::new().layer())));
    tracing::subscriber::set_default(tracing_subscriber::registry().with(recorder.layer()))
}

/// Pays a bill.
#[approval(required, pool = "managers", quorum = 2)]
#[tool(requires_confirmation)]
async fn settle_bill(iban: String, #[arg(secret)] pin: String) -> Result<String, String> {
    // Only a mistake would echo a secret; a trace must not repeat it all the same.
    Ok(format!("{iban} with {pin}"))
}

/// Says what it is told, or fails.
#[tool(blocking)]
fn echo(how: String, #[arg(secret)] key: String) -> Result<String, String> {
    match how.as_str() {
        "panics" => panic!("gave up on {key}"),
        "fails" => Err(format!("no {how} with {key}")),
        _ => Ok(format!("{how} {key}")),
    }
}

/// The same in place.
#[tool]
fn echo_here(how: String, #[arg(secret)] key: String) -> Result<String, String> {
    match how.as_str() {
        "panics" => panic!("gave up on {key}"),
        "fails" => Err(format!("no {how} with {key}")),
        _ => Ok(format!("{how} {key}")),
    }
}

/// Takes too long.
#[tool(timeout = "1ms")]
async fn dawdle() {
    std::future::pending::<()>().await;
}

/// On record.
#[approval(audit)]
#[tool(read_only)]
fn look_traced(what: String) -> String {
    what
}

/// Calls another tool of the same engine.
#[tool]
async fn outer(#[state] engine: Late) -> String {
    let engine = engine.0.lock().unwrap().clone().unwrap();
    engine
        .call("echo_here", json!({"how": "works", "key": "kkkk"}))
        .await
        .unwrap();
    "done".to_owned()
}

#[derive(Clone, Default)]
struct Late(Arc<Mutex<Option<Engine>>>);

type All = (settle_bill, echo, echo_here, dawdle, look_traced);

async fn engine(dir: &tempfile::TempDir, clock: &TestClock, content: bool) -> Engine {
    Engine::builder()
        .store(Sqlite::open(dir.path().join("countersign.db")).unwrap())
        .registry(Registry::of::<All>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .clock(clock.clone())
        .trace_content(content)
        .worker(false)
        .start()
        .await
        .unwrap()
}

async fn say(engine: &Engine, asked: &Requirement, by: &str, verdict: Verdict) -> Call {
    let decision = Decision::new(asked, verdict)
        .by(&who(by))
        .reason("because of Carol");
    engine.desk().decide(decision).await.unwrap().call.unwrap()
}

/// Confirmed after two hours, approved by two within another three, run by a third process.
async fn story(content: bool) -> (Seen, CallId, Vec<Requirement>) {
    let (seen, _listening) = Seen::listen();
    let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let hours = |it| clock.advance(Duration::from_hours(it));
    let opener = engine(&dir, &clock, content).await;
    let arguments = json!({"iban": "DE02", "pin": "1234-5678"});
    let Called::Waiting(waiting) = opener
        .call("settle_bill", arguments)
        .by(&who("alice"))
        .await
        .unwrap()
    else {
        panic!("it waits");
    };
    hours(2);
    let desk = engine(&dir, &clock, content).await;
    let first = waiting.active_requirements().remove(0);
    let call = say(&desk, &first, "alice", Verdict::Confirm).await;
    let second = call.requirements().remove(0);
    hours(1);
    say(&desk, &second, "mallory", Verdict::Approve).await;
    say(&desk, &second, "bob", Verdict::Approve).await;
    hours(2);
    say(&desk, &second, "erin", Verdict::Approve).await;
    hours(1);
    let worker = engine(&dir, &clock, content).await;
    worker.worker().advance(waiting.call_id()).await.unwrap();
    (seen, waiting.call_id(), vec![first, second])
}

#[tokio::test]
async fn a_call_is_one_trace_over_all_processes() {
    let (seen, id, asked) = story(false).await;
    assert_eq!(
        seen.names(),
        [
            "pause settle_bill",
            "pause settle_bill",
            "execute_tool settle_bill",
            "call settle_bill"
        ]
    );
    let all = seen.all();
    let [confirmed, approved, execution, call] = &all[..] else {
        panic!()
    };
    assert!(all.iter().all(|it| it.trace == TraceId::from(id)));
    assert!(all[..3].iter().all(|it| it.parent == Some(call.id)) && call.parent.is_none());
    assert_eq!(execution.links, [confirmed.id, approved.id]);
    let ids: std::collections::BTreeSet<SpanId> = all.iter().map(|it| it.id).collect();
    assert_eq!(ids.len(), 4);

    let since = |it: SystemTime| it.duration_since(call.started).unwrap().as_secs() / 3600;
    assert_eq!((since(confirmed.started), since(confirmed.ended)), (0, 2));
    assert_eq!((since(approved.started), since(approved.ended)), (2, 5));
    assert_eq!(since(call.ended), 6);

    for (span, asked, kind, decision) in [
        (confirmed, &asked[0], "confirmation", "confirmed"),
        (approved, &asked[1], "approval", "approved"),
    ] {
        assert_eq!(
            span.text("countersign.requirement.id"),
            Some(asked.id.to_string().as_str())
        );
        assert_eq!(span.text("countersign.requirement.kind"), Some(kind));
        assert_eq!(span.text("countersign.decision"), Some(decision));
        assert_eq!(span.text("gen_ai.tool.name"), Some("settle_bill"));
        assert_eq!(span.text("gen_ai.tool.call.id"), Some(id.to_string().as_str()));
        assert_eq!(
            span.text("gen_ai.operation.name"),
            None,
            "only executions are operations"
        );
    }
    assert_eq!(approved.text("countersign.pool"), Some("managers"));
    assert_eq!(confirmed.text("countersign.pool"), None);
    let mut attributes: Vec<&str> = execution.attributes.keys().map(String::as_str).collect();
    attributes.sort_unstable();
    assert_eq!(
        attributes,
        [
            "gen_ai.operation.name",
            "gen_ai.tool.call.id",
            "gen_ai.tool.description",
            "gen_ai.tool.name",
            "gen_ai.tool.type"
        ]
    );
    assert_eq!(execution.text("gen_ai.operation.name"), Some("execute_tool"));
    assert_eq!(execution.text("gen_ai.tool.type"), Some("function"));
    assert_eq!(
        execution.text("gen_ai.tool.call.id"),
        Some(id.to_string().as_str())
    );
    assert_eq!(call.text("countersign.outcome"), Some("returned"));
    assert_eq!((&execution.error, &call.error), (&None, &None));
}

#[tokio::test]
async fn nobody_is_named_and_nothing_is_shown() {
    let (seen, ..) = story(false).await;
    assert_eq!(seen.all().len(), 4);
    let told = format!("{:?}", seen.all());
    for word in [
        "alice",
        "bob",
        "erin",
        "mallory",
        "Carol",
        "DE02",
        "1234-5678",
        "iban",
    ] {
        assert!(!told.contains(word), "{word} in {told}");
    }
}

#[tokio::test]
async fn contents_are_shown_on_request_but_no_secret() {
    let (seen, ..) = story(true).await;
    let execution = seen.one("execute_tool settle_bill");
    assert_eq!(
        execution.text("gen_ai.tool.call.arguments"),
        Some(r#"{"iban":"DE02","pin":"***"}"#)
    );
    assert_eq!(
        execution.text("gen_ai.tool.call.result"),
        Some(r#""DE02 with ***""#)
    );
    let told = format!("{:?}", seen.all());
    for word in ["alice", "bob", "erin", "mallory", "Carol", "1234-5678"] {
        assert!(!told.contains(word), "{word} in {told}");
    }
}

#[tokio::test]
async fn a_failure_is_told_by_its_kind() {
    for (content, tool) in [
        (false, "echo"),
        (true, "echo"),
        (false, "echo_here"),
        (true, "echo_here"),
    ] {
        let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
        let engine = engine(&dir, &clock, content).await;
        for (how, kind, words) in [
            ("works", None, None),
            ("fails", Some("tool_error"), Some("no fails with ***")),
            (
                "panics",
                Some("effect_unknown"),
                Some("the tool panicked: gave up on ***"),
            ),
        ] {
            let (seen, _listening) = Seen::listen();
            engine
                .call(tool, json!({"how": how, "key": "s3cret"}))
                .await
                .unwrap();
            let span = seen.one(&format!("execute_tool {tool}"));
            assert_eq!(span.error.as_deref(), kind);
            assert_eq!(span.error_words.as_deref(), words.filter(|_| content));
            assert!(!format!("{span:?}").contains("s3cret"));
        }
        let (seen, _listening) = Seen::listen();
        engine
            .call(tool, json!({"how": 7, "key": "s3cret"}))
            .await
            .unwrap_err();
        let span = seen.all().pop();
        assert!(span.is_none_or(|it| it.error.as_deref() == Some("not_started")));
    }
}

#[tokio::test]
async fn a_time_limit_and_whoever_stops_waiting_are_told() {
    let (seen, _listening) = Seen::listen();
    let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let engine = engine(&dir, &clock, false).await;
    engine.call("dawdle", "{}").await.unwrap();
    assert_eq!(seen.one("execute_tool dawdle").error.as_deref(), Some("timeout"));
    let (seen, _listening) = Seen::listen();
    {
        let mut call = Box::pin(engine.call("dawdle", "{}").into_future());
        let waker = std::task::Waker::noop();
        assert!(
            call.as_mut()
                .poll(&mut std::task::Context::from_waker(waker))
                .is_pending()
        );
    }
    assert_eq!(seen.one("execute_tool dawdle").error.as_deref(), Some("given_up"));
}

#[tokio::test]
async fn an_audited_tool_is_told_under_the_id_of_its_records() {
    let (seen, _listening) = Seen::listen();
    let world = World::new::<look_traced>().await;
    let called = world
        .engine
        .call("look_traced", json!({"what": "x"}))
        .by(&who("alice"))
        .await
        .unwrap();
    assert!(matches!(called, Called::Done(Outcome::Returned { .. })));
    let span = seen.one("execute_tool look_traced");
    let entries = world
        .engine
        .store()
        .entries(world.engine.tenant(), None, 0, 100)
        .await
        .unwrap();
    let id = span.text("gen_ai.tool.call.id").unwrap();
    assert!(
        entries
            .iter()
            .any(|it| it.text.contains("audited.started") && it.text.contains(id))
    );
}

#[tokio::test]
async fn a_tool_within_a_tool_is_within_its_trace() {
    let (seen, _listening) = Seen::listen();
    let late = Late::default();
    let engine = Engine::builder()
        .store(Sqlite::in_memory().unwrap())
        .registry(Registry::of::<(outer, echo_here)>().unwrap())
        .state(late.clone())
        .start()
        .await
        .unwrap();
    *late.0.lock().unwrap() = Some(engine.clone());
    engine.call("outer", "{}").await.unwrap();
    let (inner, outer) = (seen.one("execute_tool echo_here"), seen.one("execute_tool outer"));
    assert_eq!((inner.trace, inner.parent), (outer.trace, Some(outer.id)));
    assert_ne!(
        inner.text("gen_ai.tool.call.id"),
        outer.text("gen_ai.tool.call.id")
    );
    late.0.lock().unwrap().take();
}

#[tokio::test]
async fn the_end_without_an_execution_is_told_too() {
    let (seen, _listening) = Seen::listen();
    let world = World::new::<settle_bill>().await;
    let bill = r#"{"iban":"DE02","pin":"1234"}"#;
    let call = world.open("settle_bill", bill, "alice").await;
    say(&world.engine, &call.requirements()[0], "alice", Verdict::Reject).await;
    assert_eq!(
        seen.one("pause settle_bill").text("countersign.decision"),
        Some("rejected")
    );
    assert_eq!(
        seen.one("call settle_bill").text("countersign.outcome"),
        Some("rejected")
    );

    let (seen, _listening) = Seen::listen();
    world.open("settle_bill", bill, "alice").await;
    world.later(24 * 8);
    world.engine.worker().sweep().await.unwrap();
    assert_eq!(
        seen.one("pause settle_bill").text("countersign.decision"),
        Some("deadline_passed")
    );
    assert_eq!(
        seen.one("call settle_bill").text("countersign.outcome"),
        Some("expired")
    );

    let (seen, _listening) = Seen::listen();
    let called = world
        .engine
        .call("settle_bill", bill)
        .by(&who("bot"))
        .await
        .unwrap();
    assert!(matches!(called, Called::Done(Outcome::Blocked { .. })));
    assert_eq!(seen.names(), ["call settle_bill"]);
    assert_eq!(
        seen.one("call settle_bill").text("countersign.outcome"),
        Some("blocked")
    );
}

#[tokio::test]
async fn a_share_of_the_traces_is_kept_whole() {
    let (all, some) = (Seen::default(), Seen::default());
    let (dir, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let engine = engine(&dir, &clock, false).await;
    let half = Recorder::new().to(some.clone()).sampled(0.5);
    let both = tracing_subscriber::registry().with(half.layer());
    {
        let _listening = tracing::subscriber::set_default(both);
        for _ in 0..200 {
            engine
                .call("echo_here", json!({"how": "works", "key": "k"}))
                .await
                .unwrap();
        }
    }
    let kept = some.all().len();
    assert!((60..140).contains(&kept), "{kept} of 200");
    let _listening = listen(Recorder::new().to(all.clone()).sampled(0.0));
    engine
        .call("echo_here", json!({"how": "works", "key": "k"}))
        .await
        .unwrap();
    assert!(all.all().is_empty());
}
