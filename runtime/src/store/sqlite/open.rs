//! Opens connections: creates the file, refuses what is foreign, newer or visibly damaged.
//!
//! A store never shows up half made. It is built under another name and then linked to its place, so
//! whoever finds the file finds a complete one, however many processes start at once, and an empty
//! file is known to be a damaged store.
//!
//! INVARIANT: the file is never opened with `std::fs` once it may be open in SQLite. Closing such a
//! handle would drop the POSIX locks that all of this process holds on it.

use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_core::audit;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{error, read, schema};
use crate::store::StoreError;

/// Up to this size, in bytes, the whole structure is checked at every start (1 to 2 ms per MB).
const SMALL: u64 = 4 * 1024 * 1024;

/// The connection that writes to the store at `path`, which is created if it does not exist.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let place = path.display().to_string();
    let refused = |why: String| StoreError::Open {
        place: place.clone(),
        why,
    };
    let size = match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(refused("it is a directory; name a file".to_owned()));
        }
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(path)?;
            u64::MAX
        }
        Err(error) => return Err(refused(error.to_string())),
    };
    if size == 0 {
        return Err(StoreError::Damaged(format!(
            "{place} is empty, which a store never is; delete it if it never held anything"
        )));
    }
    // Looked at before SQLite makes an empty one. With a journal, the file may be behind it.
    let settled = fs::metadata(beside(path, "-wal")).map_or(true, |it| it.len() == 0);
    let mut connection = patient(path).map_err(|error| open_error(&place, &error))?;
    check(&connection, &place)?;
    prepare(&mut connection).map_err(|error| open_error(&place, &error))?;
    if size != u64::MAX {
        check_pages(&connection, &place, size, settled)?;
    }
    check_logs(&connection, &place)?;
    Ok(connection)
}

/// A connection that only reads the store at `path`. It does not wait: whoever asks knows where to.
pub(crate) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// The only connection of a store in memory.
pub(super) fn memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    configure(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn connect(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection)?;
    Ok(connection)
}

fn patient(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_handler(Some(wait_for_others))?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // Plans must not depend on bound values: with partial indexes SQLite would otherwise prepare a
    // statement anew whenever they change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Zeros over what is deleted or moved within a page, which is written anyway: an erasure could not find
    // such bytes any more.
    connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()))?;
    // Without it, INSERT OR REPLACE deletes an entry without asking the trigger.
    connection.pragma_update(None, "recursive_triggers", true)
}

thread_local! {
    static WAITS: Cell<bool> = const { Cell::new(true) };
}

/// Does `work` on this thread without waiting for other processes: a lock they hold is an error at once.
pub(super) fn without_waiting<T>(work: impl FnOnce() -> T) -> T {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            WAITS.set(true);
        }
    }
    let _reset = Reset;
    WAITS.set(false);
    work()
}

/// Waits while another process holds the lock: about a minute in steps of 1 to 20 ms, then false.
///
/// SQLite's own handler waits up to 100 ms at a time, and the process that waits longest gets it last.
pub(super) fn wait_for_others(times: i32) -> bool {
    if !WAITS.get() {
        return false;
    }
    let step = u64::try_from(times).unwrap_or(0) / 8 + 1;
    std::thread::sleep(Duration::from_millis(step.min(20)));
    times < 3_000
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // On macOS fsync leaves the data in the drive's cache; elsewhere these two change nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Every few seconds under load instead of many times a second: a page that is written with each commit
    // is moved to the file once per checkpoint, and each of them is two flushes.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 8192, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))?;
    schema::migrate(connection)
}

/// Refuses what is not ours before anything is written to it.
fn check(connection: &Connection, place: &str) -> Result<(), StoreError> {
    let read = |error: rusqlite::Error| open_error(place, &error);
    let owner = schema::application_id(connection).map_err(read)?;
    let version = schema::version(connection).map_err(read)?;
    if owner != schema::APPLICATION_ID {
        return Err(StoreError::Open {
            place: place.to_owned(),
            why: format!(
                "it is the SQLite database of another program (application_id {owner}); \
                 name another file, or restore a backup if it was a store"
            ),
        });
    }
    if version > schema::VERSION {
        return Err(StoreError::Newer {
            found: version,
            known: schema::VERSION,
        });
    }
    if version < 1 {
        return Err(StoreError::Damaged(format!(
            "{place} is marked as a store but has format {version}"
        )));
    }
    Ok(())
}

/// Whether the pages are complete and hang together.
///
/// SQLite itself compares the number of pages with the size of the file, but takes half a page for one.
fn check_pages(connection: &Connection, place: &str, size: u64, settled: bool) -> Result<(), StoreError> {
    let read = |error: rusqlite::Error| open_error(place, &error);
    let page: u64 = connection
        .pragma_query_value(None, "page_size", |row| row.get(0))
        .map_err(read)?;
    if settled && !size.is_multiple_of(page) {
        return Err(StoreError::Damaged(format!(
            "{place} has {size} bytes, which is no whole number of pages of {page} bytes"
        )));
    }
    if size <= SMALL {
        let found: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(read)?;
        if found != "ok" {
            return Err(StoreError::Damaged(format!(
                "{place}: {}",
                found.replace('\n', " ")
            )));
        }
    }
    Ok(())
}

