//! The log in `docs/audit-example`, with an entry of every kind: what `docs/audit-format.md` speaks of.
//!
//! `AUDIT_EXAMPLE=overwrite cargo test -p countersign --test engine example` writes it anew.

mod beside;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use countersign::core::audit::Draft;
use countersign::ledger::{Export, Request, SigningKey, SqliteLog, Verdict, export, verify};
use countersign::prelude::*;
use countersign::store::{Commit, Sqlite};
use countersign::{Digest, TenantId, Timestamp};
use serde_json::{Map, Value, json};

use crate::history;

/// A key that everybody knows. The secret is the bytes 0 to 31.
const KEY: &str = "PRIVATE+KEY+example.com/countersign+ID+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document() -> String {
    fs::read_to_string(root().join("docs/audit-format.md")).unwrap()
}

fn digest(of: &str) -> Value {
    Digest::of("example", &[of.as_bytes()]).to_string().into()
}

fn person(id: &str, roles: &[&str]) -> Value {
    json!({"id": id, "kind": "person", "auth": "asserted-local (os user alice) cli", "roles": roles})
}

fn with(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

/// One call, and what every record of it says.
struct Call {
    number: u8,
    needed: Value,
    seal: String,
}

impl Call {
    fn new(number: u8, needed: Value) -> Self {
        let seal = format!("seal {number}");
        Self { number, needed, seal }
    }

    fn is(&self, kind: &str, phase: &str, more: Value) -> Map<String, Value> {
        let Self { number, needed, seal } = self;
        let mut fields = with(json!({
            "kind": kind, "phase": phase, "call": format!("call_01jd3w0000example00000000{number:02}"),
            "run": format!("run_01jd3w0000example00000000{number:02}"), "tool": "issue_refund",
            "descriptor": digest("descriptor"), "requester": "alice", "seal": digest(seal),
            "args": digest(&format!("args {seal}")), "gates": digest("gates"),
            "policy": {"rules": digest("rules"), "needed": needed, "had": []},
        }));
        if !matches!(kind, "call.opened" | "call.refused") {
            fields.insert("was".to_owned(), digest("state before"));
        }
        if phase != "closed" && kind != "call.refused" {
            fields.insert("is".to_owned(), digest("state after"));
        }
        fields.extend(with(more));
        fields
    }
}

fn alice() -> Value {
    person("alice", &[])
}

/// Who answers which requirement.
fn on(actor: &Value, number: u8) -> Value {
    let requirement = format!("req_01jd3w0000example00000000{number:02}_0000000000000000000example");
    json!({"actor": actor, "requirement": requirement})
}

fn and(mut one: Value, other: Value) -> Value {
    one.as_object_mut().unwrap().extend(with(other));
    one
}

fn claim(number: u8) -> Value {
    json!({"claim": {"worker": "worker_01jd3w0000example0000000000", "number": number}})
}

/// Decided by people, up to a run.
fn decided() -> Vec<Map<String, Value>> {
    let needed = json!(["confirmation", {"pool": "managers", "quorum": 1}]);
    let (bob, erin) = (person("bob", &["manager"]), person("erin", &["manager"]));
    let paid = Call::new(1, needed.clone());
    let reason = |it: &str| json!({"reason": digest(it)});
    let mut entries = vec![
        paid.is(
            "call.opened",
            "confirm",
            json!({"actor": alice(), "shown": digest("shown")}),
        ),
        paid.is("call.confirmed", "approve", on(&alice(), 1)),
        paid.is(
            "call.refused",
            "approve",
            and(
                on(&alice(), 2),
                json!({"event": "approved", "refusal": "self_approval"}),
            ),
        ),
        paid.is(
            "call.approved",
            "cleared",
            and(on(&bob, 2), and(json!({"gate": 0}), reason("ticket 81"))),
        ),
        paid.is(
            "call.votes_voided",
            "approve",
            json!({"void": [{"gate": 0, "by": "bob"}]}),
        ),
        paid.is("call.approved", "cleared", and(on(&erin, 3), json!({"gate": 0}))),
        paid.is("call.claimed", "executing", claim(1)),
        paid.is(
            "call.returned",
            "closed",
            and(
                claim(1),
                json!({"result": digest("result"), "outcome": "returned"}),
            ),
        ),
    ];
    let rejected = Call::new(3, needed.clone());
    let mut tightened = Call::new(4, json!([{"pool": "managers", "quorum": 1}]));
    entries.extend([
        rejected.is(
            "call.opened",
            "confirm",
            json!({"actor": alice(), "shown": digest("shown")}),
        ),
        rejected.is(
            "call.rejected",
            "closed",
            and(on(&alice(), 4), and(reason("no"), json!({"outcome": "rejected"}))),
        ),
        tightened.is(
            "call.opened",
            "approve",
            json!({"actor": alice(), "shown": digest("shown")}),
        ),
    ]);
    tightened = Call::new(4, json!([{"pool": "managers", "quorum": 2}]));
    tightened.seal.push_str(", tightened");
    entries.push(tightened.is("call.tightened", "approve", json!({"shown": digest("shown")})));
    tightened.seal.push_str(", asked anew");
    entries.push(tightened.is("call.reasked", "gating", on(&alice(), 5)));
    tightened.seal.push_str(", gated");
    entries.extend([
        tightened.is("call.gated", "approve", json!({"shown": digest("shown")})),
        tightened.is("call.escalated", "approve", json!({"asked": ["approval/0"]})),
        tightened.is("call.warned", "approve", json!({"asked": ["approval/0"]})),
        tightened.is("call.deadline_passed", "closed", json!({"outcome": "expired"})),
    ]);
    let cancelled = Call::new(8, needed);
    entries.extend([
        cancelled.is(
            "call.opened",
            "confirm",
            json!({"actor": alice(), "shown": digest("shown"), "agent": {"id": "bot", "owner": "erin"}}),
        ),
        cancelled.is(
            "call.cancelled",
            "closed",
            and(
                json!({"actor": alice(), "agent": {"id": "bot", "owner": "erin"}}),
                and(reason("late"), json!({"outcome": "cancelled"})),
            ),
        ),
    ]);
    entries
}

/// Filled in, amended, answered.
fn filled() -> Vec<Map<String, Value>> {
    let mut call = Call::new(2, json!(["user_input", "confirmation"]));
    let proposed = |number| and(on(&alice(), number), json!({"proposed": digest("proposed")}));
    let mut entries = vec![
        call.is(
            "call.opened",
            "input",
            json!({"actor": alice(), "shown": digest("shown")}),
        ),
        call.is("call.filled", "gating", proposed(6)),
        call.is(
            "call.gating_refused",
            "input",
            json!({"errors": digest("errors")}),
        ),
        call.is("call.filled", "gating", proposed(6)),
    ];
    call.seal.push_str(", filled");
    entries.push(call.is("call.gated", "confirm", json!({"shown": digest("shown")})));
    entries.push(call.is("call.amended", "gating", proposed(7)));
    call.seal.push_str(", amended");
    entries.extend([
        call.is("call.gated", "confirm", json!({"shown": digest("shown")})),
        call.is(
            "call.answered",
            "closed",
            and(
                on(&alice(), 8),
                json!({"result": digest("answer"), "outcome": "answered"}),
            ),
        ),
    ]);
    entries
}

/// What became of executions.
fn executed() -> Vec<Map<String, Value>> {
    let operator = || person("olivia", &["operator"]);
    let resolved = |what: &str| {
        and(
            on(&operator(), 9),
            json!({"resolution": what, "reason": digest("looked it up")}),
        )
    };
    let begun = |call: &Call, phase: &str| {
        vec![
            call.is(
                "call.opened",
                "confirm",
                json!({"actor": alice(), "shown": digest("shown")}),
            ),
            call.is("call.confirmed", phase, on(&alice(), 1)),
        ]
    };
    let failed = Call::new(5, json!(["confirmation"]));
    let mut entries = begun(&failed, "cleared");
    entries.extend([
        failed.is("call.claimed", "executing", claim(1)),
        failed.is("call.timed_out", "in_doubt", claim(1)),
        failed.is(
            "call.resolved",
            "cleared",
            and(resolved("retry"), json!({"shown": digest("shown")})),
        ),
        failed.is("call.claimed", "executing", claim(2)),
        failed.is(
            "call.failed",
            "closed",
            and(claim(2), json!({"error": digest("error"), "outcome": "failed"})),
        ),
    ]);
    let lost = Call::new(6, json!(["confirmation"]));
    entries.extend(begun(&lost, "cleared"));
    entries.extend([
        lost.is("call.claimed", "executing", claim(1)),
        lost.is("call.lease_lapsed", "in_doubt", claim(1)),
        lost.is(
            "call.resolved",
            "closed",
            and(resolved("abandon"), json!({"outcome": "abandoned"})),
        ),
    ]);
    let outside = Call::new(7, json!(["confirmation", "external"]));
    entries.extend(begun(&outside, "external"));
    let relay = json!({"id": "relay", "kind": "service", "auth": "asserted-library", "roles": ["reporter"]});
    let token = json!({"actor": {"token": digest("token")}});
    entries.extend([
        outside.is("call.token_issued", "external", json!({"actor": relay})),
        outside.is(
            "call.reported",
            "closed",
            and(
                and(on(&alice(), 1), token),
                json!({"result": digest("reported"), "outcome": "returned"}),
            ),
        ),
    ]);
    entries
}

/// A confirmation that is remembered, and passes another one.
fn remembered() -> Vec<Map<String, Value>> {
    let grant = "grant_01jd3w0000example0000000000";
    let made = Call::new(9, json!(["confirmation"]));
    let passed = Call::new(10, json!(["confirmation"]));
    let about = |kind: &str, more: Value| {
        with(and(
            json!({"kind": kind, "grant": grant, "terms": digest("terms"), "tool": "issue_refund", "requester": "alice",
                "call": "call_01jd3w0000example0000000009", "left": 2}),
            more,
        ))
    };
    let who = json!({"id": "alice", "kind": "person", "auth": "asserted-library"});
    vec![
        made.is(
            "call.opened",
            "confirm",
            json!({"actor": alice(), "shown": digest("shown")}),
        ),
        made.is(
            "call.confirmed",
            "cleared",
            and(on(&alice(), 1), json!({"remembered": grant})),
        ),
        about(
            "grant.made",
            json!({"descriptor": digest("descriptor"), "which": "exact", "scope": {"scope": "session", "session": "support-81"},
            "requirement": "req_01jd3w0000example0000000009_0000000000000000000example"}),
        ),
        passed.is(
            "call.opened",
            "cleared",
            json!({"actor": alice(), "shown": digest("shown"), "passed_by": grant}),
        ),
        about(
            "grant.used",
            json!({"used_by": "call_01jd3w0000example0000000010", "left": 1}),
        ),
        about(
            "grant.refused",
            json!({"actor": {"id": "mallory", "kind": "person", "auth": "asserted-library"}, "refusal": "not_allowed", "left": 1}),
        ),
        about("grant.revoked", json!({"actor": who, "left": 1})),
    ]
}

fn all() -> Vec<Map<String, Value>> {
    let changed = with(json!({
        "kind": "policy.changed", "before": digest("no policy"), "after": digest("policy"), "policy": digest("text"),
        "actors": {"added": ["alice", "bob", "erin"], "removed": [], "changed": []},
    }));
    [
        vec![changed],
        decided(),
        filled(),
        executed(),
        remembered(),
        beside::beside(),
        beside::people(),
    ]
    .concat()
}

/// The export of an engine that has recorded all of it.
async fn exported(dir: &Path) -> PathBuf {
    let path = dir.join("countersign.key");
    // The id depends on name and key, and is not secret: it is found by trying to read the file.
    let public = ed25519_id("example.com/countersign");
    write_key(&path, &KEY.replace("ID", &public));
    let store = dir.join("countersign.db");
    let engine = Engine::builder()
        .store(Sqlite::open(&store).unwrap())
        .signing_key(SigningKey::open(&path).unwrap())
        .worker(false)
        .start()
        .await
        .unwrap();
    let draft = |fields: Map<String, Value>| Draft {
        call: None,
        fields: fields.into(),
        blobs: Vec::new(),
    };
    for (number, fields) in (0..).zip(all()) {
        let time = Timestamp::from_millis(1_767_225_600_000 + 1_500 * number);
        let commit = Commit {
            records: vec![draft(fields)],
            ..Commit::new(TenantId::default(), time)
        };
        engine.store().commit(commit).await.unwrap();
        if number == 24 {
            engine.checkpoint().await.unwrap();
        }
    }
    engine.checkpoint().await.unwrap();
    let made = dir.join("audit-example");
    let mut source = SqliteLog::open(&store, &TenantId::default()).unwrap();
    export(&mut source, &made, &engine.verifier_key().unwrap()).unwrap();
    made
}

/// The id of the example's key, as C2SP `signed-note` has it.
fn ed25519_id(name: &str) -> String {
    let seed = std::array::from_fn(|it| u8::try_from(it).unwrap());
    let public = ed25519_dalek::SigningKey::from_bytes(&seed)
        .verifying_key()
        .to_bytes();
    let key = countersign::core::audit::note::VerifierKey::new(name, public).unwrap();
    format!("{:08x}", u32::from_be_bytes(key.id()))
}

#[tokio::test]
async fn the_example_is_what_is_written_and_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let made = exported(dir.path()).await;
    let kept = root().join("docs/audit-example");
    if std::env::var_os("AUDIT_EXAMPLE").is_some_and(|it| it == "overwrite") {
        fs::create_dir_all(&kept).unwrap();
        for entry in fs::read_dir(&made).unwrap().map(Result::unwrap) {
            fs::copy(entry.path(), kept.join(entry.file_name())).unwrap();
        }
    }
    for name in ["entries.jsonl", "checkpoints.jsonl", "key.vkey"] {
        let (now, then) = (
            fs::read_to_string(made.join(name)).unwrap(),
            fs::read_to_string(kept.join(name)).unwrap(),
        );
        assert!(
            now == then,
            "docs/audit-example/{name} is not what is written now"
        );
    }
    let mut source = Export::open(&kept).unwrap();
    let key = source.key().cloned();
    let request = Request {
        key: key.clone(),
        ..Request::default()
    };
    let report = verify(&mut source, &request).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
    let text = document();
    let state: Value = serde_json::from_str(&report.state.to_text()).unwrap();
    let checkpoint: Value = serde_json::from_str(
        fs::read_to_string(kept.join("checkpoints.jsonl"))
            .unwrap()
            .lines()
            .last()
            .unwrap(),
    )
    .unwrap();
    let mut said = vec![
        report.root.to_string(),
        key.unwrap().to_string(),
        report.size.to_string(),
    ];
    said.extend(
        state["frontier"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap().to_owned()),
    );
    said.extend(checkpoint["note"].as_str().unwrap().lines().map(str::to_owned));
    for it in said {
        assert!(text.contains(&it), "docs/audit-format.md does not say {it:?}");
    }
}

