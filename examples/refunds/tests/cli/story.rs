//! From a proposal to one line in the ledger, by the right people, and by nobody else.

use example_kit::program::first;
use serde_json::json;

use crate::program;

const REFUND: &str = r#"{"customer_id":"ACME-123","amount_cents":50000,"reason":"late"}"#;

#[test]
fn the_right_people_carry_a_refund_to_one_line_in_the_ledger() {
    let program = program();
    let (confirmation, call) = program.proposed("issue_refund", REFUND);
    let refused = program.decide(21, &confirmation, &["confirm", "--as", "mallory"]);
    assert_eq!(refused["code"], "not_allowed");
    let waiting = program.decide(10, &confirmation, &["confirm", "--as", "alice"]);
    let approval = first(&waiting);
    assert_eq!(waiting["requirements"][0]["pool"], "managers");
    for (by, code) in [
        ("alice", "self_approval"),
        ("mallory", "not_allowed"),
        ("carol", "not_allowed"),
        ("relay", "not_allowed"),
        ("nobody", "not_allowed"),
    ] {
        let refused = program.decide(21, &approval, &["approve", "--as", by]);
        assert_eq!(
            (&refused["status"], &refused["code"]),
            (&json!("refused"), &json!(code)),
            "{by}"
        );
        assert!(refused["message"].as_str().unwrap().contains(by), "{refused}");
    }
    assert_eq!(program.file("ledger.jsonl"), "");
    let done = program.decide(0, &approval, &["approve", "--as", "bob", "--reason", "ticket 81"]);
    assert_eq!(done["status"], "done");
    assert_eq!(done["outcome"], "returned");
    assert_eq!(done["result"]["approved_by"], json!(["bob"]));
    // The same again: the same answer, nothing runs, nothing is recorded.
    let records = program.records(&call);
    assert_eq!(
        program.decide(0, &approval, &["approve", "--as", "bob", "--reason", "ticket 81"]),
        done
    );
    assert_eq!(program.records(&call), records);
    let ledger = program.file("ledger.jsonl");
    assert_eq!(ledger.lines().count(), 1, "{ledger}");
    let line: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    assert_eq!(
        (&line["call"], &line["amount_cents"]),
        (&json!(call), &json!(50000))
    );
    assert_eq!(
        records,
        [
            "call.opened alice",
            "call.refused mallory not_allowed",
            "call.confirmed alice",
            "call.refused alice self_approval",
            "call.refused mallory not_allowed",
            "call.refused carol not_allowed",
            "call.refused relay not_allowed",
            "call.refused nobody not_allowed",
            "call.approved bob",
            "call.claimed",
            "call.returned",
        ]
    );
}

#[test]
fn who_said_it_and_how_is_on_record() {
    let program = program();
    let (_, call) = program.proposed("issue_refund", REFUND);
    let shown = program.json(0, &["show", &call]);
    let auth = shown["records"][0]["actor"]["auth"].as_str().unwrap().to_owned();
    assert!(
        auth.starts_with("asserted-local (os user ") && auth.ends_with(") cli"),
        "{auth}"
    );
}

