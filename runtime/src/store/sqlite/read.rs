//! Reads: what each question is in SQL, and the connections that ask it.
//!
//! Every question is one statement (or one read transaction), so that it sees one state. In WAL mode
//! it neither waits for the writer nor holds it up. Lists name their index: a plan that changes with
//! the data would make a list slow on the day it matters.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::audit::{Blob, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{CallId, TenantId};
use countersign_core::time::Timestamp;
use rusqlite::types::{Type, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::call::DUE;
use super::open;
use crate::store::{CallFilter, CallRow, Directory, EntryRow};

/// The most connections that read a file at the same time.
const MOST_READERS: usize = 8;

/// The connections that read.
pub(super) enum Readers {
    /// Each opened when it is first needed.
    File {
        /// The connection that writes. Free, it is the fastest: what it wrote is in its cache.
        writer: Arc<Mutex<Connection>>,
        path: PathBuf,
        pool: Box<[Mutex<Option<Connection>>]>,
        turn: AtomicUsize,
    },
    /// A database in memory has one connection: reads wait for the batch that is being written.
    Memory(Arc<Mutex<Connection>>),
}

impl Readers {
    pub(super) fn of_file(path: PathBuf, writer: Arc<Mutex<Connection>>) -> Self {
        Self::File {
            writer,
            path,
            pool: (0..MOST_READERS).map(|_| Mutex::new(None)).collect(),
            turn: AtomicUsize::new(0),
        }
    }

    /// Asks something that takes some microseconds, and waits for no lock.
    pub(super) fn look_up<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        match self {
            Self::File { writer, .. } if let Ok(connection) = writer.try_lock() => {
                open::without_waiting(|| question(&connection))
            }
            _ => self.ask(question),
        }
    }

    /// Asks on a connection that nobody else uses meanwhile.
    pub(super) fn ask<T>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        match self {
            Self::Memory(connection) => question(&connection.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::File { path, pool, turn, .. } => {
                let free = pool.iter().find_map(|it| it.try_lock().ok());
                let mut slot = free.map_or_else(
                    || {
                        let turn = turn.fetch_add(1, Ordering::Relaxed) % MOST_READERS;
                        pool.get(turn)
                            .map(|it| it.lock().unwrap_or_else(PoisonError::into_inner))
                    },
                    Some,
                );
                match slot.as_deref_mut() {
                    Some(Some(connection)) => question(connection),
                    Some(empty) => question(empty.insert(open::reader(path)?)),
                    None => question(&open::reader(path)?),
                }
            }
        }
    }
}

/// As long as it lives, everything that is read through its connection is of one state.
///
/// What `Connection::unchecked_transaction` does, with statements that are prepared once.
struct Moment<'a>(&'a Connection);

impl<'a> Moment<'a> {
    fn of(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        // Nothing was written. If even this fails, the next one is refused with the reason.
        let _ = self
            .0
            .prepare_cached("ROLLBACK")
            .and_then(|mut it| it.execute([]));
    }
}

/// How many places of `audit_entry` each log has for itself.
pub(super) const PLACES: u64 = 1 << 40;

/// What a [`CallRow`] is read from, with its id from this column.
macro_rules! call_by {
    ($id:literal) => {
        concat!(
            $id,
            ", run, version, state, phase, tool, requester, due, waits_for,
              (SELECT text FROM call_terms AS t WHERE t.place = call.place)"
        )
    };
}

pub(super) const CALL: &str = call_by!("id");
/// The same, found through the agenda: a call that is missing is one that cannot be read, not the end.
pub(super) const CALL_OF_A: &str = call_by!("a.call");
const ONE: &str = concat!(
    "SELECT ",
    call_by!("id"),
    " FROM call WHERE tenant = ?1 AND id = ?2"
);

pub(super) fn call(
    connection: &Connection,
    tenant: &TenantId,
    id: CallId,
) -> rusqlite::Result<Option<CallRow>> {
    connection
        .prepare_cached(ONE)?
        .query_row(params![tenant.as_str(), id.to_string()], call_row)
        .optional()
}

/// The calls of a list; at most `limit`.
pub(super) fn calls(connection: &Connection, wanted: List, limit: usize) -> rusqlite::Result<Vec<CallRow>> {
    let List {
        sql,
        mut values,
        sorted,
    } = wanted;
    let mut statement = connection.prepare_cached(&sql)?;
    if sorted {
        let mut found = Vec::new();
        loop {
            let mut rows = statement.query(params_from_iter(&values))?;
            let (mut seen, mut last) = (0, String::new());
            while let Some(row) = rows.next()? {
                seen += 1;
                last = row.get(0)?;
                found.extend(readable(row)?);
            }
            // A page with unreadable rows in it is filled up, for a short page means the end.
            if seen < limit || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            if let Some(end) = values.get_mut(1) {
                *end = Value::Text(last);
            }
        }
    }
    // Few calls are due at once, and the index has them by time: the first ones by id are picked here.
    let mut rows = statement.query(params_from_iter(values))?;
    let mut first = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let Some(call) = readable(row)? else { continue };
        if first.len() < limit || first.last_key_value().is_some_and(|(last, _)| call.id < *last) {
            first.insert(call.id, call);
            if first.len() > limit {
                first.pop_last();
            }
        }
    }
    Ok(first.into_values().collect())
}

