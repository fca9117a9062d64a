//! The tables of runs and of what happened in them: how they are written and read.

use countersign_core::id::{ActorId, RunId, SessionId, TenantId};
use countersign_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::{limited, named, parsed};
use crate::store::{RunEventRow, RunFilter, RunRow, RunWrite};

const RUN: &str = "id, version, requester, created, agent, session, status, alone, at, state";

/// What an open run bears that no time moves on.
const NEVER: i64 = i64::MAX;

/// Whether the stored version is the expected one, and the session free if it is taken. Asked before the
/// first change of a commit.
pub(super) fn is_as_expected(
    connection: &Connection,
    tenant: &TenantId,
    write: &RunWrite,
) -> rusqlite::Result<bool> {
    let row = &write.row;
    let stored: Option<u64> = connection
        .prepare_cached("SELECT version FROM run WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![tenant.as_str(), row.id.to_string()], |row| row.get(0))
        .optional()?;
    if stored != write.expected {
        return Ok(false);
    }
    let Some(session) = row.session.as_ref().filter(|_| row.alone) else {
        return Ok(true);
    };
    let taken = connection.prepare_cached(ALONE)?.exists(params![
        tenant.as_str(),
        session.as_str(),
        row.id.to_string()
    ])?;
    Ok(!taken)
}

/// Whether a run stands as it is believed to.
pub(super) fn stands(
    connection: &Connection,
    tenant: &TenantId,
    id: RunId,
    status: &str,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM run WHERE tenant = ?1 AND id = ?2 AND status = ?3")?
        .exists(params![tenant.as_str(), id.to_string(), status])
}

/// What forbids another run of a session to be alone.
pub(super) const ALONE: &str =
    "SELECT 1 FROM run WHERE tenant = ?1 AND session = ?2 AND alone = 1 AND id <> ?3";

pub(super) fn write(connection: &Connection, tenant: &TenantId, write: &RunWrite) -> rusqlite::Result<()> {
    let row = &write.row;
    let id = row.id.to_string();
    let at = row
        .open
        .then(|| row.due.map_or(NEVER, |it| it.millis().min(NEVER - 1)));
    if write.expected.is_none() {
        connection
            .prepare_cached(
                "INSERT INTO run (tenant, id, version, requester, created, agent, session, status, alone, at, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                tenant.as_str(),
                id,
                row.version,
                row.requester.as_str(),
                row.created.millis(),
                row.agent.as_ref().map(ActorId::as_str),
                row.session.as_ref().map(SessionId::as_str),
                row.status,
                row.alone,
                at,
                row.state
            ])?;
    } else {
        connection
            .prepare_cached(
                "UPDATE run SET version = ?3, status = ?4, state = ?5 WHERE tenant = ?1 AND id = ?2",
            )?
            .execute(params![tenant.as_str(), id, row.version, row.status, row.state])?;
        // Apart, because naming these columns writes their indexes again, and most commits change neither.
        connection
            .prepare_cached(
                "UPDATE run SET alone = ?3, at = ?4
                 WHERE tenant = ?1 AND id = ?2 AND (alone IS NOT ?3 OR at IS NOT ?4)",
            )?
            .execute(params![tenant.as_str(), id, row.alone, at])?;
    }
    for event in &write.events {
        connection
            .prepare_cached("INSERT INTO run_event (tenant, run, number, text) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![tenant.as_str(), id, event.number, event.text])?;
    }
    Ok(())
}

pub(super) fn one(connection: &Connection, tenant: &TenantId, id: RunId) -> rusqlite::Result<Option<RunRow>> {
    connection
        .prepare_cached(&format!("SELECT {RUN} FROM run WHERE tenant = ?1 AND id = ?2"))?
        .query_row(params![tenant.as_str(), id.to_string()], row)
        .optional()
}

/// Where the lists come from, `?4` being what they filter by.
pub(super) const LISTS: [&str; 5] = [
    "run WHERE ?4 IS NULL",
    "run INDEXED BY run_by_session WHERE session = ?4",
    "run INDEXED BY run_by_requester WHERE requester = ?4",
    // Sorted afterwards: few runs are open, and those that are over are many.
    "run INDEXED BY run_open WHERE at IS NOT NULL AND ?4 IS NULL",
    "run INDEXED BY run_open WHERE at IS NOT NULL AND at <= ?4",
];

/// The statement of a list.
pub(super) fn listing(source: &str) -> String {
    format!("SELECT {RUN} FROM {source} AND tenant = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")
}

pub(super) fn list(
    connection: &Connection,
    tenant: &TenantId,
    filter: &RunFilter,
    before: Option<RunId>,
    limit: usize,
) -> rusqlite::Result<Vec<RunRow>> {
    // `~` sorts after every letter and digit of an id.
    let before = before.map_or_else(|| "~".to_owned(), |it| it.to_string());
    let (source, by) = match filter {
        RunFilter::All => (LISTS[0], Value::Null),
        RunFilter::OfSession(session) => (LISTS[1], Value::Text(session.as_str().to_owned())),
        RunFilter::OfRequester(requester) => (LISTS[2], Value::Text(requester.as_str().to_owned())),
        RunFilter::Open => (LISTS[3], Value::Null),
        RunFilter::Due(at) => (LISTS[4], Value::Integer(at.millis())),
    };
    connection
        .prepare_cached(&listing(source))?
        .query_map(params![tenant.as_str(), before, limited(limit), by], row)?
        .collect()
}

pub(super) fn events(
    connection: &Connection,
    tenant: &TenantId,
    run: RunId,
    from: u64,
    limit: usize,
) -> rusqlite::Result<Vec<RunEventRow>> {
    connection
        .prepare_cached(
            "SELECT number, text FROM run_event
             WHERE tenant = ?1 AND run = ?2 AND number >= ?3 ORDER BY number LIMIT ?4",
        )?
        .query_map(
            params![tenant.as_str(), run.to_string(), from, limited(limit)],
            |row| {
                Ok(RunEventRow {
                    number: row.get(0)?,
                    text: row.get(1)?,
                })
            },
        )?
        .collect()
}

fn row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let at: Option<i64> = row.get(8)?;
    Ok(RunRow {
        id: parsed(row, 0)?,
        version: row.get(1)?,
        requester: parsed(row, 2)?,
        created: Timestamp::from_millis(row.get(3)?),
        agent: named(row, 4)?,
        session: named(row, 5)?,
        status: row.get(6)?,
        alone: row.get(7)?,
        open: at.is_some(),
        due: at.filter(|it| *it != NEVER).map(Timestamp::from_millis),
        state: row.get(9)?,
    })
}
