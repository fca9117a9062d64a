//! What a reviewer reads when gates and tools change.

use countersign_core::gate::{DeclaredApproval, DeclaredConfirmation, DeclaredInput};
use countersign_core::id::PoolName;

use super::super::tests::Fixture;
use super::*;

fn refund() -> Descriptor {
    let mut tool = Fixture::named("issue_refund").with::<u64>("amount_cents").done();
    tool.gates.confirmation = Some(DeclaredConfirmation::default());
    tool.gates.approvals = vec![
        DeclaredApproval {
            pool: PoolName::new("managers").unwrap(),
            quorum: 1,
            when: None,
            expires_in: None,
        },
        DeclaredApproval {
            pool: PoolName::new("finance").unwrap(),
            quorum: 2,
            when: Some("* amount_cents >= 1_000_000 && note != \"x\"".into()),
            expires_in: Some(Duration::from_hours(48)),
        },
    ];
    tool.hints.destructive = true;
    tool.timeout = Some(Duration::from_millis(1_500));
    tool
}

fn ticket() -> Descriptor {
    let mut tool = Fixture::named("file_ticket").with::<String>("text").done();
    tool.gates.user_input = Some(DeclaredInput {
        fields: vec!["text".into()],
        hidden: true,
        expires_in: None,
    });
    tool
}

#[test]
fn the_file_reads_like_the_attributes() {
    let text = render(&[&refund(), &ticket()]);
    let lines: Vec<&str> = text
        .lines()
        .filter(|it| !it.starts_with('#') && !it.contains("  description"))
        .filter(|it| !it.contains("  arguments") && !it.contains("  digest"))
        .collect();
    assert_eq!(
        lines,
        [
            "version 1",
            "",
            "tool file_ticket",
            "  gate user_input fields=text hidden",
            "",
            "tool issue_refund",
            "  gate confirmation",
            "  gate approval pool=managers quorum=1",
            "  gate approval pool=finance quorum=2 when=\"* amount_cents >= 1_000_000 && note != \\\"x\\\"\" expires_in=48h",
            "  mark destructive",
            "  mark timeout=1500ms",
        ]
    );
    assert_eq!(check(&text, &[&ticket(), &refund()]), Ok(()));
}

#[track_caller]
fn differs(change: impl Fn(&mut Descriptor), expect: &[&str]) {
    let lock = render(&[&refund()]);
    let mut changed = refund();
    change(&mut changed);
    assert_eq!(check(&lock, &[&changed]).unwrap_err(), expect);
}

#[test]
fn lost_gates_come_first() {
    differs(
        |it| {
            it.gates.approvals.remove(0);
            it.description = "Refunds.".into();
            it.hints.destructive = false;
        },
        &[
            "GATE LOST: tool `issue_refund`: gate `approval pool=managers quorum=1` is in tools.lock but no longer on the function",
            "tool `issue_refund`: `destructive` is in tools.lock but no longer on the function",
            "tool `issue_refund`: the description is not what tools.lock has",
        ],
    );
    differs(
        |it| it.gates.approvals[0].quorum = 2,
        &[
            "GATE LOST: tool `issue_refund`: gate `approval pool=managers quorum=1` is in tools.lock but no longer on the function",
            "tool `issue_refund`: gate `approval pool=managers quorum=2` is on the function but not in tools.lock",
        ],
    );
}

#[test]
fn changed_texts_are_told_apart_from_gates() {
    differs(
        |it| it.title = Some("Refund".into()),
        &["tool `issue_refund`: title or parameters are not what tools.lock has"],
    );
    differs(
        |it| it.input_schema["properties"]["amount_cents"]["maximum"] = 5.into(),
        &["tool `issue_refund`: the schema of the arguments is not what tools.lock has"],
    );
    differs(
        |it| it.output_schema = Some(true.into()),
        &["tool `issue_refund`: the schema of the result is not what tools.lock has"],
    );
}

#[test]
fn missing_and_new_tools_are_told() {
    let lock = render(&[&refund()]);
    let errors = check(&lock, &[&ticket()]).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert!(errors[0].starts_with("tool `issue_refund` is in tools.lock but not in the program"));
    assert!(errors[0].contains("use billing_tools as _;"));
    assert_eq!(
        errors[1],
        "tool `file_ticket` is new: not in tools.lock; it has `user_input fields=text hidden`"
    );
}

#[test]
fn a_file_that_cannot_be_read_accepts_nothing() {
    for (text, expect) in [
        ("", "tools.lock has no line `version 1`"),
        ("version 2\n", "tools.lock:1: version `2` is unknown here"),
        (
            "version 1\n<<<<<<< HEAD\n",
            "tools.lock:2: cannot read `<<<<<<< HEAD`",
        ),
        (
            "version 1\ngate confirmation\n",
            "tools.lock:2: cannot read `gate confirmation`",
        ),
        (
            "version 1\ntool a\ntool a\n",
            "tools.lock:3: tool `a` stands here twice",
        ),
    ] {
        let errors = check(text, &[]).unwrap_err();
        assert!(errors[0].starts_with(expect), "{errors:?}");
    }
    assert_eq!(check(&render(&[]), &[]), Ok(()));
}

#[test]
fn windows_line_ends_are_read() {
    let lock = render(&[&refund()]).replace('\n', "\r\n");
    assert_eq!(check(&lock, &[&refund()]), Ok(()));
}
