//! A history that was written anew by somebody who has the key, and words that are not what was said.

use std::path::Path;

use countersign::core::audit::Draft;
use countersign::core::audit::note::Note;
use countersign::ledger::{Kept, Report, Request, SigningKey, SqliteLog, State, Verdict, verify};
use countersign::prelude::*;
use countersign::store::{Commit, Sqlite};
use countersign::{CallId, TenantId, Timestamp};
use rusqlite::Connection;
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::history::{engine, entries, prolong, story};
use crate::world::who;

type Entry = Map<String, Value>;

const SIGNED: [usize; 3] = [100, 200, 300];

/// A log, what was kept of it elsewhere, and its entries.
struct Original {
    dir: TempDir,
    request: Request,
    trusted: Note,
    entries: Vec<Entry>,
}

impl Original {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        story(&engine).await;
        prolong(&engine, 300, 100).await;
        let rows = entries(&engine).await;
        Self {
            request: Request {
                key: engine.verifier_key(),
                without_words: true,
                ..Request::default()
            },
            trusted: engine.checkpoint().await.unwrap().unwrap(),
            entries: rows
                .iter()
                .map(|it| serde_json::from_str(&it.text).unwrap())
                .collect(),
            dir,
        }
    }

    /// Another database with these entries, signed with the same key at the same places.
    async fn signed_anew(&self, entries: &[Entry]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::builder()
            .store(Sqlite::open(dir.path().join("countersign.db")).unwrap())
            .signing_key(SigningKey::open(self.dir.path().join("countersign.key")).unwrap())
            .worker(false)
            .start()
            .await
            .unwrap();
        for (number, fields) in (1..).zip(entries) {
            let time: Timestamp = fields["time"].as_str().unwrap().parse().unwrap();
            let draft = Draft {
                call: None,
                fields: fields.clone().into(),
                blobs: Vec::new(),
            };
            let commit = Commit {
                records: vec![draft],
                ..Commit::new(TenantId::default(), time)
            };
            engine.store().commit(commit).await.unwrap();
            if SIGNED.contains(&number) || number == entries.len() {
                engine.checkpoint().await.unwrap();
            }
        }
        dir
    }

    fn verify(&self, dir: &Path, trusted: bool, state: Option<State>) -> Report {
        let request = Request {
            trusted: trusted.then(|| self.trusted.clone()),
            state,
            ..self.request.clone()
        };
        verify(&mut log(dir), &request).unwrap()
    }
}

fn log(dir: &Path) -> SqliteLog {
    SqliteLog::open(dir.join("countersign.db"), &TenantId::default()).unwrap()
}

#[tokio::test]
async fn a_history_signed_anew_with_the_same_key_is_found_by_who_kept_a_checkpoint() {
    let original = Original::new().await;
    let same = original.signed_anew(&original.entries).await;
    assert_eq!(original.verify(same.path(), true, None).verdict, Verdict::Ok);
    // Another person approves: the story makes sense, every hash and signature fits.
    let mut edited = original.entries.clone();
    let approved = edited
        .iter()
        .position(|it| it["kind"] == "call.approved")
        .unwrap();
    edited[approved]["actor"]["id"] = "carol".into();
    let mut longer = edited.clone();
    longer.extend(edited[1..9].iter().map(|it| {
        let mut it = it.clone();
        if let Some(call) = it.get_mut("call") {
            *call = call.as_str().unwrap().replacen("call_", "call_z", 1).into();
        }
        it
    }));
    for entries in [&edited, &longer] {
        let forged = original.signed_anew(entries).await;
        let alone = original.verify(forged.path(), false, None);
        assert_eq!(
            (alone.verdict, alone.findings),
            (Verdict::Ok, Vec::new()),
            "the log itself does not tell, and the docs say so"
        );
        let report = original.verify(forged.path(), true, None);
        assert_eq!((report.verdict, report.first_bad()), (Verdict::Tampered, Some(0)));
        assert!(report.findings[0].what.contains("was written anew"));
        // Nor does it help that the entry it left off with is the same.
        let state = original.verify(original.dir.path(), false, None).state;
        let report = original.verify(forged.path(), false, Some(state));
        assert_eq!(report.verdict, Verdict::Tampered);
    }
}

