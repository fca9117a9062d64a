//! Somebody edits the database: a clear error, nothing runs, nothing panics, other calls still work.

use countersign::prelude::*;
use countersign::{Call, CallId, Digest, Error, Verdict};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::flows::sqlite;
use crate::world::{Effects, World, code, who};

/// Confirmed, then approved.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation, destructive)]
pub(crate) async fn move_money(#[state] effects: Effects, n: u32) -> u32 {
    effects.push(format!("move_money {n}"));
    n
}

/// Another tool, for calls that are made to look like its own.
#[tool(requires_confirmation)]
pub(crate) async fn send_mail(#[state] effects: Effects, n: u32) -> u32 {
    effects.push(format!("send_mail {n}"));
    n
}

/// Approved, done elsewhere.
#[approval(required, pool = "managers")]
#[tool(external_execution)]
pub(crate) fn wire_abroad(n: u32) -> String;

pub(crate) type All = (move_money, send_mail, wire_abroad);

pub(crate) fn raw(world: &World) -> Connection {
    Connection::open(world.dir.path().join("countersign.db")).unwrap()
}

/// What is stored of a call and its records tell of, changed.
pub(crate) fn edit(connection: &Connection, id: CallId, change: impl FnOnce(&mut Value)) {
    edit_texts(connection, id, |terms, state| {
        let was = state["now"].take();
        let mut call = terms.take();
        let fields = call.as_object_mut().unwrap();
        fields.extend(was.as_object().unwrap().clone());
        change(&mut call);
        // Each field goes back to where it was.
        let fields = std::mem::take(call.as_object_mut().unwrap()).into_iter();
        let (now, stays) = fields.partition(|(name, _)| was.get(name).is_some());
        *terms = Value::Object(stays);
        state["now"] = Value::Object(now);
    });
}

/// The stored texts of a call, changed.
pub(crate) fn edit_texts(connection: &Connection, id: CallId, change: impl FnOnce(&mut Value, &mut Value)) {
    let id = id.to_string();
    let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let (mut terms, mut state) = connection
        .query_row(
            "SELECT text, state FROM call JOIN call_terms USING (place) WHERE id = ?1",
            [&id],
            |row| Ok((read(row.get(0)?), read(row.get(1)?))),
        )
        .unwrap();
    change(&mut terms, &mut state);
    let phase = state["now"]["phase"]["phase"].as_str().unwrap_or_default();
    let (tool, requester) = (
        terms["tool"].as_str().unwrap_or_default(),
        terms["requester"].as_str().unwrap_or_default(),
    );
    // The columns too, so that only the contents can betray it.
    connection
        .execute(
            "UPDATE call SET state = ?2, phase = ?3, tool = ?4, requester = ?5 WHERE id = ?1",
            params![id, state.to_string(), phase, tool, requester],
        )
        .unwrap();
    set_terms(connection, &id, &terms.to_string());
}

pub(crate) fn set_terms(connection: &Connection, id: &str, text: &str) {
    let sql = "UPDATE call_terms SET text = ?2 WHERE place = (SELECT place FROM call WHERE id = ?1)";
    assert_eq!(connection.execute(sql, params![id, text]).unwrap(), 1);
}

pub(crate) fn column(connection: &Connection, id: CallId, name: &str, value: &str) {
    let sql = format!("UPDATE call SET {name} = ?2 WHERE id = ?1");
    connection.execute(&sql, params![id.to_string(), value]).unwrap();
}

fn without_fences(connection: &Connection) {
    connection
        .execute_batch(
            "DROP TRIGGER audit_entry_is_never_updated; DROP TRIGGER audit_entry_is_never_deleted;",
        )
        .unwrap();
}

