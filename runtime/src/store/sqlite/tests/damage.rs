//! Files that are not what they should be: refused in clear words, never a panic, nothing changed.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::place;
use crate::store::conformance::{call_id, check_log, row, step, tenant};
use crate::store::sqlite::{Sqlite, open};
use crate::store::{CallFilter, Store, StoreError};

/// The bytes of a closed store with some content, about 200 KB.
async fn sample() -> Vec<u8> {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    for number in 0..60 {
        let mut row = row(call_id(number), 0);
        row.state = "x".repeat(2_000);
        store.commit(step(&tenant("t"), row)).await.unwrap();
    }
    drop(store);
    assert!(
        !beside(&path, "-wal").exists(),
        "the journal is gone after the last handle"
    );
    fs::read(path).unwrap()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

#[track_caller]
fn refused(path: &Path) -> StoreError {
    match Sqlite::open(path) {
        Ok(store) => panic!("{store:?} was opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_truncated_store_is_refused() {
    let bytes = sample().await;
    let (_directory, path) = place();
    let pages = (0..bytes.len()).step_by(4096);
    let lengths = pages.flat_map(|it| [it, it + 1, it + 100, it + 2048, it + 4095]);
    let mut tried = 0;
    for length in lengths.filter(|it| *it < bytes.len()) {
        fs::write(&path, &bytes[..length]).unwrap();
        let error = refused(&path);
        let clear = matches!(error, StoreError::Damaged(_) | StoreError::Open { .. });
        assert!(clear, "{length} bytes: {error}");
        assert_eq!(fs::read(&path).unwrap(), &bytes[..length], "the file was changed");
        tried += 1;
    }
    assert!(tried > 200, "{tried}");
    fs::write(&path, &bytes).unwrap();
    check_log(&Sqlite::open(&path).unwrap(), &tenant("t")).await;
}

#[tokio::test]
async fn flipped_bytes_never_panic() {
    let bytes = sample().await;
    let (directory, _) = place();
    let inside = (100..bytes.len()).step_by(997);
    for (number, place) in (0..100).chain(inside).enumerate() {
        // A new name each time, so that no journal of the last one is in the way.
        let path = directory.path().join(format!("{number}.db"));
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x55;
        fs::write(&path, &bytes).unwrap();
        match Sqlite::open(&path) {
            Err(StoreError::Failed(why)) => panic!("byte {place}: {why}"),
            Err(_) => {}
            // What cannot be seen at once must not panic later, whatever it answers.
            Ok(store) => {
                let _ = store.entries(&tenant("t"), None, 0, 1_000).await;
                let _ = store
                    .calls(&tenant("t"), &CallFilter::default(), None, 1_000)
                    .await;
                let _ = store.call(&tenant("t"), call_id(30)).await;
                let _ = store.commit(step(&tenant("t"), row(call_id(30), 1))).await;
            }
        }
    }
}

#[test]
fn what_is_no_store_is_refused() {
    let (directory, path) = place();
    let says = |path: &Path, words: &str| {
        let error = refused(path).to_string();
        assert!(error.contains(words), "{error}");
        assert!(
            error.contains(&*path.to_string_lossy()),
            "{error} does not say where"
        );
    };
    fs::write(&path, "Dear diary, ".repeat(1_000)).unwrap();
    says(&path, "not an SQLite database");
    fs::write(&path, "short").unwrap();
    says(&path, "not an SQLite database");
    fs::write(&path, "").unwrap();
    says(&path, "is empty");
    says(directory.path(), "is a directory");
    says(
        &directory.path().join("none/store.db"),
        "does not exist; create it first",
    );

    let foreign = directory.path().join("foreign.db");
    let connection = Connection::open(&foreign).unwrap();
    connection
        .execute_batch("CREATE TABLE songs (name TEXT)")
        .unwrap();
    drop(connection);
    let before = fs::read(&foreign).unwrap();
    says(&foreign, "another program");
    assert_eq!(fs::read(&foreign).unwrap(), before, "a foreign file was changed");

    let lost = directory.path().join("lost.db");
    fs::write(beside(&lost, "-wal"), "x").unwrap();
    says(&lost, "its journal");
    assert!(!lost.exists());
}

#[test]
fn a_newer_format_is_refused() {
    let (_directory, path) = place();
    drop(Sqlite::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    for (version, newer) in [(99, true), (0, false)] {
        connection.pragma_update(None, "user_version", version).unwrap();
        let error = refused(&path);
        assert_eq!(
            matches!(error, StoreError::Newer { found: 99, .. }),
            newer,
            "{error}"
        );
        assert_eq!(matches!(error, StoreError::Damaged(_)), !newer, "{error}");
    }
}

#[tokio::test]
async fn a_log_that_lost_its_end_is_refused() {
    for sql in [
        "UPDATE log_head SET size = size + 1",
        "DROP TRIGGER audit_entry_is_never_deleted; DELETE FROM audit_entry WHERE seq = 1",
        "DROP TRIGGER audit_entry_is_never_updated; UPDATE audit_entry SET entry = '{}' WHERE seq = 1",
    ] {
        let (_directory, path) = place();
        let store = Sqlite::open(&path).unwrap();
        for number in 0..2 {
            store
                .commit(step(&tenant("t"), row(call_id(number), 0)))
                .await
                .unwrap();
        }
        drop(store);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Damaged(_)), "{sql}: {error}");
    }
}

#[tokio::test]
async fn rows_edited_into_nonsense_are_damage() {
    let (_directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    store
        .commit(step(&tenant("t"), row(call_id(1), 0)))
        .await
        .unwrap();
    let other = Connection::open(&path).unwrap();
    for sql in [
        "UPDATE call SET requester = 'two words'",
        "UPDATE call SET requester = 'alice', version = -1",
        "UPDATE call SET version = 0, run = 'run_'",
    ] {
        other.execute_batch(sql).unwrap();
        let one = store.call(&tenant("t"), call_id(1)).await;
        assert!(matches!(one, Err(StoreError::Damaged(_))), "{sql}: {one:?}");
        let all = store.calls(&tenant("t"), &CallFilter::default(), None, 1).await;
        // Asked for by itself it is damage; in a list it must not hide all others.
        assert!(matches!(&all, Ok(rows) if rows.is_empty()), "{sql}: {all:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = place();
    let store = Sqlite::open(&path).unwrap();
    store
        .commit(step(&tenant("t"), row(call_id(1), 0)))
        .await
        .unwrap();
    let files: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(files.len(), 3, "the file, its journal and its index: {files:?}");
    for file in files {
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
    }
}

#[test]
fn a_path_is_never_a_uri() {
    let (directory, _) = place();
    let path = directory.path().join("file:store.db?mode=memory");
    drop(Sqlite::open(&path).unwrap());
    assert!(path.exists());
    drop(open::reader(&path).unwrap());
}