/// A row of a list; none if somebody has written what is no call. Looking at that call says so; the
/// others must not disappear with it.
fn readable(row: &Row<'_>) -> rusqlite::Result<Option<CallRow>> {
    match call_row(row) {
        Ok(call) => Ok(Some(call)),
        Err(
            error @ (rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)),
        ) => {
            let id: String = row.get(0)?;
            tracing::error!(call = id, %error, "a stored call cannot be read and is left out of a list");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A statement that lists calls.
pub(super) struct List {
    pub(super) sql: String,
    /// The second one is where the page before ended.
    pub(super) values: Vec<Value>,
    /// Whether it comes in the order of ids and stops at the limit by itself.
    pub(super) sorted: bool,
}

/// The list through the index that the filter has.
pub(super) fn list(tenant: &TenantId, filter: &CallFilter, after: Option<CallId>, limit: usize) -> List {
    let mut values = vec![
        Value::Text(tenant.to_string()),
        Value::Text(after.map_or_else(String::new, |it| it.to_string())),
    ];
    let mut bind = |value: Value| {
        values.push(value);
        values.len()
    };
    let mut sorted = true;
    let calls = |index: &str, rest: &str| {
        format!("SELECT {CALL} FROM call INDEXED BY {index} WHERE tenant = ?1 AND id > ?2{rest}")
    };
    let mut sql = match filter {
        CallFilter::All => calls("sqlite_autoindex_call_1", ""),
        CallFilter::OfRun(run) => {
            let run = bind(Value::Text(run.to_string()));
            calls("call_by_run", &format!(" AND run = ?{run}"))
        }
        CallFilter::WaitingFor(topics) => {
            // One arm per topic, each in the order of ids: SQLite merges them and stops at the limit.
            let mut arms: Vec<String> = topics
                .iter()
                .map(|it| bind(Value::Text(it.clone())))
                .map(|it| {
                    format!(
                        "SELECT call FROM agenda WHERE tenant = ?1 AND topic = ?{it} AND at = 0 AND call > ?2"
                    )
                })
                .collect();
            if arms.is_empty() {
                arms.push("SELECT ?2 AS call WHERE ?1 <> ?1".to_owned());
            }
            let limit = bind(limited(limit));
            let found = format!("{} ORDER BY call LIMIT ?{limit}", arms.join(" UNION "));
            format!("SELECT {CALL_OF_A} FROM ({found}) AS a LEFT JOIN call ON tenant = ?1 AND id = a.call")
        }
        CallFilter::Due(due) => {
            sorted = false;
            let due = bind(Value::Integer(due.millis()));
            format!(
                "SELECT {CALL_OF_A} FROM agenda AS a LEFT JOIN call ON call.tenant = ?1 AND id = a.call
                 WHERE a.tenant = ?1 AND topic = '{DUE}' AND at <= ?{due} AND a.call > ?2"
            )
        }
    };
    if matches!(filter, CallFilter::All | CallFilter::OfRun(_)) {
        let limit = bind(limited(limit));
        sql = format!("{sql} ORDER BY id LIMIT ?{limit}");
    }
    List { sql, values, sorted }
}

/// How many calls wait for this, counted up to a limit.
pub(super) const COUNT: &str =
    "SELECT count(*) FROM (SELECT 1 FROM agenda WHERE tenant = ?1 AND topic = ?2 LIMIT ?3) AS a";

pub(super) fn descriptor(connection: &Connection, digest: &Digest) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT text FROM descriptor WHERE digest = ?1")?
        .query_row([digest.bytes()], |row| row.get(0))
        .optional()
}

/// The revision of the directory that is stored, 0 if there is none.
pub(super) fn revision(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT revision FROM directory WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |row| row.get(0))
        .optional()
        .map(Option::unwrap_or_default)
}

