//! Tells open pages that they should look again. What they get then is what anybody gets who asks: nothing is pushed.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::Event;
use serde::Deserialize;

use super::page::Trouble;
use super::visitor::Visitor;
use crate::http::events::{Streamed, last_seen, stream};
use crate::server::{Happened, Shared};

/// What a page is about; all that its reader may see unless said.
#[derive(Default, Deserialize)]
pub(super) struct About {
    call: Option<String>,
    run: Option<String>,
    /// The last event that the page knows of: see [`newest`].
    since: Option<u64>,
}

/// The number of the newest event. A page asks for it before it looks at anything else, and begins to listen after it:
/// what happens while the page is made and read is told as well.
pub(super) async fn newest(shared: &Shared) -> Result<u64, Trouble> {
    let engine = shared.engine();
    Ok(engine
        .store()
        .head(engine.tenant())
        .await?
        .size()
        .saturating_sub(1))
}

/// `changed` for each thing that happens to what the page is about, `other` for the rest.
pub(super) async fn events(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Query(about): Query<About>,
    headers: HeaderMap,
) -> Result<Streamed, Trouble> {
    let last = last_seen(&headers)?.or(about.since);
    let concerns = move |it: &Happened| {
        let is = |name: &str, wanted: &Option<String>| {
            wanted.is_none() || it.told[name].as_str() == wanted.as_deref()
        };
        is("call", &about.call) && is("run", &about.run)
    };
    let show = move |it: &Happened| {
        let name = if concerns(it) { "changed" } else { "other" };
        // An event without data is none (WHATWG HTML).
        Event::default().id(it.seq.to_string()).event(name).data("1")
    };
    Ok(stream(&shared, caller, last, show)?)
}
