//! What an engine refuses to start with, and who may be behind a call.

use countersign::core::tool::{Definition, Location};
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Outcome, Phase, Verdict};
use serde_json::{Value, json};

use crate::world::{Effects, POLICY, World, code, who};

/// Two of finance, within a day.
#[approval(required, pool = "finance", quorum = 2, expires_in = "24h")]
#[tool(requires_confirmation)]
async fn wire(#[state] effects: Effects, n: u32) -> u32 {
    effects.push("wire");
    n
}

/// One manager.
#[approval(required, pool = "managers")]
#[tool]
async fn promote(#[state] effects: Effects, name: String) -> String {
    effects.push("promote");
    name
}

/// Takes secrets, some from the model, some from the person.
#[approval(required, pool = "managers")]
#[tool(requires_user_input(pin), requires_confirmation)]
async fn unlock(
    #[state] effects: Effects,
    door: String,
    #[arg(secret)] pin: String,
    #[arg(secret)] token: Option<String>,
) -> String {
    effects.push(format!("{door} {pin} {}", token.unwrap_or_default()));
    format!("{door} is open")
}

/// No gate by itself.
#[tool]
fn peek(n: u32) -> u32 {
    n
}

type All = (wire, promote, unlock, peek);

async fn started(policy: &str, state: bool) -> Result<Engine, String> {
    let mut builder = Engine::builder()
        .store(Sqlite::in_memory().unwrap())
        .registry(Registry::of::<All>().unwrap())
        .worker(false);
    if state {
        builder = builder.state(Effects::default());
    }
    let policy = Policy::parse(policy).map_err(|error| error.to_string())?;
    builder
        .policy(policy)
        .start()
        .await
        .map_err(|error| error.to_string())
}

async fn refused(policy: &str, because: &str) {
    let error = started(policy, true)
        .await
        .err()
        .unwrap_or_else(|| panic!("started with {policy}"));
    assert!(error.contains(because), "{error}");
}

#[tokio::test]
async fn a_state_that_is_missing_is_said_at_the_start() {
    let error = started(POLICY, false).await.err().unwrap();
    assert!(
        error.contains("takes `#[state]") && error.contains("Effects`"),
        "{error}"
    );
    assert!(error.contains("add `.state(…)`"), "{error}");
    assert!(
        Engine::builder()
            .start()
            .await
            .err()
            .unwrap()
            .to_string()
            .contains("an engine needs a store")
    );
}

#[tokio::test]
async fn policies_that_are_looser_or_impossible_are_refused() {
    let rule = |text: &str| format!("{POLICY}\n[[rules]]\nname = \"r\"\n{text}\n");
    refused(
        &rule("tool = \"wire\"\napprovals = [{ pool = \"finance\", quorum = 1 }]"),
        "is looser than 2 on `wire`",
    )
    .await;
    refused(
        &rule("tool = \"wire\"\nexpires_in = \"2d\""),
        "expires_in 2days is looser than 1day on `wire`",
    )
    .await;
    refused(
        &rule("tool = \"wire\"\nrequires_confirmation = false"),
        "only tightens",
    )
    .await;
    refused(
        &rule("tool = \"peek\"\napprovals = [{ pool = \"board\" }]"),
        "there is no pool `board`",
    )
    .await;
    refused(
        &rule("tool = \"peek\"\napprovals = [{ pool = \"managers\", quorum = 3 }]"),
        "needs 3 of pool `managers`, which has 2",
    )
    .await;
    refused(
        &POLICY.replace("finance =", "treasury ="),
        "`wire` needs pool `finance`, and the policy has none",
    )
    .await;
    let one = POLICY.replace(
        "dave = { kind = \"person\", roles = [\"finance\"] }",
        "dave = { kind = \"person\" }",
    );
    refused(
        &one,
        "needs 2 of pool `finance`, which has 1 members; it could never be approved",
    )
    .await;
    // A service approves nothing.
    let service = POLICY.replace("dave = { kind = \"person\"", "dave = { kind = \"service\"");
    refused(&service, "only a person can have `finance`").await;
    refused("actors = 1", "the policy cannot be read").await;
    assert!(started(POLICY, true).await.is_ok());
}

