//! The entries of the example that are no steps of a gated call.

use serde_json::{Map, Value, json};

use super::{and, digest, person, with};

/// What is no step of a gated call.
pub(super) fn beside() -> Vec<Map<String, Value>> {
    let who = |id: &str, kind: &str| json!({"id": id, "kind": kind, "auth": "asserted-library"});
    let audited = |kind: &str, number: u8, by: &str, word: &str| {
        let mut fields = with(json!({
            "kind": kind, "call": format!("call_01jd3w0000example00000000{number:02}"), "tool": "export_customer",
            "descriptor": digest("descriptor"), "requester": by,
            "actor": who(by, if by == "alice" { "person" } else { "unknown" }),
        }));
        fields.insert(word.to_owned(), digest(word));
        fields
    };
    let call = "call_01jd3w0000example0000000001";
    let kept = |kind: &str, by: &str, more: Value| {
        with(and(json!({"kind": kind, "actor": who(by, "person")}), more))
    };
    vec![
        audited("audited.started", 20, "alice", "args"),
        audited("audited.returned", 20, "alice", "result"),
        audited("audited.started", 21, "alice", "args"),
        audited("audited.failed", 21, "alice", "error"),
        audited("audited.blocked", 22, "nobody", "error"),
        with(
            json!({"kind": "decision.refused", "requirement": "req_01jd3w0000example0000000099_0000000000000000000example",
            "refusal": "unknown_requirement", "actor": {"id": "mallory", "auth": "asserted-library"}}),
        ),
        kept("hold.set", "audrey", json!({"call": call, "basis": "case 7"})),
        kept(
            "keeping.refused",
            "olivia",
            json!({"call": call, "event": "erase", "refusal": "not_allowed"}),
        ),
        kept(
            "hold.lifted",
            "audrey",
            json!({"call": call, "basis": "case 7 is closed"}),
        ),
        kept(
            "blobs.erased",
            "olivia",
            json!({"call": call, "basis": "GDPR 17(1)(b), request 81", "blobs": [digest("result"), digest("shown")]}),
        ),
    ]
}

/// Who is known, and how they show who they are.
pub(super) fn people() -> Vec<Map<String, Value>> {
    let said = |kind: &str, more: Value| {
        with(and(
            json!({"kind": kind, "actor": person("ada", &["admin"])}),
            more,
        ))
    };
    let zoe = |roles: &[&str]| json!({"kind": "person", "roles": roles});
    let credential = |kind: &str| {
        json!({"credential": {
            "id": format!("example-{kind}"), "kind": kind, "actor": "ada", "roles": ["admin"],
            "expires_at": "2026-02-01T00:00:00.000Z",
        }})
    };
    vec![
        said("actor.changed", json!({"who": "zoe", "after": zoe(&["manager"])})),
        said(
            "actor.changed",
            json!({"who": "zoe", "before": zoe(&["manager"]), "after": zoe(&[])}),
        ),
        with(json!({
            "kind": "actor.lent", "who": "zoe", "before": zoe(&[]),
            "actor": {"id": "zoe", "kind": "person", "roles": [], "auth": "oidc https://id.example subject 5f2b97c0"},
            "after": {"kind": "person", "roles": [], "lent": {
                "roles": ["manager"], "said_at": "2026-01-01T00:01:34.000Z", "until": "2026-01-01T12:01:34.000Z",
            }},
        })),
        said(
            "actor.refused",
            json!({"who": "ada", "event": "remove", "refusal": "not_allowed"}),
        ),
        said("credential.created", credential("api_key")),
        said("credential.revoked", credential("api_key")),
        said("session.opened", credential("session")),
        said("session.closed", credential("session")),
        said(
            "notice.sent_again",
            json!({"notice": {"id": "msg_example", "kind": "asked", "requirement": "req_example"}}),
        ),
        said("slack.user_linked", json!({"slack": "T0123/U0456", "who": "bob"})),
        said(
            "slack.user_unlinked",
            json!({"slack": "T0123/U0456", "who": "bob"}),
        ),
        said(
            "slack.refused",
            json!({"slack": "T0123/U0456", "who": "ada", "refusal": "invalid_input"}),
        ),
    ]
}
