//! The program from the outside: every command is a process of its own.

use countersign::Policy;
use countersign::registry::Entry;
use countersign::schema::lock;
use example_kit::program::{Program, first};
use serde_json::{Value, json};

fn program() -> Program {
    Program::of(env!("CARGO_BIN_EXE_feedback"))
}

#[track_caller]
fn asked(program: &Program) -> Value {
    program.json(10, &["chat", "Plan something for my team.", "--as", "alice"])
}

#[track_caller]
fn fill(program: &Program, code: i32, of: &Value, values: &str) -> Value {
    program.decide(code, &first(of), &["fill", "--values", values, "--as", "alice"])
}

#[track_caller]
fn went_on(program: &Program, code: i32, of: &Value) -> Value {
    program.json(
        code,
        &["chat", "--continue", of["run"].as_str().unwrap(), "--as", "alice"],
    )
}

/// The ids of the questions that are asked.
fn ids(of: &Value) -> Vec<&str> {
    let questions = of["requirements"][0]["arguments"]["questions"]
        .as_array()
        .unwrap();
    questions.iter().map(|it| it["id"].as_str().unwrap()).collect()
}

#[test]
fn tools_and_policy_fit() {
    let policy = Policy::parse(feedback::POLICY).unwrap();
    countersign::testing::check_registry!(&policy);
    let registry = feedback::registry().unwrap();
    let descriptors: Vec<_> = registry.iter().map(Entry::descriptor).collect();
    let differences = lock::check(include_str!("../../tools.lock"), &descriptors);
    assert_eq!(differences, Ok(()), "write it anew with `feedback tools --lock`");
}

#[test]
fn the_story_can_be_played() {
    let program = program();
    let told = program.words(0, &["demo"]);
    assert!(
        told.contains("Booked: dinner for 8 people on 2027-01-31. The number is B-1."),
        "{told}"
    );
    assert_eq!(program.json(0, &["audit", "verify"])["status"], "ok");
}

#[test]
fn what_is_asked_next_depends_on_the_answer() {
    let program = program();
    for (kind, next) in [("dinner", ["food", "note"]), ("outing", ["where", "note"])] {
        let asked = asked(&program);
        assert_eq!(ids(&asked), ["kind"]);
        fill(
            &program,
            0,
            &asked,
            &json!({"answers": [{"id": "kind", "chosen": [kind]}]}).to_string(),
        );
        assert_eq!(ids(&went_on(&program, 10, &asked)), next);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_still_asked() {
    let program = program();
    let asked = asked(&program);
    for wrong in [
        r#"{"answers":[]}"#,
        r#"{"answers":[{"id":"kind","chosen":["picnic"]}]}"#,
        r#"{"answers":[{"id":"kind","chosen":["dinner","outing"]}]}"#,
        r#"{"answers":[{"id":"kind","text":"a dinner"}]}"#,
        r#"{"answers":[{"id":"colour","chosen":["dinner"]}]}"#,
    ] {
        assert_eq!(
            fill(&program, 21, &asked, wrong)["code"],
            "invalid_input",
            "{wrong}"
        );
    }
    let by_bob = r#"{"answers":[{"id":"kind","chosen":["dinner"]}]}"#;
    let refused = program.decide(21, &first(&asked), &["fill", "--values", by_bob, "--as", "bob"]);
    assert_eq!(refused["code"], "not_allowed");
    assert_eq!(
        went_on(&program, 10, &asked)["requirements"][0]["kind"],
        "user_input"
    );
    assert_eq!(program.json(0, &["audit", "verify"])["status"], "ok");
}

#[test]
fn who_does_not_want_to_answer_ends_it() {
    let program = program();
    let asked = asked(&program);
    program.decide(
        20,
        &first(&asked),
        &["reject", "--as", "alice", "--reason", "never mind"],
    );
    assert_eq!(
        went_on(&program, 0, &asked)["output"],
        "That was rejected by alice: never mind."
    );
    assert_eq!(program.file("bookings.jsonl"), "");
}

#[test]
fn a_whole_plan_is_made_in_one_conversation() {
    let program = program();
    // The kind by number (once wrong), where to in one's own words, no note, the fields (once wrong), and confirmed.
    let lines = "Plan an event.\n5\n2\nthe sea\n\n2027-05-01\nmany\n12\nc\n";
    let output = program.fed(&["chat", "--as", "alice"], lines);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("planner: Booked: outing for 12 people on 2027-05-01. The number is B-1."),
        "{told}"
    );
    let booked: Value = serde_json::from_str(&program.file("bookings.jsonl")).unwrap();
    assert_eq!(booked["wishes"], json!(["the sea"]));
    assert_eq!(program.json(0, &["audit", "verify"])["status"], "ok");
}