/// `peek` from another module.
static OTHER: std::sync::LazyLock<Definition> = std::sync::LazyLock::new(|| {
    let peek = peek::definition();
    Definition {
        name: "peek",
        location: Location {
            module: "elsewhere::tools",
            file: "elsewhere/tools.rs",
            line: 7,
        },
        descriptor: peek.descriptor,
        conditions: peek.conditions,
        check: peek.check,
        states: peek.states,
        body: peek.body,
    }
});

#[test]
fn two_tools_of_one_name_are_refused_with_both_places() {
    for order in [[peek::definition(), &*OTHER], [&*OTHER, peek::definition()]] {
        let error = Registry::from_definitions(order).unwrap_err().to_string();
        assert!(
            error.starts_with("two tools are called `peek`: elsewhere/tools.rs:7 (in elsewhere::tools) and "),
            "{error}"
        );
        assert!(
            error.contains("start.rs:") && error.contains("rename one with #[tool(name = \"…\")]"),
            "{error}"
        );
    }
}

#[test]
fn tools_that_must_be_there_are_named() {
    let error = Registry::of::<All>()
        .unwrap()
        .expect(["wire", "refund", "charge"])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("no tool `refund`, `charge` is linked"),
        "{error}"
    );
    assert!(error.contains("use the_crate as _;"), "{error}");
    assert!(Registry::of::<All>().unwrap().expect(["wire"]).is_ok());
}

#[tokio::test]
async fn a_policy_change_is_on_record_with_its_difference_and_a_removed_actor_loses_access() {
    let world = World::new::<All>().await;
    let call = world.open("promote", r#"{"name":"x"}"#, "alice").await;
    let on = call.requirements().remove(0);
    let changed = POLICY
        .replace("bob = { kind = \"person\", roles = [\"manager\"] }\n", "")
        .replace(
            "carol = { kind = \"person\", roles = [\"finance\"] }",
            "carol = { kind = \"person\", roles = [\"finance\", \"manager\"] }",
        )
        .replace("[pools]", "zoe = { kind = \"person\" }\n[pools]");
    let other = World::at::<All>(world.dir.clone(), world.clock.clone(), &changed).await;
    let store = other.engine.store();
    let entries = store.entries(other.engine.tenant(), None, 0, 100).await.unwrap();
    let last: Value = serde_json::from_str(&entries.last().unwrap().text).unwrap();
    assert_eq!(last["kind"], "policy.changed");
    assert_eq!(
        last["actors"],
        json!({"added": ["zoe"], "removed": ["bob"], "changed": ["carol"]})
    );
    assert_ne!(last["before"], last["after"]);
    // The engine that has been running for long asks again.
    for (by, expected) in [("bob", "not_allowed"), ("carol", "accepted")] {
        let decided = world
            .engine
            .desk()
            .decide(Decision::approve(&on).by(&who(by)))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), expected, "{by}");
    }
    let (bob, zoe) = (who("bob"), who("zoe"));
    let blocked = world
        .engine
        .call("promote", json!({"name": "y"}))
        .by(&bob)
        .await
        .unwrap();
    assert!(
        matches!(blocked, Called::Done(Outcome::Blocked { .. })),
        "{blocked:?}"
    );
    let called = world
        .engine
        .call("promote", json!({"name": "y"}))
        .by(&zoe)
        .await
        .unwrap();
    assert!(matches!(called, Called::Waiting(_)));
    // The same policy again is no change.
    let before = other.records().await.len();
    World::at::<All>(world.dir.clone(), world.clock.clone(), &changed).await;
    assert_eq!(other.records().await.len(), before);
}

