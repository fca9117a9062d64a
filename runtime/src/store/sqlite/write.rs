//! The only thread that writes: takes all commits that wait and puts them into one transaction.
//!
//! Under load, many commits share one flush; alone, a commit waits for nobody. Nothing is acknowledged
//! before the transaction is committed, and no transaction outlives its batch, so that other processes
//! get their turn.
//!
//! INVARIANT: a commit that is refused (a conflict, a record that cannot be written) is refused before
//! its first change. What remains are failures of SQLite; they undo the batch, and each commit is then
//! tried alone, so that a bad one fails alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::audit::{Blob, Entry, Frontier};
use countersign_core::id::TenantId;
use countersign_core::time::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tokio::sync::{mpsc, oneshot};

use super::{Pulse, error, keep, read};
use crate::store::{CallWrite, Commit, Committed, DirectoryWrite, Durability, Keeping, RunRow, StoreError};

/// The most commits in one transaction.
const MOST_COMMITS: usize = 256;

/// How a commit ended, or why it did not.
pub(super) type Answer = Result<Committed, StoreError>;

/// A commit that waits, and where its answer goes.
pub(super) enum Job {
    Commit {
        commit: Box<Commit>,
        answer: oneshot::Sender<Answer>,
    },
    #[cfg(test)]
    Panic,
}

