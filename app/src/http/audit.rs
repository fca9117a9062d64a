//! The audit log.

use axum::Json;
use axum::extract::State;
use countersign::CallId;
use countersign::store::EntryRow;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use crate::http::Refused;
use crate::http::calls::visible;
use crate::http::extract::{Asked, Id, Paging};
use crate::http::problem::Problem;
use crate::http::wire::{Checkpoint, Page, Proof};
use crate::server::{Caller, Shared};
use crate::{audit, record, sight};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only of this call.
    #[param(value_type = Option<String>)]
    call: Option<CallId>,
}

/// Entries of the audit log, the oldest first: all of them for auditors, operators and admins; of a call for those who
/// may see it.
#[utoipa::path(get, path = "/v1/audit", params(Which, Paging),
    responses((status = 200, body = Page<Object>), Refused), security(("key" = []), ("session" = [])), tag = "audit")]
pub(super) async fn log(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(which): Asked<Which>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Page<Value>>, Problem> {
    match which.call {
        // Of a call that is only audited there is nothing but its entries.
        Some(_) if sight::sees_log(&caller.actor) => {}
        Some(call) => drop(visible(&shared, &caller, call).await?),
        None => may_read(&caller)?,
    }
    let engine = shared.engine();
    let (from, limit) = (
        paging.after::<u64>()?.map_or(0, |it| it.saturating_add(1)),
        paging.limit()?,
    );
    let from = from.min(i64::MAX.unsigned_abs());
    let mut rows = engine
        .store()
        .entries(engine.tenant(), which.call, from, limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|it| it.seq.to_string());
    let read = |row: &EntryRow| record::Record::read(row).map(|it| it.entry);
    Ok(Json(Page {
        items: rows.iter().map(read).collect::<Result<_, _>>()?,
        next,
    }))
}

/// Signs the log as it is now.
#[utoipa::path(get, path = "/v1/audit/checkpoint", responses((status = 200, body = Checkpoint), Refused),
    security(("key" = []), ("session" = [])), tag = "audit")]
pub(super) async fn checkpoint(
    State(shared): State<Shared>,
    caller: Caller,
) -> Result<Json<Checkpoint>, Problem> {
    may_read(&caller)?;
    let (size, checkpoint, key) = audit::sign(shared.session()).await?;
    Ok(Json(Checkpoint {
        size,
        checkpoint,
        key,
    }))
}

/// A receipt that proves one entry without the database.
#[utoipa::path(get, path = "/v1/audit/proof/{seq}", params(("seq" = u64, Path)),
    responses((status = 200, body = Proof), Refused), security(("key" = []), ("session" = [])), tag = "audit")]
pub(super) async fn proof(
    State(shared): State<Shared>,
    caller: Caller,
    Id(seq): Id<u64>,
) -> Result<Json<Proof>, Problem> {
    let engine = shared.engine();
    let missing = || Problem::not_found(format!("entry {seq}"));
    let from = i64::try_from(seq).map_err(|_| missing())?.unsigned_abs();
    let rows = engine.store().entries(engine.tenant(), None, from, 1).await?;
    let row = rows.first().filter(|it| it.seq == seq);
    if !sight::sees_log(&caller.actor) {
        // Whoever may see a call may prove what is on record of it.
        let entry = row.map(record::Record::read).transpose()?;
        let call = entry
            .and_then(|it| it.entry["call"].as_str()?.parse().ok())
            .ok_or_else(missing)?;
        visible(&shared, &caller, call).await.map_err(|_| missing())?;
    }
    row.ok_or_else(missing)?;
    let session = shared.session().clone();
    let (receipt, key) = audit::receipt(&session, seq).await?;
    Ok(Json(Proof { seq, receipt, key }))
}

fn may_read(caller: &Caller) -> Result<(), Problem> {
    if sight::sees_log(&caller.actor) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "the whole log is for auditors, operators and admins; name a call with `?call=`",
    ))
}
