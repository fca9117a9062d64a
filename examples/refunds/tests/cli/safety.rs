//! What must not happen: prompts without a terminal, text that deceives, a damaged store that runs.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use example_kit::program::first;

use crate::program;

#[test]
fn arguments_cannot_deceive_whoever_reads_them() {
    let program = program();
    let args = serde_json::json!({
        "customer_id": "ACME\u{1b}[2K\u{202e}321",
        "amount_cents": 500,
        "reason": "late\r\n  asked by  bob\u{200b}\u{2066}",
    });
    let output = program.run(&[
        "call",
        "issue_refund",
        "--args",
        &args.to_string(),
        "--as",
        "alice",
        "--json",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(deceiving(&text), "", "{text:?}");
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["requirements"][0]["arguments"], args, "the same JSON");
    let on = first(&answer);
    let call = answer["call"].as_str().unwrap();
    let no = "no\u{1b}]0;x\u{7}\u{202d}";
    for words in [
        &["show", call][..],
        &["explain", call],
        &["inbox", "--as", "alice"],
        &["audit", "log"],
    ] {
        let text = program.words(0, words);
        assert_eq!(deceiving(&text), "", "{text:?}");
    }
    assert!(program.words(0, &["show", call]).contains("\\u{202e}321"));
    let text = program.words(20, &["decide", &on, "reject", "--as", "alice", "--reason", no]);
    assert_eq!(deceiving(&text), "", "{text:?}");
    for words in [&["show", call][..], &["audit", "log"], &["runs"]] {
        let text = program.words(0, words);
        assert_eq!(deceiving(&text), "", "{text:?}");
    }
}

fn deceiving(text: &str) -> String {
    let deceives = |it: &char| {
        (it.is_control() && *it != '\n')
            || matches!(it, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(deceives).collect()
}

#[test]
fn arguments_come_from_a_file_or_from_standard_input() {
    let program = program();
    let args = r#"{"customer_id":"ACME-123"}"#;
    let output = program.fed(&["call", "search_orders", "--args", "-", "--json"], args);
    assert!(output.status.success());
    let file = format!("@{}", program.write("args.json", args));
    assert_eq!(
        program.json(0, &["call", "search_orders", "--args", &file])["status"],
        "done"
    );
    assert_eq!(
        program
            .run(&["call", "search_orders", "--args", "@/no/such/file"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let program = program();
    // Answers that a prompt would take are waiting on standard input; they must stay there.
    let output = program.fed(
        &["call", "issue_refund", "--as", "alice"],
        "ACME-123\n500\nlate\ny\n",
    );
    assert_eq!(output.status.code(), Some(21), "{output:?}");
    let output = program.fed(&["file_support_ticket"], "y\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn every_digit_of_an_amount_is_kept() {
    let program = program();
    let args = r#"{"customer_id":"A","amount_cents":9007199254740993,"reason":"r"}"#;
    let waiting = program.json(10, &["call", "issue_refund", "--args", args, "--as", "alice"]);
    assert_eq!(
        waiting["requirements"][0]["arguments"]["amount_cents"].to_string(),
        "9007199254740993"
    );
    let more = r#"{"customer_id":"A","amount_cents":9007199254740995,"reason":"r"}"#;
    let waiting = program.decide(
        10,
        &first(&waiting),
        &["amend", "--arguments", more, "--as", "alice"],
    );
    assert_eq!(
        waiting["requirements"][0]["arguments"]["amount_cents"].to_string(),
        "9007199254740995"
    );
}

#[test]
fn a_damaged_store_runs_nothing() {
    let program = program();
    let args = r#"{"service_name":"billing"}"#;
    let (on, _) = program.proposed("restart_service", args);
    program.write(
        "countersign.db",
        "this is no database, and it is longer than its header of sixteen bytes",
    );
    let error = program.decide(1, &on, &["confirm", "--as", "alice"]);
    assert_eq!(error["status"], "error");
    assert_eq!(program.file("restarts.jsonl"), "");
}

#[cfg(unix)]
#[test]
fn a_worker_runs_what_is_cleared_and_stops_when_told() {
    let program = program();
    let mut worker = program
        .command(&["worker", "--json"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"status":"working"}"#);
    let (on, call) = program.proposed("restart_service", r#"{"service_name":"billing"}"#);
    let said = program.run(&["decide", &on, "confirm", "--as", "alice", "--no-run", "--json"]);
    assert!(matches!(said.status.code(), Some(0 | 11)), "{said:?}");
    // Said again, it waits for whichever process runs it.
    program.decide(0, &on, &["confirm", "--as", "alice"]);
    assert_eq!(program.file("restarts.jsonl").lines().count(), 1);
    assert_eq!(
        program
            .records(&call)
            .iter()
            .filter(|it| *it == "call.claimed")
            .count(),
        1
    );
    let killed = Command::new("kill")
        .args(["-TERM", &worker.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(worker.wait().unwrap().success());
    assert_eq!(lines.next().unwrap().unwrap(), r#"{"status":"stopped"}"#);
}

#[test]
fn two_processes_run_a_call_once() {
    let program = program();
    let (on, call) = program.proposed("restart_service", r#"{"service_name":"mail"}"#);
    let words = ["decide", on.as_str(), "confirm", "--as", "alice", "--json"];
    let start = || program.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let all: Vec<_> = (0..8).map(|_| start()).collect();
    let answers: Vec<_> = all.into_iter().map(|it| it.wait_with_output().unwrap()).collect();
    for answer in &answers {
        assert_eq!(
            (answer.status.code(), &answer.stdout),
            (Some(0), &answers[0].stdout)
        );
    }
    assert_eq!(program.file("restarts.jsonl").lines().count(), 1);
    assert_eq!(
        program.records(&call),
        [
            "call.opened alice",
            "call.confirmed alice",
            "call.claimed",
            "call.returned"
        ]
    );
}