#[test]
fn large_sums_need_both_pools_and_a_person_counts_once() {
    let program = program();
    let args = r#"{"customer_id":"GLOBEX-7","amount_cents":1500000,"reason":"bent"}"#;
    let (confirmation, call) = program.proposed("issue_refund", args);
    let waiting = program.decide(10, &confirmation, &["confirm", "--as", "alice"]);
    let asked = waiting["requirements"].as_array().unwrap();
    let of = |pool: &str| {
        asked.iter().find(|it| it["pool"] == pool).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (finance, managers) = (of("finance"), of("managers"));
    let once = program.decide(10, &finance, &["approve", "--as", "dave"]);
    assert_eq!(program.decide(10, &finance, &["approve", "--as", "dave"]), once);
    let left = once["requirements"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["pool"] == "finance")
        .unwrap();
    assert_eq!((&left["has"], &left["needs"]), (&json!(1), &json!(2)));
    program.decide(10, &managers, &["approve", "--as", "erin"]);
    program.decide(0, &finance, &["approve", "--as", "carol"]);
    assert_eq!(program.file("ledger.jsonl").lines().count(), 1);
    let explained = program.json(0, &["explain", &call]);
    let states: Vec<_> = explained["gates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["met", "met", "met"]);
    let decided = explained["decided"].as_array().unwrap();
    let said: Vec<_> = decided
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["actor"]["id"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("call.confirmed", "alice"),
            ("call.approved", "dave"),
            ("call.approved", "erin"),
            ("call.approved", "carol"),
        ]
    );
    for gate in &explained["gates"].as_array().unwrap()[1..] {
        assert_eq!(
            gate["at"].as_array().unwrap().len(),
            gate["by"].as_array().unwrap().len()
        );
    }
}

#[test]
fn what_was_shown_before_an_amendment_is_stale() {
    let program = program();
    let (old, _) = program.proposed("issue_refund", REFUND);
    let less = r#"{"customer_id":"ACME-123","amount_cents":500,"reason":"late"}"#;
    let waiting = program.decide(10, &old, &["amend", "--arguments", less, "--as", "alice"]);
    assert_eq!(waiting["requirements"][0]["arguments"]["amount_cents"], 500);
    assert_eq!(
        program.decide(21, &old, &["confirm", "--as", "alice"])["code"],
        "stale_seal"
    );
    assert_eq!(program.file("ledger.jsonl"), "");
    program.decide(0, &first(&waiting), &["confirm", "--as", "alice"]);
    assert!(program.file("ledger.jsonl").contains("\"amount_cents\":500,"));
}

#[test]
fn an_unknown_actor_proposes_nothing_and_that_is_on_record() {
    let program = program();
    for tool in ["issue_refund", "search_orders", "export_customer_data"] {
        let args = if tool == "issue_refund" {
            REFUND
        } else {
            r#"{"customer_id":"ACME-123"}"#
        };
        let refused = program.json(21, &["call", tool, "--args", args, "--as", "eve"]);
        assert_eq!(
            (&refused["status"], &refused["code"]),
            (&json!("refused"), &json!("not_allowed")),
            "{tool}"
        );
    }
    assert_eq!(program.file("exports/ACME-123.json"), "");
    let log = program.json(0, &["audit", "log"]);
    let opened = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["kind"] == "call.opened")
        .unwrap();
    assert_eq!(
        (&opened["actor"]["id"], &opened["outcome"]),
        (&json!("eve"), &json!("blocked"))
    );
}

#[test]
fn fields_are_asked_of_the_person_and_checked() {
    let program = program();
    let guess = r#"{"summary":"slow","severity":"high"}"#;
    let refused = program.json(
        21,
        &["call", "file_support_ticket", "--args", guess, "--as", "alice"],
    );
    assert_eq!(refused["code"], "invalid_input", "the model never fills this in");
    let (input, _) = program.proposed("file_support_ticket", r#"{"summary":"slow"}"#);
    let wrong = r#"{"description":"very slow","severity":"very"}"#;
    let refused = program.decide(21, &input, &["fill", "--values", wrong, "--as", "alice"]);
    assert_eq!(refused["code"], "invalid_input");
    assert!(
        refused["message"].as_str().unwrap().contains("severity"),
        "{refused}"
    );
    let right = r#"{"description":"very slow","severity":"low"}"#;
    let done = program.decide(0, &input, &["fill", "--values", right, "--as", "alice"]);
    assert_eq!(done["result"]["ticket_id"], "T-1");
    assert_eq!(program.file("tickets.jsonl").lines().count(), 1);
}

#[test]
fn the_outside_reports_once_with_a_token() {
    let program = program();
    let (external, call) = program.proposed("submit_to_change_management", r#"{"title":"t","rollback":"r"}"#);
    assert_eq!(
        program.json(21, &["show", &call, "--token", "--as", "alice"])["code"],
        "not_allowed"
    );
    let shown = program.json(0, &["show", &call, "--token", "--as", "relay"]);
    let token = shown["token"].as_str().unwrap();
    let result = r#"{"change_id":"CHG-1","carried_out":true}"#;
    let with = |token: &str, result: &str, code: i32| {
        program.decide(code, &external, &["report", "--result", result, "--token", token])
    };
    assert_eq!(with("rt_guessed", result, 21)["code"], "not_allowed");
    assert_eq!(with(token, r#"{"change_id":7}"#, 21)["code"], "invalid_input");
    let done = with(token, result, 0);
    assert_eq!(done["result"]["change_id"], "CHG-1");
    assert_eq!(with(token, result, 0), done);
    let other = r#"{"change_id":"CHG-2","carried_out":false}"#;
    assert_eq!(with(token, other, 21)["code"], "already_decided");
    assert!(
        !program
            .words(0, &["audit", "log", "--call", &call])
            .contains(token),
        "the token is never on record"
    );
}

#[test]
fn the_story_plays_without_a_terminal_again_and_again() {
    let program = program();
    for words in [&["demo"][..], &[]] {
        let story = program.words(0, words);
        for sight in [
            "self_approval",
            "stale_seal",
            "Rejected by bob",
            "The model is told",
            "ledger.jsonl",
            "Done, as reported",
        ] {
            assert!(story.contains(sight), "{sight} is not in the story");
        }
        assert!(story.contains("proposed issue_refund"), "the records are shown");
    }
    assert_eq!(
        program.file("ledger.jsonl").lines().count(),
        8,
        "four refunds a story"
    );
}
