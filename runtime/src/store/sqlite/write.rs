//! Writes: puts commits into one transaction, with their entries at the end of the log.
//!
//! Nothing is acknowledged before the transaction is committed, and no transaction outlives its batch,
//! so that other processes get their turn.
//!
//! INVARIANT: a commit that is refused (a conflict, a record that cannot be written) is refused before
//! its first change. What remains are failures of SQLite; they undo the batch, and each commit is then
//! tried alone, so that a bad one fails alone.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::audit::{Blob, Draft, Entry, Frontier};
use countersign_core::id::TenantId;
use countersign_core::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use super::{Pulse, call, edge, error, grant, keep, open, read, run};
use crate::store::{CallWrite, Commit, Committed, DirectoryWrite, Durability, Keeping, Room, StoreError};

/// How a commit ended, or why it did not.
pub(super) type Answer = Result<Committed, StoreError>;

/// What is needed to write.
pub(super) struct Writer {
    connection: Arc<Mutex<Connection>>,
    place: Arc<str>,
    pulse: Arc<Pulse>,
    /// Whether the connection is set to flush with each transaction.
    flushes: bool,
    /// Set when the disk failed in the middle of a commit. SQLite and the file may differ from then on.
    broken: Option<String>,
}

/// Why a transaction was not committed.
enum Undone {
    /// No lock, no transaction.
    NotBegun(rusqlite::Error),
    /// A statement failed.
    Statement(rusqlite::Error),
    /// COMMIT failed.
    NotCommitted(rusqlite::Error),
}

/// Why a commit was not made.
enum Refused {
    /// It cannot be written as it is; nothing of it was.
    Commit(StoreError),
    /// SQLite failed; parts of it may have been written to the open transaction.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Writer {
    pub(super) fn new(connection: Arc<Mutex<Connection>>, place: Arc<str>, pulse: Arc<Pulse>) -> Self {
        Self {
            connection,
            place,
            pulse,
            flushes: true,
            broken: None,
        }
    }

    /// One commit, unless another process holds the lock: then nothing was done.
    pub(super) fn without_waiting(&mut self, commit: &Commit) -> Option<Answer> {
        let commits = &[commit];
        let done = open::without_waiting(|| self.transaction(commits));
        if let Err(Undone::NotBegun(error)) = &done
            && error::is_busy(error)
        {
            return None;
        }
        self.settled(commits, done).pop()
    }

    /// Makes all of them in one transaction; if SQLite fails, each in its own.
    pub(super) fn batch(&mut self, commits: &[impl Borrow<Commit>]) -> Vec<Answer> {
        let commits: Vec<&Commit> = commits.iter().map(Borrow::borrow).collect();
        let done = self.transaction(&commits);
        self.settled(&commits, done)
    }

    fn settled(&mut self, commits: &[&Commit], done: Result<Vec<Answer>, Undone>) -> Vec<Answer> {
        match done {
            Ok(results) => results,
            Err(Undone::Statement(_)) if commits.len() > 1 => self.one_by_one(commits),
            Err(Undone::NotCommitted(error)) if commits.len() > 1 && !error::is_disk_failure(&error) => {
                self.one_by_one(commits)
            }
            Err(Undone::NotCommitted(error)) if error::is_disk_failure(&error) => {
                self.broken = Some(format!(
                    "{}: the disk failed during a commit ({error}), which may or may not be kept; \
                     check the disk and open the store again",
                    self.place
                ));
                self.transaction(commits)
                    .unwrap_or_else(|undone| self.fail_all(commits, &undone))
            }
            Err(undone) => self.fail_all(commits, &undone),
        }
    }

    fn one_by_one(&mut self, commits: &[&Commit]) -> Vec<Answer> {
        commits.iter().flat_map(|commit| self.batch(&[*commit])).collect()
    }

    fn fail_all(&self, commits: &[&Commit], undone: &Undone) -> Vec<Answer> {
        let (Undone::NotBegun(error) | Undone::Statement(error) | Undone::NotCommitted(error)) = undone;
        commits
            .iter()
            .map(|_| Err(error::failure(&self.place, error)))
            .collect()
    }

