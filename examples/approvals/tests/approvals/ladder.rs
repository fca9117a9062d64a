//! From a sentence to one line in the ledger, by the right people, and by nobody else.

use example_kit::program::first;
use serde_json::{Value, json};

use crate::{program, said, verified, went_on};

fn approval(waiting: &Value, pool: &str) -> String {
    let asked = waiting["requirements"].as_array().unwrap();
    asked.iter().find(|it| it["pool"] == pool).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_small_refund_needs_the_person_asking() {
    let program = program();
    let asked = said(&program, 10, "Refund INITECH-9 $5 because the stapler was blue.");
    assert_eq!(
        (&asked["status"], &asked["agent"]),
        (&json!("paused"), &json!("clerk"))
    );
    assert_eq!(
        asked["requirements"][0]["arguments"]["reason"],
        "the stapler was blue"
    );
    assert_eq!(program.file("ledger.jsonl"), "");
    let refused = program.decide(21, &first(&asked), &["confirm", "--as", "bob"]);
    assert_eq!(refused["code"], "not_allowed");
    program.decide(0, &first(&asked), &["confirm", "--as", "alice"]);
    let done = went_on(&program, 0, &asked);
    assert_eq!(done["output"], "INITECH-9 got 5.00 back. The number is R-1.");
    // Once more is no second refund.
    assert_eq!(went_on(&program, 0, &asked), done);
    assert_eq!(program.file("ledger.jsonl").lines().count(), 1);
    verified(&program);
}

#[test]
fn a_larger_one_needs_a_manager_who_does_not_own_the_agent() {
    let program = program();
    let asked = said(&program, 10, "Refund ACME-123 $500 because the desk was late.");
    let waiting = program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    let on = approval(&waiting, "managers");
    for (by, code) in [
        ("alice", "self_approval"),
        ("bob", "self_approval"),
        ("carol", "not_allowed"),
    ] {
        assert_eq!(
            program.decide(21, &on, &["approve", "--as", by])["code"],
            code,
            "{by}"
        );
    }
    // Who is not asked is not named either.
    let words = program.words(
        10,
        &[
            "chat",
            "--continue",
            asked["run"].as_str().unwrap(),
            "--as",
            "alice",
        ],
    );
    assert!(
        words.contains("Asks pool managers for 1 approval: erin."),
        "{words}"
    );
    // Nothing was decided, so nothing goes on.
    assert_eq!(went_on(&program, 10, &asked)["requirements"][0]["id"], json!(on));
    program.decide(0, &on, &["approve", "--as", "erin"]);
    let done = went_on(&program, 0, &asked);
    assert_eq!(
        done["output"],
        "ACME-123 got 500.00 back, signed off by erin. The number is R-1."
    );
    verified(&program);
}

#[test]
fn the_largest_needs_both_pools_and_two_of_finance() {
    let program = program();
    let asked = said(&program, 10, "Refund GLOBEX-7 $15,000 because the rack was bent.");
    let waiting = program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    let (managers, finance) = (approval(&waiting, "managers"), approval(&waiting, "finance"));
    program.decide(10, &finance, &["approve", "--as", "carol"]);
    program.decide(10, &managers, &["approve", "--as", "erin"]);
    assert_eq!(went_on(&program, 10, &asked)["status"], "paused");
    assert_eq!(program.file("ledger.jsonl"), "");
    program.decide(0, &finance, &["approve", "--as", "dave"]);
    let done = went_on(&program, 0, &asked);
    assert!(
        done["output"]
            .as_str()
            .unwrap()
            .contains("15000.00 back, signed off by"),
        "{done}"
    );
    let report = said(&program, 0, "How much was paid?");
    assert_eq!(report["output"], "1 refunds, 15000.00 in all.");
    verified(&program);
}

#[test]
fn a_rejected_deletion_never_runs_and_the_model_is_told_why() {
    let program = program();
    let asked = said(&program, 10, "Delete GLOBEX-7.");
    let waiting = program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    let on = approval(&waiting, "privacy");
    program.decide(
        20,
        &on,
        &["reject", "--as", "grace", "--reason", "there is an open invoice"],
    );
    let done = went_on(&program, 0, &asked);
    assert_eq!(
        done["output"],
        "That was rejected by grace: there is an open invoice."
    );
    assert_eq!(
        program.decide(21, &on, &["approve", "--as", "grace"])["code"],
        "already_decided"
    );
    assert_eq!(program.file("deleted.jsonl"), "");
    let found = said(&program, 0, "Look up GLOBEX-7.");
    assert!(found["output"].as_str().unwrap().contains("Globex"), "{found}");
    verified(&program);
}

#[test]
fn an_approved_deletion_runs_once() {
    let program = program();
    let asked = said(&program, 10, "Delete GLOBEX-7.");
    let waiting = program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    program.decide(0, &approval(&waiting, "privacy"), &["approve", "--as", "grace"]);
    assert_eq!(went_on(&program, 0, &asked)["output"], "GLOBEX-7 is deleted.");
    assert_eq!(program.file("deleted.jsonl").lines().count(), 1);
    let gone = said(&program, 0, "Look up GLOBEX-7.");
    assert!(
        gone["output"]
            .as_str()
            .unwrap()
            .contains("there is no account `GLOBEX-7`"),
        "{gone}"
    );
    verified(&program);
}

#[test]
fn an_export_never_waits_and_is_on_record() {
    let program = program();
    let done = said(&program, 0, "Export ACME-123.");
    assert!(done["output"].as_str().unwrap().contains("on record"), "{done}");
    assert!(program.file("exports/ACME-123.json").contains("Acme Corp"));
    let log = program.json(0, &["audit", "log"]);
    let exported: Vec<&Value> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["tool"] == "export_account")
        .collect();
    assert_eq!(exported.len(), 2, "one record before it, one after it: {log}");
    assert_eq!(exported[0]["actor"]["id"], "alice");
    verified(&program);
}