/// A call that waits for its confirmation, its approval, or for a worker.
pub(crate) async fn standing(world: &World, phase: &str) -> Call {
    let mut call = world.open("move_money", r#"{"n":1}"#, "alice").await;
    for (by, verdict) in [("alice", Verdict::Confirm), ("bob", Verdict::Approve)] {
        if call.phase().name() == phase {
            break;
        }
        let on = call.requirements().remove(0);
        call = world
            .engine
            .desk()
            .decide(Decision::new(&on, verdict).by(&who(by)))
            .await
            .unwrap()
            .call
            .unwrap();
    }
    assert_eq!(call.phase().name(), phase);
    call
}

/// Everything that anybody can do with a call. Gives the words of the errors.
async fn prodded(world: &World, id: CallId) -> Vec<String> {
    let (desk, worker) = (world.engine.desk(), world.engine.worker());
    let mut said = Vec::new();
    for _ in 0..3 {
        match worker.advance(id).await {
            Err(error) => said.push(error.to_string()),
            Ok(advanced) => said.extend(advanced.refused.map(|it| it.message)),
        }
        let call = match desk.call(id).await {
            Err(error) => {
                said.push(error.to_string());
                continue;
            }
            Ok(call) => call,
        };
        for asked in call.requirements() {
            for (by, verdict) in [("alice", Verdict::Confirm), ("bob", Verdict::Approve)] {
                if let Err(error) = desk.decide(Decision::new(&asked, verdict).by(&who(by))).await {
                    said.push(error.to_string());
                }
            }
        }
    }
    said
}

/// Edits a call that stands in `phase`. Nothing of it may run, the error must say why, others still work.
pub(crate) async fn check(
    what: &str,
    phase: &str,
    damage: impl FnOnce(&Connection, &Call, &Call),
    because: &str,
) {
    let world = World::new::<All>().await;
    world.spoil();
    let (bad, good) = (standing(&world, phase).await, standing(&world, "cleared").await);
    let other = standing(&world, phase).await;
    damage(&raw(&world), &bad, &other);
    let said = prodded(&world, *bad.id()).await;
    assert!(said.iter().any(|it| it.contains(because)), "{what}: {said:?}");
    assert_eq!(world.effects.all(), [""; 0], "{what}: it ran");
    // A clear error, not only for whoever asks about this call: lists and sweeps go on.
    world
        .engine
        .worker()
        .sweep()
        .await
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    for by in ["alice", "bob"] {
        let listed = world.engine.desk().inbox(&who(by), None, 100).await;
        listed.unwrap_or_else(|error| panic!("{what}: the inbox of {by}: {error}"));
    }
    world.engine.worker().advance(*good.id()).await.unwrap();
    assert_eq!(
        world.effects.all(),
        ["move_money 1"],
        "{what}: other calls still work"
    );
}

pub(crate) const RECORDS: &str =
    "is not what its records say; nothing was run. Restore a backup, or cancel the call";
pub(crate) const COLUMNS: &str = "the stored columns and the stored text differ; nothing was run";

#[tokio::test]
async fn edited_contents_of_a_cleared_call() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change, &str); 9] = [
        ("arguments", |it| it["arguments"] = r#"{"n":2}"#.into(), RECORDS),
        ("gates", |it| it["gates"]["approvals"] = json!([]), RECORDS),
        ("seal", |it| it["seal"] = it["salt"].clone(), RECORDS),
        ("votes", |it| it["votes"] = json!([]), RECORDS),
        ("requester", |it| it["requester"] = "mallory".into(), RECORDS),
        (
            "tool",
            |it| it["tool"] = "send_mail".into(),
            "has changed since this call was gated",
        ),
        (
            "descriptor",
            |it| it["descriptor"] = it["salt"].clone(),
            "has changed since this call was gated",
        ),
        ("rules", |it| it["rules"] = it["salt"].clone(), RECORDS),
        ("round", |it| it["round"] = 1.into(), RECORDS),
    ];
    for (what, change, because) in changes {
        check(what, "cleared", |db, bad, _| edit(db, *bad.id(), change), because).await;
    }
}

