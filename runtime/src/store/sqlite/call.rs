//! The rows of calls: replaced only where they are what was expected, with what stays of them and their agenda.

use countersign_core::id::TenantId;
use countersign_core::time::Timestamp;
use rusqlite::{Connection, params};

use crate::store::{CallRow, CallWrite};

/// The compare-and-swap. False if what is stored is not what was expected, to the letter.
pub(super) fn write(
    connection: &Connection,
    tenant: &TenantId,
    write: &CallWrite,
    entries: &str,
) -> rusqlite::Result<bool> {
    let CallWrite { row, replaces } = write;
    let (id, due) = (row.id.to_string(), row.due.map(Timestamp::millis));
    let waits_for = row.waits_for.join(" ");
    let rows = match replaces {
        None => connection
            .prepare_cached(
                "INSERT INTO call
                    (tenant, id, version, phase, due, waits_for, state, run, tool, requester, entries)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                tenant.as_str(),
                id,
                row.version,
                row.phase,
                due,
                waits_for,
                row.state,
                row.run.to_string(),
                row.tool.as_str(),
                row.requester.as_str(),
                entries
            ])?,
        // Run, tool and requester stay those of the first version, and their indexes untouched.
        Some(before) => connection
            .prepare_cached(
                "UPDATE call SET version = ?3, phase = ?4, due = ?5, waits_for = ?6, state = ?7,
                    entries = trim(entries || ',' || ?13, ',')
                 WHERE tenant = ?1 AND id = ?2 AND version = ?8 AND state = ?9
                 AND phase = ?10 AND tool = ?11 AND requester = ?12
                 AND (SELECT text FROM call_terms AS t WHERE t.place = call.place) = ?14",
            )?
            .execute(params![
                tenant.as_str(),
                id,
                row.version,
                row.phase,
                due,
                waits_for,
                row.state,
                before.version,
                before.state,
                before.phase,
                before.tool.as_str(),
                before.requester.as_str(),
                entries,
                &*before.terms
            ])?,
    };
    if rows == 1 {
        write_terms(connection, tenant, &id, write)?;
        write_agenda(connection, tenant, &id, replaces.as_deref(), row)?;
    }
    Ok(rows == 1)
}

/// Writes what stays of a call, where it did not.
fn write_terms(
    connection: &Connection,
    tenant: &TenantId,
    id: &str,
    write: &CallWrite,
) -> rusqlite::Result<()> {
    let CallWrite { row, replaces } = write;
    match replaces {
        Some(before) if before.terms == row.terms => {}
        Some(_) => {
            connection
                .prepare_cached(
                    "UPDATE call_terms SET text = ?3
                     WHERE place = (SELECT place FROM call WHERE tenant = ?1 AND id = ?2)",
                )?
                .execute(params![tenant.as_str(), id, &*row.terms])?;
        }
        None => {
            connection
                .prepare_cached("INSERT INTO call_terms (place, text) VALUES (?1, ?2)")?
                .execute(params![connection.last_insert_rowid(), &*row.terms])?;
        }
    }
    Ok(())
}

/// The topic under which the time of a call stands.
pub(super) const DUE: &str = "due";

/// Under which topics and times a call stands on the agenda.
fn topics(row: &CallRow) -> impl Iterator<Item = (&str, i64)> {
    let due = row.due.iter().map(|it| (DUE, it.millis()));
    row.waits_for.iter().map(|it| (it.as_str(), 0)).chain(due)
}

/// Takes off the agenda what no longer holds and puts on it what does now.
fn write_agenda(
    connection: &Connection,
    tenant: &TenantId,
    id: &str,
    before: Option<&CallRow>,
    after: &CallRow,
) -> rusqlite::Result<()> {
    for (topic, at) in before.into_iter().flat_map(topics) {
        if !topics(after).any(|it| it == (topic, at)) {
            connection
                .prepare_cached(
                    "DELETE FROM agenda WHERE tenant = ?1 AND topic = ?2 AND at = ?3 AND call = ?4",
                )?
                .execute(params![tenant.as_str(), topic, at, id])?;
        }
    }
    for (topic, at) in topics(after) {
        if !before.into_iter().flat_map(topics).any(|it| it == (topic, at)) {
            connection
                .prepare_cached(
                    "INSERT INTO agenda (tenant, topic, at, call) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![tenant.as_str(), topic, at, id])?;
        }
    }
    Ok(())
}
