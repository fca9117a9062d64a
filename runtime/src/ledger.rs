//! The audit log after it was written: signed, verified, proved, exported, erased.
//!
//! The store appends records; here is what makes them evidence. A [`SigningKey`] signs checkpoints of the
//! log, [`verify`] reads all of it and says whether it is what was signed and whether what it tells can have
//! happened, a receipt proves one entry without the database. The formats are in `docs/audit-format.md`.
//!
//! What a newcomer would get wrong: a log that verifies is not proof that nobody changed it. Whoever owns
//! database and key can write another history and sign that. What finds it is a checkpoint that has left
//! the machine before: give it to [`verify`].

mod entry;
mod erase;
mod export;
mod keeper;
mod key;
mod meaning;
mod proof;
mod source;
mod state;
mod verify;

pub use erase::{Erased, Kept};
pub use export::{Export, Exported, export};
pub use keeper::{EVERY, EVERY_ENTRIES};
pub(crate) use keeper::{Keeper, Signer};
pub use key::{SigningKey, checked};
pub use meaning::Meaning;
pub use proof::prove;
#[cfg(feature = "sqlite")]
pub use source::SqliteLog;
pub use source::{LogSource, MemoryLog, Page, Row, StoredHead, Words};
pub use state::State;
pub use verify::{Finding, Report, Request, Verdict, verify};

/// Why something about the log could not be done or found out. Nothing was changed.
///
/// ```
/// use countersign::ledger::{LedgerError, SigningKey};
///
/// let error = SigningKey::open("/no/such/countersign.key").unwrap_err();
/// assert!(matches!(error, LedgerError::Key { .. }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The signing key cannot be used.
    #[error("the signing key {place}: {why}")]
    Key {
        /// Which file.
        place: String,
        /// Why, and what to do.
        why: String,
    },
    /// There are checkpoints, and no key to check them with.
    #[error(
        "the log has signed checkpoints and no key to check them with; name the key file or the public key"
    )]
    NoKey,
    /// A file cannot be read or written.
    #[error("{place}: {why}")]
    File {
        /// Which file.
        place: String,
        /// Why.
        why: String,
    },
    /// A text is not what it should be.
    #[error("{0}")]
    Unreadable(String),
    /// A signature does not hold.
    #[error("not to be trusted: {0}")]
    Forged(String),
    /// The log was written by a newer release.
    #[error(
        "entry {seq} of the log has format {found}, this program reads up to {known}; use a newer release"
    )]
    Newer {
        /// Which entry.
        seq: u64,
        /// Its format.
        found: u64,
        /// The newest that is understood.
        known: u64,
    },
    /// There is no such entry.
    #[error("there is no entry {seq}; the log has {size}")]
    NoEntry {
        /// Which one was asked for.
        seq: u64,
        /// How many there are.
        size: u64,
    },
    /// The log is shorter than a checkpoint of it, or differs from it: nothing may be signed.
    #[error("the log is not what its checkpoint of {0} entries says; run `audit verify`")]
    Diverged(u64),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