pub(super) fn directory(
    connection: &Connection,
    tenant: &TenantId,
    known: Option<u64>,
) -> rusqlite::Result<Option<Directory>> {
    // Two tables: both answers must be of one revision.
    let _now = Moment::of(connection)?;
    if known == Some(revision(connection, tenant)?) {
        return Ok(None);
    }
    let found = connection
        .prepare_cached("SELECT revision, policy FROM directory WHERE tenant = ?1")?
        .query_row([tenant.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((revision, policy)) = found else {
        return Ok(Some(Directory::default()));
    };
    let actors = connection
        .prepare_cached(ACTORS)?
        .query_map([tenant.as_str()], |row| Ok((parsed(row, 0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(Directory {
        revision,
        policy,
        actors,
    }))
}

pub(super) const ACTORS: &str = "SELECT id, text FROM directory_actor WHERE tenant = ?1 ORDER BY id";

pub(super) const ENTRIES: &str = "SELECT seq, leaf, entry FROM audit_entry \
     WHERE place BETWEEN (SELECT first + ?2 FROM log_head WHERE log_id = ?1) \
     AND (SELECT first + 1099511627775 FROM log_head WHERE log_id = ?1) ORDER BY place LIMIT ?3";
pub(super) const LISTED: &str = "SELECT entries FROM call WHERE tenant = ?1 AND id = ?2";
pub(super) const ENTRY_AT: &str = "SELECT seq, leaf, entry FROM audit_entry \
     WHERE place = ?1 AND log_id = ?2 AND call = ?3 AND seq >= ?4";
pub(super) const ENTRIES_ALONE: &str = "SELECT seq, leaf, entry FROM audit_entry INDEXED BY audit_entry_alone \
     WHERE log_id = ?1 AND call = ?2 AND seq >= ?3 AND alone ORDER BY seq LIMIT ?4";

pub(super) fn entries(
    connection: &Connection,
    tenant: &TenantId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<EntryRow>> {
    // The next place would be that of another log.
    if from >= PLACES {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(ENTRIES)?
        .query_map(params![tenant.as_str(), from, limited(limit)], entry_row)?
        .collect()
}

/// Those that its row lists and those that stand alone. Few, so they are sorted when they are found.
pub(super) fn entries_of_call(
    connection: &Connection,
    tenant: &TenantId,
    call: CallId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<EntryRow>> {
    let (log, call) = (tenant.as_str(), call.to_string());
    // Two tables: all answers must be of one state.
    let _now = Moment::of(connection)?;
    let listed: Option<String> = connection
        .prepare_cached(LISTED)?
        .query_row([log, &call], |row| row.get(0))
        .optional()?;
    let mut found: Vec<EntryRow> = connection
        .prepare_cached(ENTRIES_ALONE)?
        .query_map(params![log, call, from, limited(limit)], entry_row)?
        .collect::<rusqlite::Result<_>>()?;
    let mut at = connection.prepare_cached(ENTRY_AT)?;
    for place in listed
        .iter()
        .flat_map(|it| it.split(','))
        .filter(|it| !it.is_empty())
    {
        let place: u64 = place
            .parse()
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?;
        found.extend(
            at.query_row(params![place, log, call, from], entry_row)
                .optional()?,
        );
    }
    found.sort_unstable_by_key(|it| it.seq);
    found.truncate(limit);
    Ok(found)
}

pub(super) fn blob(
    connection: &Connection,
    tenant: &TenantId,
    commitment: &Digest,
) -> rusqlite::Result<Option<Blob>> {
    connection
        .prepare_cached("SELECT salt, content FROM audit_blob WHERE log_id = ?1 AND commitment = ?2")?
        .query_row(params![tenant.as_str(), commitment.bytes()], |row| {
            Ok(Blob {
                salt: Digest::new(row.get(0)?),
                content: row.get(1)?,
            })
        })
        .optional()
}

pub(super) fn head(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Frontier> {
    connection
        .prepare_cached("SELECT size, frontier FROM log_head WHERE log_id = ?1")?
        .query_row([tenant.as_str()], frontier)
        .optional()
        .map(Option::unwrap_or_default)
}

/// The frontier from the columns size and frontier.
pub(super) fn frontier(row: &Row<'_>) -> rusqlite::Result<Frontier> {
    let bytes = row.get_ref(1)?.as_blob()?;
    Frontier::from_bytes(row.get(0)?, bytes)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, Box::new(error)))
}

fn call_row(row: &Row<'_>) -> rusqlite::Result<CallRow> {
    Ok(CallRow {
        id: parsed(row, 0)?,
        run: parsed(row, 1)?,
        version: row.get(2)?,
        terms: row.get_ref(9)?.as_str()?.into(),
        state: row.get(3)?,
        phase: row.get(4)?,
        tool: parsed(row, 5)?,
        requester: parsed(row, 6)?,
        due: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
        waits_for: row
            .get_ref(8)?
            .as_str()?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    })
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        seq: row.get(0)?,
        leaf: Digest::new(row.get(1)?),
        text: row.get(2)?,
    })
}

/// A column that holds the text of an id or a name.
pub(super) fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<T> {
    row.get_ref(column)?
        .as_str()?
        .parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The same, which may be missing.
pub(super) fn named<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => parsed(row, column).map(Some),
    }
}

pub(super) fn limited(limit: usize) -> Value {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}
