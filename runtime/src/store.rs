//! Where calls, records and actors are kept: one trait, one writing method.
//!
//! A store knows nothing of gates, phases or roles. It keeps a call as text with a version and a few
//! columns to find it by, and appends audit entries in the transaction that makes them true.
//! [`Store::commit`] is the only way to write: all of a [`Commit`] becomes true, or none of it.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod edge;
mod keeping;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;

use async_trait::async_trait;
use countersign_core::audit::{Draft, EntryError, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{CallId, GrantId, RunId, TenantId};
use countersign_core::time::Timestamp;
use tokio::sync::watch;

pub use edge::{EdgeFilter, EdgeRow, EdgeWrite};
pub use keeping::{CheckpointRow, Keeping};
pub use row::{
    CallFilter, CallRow, CallWrite, Directory, DirectoryWrite, EntryRow, GrantFilter, GrantRow, GrantWrite,
    HistoryFilter, Room, RunEventRow, RunFilter, RunRow, RunWrite,
};
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::read_only;
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, Stats};

/// What is to become true at once.
///
/// ```
/// use countersign::TenantId;
/// use countersign::Timestamp;
/// use countersign::core::audit::{Draft, Fields};
/// use countersign::store::{Commit, Committed, Sqlite, Store};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fields = Fields::from_iter([("kind", "example".into())]);
/// let commit = Commit {
///     records: vec![Draft { call: None, fields, blobs: Vec::new() }],
///     ..Commit::new(TenantId::default(), Timestamp::from_millis(0))
/// };
/// let store = Sqlite::in_memory()?;
/// assert!(matches!(store.commit(commit.clone()).await?, Committed::Done { seq: 0, .. }));
/// // The directory was never written: it has revision 0. Nothing of this commit becomes true.
/// let stale = Commit { assumed_directory: Some(3), ..commit };
/// assert_eq!(store.commit(stale).await?, Committed::Conflict);
/// assert_eq!(store.head(&TenantId::default()).await?.size(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose data.
    pub tenant: TenantId,
    /// The time of the entries; the store moves it forward to that of the last entry if it is behind.
    pub time: Timestamp,
    /// When what was assumed is over. If the entries would bear this time or a later one, the commit is a
    /// [`Conflict`](Committed::Conflict).
    pub before: Option<Timestamp>,
    /// The call that is opened or moved on.
    pub call: Option<CallWrite>,
    /// The run that begins or moves on.
    pub run: Option<RunWrite>,
    /// The grant that is made, used or revoked.
    pub grant: Option<GrantWrite>,
    /// What edges keep, that is written or deleted with it. If one of them is not stored as expected, the
    /// commit is a [`Conflict`](Committed::Conflict).
    pub edges: Vec<EdgeWrite>,
    /// A descriptor by its digest; writing the same one again changes nothing.
    pub descriptor: Option<(Digest, String)>,
    /// The directory that is replaced.
    pub directory: Option<DirectoryWrite>,
    /// The revision of the directory that this commit was computed from. If the stored one is another,
    /// the commit is a [`Conflict`](Committed::Conflict): somebody's role may have changed meanwhile.
    pub assumed_directory: Option<u64>,
    /// A run, and the status that this commit was computed from. If it is not stored, or stands otherwise, the
    /// commit is a [`Conflict`](Committed::Conflict): somebody has stopped it, say.
    pub assumed_run: Option<(RunId, String)>,
    /// How many calls may be waiting at most, for this one to be added.
    pub room: Option<Room>,
    /// What happened, in order; appended to the tenant's log.
    pub records: Vec<Draft>,
    /// What is done to the data beside calls and records.
    pub keeping: Option<Keeping>,
    /// Whether to wait until it is on the disk.
    pub durability: Durability,
}