#[tokio::test]
async fn a_call_moved_past_its_gates() {
    for phase in ["confirm", "approve"] {
        let clear =
            |it: &mut Value| it["phase"] = json!({"phase": "cleared", "deadline": it["phase"]["deadline"]});
        check(
            "cleared by hand",
            phase,
            |db, bad, _| edit(db, *bad.id(), clear),
            RECORDS,
        )
        .await;
    }
    let vote = |it: &mut Value| {
        it["votes"] = json!([{"gate": 0, "by": "bob", "at": it["opened"]}]);
        it["phase"] = json!({"phase": "cleared", "deadline": it["phase"]["deadline"]});
    };
    check(
        "a vote added",
        "approve",
        |db, bad, _| edit(db, *bad.id(), vote),
        RECORDS,
    )
    .await;
}

/// Edits that honest people then build upon: what they decide is recorded on top of a lie.
#[tokio::test]
async fn a_call_moved_past_its_confirmation_and_then_approved() {
    let skip =
        |it: &mut Value| it["phase"] = json!({"phase": "approve", "deadline": it["phase"]["deadline"]});
    check(
        "confirmation skipped",
        "confirm",
        |db, bad, _| edit(db, *bad.id(), skip),
        "record",
    )
    .await;
}

#[tokio::test]
async fn gates_removed_and_sealed_anew_before_an_honest_confirmation() {
    let remove = |it: &mut Value| {
        it["gates"]["approvals"] = json!([]);
        reseal(it);
    };
    check(
        "resealed without approvals",
        "confirm",
        |db, bad, _| edit(db, *bad.id(), remove),
        "record",
    )
    .await;
    let swap = |it: &mut Value| {
        it["arguments"] = r#"{"n":1000}"#.into();
        reseal(it);
    };
    check(
        "resealed with other arguments",
        "confirm",
        |db, bad, _| edit(db, *bad.id(), swap),
        "record",
    )
    .await;
}

/// The seal as anybody can compute it who has the row.
fn reseal(state: &mut Value) {
    let text = |name: &str| state[name].as_str().unwrap().to_owned();
    let digest = |name: &str| -> Digest { serde_json::from_value(state[name].clone()).unwrap() };
    let id: CallId = text("id").parse().unwrap();
    let gates: countersign::gate::Gates = serde_json::from_value(state["gates"].clone()).unwrap();
    let gates = serde_json::to_string(&gates).unwrap();
    let commitment = Digest::keyed(digest("salt").bytes(), text("arguments").as_bytes());
    let round = u32::try_from(state["round"].as_u64().unwrap()).unwrap();
    let seal = Digest::of(
        "countersign/seal/1",
        &[
            text("tenant").as_bytes(),
            &id.bytes(),
            text("tool").as_bytes(),
            digest("descriptor").bytes(),
            commitment.bytes(),
            gates.as_bytes(),
            digest("rules").bytes(),
            text("requester").as_bytes(),
            &round.to_be_bytes(),
        ],
    );
    state["seal"] = seal.to_string().into();
}

#[tokio::test]
async fn a_call_in_doubt_by_hand_that_an_operator_retries() {
    let world = World::new::<All>().await;
    let call = standing(&world, "confirm").await;
    let doubt =
        |it: &mut Value| it["phase"] = json!({"phase": "in_doubt", "deadline": it["phase"]["deadline"]});
    edit(&raw(&world), *call.id(), doubt);
    let found = world.engine.desk().call(*call.id()).await.unwrap();
    let on = found.requirements().remove(0);
    let decision = Decision::new(&on, Verdict::Retry)
        .by(&who("olivia"))
        .reason("it says in doubt");
    let decided = world.engine.desk().decide(decision).await;
    let advanced = world.engine.worker().advance(*call.id()).await;
    let said = [decided.err(), advanced.err()].map(|it| it.map(|it| it.to_string()));
    assert!(said.iter().flatten().any(|it| it.contains("record")), "{said:?}");
    assert!(world.effects.all().is_empty());
}

