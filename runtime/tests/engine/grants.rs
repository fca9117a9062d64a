//! "Do not ask me again": what it lets through, and everything that it does not.

use std::sync::Arc;

use countersign::clock::Clock;
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::{Call, Outcome, Phase, RunId};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::world::{Effects, POLICY, World, code, who};

/// Restart a service.
#[tool(requires_confirmation)]
async fn restart(#[state] effects: Effects, service: String) -> String {
    effects.push(format!("restart {service}"));
    service
}

/// Wipe a disk.
#[tool(requires_confirmation, destructive)]
async fn wipe(disk: u32) -> u32 {
    disk
}

/// Pay somebody.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
async fn pay_out(amount: u32) -> u32 {
    amount
}

/// File a ticket.
#[tool(requires_user_input(severity), requires_confirmation)]
async fn ticket(summary: String, severity: u32) -> String {
    format!("{summary} {severity}")
}

type All = (restart, wipe, pay_out, ticket);

const BILLING: &str = r#"{"service":"billing"}"#;

/// A call in a run, by alice.
async fn propose(engine: &Engine, tool: &str, arguments: &str, run: Option<RunId>) -> Call {
    let (alice, builder) = (who("alice"), engine.call(tool, arguments));
    let builder = builder.by(&alice).session("s1");
    let builder = run.into_iter().fold(builder, countersign::CallBuilder::run);
    match builder.await.unwrap() {
        Called::Waiting(waiting) => waiting.call().clone(),
        Called::Done(outcome) => panic!("not waiting: {outcome:?}"),
    }
}

/// A confirmed call of which alice wants something remembered.
async fn remembered(world: &World, tool: &str, arguments: &str, remember: Remember) -> Call {
    let call = propose(&world.engine, tool, arguments, None).await;
    let decision = Decision::confirm(&call.requirements()[0]).by(&who("alice"));
    let decided = world
        .engine
        .desk()
        .decide(decision.remember(remember))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "accepted");
    decided.call.unwrap()
}

#[track_caller]
fn asks(call: &Call) {
    assert_eq!((call.phase().name(), call.granted()), ("confirm", &None));
}

#[track_caller]
fn passes(call: &Call) {
    assert_eq!(call.phase().name(), "cleared");
    assert!(call.granted().is_some());
}

async fn entries(world: &World) -> Vec<Value> {
    let engine = &world.engine;
    let rows = engine
        .store()
        .entries(engine.tenant(), None, 0, 10_000)
        .await
        .unwrap();
    rows.iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect()
}