    /// All commits in one transaction. An error means that none was made.
    fn transaction(&mut self, commits: &[&Commit]) -> Result<Vec<Answer>, Undone> {
        if let Some(why) = &self.broken {
            return Ok(commits
                .iter()
                .map(|_| Err(StoreError::Failed(why.clone())))
                .collect());
        }
        let connection = Arc::clone(&self.connection);
        // A poisoned lock means that this thread panicked, and then it is not here.
        let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_flush(&connection, commits).map_err(Undone::NotBegun)?;
        begin(&connection).map_err(Undone::NotBegun)?;
        let before = connection.total_changes();
        let undo = |undone: Undone| {
            if !connection.is_autocommit() {
                // If even this fails, SQLite undoes it when the next transaction is refused.
                let _ = connection.execute_batch("ROLLBACK");
            }
            undone
        };
        let results = write_all(&connection, commits).map_err(|error| undo(Undone::Statement(error)))?;
        let changed = connection.total_changes() != before;
        execute(&connection, "COMMIT").map_err(|error| undo(Undone::NotCommitted(error)))?;
        if commits
            .iter()
            .any(|it| matches!(it.keeping, Some(Keeping::Erase { .. })))
        {
            keep::forget(&connection);
        }
        drop(connection);
        let done = results
            .iter()
            .filter(|it| matches!(it, Ok(Committed::Done { .. })))
            .count();
        self.pulse.committed(done, changed, changed && self.flushes);
        Ok(results)
    }

    /// Only a batch in which nobody waits for the disk skips the flush. Must be outside a transaction.
    fn set_flush(&mut self, connection: &Connection, commits: &[&Commit]) -> rusqlite::Result<()> {
        let flush = commits.iter().any(|it| it.durability == Durability::Disk);
        if flush != self.flushes {
            connection.pragma_update(None, "synchronous", if flush { "FULL" } else { "NORMAL" })?;
            self.flushes = flush;
        }
        Ok(())
    }
}

/// Takes the lock. The busy handler waits a minute; a snapshot that is too old is simply taken again.
fn begin(connection: &Connection) -> rusqlite::Result<()> {
    let mut rest = 100;
    loop {
        match execute(connection, "BEGIN IMMEDIATE") {
            Err(error) if is_old_snapshot(&error) && rest > 0 => rest -= 1,
            other => return other,
        }
    }
}

fn is_old_snapshot(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|it| {
        it.code == ErrorCode::DatabaseBusy && it.extended_code != rusqlite::ffi::SQLITE_BUSY
    })
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

fn write_all(connection: &Connection, commits: &[&Commit]) -> rusqlite::Result<Vec<Answer>> {
    let mut heads = BTreeMap::new();
    let mut results = Vec::with_capacity(commits.len());
    for commit in commits {
        match write(connection, &mut heads, commit) {
            Ok(committed) => results.push(Ok(committed)),
            Err(Refused::Commit(error)) => results.push(Err(error)),
            Err(Refused::Sql(error)) => return Err(error),
        }
    }
    for (tenant, head) in heads.iter().filter(|(_, head)| head.moved) {
        write_head(connection, tenant, head)?;
    }
    Ok(results)
}

/// The end of a tenant's log within the open transaction.
struct Head {
    /// The place of its first entry.
    first: u64,
    frontier: Frontier,
    time: Timestamp,
    moved: bool,
    /// The revision of the tenant's directory, which is read in the same breath.
    directory: u64,
}

type Heads<'a> = BTreeMap<&'a TenantId, Head>;

