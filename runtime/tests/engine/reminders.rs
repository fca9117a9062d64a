//! Time while a call waits: warnings, escalations, deadlines, whoever is awake to see them.

use std::sync::Arc;
use std::time::Duration;

use countersign::prelude::*;
use countersign::store::{CallFilter, Sqlite};
use countersign::testing::TestClock;
use countersign::{Call, CallId, Outcome, Phase, Verdict};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::world::{Effects, POLICY, World, code, who};

/// Approved by two within eight hours.
#[approval(required, pool = "managers", quorum = 2, expires_in = "8h")]
#[tool]
async fn lend(#[state] effects: Effects, n: u32) -> String {
    effects.push(format!("lend {n}"));
    "paid".to_owned()
}

/// Confirmed within four hours.
#[tool(requires_confirmation(expires_in = "4h"))]
async fn power_cycle(#[state] effects: Effects, n: u32) -> String {
    effects.push(format!("power_cycle {n}"));
    "up again".to_owned()
}

/// Filled in within four hours, then reported within eight.
#[tool(
    requires_user_input(note, expires_in = "4h"),
    external_execution(expires_in = "8h")
)]
fn submit(n: u32, note: String) -> String;

type All = (lend, power_cycle, submit);

const HOUR: Duration = Duration::from_hours(1);

/// Managers who have not answered in two hours are helped.
fn policy() -> String {
    POLICY.replace(
        r#"managers = { roles = ["manager"] }"#,
        r#"managers = { roles = ["manager"], notify = ["slack:#ops"], escalate_after = "2h", escalate_to = ["mailto:cfo@example.com"] }"#,
    )
}

async fn world() -> World {
    World::at::<All>(
        Arc::new(tempfile::tempdir().unwrap()),
        TestClock::new(),
        &policy(),
    )
    .await
}

impl World {
    async fn sweep(&self) {
        self.engine.worker().sweep().await.unwrap();
    }

    /// What the records of a call say, in words without `call.`, and of what.
    async fn story(&self, id: CallId) -> Vec<String> {
        let store = self.engine.store();
        let entries = store.entries(self.engine.tenant(), Some(id), 0, 1000).await;
        let said = |text: &str| {
            let entry: Value = serde_json::from_str(text).unwrap();
            let kind = entry["kind"]
                .as_str()
                .unwrap()
                .trim_start_matches("call.")
                .to_owned();
            match entry["asked"].as_array() {
                Some(asked) => {
                    let asked: Vec<&str> = asked.iter().map(|it| it.as_str().unwrap()).collect();
                    format!("{kind} {}", asked.join(" "))
                }
                None => kind,
            }
        };
        entries.unwrap().iter().map(|it| said(&it.text)).collect()
    }

    /// When the store will bring the call up by itself, in minutes from now.
    async fn due(&self, id: CallId) -> Option<i64> {
        let row = self.engine.store().call(self.engine.tenant(), id).await;
        let now = countersign::clock::Clock::now(&self.clock).millis();
        row.unwrap().unwrap().due.map(|it| (it.millis() - now) / 60_000)
    }

    async fn decide(&self, by: &str, call: &Call, verdict: Verdict) -> &'static str {
        let decision = Decision::new(&call.requirements()[0], verdict)
            .by(&who(by))
            .reason("looked");
        code(&self.engine.desk().decide(decision).await.unwrap().answer)
    }
}

/// What people are asked, but for whether they were reminded of it.
fn asked(call: &Call) -> Vec<countersign::Requirement> {
    let mut asked = call.requirements();
    for it in &mut asked {
        (it.warned, it.escalated) = (false, false);
    }
    asked
}

fn is_expired(call: &Call) -> bool {
    matches!(
        call.phase(),
        Phase::Closed {
            outcome: Outcome::Expired
        }
    )
}

