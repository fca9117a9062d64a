//! How much of one actor: requests in a time, and streams at once. How much of everybody without a credential: wrong
//! tokens.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::ActorId;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::http::problem::Problem;

/// Requests of one actor, per second on average.
pub(crate) const PER_SECOND: u32 = 50;
/// As many times that at once, before the average counts.
const AT_ONCE: NonZeroU32 = NonZeroU32::new(4).unwrap();
/// Wrong tokens, of everybody together: per second on average, and at once. Each that is tried on a call is on record,
/// so whoever guesses would fill the log.
const WRONG_PER_SECOND: NonZeroU32 = NonZeroU32::new(1).unwrap();
const WRONG_AT_ONCE: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// Streams of one actor at once.
const STREAMS: usize = 64;

/// Counts what actors do.
pub(crate) struct Limits {
    requests: DefaultKeyedRateLimiter<ActorId>,
    wrong: DefaultDirectRateLimiter,
    streams: Arc<Mutex<HashMap<ActorId, usize>>>,
    most_streams: usize,
}

impl Limits {
    /// So many requests per second of one actor.
    pub(crate) fn new(per_second: u32) -> Self {
        let rate = NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN);
        Self {
            requests: RateLimiter::keyed(Quota::per_second(rate).allow_burst(rate.saturating_mul(AT_ONCE))),
            wrong: RateLimiter::direct(Quota::per_second(WRONG_PER_SECOND).allow_burst(WRONG_AT_ONCE)),
            streams: Arc::default(),
            most_streams: STREAMS,
        }
    }

    /// Counts a request.
    pub(crate) fn admit(&self, actor: &ActorId) -> Result<(), Problem> {
        let admitted = self.requests.check_key(actor);
        admitted.map_err(|until| Problem::too_many(seconds(&until)))
    }

    /// Counts a wrong token. One bucket for all: behind a proxy all come from one address, and a right token is not
    /// counted, so nobody who guesses holds up anybody who knows.
    pub(crate) fn wrong_token(&self) -> Result<(), Problem> {
        let admitted = self.wrong.check();
        admitted.map_err(|until| Problem::too_many_wrong(seconds(&until)))
    }

    /// Counts a stream, until what it returns is dropped.
    pub(crate) fn stream(&self, actor: &ActorId) -> Result<Open, Problem> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(actor.clone()).or_default();
        if *count >= self.most_streams {
            return Err(Problem::too_many(5));
        }
        *count += 1;
        Ok(Open {
            actor: actor.clone(),
            streams: self.streams.clone(),
        })
    }

    /// Forgets actors that have been quiet.
    pub(crate) fn sweep(&self) {
        self.requests.retain_recent();
        self.requests.shrink_to_fit();
    }
}

/// For `Retry-After`.
fn seconds(until: &NotUntil<<DefaultClock as Clock>::Instant>) -> u64 {
    let wait = until.wait_time_from(DefaultClock::default().now());
    wait.as_secs().saturating_add(1)
}

/// An open stream.
pub(crate) struct Open {
    actor: ActorId,
    streams: Arc<Mutex<HashMap<ActorId, usize>>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = streams.get_mut(&self.actor) {
            *count -= 1;
            if *count == 0 {
                streams.remove(&self.actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_actor_cannot_use_up_the_room_of_another() {
        let limits = Limits::new(1);
        let (alice, bob) = (ActorId::new("alice").unwrap(), ActorId::new("bob").unwrap());
        let admitted = (0..100).filter(|_| limits.admit(&alice).is_ok()).count();
        assert!((4..10).contains(&admitted), "{admitted}");
        assert!(limits.admit(&bob).is_ok());
    }

    #[test]
    fn a_stream_that_ends_makes_room() {
        let limits = Limits::new(1);
        let alice = ActorId::new("alice").unwrap();
        let mut open: Vec<_> = (0..STREAMS)
            .map(|_| limits.stream(&alice).ok().unwrap())
            .collect();
        assert!(limits.stream(&alice).is_err());
        open.pop();
        assert!(limits.stream(&alice).is_ok());
    }
}