/// What the thread owns.
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

    /// Works until the last sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MOST_COMMITS);
        while queue.blocking_recv_many(&mut jobs, MOST_COMMITS) > 0 {
            let mut commits = Vec::with_capacity(jobs.len());
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs.drain(..) {
                match job {
                    Job::Commit { commit, answer } => {
                        commits.push(*commit);
                        answers.push(answer);
                    }
                    #[cfg(test)]
                    Job::Panic => std::panic::resume_unwind(Box::new("asked to")),
                }
            }
            let results = self.batch(&commits);
            for (answer, result) in answers.into_iter().zip(results) {
                // Whoever asked may have stopped waiting; what was committed stays.
                let _ = answer.send(result);
            }
        }
    }

    /// Makes all of them in one transaction; if SQLite fails, each in its own.
    pub(super) fn batch(&mut self, commits: &[Commit]) -> Vec<Answer> {
        match self.transaction(commits) {
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

    fn one_by_one(&mut self, commits: &[Commit]) -> Vec<Answer> {
        commits
            .iter()
            .flat_map(|commit| self.batch(std::slice::from_ref(commit)))
            .collect()
    }

    fn fail_all(&self, commits: &[Commit], undone: &Undone) -> Vec<Answer> {
        let (Undone::NotBegun(error) | Undone::Statement(error) | Undone::NotCommitted(error)) = undone;
        commits
            .iter()
            .map(|_| Err(error::failure(&self.place, error)))
            .collect()
    }

    /// All commits in one transaction. An error means that none was made.
    fn transaction(&mut self, commits: &[Commit]) -> Result<Vec<Answer>, Undone> {
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
    fn set_flush(&mut self, connection: &Connection, commits: &[Commit]) -> rusqlite::Result<()> {
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

fn write_all(connection: &Connection, commits: &[Commit]) -> rusqlite::Result<Vec<Answer>> {
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
    frontier: Frontier,
    time: Timestamp,
    moved: bool,
}

type Heads<'a> = BTreeMap<&'a TenantId, Head>;

fn write<'a>(
    connection: &Connection,
    heads: &mut Heads<'a>,
    commit: &'a Commit,
) -> Result<Committed, Refused> {
    let tenant = &commit.tenant;
    if !heads.contains_key(tenant) {
        heads.insert(tenant, read_head(connection, tenant)?);
    }
    let Some(head) = heads.get_mut(tenant) else {
        return Ok(Committed::Conflict);
    };
    let time = commit.time.max(head.time);
    let seq = head.frontier.size();
    let entries = entries(commit, seq, time)?;

    if !as_assumed(connection, commit)? {
        return Ok(Committed::Conflict);
    }
    // The first change. Nothing after it is refused.
    if let Some(call) = &commit.call
        && !write_call(connection, tenant, call)?
    {
        return Ok(Committed::Conflict);
    }
    if let Some(run) = &commit.run {
        write_run(connection, tenant, run)?;
    }
    if let Some((digest, text)) = &commit.descriptor {
        connection
            .prepare_cached("INSERT INTO descriptor (digest, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![digest.bytes(), text])?;
    }
    if let Some(directory) = &commit.directory {
        write_directory(connection, tenant, directory)?;
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
                "INSERT INTO audit_entry (log_id, seq, leaf, entry, call) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                tenant.as_str(),
                head.frontier.size(),
                entry.leaf.bytes(),
                entry.text,
                call
            ])?;
        head.frontier.append(entry.leaf);
    }
    if !entries.is_empty() {
        head.time = time;
        head.moved = true;
    }
    Ok(Committed::Done { time, seq })
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
fn as_assumed(connection: &Connection, commit: &Commit) -> Result<bool, Refused> {
    if let Some(CallWrite { row, expected }) = &commit.call {
        let next = expected.map_or(Some(0), |it| it.checked_add(1));
        if next != Some(row.version) {
            return Err(Refused::Commit(StoreError::Failed(format!(
                "a commit of {} expects version {expected:?} and brings version {}; this is a mistake in the program",
                row.id, row.version
            ))));
        }
    }
    let expected = commit.directory.as_ref().map(|it| it.expected);
    if commit.assumed_directory.is_some() || expected.is_some() {
        let stored = read::revision(connection, &commit.tenant)?;
        if [commit.assumed_directory, expected]
            .into_iter()
            .flatten()
            .any(|it| it != stored)
        {
            return Ok(false);
        }
    }
    if let Some(keeping) = &commit.keeping
        && !keep::is_allowed(connection, &commit.tenant, keeping)?
    {
        return Ok(false);
    }
    if let Some(run) = &commit.run {
        let taken = connection
            .prepare_cached("SELECT 1 FROM run WHERE tenant = ?1 AND id = ?2")?
            .exists(params![commit.tenant.as_str(), run.id.to_string()])?;
        return Ok(!taken);
    }
    Ok(true)
}

/// The compare-and-swap. False if the stored version is not the expected one.
fn write_call(connection: &Connection, tenant: &TenantId, write: &CallWrite) -> rusqlite::Result<bool> {
    let CallWrite { row, expected } = write;
    let due = row.due.map(Timestamp::millis);
    let rows = match expected {
        None => connection
            .prepare_cached(
                "INSERT INTO call (tenant, id, version, phase, due, state, run, tool, requester)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                tenant.as_str(),
                row.id.to_string(),
                row.version,
                row.phase,
                due,
                row.state,
                row.run.to_string(),
                row.tool.as_str(),
                row.requester.as_str()
            ])?,
        // Run, tool and requester stay those of the first version, and their indexes untouched.
        Some(expected) => connection
            .prepare_cached(
                "UPDATE call SET version = ?3, phase = ?4, due = ?5, state = ?6
                 WHERE tenant = ?1 AND id = ?2 AND version = ?7",
            )?
            .execute(params![
                tenant.as_str(),
                row.id.to_string(),
                row.version,
                row.phase,
                due,
                row.state,
                expected
            ])?,
    };
    Ok(rows == 1)
}

fn write_run(connection: &Connection, tenant: &TenantId, run: &RunRow) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO run (tenant, id, requester, created, state) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            tenant.as_str(),
            run.id.to_string(),
            run.requester.as_str(),
            run.created.millis(),
            run.state
        ])
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

fn read_head(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Head> {
    let head = connection
        .prepare_cached("SELECT size, frontier, time FROM log_head WHERE log_id = ?1")?
        .query_row([tenant.as_str()], |row| {
            Ok(Head {
                frontier: read::frontier(row)?,
                time: Timestamp::from_millis(row.get(2)?),
                moved: false,
            })
        })
        .optional()?;
    Ok(head.unwrap_or(Head {
        frontier: Frontier::default(),
        time: Timestamp::default(),
        moved: false,
    }))
}

fn write_head(connection: &Connection, tenant: &TenantId, head: &Head) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT INTO log_head (log_id, size, frontier, time) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (log_id) DO UPDATE
             SET size = excluded.size, frontier = excluded.frontier, time = excluded.time",
        )?
        .execute(params![
            tenant.as_str(),
            head.frontier.size(),
            head.frontier.bytes(),
            head.time.millis()
        ])
}