#[tokio::test]
async fn a_log_that_goes_back_is_incomplete_for_who_kept_a_checkpoint() {
    let original = Original::new().await;
    let state = original.verify(original.dir.path(), false, None).state;
    for left in [0, 1, 200] {
        let shorter = original.signed_anew(&original.entries[..left]).await;
        assert_eq!(
            original.verify(shorter.path(), false, None).verdict,
            Verdict::Ok,
            "{left}"
        );
        let report = original.verify(shorter.path(), true, None);
        assert_eq!(report.verdict, Verdict::Incomplete, "{left}");
        assert!(report.missing.is_some());
        let report = original.verify(shorter.path(), false, Some(state.clone()));
        assert_eq!(report.verdict, Verdict::Incomplete, "{left}");
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_kept_is_still_among_the_stored_ones() {
    let original = Original::new().await;
    let dir = original.dir.path();
    edit(dir, "DELETE FROM audit_checkpoint WHERE size = 300");
    assert_eq!(original.verify(dir, false, None).verdict, Verdict::Ok);
    let report = original.verify(dir, true, None);
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(report.findings[0].what.contains("no longer stored"));
}

/// A call that is paid, and the log that it is in.
async fn paid() -> (TempDir, Engine, CallId) {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    let paid = story(&engine).await;
    engine.checkpoint().await.unwrap();
    (dir, engine, paid)
}

fn found(dir: &Path, engine: &Engine, state: Option<State>) -> Report {
    let request = Request {
        key: engine.verifier_key(),
        state,
        ..Request::default()
    };
    verify(&mut log(dir), &request).unwrap()
}

fn edit(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join("countersign.db")).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn words_are_those_that_were_said() {
    for change in [
        "content = replace(content, 'erin says so', 'erin said so')",
        "salt = zeroblob(32)",
        "salt = x'00'",
    ] {
        let (dir, engine, _) = paid().await;
        assert_eq!(found(dir.path(), &engine, None).verdict, Verdict::Ok);
        edit(
            dir.path(),
            &format!(
                "DROP TRIGGER audit_blob_is_never_updated;
                 UPDATE audit_blob SET {change} WHERE content = 'erin says so'"
            ),
        );
        let report = found(dir.path(), &engine, None);
        assert_eq!(report.verdict, Verdict::Tampered, "{change}");
        let first = &report.findings[0];
        assert!(first.exact && first.what.contains("`reason` kept for entry"));
        let entry = entries(&engine).await.remove(usize::try_from(first.seq).unwrap());
        let entry: Entry = serde_json::from_str(&entry.text).unwrap();
        assert_eq!(
            (&entry["kind"], &entry["actor"]["id"]),
            (&"call.approved".into(), &"erin".into())
        );
        // Who looks at the log alone cannot know.
        let request = Request {
            key: engine.verifier_key(),
            without_words: true,
            ..Request::default()
        };
        assert_eq!(
            verify(&mut log(dir.path()), &request).unwrap().verdict,
            Verdict::Ok
        );
    }
}

#[tokio::test]
async fn words_that_are_gone_were_erased_on_record() {
    let (dir, engine, paid) = paid().await;
    edit(
        dir.path(),
        "CREATE TABLE kept AS SELECT * FROM audit_blob;
         DELETE FROM audit_blob WHERE content = 'bob says so'",
    );
    let report = found(dir.path(), &engine, None);
    assert_eq!(report.verdict, Verdict::Tampered);
    assert!(report.findings[0].what.contains("is gone, and nobody erased it"));
    let back = "INSERT OR IGNORE INTO audit_blob SELECT * FROM kept";
    edit(dir.path(), back);
    let before = found(dir.path(), &engine, None);
    assert_eq!(before.verdict, Verdict::Ok, "{:?}", before.findings);

    let erased = engine.erase(paid, &who("olivia"), "GDPR 17, request 81").await;
    assert!(matches!(erased.unwrap(), Kept::Done(_)));
    assert_eq!(found(dir.path(), &engine, None).verdict, Verdict::Ok);
    let then = found(dir.path(), &engine, Some(before.state.clone()));
    assert_eq!((then.verdict, then.read), (Verdict::Ok, 1));

    // Put back from a backup, they are there though they were erased.
    edit(dir.path(), back);
    for state in [None, Some(before.state)] {
        let report = found(dir.path(), &engine, state);
        assert_eq!(report.verdict, Verdict::Tampered);
        assert!(report.findings[0].what.contains("erased are there"));
    }
    edit(dir.path(), "DELETE FROM audit_blob");
    let report = found(dir.path(), &engine, None);
    assert_eq!(report.verdict, Verdict::Tampered, "those of the other calls");
}
