//! Where calls, records and actors are kept: one trait, one writing method.
//!
//! A store knows nothing of gates, phases or roles. It keeps a call as text with a version and a few
//! columns to find it by, and appends audit entries in the transaction that makes them true.
//! [`Store::commit`] is the only way to write: all of a [`Commit`] becomes true, or none of it.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
#[cfg(feature = "sqlite")]
mod sqlite;

use async_trait::async_trait;
use countersign_core::audit::{Draft, EntryError, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{ActorId, CallId, RunId, TenantId, ToolName};
use countersign_core::time::Timestamp;
use tokio::sync::watch;

#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, Stats};

/// What is to become true at once.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose data.
    pub tenant: TenantId,
    /// The time of the entries; the store moves it forward to that of the last entry if it is behind.
    pub time: Timestamp,
    /// The call that is opened or moved on.
    pub call: Option<CallWrite>,
    /// The run that begins. If there is one of that id, the commit is a [`Conflict`](Committed::Conflict).
    pub run: Option<RunRow>,
    /// A descriptor by its digest; writing the same one again changes nothing.
    pub descriptor: Option<(Digest, String)>,
    /// The directory that is replaced.
    pub directory: Option<DirectoryWrite>,
    /// The revision of the directory that this commit was computed from. If the stored one is another,
    /// the commit is a [`Conflict`](Committed::Conflict): somebody's role may have changed meanwhile.
    pub assumed_directory: Option<u64>,
    /// What happened, in order; appended to the tenant's log.
    pub records: Vec<Draft>,
    /// Whether to wait until it is on the disk.
    pub durability: Durability,
}

/// How safe a commit must be before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Flushed to the disk.
    Disk,
    /// With the operating system: survives the death of the process, not of the machine.
    Process,
}

/// A call to be written.
#[derive(Debug, Clone)]
pub struct CallWrite {
    /// The call as it will be. Its version is [`expected`](Self::expected) + 1, or 0 for a new one.
    /// Run, tool and requester stay those of the first version.
    pub row: CallRow,
    /// The version that must be stored now; none for a call that must not exist yet.
    pub expected: Option<u64>,
}

/// A call as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRow {
    /// Which call.
    pub id: CallId,
    /// The run it belongs to.
    pub run: RunId,
    /// Counts the commits of this call, from 0.
    pub version: u64,
    /// The call, as text that only the engine reads.
    pub state: String,
    /// The name of its phase, to find it by.
    pub phase: String,
    /// The tool, to find it by.
    pub tool: ToolName,
    /// The requester, to find it by.
    pub requester: ActorId,
    /// When the store's user wants to look at it again, whatever happens: a deadline or the end of a lease.
    pub due: Option<Timestamp>,
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Which run.
    pub id: RunId,
    /// On whose behalf.
    pub requester: ActorId,
    /// When it began.
    pub created: Timestamp,
    /// The rest, as text that only the engine reads.
    pub state: String,
}

/// The actors of a tenant and its policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directory {
    /// Counts the changes, from 0 for an empty directory that was never written.
    pub revision: u64,
    /// The text of the policy in force.
    pub policy: String,
    /// The actors, as text that only the engine reads.
    pub actors: Vec<(ActorId, String)>,
}

/// A directory to be written in place of the stored one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryWrite {
    /// The revision that must be stored now.
    pub expected: u64,
    /// The text of the policy.
    pub policy: String,
    /// All actors.
    pub actors: Vec<(ActorId, String)>,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is true, and as safe as was asked.
    Done {
        /// The time that its entries bear.
        time: Timestamp,
        /// The sequence number of its first entry; the log's size if it had none.
        seq: u64,
    },
    /// Nothing was written: a version or the directory was not the expected one. Load again and retry.
    Conflict,
}

/// Which calls to list.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Any of these phases; all if empty.
    pub phases: Vec<&'static str>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Due at this time or before.
    pub due: Option<Timestamp>,
}

/// An audit entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRow {
    /// Its place in the log, from 0.
    pub seq: u64,
    /// Its leaf hash.
    pub leaf: Digest,
    /// The entry, canonical JSON.
    pub text: String,
}

/// What went wrong with the store itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be opened or is not one of ours.
    #[error("cannot open the store {place}: {why}")]
    Open {
        /// Which store.
        place: String,
        /// Why, and what to do.
        why: String,
    },
    /// What is stored cannot be read as what it should be.
    #[error("the store is damaged: {0}; restore a backup, nothing was changed")]
    Damaged(String),
    /// It was written by a newer release.
    #[error("the store has format {found}, this program reads up to {known}; use a newer release")]
    Newer {
        /// The stored format.
        found: i64,
        /// The newest that is understood.
        known: i64,
    },
    /// A record of the commit cannot be written as it is; nothing of the commit was.
    #[error("{0}; nothing was written")]
    Record(#[from] EntryError),
    /// The disk, the network or the database failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Where everything is kept. All methods may be called from many tasks and, for stores that are
/// files or servers, from many processes.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Makes all of it true, or nothing. Acknowledges when it is as safe as was asked.
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError>;

    /// One call.
    async fn call(&self, tenant: &TenantId, id: CallId) -> Result<Option<CallRow>, StoreError>;

    /// Calls in the order of their ids, from the one after `after`; at most `limit`.
    async fn calls(
        &self,
        tenant: &TenantId,
        filter: &CallFilter,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError>;

    /// One run.
    async fn run(&self, tenant: &TenantId, id: RunId) -> Result<Option<RunRow>, StoreError>;

    /// Runs, the newest first, from the one before `before`; at most `limit`.
    async fn runs(
        &self,
        tenant: &TenantId,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, StoreError>;

    /// A descriptor by its digest.
    async fn descriptor(&self, digest: &Digest) -> Result<Option<String>, StoreError>;

    /// The directory, unless its revision is still `known`.
    async fn directory(&self, tenant: &TenantId, known: Option<u64>)
    -> Result<Option<Directory>, StoreError>;

    /// Entries in order, from number `from` (inclusive); of one call if said; at most `limit`.
    async fn entries(
        &self,
        tenant: &TenantId,
        call: Option<CallId>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError>;

    /// The data behind a commitment, if it was not erased.
    async fn blob(
        &self,
        tenant: &TenantId,
        commitment: &Digest,
    ) -> Result<Option<countersign_core::audit::Blob>, StoreError>;

    /// The head of the log.
    async fn head(&self, tenant: &TenantId) -> Result<Frontier, StoreError>;

    /// A number that changes when anybody, also another process, has committed. A hint to look again.
    ///
    /// Compare it with an earlier one of the same handle only.
    async fn generation(&self) -> Result<u64, StoreError>;

    /// Wakes up when something was committed through this handle or its clones; none if the store
    /// cannot. A hint too: other processes are noticed by [`generation`](Self::generation) only.
    fn subscribe(&self) -> Option<watch::Receiver<u64>> {
        None
    }
}
