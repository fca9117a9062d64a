//! The table of remembered confirmations: how it is written and read.

use std::fmt::Write as _;

use countersign_core::id::{GrantId, TenantId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::read::{limited, parsed};
use crate::store::{GrantFilter, GrantRow, GrantWrite};

const GRANT: &str = "id, version, owner, tool, scope, live, state";

/// Whether the stored version is the expected one. Asked before the first change of a commit.
pub(super) fn is_as_expected(
    connection: &Connection,
    tenant: &TenantId,
    write: &GrantWrite,
) -> rusqlite::Result<bool> {
    let stored: Option<u64> = connection
        .prepare_cached("SELECT version FROM confirmation_grant WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![tenant.as_str(), write.row.id.to_string()], |row| {
            row.get(0)
        })
        .optional()?;
    Ok(stored == write.expected)
}

pub(super) fn write(
    connection: &Connection,
    tenant: &TenantId,
    write: &GrantWrite,
) -> rusqlite::Result<usize> {
    let row = &write.row;
    connection
        .prepare_cached(
            "INSERT INTO confirmation_grant (tenant, id, version, owner, tool, scope, live, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (tenant, id) DO UPDATE
             SET version = excluded.version, live = excluded.live, state = excluded.state",
        )?
        .execute(params![
            tenant.as_str(),
            row.id.to_string(),
            row.version,
            row.owner.as_str(),
            row.tool.as_str(),
            row.scope,
            row.live,
            row.state
        ])
}

pub(super) fn one(
    connection: &Connection,
    tenant: &TenantId,
    id: GrantId,
) -> rusqlite::Result<Option<GrantRow>> {
    connection
        .prepare_cached(&format!(
            "SELECT {GRANT} FROM confirmation_grant WHERE tenant = ?1 AND id = ?2"
        ))?
        .query_row(params![tenant.as_str(), id.to_string()], grant_row)
        .optional()
}

pub(super) fn list(
    connection: &Connection,
    tenant: &TenantId,
    filter: &GrantFilter,
    before: Option<GrantId>,
    limit: usize,
) -> rusqlite::Result<Vec<GrantRow>> {
    let (sql, values) = listed(tenant, filter, before, limit);
    connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), grant_row)?
        .collect()
}

/// The list through the most selective index that the filter allows.
pub(super) fn listed(
    tenant: &TenantId,
    filter: &GrantFilter,
    before: Option<GrantId>,
    limit: usize,
) -> (String, Vec<Value>) {
    // `~` sorts after every letter and digit of an id.
    let before = before.map_or_else(|| "~".to_owned(), |it| it.to_string());
    let mut values = vec![
        Value::Text(tenant.to_string()),
        Value::Text(before),
        limited(limit),
    ];
    let mut bind = |value: String| {
        values.push(Value::Text(value));
        values.len()
    };
    let mut rest = String::new();
    if let Some(owner) = &filter.owner {
        let _ = write!(rest, " AND owner = ?{}", bind(owner.to_string()));
    }
    if let Some(tool) = &filter.tool {
        let _ = write!(rest, " AND tool = ?{}", bind(tool.to_string()));
    }
    let mut scopes = filter.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    let scopes: Vec<String> = scopes.into_iter().map(|it| format!("?{}", bind(it))).collect();
    let arm = |index: &str, scope: &str| {
        format!(
            "SELECT {GRANT} FROM confirmation_grant INDEXED BY confirmation_grant_{index} \
             WHERE tenant = ?1 AND id < ?2 AND live = 1{rest}{scope}"
        )
    };
    let sql = match (&filter.owner, &filter.tool, scopes.is_empty()) {
        // One arm per scope, each in the order of ids: SQLite merges them and stops at the limit.
        (Some(_), Some(_), false) => {
            let arms = scopes
                .iter()
                .map(|it| arm("by_scope", &format!(" AND scope = {it}")));
            arms.collect::<Vec<_>>().join(" UNION ALL ")
        }
        (owner, _, all) => {
            let index = if owner.is_some() { "by_owner" } else { "live" };
            let among = format!(" AND scope IN ({})", scopes.join(", "));
            arm(index, if all { "" } else { &among })
        }
    };
    (format!("{sql} ORDER BY id DESC LIMIT ?3"), values)
}

fn grant_row(row: &Row<'_>) -> rusqlite::Result<GrantRow> {
    Ok(GrantRow {
        id: parsed(row, 0)?,
        version: row.get(1)?,
        owner: parsed(row, 2)?,
        tool: parsed(row, 3)?,
        scope: row.get(4)?,
        live: row.get(5)?,
        state: row.get(6)?,
    })
}
