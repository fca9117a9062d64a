//! The table of what edges keep: how it is written and read.

use std::collections::HashSet;
use std::fmt::Write as _;

use countersign_core::id::{ActorId, TenantId};
use countersign_core::time::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::read::{limited, named};
use crate::store::{EdgeFilter, EdgeRow, EdgeWrite};

const EDGE: &str = "kind, id, owner, version, at, state";

/// Whether the stored versions are the expected ones. Asked before the first change of a commit.
pub(super) fn are_as_expected(
    connection: &Connection,
    tenant: &TenantId,
    writes: &[EdgeWrite],
) -> rusqlite::Result<bool> {
    for write in writes {
        let (kind, id) = write.key();
        let stored: Option<u64> = connection
            .prepare_cached("SELECT version FROM edge WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?
            .query_row(params![tenant.as_str(), kind, id], |row| row.get(0))
            .optional()?;
        if stored != write.expected() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A row that a commit names twice.
pub(super) fn repeated(writes: &[EdgeWrite]) -> Option<(&str, &str)> {
    let mut seen = HashSet::with_capacity(writes.len());
    writes.iter().map(EdgeWrite::key).find(|it| !seen.insert(*it))
}

pub(super) fn write(
    connection: &Connection,
    tenant: &TenantId,
    write: &EdgeWrite,
) -> rusqlite::Result<usize> {
    let (kind, id) = write.key();
    match write {
        EdgeWrite::Put(row) => connection
            .prepare_cached(
                "INSERT INTO edge (tenant, kind, id, owner, version, at, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (tenant, kind, id) DO UPDATE SET owner = excluded.owner,
                    version = excluded.version, at = excluded.at, state = excluded.state",
            )?
            .execute(params![
                tenant.as_str(),
                kind,
                id,
                row.owner.as_ref().map(ActorId::as_str),
                row.version,
                row.at.map(Timestamp::millis),
                row.state
            ]),
        EdgeWrite::Delete { .. } => connection
            .prepare_cached("DELETE FROM edge WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?
            .execute(params![tenant.as_str(), kind, id]),
    }
}

pub(super) fn one(
    connection: &Connection,
    tenant: &TenantId,
    kind: &str,
    id: &str,
) -> rusqlite::Result<Option<EdgeRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {EDGE} FROM edge WHERE tenant = ?1 AND kind = ?2 AND id = ?3"
        ))?
        .query_row(params![tenant.as_str(), kind, id], edge_row)
        .optional()
}

pub(super) fn list(
    connection: &Connection,
    tenant: &TenantId,
    filter: &EdgeFilter,
    after: Option<&str>,
    limit: usize,
) -> rusqlite::Result<Vec<EdgeRow>> {
    let (sql, values) = listed(tenant, filter, after, limit);
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), edge_row)?
        .collect()
}

/// The list through the index that the filter has. What is due is found by its time and sorted afterwards:
/// it is deleted or put off, so it is little.
pub(super) fn listed(
    tenant: &TenantId,
    filter: &EdgeFilter,
    after: Option<&str>,
    limit: usize,
) -> (String, Vec<Value>) {
    let mut values = vec![
        Value::Text(tenant.to_string()),
        Value::Text(filter.kind.clone()),
        limited(limit),
    ];
    let mut bind = |value: Value| {
        values.push(value);
        values.len()
    };
    let mut rest = String::new();
    if let Some(after) = after {
        let _ = write!(rest, " AND id > ?{}", bind(Value::Text(after.to_owned())));
    }
    if let Some(owner) = &filter.owner {
        let _ = write!(rest, " AND owner = ?{}", bind(Value::Text(owner.to_string())));
    }
    if let Some(due) = filter.due {
        let _ = write!(rest, " AND at <= ?{}", bind(Value::Integer(due.millis())));
    }
    let index = match (&filter.owner, filter.due) {
        (Some(_), _) => "edge_by_owner",
        (None, Some(_)) => "edge_due",
        (None, None) => "sqlite_autoindex_edge_1",
    };
    let sql = format!(
        "SELECT {EDGE} FROM edge INDEXED BY {index} WHERE tenant = ?1 AND kind = ?2{rest} ORDER BY id LIMIT ?3"
    );
    (sql, values)
}

fn edge_row(row: &Row<'_>) -> rusqlite::Result<EdgeRow> {
    Ok(EdgeRow {
        kind: row.get(0)?,
        id: row.get(1)?,
        owner: named(row, 2)?,
        version: row.get(3)?,
        at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
        state: row.get(5)?,
    })
}
