//! `actors` of the `countersign` program, on the data directory of another.

use std::process::Command;

use countersign::prelude::*;
use countersign::store::Sqlite;
use serde_json::{Value, json};
use tempfile::TempDir;

const POLICY: &str = r#"
[actors]
ada = { kind = "person", roles = ["admin"] }
alice = { kind = "person" }

[pools]
managers = { roles = ["manager"] }
"#;

async fn house() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .store(Sqlite::open(dir.path().join("countersign.db")).unwrap())
        .registry(Registry::default())
        .policy(Policy::parse(POLICY).unwrap())
        .worker(false)
        .start()
        .await
        .unwrap();
    engine.stop().await.unwrap();
    dir
}

#[track_caller]
fn words(dir: &TempDir, code: i32, words: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .arg("--data")
        .arg(dir.path())
        .args(words.split(' '))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words}: {text}");
    text
}

#[track_caller]
fn answer(dir: &TempDir, code: i32, said: &str) -> Value {
    serde_json::from_str(&words(dir, code, &format!("{said} --json"))).unwrap()
}

#[tokio::test]
async fn an_admin_changes_who_is_known() {
    let dir = house().await;
    let set = "actors set zoe --kind person --role manager --role finance --as";
    let refused = answer(&dir, 21, &format!("{set} alice"));
    assert_eq!(refused["code"], "not_allowed");
    let zoe = |outcome: &str| json!({"status": "done", "actor": "zoe", "outcome": outcome});
    assert_eq!(answer(&dir, 0, &format!("{set} ada")), zoe("set"));
    assert_eq!(answer(&dir, 0, &format!("{set} ada")), zoe("unchanged"));
    let agent = "actors set bot --kind agent --owner zoe --as ada";
    assert_eq!(answer(&dir, 0, agent)["outcome"], "set");
    assert_eq!(
        answer(&dir, 0, "actors")["items"].as_array().unwrap()[2..],
        [
            json!({"actor": "bot", "kind": "agent", "roles": [], "lent": null, "introduced": false, "owner": "zoe", "pools": [], "seeded": false}),
            json!({"actor": "zoe", "kind": "person", "roles": ["finance", "manager"], "lent": null, "introduced": false, "owner": null,
                "pools": ["managers"], "seeded": false}),
        ]
    );
    let table = words(&dir, 0, "actors");
    assert!(table.contains("agent of zoe"), "{table}");
    assert!(
        table.contains("pool managers") && table.contains("policy"),
        "{table}"
    );

    for (said, code) in [
        (
            "actors set bot --kind agent --role manager --as ada",
            "invalid_input",
        ),
        (
            "actors set bot --kind agent --owner nobody --as ada",
            "invalid_input",
        ),
        (
            "actors set relay --kind service --role operator --as ada",
            "invalid_input",
        ),
        (
            "actors set alice --kind person --introduced --as ada",
            "invalid_input",
        ),
        ("actors remove zoe --as ada", "invalid_input"),
        ("actors remove mia --as ada", "invalid_input"),
        ("actors remove ada --as ada", "not_allowed"),
        ("actors set ada --kind person --as ada", "not_allowed"),
    ] {
        assert_eq!(answer(&dir, 21, said)["code"], code, "{said}");
    }
    words(&dir, 2, "actors set zoe --kind unknown --as ada");
    assert_eq!(
        answer(&dir, 0, "actors remove bot --as ada")["outcome"],
        "removed"
    );
    assert_eq!(answer(&dir, 0, "actors remove zoe --as ada"), zoe("removed"));

    let log = words(&dir, 0, "audit log");
    let log = log.split_whitespace().collect::<Vec<_>>().join(" ");
    for told in [
        "made zoe person with finance and manager",
        "made bot agent with no role, of zoe",
        "removed zoe, person with finance and manager",
        "tried to set the actor zoe: refused, not_allowed",
        "tried to remove the actor ada: refused, not_allowed",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
    words(&dir, 0, "audit verify");
}
