//! Rules of the policy that depend on the arguments of a call.

use std::sync::Arc;

use countersign::core::gate::Origin;
use countersign::prelude::*;
use countersign::testing::TestClock;
use countersign::{Call, Verdict};
use serde_json::json;

use crate::world::{Effects, POLICY, World, code, who};

/// Pay a customer back.
#[tool(requires_confirmation)]
async fn repay(#[state] effects: Effects, cents: u64, #[arg(secret)] card: String) -> String {
    let _ = card;
    effects.push(format!("repay {cents}"));
    "repaid".to_owned()
}

/// Look something up.
#[tool]
fn look_up(#[state] effects: Effects, what: String) {
    effects.push(what);
}

type All = (repay, look_up);

const LARGE: &str = r#"
[[rules]]
name = "large"
tool = "repay"
when = "/cents >= 9007199254740993"
approvals = [{ pool = "finance" }]
"#;

async fn ruled(rules: &str) -> World {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    World::at::<All>(dir, TestClock::new(), &format!("{POLICY}{rules}")).await
}

/// What one says to whatever is asked first, and what became of the call.
async fn say(world: &World, call: &Call, by: &str, verdict: Verdict) -> (&'static str, Call) {
    let on = call.requirements().remove(0);
    let decision = Decision::new(&on, verdict).by(&who(by));
    let decided = world.engine.desk().decide(decision).await.unwrap();
    (code(&decided.answer), decided.call.unwrap())
}

#[tokio::test]
async fn only_the_calls_that_a_condition_is_about_are_asked_about() {
    let world = ruled(LARGE).await;
    let open = async |cents: u64| {
        let arguments = json!({"cents": cents, "card": "4111"}).to_string();
        world.open("repay", &arguments, "alice").await
    };
    // One less, and a double could not tell the two apart.
    let small = open(9_007_199_254_740_992).await;
    assert!(small.gates().approvals.is_empty());
    let (_, small) = say(&world, &small, "alice", Verdict::Confirm).await;
    assert_eq!(small.phase().name(), "cleared");

    let large = open(9_007_199_254_740_993).await;
    let origin = Origin::Rule {
        rule: "large".to_owned(),
        when: vec!["/cents >= 9007199254740993".to_owned()],
        doubts: Vec::new(),
        revision: 1,
    };
    assert_eq!(large.gates().approvals[0].because, [origin]);
    let (_, large) = say(&world, &large, "alice", Verdict::Confirm).await;
    assert_eq!(large.phase().name(), "approve");
    world.engine.worker().advance(*large.id()).await.unwrap();
    assert!(world.effects.all().is_empty());
    let (_, large) = say(&world, &large, "carol", Verdict::Approve).await;
    world.engine.worker().advance(*large.id()).await.unwrap();
    assert_eq!(world.effects.all(), ["repay 9007199254740993"]);
}

#[tokio::test]
async fn amended_arguments_are_looked_at_anew() {
    let world = ruled(LARGE).await;
    let call = world.open("repay", r#"{"cents":1,"card":"4111"}"#, "alice").await;
    let amended = Verdict::Amend(json!({"cents": u64::MAX, "card": "4111"}));
    let (answer, call) = say(&world, &call, "alice", amended).await;
    assert_eq!((answer, call.gates().approvals.len()), ("accepted", 1));
    let (_, call) = say(&world, &call, "alice", Verdict::Confirm).await;
    assert_eq!(call.phase().name(), "approve");
}

#[tokio::test]
async fn a_rule_that_comes_later_tightens_the_calls_it_is_about_and_no_others() {
    let world = ruled("").await;
    let small = world.open("repay", r#"{"cents":1,"card":"4111"}"#, "alice").await;
    let large = world
        .open(
            "repay",
            r#"{"cents":18446744073709551615,"card":"4111"}"#,
            "alice",
        )
        .await;
    let (_, cleared) = say(&world, &large, "alice", Verdict::Confirm).await;
    assert_eq!(cleared.phase().name(), "cleared");
    World::at::<All>(
        world.dir.clone(),
        world.clock.clone(),
        &format!("{POLICY}{LARGE}"),
    )
    .await;

    let (answer, small) = say(&world, &small, "alice", Verdict::Confirm).await;
    assert_eq!((answer, small.phase().name()), ("accepted", "cleared"));
    let claimed = world.engine.worker().advance(*cleared.id()).await.unwrap();
    assert_eq!(
        claimed.call.phase().name(),
        "confirm",
        "asked anew before it runs"
    );
    assert_eq!(claimed.call.gates().approvals.len(), 1);
    assert!(world.effects.all().is_empty());

    // Taken away again, it still stands for the call that was frozen with it.
    World::at::<All>(world.dir.clone(), world.clock.clone(), POLICY).await;
    let (_, call) = say(&world, &claimed.call, "alice", Verdict::Confirm).await;
    assert_eq!(call.phase().name(), "approve");
}

#[tokio::test]
async fn a_secret_can_be_tested_and_is_never_shown() {
    let rule = r#"
[[rules]]
tool = "repay"
when = ['/card != "4111"', "/card > 7"]
approvals = [{ pool = "finance" }]
"#;
    let world = ruled(rule).await;
    let call = world
        .open("repay", r#"{"cents":1,"card":"5105105105105100"}"#, "alice")
        .await;
    let [Origin::Rule { doubts, .. }] = call.gates().approvals[0].because.as_slice() else {
        panic!("{:?}", call.gates());
    };
    assert_eq!(doubts, &["what is at `/card` is a string, not a number"]);
    assert!(!serde_json::to_string(call.gates()).unwrap().contains("5105"));
    let other = world.open("repay", r#"{"cents":1,"card":"4111"}"#, "alice").await;
    assert!(other.gates().approvals.is_empty());
}

#[tokio::test]
async fn a_tool_that_a_rule_may_gate_never_runs_in_place() {
    let rule = "[[rules]]\ntool = \"look_*\"\nwhen = '/what == \"salaries\"'\nrequires_confirmation = true\n";
    let world = ruled(rule).await;
    assert_eq!(world.engine.tier("look_up"), Some(countersign::Tier::Gated));
    let call = world.open("look_up", r#"{"what":"salaries"}"#, "alice").await;
    assert_eq!(call.phase().name(), "confirm");
    let free = world.open("look_up", r#"{"what":"weather"}"#, "alice").await;
    assert_eq!(free.phase().name(), "cleared");
    assert!(
        world.effects.all().is_empty(),
        "a worker runs it, from a committed claim"
    );
}

#[tokio::test]
async fn a_rule_on_a_parameter_that_is_not_there_keeps_the_engine_from_starting() {
    let start = async |rule: &str| {
        let policy = Policy::parse(&format!(
            "{POLICY}\n[[rules]]\n{rule}\nrequires_confirmation = true\n"
        ));
        let engine = Engine::builder()
            .store(countersign::store::Sqlite::in_memory().unwrap())
            .registry(Registry::of::<All>().unwrap())
            .policy(policy.unwrap())
            .state(Effects::default())
            .worker(false);
        engine
            .start()
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let error = start("tool = \"repay\"\nwhen = \"/cent exists\"")
        .await
        .unwrap_err();
    assert!(
        error.contains("`repay` has no parameter `cent`; did you mean `cents`?"),
        "{error}"
    );
    // A rule for many tools is about those that have it.
    start("tool = \"*\"\nwhen = \"/cents >= 5\"").await.unwrap();
}
