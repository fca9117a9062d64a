//! What happens, as it happens: every entry of the audit log, told to those who may see it.
//!
//! One task reads the log from where it stands; whoever listens gets what it finds. The number of an entry is the
//! number of the event, so a client that comes back says the last one it saw and misses nothing: what the task has
//! already told is read from the store.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::core::actor::Actor;
use countersign::store::EntryRow;
use countersign::{Call, CallId, Engine, Error};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Notify, broadcast, watch};

use crate::server::Shared;
use crate::sight::{self, Audience};

/// How many events are kept for listeners that are slow; who misses more reads them from the store.
const KEPT: usize = 1024;
/// How often the log is looked at while nobody listens, for the counters.
const ALONE: Duration = Duration::from_secs(1);
/// How many entries are read at once.
const PAGE: usize = 256;

/// One entry of the log, for those who may see it.
#[derive(Debug)]
pub(crate) struct Happened {
    pub(crate) seq: u64,
    pub(crate) kind: String,
    /// What is told: no arguments, no reasons.
    pub(crate) told: Value,
    /// Whom the call concerns; none for what is about no call.
    audience: Option<Arc<Audience>>,
}

impl Happened {
    pub(crate) fn is_for(&self, actor: &Actor) -> bool {
        match &self.audience {
            Some(audience) => audience.has(actor),
            None => sight::sees_log(actor),
        }
    }

    /// Whether roles, keys or sessions may have changed with it.
    pub(crate) fn changes_who_may(&self) -> bool {
        ["policy.", "actor.", "credential.", "session."]
            .iter()
            .any(|it| self.kind.starts_with(it))
    }
}

/// Where listeners get their events.
pub(crate) struct Feed {
    tell: broadcast::Sender<Arc<Happened>>,
    /// Told when somebody begins to listen.
    joined: Notify,
}

/// What the feed reads of an entry.
#[derive(Deserialize)]
struct Entry {
    kind: String,
    time: String,
    call: Option<CallId>,
    run: Option<String>,
    #[serde(default)]
    tool: Value,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            tell: broadcast::channel(KEPT).0,
            joined: Notify::new(),
        }
    }

    /// What happens from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Happened>> {
        let listening = self.tell.subscribe();
        self.joined.notify_one();
        listening
    }

    /// Reads the log as it grows, until the server stops.
    pub(crate) async fn run(shared: Shared, mut stopping: watch::Receiver<bool>) {
        let engine = shared.engine();
        let mut next = None;
        let mut changes = engine.changes();
        let mut generation = None;
        loop {
            let found = engine.store().generation().await.ok();
            if found.is_none() || found != generation {
                match shared.feed().look(&shared, next).await {
                    Ok(seen) => (next, generation) = (Some(seen), found),
                    // Looked at again in a moment; listeners get what they missed then.
                    Err(error) => tracing::warn!(%error, "the log could not be read"),
                }
            }
            // While nobody listens, a commit is no reason to look. What happened since is read when somebody joins.
            let alone = shared.feed().tell.receiver_count() == 0;
            tokio::select! {
                () = changes.next(), if !alone => {}
                () = tokio::time::sleep(ALONE), if alone => {}
                () = shared.feed().joined.notified() => {}
                _ = stopping.wait_for(|it| *it) => return,
            }
        }
    }

    /// Tells what is new since `next`, and says where the log ends now.
    async fn look(&self, shared: &Shared, next: Option<u64>) -> Result<u64, Error> {
        let engine = shared.engine();
        let head = engine.store().head(engine.tenant()).await?.size();
        shared.metrics().entries.set(head);
        let Some(mut next) = next else {
            return Ok(head);
        };
        while next < head && self.tell.receiver_count() > 0 {
            let found = read(engine, next).await?;
            let Some(last) = found.last() else { break };
            next = last.seq + 1;
            for happened in found {
                // Nobody listening is no error.
                let _ = self.tell.send(Arc::new(happened));
            }
        }
        Ok(head.max(next))
    }
}

/// The next page of events from number `from` (inclusive); empty at the end.
pub(crate) async fn read(engine: &Engine, from: u64) -> Result<Vec<Happened>, Error> {
    let rows = engine.store().entries(engine.tenant(), None, from, PAGE).await?;
    let mut audiences = HashMap::new();
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        found.push(happened(engine, &row, &mut audiences).await?);
    }
    Ok(found)
}

async fn happened(
    engine: &Engine,
    row: &EntryRow,
    audiences: &mut HashMap<CallId, Option<Arc<Audience>>>,
) -> Result<Happened, Error> {
    let entry: Entry = serde_json::from_str(&row.text)
        .map_err(|error| countersign::store::StoreError::Damaged(format!("entry {}: {error}", row.seq)))?;
    let audience = match entry.call {
        None => None,
        Some(call) => match audiences.get(&call) {
            Some(known) => known.clone(),
            None => {
                let row = engine.store().call(engine.tenant(), call).await?;
                // A call that is only audited has no row: its entries are for those who read the log.
                let found = row.and_then(|it| Call::from_text(&it.terms, &it.state).ok());
                let audience = found.map(|it| Arc::new(Audience::of(&it)));
                audiences.insert(call, audience.clone());
                audience
            }
        },
    };
    let tool = match &entry.tool {
        Value::Object(tool) => tool.get("name").cloned().unwrap_or(Value::Null),
        other => other.clone(),
    };
    Ok(Happened {
        seq: row.seq,
        told: json!({
            "seq": row.seq, "time": entry.time, "kind": entry.kind, "call": entry.call, "run": entry.run, "tool": tool,
        }),
        kind: entry.kind,
        audience,
    })
}