#[tokio::test]
async fn the_same_call_in_that_run_is_not_asked_about_again() {
    let world = World::new::<All>().await;
    let first = remembered(&world, "restart", BILLING, Remember::exact().uses(2)).await;
    let run = Some(*first.run());
    let again = propose(&world.engine, "restart", BILLING, run).await;
    passes(&again);
    asks(&propose(&world.engine, "restart", r#"{"service":"search"}"#, run).await);
    asks(&propose(&world.engine, "restart", BILLING, None).await);
    // It runs like any other, and its records say why nobody was asked.
    let advanced = world.engine.worker().advance(*again.id()).await.unwrap();
    assert!(matches!(
        advanced.call.phase(),
        Phase::Closed {
            outcome: Outcome::Returned { .. }
        }
    ));
    assert_eq!(world.effects.all(), ["restart billing"]);
    let entries = entries(&world).await;
    let grant = again.granted().unwrap().to_string();
    let about = |kind: &str| {
        let all = entries
            .iter()
            .filter(|it| it["kind"] == kind && it["grant"] == grant.as_str());
        all.cloned().collect::<Vec<_>>()
    };
    assert_eq!(about("grant.made").len(), 1);
    assert_eq!(about("grant.made")[0]["which"], "exact");
    let used = about("grant.used");
    assert_eq!(used.len(), 1);
    assert_eq!(
        (&used[0]["used_by"], &used[0]["left"]),
        (&json!(again.id()), &json!(1))
    );
    let opened = entries
        .iter()
        .find(|it| it["kind"] == "call.opened" && it["call"] == json!(again.id()));
    assert_eq!(opened.unwrap()["passed_by"], grant.as_str());
    let confirmed = entries.iter().find(|it| it["kind"] == "call.confirmed").unwrap();
    assert_eq!(confirmed["remembered"], grant.as_str());
    // The second use is the last.
    passes(&propose(&world.engine, "restart", BILLING, run).await);
    asks(&propose(&world.engine, "restart", BILLING, run).await);
}

#[tokio::test]
async fn a_session_and_a_time_reach_over_runs_and_restarts() {
    let world = World::new::<All>().await;
    remembered(&world, "restart", BILLING, Remember::exact().in_session()).await;
    let over = world.clock.now().after(std::time::Duration::from_hours(5));
    remembered(&world, "wipe", r#"{"disk":1}"#, Remember::exact().until(over)).await;
    let again = World::at::<All>(world.dir.clone(), world.clock.clone(), POLICY).await;
    passes(&propose(&again.engine, "restart", BILLING, None).await);
    passes(&propose(&again.engine, "wipe", r#"{"disk":1}"#, None).await);
    let elsewhere = again.open("restart", BILLING, "alice").await;
    asks(&elsewhere);
    asks(&again.open("restart", BILLING, "mallory").await);
    passes(&again.open("wipe", r#"{"disk":1}"#, "alice").await);
    again.later(5);
    asks(&propose(&again.engine, "wipe", r#"{"disk":1}"#, None).await);
    passes(&propose(&again.engine, "restart", BILLING, None).await);
}

/// What the log would say was too late is not done, whatever the clock of this process says.
#[tokio::test]
async fn it_is_over_by_the_time_of_the_log() {
    let world = World::new::<All>().await;
    let end = world.clock.now().after(std::time::Duration::from_hours(1));
    remembered(&world, "restart", BILLING, Remember::exact().until(end)).await;
    passes(&propose(&world.engine, "restart", BILLING, None).await);
    let ahead = World::at::<All>(world.dir.clone(), TestClock::new(), POLICY).await;
    ahead.later(1);
    ahead.open("pay_out", r#"{"amount":7}"#, "alice").await;
    asks(&propose(&world.engine, "restart", BILLING, None).await);
    let open = propose(&world.engine, "ticket", r#"{"summary":"s"}"#, None).await;
    assert_eq!(open.phase().name(), "input");
}

#[tokio::test]
async fn an_approval_is_asked_for_every_time() {
    let world = World::new::<All>().await;
    let first = remembered(&world, "pay_out", r#"{"amount":1}"#, Remember::any()).await;
    let again = propose(&world.engine, "pay_out", r#"{"amount":7}"#, Some(*first.run())).await;
    assert_eq!(again.phase().name(), "approve");
    let approve = Decision::approve(&again.requirements()[0]).by(&who("bob"));
    let decided = world
        .engine
        .desk()
        .decide(approve.clone().remember(Remember::exact()))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "invalid_input");
    let decided = world.engine.desk().decide(approve).await.unwrap();
    assert_eq!(decided.call.unwrap().phase().name(), "cleared");
}

#[tokio::test]
async fn what_may_not_be_remembered_is_refused_and_the_call_still_waits() {
    let world = World::new::<All>().await;
    let call = propose(&world.engine, "wipe", r#"{"disk":1}"#, None).await;
    let bare = world.open("restart", BILLING, "alice").await;
    let now = world.clock.now();
    for (call, remember) in [
        (&call, Remember::any()),
        (&call, Remember::exact().uses(0)),
        (&call, Remember::exact().uses(1001)),
        (&call, Remember::exact().until(now)),
        (&bare, Remember::exact().in_session()),
    ] {
        let decision = Decision::confirm(&call.requirements()[0]).by(&who("alice"));
        let decided = world
            .engine
            .desk()
            .decide(decision.remember(remember))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), "invalid_input", "{remember:?}");
        asks(&decided.call.unwrap());
    }
    let refused = world
        .records()
        .await
        .iter()
        .filter(|it| *it == "call.refused")
        .count();
    assert_eq!(refused, 5);
    // What was changed by a person is not what will be proposed next time.
    let amend = Decision::amend(&call.requirements()[0], json!({"disk": 2})).by(&who("alice"));
    let amended = world.engine.desk().decide(amend).await.unwrap().call.unwrap();
    let decision = Decision::confirm(&amended.requirements()[0]).by(&who("alice"));
    let decided = world
        .engine
        .desk()
        .decide(decision.remember(Remember::exact()))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "invalid_input");
    assert_eq!(
        world.engine.desk().grants(None, None, 10).await.unwrap().0.len(),
        0
    );
}

#[tokio::test]
async fn the_last_use_passes_one_of_two_processes() {
    for _ in 0..8 {
        let world = World::new::<All>().await;
        let first = remembered(&world, "restart", BILLING, Remember::exact().uses(1)).await;
        let other = World::at::<All>(world.dir.clone(), world.clock.clone(), POLICY).await;
        let run = Some(*first.run());
        let (a, b) = tokio::join!(
            propose(&world.engine, "restart", BILLING, run),
            propose(&other.engine, "restart", BILLING, run),
        );
        let mut phases = [a.phase().name(), b.phase().name()];
        phases.sort_unstable();
        assert_eq!(phases, ["cleared", "confirm"]);
        let used = world
            .records()
            .await
            .iter()
            .filter(|it| *it == "grant.used")
            .count();
        assert_eq!(used, 1);
    }
}

#[tokio::test]
async fn the_last_use_passes_one_of_many_tasks() {
    let world = World::new::<All>().await;
    let first = remembered(&world, "restart", BILLING, Remember::exact().uses(3)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (engine, run) = (world.engine.clone(), Some(*first.run()));
        tasks.spawn(async move { propose(&engine, "restart", BILLING, run).await });
    }
    let calls = tasks.join_all().await;
    assert_eq!(calls.iter().filter(|it| it.granted().is_some()).count(), 3);
    assert_eq!(
        calls.iter().filter(|it| it.phase().name() == "confirm").count(),
        9
    );
}

#[tokio::test]
async fn a_revoked_one_passes_nothing() {
    let world = World::new::<All>().await;
    let desk = world.engine.desk();
    let first = remembered(&world, "restart", BILLING, Remember::exact()).await;
    let run = Some(*first.run());
    let (grants, next) = desk
        .grants(Some(&"alice".parse().unwrap()), None, 10)
        .await
        .unwrap();
    assert_eq!((grants.len(), next), (1, None));
    for by in ["mallory", "bob", "bot", "stranger"] {
        let revoked = desk.revoke(grants[0].id(), &who(by)).await.unwrap();
        assert_eq!(code(&revoked.answer), "not_allowed", "{by}");
    }
    passes(&propose(&world.engine, "restart", BILLING, run).await);
    let revoked = desk.revoke(grants[0].id(), &who("olivia")).await.unwrap();
    assert_eq!(code(&revoked.answer), "accepted");
    assert_eq!(
        code(&desk.revoke(grants[0].id(), &who("alice")).await.unwrap().answer),
        "repeated"
    );
    asks(&propose(&world.engine, "restart", BILLING, run).await);
    let records = world.records().await;
    let count = |kind: &str| records.iter().filter(|it| *it == kind).count();
    assert_eq!((count("grant.refused"), count("grant.revoked")), (4, 1));
    // What was let through before stays; the call that made the grant can still be compared with its records.
    desk.check(*first.id()).await.unwrap();
}

#[tokio::test]
async fn whoever_is_no_longer_known_profits_no_more() {
    let world = World::new::<All>().await;
    let first = remembered(&world, "restart", BILLING, Remember::exact()).await;
    for (policy, word) in [
        (
            POLICY.replace("alice = { kind = \"person\" }\n", ""),
            "nobody knows",
        ),
        (
            POLICY.replace("alice = { kind = \"person\" }", "alice = { kind = \"service\" }"),
            "not a person",
        ),
    ] {
        let later = World::at::<All>(world.dir.clone(), world.clock.clone(), &policy).await;
        let alice = who("alice");
        let called = later
            .engine
            .call("restart", BILLING)
            .by(&alice)
            .run(*first.run())
            .await;
        let Ok(Called::Done(Outcome::Blocked { errors })) = called else {
            panic!("{called:?}")
        };
        assert!(errors[0].contains(word), "{errors:?}");
    }
    assert!(!world.records().await.contains(&"grant.used".to_owned()));
}

/// An engine without tools on the same file: what is filled in there waits to be judged elsewhere.
async fn console(world: &World) -> Engine {
    let builder = Engine::builder()
        .store(Sqlite::open(world.dir.path().join("countersign.db")).unwrap())
        .clock(world.clock.clone());
    builder.worker(false).start().await.unwrap()
}

/// A ticket that alice has filled in at that desk.
async fn filled(world: &World, at: &Engine) -> Call {
    let call = propose(&world.engine, "ticket", r#"{"summary":"down"}"#, None).await;
    let fill = Decision::fill(&call.requirements()[0], json!({"severity": 1})).by(&who("alice"));
    at.desk().decide(fill).await.unwrap().call.unwrap()
}

/// A ticket of which alice wants something remembered.
async fn remembered_ticket(world: &World, remember: Remember) {
    let first = filled(world, &world.engine).await;
    let confirm = Decision::confirm(&first.requirements()[0]).by(&who("alice"));
    let decided = world
        .engine
        .desk()
        .decide(confirm.remember(remember))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "accepted");
}

/// Filled in where no tool is linked, judged where it is, by when the requester may be somebody else.
#[tokio::test]
async fn whoever_is_no_person_any_more_is_asked_although_they_were_when_they_filled_it_in() {
    for stays in [true, false] {
        let world = World::new::<All>().await;
        remembered_ticket(&world, Remember::exact().in_session()).await;
        let waits = filled(&world, &console(&world).await).await;
        assert_eq!(waits.phase().name(), "gating");
        let service = POLICY.replace("alice = { kind = \"person\" }", "alice = { kind = \"service\" }");
        let policy = if stays { POLICY } else { &service };
        let later = World::at::<All>(world.dir.clone(), world.clock.clone(), policy).await;
        let judged = later.engine.worker().advance(*waits.id()).await.unwrap().call;
        assert_eq!(judged.granted().is_some(), stays);
        assert_eq!(judged.phase().name() == "confirm", !stays);
    }
}

#[tokio::test]
async fn the_last_use_passes_one_of_two_that_are_judged_at_once() {
    for _ in 0..8 {
        let world = World::new::<All>().await;
        remembered_ticket(&world, Remember::exact().in_session().uses(1)).await;
        let desk = console(&world).await;
        let (a, b) = (filled(&world, &desk).await, filled(&world, &desk).await);
        let other = World::at::<All>(world.dir.clone(), world.clock.clone(), POLICY).await;
        let (one, two) = (world.engine.worker(), other.engine.worker());
        let (a, b) = tokio::join!(one.advance(*a.id()), two.advance(*b.id()));
        let calls = [a.unwrap().call, b.unwrap().call];
        assert_eq!(calls.iter().filter(|it| it.granted().is_some()).count(), 1);
        assert_eq!(
            calls.iter().filter(|it| it.phase().name() == "confirm").count(),
            1
        );
        let used = world
            .records()
            .await
            .iter()
            .filter(|it| *it == "grant.used")
            .count();
        assert_eq!(used, 1);
    }
}

#[tokio::test]
async fn what_is_filled_in_is_part_of_what_was_confirmed() {
    let world = World::new::<All>().await;
    let desk = world.engine.desk();
    let filled = async |severity: u32| {
        let call = propose(&world.engine, "ticket", r#"{"summary":"down"}"#, None).await;
        let fill = Decision::fill(&call.requirements()[0], json!({"severity": severity}));
        desk.decide(fill.by(&who("alice"))).await.unwrap().call.unwrap()
    };
    let first = filled(1).await;
    let decision = Decision::confirm(&first.requirements()[0]).by(&who("alice"));
    desk.decide(decision.remember(Remember::exact().in_session()))
        .await
        .unwrap();
    let same = filled(1).await;
    passes(&same);
    desk.check(*same.id()).await.unwrap();
    asks(&filled(2).await);
}

#[tokio::test]
async fn an_edited_one_passes_nothing() {
    for (from, to) in [
        (r#""uses":1"#, r#""uses":9"#),
        (r#""used":1"#, r#""used":0"#),
        (r#""revoked":false"#, r#""revoked":true"#),
        (r#""owner":"alice""#, r#""owner":"mallory""#),
        (r#""scope":"session""#, r#""scope":"somewhere""#),
        ("grant_", "grint_"),
    ] {
        let world = World::new::<All>().await;
        remembered(&world, "restart", BILLING, Remember::exact().in_session().uses(1)).await;
        let connection = Connection::open(world.dir.path().join("countersign.db")).unwrap();
        if from == r#""used":1"# {
            passes(&propose(&world.engine, "restart", BILLING, None).await);
        }
        let text: String = connection
            .query_row("SELECT state FROM confirmation_grant", [], |row| row.get(0))
            .unwrap();
        assert!(text.contains(from), "{text}");
        let edited = text.replacen(from, to, 1);
        connection
            .execute(
                "UPDATE confirmation_grant SET state = ?1, live = 1, version = 0, owner = 'alice'",
                [edited],
            )
            .unwrap();
        asks(&propose(&world.engine, "restart", BILLING, None).await);
    }
}

#[tokio::test]
async fn a_call_that_claims_a_grant_is_not_run() {
    let world = World::new::<All>().await;
    let first = remembered(&world, "restart", BILLING, Remember::exact()).await;
    let waits = propose(
        &world.engine,
        "restart",
        r#"{"service":"search"}"#,
        Some(*first.run()),
    )
    .await;
    asks(&waits);
    let passed = propose(&world.engine, "restart", BILLING, Some(*first.run())).await;
    let grant = passed.granted().unwrap();
    let connection = Connection::open(world.dir.path().join("countersign.db")).unwrap();
    let text = waits
        .state_text()
        .replace(r#""phase":"confirm""#, r#""phase":"cleared""#);
    let text = format!(r#"{},"granted":"{grant}"}}}}"#, text.strip_suffix("}}").unwrap());
    connection
        .execute(
            "UPDATE call SET state = ?1, phase = 'cleared' WHERE id = ?2",
            [text, waits.id().to_string()],
        )
        .unwrap();
    let error = world.engine.worker().advance(*waits.id()).await.unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    assert!(world.effects.all().is_empty());
}

#[tokio::test]
async fn a_run_is_joined_by_its_requester_only() {
    let world = World::new::<All>().await;
    let first = propose(&world.engine, "restart", BILLING, None).await;
    let (alice, mallory) = (who("alice"), who("mallory"));
    let call = || world.engine.call("restart", BILLING);
    let foreign = call()
        .by(&mallory)
        .run(*first.run())
        .await
        .unwrap_err()
        .to_string();
    assert!(foreign.contains("there is no run_"), "{foreign}");
    let other = call()
        .by(&alice)
        .run(*first.run())
        .session("s2")
        .await
        .unwrap_err()
        .to_string();
    assert!(other.contains("another session"), "{other}");
    let odd = call()
        .by(&alice)
        .session("my session")
        .await
        .unwrap_err()
        .to_string();
    assert!(odd.contains("not a session id"), "{odd}");
    let joined = call().by(&alice).run(*first.run()).await.unwrap();
    let Called::Waiting(joined) = joined else { panic!() };
    assert_eq!(
        (joined.run_id(), joined.call().session()),
        (*first.run(), first.session())
    );
    let calls = world.engine.calls_of(*first.run()).await.unwrap();
    assert_eq!(calls.len(), 2);
}

/// Two engines must be two handles on the file, as two processes are.
#[tokio::test]
async fn another_process_sees_what_was_remembered() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let world = World::at::<All>(dir.clone(), TestClock::new(), POLICY).await;
    remembered(&world, "restart", BILLING, Remember::exact().in_session()).await;
    let console = Engine::builder()
        .store(Sqlite::open(dir.path().join("countersign.db")).unwrap())
        .worker(false)
        .start()
        .await
        .unwrap();
    let (grants, _) = console.desk().grants(None, None, 10).await.unwrap();
    assert_eq!((grants.len(), grants[0].owner().as_str()), (1, "alice"));
    console
        .desk()
        .revoke(grants[0].id(), &who("alice"))
        .await
        .unwrap();
    asks(&propose(&world.engine, "restart", BILLING, None).await);
}