#[tokio::test]
async fn an_external_call_moved_past_its_gates_takes_no_report() {
    let world = World::new::<All>().await;
    let call = world.open("wire_abroad", r#"{"n":1}"#, "alice").await;
    let skip = |it: &mut Value| {
        it["phase"] = json!({"phase": "external", "deadline": it["phase"]["deadline"], "cleared": it["phase"]["deadline"]});
    };
    edit(&raw(&world), *call.id(), skip);
    let desk = world.engine.desk();
    let error = desk
        .issue_token(*call.id(), &who("relay"))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("record"), "{error}");
    let on = desk.call(*call.id()).await.unwrap().requirements().remove(0);
    let error = desk
        .decide(Decision::report(&on, Ok(json!("done"))).by(&who("relay")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("record"), "{error}");
    assert_eq!(desk.call(*call.id()).await.unwrap().phase().name(), "external");
}

#[tokio::test]
async fn an_agent_that_is_taken_out_of_the_row() {
    let world = World::new::<All>().await;
    world.spoil();
    let (alice, bot) = (who("alice"), who("bot"));
    let called = world
        .engine
        .call("move_money", json!({"n": 1}))
        .by(&alice)
        .through(&bot)
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("it waits")
    };
    edit(&raw(&world), waiting.call_id(), |it| {
        it.as_object_mut().unwrap().remove("agent").unwrap();
    });
    // Erin owns the agent, and so stands behind the call.
    let mut said = Vec::new();
    for (by, verdict) in [("alice", Verdict::Confirm), ("erin", Verdict::Approve)] {
        let Some(on) = world.call(waiting.call_id()).await.requirements().pop() else {
            continue;
        };
        let decided = world
            .engine
            .desk()
            .decide(Decision::new(&on, verdict).by(&who(by)))
            .await;
        said.extend(decided.err().map(|it| it.to_string()));
    }
    said.extend(
        world
            .engine
            .worker()
            .advance(waiting.call_id())
            .await
            .err()
            .map(|it| it.to_string()),
    );
    assert!(said.iter().any(|it| it.contains("record")), "{said:?}");
    assert!(world.effects.all().is_empty());
}

/// Whoever makes a call look idempotent would have it run again without anybody being asked.
#[tokio::test]
async fn a_call_that_is_made_idempotent() {
    let mark = |it: &mut Value| it["idempotent"] = true.into();
    let because = "it says that `move_money` is idempotent, which it is not; nothing was run";
    check(
        "idempotent",
        "cleared",
        |db, bad, _| edit(db, *bad.id(), mark),
        because,
    )
    .await;
}

#[tokio::test]
async fn records_that_are_gone_or_changed() {
    let gone = |db: &Connection, bad: &Call, _: &Call| {
        without_fences(db);
        db.execute("DELETE FROM audit_entry WHERE call = ?1", [bad.id().to_string()])
            .unwrap();
    };
    check("no records", "cleared", gone, RECORDS).await;
    let some = |db: &Connection, bad: &Call, _: &Call| {
        without_fences(db);
        let sql = "DELETE FROM audit_entry WHERE call = ?1 AND entry LIKE '%call.confirmed%'";
        assert_eq!(db.execute(sql, [bad.id().to_string()]).unwrap(), 1);
    };
    check("one record gone", "cleared", some, "record").await;
    let changed = |db: &Connection, bad: &Call, _: &Call| {
        without_fences(db);
        let sql = "UPDATE audit_entry SET entry = replace(entry, 'bob', 'eve') WHERE call = ?1 AND entry LIKE '%call.approved%'";
        assert_eq!(db.execute(sql, [bad.id().to_string()]).unwrap(), 1);
    };
    check(
        "a record changed",
        "cleared",
        changed,
        "is not what was hashed; nothing was run",
    )
    .await;
}

