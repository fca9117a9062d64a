//! The file itself is cut short or its bytes change: an error in words, nothing runs that was not decided.

use std::fs;
use std::path::Path;

use countersign::CallId;
use countersign::prelude::*;
use countersign::store::{Sqlite, StoreError};
use countersign::testing::TestClock;
use tempfile::TempDir;

use crate::process::Random;
use crate::world::{Effects, World, who};

/// Confirmed.
#[tool(requires_confirmation, destructive)]
async fn drop_table(#[state] effects: Effects, n: u32) -> u32 {
    effects.push(format!("drop_table {n}"));
    n
}

/// A complete file of an engine that was closed: two cleared calls and one that waits.
async fn closed_file() -> (TempDir, Vec<CallId>) {
    let world = World::new::<drop_table>().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let call = world
            .open("drop_table", &format!(r#"{{"n":{n}}}"#), "alice")
            .await;
        ids.push(*call.id());
        if n < 2 {
            let on = call.requirements().remove(0);
            let desk = world.engine.desk();
            desk.decide(Decision::confirm(&on).by(&who("alice")))
                .await
                .unwrap();
        }
    }
    let file = world.dir.path().join("countersign.db");
    let raw = rusqlite::Connection::open(&file).unwrap();
    // All of it in the one file, so that a copy of the file is a copy of the store.
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(raw);
    let copy = tempfile::tempdir().unwrap();
    fs::copy(&file, copy.path().join("whole.db")).unwrap();
    (copy, ids)
}

/// Opens what is left and does everything that can be done. Gives the words of the first error.
async fn used(file: &Path, ids: &[CallId]) -> (Option<String>, Vec<String>) {
    let effects = Effects::default();
    let store = match Sqlite::open(file) {
        Ok(store) => store,
        Err(error) => return (Some(words(&error)), effects.all()),
    };
    let started = Engine::builder()
        .store(store)
        .registry(Registry::of::<drop_table>().unwrap())
        .state(effects.clone())
        .clock(TestClock::new())
        .worker(false)
        .start()
        .await;
    let engine = match started {
        Ok(engine) => engine,
        Err(error) => return (Some(error.to_string()), effects.all()),
    };
    let mut error = None;
    let mut note = |found: Option<String>| error = error.take().or(found);
    note(engine.worker().sweep().await.err().map(|it| it.to_string()));
    note(
        engine
            .desk()
            .inbox(&who("alice"), None, 10)
            .await
            .err()
            .map(|it| it.to_string()),
    );
    for id in ids {
        note(engine.desk().call(*id).await.err().map(|it| it.to_string()));
        match engine.worker().advance(*id).await {
            Ok(advanced) => note(advanced.refused.map(|it| it.message)),
            Err(error) => note(Some(error.to_string())),
        }
    }
    (error, effects.all())
}

fn words(error: &StoreError) -> String {
    let text = error.to_string();
    let clear = [
        "the store is damaged",
        "cannot open the store",
        "use a newer release",
        "the store failed",
    ];
    assert!(clear.iter().any(|it| text.contains(it)), "{text}");
    assert!(
        text.contains("restore a backup") || text.contains("release") || text.contains("delete it"),
        "{text}"
    );
    text
}

#[tokio::test]
async fn cut_short() {
    let (dir, ids) = closed_file().await;
    let whole = fs::read(dir.path().join("whole.db")).unwrap();
    let mut lengths: Vec<usize> = (0..whole.len()).step_by(4096).collect();
    lengths.extend([
        1,
        15,
        16,
        99,
        100,
        512,
        4095,
        4097,
        whole.len() / 2 + 1,
        whole.len() - 4095,
        whole.len() - 1,
    ]);
    for length in lengths {
        let file = dir.path().join(format!("cut-{length}.db"));
        fs::write(&file, &whole[..length]).unwrap();
        let (error, effects) = used(&file, &ids).await;
        let error =
            error.unwrap_or_else(|| panic!("{length} of {} bytes are taken for a store", whole.len()));
        assert!(effects.is_empty(), "{length}: {effects:?} after {error}");
        assert_eq!(fs::read(&file).unwrap().len(), length, "nothing was made of it");
    }
    let file = dir.path().join("all.db");
    fs::write(&file, &whole).unwrap();
    assert_eq!(
        used(&file, &ids).await,
        (None, vec!["drop_table 0".to_owned(), "drop_table 1".to_owned()])
    );
}

#[tokio::test]
async fn changed_bytes() {
    let (dir, ids) = closed_file().await;
    let whole = fs::read(dir.path().join("whole.db")).unwrap();
    let mut random = Random::seeded("changed bytes");
    // Most of a small file is empty pages.
    let written: Vec<usize> = (0..whole.len()).filter(|it| whole[*it] != 0).collect();
    let (mut found, mut harmless) = (0, 0);
    for round in 0..150 {
        let mut bytes = whole.clone();
        let place = written[usize::try_from(random.below(written.len() as u64)).unwrap()];
        bytes[place] ^= 1 << random.below(8);
        let file = dir.path().join("changed.db");
        for rest in ["changed.db", "changed.db-wal", "changed.db-shm"] {
            let _ = fs::remove_file(dir.path().join(rest));
        }
        fs::write(&file, &bytes).unwrap();
        let (error, effects) = used(&file, &ids).await;
        let legal = |it: &String| matches!(it.as_str(), "drop_table 0" | "drop_table 1");
        assert!(
            effects.iter().all(legal),
            "round {round}, byte {place}: {effects:?}, {error:?}"
        );
        let mut once = effects.clone();
        once.dedup();
        assert_eq!(once, effects, "round {round}, byte {place}");
        match error {
            Some(error) => {
                assert!(!error.is_empty());
                found += 1;
            }
            // Free space, an index that nobody walked, a record of something else.
            None => harmless += 1,
        }
    }
    println!("{found} changes were found, {harmless} touched nothing that was asked for");
    assert!(found > 20);
}

#[tokio::test]
async fn a_file_that_is_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(
        &file,
        "a shopping list, much longer than a header of a hundred bytes ".repeat(100),
    )
    .unwrap();
    let error = Sqlite::open(&file).unwrap_err().to_string();
    assert!(
        error.contains("not an SQLite database; name another file"),
        "{error}"
    );
    let foreign = dir.path().join("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    let error = Sqlite::open(&foreign).unwrap_err().to_string();
    assert!(
        error.contains("the SQLite database of another program"),
        "{error}"
    );
    let newer = dir.path().join("newer.db");
    drop(Sqlite::open(&newer).unwrap());
    rusqlite::Connection::open(&newer)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = Sqlite::open(&newer).unwrap_err().to_string();
    assert!(
        error.contains("has format 99") && error.contains("use a newer release"),
        "{error}"
    );
}
