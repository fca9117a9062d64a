use super::*;
use crate::actor::Kind;
use crate::call::Answer;
use crate::id::Role;
use crate::id::TenantId;

fn actor(name: &str, kind: Kind, roles: &[&str]) -> Actor {
    Actor {
        id: ActorId::new(name).unwrap(),
        kind,
        roles: roles.iter().map(|it| Role::new(it).unwrap()).collect(),
        pools: [].into(),
        auth: "test".to_owned(),
    }
}

/// A grant of alice for two uses, with its first record.
fn made() -> Change {
    let remember = Remember {
        which: Which::Exact,
        span: Span::Run,
        uses: Some(2),
    };
    let wish = Wish {
        id: GrantId::new(1, 1),
        salt: Digest::new([3; 32]),
        remember,
    };
    let (owner, tool) = (ActorId::new("alice").unwrap(), ToolName::new("refund").unwrap());
    let making = Making {
        owner: &owner,
        call: CallId::new(1, 1),
        on: "req_00000000000000000000000001_00000000000000000000000002"
            .parse()
            .unwrap(),
        asked: Asked {
            tool: &tool,
            descriptor: &Digest::default(),
            destructive: true,
            run: &RunId::new(1, 1),
            session: None,
            arguments: &Canonical::parse(r#"{"pin":1234}"#).unwrap(),
        },
    };
    Grant::made(&wish, &making, Timestamp::default())
        .unwrap()
        .recorded()
}

fn text(record: &Draft) -> String {
    let entry = record.entry(&TenantId::default(), 0, Timestamp::default());
    entry.unwrap().text
}

#[test]
fn a_row_must_be_what_its_records_say() {
    let made = made();
    let used = made.grant.clone().used_by(CallId::new(2, 2));
    let revoked = used.grant.clone().revoke(&actor("alice", Kind::Person, &[]));
    let records = [&made.record, &used.record, revoked.record.as_ref().unwrap()].map(text);
    let entries = |count: usize| records.iter().take(count).map(String::as_str);
    assert!(made.grant.check(entries(1)).is_ok());
    assert!(used.grant.check(entries(2)).is_ok());
    assert!(revoked.grant.check(entries(3)).is_ok());
    // Unused again, unrevoked again, or never made.
    assert!(made.grant.check(entries(2)).is_err());
    assert!(used.grant.check(entries(3)).is_err());
    assert!(made.grant.check(entries(0)).is_err());
    let edits = [
        (r#""uses":2"#, r#""uses":9"#),
        (r#""owner":"alice""#, r#""owner":"mallory""#),
        (r#""tool":"refund""#, r#""tool":"wire""#),
        ("run_00000000010000000000000001", "run_00000000010000000000000002"),
        (r#""salt":"0303"#, r#""salt":"0304"#),
    ];
    for (from, to) in edits {
        let stored = made.grant.to_text();
        let edited = stored.replace(from, to);
        assert_ne!(edited, stored, "{from}");
        let edited = Grant::from_text(&edited).unwrap();
        assert!(edited.check(entries(1)).is_err(), "{from} became {to}");
    }
}

#[test]
fn its_owner_or_an_operator_takes_it_back() {
    let grant = || made().grant;
    for by in [
        actor("alice", Kind::Person, &[]),
        actor("olivia", Kind::Person, &["operator"]),
    ] {
        let revoking = grant().revoke(&by);
        assert_eq!(revoking.answer, Answer::Accepted);
        assert!(revoking.grant.is_revoked() && !revoking.grant.is_live(Timestamp::default()));
        assert_eq!(
            revoking.record.unwrap().fields.get("actor").unwrap()["id"],
            by.id.as_str()
        );
        let again = revoking.grant.revoke(&by);
        assert_eq!((again.answer, again.record), (Answer::Repeated, None));
    }
    for by in [
        actor("bob", Kind::Person, &["manager"]),
        actor("alice", Kind::Unknown, &["operator"]),
        actor("alice", Kind::Agent, &[]),
        actor("relay", Kind::Service, &["operator"]),
    ] {
        let revoking = grant().revoke(&by);
        assert!(
            matches!(&revoking.answer, Answer::Refused(it) if it.code == Code::NotAllowed),
            "{by:?}"
        );
        assert_eq!(revoking.grant, grant());
        assert_eq!(
            revoking.record.unwrap().fields.get("kind").unwrap(),
            "grant.refused"
        );
    }
    let used = grant()
        .used_by(CallId::new(2, 2))
        .grant
        .used_by(CallId::new(3, 3))
        .grant;
    let answer = used.revoke(&actor("alice", Kind::Person, &[])).answer;
    assert!(matches!(answer, Answer::Refused(it) if it.code == Code::AlreadyDecided));
}

#[test]
fn what_is_stored_and_recorded_lets_nobody_guess_the_arguments() {
    let made = made();
    let plain = Digest::of("", &[br#"{"pin":1234}"#]).to_string();
    let stored = made.grant.to_text() + &text(&made.record);
    assert!(!stored.contains("1234") && !stored.contains(&plain));
    // The salt stays in the row: from the log alone nothing can be tried.
    assert!(!text(&made.record).contains(&Digest::new([3; 32]).to_string()));
}

#[test]
fn a_newer_grant_is_told_from_a_damaged_one() {
    let newer = made().grant.to_text().replace(r#""v":1"#, r#""v":2"#);
    let error = Grant::from_text(&newer).unwrap_err().to_string();
    assert!(error.contains("newer release"), "{error}");
    assert!(Grant::from_text("[]").is_err());
}
