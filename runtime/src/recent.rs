//! Calls that this process wrote a moment ago, kept in memory so that it need not read them again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::call::{Call, Phase};
use countersign_core::id::CallId;
use hashlink::LinkedHashMap;

use crate::store::CallRow;

/// The most text of calls that is kept in [`Recent`], in bytes; what is made of it takes some times as much memory.
const MOST_RECENT: usize = 2 * 1024 * 1024;
/// The longest text of a call that is kept there, in bytes.
const MOST_TEXT: usize = 16 * 1024;

/// A call as it was loaded, to be moved on.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) call: Call,
    pub(crate) row: Arc<CallRow>,
}

impl Loaded {
    /// How many bytes its texts have.
    fn size(&self) -> usize {
        self.row.terms.len() + self.row.state.len()
    }
}

/// Calls that this process has written and that wait for somebody, so that it need not read them again.
///
/// They may be old by the time they are used: every commit says which text it replaces, and is refused
/// if another is stored. What comes to no commit must not be believed of a call from here.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Those that were written longest ago first.
    calls: LinkedHashMap<CallId, Loaded>,
    /// How many bytes their texts have.
    size: usize,
}

impl Recent {
    /// Takes a call out, for one attempt.
    pub(crate) fn take(&self, id: CallId) -> Option<Loaded> {
        self.kept().remove(id)
    }

    /// Keeps a call that this process may have to do with next, in place of those written longest ago. What executes
    /// is in the hands of its worker, and whoever reports comes late.
    pub(crate) fn put(&self, loaded: &Loaded) {
        let soon = match loaded.call.phase() {
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. } => true,
            Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => false,
        };
        let size = loaded.size();
        if !soon || size > MOST_TEXT {
            return;
        }
        let loaded = loaded.clone();
        let mut kept = self.kept();
        let before = kept.remove(*loaded.call.id());
        kept.size += size;
        kept.calls.insert(*loaded.call.id(), loaded);
        let mut gone = Vec::new();
        while kept.size > MOST_RECENT
            && let Some(oldest) = kept.remove_oldest()
        {
            gone.push(oldest);
        }
        // What is let go of is taken apart while nobody waits for the lock.
        drop(kept);
        drop((before, gone));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, id: CallId) -> Option<Loaded> {
        let loaded = self.calls.remove(&id)?;
        self.size -= loaded.size();
        Some(loaded)
    }

    fn remove_oldest(&mut self) -> Option<Loaded> {
        let oldest = *self.calls.front()?.0;
        self.remove(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;
    use crate::store::Sqlite;

    /// Notes something down.
    #[tool(requires_confirmation)]
    fn jot_down(text: String) -> usize {
        text.len()
    }

    /// Makes a call wait whose text is somewhat longer than that.
    async fn waiting(engine: &Engine, length: usize) -> CallId {
        let alice = Identity::asserted("alice").unwrap();
        let arguments = serde_json::json!({"text": "x".repeat(length)}).to_string();
        match engine.call("jot_down", arguments).by(&alice).await.unwrap() {
            Called::Waiting(waiting) => waiting.call_id(),
            done @ Called::Done(_) => unreachable!("it waits: {done:?}"),
        }
    }

    async fn engine() -> Engine {
        let policy = "[actors]\nalice = { kind = \"person\" }\n[limits]\npending_per_requester = 1000\n";
        Engine::builder()
            .store(Sqlite::in_memory().unwrap())
            .registry(Registry::of::<jot_down>().unwrap())
            .policy(Policy::parse(policy).unwrap())
            .worker(false)
            .start()
            .await
            .unwrap()
    }

    fn size(recent: &Recent) -> usize {
        let kept = recent.kept();
        let sizes = kept.calls.values().map(Loaded::size);
        assert_eq!(sizes.sum::<usize>(), kept.size);
        kept.size
    }

    #[tokio::test]
    async fn those_written_longest_ago_make_room() {
        let engine = engine().await;
        let recent = &engine.inner.recent;
        let length = MOST_TEXT - 4096;
        let count = MOST_RECENT / length + 10;
        let mut calls = Vec::new();
        for _ in 0..count {
            calls.push(waiting(&engine, length).await);
            assert!(size(recent) <= MOST_RECENT);
        }
        assert!(size(recent) > MOST_RECENT - 2 * MOST_TEXT, "no more than needed");
        let kept: Vec<bool> = calls
            .iter()
            .map(|it| recent.kept().calls.contains_key(it))
            .collect();
        assert!(kept.is_sorted(), "only the oldest are gone: {kept:?}");
        assert!(!kept[0] && kept[count - 1]);
        // Written again, a call is the newest, and counts once.
        let oldest = kept.iter().position(|it| *it).unwrap();
        let loaded = recent.take(calls[oldest]).unwrap();
        let without = size(recent);
        recent.put(&loaded);
        recent.put(&loaded);
        assert_eq!(size(recent), without + loaded.size());
        waiting(&engine, length).await;
        waiting(&engine, length).await;
        assert!(recent.take(calls[oldest]).is_some() && recent.take(calls[oldest + 1]).is_none());
    }

    #[tokio::test]
    async fn a_long_text_is_read_again() {
        let engine = engine().await;
        let (long, short) = (waiting(&engine, MOST_TEXT).await, waiting(&engine, 1).await);
        let recent = &engine.inner.recent;
        assert!(recent.take(long).is_none() && recent.take(short).is_some());
        assert_eq!(size(recent), 0);
    }
}