#[tokio::test]
async fn a_warning_is_given_at_three_quarters_of_the_time_and_once() {
    let world = world().await;
    let opened = world.open("power_cycle", r#"{"n":1}"#, "alice").await;
    let id = *opened.id();
    assert_eq!(world.due(id).await, Some(180));
    world.clock.advance(Duration::from_millis(3 * 3_600_000 - 1));
    world.sweep().await;
    assert_eq!(world.story(id).await, ["opened"]);
    world.clock.advance(Duration::from_millis(1));
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.story(id).await, ["opened", "warned confirmation"]);
    let call = world.call(id).await;
    assert!(call.requirements()[0].warned);
    assert_eq!(
        (asked(&call), call.deadline()),
        (asked(&opened), opened.deadline())
    );
    assert_eq!(world.due(id).await, Some(60));
    // What was shown before is still what is decided about.
    assert_eq!(world.decide("alice", &opened, Verdict::Confirm).await, "accepted");
    world.engine.worker().advance(id).await.unwrap();
    assert_eq!(world.effects.all(), ["power_cycle 1"]);
}

#[tokio::test]
async fn whoever_decides_in_time_is_not_warned() {
    let world = world().await;
    let opened = world.open("power_cycle", r#"{"n":1}"#, "alice").await;
    world.later(3);
    // The time has come, and the sweeper has not.
    assert_eq!(world.decide("alice", &opened, Verdict::Confirm).await, "accepted");
    world.sweep().await;
    world.engine.worker().advance(*opened.id()).await.unwrap();
    assert_eq!(
        world.story(*opened.id()).await,
        ["opened", "confirmed", "claimed", "returned"]
    );
}

#[tokio::test]
async fn an_escalation_tells_others_and_lets_nobody_else_approve() {
    let world = world().await;
    let opened = world.open("lend", r#"{"n":1}"#, "alice").await;
    let id = *opened.id();
    assert_eq!(world.due(id).await, Some(120));
    world.later(2);
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.story(id).await, ["opened", "escalated approval/0"]);
    let call = world.call(id).await;
    assert_eq!((asked(&call), call.gates()), (asked(&opened), opened.gates()));
    assert!(call.requirements()[0].escalated && !call.requirements()[0].warned);
    assert_eq!(world.due(id).await, Some(240), "the warning is next");
    for (by, expected) in [
        ("olivia", "not_allowed"),
        ("carol", "not_allowed"),
        ("alice", "self_approval"),
        ("bob", "accepted"),
        ("bob", "repeated"),
        ("erin", "accepted"),
    ] {
        assert_eq!(
            world.decide(by, &opened, Verdict::Approve).await,
            expected,
            "{by}"
        );
    }
    world.engine.worker().advance(id).await.unwrap();
    assert_eq!(world.effects.all(), ["lend 1"]);
}

/// Each step in a process of its own: nothing is known but what is in the file.
#[tokio::test]
async fn the_sweeper_survives_restarts() {
    let world = world().await;
    let id = *world.open("lend", r#"{"n":1}"#, "alice").await.id();
    let (dir, clock) = (world.dir.clone(), world.clock.clone());
    drop(world);
    let mut told = vec!["opened"];
    for (hours, next) in [
        (2, Some("escalated approval/0")),
        (3, None),
        (1, Some("warned approval/0")),
        (1, None),
        (1, Some("deadline_passed")),
        (1, None),
    ] {
        let world = World::at::<All>(dir.clone(), clock.clone(), &policy()).await;
        world.later(hours);
        world.sweep().await;
        told.extend(next);
        assert_eq!(world.story(id).await, told);
    }
    let world = World::at::<All>(dir, clock, &policy()).await;
    assert!(is_expired(&world.call(id).await));
    assert_eq!(world.due(id).await, None);
}

/// Nobody was awake while a call should have been escalated, warned of and closed.
/// It hears of something all the time, and has never a quarter of a second to itself.
#[tokio::test]
async fn a_busy_worker_watches_the_time_all_the_same() {
    let world = world().await;
    let lapses = *world.open("lend", r#"{"n":1}"#, "alice").await.id();
    let (stop, stopped) = watch::channel(false);
    let worker = world.engine.worker();
    let worker = tokio::spawn(async move { worker.run(stopped).await });
    let other = world.open("power_cycle", r#"{"n":2}"#, "alice").await;
    for round in 0.. {
        world.decide("mallory", &other, Verdict::Confirm).await;
        // By now it has looked once.
        if round == 20 {
            world.clock.advance(9 * HOUR);
        }
        if is_expired(&world.call(lapses).await) {
            break;
        }
        assert!(round < 5000, "nobody looked");
    }
    stop.send_replace(true);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_missed_is_not_made_up_for() {
    let world = world().await;
    let late = *world.open("lend", r#"{"n":1}"#, "alice").await.id();
    world.later(1);
    let still = *world.open("lend", r#"{"n":2}"#, "alice").await.id();
    // At the very end of one, and in the last hour of the other.
    world.later(7);
    world.sweep().await;
    assert_eq!(world.story(late).await, ["opened", "deadline_passed"]);
    assert!(is_expired(&world.call(late).await));
    assert_eq!(
        world.story(still).await,
        ["opened", "warned approval/0", "escalated approval/0"]
    );
    assert_eq!(world.due(still).await, Some(60));
}

#[tokio::test]
async fn a_late_decision_is_refused_before_the_sweeper_came() {
    let world = world().await;
    for (tool, by, verdict) in [
        ("power_cycle", "alice", Verdict::Confirm),
        ("lend", "bob", Verdict::Approve),
        ("lend", "bob", Verdict::Reject),
    ] {
        let opened = world.open(tool, r#"{"n":1}"#, "alice").await;
        world.later(8);
        assert_eq!(world.decide(by, &opened, verdict).await, "expired");
        assert!(is_expired(&world.call(*opened.id()).await));
        assert_eq!(
            world.story(*opened.id()).await,
            ["opened", "refused", "deadline_passed"]
        );
    }
    world.sweep().await;
    assert!(world.effects.all().is_empty());
}

#[tokio::test]
async fn every_gate_that_asks_warns_and_the_outside_each_time_it_is_asked() {
    let world = world().await;
    let opened = world.open("submit", r#"{"n":1}"#, "alice").await;
    let id = *opened.id();
    world.later(3);
    world.sweep().await;
    let fill = Verdict::Fill(json!({"note": "n"}));
    assert_eq!(world.decide("alice", &opened, fill).await, "accepted");
    world.later(6);
    world.sweep().await;
    world.sweep().await;
    world.later(2);
    world.sweep().await;
    let doubt = world.call(id).await;
    assert!(matches!(doubt.phase(), Phase::InDoubt { .. }));
    assert_eq!(
        world.decide("olivia", &doubt, Verdict::HandedOff).await,
        "accepted"
    );
    assert!(!world.call(id).await.requirements()[0].warned);
    world.later(6);
    world.sweep().await;
    world.sweep().await;
    assert_eq!(
        world.story(id).await,
        [
            "opened",
            "warned user_input",
            "filled",
            "gated",
            "warned external",
            "deadline_passed",
            "resolved",
            "warned external",
        ]
    );
}

/// A changed call asks anew, and has all its time.
#[tokio::test]
async fn whatever_is_asked_anew_warns_anew() {
    let world = world().await;
    let opened = world.open("power_cycle", r#"{"n":1}"#, "alice").await;
    let id = *opened.id();
    world.later(3);
    world.sweep().await;
    let amend = Verdict::Amend(json!({"n": 2}));
    assert_eq!(world.decide("alice", &opened, amend).await, "accepted");
    assert!(!world.call(id).await.requirements()[0].warned);
    world.later(2);
    world.sweep().await;
    world.later(1);
    world.sweep().await;
    assert_eq!(
        world.story(id).await,
        [
            "opened",
            "warned confirmation",
            "amended",
            "gated",
            "warned confirmation"
        ]
    );
}

/// Arguments that do not fit bring back the question that was asked, with what is left of its time.
#[tokio::test]
async fn a_question_that_comes_back_is_not_warned_of_twice() {
    let world = world().await;
    let opened = world.open("power_cycle", r#"{"n":1}"#, "alice").await;
    let id = *opened.id();
    world.later(3);
    world.sweep().await;
    // Taken where the tool is not linked, so that only later somebody finds that it does not fit.
    let console = Engine::builder()
        .store(Sqlite::open(world.dir.path().join("countersign.db")).unwrap())
        .clock(world.clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    // More than the function takes, and the schema does not say so.
    let amend = Verdict::Amend(json!({"n": 4_294_967_296_u64}));
    let amend = Decision::new(&opened.requirements()[0], amend).by(&who("alice"));
    let decided = console.desk().decide(amend).await.unwrap();
    assert_eq!(code(&decided.answer), "accepted");
    world.engine.worker().advance(id).await.unwrap();
    world.sweep().await;
    assert_eq!(
        world.story(id).await,
        ["opened", "warned confirmation", "amended", "gating_refused"]
    );
    assert!(world.call(id).await.requirements()[0].warned);
    assert_eq!(world.call(id).await.deadline(), opened.deadline());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_remind_once() {
    let world = world().await;
    let other = World::at::<All>(world.dir.clone(), world.clock.clone(), &policy()).await;
    let mut calls = Vec::new();
    for n in 0..24 {
        calls.push(*world.open("lend", &format!(r#"{{"n":{n}}}"#), "alice").await.id());
    }
    world.later(7);
    let sweeps = [&world, &other, &world, &other].map(|it| {
        let worker = it.engine.worker();
        tokio::spawn(async move { worker.sweep().await })
    });
    for sweep in sweeps {
        sweep.await.unwrap().unwrap();
    }
    for id in calls {
        assert_eq!(
            world.story(id).await,
            ["opened", "warned approval/0", "escalated approval/0"]
        );
    }
}

/// Waiting costs nothing: a call whose time has not come is neither found nor written.
#[tokio::test]
async fn what_is_not_due_is_left_alone() {
    let world = world().await;
    let opened = world.open("lend", r#"{"n":1}"#, "alice").await;
    world.clock.advance(HOUR);
    let due = CallFilter::Due(countersign::clock::Clock::now(&world.clock));
    let store = world.engine.store();
    let found = store.calls(world.engine.tenant(), &due, None, 10).await.unwrap();
    assert!(found.is_empty());
    let before = store
        .call(world.engine.tenant(), *opened.id())
        .await
        .unwrap()
        .unwrap();
    world.sweep().await;
    let after = store
        .call(world.engine.tenant(), *opened.id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(before, after);
}

#[tokio::test]
async fn others_must_be_told_before_the_time_is_over() {
    let start = |after: &str, more: &str| {
        let policy = policy().replace("2h", after) + more;
        async move {
            let builder = Engine::builder()
                .store(Sqlite::in_memory().unwrap())
                .registry(Registry::of::<All>().unwrap())
                .policy(Policy::parse(&policy).unwrap())
                .state(Effects::default())
                .worker(false);
            builder.start().await.map(|_| ()).map_err(|it| it.to_string())
        }
    };
    assert_eq!(start("7h", "").await, Ok(()));
    for (after, more) in [
        ("8h", ""),
        ("2h", "\n[[rules]]\ntool = \"lend\"\nexpires_in = \"1h\""),
        (
            "4h",
            "\n[[rules]]\ntool = \"power_cycle\"\napprovals = [{ pool = \"managers\", expires_in = \"4h\" }]",
        ),
    ] {
        let error = start(after, more).await.unwrap_err();
        assert!(error.contains("is not shorter than"), "{error}");
    }
}

/// A policy that escalates differently now is about other calls: what is frozen asks as it did.
#[tokio::test]
async fn a_waiting_call_keeps_its_time_over_a_change_of_policy() {
    let world = world().await;
    let opened = world.open("lend", r#"{"n":1}"#, "alice").await;
    let changed = policy().replace("2h", "1h");
    let world = World::at::<All>(world.dir.clone(), world.clock.clone(), &changed).await;
    world.later(1);
    world.sweep().await;
    assert_eq!(world.story(*opened.id()).await, ["opened"]);
    assert_eq!(world.decide("bob", &opened, Verdict::Approve).await, "accepted");
    world.later(1);
    world.sweep().await;
    assert_eq!(
        world.story(*opened.id()).await,
        ["opened", "approved", "escalated approval/0"]
    );
}
