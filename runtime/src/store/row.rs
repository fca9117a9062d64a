//! What a store keeps, as it is written, kept and listed.

use std::sync::Arc;

use countersign_core::digest::Digest;
use countersign_core::id::{ActorId, CallId, GrantId, RunId, SessionId, ToolName};
use countersign_core::time::Timestamp;

/// A call to be written.
///
/// See [`CallRow`] for what is stored.
#[derive(Debug, Clone)]
pub struct CallWrite {
    /// The call as it will be. Its version is that of [`replaces`](Self::replaces) + 1, or 0 for a new
    /// one. Run, tool and requester stay those of the first version.
    pub row: Arc<CallRow>,
    /// What must be stored now: this version, texts, phase, tool and requester. None for a call that must
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
/// assert_eq!(row.due, waiting.call().warns_at());
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
    /// What of the call stays while people decide, as text that only the engine reads. Most commits leave it as it is.
    pub terms: Arc<str>,
    /// Where the call stands, as text that only the engine reads.
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

/// Which calls to list from the newest. All of it must hold.
///
/// How a call ended is part of its text, and no column to filter by.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::{HistoryFilter, Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn rewind(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<rewind>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("rewind", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let filter = HistoryFilter { requester: Some("alice".parse()?), ..HistoryFilter::default() };
/// let rows = engine.store().history(engine.tenant(), &filter, None, 100).await?;
/// assert_eq!(rows[0].id, waiting.call_id());
/// let filter = HistoryFilter { open: Some(false), ..filter };
/// assert!(engine.store().history(engine.tenant(), &filter, None, 100).await?.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// On whose behalf.
    pub requester: Option<ActorId>,
    /// Of this tool.
    pub tool: Option<ToolName>,
    /// In this phase. Of a phase in which calls are open, ask for those that are [`open`](Self::open) too:
    /// they are few and found at once, where a look through all calls would find them late.
    pub phase: Option<String>,
    /// Whether it waits for somebody or is due at some time. Whatever does neither is over.
    pub open: Option<bool>,
}

/// Room for one more call.
///
/// ```
/// use countersign::store::Room;
///
/// // Nine others may wait for alice already, ten may not.
/// let room = Room { topics: vec!["requester:alice".to_owned()], most: 10 };
/// assert_eq!(room.most, 10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// What calls wait for ([`CallRow::waits_for`]); one that waits for several of these counts for each.
    pub topics: Vec<String>,
    /// How many may wait, with this one. If as many wait already, the commit comes to
    /// [`Full`](super::Committed::Full).
    pub most: usize,
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
/// # use countersign::store::{RunFilter, Sqlite};
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
/// let runs = engine.store().runs(engine.tenant(), &RunFilter::All, None, 10).await?;
/// assert_eq!((runs[0].id, runs[0].requester.as_str()), (waiting.run_id(), "alice"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Which run.
    pub id: RunId,
    /// Counts the commits of this run, from 0.
    pub version: u64,
    /// On whose behalf.
    pub requester: ActorId,
    /// When it began.
    pub created: Timestamp,
    /// Which agent leads it; none for calls that were made directly.
    pub agent: Option<ActorId>,
    /// The conversation that it belongs to.
    pub session: Option<SessionId>,
    /// How it stands, in a word to show: `direct` for calls that were made directly.
    pub status: String,
    /// Whether it is the one that its session goes on with. Of one session, one run at most may say so.
    pub alone: bool,
    /// Whether it is not over yet, to find it by.
    pub open: bool,
    /// When an open run is to be looked at again, whatever happens.
    pub due: Option<Timestamp>,
    /// The rest, as text that only whoever leads it reads.
    pub state: String,
}

/// A run to be written, and what happened in it.
///
/// See [`RunRow`] for what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunWrite {
    /// The run as it will be. Its version is [`expected`](Self::expected) + 1, or 0 for a new one. Requester,
    /// agent, session and time of creation stay those of the first version.
    pub row: RunRow,
    /// The version that must be stored now; none for a run that must not exist yet. If another one is stored,
    /// or if another run of the session is alone already, the commit is a [`Conflict`](Committed::Conflict).
    pub expected: Option<u64>,
    /// What happened, to be kept beside what happened before. A number that is taken fails the commit.
    pub events: Vec<RunEventRow>,
}

/// Something that happened in a run, as it is kept.
///
/// ```
/// use countersign::store::RunEventRow;
///
/// let event = RunEventRow { number: 1, text: r#"{"event":"run_started"}"#.to_owned() };
/// assert_eq!(event.number, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEventRow {
    /// Its place in the run.
    pub number: u64,
    /// The event, as text that only whoever leads the run reads.
    pub text: String,
}

/// Which runs to list.
///
/// ```
/// use countersign::store::RunFilter;
///
/// let filter = RunFilter::default();
/// assert!(matches!(filter, RunFilter::All));
/// ```
#[derive(Debug, Clone, Default)]
pub enum RunFilter {
    /// All.
    #[default]
    All,
    /// Those of a session.
    OfSession(SessionId),
    /// Those of a requester.
    OfRequester(ActorId),
    /// Those that are not over.
    Open,
    /// Those that are not over and are due at this time or before.
    Due(Timestamp),
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
    /// The actors, and those who were removed, as text that only the engine reads.
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