fn write<'a>(
    connection: &Connection,
    heads: &mut Heads<'a>,
    commit: &'a Commit,
) -> Result<Committed, Refused> {
    let tenant = &commit.tenant;
    if !heads.contains_key(tenant) {
        // Logs that begin in this transaction have no head to be seen by the next one yet.
        let free = heads
            .values()
            .map(|it| it.first + read::PLACES)
            .max()
            .unwrap_or(0);
        heads.insert(tenant, read_head(connection, tenant, free)?);
    }
    let Some(head) = heads.get_mut(tenant) else {
        return Ok(Committed::Conflict);
    };
    let time = commit.time.max(head.time);
    let seq = head.frontier.size();
    let entries = entries(commit, seq, time)?;

    if commit.before.is_some_and(|it| time >= it) || !as_assumed(connection, commit, head)? {
        return Ok(Committed::Conflict);
    }
    if let Some(room) = &commit.room
        && waiting(connection, tenant, room)? >= room.most
    {
        return Ok(Committed::Full);
    }
    // The first change. Nothing after it is refused.
    if let Some(call) = &commit.call
        && !call::write(connection, tenant, call, &listed(commit, head))?
    {
        return Ok(Committed::Conflict);
    }
    if let Some(write) = &commit.grant {
        grant::write(connection, tenant, write)?;
    }
    if let Some(run) = &commit.run {
        run::write(connection, tenant, run)?;
    }
    for write in &commit.edges {
        edge::write(connection, tenant, write)?;
    }
    if let Some((digest, text)) = &commit.descriptor {
        connection
            .prepare_cached("INSERT INTO descriptor (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![digest.bytes(), text])?;
    }
    if let Some(directory) = &commit.directory {
        write_directory(connection, tenant, directory)?;
        head.directory = directory.expected.saturating_add(1);
    }
    if let Some(keeping) = &commit.keeping {
        keep::write(connection, tenant, keeping)?;
    }
    for (draft, entry) in commit.records.iter().zip(&entries) {
        for blob in &draft.blobs {
            write_blob(connection, tenant, blob)?;
        }
        let call = draft.call.map(|it| it.to_string());
        connection
            .prepare_cached(
                "INSERT INTO audit_entry (place, log_id, seq, leaf, entry, call, alone)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                head.first.saturating_add(head.frontier.size()),
                tenant.as_str(),
                head.frontier.size(),
                entry.leaf.bytes(),
                entry.text,
                call,
                draft.call.is_some() && !is_listed(commit, draft)
            ])?;
        head.frontier.append(entry.leaf);
    }
    if !entries.is_empty() {
        head.time = time;
        head.moved = true;
    }
    Ok(Committed::Done { time, seq })
}

/// Whether the row of its call, written in the same commit, lists this entry.
fn is_listed(commit: &Commit, draft: &Draft) -> bool {
    let written = commit.call.as_ref().map(|it| it.row.id);
    draft.call.is_some() && draft.call == written
}

/// The places of the entries that the row of the call will list.
fn listed(commit: &Commit, head: &Head) -> String {
    let first = head.first.saturating_add(head.frontier.size());
    let places = commit.records.iter().zip(first..);
    let places = places.filter(|(draft, _)| is_listed(commit, draft));
    let places: Vec<String> = places.map(|(_, place)| place.to_string()).collect();
    places.join(",")
}

/// What will be appended, made before anything is written because a record may be refused.
fn entries(commit: &Commit, first: u64, time: Timestamp) -> Result<Vec<Entry>, Refused> {
    commit
        .records
        .iter()
        .zip(first..)
        .map(|(draft, seq)| {
            draft
                .entry(&commit.tenant, seq, time)
                .map_err(|error| Refused::Commit(StoreError::Record(error)))
        })
        .collect()
}

/// Whether everything that can be refused is as the commit expects, the call's version apart.
fn as_assumed(connection: &Connection, commit: &Commit, head: &Head) -> Result<bool, Refused> {
    if let Some(CallWrite { row, replaces }) = &commit.call {
        let next = replaces.as_ref().map_or(Some(0), |it| it.version.checked_add(1));
        if next != Some(row.version) || replaces.as_ref().is_some_and(|it| it.id != row.id) {
            return Err(Refused::Commit(StoreError::Failed(format!(
                "a commit of {} brings version {} and expects {:?}; this is a mistake in the program",
                row.id,
                row.version,
                replaces.as_ref().map(|it| (it.id, it.version))
            ))));
        }
    }
    if let Some((kind, id)) = edge::repeated(&commit.edges) {
        return Err(Refused::Commit(StoreError::Failed(format!(
            "a commit writes the {kind} {id} twice; this is a mistake in the program"
        ))));
    }
    if !edge::are_as_expected(connection, &commit.tenant, &commit.edges)? {
        return Ok(false);
    }
    if let Some(write) = &commit.grant
        && !grant::is_as_expected(connection, &commit.tenant, write)?
    {
        return Ok(false);
    }
    let expected = commit.directory.as_ref().map(|it| it.expected);
    if [commit.assumed_directory, expected]
        .into_iter()
        .flatten()
        .any(|it| it != head.directory)
    {
        return Ok(false);
    }
    if let Some(keeping) = &commit.keeping
        && !keep::is_allowed(connection, &commit.tenant, keeping)?
    {
        return Ok(false);
    }
    if let Some((run, status)) = &commit.assumed_run
        && !run::stands(connection, &commit.tenant, *run, status)?
    {
        return Ok(false);
    }
    if let Some(run) = &commit.run {
        return Ok(run::is_as_expected(connection, &commit.tenant, run)?);
    }
    Ok(true)
}

