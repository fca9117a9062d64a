//! The log in an SQLite file, read without believing anything of it.
//!
//! The store refuses to open a file that is visibly damaged. That is right for a program that works with
//! it and useless for one that must say what is wrong: this one reads the tables as they are, in one read
//! transaction, and works while other processes write.

use std::path::Path;
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_core::id::TenantId;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};

use super::{LogSource, PAGE, Page, StoredHead, Words};
use crate::ledger::LedgerError;
use crate::store::read_only;

/// How many places of the table a log has.
const PLACES: i64 = 1 << 40;
/// How long to wait for a lock, which a reader rarely meets.
const PATIENCE: Duration = Duration::from_secs(5);

/// A log in the file of a [`Sqlite`](crate::store::Sqlite) store.
///
/// ```
/// use countersign::TenantId;
/// use countersign::ledger::{Request, SqliteLog, Verdict, verify};
/// use countersign::store::Sqlite;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("countersign.db");
/// let store = Sqlite::open(&path)?;
/// let report = verify(&mut SqliteLog::open(&path, &TenantId::default())?, &Request::default())?;
/// assert_eq!(report.verdict, Verdict::Ok);
/// # drop(store);
/// # Ok(())
/// # }
/// ```
pub struct SqliteLog {
    connection: Connection,
    place: String,
    log: String,
    /// Where the entries of this log begin in the table.
    first: i64,
}

impl SqliteLog {
    /// The log of a tenant in the file at `path`, as it is now: what is written later is not seen.
    ///
    /// # Errors
    ///
    /// [`LedgerError::File`] if there is no such file or it is no database.
    pub fn open(path: impl AsRef<Path>, log: &TenantId) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let place = path.display().to_string();
        if !path.is_file() {
            return Err(LedgerError::File {
                place,
                why: "there is no such file".to_owned(),
            });
        }
        let failed = |error: rusqlite::Error| LedgerError::File {
            place: path.display().to_string(),
            why: error.to_string(),
        };
        let connection = read_only(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        let mut source = Self {
            connection,
            place: path.display().to_string(),
            log: log.to_string(),
            first: 0,
        };
        // Takes the snapshot, and finds out whether this is a store at all.
        source.first = source.ask(|it| first(it, &source.log))?;
        Ok(source)
    }

    fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        question(&self.connection).map_err(|error| LedgerError::File {
            place: self.place.clone(),
            why: format!("{error}; if it is damaged, verify an export or a backup"),
        })
    }
}

impl std::fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteLog({}, {})", self.place, self.log)
    }
}

/// The first place of a log, also where somebody has deleted its head: then every entry is looked at.
fn first(connection: &Connection, log: &str) -> rusqlite::Result<i64> {
    let by_head = connection
        .query_row("SELECT first FROM log_head WHERE log_id = ?1", [log], |row| {
            Ok(number(row.get_ref(0)?))
        })
        .optional()?;
    match by_head {
        Some(first) => Ok(first),
        None => connection.query_row(
            "SELECT coalesce(min(place - seq), 0) FROM audit_entry WHERE log_id = ?1",
            [log],
            |row| Ok(number(row.get_ref(0)?)),
        ),
    }
}

/// The bytes of a value. One of another type than was written is no entry and no hash.
fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(it) | ValueRef::Blob(it) => it,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    }
}

fn number(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Integer(it) => it,
        ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) | ValueRef::Blob(_) => -1,
    }
}

impl LogSource for SqliteLog {
    fn head(&mut self) -> Result<Option<StoredHead>, LedgerError> {
        self.ask(|connection| {
            connection
                .query_row(
                    "SELECT size, frontier FROM log_head WHERE log_id = ?1",
                    [&self.log],
                    |row| {
                        Ok(StoredHead {
                            size: number(row.get_ref(0)?),
                            frontier: bytes(row.get_ref(1)?).to_vec(),
                        })
                    },
                )
                .optional()
        })
    }

    fn page(&mut self, from: i64, page: &mut Page) -> Result<(), LedgerError> {
        page.clear();
        self.ask(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT seq, leaf, entry, place - seq FROM audit_entry
                 WHERE place BETWEEN ?2 AND ?3 AND log_id = ?1 ORDER BY place LIMIT ?4",
            )?;
            let (start, end) = (
                self.first.saturating_add(from.max(0)),
                self.first.saturating_add(PLACES - 1),
            );
            let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![self.log, start, end, limit])?;
            while let Some(row) = rows.next()? {
                let leaf = bytes(row.get_ref(1)?);
                // An entry in the place of another is one that nobody finds by its number.
                let seq = if number(row.get_ref(3)?) == self.first {
                    number(row.get_ref(0)?)
                } else {
                    -1
                };
                page.push(seq, Some(leaf), bytes(row.get_ref(2)?));
            }
            Ok(())
        })
    }

    fn checkpoints(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, LedgerError> {
        self.ask(|connection| {
            connection
                .prepare_cached(
                    "SELECT size, note FROM audit_checkpoint WHERE log_id = ?1 AND size > ?2 ORDER BY size LIMIT ?3",
                )?
                .query_map(
                    params![self.log, after, i64::try_from(PAGE).unwrap_or(i64::MAX)],
                    |row| Ok((number(row.get_ref(0)?), bytes(row.get_ref(1)?).to_vec())),
                )?
                .collect()
        })
    }

    fn words(&mut self, commitment: &Digest) -> Result<Words, LedgerError> {
        self.ask(|connection| {
            connection
                .prepare_cached("SELECT salt, content FROM audit_blob WHERE log_id = ?1 AND commitment = ?2")?
                .query_row(params![self.log, commitment.bytes()], |row| {
                    Ok(Words::Kept {
                        salt: bytes(row.get_ref(0)?).to_vec(),
                        content: bytes(row.get_ref(1)?).to_vec(),
                    })
                })
                .optional()
                .map(|it| it.unwrap_or(Words::Gone))
        })
    }
}
