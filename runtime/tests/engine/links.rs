//! Which user of Slack is whom, as the log tells it.

use countersign::ledger::{Request, verify};
use serde_json::{Map, Value, json};

use crate::contradictions;

fn entry(kind: &str, user: &str, who: &str, by: &Value) -> Map<String, Value> {
    let fields = json!({
        "kind": kind, "slack": user, "who": who, "actor": by, "time": "2026-11-23T10:00:00.000Z",
    });
    fields.as_object().unwrap().clone()
}

/// Somebody approves a call, by way of Slack.
fn approved(who: &str, auth: &str) -> Map<String, Value> {
    let actor = json!({"id": who, "kind": "person", "auth": auth, "roles": ["manager"]});
    let mut entry = entry("call.approved", "", "", &actor);
    for (name, value) in [
        ("call", "c"),
        ("phase", "approve"),
        ("seal", "s"),
        ("requester", "alice"),
    ] {
        entry.insert(name.to_owned(), value.into());
    }
    entry
}

const USER: &str = "T0123/U0456";
const LINKED: &str = "slack.user_linked";
const UNLINKED: &str = "slack.user_unlinked";

#[test]
fn a_user_is_one_person_and_an_admin_says_so() {
    let ada = json!({"id": "ada", "kind": "person", "roles": ["admin"]});
    let linked = |who| entry(LINKED, USER, who, &ada);
    let unlinked = |who| entry(UNLINKED, USER, who, &ada);
    let honest = [
        linked("bob"),
        entry(LINKED, "T0123/U0789", "bob", &ada),
        unlinked("bob"),
        linked("carol"),
        entry(
            "slack.refused",
            USER,
            "bob",
            &json!({"id": "mallory", "kind": "person"}),
        ),
    ];
    let report = verify(&mut contradictions::written(&honest), &Request::default()).unwrap();
    assert_eq!(report.findings, []);
    let refused =
        |entries: &[Map<String, Value>], why| contradictions::refused(entries, entries.len() - 1, why);
    refused(&[linked("bob"), linked("carol")], "was linked to `bob` already");
    refused(&[unlinked("bob")], "was linked to nobody");
    refused(
        &[linked("bob"), unlinked("carol")],
        "was linked to `bob`, not to `carol`",
    );
    for by in [
        json!({"id": "bob", "kind": "person", "roles": ["manager"]}),
        json!({"id": "robot", "kind": "agent", "roles": ["admin"]}),
    ] {
        refused(&[entry(LINKED, USER, "bob", &by)], "`");
    }
    let mut nobody = linked("bob");
    nobody.remove("who");
    refused(&[nobody], "who");
}

#[test]
fn nobody_decides_by_a_user_that_is_not_theirs() {
    let admin = |id: &str| json!({"id": id, "kind": "person", "roles": ["admin"]});
    let (ada, eve) = (admin("ada"), admin("eve"));
    let linked = entry(LINKED, USER, "bob", &ada);
    let unlinked = entry(UNLINKED, USER, "bob", &ada);
    let again = entry(LINKED, USER, "bob", &eve);
    let auth = "slack T0123/U0456 linked by ada";
    let by_eve = "slack T0123/U0456 linked by eve";
    let not = "was not linked to";
    contradictions::refused(&[approved("bob", auth)], 0, not);
    contradictions::refused(&[linked.clone(), approved("carol", auth)], 1, not);
    contradictions::refused(&[linked.clone(), approved("bob", by_eve)], 1, not);
    // These are found out by something else only: no call was opened.
    let there = "was not opened";
    contradictions::refused(&[linked.clone(), approved("bob", auth)], 1, there);
    let changed = [linked, unlinked, again];
    let with = |changes: usize, decision| [&changed[..changes], &[decision]].concat();
    contradictions::refused(&with(3, approved("bob", by_eve)), 3, there);
    // One that was on its way when the link was taken back; after that it must be another link.
    let later = |auth, time: &str| {
        let mut approved = approved("bob", auth);
        approved.insert("time".to_owned(), time.into());
        approved
    };
    for changes in [2, 3] {
        contradictions::refused(
            &with(changes, later(auth, "2026-11-23T10:01:00.000Z")),
            changes,
            there,
        );
        contradictions::refused(
            &with(changes, later(auth, "2026-11-23T10:01:00.001Z")),
            changes,
            not,
        );
    }
    contradictions::refused(&with(3, later(by_eve, "2027-11-23T10:00:00.000Z")), 3, there);
    // What a program of somebody else's calls Slack is their matter.
    contradictions::refused(&[approved("bob", "slack T0123/U0456")], 0, there);
}