/// Whether the logs end where their heads say; of the first few tenants, to start fast.
fn check_logs(connection: &Connection, place: &str) -> Result<(), StoreError> {
    let read = |error: rusqlite::Error| open_error(place, &error);
    // In one transaction: other processes append meanwhile.
    let connection = connection.unchecked_transaction().map_err(read)?;
    let mut heads = connection
        .prepare("SELECT log_id, size, first FROM log_head LIMIT 16")
        .map_err(read)?;
    let heads: Vec<(String, u64, u64)> = heads
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(read)?;
    for (log, size, first) in heads {
        let last: Option<(u64, Vec<u8>, String)> = connection
            .query_row(
                "SELECT place - ?1, leaf, entry FROM audit_entry WHERE place BETWEEN ?1 AND ?2
                 ORDER BY place DESC LIMIT 1",
                [first, first.saturating_add(read::PLACES - 1)],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()
            .map_err(read)?;
        let found = last.as_ref().map_or(0, |(seq, ..)| seq.saturating_add(1));
        if found != size {
            return Err(StoreError::Damaged(format!(
                "{place}: the audit log `{log}` should have {size} entries and ends at {found}"
            )));
        }
        if last.is_some_and(|(_, leaf, entry)| audit::leaf(entry.as_bytes()).bytes() != leaf.as_slice()) {
            return Err(StoreError::Damaged(format!(
                "{place}: the last entry of the audit log `{log}` does not match its hash"
            )));
        }
    }
    Ok(())
}

fn open_error(place: &str, error: &rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return StoreError::Open {
            place: place.to_owned(),
            why: "it is not an SQLite database; name another file, or restore a backup if it was a store"
                .to_owned(),
        };
    }
    match error::failure(place, error) {
        StoreError::Failed(why) => StoreError::Open {
            place: place.to_owned(),
            why,
        },
        other => other,
    }
}

/// Makes an empty store under another name and links it to `path`, unless somebody else was faster.
fn create(path: &Path) -> Result<(), StoreError> {
    let refused = |why: String| StoreError::Open {
        place: path.display().to_string(),
        why,
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    if !directory.is_dir() {
        return Err(refused(format!(
            "the directory {} does not exist; create it first",
            directory.display()
        )));
    }
    let journal = beside(path, "-wal");
    if journal.exists() {
        // A store is there before its journal: looked for after it, it is only missing if it is gone.
        if path.exists() {
            return Ok(());
        }
        // SQLite would play the old journal into the new file.
        return Err(StoreError::Damaged(format!(
            "{} is missing but its journal {} is there",
            path.display(),
            journal.display()
        )));
    }
    let draft = Draft::new(path).map_err(|error| refused(error.to_string()))?;
    build(&draft.0).map_err(|error| open_error(&path.display().to_string(), &error))?;
    publish(&draft.0, path, directory).map_err(|error| refused(error.to_string()))
}

/// The file under its first name; removed in any case.
struct Draft(PathBuf);

impl Draft {
    fn new(path: &Path) -> std::io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let draft = beside(path, &format!(".new-{}-{number}", std::process::id()));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&draft)?;
        Ok(Self(draft))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn build(draft: &Path) -> rusqlite::Result<()> {
    let mut connection = connect(draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Flushed once, when it is complete.
    connection.pragma_update(None, "synchronous", "OFF")?;
    schema::migrate(&mut connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.close().map_err(|(_, error)| error)
}

fn publish(draft: &Path, path: &Path, directory: &Path) -> std::io::Result<()> {
    fs::File::options().write(true).open(draft)?.sync_all()?;
    match fs::hard_link(draft, path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        // A file system without hard links: whoever opens it meanwhile sees an incomplete file and says so.
        Err(_) => {
            let mut made = fs::File::options().write(true).create_new(true).open(path)?;
            std::io::copy(&mut fs::File::open(draft)?, &mut made)?;
            made.sync_all()?;
        }
    }
    if cfg!(unix) {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Sqlite;

    /// Between a look for the file and one for its journal another process may have made both.
    #[test]
    fn a_store_that_another_process_was_faster_to_make_is_not_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let faster = Sqlite::open(&path).unwrap();
        assert!(beside(&path, "-wal").exists());
        create(&path).unwrap();
        drop(faster);
        fs::remove_file(&path).unwrap();
        fs::write(beside(&path, "-wal"), "x").unwrap();
        assert!(matches!(create(&path), Err(StoreError::Damaged(_))));
    }
}
