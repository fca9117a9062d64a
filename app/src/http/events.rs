//! What happens, as a stream: `text/event-stream` (WHATWG HTML, server-sent events).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use countersign::Timestamp;
use futures_core::Stream;
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use utoipa::IntoParams;

use crate::http::Refused;
use crate::http::extract::Asked;
use crate::http::problem::Problem;
use crate::server::{Caller, Happened, Shared, feed};

/// How often a stream that is quiet says that it lives, and looks whether its credential still counts.
pub(super) const QUIET: Duration = Duration::from_secs(15);
/// How many events wait for a client that reads slowly.
const WAITING: usize = 16;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct After {
    /// The same as `Last-Event-ID`, which counts more.
    after: Option<u64>,
}

/// What happens to calls that the caller may see; for auditors, operators and admins all that is put on record.
///
/// The id of an event is the number of its entry in the audit log. `Last-Event-ID` (or `?after=`) goes on after it
/// and misses nothing; without it, the stream begins with what comes next.
#[utoipa::path(get, path = "/v1/events", params(("Last-Event-ID" = Option<u64>, Header), After),
    responses((status = 200, body = Sent, content_type = "text/event-stream"), Refused),
    security(("key" = []), ("session" = [])), tag = "events")]
pub(super) async fn events(
    State(shared): State<Shared>,
    caller: Caller,
    Asked(asked): Asked<After>,
    headers: HeaderMap,
) -> Result<Streamed, Problem> {
    // A browser that comes back says both: what it began with, and where it was.
    let from = last_seen(&headers)?.or(asked.after);
    let engine = shared.engine();
    if let Some(from) = from
        && from >= engine.store().head(engine.tenant()).await?.size()
    {
        return Err(Problem::malformed("there is no event of this number yet"));
    }
    stream(&shared, caller, from, |it| {
        Event::default()
            .id(it.seq.to_string())
            .event(it.kind.clone())
            .data(it.told.to_string())
    })
}

/// The number of the last event that a client has seen.
pub(crate) fn last_seen(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let number = value.to_str().ok().and_then(|it| it.parse().ok());
    let number = number.filter(|it| *it < i64::MAX.unsigned_abs());
    number
        .map(Some)
        .ok_or_else(|| Problem::malformed("`Last-Event-ID` is the number of an event"))
}

/// What the caller may see of what happens, as events of one's own making.
pub(crate) fn stream(
    shared: &Shared,
    caller: Caller,
    last: Option<u64>,
    show: impl Fn(&Happened) -> Event + Send + Sync + 'static,
) -> Result<Streamed, Problem> {
    let open = shared.limits().stream(&caller.actor.id)?;
    // Listening begins before the store is read: what happens in between is told twice, and passed over once.
    let listening = shared.feed().listen();
    let (tell, told) = mpsc::channel(WAITING);
    let teller = Teller {
        shared: shared.clone(),
        caller,
        last,
        looked_at: shared.engine().now(),
        tell,
        show,
        stopping: shared.stopping(),
    };
    tokio::spawn(async move {
        let _open = open;
        teller.shared.metrics().streams.inc();
        let shared = teller.shared.clone();
        if let Err(problem) = Box::pin(teller.run(listening)).await {
            tracing::warn!(detail = problem.detail(), "a stream ended");
        }
        shared.metrics().streams.dec();
    });
    Ok(streamed(told))
}

/// An answer that is a stream of events.
pub(crate) type Streamed = Sse<KeepAliveStream<Told<Result<Event, Infallible>>>>;

/// What a task tells, as a stream.
pub(crate) struct Told<T>(pub(crate) mpsc::Receiver<T>);

impl<T> Stream for Told<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(context)
    }
}

/// Answers with what a task tells.
pub(crate) fn streamed(told: mpsc::Receiver<Result<Event, Infallible>>) -> Streamed {
    Sse::new(Told(told)).keep_alive(KeepAlive::new().interval(QUIET))
}

/// One client's stream.
struct Teller<S> {
    shared: Shared,
    caller: Caller,
    /// The number of the last event that was told or passed over.
    last: Option<u64>,
    /// When the caller was looked up: roles that are lent end without an event.
    looked_at: Timestamp,
    tell: mpsc::Sender<Result<Event, Infallible>>,
    show: S,
    stopping: watch::Receiver<bool>,
}

impl<S: Fn(&Happened) -> Event> Teller<S> {
    async fn run(mut self, mut listening: broadcast::Receiver<Arc<Happened>>) -> Result<(), Problem> {
        if self.last.is_none() {
            // Of what was before, nothing; of what comes, nothing is missed.
            let engine = self.shared.engine();
            self.last = engine.store().head(engine.tenant()).await?.size().checked_sub(1);
        } else if !self.catch_up().await? {
            return Ok(());
        }
        loop {
            let heard = tokio::select! {
                heard = listening.recv() => Some(heard),
                () = tokio::time::sleep(QUIET) => None,
                () = self.tell.closed() => return Ok(()),
                _ = self.stopping.wait_for(|it| *it) => return Ok(()),
            };
            let goes_on = match heard {
                Some(Ok(happened)) => self.pass(&happened).await?,
                Some(Err(RecvError::Lagged(_))) => self.catch_up().await?,
                Some(Err(RecvError::Closed)) => return Ok(()),
                None => self.still_counts().await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Tells what the store has after the last one.
    async fn catch_up(&mut self) -> Result<bool, Problem> {
        loop {
            let from = self.last.map_or(0, |it| it + 1);
            let found = feed::read(self.shared.engine(), from).await?;
            if found.is_empty() {
                return Ok(true);
            }
            for happened in found {
                if !self.pass(&happened).await? {
                    return Ok(false);
                }
            }
        }
    }

    /// Tells one, if it is new and for this client. False if the stream is over.
    async fn pass(&mut self, happened: &Happened) -> Result<bool, Problem> {
        if self.last.is_some_and(|it| happened.seq <= it) {
            return Ok(true);
        }
        self.last = Some(happened.seq);
        // That a key is revoked or a role taken is an event. That its time is over is none.
        let now = self.shared.engine().now();
        let over = now >= self.caller.credential.expires_at;
        let look = happened.changes_who_may() || now >= self.looked_at.after(QUIET);
        if over || (look && !self.still_counts().await?) {
            return Ok(false);
        }
        if !happened.is_for(&self.caller.actor) {
            return Ok(true);
        }
        // A client that does not read must not keep the server from stopping.
        let room = tokio::select! {
            room = self.tell.reserve() => room,
            _ = self.stopping.wait_for(|it| *it) => return Ok(false),
        };
        Ok(room.map(|it| it.send(Ok((self.show)(happened)))).is_ok())
    }

    /// Looks the actor up anew. False if the credential counts no more.
    async fn still_counts(&mut self) -> Result<bool, Problem> {
        match self.caller.again(&self.shared).await? {
            Some(caller) => self.caller = caller,
            None => return Ok(false),
        }
        self.looked_at = self.shared.engine().now();
        Ok(true)
    }
}

/// One event of a stream, as WHATWG HTML has them.
#[derive(utoipa::ToSchema)]
#[schema(as = Event)]
#[allow(dead_code, reason = "read by the document only")]
pub(crate) struct Sent {
    /// Its number, for `Last-Event-ID`.
    id: Option<String>,
    /// What happened, such as `call.approved`.
    event: Option<String>,
    /// JSON.
    data: Option<String>,
}
