//! Carries what is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign::Error;
use countersign::store::{Commit, Committed, Durability, EdgeFilter, EdgeWrite};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{DEAD, DUE, Delivery, Fault, Outbox};

/// How many are looked at at once.
const PAGE: usize = 256;
/// How long one attempt may take: shorter than its lease.
const LIMIT: Duration = Duration::from_secs(20);
/// How long one place may keep all others waiting. What is left is due the next time.
const VISIT: Duration = Duration::from_secs(20);

impl Outbox {
    /// Tries everything that is due now, once, until a place cannot be reached: the rest for that place waits for the
    /// next time, so that one that is down costs one attempt and not one for each notice.
    pub(crate) async fn send(self: &Arc<Self>) -> Result<(), Error> {
        let filter = EdgeFilter {
            due: Some(self.engine.now()),
            ..EdgeFilter::of(DUE)
        };
        let mut places: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let rows = self
                .engine
                .store()
                .edges(self.engine.tenant(), &filter, after.as_deref(), PAGE)
                .await?;
            let full = rows.len() == PAGE;
            after = rows.last().map(|it| it.id.clone());
            for row in rows {
                let id = row.id.clone();
                match Delivery::read(row) {
                    Some(due) => places.entry(due.kept.to.clone()).or_default().push(due),
                    None => tracing::error!(%id, "a delivery cannot be read and is left alone"),
                }
            }
            if !full {
                break;
            }
        }
        // A task for each place: a channel that panics takes nothing along, and its lease lapses.
        let mut visits = JoinSet::new();
        for due in places.into_values() {
            let outbox = self.clone();
            visits.spawn(async move { outbox.visit(due).await });
        }
        while let Some(visit) = visits.join_next().await {
            match visit {
                Ok(visited) => visited?,
                Err(error) => tracing::error!(%error, "a channel panicked; what it carried is tried again"),
            }
        }
        Ok(())
    }

    /// What is due at one place, the oldest first.
    async fn visit(&self, mut due: Vec<Delivery>) -> Result<(), Error> {
        due.sort_by_key(|it| (it.kept.seq, it.kept.notice));
        let began = Instant::now();
        for delivery in due {
            if began.elapsed() > VISIT || *self.stopping.borrow() {
                break;
            }
            let now = self.engine.now();
            let (delivery, lease) = delivery.leased(now);
            if !self.committed(lease).await? {
                // Another process is at it.
                continue;
            }
            let carried = match self.channels.to(&delivery.kept.to) {
                Some(channel) => tokio::time::timeout(LIMIT, channel.carry(&delivery))
                    .await
                    .unwrap_or_else(|_| Err(Fault::later("it took longer than 20 seconds"))),
                None => Err(Fault::later("nothing here carries to this place any more")),
            };
            let now = self.engine.now();
            let (id, to) = (delivery.id.clone(), delivery.kept.to.clone());
            let (writes, goes_on) = match carried {
                Ok(()) => (delivery.sent(now), true),
                Err(Fault::Never { why }) => {
                    tracing::warn!(%id, %to, %why, "a notice is given up");
                    (delivery.buried(&why, now), true)
                }
                Err(Fault::Later { why, after }) => {
                    tracing::warn!(%id, %to, %why, "a notice did not arrive; it is tried again");
                    (delivery.failed(&why, after, now), false)
                }
            };
            self.committed(writes).await?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    #[allow(dead_code, reason = "for whoever looks after the outbox")]
    /// Sends again what was given up. False if there is none of that id.
    pub(crate) async fn again(&self, id: &str) -> Result<bool, Error> {
        let found = self.engine.store().edge(self.engine.tenant(), DEAD, id).await?;
        match found.and_then(Delivery::read) {
            Some(dead) => self.committed(dead.revived(self.engine.now())).await,
            None => Ok(false),
        }
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
