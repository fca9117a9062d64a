//! Edits of what the seal does not cover: times, tokens, secrets, what was decided, columns. The records do.

use countersign::prelude::*;
use countersign::{Call, Digest, Verdict};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::damage::{All, COLUMNS, check, column, edit, raw};
use crate::world::{World, who};

pub(crate) type Change = fn(&mut Value);

const CHANGES: [(&str, Change); 10] = [
    ("deadline", |it| {
        it["phase"]["deadline"] = "2099-01-01T00:00:00.000Z".into();
    }),
    ("secrets", |it| it["secrets"] = json!(["n"])),
    ("decided", |it| {
        it["decided"] = json!([{"on": "req_00000000000000000000000001_00000000000000000000000002",
            "by": "mallory", "what": "00".repeat(32)}]);
    }),
    ("tokens", |it| it["tokens"] = json!(["00".repeat(32)])),
    ("patience", |it| it["patience_ms"] = 1.into()),
    ("proposal", |it| it["proposal"] = "00".repeat(32).into()),
    ("destructive", |it| it["destructive"] = false.into()),
    ("session", |it| it["session"] = "s2".into()),
    ("past seals", |it| it["past_seals"] = json!([it["seal"].clone()])),
    ("opened", |it| it["opened"] = "2000-01-01T00:00:00.000Z".into()),
];

#[tokio::test]
async fn of_a_cleared_call() {
    for (what, change) in CHANGES {
        let records = "the stored call is not what its records say";
        check(what, "cleared", |db, bad, _| edit(db, *bad.id(), change), records).await;
    }
}

/// Honest people decide on what they are shown, and put the edit on record with it.
#[tokio::test]
async fn before_an_honest_decision() {
    for phase in ["confirm", "approve"] {
        for (what, change) in CHANGES {
            let edited = "it was made from an edited one";
            check(what, phase, |db, bad, _| edit(db, *bad.id(), change), edited).await;
        }
    }
}

#[tokio::test]
async fn a_token_that_was_never_issued_reports_nothing() {
    let world = World::new::<All>().await;
    let call = world.open("wire_abroad", r#"{"n":1}"#, "alice").await;
    let desk = world.engine.desk();
    let approve = Decision::approve(&call.requirements()[0]).by(&who("bob"));
    let call = desk.decide(approve).await.unwrap().call.unwrap();
    assert_eq!(call.phase().name(), "external");
    let hash = Digest::of("countersign/report-token/1", &[b"rt_mine"]).to_string();
    edit(&raw(&world), *call.id(), |it| it["tokens"] = json!([hash]));
    let report = Verdict::ReportWithToken(Ok(json!("done")), "rt_mine".to_owned());
    let error = desk
        .decide(Decision::new(&call.requirements()[0], report))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
    // So does a deadline that was moved: silence would have led to an operator.
    edit(&raw(&world), *call.id(), |it| {
        it["tokens"] = json!([]);
        it["phase"]["deadline"] = "2099-01-01T00:00:00.000Z".into();
    });
    let report = Decision::report(&call.requirements()[0], Ok(json!("done"))).by(&who("relay"));
    let error = desk.decide(report).await.unwrap_err();
    assert!(error.to_string().contains("is damaged"), "{error}");
}

#[tokio::test]
async fn edited_columns() {
    let edits = [
        ("phase", "approve"),
        ("tool", "send_mail"),
        ("requester", "mallory"),
    ];
    for (name, value) in edits {
        let damage = |db: &Connection, bad: &Call, _: &Call| column(db, *bad.id(), name, value);
        check(name, "cleared", damage, COLUMNS).await;
    }
    check(
        "garbage phase",
        "cleared",
        |db, bad, _| column(db, *bad.id(), "phase", "open"),
        COLUMNS,
    )
    .await;
}

/// A row that cannot even be listed.
#[tokio::test]
async fn columns_that_are_no_names() {
    for name in ["tool", "requester", "run"] {
        check(
            name,
            "confirm",
            |db, bad, _| column(db, *bad.id(), name, "no such name!"),
            "the store is damaged",
        )
        .await;
    }
}
