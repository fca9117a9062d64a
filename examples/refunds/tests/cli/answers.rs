//! The shapes of the answers and the exit codes, as `docs/cli.md` says them.

use example_kit::program::{first, names};
use serde_json::{Value, json};

use crate::program;

const SMALL: &str = r#"{"customer_id":"INITECH-9","amount_cents":500,"reason":"late"}"#;
const NOTHING: &str = r#"{"customer_id":"INITECH-9","amount_cents":0,"reason":"late"}"#;
const BILLING: &str = r#"{"service_name":"billing"}"#;

#[test]
fn done_is_0() {
    let program = program();
    let done = program.json(
        0,
        &["call", "search_orders", "--args", r#"{"customer_id":"ACME-123"}"#],
    );
    assert_eq!(names(&done), ["call", "outcome", "result", "run", "status"]);
    assert_eq!(
        (&done["status"], &done["outcome"]),
        (&json!("done"), &json!("returned"))
    );
    assert_eq!(
        (&done["call"], &done["run"]),
        (&Value::Null, &Value::Null),
        "nothing was stored"
    );
    assert_eq!(done["result"][0]["order_id"], "O-1001");
    let (on, call) = program.proposed("restart_service", BILLING);
    let done = program.decide(0, &on, &["answer", "--result", "\"by hand\"", "--as", "alice"]);
    assert_eq!(names(&done), ["by", "call", "outcome", "result", "run", "status"]);
    assert_eq!(
        (&done["outcome"], &done["result"], &done["call"]),
        (&json!("answered"), &json!("by hand"), &json!(call))
    );
    assert_eq!(program.file("restarts.jsonl"), "", "the tool never ran");
}

#[test]
fn waiting_is_10() {
    let program = program();
    let waiting = program.json(10, &["call", "issue_refund", "--args", SMALL, "--as", "alice"]);
    assert_eq!(names(&waiting), ["call", "requirements", "run", "status"]);
    assert_eq!(waiting["status"], "waiting");
    let asked = &waiting["requirements"][0];
    assert_eq!(
        names(asked),
        [
            "arguments",
            "escalated",
            "expires_at",
            "fields",
            "has",
            "id",
            "kind",
            "needs",
            "pool",
            "seal",
            "stale_tool",
            "tool",
            "warned"
        ]
    );
    assert_eq!(asked["arguments"], serde_json::from_str::<Value>(SMALL).unwrap());
    assert_eq!(
        (
            &asked["kind"],
            &asked["tool"],
            &asked["pool"],
            &asked["needs"],
            &asked["has"],
            &asked["stale_tool"]
        ),
        (
            &json!("confirmation"),
            &json!("issue_refund"),
            &Value::Null,
            &json!(1),
            &json!(0),
            &json!(false)
        )
    );
    let (input, _) = program.proposed("file_support_ticket", r#"{"summary":"slow"}"#);
    let inbox = program.json(0, &["inbox", "--as", "alice"]);
    let ticket = inbox["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["id"] == input)
        .unwrap();
    assert_eq!(
        (&ticket["kind"], &ticket["fields"]),
        (&json!("user_input"), &json!(["description", "severity"]))
    );
}

#[test]
fn running_is_11() {
    let program = program();
    let (on, call) = program.proposed("restart_service", BILLING);
    let running = program.decide(11, &on, &["confirm", "--as", "alice", "--no-run"]);
    assert_eq!(names(&running), ["call", "phase", "run", "status"]);
    assert_eq!(
        (&running["status"], &running["phase"]),
        (&json!("running"), &json!("cleared"))
    );
    assert_eq!(program.file("restarts.jsonl"), "");
    // Said again without that, it runs.
    assert_eq!(
        program.decide(0, &on, &["confirm", "--as", "alice"])["call"],
        json!(call)
    );
    assert_eq!(program.file("restarts.jsonl").lines().count(), 1);
}

#[test]
fn closed_without_running_is_20() {
    let program = program();
    let (on, call) = program.proposed("issue_refund", SMALL);
    let closed = program.decide(20, &on, &["reject", "--as", "alice", "--reason", "no"]);
    assert_eq!(
        closed,
        json!({"status": "closed", "outcome": "rejected", "by": "alice", "reason": "no", "run": closed["run"], "call": call})
    );
    assert_eq!(
        program.decide(21, &on, &["confirm", "--as", "alice"])["code"],
        "already_decided"
    );
    let (_, call) = program.proposed("issue_refund", SMALL);
    let closed = program.json(20, &["cancel", &call, "--as", "alice"]);
    assert_eq!(
        closed,
        json!({"status": "closed", "outcome": "cancelled", "by": "alice", "reason": null, "run": closed["run"], "call": call})
    );
}

#[test]
fn refused_is_21() {
    let program = program();
    let refused = program.json(
        21,
        &[
            "call",
            "issue_refund",
            "--args",
            r#"{"amount":5}"#,
            "--as",
            "alice",
        ],
    );
    assert_eq!(names(&refused), ["code", "message", "status"]);
    assert_eq!(refused["code"], "invalid_input");
    let nobody = "req_01m82afn6n46p1d9efk706edp0_2x3e5mnemrqfcnv5521mex3811";
    assert_eq!(
        program.decide(21, nobody, &["confirm", "--as", "alice"])["code"],
        "unknown_requirement"
    );
    let (on, _) = program.proposed("issue_refund", SMALL);
    // Who may not decide this learns that first; who may, that this is no answer.
    let approved = |by| program.decide(21, &on, &["approve", "--as", by])["code"].clone();
    assert_eq!(
        (approved("bob"), approved("alice")),
        (json!("not_allowed"), json!("invalid_input"))
    );
}

#[test]
fn abandoned_is_22() {
    let program = program();
    let (_, call) = program.proposed("submit_to_change_management", r#"{"title":"t","rollback":"r"}"#);
    let waiting = program.json(10, &["cancel", &call, "--as", "alice"]);
    assert_eq!(waiting["requirements"][0]["kind"], "in_doubt");
    let on = first(&waiting);
    assert_eq!(
        program.decide(21, &on, &["abandon", "--as", "olivia"])["code"],
        "invalid_input"
    );
    let closed = program.decide(
        22,
        &on,
        &["abandon", "--as", "olivia", "--reason", "router is gone"],
    );
    assert_eq!(
        (&closed["status"], &closed["outcome"], &closed["by"]),
        (&json!("closed"), &json!("abandoned"), &json!("olivia"))
    );
}

#[test]
fn a_tool_that_fails_is_23() {
    let program = program();
    let (on, _) = program.proposed("issue_refund", NOTHING);
    let failed = program.decide(23, &on, &["confirm", "--as", "alice"]);
    assert_eq!(
        names(&failed),
        ["call", "effect", "error", "outcome", "result", "run", "status"]
    );
    assert_eq!(
        (&failed["status"], &failed["outcome"]),
        (&json!("done"), &json!("failed"))
    );
    assert_eq!(failed["error"], "a refund of 0 cents is no refund");
}

#[test]
fn errors_are_1_with_one_line() {
    let program = program();
    let call = "call_01m82afn6n46p1d9efk706edp0";
    let error = program.json(1, &["show", call]);
    assert_eq!(
        error,
        json!({"status": "error", "message": format!("there is no {call}")})
    );
    let output = program.run(&["call", "issue_refnd", "--as", "alice"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert!(errors.contains("did you mean `issue_refund`"), "{errors}");
}

#[test]
fn misuse_is_2() {
    let program = program();
    for words in [
        &["call"][..],
        &["call", "issue_refund", "--args", SMALL],
        &["call", "issue_refund", "--args", "{", "--as", "alice"],
        &["call", "issue_refund", "--args", SMALL, "--as", "two words"],
        &["decide", "req_1", "confirm", "--as", "alice"],
        &["inbox"],
        &["tools", "--dialect", "klingon"],
        &["runs", "--limit", "0"],
        &["refund"],
    ] {
        let output = program.run(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words:?}");
    }
    let (on, _) = program.proposed("issue_refund", SMALL);
    for words in [
        &["amend"][..],
        &["answer"],
        &["confirm", "--result", "1"],
        &["report"],
        &["shrug"],
    ] {
        let output = program.run(&[&["decide", &on][..], words, &["--as", "alice"]].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn lists_page_by_key() {
    let program = program();
    let calls: Vec<String> = (0..5)
        .map(|_| program.proposed("issue_refund", SMALL).1)
        .collect();
    let mut found = Vec::new();
    let mut after: Vec<String> = Vec::new();
    loop {
        let after_words: Vec<&str> = after.iter().map(String::as_str).collect();
        let page = program.json(
            0,
            &[&["inbox", "--as", "alice", "--limit", "2"][..], &after_words].concat(),
        );
        assert_eq!(names(&page), ["items", "next"]);
        let items = page["items"].as_array().unwrap();
        found.extend(items.iter().map(|it| it["call"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        after = vec!["--after".to_owned(), next.to_owned()];
    }
    assert_eq!(found, calls);
    let newest = program.json(0, &["runs", "--limit", "3"]);
    let rest = program.json(0, &["runs", "--after", newest["next"].as_str().unwrap()]);
    let of = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|it| it["calls"][0]["call"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut all = [of(&newest), of(&rest)].concat();
    all.reverse();
    assert_eq!((all, &rest["next"]), (calls, &Value::Null));
    assert_eq!(
        names(&newest["items"][0]),
        [
            "agent",
            "calls",
            "created",
            "path",
            "requester",
            "run",
            "session",
            "status"
        ]
    );
    assert_eq!(newest["items"][0]["status"], "paused");
    let log = program.json(0, &["audit", "log", "--limit", "4"]);
    let rest = program.json(0, &["audit", "log", "--after", &log["next"].to_string()]);
    assert_eq!(
        log["items"].as_array().unwrap().len() + rest["items"].as_array().unwrap().len(),
        6
    );
    assert_eq!(
        (&rest["items"][0]["seq"], &rest["next"]),
        (&json!(4), &Value::Null)
    );
}

#[test]
fn show_is_the_call_with_its_records() {
    let program = program();
    let (on, call) = program.proposed("issue_refund", SMALL);
    program.decide(20, &on, &["reject", "--as", "alice", "--reason", "wrong order"]);
    let shown = program.json(0, &["show", &call]);
    assert_eq!(
        (&shown["call"], &shown["outcome"]),
        (&json!(call), &json!("rejected"))
    );
    let rejected = &shown["records"][1];
    assert_eq!(
        (&rejected["kind"], &rejected["actor"]["id"]),
        (&json!("call.rejected"), &json!("alice"))
    );
    assert_eq!(
        shown["words"][rejected["reason"].as_str().unwrap()],
        "wrong order"
    );
    let words = program.words(0, &["show", &call]);
    assert!(
        words.contains("rejected: “wrong order”") && words.contains("\"may_retry\""),
        "{words}"
    );
}

#[test]
fn tools_speak_every_dialect_and_hold_a_lock() {
    let program = program();
    let table = program.json(0, &["tools"]);
    assert_eq!(table["items"].as_array().unwrap().len(), 6);
    for dialect in [
        "openai",
        "openai-strict",
        "anthropic",
        "gemini",
        "mcp",
        "json-schema",
    ] {
        assert_eq!(
            program
                .json(0, &["tools", "--dialect", dialect])
                .as_array()
                .unwrap()
                .len(),
            6,
            "{dialect}"
        );
    }
    let lock = program.words(0, &["tools", "--lock"]);
    let path = program.write("tools.lock", &lock);
    program.words(0, &["tools", "--check", &path]);
    let path = program.write("tools.lock", &lock.replace("quorum=2", "quorum=3"));
    assert!(
        program
            .words(1, &["tools", "--check", &path])
            .contains("GATE LOST")
    );
}

#[test]
fn explain_names_the_annotation() {
    let program = program();
    let (_, call) = program.proposed(
        "issue_refund",
        r#"{"customer_id":"A","amount_cents":10000,"reason":"r"}"#,
    );
    let explained = program.json(0, &["explain", &call]);
    let gates = explained["gates"].as_array().unwrap();
    assert_eq!(
        (&gates[0]["kind"], &gates[0]["state"]),
        (&json!("confirmation"), &json!("asking"))
    );
    assert_eq!(
        (&gates[1]["pool"], &gates[1]["state"]),
        (&json!("managers"), &json!("later"))
    );
    assert_eq!(gates[1]["because"][0]["from"], "annotation");
    assert!(
        gates[1]["because"][0]["when"]
            .as_str()
            .unwrap()
            .contains("10_000"),
        "{explained}"
    );
    assert!(
        explained["not_asked"][0]["when"]
            .as_str()
            .unwrap()
            .contains("1_000_000"),
        "{explained}"
    );
    assert_eq!(explained["missing"].as_array().unwrap().len(), 2);
}