impl Commit {
    /// A commit that changes nothing yet and waits for the disk: name what it brings, and leave the rest to this.
    pub const fn new(tenant: TenantId, time: Timestamp) -> Self {
        Self {
            tenant,
            time,
            before: None,
            call: None,
            run: None,
            grant: None,
            edges: Vec::new(),
            descriptor: None,
            directory: None,
            assumed_directory: None,
            assumed_run: None,
            room: None,
            records: Vec::new(),
            keeping: None,
            durability: Durability::Disk,
        }
    }
}

/// How safe a commit must be before it is acknowledged.
///
/// ```
/// assert_ne!(countersign::store::Durability::Disk, countersign::store::Durability::Process);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Flushed to the disk.
    Disk,
    /// With the operating system: survives the death of the process, not of the machine.
    Process,
}

/// How a commit ended.
///
/// [`Commit`] has an example of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is true, and as safe as was asked.
    Done {
        /// The time that its entries bear.
        time: Timestamp,
        /// The sequence number of its first entry; the log's size if it had none.
        seq: u64,
    },
    /// Nothing was written: a version or the directory was not the expected one, or it is too late. Load
    /// again and retry.
    Conflict,
    /// Nothing was written: as many calls wait as [`Commit::room`] allows.
    Full,
}

/// What went wrong with the store itself.
///
/// ```
/// use countersign::store::{Sqlite, StoreError};
///
/// let error = Sqlite::open("/no/such/directory/countersign.db").unwrap_err();
/// assert!(matches!(error, StoreError::Open { .. }));
/// ```
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
///
/// Whoever writes another store runs the suite `store::conformance` over it (feature `testing`). Reading is
/// the same for all of them:
///
/// ```
/// # use countersign::prelude::*;
/// use countersign::store::{Sqlite, Store};
///
/// /// Export a customer's data.
/// #[approval(audit)]
/// #[tool(read_only)]
/// fn export_data(customer: String) -> String {
///     customer
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<export_data>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// engine.call("export_data", r#"{"customer": "ACME"}"#).by(&alice).await?;
/// let store: &dyn Store = engine.store();
/// let entries = store.entries(engine.tenant(), None, 0, 100).await?;
/// assert_eq!(store.head(engine.tenant()).await?.size(), u64::try_from(entries.len())?);
/// assert!(entries.iter().all(|it| !it.text.contains("ACME"))); // personal data is beside the log
/// # Ok(())
/// # }
/// ```
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

    /// Calls, the newest first, from the one before `before`; at most `limit`.
    async fn history(
        &self,
        tenant: &TenantId,
        filter: &HistoryFilter,
        before: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError>;

    /// One grant, live or not.
    async fn grant(&self, tenant: &TenantId, id: GrantId) -> Result<Option<GrantRow>, StoreError>;

    /// Live grants, the newest first, from the one before `before`; at most `limit`.
    async fn grants(
        &self,
        tenant: &TenantId,
        filter: &GrantFilter,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRow>, StoreError>;

    /// One run.
    async fn run(&self, tenant: &TenantId, id: RunId) -> Result<Option<RunRow>, StoreError>;

    /// Runs, the newest first, from the one before `before`; at most `limit`.
    async fn runs(
        &self,
        tenant: &TenantId,
        filter: &RunFilter,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, StoreError>;

    /// What happened in a run, in order, from number `from` (inclusive); at most `limit`.
    async fn run_events(
        &self,
        tenant: &TenantId,
        run: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RunEventRow>, StoreError>;

    /// What an edge keeps of this kind by this id.
    async fn edge(&self, tenant: &TenantId, kind: &str, id: &str) -> Result<Option<EdgeRow>, StoreError>;

    /// What an edge keeps, in the order of ids, from the one after `after`; at most `limit`.
    async fn edges(
        &self,
        tenant: &TenantId,
        filter: &EdgeFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, StoreError>;

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

    /// The checkpoint of the most entries.
    async fn last_checkpoint(&self, tenant: &TenantId) -> Result<Option<CheckpointRow>, StoreError>;

    /// What must not be erased: calls, or everything (none).
    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Option<CallId>>, StoreError>;

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
