//! Not to be asked again, and not to be asked too much: `decide --remember`, `grants`, `--run`, groups.

use example_kit::program::{first, names};
use serde_json::{Value, json};

use crate::program;

const BILLING: &str = r#"{"service_name":"billing"}"#;
const SMALL: &str = r#"{"customer_id":"INITECH-9","amount_cents":500,"reason":"late"}"#;

#[test]
fn a_confirmation_is_remembered_listed_and_taken_back() {
    let program = program();
    let session = ["--session", "monday", "--as", "alice"];
    let propose = |code| {
        let call = ["call", "restart_service", "--args", BILLING];
        program.json(code, &[&call[..], &session].concat())
    };
    let on = first(&propose(10));
    program.decide(
        0,
        &on,
        &[
            "confirm",
            "--remember",
            "exact",
            "--scope",
            "session",
            "--uses",
            "2",
            "--as",
            "alice",
        ],
    );
    // The same again: nobody is asked, it is done.
    let done = propose(0);
    assert_eq!(program.file("restarts.jsonl").lines().count(), 2);
    let list = program.json(0, &["grants", "--as", "alice"]);
    let grant = &list["items"][0];
    assert_eq!(
        names(grant),
        [
            "call",
            "descriptor",
            "grant",
            "left",
            "made",
            "owner",
            "run",
            "scope",
            "session",
            "tool",
            "until",
            "which"
        ]
    );
    assert_eq!(
        (&grant["left"], &grant["which"], &grant["session"]),
        (&json!(1), &json!("exact"), &json!("monday"))
    );
    assert_eq!(
        program.json(0, &["grants", "--as", "mallory"])["items"],
        json!([])
    );
    // Why nobody was asked can be read afterwards.
    let call = done["call"].as_str().unwrap();
    let why = program.json(0, &["explain", call]);
    assert_eq!(
        (&why["gates"][0]["state"], &why["gates"][0]["grant"]),
        (&json!("met"), &grant["grant"])
    );
    assert_eq!(program.json(0, &["show", call])["granted"], grant["grant"]);
    let told = program.words(0, &["show", call]);
    assert!(told.contains("confirmation is remembered"), "{told}");
    // Somebody else takes nothing back; its owner does, once and for all.
    let id = grant["grant"].as_str().unwrap();
    let refused = program.json(21, &["grants", "revoke", id, "--as", "mallory"]);
    assert_eq!(refused["code"], "not_allowed");
    assert!(
        program
            .words(0, &["grants"])
            .contains("is not asked to confirm restart_service")
    );
    let revoked = program.json(0, &["grants", "revoke", id, "--as", "alice"]);
    assert_eq!(
        revoked,
        json!({"status": "done", "grant": id, "outcome": "revoked"})
    );
    assert_eq!(program.json(0, &["grants"])["items"], json!([]));
    propose(10);
    let records = program.records(grant["call"].as_str().unwrap());
    let tail = &records[records.len() - 3..];
    assert_eq!(
        tail,
        [
            "grant.used",
            "grant.refused mallory not_allowed",
            "grant.revoked alice"
        ]
    );
}

#[test]
fn what_cannot_be_remembered_is_refused() {
    let program = program();
    let (on, _) = program.proposed("issue_refund", SMALL);
    let remember = |code, which: &str, more: &[&str]| {
        program.decide(
            code,
            &on,
            &[&["confirm", "--remember", which, "--as", "alice"], more].concat(),
        )
    };
    let refused = remember(21, "any", &[]);
    assert_eq!(refused["code"], "invalid_input");
    assert!(
        refused["message"].as_str().unwrap().contains("destructive"),
        "{refused}"
    );
    remember(21, "exact", &["--scope", "session"]);
    remember(21, "exact", &["--scope", "until=2001-01-01T00:00:00Z"]);
    remember(21, "exact", &["--uses", "0"]);
    for words in [
        &["confirm", "--scope", "run", "--as", "alice"][..],
        &[
            "confirm",
            "--remember",
            "exact",
            "--scope",
            "for ever",
            "--as",
            "alice",
        ],
        &["confirm", "--remember", "all", "--as", "alice"],
        &["reject", "--remember", "exact", "--as", "alice"],
    ] {
        let output = program.run(&[&["decide", &on], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
    remember(0, "exact", &["--scope", "until=2199-01-01T00:00:00Z"]);
    let unknown = program.json(
        1,
        &[
            "grants",
            "revoke",
            "grant_00000000000000000000000001",
            "--as",
            "alice",
        ],
    );
    assert_eq!(unknown["message"], "there is no grant_00000000000000000000000001");
}

#[test]
fn what_was_rejected_is_not_proposed_again_in_that_run() {
    let program = program();
    let waiting = program.json(
        10,
        &["call", "restart_service", "--args", BILLING, "--as", "alice"],
    );
    let run = waiting["run"].as_str().unwrap();
    program.decide(20, &first(&waiting), &["reject", "--as", "alice"]);
    let again = [
        "call",
        "restart_service",
        "--args",
        BILLING,
        "--as",
        "alice",
        "--run",
        run,
    ];
    let closed = program.json(20, &again);
    assert_eq!(closed["outcome"], "blocked");
    let reason = closed["reason"].as_str().unwrap();
    assert!(reason.contains("`alice` rejected this very call") && reason.contains("do not propose it again"));
    let foreign = [
        "call",
        "restart_service",
        "--args",
        BILLING,
        "--as",
        "bob",
        "--run",
        run,
    ];
    let error = program.json(1, &foreign);
    assert!(
        error["message"].as_str().unwrap().contains("of this requester"),
        "{error}"
    );
}

#[test]
fn identical_calls_are_one_group() {
    let program = program();
    let (_, oldest) = program.proposed("restart_service", BILLING);
    let (second, _) = program.proposed("restart_service", BILLING);
    program.proposed("restart_service", r#"{"service_name":"mail"}"#);
    let inbox = program.json(0, &["inbox", "--as", "alice"]);
    let groups: Vec<&Value> = inbox["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["group"])
        .collect();
    assert_eq!(groups[..2], [&json!({"key": oldest, "count": 2}); 2]);
    assert_eq!(groups[2]["count"], 1);
    let told = program.words(0, &["inbox", "--as", "alice"]);
    assert!(
        told.contains("The same waits 1 more times:") && told.contains(&second),
        "{told}"
    );
    assert_eq!(told.matches("billing").count(), 1, "{told}");
}
