//! `traces`: over processes, pruned, lost without harm.

use example_kit::program::{Program, first};

use crate::program;

const REFUND: &str = r#"{"customer_id":"ACME-123","amount_cents":50000,"reason":"late"}"#;

/// A refund that was confirmed and approved by processes of their own.
fn refunded(program: &Program, more: &[&str]) -> String {
    let words = |words: &[&'static str]| [more, words].concat();
    let args = ["call", "issue_refund", "--args", REFUND, "--as", "alice"];
    let waiting = program.json(10, &words(&args));
    let call = waiting["call"].as_str().unwrap().to_owned();
    let on = first(&waiting);
    let waiting = program.json(10, &[more, &["decide", &on, "confirm", "--as", "alice"]].concat());
    let on = first(&waiting);
    program.json(0, &[more, &["decide", &on, "approve", "--as", "bob"]].concat());
    call
}

#[test]
fn a_call_of_three_processes_is_one_trace() {
    let program = program();
    let call = refunded(&program, &[]);
    let list = program.json(0, &["traces"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["call"], call.as_str());
    assert_eq!(
        (&list["items"][0]["spans"], &list["lost"]),
        (&4.into(), &0.into())
    );

    let shown = program.json(0, &["traces", "show", &call]);
    let spans = shown["spans"].as_array().unwrap();
    let named = |name: &str| spans.iter().filter(|it| it["name"] == name).collect::<Vec<_>>();
    let paused: Vec<_> = named("pause issue_refund")
        .iter()
        .map(|it| it["span"].clone())
        .collect();
    assert_eq!(
        named("execute_tool issue_refund")[0]["links"],
        serde_json::Value::from(paused)
    );
    assert_eq!(named("call issue_refund").len(), 1);
    for word in ["alice", "bob", "ACME"] {
        assert!(!shown.to_string().contains(word), "{word}");
    }
    let told = program.words(0, &["traces", "show", &call]);
    assert!(
        told.contains("pause issue_refund, confirmation, confirmed"),
        "{told}"
    );

    assert_eq!(program.json(0, &["traces", "prune"])["pruned"], 0);
    assert_eq!(
        program.json(0, &["traces", "prune", "--older-than", "0s"])["pruned"],
        4
    );
    assert_eq!(program.json(0, &["traces"])["items"].as_array().unwrap().len(), 0);
    program.json(1, &["traces", "show", &call]);
}

#[test]
fn traces_can_be_kept_elsewhere_or_not_at_all() {
    let program = program();
    let elsewhere = program.write("elsewhere.sqlite", "");
    refunded(&program, &["--traces", "off"]);
    assert!(
        program.json(0, &["traces"])["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    refunded(&program, &["--traces", &elsewhere]);
    assert!(
        program.json(0, &["traces"])["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let list = program.json(0, &["--traces", &elsewhere, "traces"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[test]
fn a_spoilt_file_changes_no_answer() {
    let program = program();
    program.write("traces.sqlite", &"spoilt ".repeat(1000));
    program.json(1, &["traces"]);
    refunded(&program, &[]);
    assert_eq!(program.json(0, &["traces"])["items"][0]["spans"], 4);
    let store = program.write("nowhere", "");
    refunded(&program, &["--traces", &format!("{store}/traces.sqlite")]);
}
