//! Where calls, records and actors are kept: one trait, one writing method.
//!
//! A store knows nothing of gates, phases or roles. It keeps a call as text with a version and a few
//! columns to find it by, and appends audit entries in the transaction that makes them true.
//! [`Store::commit`] is the only way to write: all of a [`Commit`] becomes true, or none of it.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod keeping;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;
use countersign_core::audit::{Draft, EntryError, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{ActorId, CallId, GrantId, RunId, TenantId, ToolName};
use countersign_core::time::Timestamp;
use tokio::sync::watch;

pub use keeping::{CheckpointRow, Keeping};
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::read_only;
#[cfg(feature = "sqlite")]
pub use sqlite::{Sqlite, Stats};

/// What is to become true at once.
///
/// ```
/// use countersign::TenantId;
/// use countersign::Timestamp;
/// use countersign::core::audit::Draft;
/// use countersign::store::{Commit, Committed, Sqlite, Store};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut fields = serde_json::Map::new();
/// fields.insert("kind".to_owned(), "example".into());
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
    /// The call that is opened or moved on.
    pub call: Option<CallWrite>,
    /// The run that begins. If there is one of that id, the commit is a [`Conflict`](Committed::Conflict).
    pub run: Option<RunRow>,
    /// The grant that is made, used or revoked.
    pub grant: Option<GrantWrite>,
    /// A descriptor by its digest; writing the same one again changes nothing.
    pub descriptor: Option<(Digest, String)>,
    /// The directory that is replaced.
    pub directory: Option<DirectoryWrite>,
    /// The revision of the directory that this commit was computed from. If the stored one is another,
    /// the commit is a [`Conflict`](Committed::Conflict): somebody's role may have changed meanwhile.
    pub assumed_directory: Option<u64>,
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
            call: None,
            run: None,
            grant: None,
            descriptor: None,
            directory: None,
            assumed_directory: None,
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

/// A call to be written.
///
/// See [`CallRow`] for what is stored.
#[derive(Debug, Clone)]
pub struct CallWrite {
    /// The call as it will be. Its version is that of [`replaces`](Self::replaces) + 1, or 0 for a new
    /// one. Run, tool and requester stay those of the first version.
    pub row: Arc<CallRow>,
    /// What must be stored now: this version, text, phase, tool and requester. None for a call that must
    /// not exist yet.
    pub replaces: Option<Arc<CallRow>>,
}

/// A call as it is kept.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn bounce(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<bounce>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("bounce", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let row = engine.store().call(engine.tenant(), waiting.call_id()).await?.unwrap();
/// assert_eq!((row.version, row.phase.as_str(), row.tool.as_str()), (0, "confirm", "bounce"));
/// assert_eq!(row.due, waiting.call().deadline());
/// # Ok(())
/// # }
/// ```
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
    /// Whom it waits for, to find it by: words without spaces that only the engine reads.
    pub waits_for: Vec<String>,
}

/// A grant to be written.
///
/// See [`GrantRow`] for what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantWrite {
    /// The grant as it will be. Its version is [`expected`](Self::expected) + 1, or 0 for a new one.
    /// Owner, tool and scope stay those of the first version.
    pub row: GrantRow,
    /// The version that must be stored now; none for a grant that must not exist yet. If another one is
    /// stored, the commit is a [`Conflict`](Committed::Conflict): its last use went to somebody else, say.
    pub expected: Option<u64>,
}

/// A remembered confirmation as it is kept.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::{GrantFilter, Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn revive(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<revive>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("revive", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// # let asked = waiting.active_requirements().remove(0);
/// engine.desk().decide(Decision::confirm(&asked).by(&alice).remember(Remember::exact())).await?;
/// let rows = engine.store().grants(engine.tenant(), &GrantFilter::default(), None, 10).await?;
/// assert_eq!((rows[0].owner.as_str(), rows[0].tool.as_str()), ("alice", "revive"));
/// assert_eq!(rows[0].scope, waiting.run_id().to_string());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// Which grant.
    pub id: GrantId,
    /// Counts the commits of this grant, from 0.
    pub version: u64,
    /// Whose confirmations it passes, to find it by.
    pub owner: ActorId,
    /// Of which tool, to find it by.
    pub tool: ToolName,
    /// Where it counts, to find it by.
    pub scope: String,
    /// Whether it may still be used. Lists leave out the others.
    pub live: bool,
    /// The grant, as text that only the engine reads.
    pub state: String,
}

/// Which live grants to list.
///
/// ```
/// use countersign::store::GrantFilter;
///
/// let of_alice = GrantFilter { owner: Some("alice".parse()?), ..GrantFilter::default() };
/// assert!(of_alice.scopes.is_empty()); // of every scope
/// # Ok::<(), countersign::core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantFilter {
    /// Of this owner.
    pub owner: Option<ActorId>,
    /// Of this tool.
    pub tool: Option<ToolName>,
    /// With any of these scopes; all if empty.
    pub scopes: Vec<String>,
}

/// A run as it is kept.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn recycle(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<recycle>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("recycle", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let runs = engine.store().runs(engine.tenant(), None, 10).await?;
/// assert_eq!((runs[0].id, runs[0].requester.as_str()), (waiting.run_id(), "alice"));
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn respawn(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<respawn>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// let directory = engine.store().directory(engine.tenant(), None).await?.unwrap();
/// assert_eq!((directory.revision, directory.actors.len()), (1, 1));
/// assert!(engine.store().directory(engine.tenant(), Some(1)).await?.is_none()); // not changed since
/// # Ok(())
/// # }
/// ```
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
///
/// ```
/// use countersign::store::DirectoryWrite;
///
/// let first = DirectoryWrite { expected: 0, policy: String::new(), actors: Vec::new() };
/// assert_eq!(first.expected, 0); // writes revision 1
/// ```
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
    /// Nothing was written: a version or the directory was not the expected one. Load again and retry.
    Conflict,
}

/// Which calls to list.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::{CallFilter, Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn relaunch(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<relaunch>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("relaunch", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let filter = CallFilter::WaitingFor(vec!["requester:alice".to_owned()]);
/// let rows = engine.store().calls(engine.tenant(), &filter, None, 100).await?;
/// assert_eq!(rows[0].id, waiting.call_id());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub enum CallFilter {
    /// All.
    #[default]
    All,
    /// Those of a run.
    OfRun(RunId),
    /// Those that wait for any of these.
    WaitingFor(Vec<String>),
    /// Those that are due at this time or before.
    Due(Timestamp),
}

/// An audit entry as it is kept.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn reopen(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<reopen>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("reopen", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let entries = engine.store().entries(engine.tenant(), Some(waiting.call_id()), 0, 100).await?;
/// assert!(entries[0].text.contains(r#""kind":"call.opened""#));
/// assert_eq!(entries[0].leaf, countersign::core::audit::leaf(entries[0].text.as_bytes()));
/// # Ok(())
/// # }
/// ```
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

    /// How many calls wait for this, a word of [`CallRow::waits_for`]; counts no further than `most`.
    async fn count(&self, tenant: &TenantId, topic: &str, most: usize) -> Result<usize, StoreError>;

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