#[tokio::test]
async fn a_rule_gates_a_tool_that_has_no_gate() {
    let policy = format!("{POLICY}\n[[rules]]\ntool = \"pee*\"\nrequires_confirmation = true\n");
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let world = World::at::<All>(dir, countersign::testing::TestClock::new(), &policy).await;
    let call = world.open("peek", r#"{"n":4}"#, "alice").await;
    let on = call.requirements().remove(0);
    world
        .engine
        .desk()
        .decide(Decision::confirm(&on).by(&who("alice")))
        .await
        .unwrap();
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert!(
        matches!(call.phase(), Phase::Closed { outcome: Outcome::Returned { result, .. } } if result == "4")
    );
}

fn blocked(called: &Called) -> String {
    match called {
        Called::Done(Outcome::Blocked { errors }) => errors.join("; "),
        called => panic!("{called:?}"),
    }
}

#[tokio::test]
async fn requesters_that_cannot_stand_behind_a_call_are_blocked() {
    let world = World::new::<All>().await;
    for (by, tool, because) in [
        ("nobody", "promote", "nobody knows an actor `nobody`"),
        ("bot", "wire", "asks its requester, and `bot` is not a person"),
        ("relay", "wire", "asks its requester, and `relay` is not a person"),
        ("carol", "wire", "finance"),
    ] {
        let by = who(by);
        let arguments = if tool == "wire" {
            json!({"n": 1})
        } else {
            json!({"name": "x"})
        };
        let called = world.engine.call(tool, arguments).by(&by).await.unwrap();
        assert!(
            blocked(&called).contains(because),
            "{}: {}",
            by.id(),
            blocked(&called)
        );
    }
    let error = world
        .engine
        .call("promote", json!({"name": "x"}))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("say on whose behalf"), "{error}");
    assert_eq!(world.records().await[1..], ["call.opened"; 4]);
    assert!(world.effects.all().is_empty());
}

#[tokio::test]
async fn an_agent_and_its_owner_never_approve_what_it_proposed() {
    let world = World::new::<All>().await;
    let (alice, bot) = (who("alice"), who("bot"));
    let called = world
        .engine
        .call("promote", json!({"name": "x"}))
        .by(&alice)
        .through(&bot)
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("{called:?}")
    };
    let on = waiting.active_requirements().remove(0);
    for (by, expected) in [
        ("bot", "not_allowed"),
        ("alice", "self_approval"),
        ("erin", "self_approval"),
        ("bob", "accepted"),
    ] {
        let (inbox, _) = world.engine.desk().inbox(&who(by), None, 10).await.unwrap();
        assert_eq!(!inbox.is_empty(), expected == "accepted", "the inbox of {by}");
        let decided = world
            .engine
            .desk()
            .decide(Decision::approve(&on).by(&who(by)))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), expected, "{by}");
    }
    // An agent that acts for itself: its owner does not count either.
    let called = world
        .engine
        .call("promote", json!({"name": "x"}))
        .by(&bot)
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("{called:?}")
    };
    let on = waiting.active_requirements().remove(0);
    let decided = world
        .engine
        .desk()
        .decide(Decision::approve(&on).by(&who("erin")))
        .await
        .unwrap();
    assert_eq!(code(&decided.answer), "self_approval");
    // Two agents, two owners, one place for an owner: not without a person.
    let other = who("crawler");
    let called = world
        .engine
        .call("promote", json!({"name": "x"}))
        .by(&bot)
        .through(&other)
        .await
        .unwrap();
    assert!(
        blocked(&called).contains("make it on behalf of a person"),
        "{called:?}"
    );
}

/// Everything that is stored, as text, table by table.
fn everything(world: &World) -> Vec<(String, String)> {
    let db = rusqlite::Connection::open(world.dir.path().join("countersign.db")).unwrap();
    let mut tables = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut all = Vec::new();
    for table in tables {
        let mut rows = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let row: Vec<String> = (0..columns)
                .map(|it| format!("{:?}", row.get_ref(it).unwrap()))
                .collect();
            // Blobs are shown as numbers, text as bytes; both are searched as text below.
            all.push((table.clone(), row.join("|")));
        }
    }
    all
}

/// Where the text of a secret is stored.
fn stored(world: &World, secret: &str) -> Vec<String> {
    let bytes = format!("{:?}", secret.as_bytes());
    let bytes = bytes.trim_matches(['[', ']']);
    let hits = everything(world)
        .into_iter()
        .filter(|(_, row)| row.contains(bytes) || row.contains(secret));
    hits.map(|(table, _)| table).collect()
}