/// How many calls wait for what `room` names, each topic counted up to its limit.
fn waiting(connection: &Connection, tenant: &TenantId, room: &Room) -> rusqlite::Result<usize> {
    let mut count = connection.prepare_cached(read::COUNT)?;
    let mut waiting = 0_usize;
    for topic in &room.topics {
        let of_topic: usize = count
            .query_row(params![tenant.as_str(), topic, read::limited(room.most)], |row| {
                row.get(0)
            })?;
        waiting = waiting.saturating_add(of_topic);
    }
    Ok(waiting)
}

fn write_directory(
    connection: &Connection,
    tenant: &TenantId,
    write: &DirectoryWrite,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO directory (tenant, revision, policy) VALUES (?1, ?2, ?3)
             ON CONFLICT (tenant) DO UPDATE SET revision = excluded.revision, policy = excluded.policy",
        )?
        .execute(params![
            tenant.as_str(),
            write.expected.saturating_add(1),
            write.policy
        ])?;
    connection
        .prepare_cached("DELETE FROM directory_actor WHERE tenant = ?1")?
        .execute([tenant.as_str()])?;
    let mut insert =
        connection.prepare_cached("INSERT INTO directory_actor (tenant, id, text) VALUES (?1, ?2, ?3)")?;
    for (id, text) in &write.actors {
        insert.execute(params![tenant.as_str(), id.as_str(), text])?;
    }
    Ok(())
}

fn write_blob(connection: &Connection, tenant: &TenantId, blob: &Blob) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO audit_blob (log_id, commitment, salt, content) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            tenant.as_str(),
            blob.commitment().bytes(),
            blob.salt.bytes(),
            blob.content
        ])
}

/// The head of a log; one that begins now gets its places after all others, from `free` at least.
fn read_head(connection: &Connection, tenant: &TenantId, free: u64) -> rusqlite::Result<Head> {
    let head = connection
        .prepare_cached(
            "SELECT size, frontier, time, first, (SELECT revision FROM directory WHERE tenant = ?1)
             FROM log_head WHERE log_id = ?1",
        )?
        .query_row([tenant.as_str()], |row| {
            Ok(Head {
                first: row.get(3)?,
                frontier: read::frontier(row)?,
                time: Timestamp::from_millis(row.get(2)?),
                moved: false,
                directory: row.get::<_, Option<u64>>(4)?.unwrap_or_default(),
            })
        })
        .optional()?;
    if let Some(head) = head {
        return Ok(head);
    }
    let stored: u64 = connection
        .prepare_cached("SELECT coalesce(max(first) + ?1, 0) FROM log_head")?
        .query_row([read::PLACES], |row| row.get(0))?;
    Ok(Head {
        first: stored.max(free),
        frontier: Frontier::default(),
        time: Timestamp::default(),
        moved: false,
        directory: read::revision(connection, tenant)?,
    })
}

fn write_head(connection: &Connection, tenant: &TenantId, head: &Head) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO log_head (log_id, size, frontier, time, first) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (log_id) DO UPDATE
             SET size = excluded.size, frontier = excluded.frontier, time = excluded.time",
        )?
        .execute(params![
            tenant.as_str(),
            head.frontier.size(),
            head.frontier.bytes(),
            head.time.millis(),
            head.first
        ])
}
