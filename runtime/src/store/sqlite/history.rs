//! Calls from the newest: how the list is found, whatever lies in the others.

use std::fmt::Write as _;

use countersign_core::id::{CallId, TenantId};
use rusqlite::types::Value;

use super::read::{CALL, CALL_OF_A, List, limited};
use crate::store::HistoryFilter;

/// The list through the most selective index that the filter allows.
///
/// The requester and the tool of a call never change, so their indexes are written once. Its phase does with
/// every commit, and has none: what is open is found through the agenda, where it is little.
pub(super) fn list(tenant: &TenantId, filter: &HistoryFilter, before: Option<CallId>, limit: usize) -> List {
    // `~` sorts after every letter and digit of an id.
    let before = before.map_or_else(|| "~".to_owned(), |it| it.to_string());
    let mut values = vec![
        Value::Text(tenant.to_string()),
        Value::Text(before),
        limited(limit),
    ];
    let mut rest = String::new();
    let mut bind = |column: &str, value: Option<String>| {
        if let Some(value) = value {
            values.push(Value::Text(value));
            let _ = write!(rest, " AND {column} = ?{}", values.len());
        }
    };
    bind("requester", filter.requester.as_ref().map(ToString::to_string));
    bind("tool", filter.tool.as_ref().map(ToString::to_string));
    bind("phase", filter.phase.clone());
    let index = match (&filter.requester, &filter.tool) {
        (Some(_), _) => "call_by_requester",
        (None, Some(_)) => "call_by_tool",
        (None, None) => "sqlite_autoindex_call_1",
    };
    let all = format!("SELECT {CALL} FROM call INDEXED BY {index} WHERE tenant = ?1 AND id < ?2{rest}");
    let sql = match filter.open {
        None => all,
        Some(false) => format!("{all} AND due IS NULL AND waits_for = ''"),
        Some(true) => format!(
            "SELECT {CALL_OF_A} FROM (SELECT DISTINCT call FROM agenda WHERE tenant = ?1 AND call < ?2) AS a
             CROSS JOIN call ON tenant = ?1 AND id = a.call{rest}"
        ),
    };
    List {
        sql: format!("{sql} ORDER BY id DESC LIMIT ?3"),
        values,
        sorted: true,
    }
}
