//! The `countersign` program on the data directory of another, and the exit codes of `audit`.

use std::path::{Path, PathBuf};
use std::process::Command;

use countersign::ledger::SigningKey;
use countersign::prelude::*;
use countersign::store::Sqlite;
use serde_json::Value;
use tempfile::TempDir;

const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person", roles = ["manager"] }
olivia = { kind = "person", roles = ["operator"] }
audrey = { kind = "person", roles = ["auditor"] }

[pools]
managers = { roles = ["manager"] }
"#;

/// Unlock a door.
#[approval(required, pool = "managers")]
#[tool]
fn unlock(door: String, #[arg(secret)] code: String) -> Result<String, String> {
    if code.is_empty() {
        return Err("no code".to_owned());
    }
    Ok(format!("{door} is open"))
}

struct House {
    dir: TempDir,
    /// A call that has run.
    call: String,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        let waiting = proposed(&engine, r#"{"door":"vault","code":"hunter2-clear"}"#).await;
        let asked = &waiting.active_requirements()[0];
        let approved = Decision::approve(asked).by(&who("bob")).reason("he may");
        engine.desk().decide(approved).await.unwrap();
        engine.worker().advance(waiting.call_id()).await.unwrap();
        engine.stop().await.unwrap();
        Self {
            dir,
            call: waiting.call_id().to_string(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// What a person reads: standard output and standard error.
    #[track_caller]
    fn words(&self, code: i32, words: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = command
            .arg("--data")
            .arg(self.dir.path())
            .args(words)
            .output()
            .unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap()
        );
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        assert!(!text.contains("hunter2"), "a secret is told by {words:?}: {text}");
        text
    }

    #[track_caller]
    fn json(&self, code: i32, words: &[&str]) -> Value {
        let text = self.words(code, &[words, &["--json"]].concat());
        serde_json::from_str(text.lines().next().unwrap()).unwrap_or_else(|_| panic!("{words:?}: {text}"))
    }

    /// Writes to the file behind the back of everybody.
    fn edit(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path("countersign.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }
}

fn who(name: &str) -> Identity {
    Identity::asserted(name).unwrap()
}

async fn engine(dir: &Path) -> Engine {
    Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).unwrap())
        .registry(Registry::of::<unlock>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .signing_key(SigningKey::open_or_create(dir.join("countersign.key")).unwrap())
        .worker(false)
        .start()
        .await
        .unwrap()
}

async fn proposed(engine: &Engine, arguments: &str) -> countersign::Waiting {
    match engine.call("unlock", arguments).by(&who("alice")).await.unwrap() {
        Called::Waiting(waiting) => waiting,
        Called::Done(outcome) => panic!("it waits: {outcome:?}"),
    }
}

#[tokio::test]
async fn an_honest_log_is_ok_in_every_form() {
    let house = House::new().await;
    let verified = house.json(0, &["audit", "verify"]);
    assert_eq!(verified["status"], "ok");
    assert_eq!(verified["first_bad"], Value::Null);
    let (checkpoint, receipt, evidence) = (house.file("c.txt"), house.file("r.txt"), house.file("evidence"));
    house.words(0, &["audit", "checkpoint", "--out", &checkpoint]);
    house.words(0, &["audit", "verify", "--checkpoint", &checkpoint]);
    let size = verified["size"].as_u64().unwrap();
    let proved = house.json(0, &["audit", "prove", "1", "--out", &receipt]);
    assert_eq!(
        proved["receipt"].as_str().unwrap(),
        std::fs::read_to_string(&receipt).unwrap()
    );
    let read = house.json(0, &["audit", "verify", "--receipt", &receipt]);
    assert_eq!(read["entry"]["kind"], "call.opened");
    assert_eq!(read["size"], size);
    let exported = house.json(0, &["audit", "export", &evidence]);
    assert_eq!(exported["entries"], size);
    let key = exported["key"].as_str().unwrap();
    house.words(
        0,
        &[
            "audit",
            "verify",
            "--export",
            &evidence,
            "--key",
            key,
            "--checkpoint",
            &checkpoint,
        ],
    );
    // The verifier's own state: the second time there is nothing new.
    let state = house.file("state.json");
    assert_eq!(
        house.json(0, &["audit", "verify", "--state", &state])["read"],
        size
    );
    assert_eq!(house.json(0, &["audit", "verify", "--state", &state])["read"], 0);
    // Without the data directory: the files are enough.
    std::fs::remove_file(house.path("countersign.db")).unwrap();
    std::fs::remove_file(house.path("countersign.key")).unwrap();
    house.words(0, &["audit", "verify", "--export", &evidence]);
    house.words(0, &["audit", "verify", "--receipt", &receipt, "--key", key]);
    house.words(3, &["audit", "verify", "--receipt", &receipt]);
    house.words(3, &["audit", "verify"]);
    let other = SigningKey::generate()
        .verifier(&countersign::TenantId::default())
        .to_string();
    house.words(1, &["audit", "verify", "--receipt", &receipt, "--key", &other]);
    house.words(1, &["audit", "verify", "--export", &evidence, "--key", &other]);
}

#[tokio::test]
async fn the_exit_code_says_what_was_found() {
    let house = House::new().await;
    let checkpoint = house.file("c.txt");
    house.words(0, &["audit", "checkpoint", "--out", &checkpoint]);
    house.edit("PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(house.path("countersign.db")).unwrap();
    let undo = || {
        for journal in ["countersign.db-wal", "countersign.db-shm"] {
            let _ = std::fs::remove_file(house.path(journal));
        }
        std::fs::write(house.path("countersign.db"), &whole).unwrap();
    };

    house.edit(
        "DROP TRIGGER audit_entry_is_never_updated;
         UPDATE audit_entry SET entry = replace(entry, 'bob', 'eve') WHERE seq = 2",
    );
    let found = house.json(1, &["audit", "verify"]);
    assert_eq!(found["status"], "tampered");
    assert_eq!(found["first_bad"], 2);
    assert!(
        house
            .words(1, &["audit", "verify"])
            .starts_with("TAMPERED: the first bad one is entry 2.")
    );
    undo();
    // The tail and its checkpoints are gone: the store refuses to open, the verifier does not.
    house.edit(
        "DROP TRIGGER audit_entry_is_never_deleted;
         DELETE FROM audit_entry WHERE seq > 1; DELETE FROM audit_checkpoint",
    );
    house.words(1, &["runs"]);
    assert_eq!(house.json(1, &["audit", "verify"])["first_bad"], 2);
    undo();
    house.edit(
        "DROP TRIGGER audit_entry_is_never_deleted;
         DELETE FROM audit_entry; DELETE FROM audit_checkpoint; DELETE FROM log_head",
    );
    house.words(0, &["audit", "verify"]);
    let found = house.json(2, &["audit", "verify", "--checkpoint", &checkpoint]);
    assert_eq!(found["status"], "incomplete");
    undo();
    house.words(0, &["audit", "verify", "--checkpoint", &checkpoint]);
}

#[tokio::test]
async fn what_cannot_be_found_out_is_neither_good_nor_bad() {
    let house = House::new().await;
    let checkpoint = house.file("c.txt");
    house.words(0, &["audit", "checkpoint", "--out", &checkpoint]);
    std::fs::rename(house.path("countersign.key"), house.path("elsewhere.key")).unwrap();
    assert!(
        house
            .words(3, &["audit", "verify"])
            .contains("no key to check them with")
    );
    assert!(
        house
            .words(1, &["runs"])
            .contains("is missing, and the log has checkpoints")
    );
    assert!(
        !house.path("countersign.key").exists(),
        "a lost key is not replaced"
    );
    std::fs::rename(house.path("elsewhere.key"), house.path("countersign.key")).unwrap();
    let data = house.dir.path().to_str().unwrap();
    for words in [
        &["audit", "verify", "--checkpoint", "/no/such/file"][..],
        &["audit", "verify", "--export", "/no/such/directory"],
        &["audit", "verify", "--receipt", &checkpoint],
        &["audit", "verify", "--state", &checkpoint],
        &["audit", "verify", "--key", "nonsense"],
        &["audit", "verify", "--nonsense"],
        &["audit", "nonsense"],
        &["audit"],
        &["audit", "prove", "99"],
        &["audit", "export", data],
        &["audit", "erase", &house.call, "--as", "olivia"],
        &["audit", "hold", "--as", "audrey", "--basis", "case 7"],
    ] {
        house.words(3, words);
    }
    house.words(0, &["audit", "--help"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(house.path("countersign.key"), open).unwrap();
        assert!(house.words(3, &["audit", "verify"]).contains("chmod 600"));
    }
}

#[tokio::test]
async fn words_are_held_and_erased() {
    let house = House::new().await;
    let call = house.call.as_str();
    let shown = house.json(0, &["show", call]).to_string();
    assert!(
        shown.contains("he may") && shown.contains("vault is open") && shown.contains("***"),
        "{shown}"
    );
    house.words(0, &["audit", "hold", call, "--as", "audrey", "--basis", "case 7"]);
    assert_eq!(house.json(0, &["audit", "hold"])["items"][0]["call"], call);
    let refused = house.json(
        21,
        &["audit", "erase", call, "--as", "olivia", "--basis", "GDPR 17"],
    );
    assert_eq!(refused["code"], "not_allowed");
    house.words(
        21,
        &["audit", "hold", call, "--lift", "--as", "olivia", "--basis", "no"],
    );
    house.words(
        0,
        &[
            "audit", "hold", call, "--lift", "--as", "audrey", "--basis", "closed",
        ],
    );
    house.words(
        21,
        &["audit", "erase", call, "--as", "alice", "--basis", "GDPR 17"],
    );
    let erased = house.json(
        0,
        &["audit", "erase", call, "--as", "olivia", "--basis", "GDPR 17"],
    );
    assert_eq!(erased["erased"], 3, "arguments, a reason, a result");
    let shown = house.json(0, &["show", call]).to_string();
    assert!(!shown.contains("he may") && !shown.contains("vault"), "{shown}");
    house.words(0, &["audit", "verify"]);
    let log = house.words(0, &["audit", "log"]);
    assert!(
        log.contains("GDPR 17") && log.contains("forbade to erase"),
        "{log}"
    );
    for name in ["countersign.db", "countersign.db-wal"] {
        let bytes = std::fs::read(house.path(name)).unwrap_or_default();
        for words in ["he may", "vault"] {
            let found = bytes.windows(words.len()).any(|it| it == words.as_bytes());
            assert!(!found, "{words} in {name}");
        }
    }
}

#[tokio::test]
async fn a_program_without_tools_decides_and_makes_nothing() {
    let house = House::new().await;
    let engine = engine(house.dir.path()).await;
    let waiting = proposed(&engine, r#"{"door":"attic","code":"hunter2"}"#).await;
    engine.stop().await.unwrap();
    let asked = waiting.active_requirements()[0].id.to_string();
    assert!(house.words(0, &["inbox", "--as", "bob"]).contains("attic"));
    let decided = house.json(11, &["decide", &asked, "approve", "--as", "bob"]);
    assert_eq!(decided["status"], "running", "somebody who has the tool runs it");
    for words in [
        &["call", "unlock", "--as", "alice"][..],
        &["worker"],
        &["demo"],
        &["tools"],
    ] {
        assert!(house.words(2, words).contains("has no tools"), "{words:?}");
    }
    let nowhere = House {
        dir: tempfile::tempdir().unwrap(),
        call: String::new(),
    };
    nowhere.words(1, &["runs"]);
    nowhere.words(3, &["audit", "log"]);
    nowhere.words(3, &["audit", "checkpoint"]);
    assert_eq!(
        std::fs::read_dir(nowhere.dir.path()).unwrap().count(),
        0,
        "nothing was made"
    );
}