#[tokio::test]
async fn secrets_live_in_the_call_and_die_with_it() {
    let world = World::new::<All>().await;
    let (pin, token, wrong) = ("hunter-two-4711", "tok-from-the-model-99", "wrong-pin-0815");
    let call = world
        .open(
            "unlock",
            &json!({"door": "north", "token": token}).to_string(),
            "alice",
        )
        .await;
    let desk = world.engine.desk();
    let on = call.requirements().remove(0);
    assert!(!on.arguments.as_str().contains(token), "shown: {}", on.arguments);
    // What is refused is not kept either, nor said again.
    for values in [
        json!({"pin": [wrong]}),
        json!({"pin": wrong, "door": wrong}),
        json!({wrong: wrong}),
    ] {
        let decided = desk
            .decide(Decision::fill(&on, values).by(&who("alice")))
            .await
            .unwrap();
        assert_eq!(code(&decided.answer), "invalid_input");
        let text = format!("{:?}", decided.answer);
        assert!(!text.contains(&format!("\"{wrong}\"")), "{text}");
    }
    desk.decide(Decision::fill(&on, json!({"pin": pin})).by(&who("alice")))
        .await
        .unwrap();
    let on = desk.call(*call.id()).await.unwrap().requirements().remove(0);
    let amended = json!({"door": "south", "pin": pin, "token": token});
    desk.decide(Decision::amend(&on, amended).by(&who("alice")))
        .await
        .unwrap();
    for (by, verdict) in [("alice", Verdict::Confirm), ("bob", Verdict::Approve)] {
        let on = desk.call(*call.id()).await.unwrap().requirements().remove(0);
        assert!(!on.arguments.as_str().contains(pin), "shown: {}", on.arguments);
        for secret in [pin, token] {
            assert_eq!(
                stored(&world, secret),
                ["call_terms"],
                "{secret} lives in the call alone"
            );
        }
        desk.decide(Decision::new(&on, verdict).by(&who(by)))
            .await
            .unwrap();
    }
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert_eq!(call.phase().name(), "closed");
    assert_eq!(world.effects.all(), [format!("south {pin} {token}")]);
    for secret in [pin, token, wrong] {
        assert_eq!(stored(&world, secret), [""; 0], "{secret} is gone");
    }
    assert!(!stored(&world, "south").is_empty(), "and this would find it");
}

#[tokio::test]
async fn arguments_that_are_too_much_are_refused_before_anybody_is_asked() {
    let world = World::new::<All>().await;
    let before = world.records().await;
    let long = json!({"name": "x".repeat(256 * 1024)}).to_string();
    let deep = format!(r#"{{"name":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let cases: [(&str, &str); 6] = [
        (&long, "at most 262144 are accepted"),
        (&deep, "32"),
        (r#"{"name":"a","name":"b"}"#, "name"),
        (r#"{"name":"\ud800"}"#, "JSON"),
        (r#"{"name":"a","n":123456789012345678901234567890}"#, ""),
        (r#"{"name":1}"#, "name"),
    ];
    for (arguments, word) in cases {
        let alice = who("alice");
        let error = world
            .engine
            .call("promote", arguments)
            .by(&alice)
            .await
            .unwrap_err();
        let shown: String = arguments.chars().take(60).collect();
        assert!(
            matches!(error, countersign::Error::Arguments(_)),
            "{shown}: {error:?}"
        );
        assert!(error.to_string().contains(word), "{shown}: {error}");
    }
    assert_eq!(world.records().await, before);
    // People may not give too much either.
    let call = world.open("wire", r#"{"n":1}"#, "alice").await;
    let on = call.requirements().remove(0);
    let answer = Decision::answer(&on, json!("x".repeat(256 * 1024))).by(&who("alice"));
    let decided = world.engine.desk().decide(answer).await.unwrap();
    assert_eq!(code(&decided.answer), "invalid_input");
    assert_eq!(decided.call.unwrap(), call);
}
