//! Carries what is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::store::{Commit, Committed, Durability, EdgeFilter, EdgeWrite};
use countersign::{Error, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{DUE, Delivery, Fault, Outbox};

/// How many are looked at at once, and are put off in one commit.
const PAGE: usize = 256;
/// How many of one place are carried in one round.
const MOST: usize = 2 * PAGE;
/// How long one attempt may take: shorter than its lease.
const LIMIT: Duration = Duration::from_secs(20);
/// How long one place may keep all others waiting. What is left is due the next time.
const VISIT: Duration = Duration::from_secs(20);

impl Outbox {
    /// One round: tries what is due now, once. Where a place cannot be reached, the rest for that place is put off with
    /// it: one that is down costs one attempt and not one for each notice, and is not read again and again.
    pub(crate) async fn send(self: &Arc<Self>) -> Result<(), Error> {
        let mut places: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        self.due(|due| {
            let place = places.entry(due.kept.to.clone()).or_default();
            place.push(due);
            if place.len() >= 2 * MOST {
                first(place);
            }
        })
        .await?;
        // A task for each place: a channel that panics takes nothing along, and its lease lapses.
        let mut visits = JoinSet::new();
        for due in places.into_values() {
            let outbox = self.clone();
            visits.spawn(async move { outbox.visit(due).await });
        }
        let mut ended = Ok(());
        while let Some(visit) = visits.join_next().await {
            match visit {
                // One place that could not be served keeps no other from being.
                Ok(visited) => ended = ended.and(visited),
                Err(error) => tracing::error!(%error, "a channel panicked; what it carried is tried again"),
            }
        }
        ended
    }

    /// All that is due now, wherever it goes: a place that has much keeps nothing of the others from being found.
    async fn due(&self, mut each: impl FnMut(Delivery)) -> Result<(), Error> {
        let filter = EdgeFilter {
            due: Some(self.engine.now()),
            ..EdgeFilter::of(DUE)
        };
        let mut after: Option<String> = None;
        loop {
            let (store, tenant) = (self.engine.store(), self.engine.tenant());
            let rows = store.edges(tenant, &filter, after.as_deref(), PAGE).await?;
            let full = rows.len() == PAGE;
            after = rows.last().map(|it| it.id.clone());
            for row in rows {
                let id = row.id.clone();
                match Delivery::read(row) {
                    Some(due) => each(due),
                    None => tracing::error!(%id, "a delivery cannot be read and is left alone"),
                }
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// The first of what is due at one place.
    async fn visit(&self, mut due: Vec<Delivery>) -> Result<(), Error> {
        first(&mut due);
        let began = Instant::now();
        for delivery in due {
            if began.elapsed() > VISIT || *self.stopping.borrow() {
                break;
            }
            let now = self.engine.now();
            if delivery.is_hopeless(now) {
                tracing::warn!(id = %delivery.id, to = %delivery.kept.to, "a notice is given up");
                let why = "whatever carried it did not live to say what came of it";
                self.committed(delivery.buried(why, now)).await?;
                continue;
            }
            let (delivery, lease) = delivery.leased(now);
            if !self.committed(lease).await? {
                // Another process is at it.
                continue;
            }
            let carried = match self.channels.to(&delivery.kept.to) {
                Some(channel) => tokio::time::timeout(LIMIT, channel.carry(&delivery))
                    .await
                    .unwrap_or_else(|_| Err(Fault::down("it took longer than 20 seconds"))),
                None => Err(Fault::down("nothing here carries to this place any more")),
            };
            let now = self.engine.now();
            let (id, to) = (delivery.id.clone(), delivery.kept.to.clone());
            match carried {
                Ok(()) => self.committed(delivery.sent(now)).await?,
                Err(Fault::Never { why }) => {
                    tracing::warn!(%id, %to, %why, "a notice is given up");
                    self.committed(delivery.buried(&why, now)).await?
                }
                Err(Fault::Later { why, after }) => {
                    tracing::warn!(%id, %to, %why, "a notice did not arrive; it is tried again");
                    let next = now.after(delivery.pause(after));
                    self.committed(delivery.failed(&why, next, now)).await?
                }
                Err(Fault::Down { why, after }) => {
                    tracing::warn!(%id, %to, %why, "a place cannot be reached; it is tried again");
                    let next = now.after(delivery.pause(after));
                    self.committed(delivery.failed(&why, next, now)).await?;
                    return self.put_off(&to, next).await;
                }
            };
        }
        Ok(())
    }

    /// What is not even tried now at a place is due at `until`. Where another process has taken one meanwhile, the
    /// others that were to be written with it are found again in the next round.
    async fn put_off(&self, place: &str, until: Timestamp) -> Result<(), Error> {
        let mut writes = Vec::new();
        self.due(|due| {
            if due.kept.to == place {
                writes.push(due.put_off(until));
            }
        })
        .await?;
        while !writes.is_empty() {
            let rest = writes.split_off(writes.len().min(PAGE));
            self.committed(writes).await?;
            writes = rest;
        }
        Ok(())
    }

    /// Whether it was as expected. What is lost with the machine is sent again, which is allowed.
    async fn committed(&self, edges: Vec<EdgeWrite>) -> Result<bool, Error> {
        let commit = Commit {
            edges,
            durability: Durability::Process,
            ..Commit::new(self.engine.tenant().clone(), self.engine.now())
        };
        let committed = self.engine.store().commit(commit).await?;
        Ok(matches!(committed, Committed::Done { .. }))
    }
}

/// What was tried least, then the oldest: one that never arrives is not in the way.
fn first(due: &mut Vec<Delivery>) {
    due.sort_by_key(|it| (it.kept.tries, it.kept.seq, it.kept.notice));
    due.truncate(MOST);
}