/// What stands in the example: the fields of every kind.
fn fields() -> BTreeMap<String, BTreeSet<String>> {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in all() {
        let kind = entry["kind"].as_str().unwrap().to_owned();
        fields.entry(kind).or_default().extend(entry.keys().cloned());
    }
    fields
}

#[test]
fn every_kind_that_is_written_is_documented() {
    let (example, text) = (fields(), document());
    let mut written = BTreeSet::new();
    let mut open = vec![root().join("core/src"), root().join("runtime/src")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                open.push(entry.path());
                continue;
            }
            let source = fs::read_to_string(entry.path()).unwrap();
            let code = source.split("#[cfg(test)]").next().unwrap();
            let lines = code.lines().filter(|it| !it.trim_start().starts_with("//"));
            for word in lines.flat_map(|it| it.split('"').skip(1).step_by(2)) {
                let known = [
                    "call.",
                    "audited.",
                    "decision.",
                    "policy.",
                    "blobs.",
                    "hold.",
                    "keeping.",
                    "grant.",
                    "actor.",
                    "credential.",
                    "session.",
                    "notice.",
                    "slack.",
                ];
                let end = word.split_once('.').map_or("", |it| it.1);
                let plain = !end.is_empty() && end.bytes().all(|it| it.is_ascii_lowercase() || it == b'_');
                if plain && known.iter().any(|it| word.starts_with(it)) {
                    written.insert(word.to_owned());
                }
            }
        }
    }
    // Names of events that are refused or not recorded, and no kinds of entries.
    for event in ["call.decided", "call.renewed"] {
        assert!(written.remove(event), "{event}");
    }
    assert!(written.len() >= 30, "{written:?}");
    for kind in &written {
        assert!(
            text.contains(&format!("| `{kind}` |")),
            "docs/audit-format.md does not explain `{kind}`"
        );
        assert!(example.contains_key(kind), "docs/audit-example has no `{kind}`");
    }
    for (kind, fields) in example {
        assert!(written.contains(&kind), "nothing writes `{kind}`");
        for field in fields {
            assert!(
                text.contains(&format!("`{field}`")),
                "docs/audit-format.md does not explain `{field}`"
            );
        }
    }
}

#[tokio::test]
async fn the_example_has_the_fields_of_what_is_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let engine = history::engine(dir.path()).await;
    history::story(&engine).await;
    let example = fields();
    for entry in history::entries(&engine).await {
        let entry: Map<String, Value> = serde_json::from_str(&entry.text).unwrap();
        let known = &example[entry["kind"].as_str().unwrap()];
        for name in entry
            .keys()
            .filter(|it| !["v", "log", "seq", "time"].contains(&it.as_str()))
        {
            assert!(
                known.contains(name) || name == "reason",
                "`{}` has a field `{name}`",
                entry["kind"]
            );
        }
    }
}

/// Writes a signing key as its owner would keep it.
fn write_key(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
