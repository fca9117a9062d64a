//! Confirmed, filled in, answered, reported from outside, asked by another agent.

use example_kit::program::first;
use serde_json::json;

use crate::{program, said, verified, went_on};

#[test]
fn the_story_can_be_played() {
    let program = program();
    let told = program.words(0, &["demo"]);
    assert!(told.contains("parcel P-77"), "{told}");
    verified(&program);
}

#[test]
fn a_password_is_reset_when_the_person_confirms() {
    let program = program();
    let asked = said(&program, 10, "Reset the password of ACME-123.");
    assert_eq!(
        program.decide(21, &first(&asked), &["confirm", "--as", "bob"])["code"],
        "not_allowed"
    );
    program.decide(0, &first(&asked), &["confirm", "--as", "alice"]);
    assert_eq!(
        went_on(&program, 0, &asked)["output"],
        "The password of ACME-123 is reset."
    );
    assert_eq!(program.file("resets.jsonl").lines().count(), 1);
    verified(&program);
}

#[test]
fn a_ticket_has_what_the_person_filled_in() {
    let program = program();
    let asked = said(&program, 10, "My screen is broken.");
    assert_eq!(
        asked["requirements"][0]["fields"],
        json!(["description", "severity"])
    );
    let wrong = r#"{"description":"it flickers","severity":"awful"}"#;
    let refused = program.decide(21, &first(&asked), &["fill", "--values", wrong, "--as", "alice"]);
    assert_eq!(refused["code"], "invalid_input");
    let right = r#"{"description":"it flickers","severity":"high"}"#;
    program.decide(0, &first(&asked), &["fill", "--values", right, "--as", "alice"]);
    assert_eq!(
        went_on(&program, 0, &asked)["output"],
        "It is ticket T-1, with severity high."
    );
    verified(&program);
}

#[test]
fn what_was_chosen_is_ordered_and_logistics_reports_it() {
    let program = program();
    let asked = said(&program, 10, "I need to replace my device.");
    for wrong in [
        r#"[{"id":"device","chosen":["toaster"]}]"#,
        "[]",
        r#"[{"id":"device","chosen":["phone","laptop"]}]"#,
    ] {
        let values = format!(r#"{{"answers":{wrong}}}"#);
        let refused = program.decide(
            21,
            &first(&asked),
            &["fill", "--values", &values, "--as", "alice"],
        );
        assert_eq!(refused["code"], "invalid_input", "{wrong}");
    }
    let values = r#"{"answers":[{"id":"device","chosen":["phone"]}]}"#;
    program.decide(0, &first(&asked), &["fill", "--values", values, "--as", "alice"]);
    let waiting = went_on(&program, 10, &asked);
    let outside = &waiting["requirements"][0];
    assert_eq!(
        (&outside["kind"], &outside["arguments"]),
        (&json!("external"), &json!({"device": "phone"}))
    );
    let on = first(&waiting);
    let report =
        |code, by: &str, result: &str| program.decide(code, &on, &["report", "--result", result, "--as", by]);
    assert_eq!(
        report(21, "alice", r#"{"parcel":"P-1","days":1}"#)["code"],
        "not_allowed"
    );
    assert_eq!(
        report(21, "logistics", r#"{"parcel":7}"#)["code"],
        "invalid_input"
    );
    report(0, "logistics", r#"{"parcel":"P-77","days":2}"#);
    assert_eq!(
        went_on(&program, 0, &asked)["output"],
        "It is on its way: parcel P-77, 2 days."
    );
    verified(&program);
}

#[test]
fn a_question_is_answered_by_number_in_a_conversation() {
    let program = program();
    let output = program.fed(&["chat", "--as", "alice"], "Replace my device.\n7\n3\n");
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(10), "{told}");
    assert!(
        told.contains("What is to be replaced?") && told.contains("3  screen: without its stand"),
        "{told}"
    );
    assert!(
        told.contains("Waits for the result from outside; logistics may report it."),
        "{told}"
    );
    assert!(told.contains("device  screen"), "{told}");
    verified(&program);
}

#[test]
fn the_inbox_shows_which_agents_led_to_a_call() {
    let program = program();
    let asked = said(&program, 10, "LAPTOP-7 was stolen, wipe it.");
    // The run of the technician asks, and the run that alice began shows it.
    assert_eq!(asked["path"], json!(["helpdesk"]));
    assert_ne!(asked["requirements"][0]["run"], asked["run"]);
    program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    let inbox = program.json(0, &["inbox", "--as", "bob"]);
    assert_eq!(inbox["items"][0]["path"], json!(["helpdesk", "technician"]));
    let words = program.words(0, &["inbox", "--as", "bob"]);
    assert!(words.contains("helpdesk > technician"), "{words}");
    program.decide(
        0,
        inbox["items"][0]["id"].as_str().unwrap(),
        &["approve", "--as", "bob"],
    );
    let done = went_on(&program, 0, &asked);
    assert_eq!(done["output"], "The technician says: LAPTOP-7 is wiped.");
    let runs = program.json(0, &["runs"]);
    let paths: Vec<_> = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["path"])
        .collect();
    assert_eq!(paths, [&json!(["helpdesk", "technician"]), &json!(["helpdesk"])]);
    verified(&program);
}

#[test]
fn what_was_rejected_never_runs_also_two_agents_down() {
    let program = program();
    let asked = said(&program, 10, "LAPTOP-7 was stolen, wipe it.");
    let waiting = program.decide(10, &first(&asked), &["confirm", "--as", "alice"]);
    program.decide(
        20,
        &first(&waiting),
        &["reject", "--as", "bob", "--reason", "it was found"],
    );
    let done = went_on(&program, 0, &asked);
    assert_eq!(
        done["output"],
        "The technician says: That was rejected by bob: it was found."
    );
    assert_eq!(program.file("wiped.jsonl"), "");
    verified(&program);
}