#[tokio::test]
async fn a_version_that_was_moved() {
    let world = World::new::<All>().await;
    let call = standing(&world, "cleared").await;
    raw(&world)
        .execute("UPDATE call SET version = version + 7", [])
        .unwrap();
    // A version is nobody's evidence: the call is what its records say, and the next commit counts on.
    world.engine.worker().advance(*call.id()).await.unwrap();
    assert_eq!(world.effects.all(), ["move_money 1"]);
    raw(&world).execute("UPDATE call SET version = -1", []).unwrap();
    let error = world
        .engine
        .worker()
        .advance(*call.id())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("the store is damaged"), "{error}");
}

#[tokio::test]
async fn a_descriptor_that_is_gone_or_another() {
    let world = World::new::<All>().await;
    let call = standing(&world, "confirm").await;
    let on = call.requirements().remove(0);
    // A desk without linked tools needs it to check what people give.
    let console = Engine::builder()
        .store(sqlite(world.dir.path()))
        .clock(world.clock.clone())
        .worker(false);
    let console = console.start().await.unwrap();
    let db = raw(&world);
    db.execute(
        "UPDATE descriptor SET text = replace(text, 'Confirmed', 'Harmless')",
        [],
    )
    .unwrap();
    let confirm = || Decision::confirm(&on).by(&who("alice"));
    let error = console.desk().decide(confirm()).await.unwrap_err().to_string();
    assert!(
        error.contains("a descriptor is not what its digest says"),
        "{error}"
    );
    db.execute("DELETE FROM descriptor", []).unwrap();
    let error = console.desk().decide(confirm()).await.unwrap_err().to_string();
    assert!(
        error.contains("the descriptor") && error.contains("is missing"),
        "{error}"
    );
    assert_eq!(world.call(*call.id()).await, call);
    // Whoever links the tool knows it anyway.
    let decided = world.engine.desk().decide(confirm()).await.unwrap();
    assert_eq!(code(&decided.answer), "accepted");
}

#[tokio::test]
async fn calls_expire_beside_one_that_cannot_be_read() {
    let world = World::new::<All>().await;
    let (bad, good) = (
        standing(&world, "confirm").await,
        standing(&world, "confirm").await,
    );
    column(&raw(&world), *bad.id(), "state", "garbage");
    world.later(24 * 8);
    world.engine.worker().sweep().await.unwrap();
    assert_eq!(world.call(*good.id()).await.phase().name(), "closed");
}

#[tokio::test]
async fn a_damaged_call_can_be_seen_to_be_damaged_everywhere() {
    let world = World::new::<All>().await;
    let call = standing(&world, "cleared").await;
    column(&raw(&world), *call.id(), "state", "garbage");
    let alice = who("alice");
    let errors: Vec<Error> = vec![
        world.engine.desk().call(*call.id()).await.unwrap_err(),
        world
            .engine
            .desk()
            .cancel(*call.id(), &alice, None)
            .await
            .unwrap_err(),
        world.engine.worker().advance(*call.id()).await.unwrap_err(),
        world.engine.wait(*call.id()).await.unwrap_err(),
        world.engine.wait_until_settled(*call.id()).await.unwrap_err(),
        world.engine.calls_of(*call.run()).await.unwrap_err(),
        world
            .engine
            .desk()
            .issue_token(*call.id(), &who("relay"))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(
            text.contains(&call.id().to_string()) && text.contains("damaged"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_inbox_shows_no_call_whose_columns_were_edited() {
    let world = World::new::<All>().await;
    let (bad, good) = (
        standing(&world, "confirm").await,
        standing(&world, "confirm").await,
    );
    // Still found by whom it waits for, and its text can be read.
    column(&raw(&world), *bad.id(), "tool", "restart");
    let (asked, _) = world.engine.desk().inbox(&who("alice"), None, 100).await.unwrap();
    assert_eq!(asked.iter().map(|it| it.call).collect::<Vec<_>>(), [*good.id()]);
    world.engine.calls_of(*bad.run()).await.unwrap_err();
}
