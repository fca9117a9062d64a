//! Checkpoints, holds and erasure: what is kept beside calls and records, and how it goes.
//!
//! What was erased must not stay in the file. SQLite leaves deleted bytes where they were unless it is
//! told otherwise, and the journal has them until it is written back and cut.

use countersign_core::id::{CallId, TenantId};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, params};

use crate::store::{CheckpointRow, Keeping};

/// The subject of a hold on everything.
const EVERYTHING: &str = "";

/// Whether nothing forbids it. Looked at before the first change of a commit.
pub(super) fn is_allowed(
    connection: &Connection,
    tenant: &TenantId,
    keeping: &Keeping,
) -> rusqlite::Result<bool> {
    match keeping {
        Keeping::Checkpoint(_) | Keeping::Hold { .. } => Ok(true),
        Keeping::Erase { call, .. } => {
            let held = is_held(connection, tenant, Some(*call))? || is_held(connection, tenant, None)?;
            // Zeros over what is deleted, for the row of the call too, which is the first to be written.
            connection.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
            Ok(!held)
        }
        Keeping::Lift { on } => is_held(connection, tenant, *on),
    }
}

fn subject(on: Option<CallId>) -> String {
    on.map_or_else(|| EVERYTHING.to_owned(), |it| it.to_string())
}

fn is_held(connection: &Connection, tenant: &TenantId, on: Option<CallId>) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM audit_hold WHERE log_id = ?1 AND subject = ?2")?
        .exists(params![tenant.as_str(), subject(on)])
}

pub(super) fn write(connection: &Connection, tenant: &TenantId, keeping: &Keeping) -> rusqlite::Result<()> {
    match keeping {
        Keeping::Checkpoint(CheckpointRow { size, note }) => {
            connection
                .prepare_cached(
                    "INSERT INTO audit_checkpoint (log_id, size, note) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO NOTHING",
                )?
                .execute(params![tenant.as_str(), size, note])?;
        }
        Keeping::Erase { blobs, .. } => {
            let mut delete =
                connection.prepare_cached("DELETE FROM audit_blob WHERE log_id = ?1 AND commitment = ?2")?;
            for blob in blobs {
                delete.execute(params![tenant.as_str(), blob.bytes()])?;
            }
        }
        Keeping::Hold { on } => {
            connection
                .prepare_cached(
                    "INSERT INTO audit_hold (log_id, subject) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![tenant.as_str(), subject(*on)])?;
        }
        Keeping::Lift { on } => {
            connection
                .prepare_cached("DELETE FROM audit_hold WHERE log_id = ?1 AND subject = ?2")?
                .execute(params![tenant.as_str(), subject(*on)])?;
        }
    }
    Ok(())
}

/// Takes erased bytes out of the journal. While another process reads, they stay until the next time:
/// that is no reason to say that the erasure failed.
pub(super) fn forget(connection: &Connection) {
    let done = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    if !matches!(done, Ok(false)) {
        tracing::warn!("erased data stays in the journal until no other process reads");
    }
    let _ = connection.pragma_update_and_check(None, "secure_delete", "FAST", |_| Ok(()));
}

pub(super) fn last_checkpoint(
    connection: &Connection,
    tenant: &TenantId,
) -> rusqlite::Result<Option<CheckpointRow>> {
    connection
        .prepare_cached(
            "SELECT size, note FROM audit_checkpoint WHERE log_id = ?1 ORDER BY size DESC LIMIT 1",
        )?
        .query_row([tenant.as_str()], |row| {
            Ok(CheckpointRow {
                size: row.get(0)?,
                note: row.get(1)?,
            })
        })
        .optional()
}

pub(super) fn holds(connection: &Connection, tenant: &TenantId) -> rusqlite::Result<Vec<Option<CallId>>> {
    let read = |row: &rusqlite::Row<'_>| {
        let subject: String = row.get(0)?;
        if subject == EVERYTHING {
            return Ok(None);
        }
        let call = subject
            .parse()
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))?;
        Ok(Some(call))
    };
    connection
        .prepare_cached("SELECT subject FROM audit_hold WHERE log_id = ?1 ORDER BY subject")?
        .query_map([tenant.as_str()], read)?
        .collect()
}
