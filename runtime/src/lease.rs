//! Keeps claims alive while their functions run.
//!
//! One task renews all of them, and only while there are any: starting and ending a task per call would
//! cost more than most functions take.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_core::call::{Claim, Event, Phase};
use countersign_core::id::CallId;
use tokio::task::{JoinHandle, JoinSet};

use crate::engine::Inner;
use crate::turn::Move;

/// The claims of this process whose functions are running.
#[derive(Default)]
pub(crate) struct Leases(Mutex<Held>);

#[derive(Default)]
struct Held {
    claims: HashMap<CallId, Claim>,
    keeper: Option<JoinHandle<()>>,
}

/// Ends the renewal with the function, also when whoever waited for it has stopped waiting: a claim
/// that outlives its function would keep the call from ever falling into doubt.
pub(crate) struct Lease {
    inner: Arc<Inner>,
    id: CallId,
    claim: Claim,
}

impl Lease {
    /// Renews the claim from now on, until this is dropped.
    pub(crate) fn hold(inner: &Arc<Inner>, id: CallId, claim: Claim) -> Self {
        let mut held = inner.leases.held();
        held.claims.insert(id, claim);
        // It ends with the runtime that it was started on, and that need not be this one.
        if held.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            held.keeper = Some(tokio::spawn(keep(Arc::downgrade(inner), inner.lease / 3)));
        }
        drop(held);
        Self {
            inner: inner.clone(),
            id,
            claim,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut held = self.inner.leases.held();
        if held.claims.get(&self.id) == Some(&self.claim) {
            held.claims.remove(&self.id);
        }
    }
}

impl Leases {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be renewed; nothing ends the keeper.
    fn to_renew(&self) -> Vec<(CallId, Claim)> {
        let mut held = self.held();
        if held.claims.is_empty() {
            held.keeper = None;
        }
        held.claims.iter().map(|(id, claim)| (*id, *claim)).collect()
    }
}

/// Renews every claim three times in the time that a lease lasts.
async fn keep(inner: Weak<Inner>, pause: std::time::Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        let claims = inner.leases.to_renew();
        if claims.is_empty() {
            return;
        }
        // At once, so that they share a flush and none waits for another.
        let mut renewals = JoinSet::new();
        for (id, claim) in claims {
            renewals.spawn(renew(inner.clone(), id, claim));
        }
        while renewals.join_next().await.is_some() {}
    }
}

async fn renew(inner: Arc<Inner>, id: CallId, claim: Claim) {
    let until = inner.clock.now().after(inner.lease);
    // A renewal that fails is tried again with the next one; there are two before the lease lapses.
    let Ok(loaded) = inner.load(id).await else { return };
    let renewed = inner.turn(loaded, |call, _| {
        Ok(match call.phase() {
            Phase::Executing { claim: held, .. } if *held == claim => {
                Move::Event(Event::Renewed { claim, until })
            }
            _ => Move::Leave,
        })
    });
    if let Err(error) = renewed.await {
        tracing::warn!(call = %id, %error, "a lease could not be renewed");
    }
}
