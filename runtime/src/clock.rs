//! What time it is: the only place that asks.

use countersign_core::time::Timestamp;

/// Tells the time. A test brings its own, so that nothing has to be waited for.
///
/// It may stand still. If it runs backwards, records and calls keep the later time they already have.
///
/// ```
/// use countersign::Timestamp;
/// use countersign::clock::Clock;
///
/// struct Noon;
///
/// impl Clock for Noon {
///     fn now(&self) -> Timestamp {
///         Timestamp::from_millis(12 * 3_600_000)
///     }
/// }
///
/// assert_eq!(Noon.now().to_string(), "1970-01-01T12:00:00.000Z");
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The time of the operating system.
///
/// ```
/// use countersign::clock::{Clock, SystemClock};
///
/// assert!(SystemClock.now().millis() > 1_700_000_000_000); // later than 2023
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }
}
