//! What `chat` and everything around it promises, see `docs/cli.md`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use example_kit::program::{Program, first, names};
use serde_json::{Value, json};

use crate::{program, said, verified, went_on};

#[test]
fn the_story_can_be_played() {
    let program = program();
    let told = program.words(0, &["demo"]);
    assert!(told.contains("INITECH-9 got 5.00 back"), "{told}");
    verified(&program);
}

#[test]
fn an_answer_has_these_fields() {
    let program = program();
    let all = [
        "agent",
        "error",
        "model",
        "output",
        "path",
        "requirements",
        "run",
        "session",
        "status",
        "usage",
    ];
    let done = said(&program, 0, "Look up ACME-123.");
    assert_eq!(names(&done), all);
    assert_eq!(done["model"], "scripted");
    let asked = said(&program, 10, "Refund ACME-123 $5");
    assert_eq!(names(&asked), all);
    let shown = program.json(0, &["show", asked["run"].as_str().unwrap()]);
    let all = [
        "agent",
        "calls",
        "created",
        "events",
        "path",
        "requester",
        "run",
        "session",
        "status",
    ];
    assert_eq!(names(&shown), all);
    let events: Vec<&Value> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["event"])
        .collect();
    assert_eq!(events, ["run_started", "said", "run_paused"]);
    let listed = program.json(0, &["inbox", "--as", "alice"]);
    assert_eq!(listed["items"][0]["path"], json!(["clerk"]));
}

#[test]
fn who_is_not_known_says_nothing_and_nobody_reads_the_runs_of_others() {
    let program = program();
    assert_eq!(
        program.json(21, &["chat", "Hello.", "--as", "nobody"])["code"],
        "not_allowed"
    );
    let asked = said(&program, 10, "Refund ACME-123 $5");
    let run = asked["run"].as_str().unwrap();
    assert_eq!(
        program.json(21, &["chat", "--continue", run, "--as", "erin"])["code"],
        "not_allowed"
    );
    assert_eq!(
        program.json(21, &["cancel", run, "--as", "erin"])["code"],
        "not_allowed"
    );
    for words in [
        &["chat", "Hello.", "--as", "alice", "--agent", "nobody"][..],
        &["chat", "--as", "alice", "--json"],
    ] {
        assert_eq!(program.run(words).status.code(), Some(2), "{words:?}");
    }
    let missing = "run_00000000000000000000000001";
    for words in [
        &["chat", "--continue", missing, "--as", "alice"][..],
        &["show", missing],
    ] {
        assert_eq!(program.run(words).status.code(), Some(1), "{words:?}");
    }
}

#[test]
fn a_conversation_asks_inline_and_leaves_to_others_what_is_theirs() {
    let program = program();
    let lines = "Look up ACME-123.\nRefund ACME-123 $5\nc\nRefund ACME-123 $7\nr\ntoo much\nRefund ACME-123 $500\nc\n";
    let output = program.fed(&["chat", "--as", "alice"], lines);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(10), "{told}");
    for words in [
        "It follows a script: no language model is",
        "clerk: ACME-123 is Acme Corp, a customer since 2019.",
        "clerk: ACME-123 got 5.00 back. The number is R-1.",
        "clerk: That was rejected by alice: too much.",
        "Asks pool managers for 1 approval: erin.",
        "When it is decided, it goes on with",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!(program.file("ledger.jsonl").lines().count(), 1);
    verified(&program);
}

#[test]
fn a_session_remembers_and_says_one_thing_at_a_time() {
    let program = program();
    let talk =
        |code, words: &str| program.json(code, &["chat", words, "--as", "alice", "--session", "monday"]);
    talk(0, "Look up ACME-123.");
    let asked = talk(10, "Refund ACME-123 $5");
    let busy = talk(1, "Hello?");
    assert!(
        busy["message"]
            .as_str()
            .unwrap()
            .contains(asked["run"].as_str().unwrap()),
        "{busy}"
    );
    program.decide(0, &first(&asked), &["confirm", "--as", "alice"]);
    assert_eq!(went_on(&program, 0, &asked)["session"], "monday");
    talk(0, "Hello?");
}

#[test]
fn a_run_that_is_stopped_takes_its_calls_with_it() {
    let program = program();
    let asked = said(&program, 10, "Refund ACME-123 $5");
    let run = asked["run"].as_str().unwrap();
    let stopped = program.json(
        20,
        &["cancel", run, "--as", "alice", "--reason", "changed my mind"],
    );
    assert_eq!(stopped["status"], "cancelled");
    assert_eq!(
        program.decide(21, &first(&asked), &["confirm", "--as", "alice"])["code"],
        "already_decided"
    );
    assert_eq!(went_on(&program, 20, &asked)["status"], "cancelled");
    assert_eq!(program.file("ledger.jsonl"), "");
    let runs = program.json(0, &["runs"]);
    assert_eq!(runs["items"][0]["status"], "cancelled");
    assert_eq!(runs["items"][0]["calls"][0]["outcome"], "cancelled");
    verified(&program);
}

#[test]
fn a_worker_goes_on_with_what_others_have_decided() {
    let program = program();
    let mut worker = program
        .command(&["worker"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(worker.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let asked = said(&program, 10, "Refund ACME-123 $5");
    program.decide(11, &first(&asked), &["confirm", "--as", "alice", "--no-run"]);
    let ended = ended(&program, asked["run"].as_str().unwrap());
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(ended["status"], "completed");
    let last = ended["events"].as_array().unwrap().last().unwrap();
    assert_eq!(last["output"], "ACME-123 got 5.00 back. The number is R-1.");
}

/// Looks until a run is over. Each look is a process, and no command here leads the run itself.
fn ended(program: &Program, run: &str) -> Value {
    let begun = Instant::now();
    loop {
        let shown = program.json(0, &["show", run]);
        if shown["status"] == "completed" || begun.elapsed() > Duration::from_mins(1) {
            return shown;
        }
    }
}

#[test]
fn words_cannot_deceive_whoever_decides() {
    let program = program();
    let words = "Refund ACME-123 $5 because \u{202e}hsac \u{1b}[2K\u{200b}it was late";
    let deceives = |it: char| "\u{202e}\u{1b}\u{200b}".contains(it);
    let asked = said(&program, 10, words);
    let run = asked["run"].as_str().unwrap();
    for command in [&["show", run][..], &["inbox", "--as", "alice"], &["runs"]] {
        let told = program.words(0, command);
        assert!(!told.contains(deceives), "{told:?}");
    }
    let output = program.fed(
        &["chat", "--as", "alice"],
        &format!("{words}\nr\n\u{202e}no\nHello\u{1b}[2K\n"),
    );
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.contains("\\u{202e}hsac") && !told.contains(deceives),
        "{told:?}"
    );
}
