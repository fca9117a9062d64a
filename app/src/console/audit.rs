//! The audit log: its entries, whether it is whole, and proofs to take away.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::page::{Frame, Moment, Place, Trouble, see};
use super::visible::{Line, Lines};
use super::visitor::Visitor;
use crate::cli::VerifyArgs;
use crate::http::problem::Problem;
use crate::record::{self, Record};
use crate::server::{Caller, Shared};
use crate::{audit, sight};

/// How many entries a page has.
const PAGE: usize = 100;

#[derive(Default, Deserialize)]
pub(super) struct Wanted {
    /// The last entry of the page, inclusive; the end of the log unless said.
    until: Option<u64>,
    did: Option<String>,
}

struct Entry {
    seq: u64,
    at: Moment,
    who: Line,
    what: Line,
    kind: Line,
    call: Option<String>,
    json: Lines,
    is_signed: bool,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    entries: Vec<Entry>,
    size: u64,
    older: Option<u64>,
    newer: Option<u64>,
    checkpoint: Option<(u64, Lines)>,
    key: Option<String>,
    /// Class and words of a check that was just made.
    verdict: Option<(&'static str, Lines)>,
    signed: bool,
}

fn may(caller: &Caller) -> Result<(), Trouble> {
    if sight::sees_log(&caller.actor) {
        return Ok(());
    }
    Err(Problem::forbidden(
        "the whole log is for auditors, operators and admins; each call has its own records",
    )
    .into())
}

/// The log, the newest entries first.
pub(super) async fn log(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Trouble> {
    may(&caller)?;
    draw(&shared, &caller, &wanted, None).await
}

async fn draw(
    shared: &Shared,
    caller: &Caller,
    wanted: &Wanted,
    verdict: Option<(&'static str, Lines)>,
) -> Result<Response, Trouble> {
    let engine = shared.engine();
    let size = engine.store().head(engine.tenant()).await?.size();
    let page = u64::try_from(PAGE).unwrap_or(u64::MAX);
    let end = wanted.until.map_or(size, |it| it.saturating_add(1)).min(size);
    let from = end.saturating_sub(page);
    let many = usize::try_from(end - from).unwrap_or(PAGE);
    let rows = if many == 0 {
        Vec::new()
    } else {
        engine.store().entries(engine.tenant(), None, from, many).await?
    };
    let records = rows.iter().map(Record::read).collect::<Result<Vec<_>, _>>()?;
    let words = record::words(shared.session(), &records).await?;
    let checkpoint = engine.store().last_checkpoint(engine.tenant()).await?;
    let signed = checkpoint.as_ref().map_or(0, |it| it.size);
    let entries = rows.iter().zip(&records).rev().map(|(row, it)| Entry {
        seq: row.seq,
        at: Moment::read(it.time()),
        who: Line::told(it.actor()),
        what: Line::told(it.told(&words)),
        kind: Line::of(it.kind()),
        call: it.entry["call"].as_str().map(str::to_owned),
        json: Lines::of(crate::text::escaped_json(&row.text)),
        is_signed: row.seq < signed,
    });
    let body = Audit {
        entries: entries.collect(),
        size,
        older: from.checked_sub(1),
        newer: (end < size).then(|| (end + page - 1).min(size - 1)),
        checkpoint: checkpoint.map(|it| (it.size, Lines::of(it.note.trim_end()))),
        key: engine.verifier_key().map(|it| it.to_string()),
        verdict,
        signed: wanted.did.as_deref() == Some("sign"),
    };
    Frame {
        shared,
        caller,
        place: Place::Audit,
    }
    .page("Audit log", &body)
}

/// Reads the whole log and says whether it is what was signed, and whether it makes sense.
pub(super) async fn verify(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
) -> Result<Response, Trouble> {
    may(&caller)?;
    let data = shared.session().data.clone();
    let checked = tokio::task::spawn_blocking(move || audit::verify(&data, &VerifyArgs::default())).await;
    let verdict = match checked.map_err(|error| Problem::internal(&error))? {
        Ok(reply) => {
            let class = match reply.json["status"].as_str() {
                Some("ok") => "good",
                Some("incomplete") => "warn",
                _ => "bad",
            };
            (class, Lines::of(reply.text.trim()))
        }
        Err(failure) => ("bad", Lines::of(format!("It could not be checked: {failure}"))),
    };
    draw(&shared, &caller, &Wanted::default(), Some(verdict)).await
}

/// Signs the log as it is now.
pub(super) async fn sign(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
) -> Result<Response, Trouble> {
    may(&caller)?;
    shared.engine().checkpoint().await?;
    Ok(see("/audit?did=sign"))
}

/// A receipt of one entry, under the last checkpoint: a file that proves it without this server.
pub(super) async fn receipt(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(seq): Path<u64>,
) -> Result<Response, Trouble> {
    may(&caller)?;
    let session = shared.session().clone();
    let proved = tokio::task::spawn_blocking(move || audit::proved(&session, seq)).await;
    let receipt = proved
        .map_err(|error| Problem::internal(&error))?
        .map_err(|_| Trouble::not_found("receipt of this entry: no checkpoint signs it yet"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"entry-{seq}.tlog-proof\""),
        ),
    ];
    Ok((headers, receipt).into_response())
}
