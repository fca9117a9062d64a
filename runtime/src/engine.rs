//! The engine: opens calls, and holds what desk and worker share.
//!
//! An ungated tool is invoked in place: no store, no task, no id. A gated one is opened, committed
//! and left to the people it asks; whoever has the store can take their decisions.

mod builder;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::actor::Actor;
use countersign_core::call::{Call, Outcome, Phase};
use countersign_core::digest::Digest;
use countersign_core::gate::Gates;
use countersign_core::id::{CallId, GrantId, RunId, TenantId, WorkerId};
use countersign_core::requirement::Requirement;
use countersign_core::time::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::call::CallBuilder;
use crate::clock::Clock;
use crate::desk::Desk;
use crate::directory::DirectoryCache;
use crate::error::Error;
use crate::invoke::States;
use crate::lease::Leases;
use crate::ledger::Keeper;
use crate::notify::Notifier;
use crate::recent::Recent;
use crate::registry::{Entry, Registry, Tier};
use crate::store::{CallFilter, CallRow, Store};
use crate::worker::Worker;

pub use builder::EngineBuilder;

/// How long a worker that says nothing is believed to be alive: ten seconds.
pub const LEASE: Duration = Duration::from_secs(10);
/// How often somebody who waits looks again, besides being woken.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How many hints about calls are kept for a worker that is busy.
const HINTS: usize = 4096;

/// What opener, desk and worker share. They meet only in the store.
pub(crate) struct Inner {
    pub(crate) tenant: TenantId,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Registry,
    pub(crate) states: Arc<States>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) directory: DirectoryCache,
    pub(crate) worker: WorkerId,
    pub(crate) lease: Duration,
    pub(crate) leases: Leases,
    pub(crate) recent: Recent,
    pub(crate) described: Described,
    pub(crate) hints: broadcast::Sender<CallId>,
    /// Calls that this engine has moved on, for those who wait for one of them.
    pub(crate) moved: broadcast::Sender<CallId>,
    /// Whether traces hold arguments and results.
    pub(crate) trace_content: bool,
    pub(crate) mint: Mint,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) notifier: Option<Notifier>,
}

/// Opens calls. Cheap to clone; all clones are the same engine.
///
/// The background worker, if one was started, ends with [`Engine::stop`] or with the last clone.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::store::Sqlite;
/// use countersign::{Outcome, Tier};
///
/// /// Add two numbers.
/// #[tool]
/// fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Engine::builder()
///     .store(Sqlite::in_memory()?)
///     .registry(Registry::of::<sum>()?)
///     .start()
///     .await?;
/// assert_eq!(engine.tier("sum"), Some(Tier::Ungated)); // runs in place, nothing is stored
/// let called = engine.call("sum", r#"{"a": 1, "b": 2}"#).await?;
/// assert!(matches!(called, Called::Done(Outcome::Returned { result, .. }) if result == "3"));
/// engine.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    running: Arc<Mutex<Option<Running>>>,
}

/// Tells when to look at the store again.
///
/// [`Engine::changes`] has an example.
pub struct Changes<'a> {
    inner: &'a Inner,
    receiver: Option<watch::Receiver<u64>>,
}

impl Changes<'_> {
    /// Waits until something may have changed: until a commit through this store handle, and 50 milliseconds
    /// at most, since those of other processes are not heard.
    pub async fn next(&mut self) {
        self.inner.pause(self.receiver.as_mut()).await;
    }
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), Error>>,
}

impl Engine {
    /// Starts to build an engine.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::new()
    }

    /// Proposes a call: `engine.call("issue_refund", json!({…})).by(&alice).await?`.
    ///
    /// The arguments may be a JSON value or JSON text.
    pub fn call<'a>(
        &'a self,
        tool: &'a str,
        arguments: impl Into<crate::call::Arguments<'a>>,
    ) -> CallBuilder<'a> {
        CallBuilder::new(self, tool, arguments.into())
    }

    /// Where decisions are taken.
    pub fn desk(&self) -> Desk {
        Desk(self.inner.clone())
    }

    /// Runs cleared calls on demand; the background worker is another one of these.
    pub fn worker(&self) -> Worker {
        Worker(self.inner.clone())
    }

    /// The linked tools.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// The store.
    pub fn store(&self) -> &dyn Store {
        &*self.inner.store
    }

    /// The tenant whose calls these are.
    pub fn tenant(&self) -> &TenantId {
        &self.inner.tenant
    }

    /// What kind of actor somebody is now; [`Kind::Unknown`](countersign_core::actor::Kind::Unknown) for one that the store does not know.
    pub async fn actor(&self, identity: &crate::Identity) -> Result<Actor, Error> {
        Ok(self
            .inner
            .directory
            .refreshed(&*self.inner.store)
            .await?
            .actor(identity, self.now()))
    }

    /// The time by this engine's clock.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A fresh id for a call that is about to be proposed: see [`CallBuilder::id`].
    pub fn new_call_id(&self) -> CallId {
        self.inner.new_call_id()
    }

    /// A fresh id for a run that is about to be written.
    pub fn new_run_id(&self) -> RunId {
        self.inner.new_run_id()
    }

    /// Begins to listen for commits. Begin before you look at the store, then nothing is missed.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder().store(Sqlite::in_memory()?).worker(false).start().await?;
    /// let mut changes = engine.changes();
    /// // … look at the store; what was looked for is not there yet …
    /// changes.next().await; // returns after a commit, or after 50 milliseconds
    /// # Ok(())
    /// # }
    /// ```
    pub fn changes(&self) -> Changes<'_> {
        Changes {
            inner: &self.inner,
            receiver: self.inner.store.subscribe(),
        }
    }

    /// What a tool costs, by annotation and policy.
    pub fn tier(&self, tool: &str) -> Option<Tier> {
        self.inner.registry.get(tool).map(Entry::tier)
    }

    /// Waits until a call is closed, in whatever process that happens. Never returns for a call that
    /// nobody decides: put a time limit around it.
    ///
    /// Looks again every 50 milliseconds, and at once when this engine or a clone of it has moved the call on.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::{Outcome, store::Sqlite};
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn deploy(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<deploy>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// # let Called::Waiting(waiting) = engine.call("deploy", r#"{"service":"billing"}"#).by(&alice).await? else {
    /// #     panic!("it waits for alice");
    /// # };
    /// let (waits, id) = (engine.clone(), waiting.call_id());
    /// let outcome = tokio::spawn(async move { waits.wait(id).await });
    ///
    /// let asked = waiting.active_requirements().remove(0);
    /// engine.desk().decide(Decision::reject(&asked).by(&alice)).await?;
    /// assert!(matches!(outcome.await??, Outcome::Rejected { .. }));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCall`] if there is no such call; otherwise if the store fails.
    pub async fn wait(&self, call: CallId) -> Result<Outcome, Error> {
        let mut moved = self.inner.moved.subscribe();
        loop {
            if let Phase::Closed { outcome } = self.inner.load(call).await?.call.phase() {
                return Ok(outcome.clone());
            }
            until_moved(&mut moved, call).await;
        }
    }

    /// Waits until a call is closed or asks somebody; until no process has anything to do for it.
    pub async fn wait_until_settled(&self, id: CallId) -> Result<Call, Error> {
        let mut moved = self.inner.moved.subscribe();
        loop {
            let call = self.inner.load(id).await?.call;
            match call.phase() {
                Phase::Gating { .. } | Phase::Cleared { .. } | Phase::Executing { .. } => {}
                Phase::Input { .. }
                | Phase::Confirm { .. }
                | Phase::Approve { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. } => return Ok(call),
            }
            until_moved(&mut moved, id).await;
        }
    }

    /// Whether this process runs cleared calls in the background.
    pub(crate) fn has_worker(&self) -> bool {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// The calls of a run, in the order they were opened; the first thousand of them.
    pub async fn calls_of(&self, run: RunId) -> Result<Vec<Call>, Error> {
        let filter = CallFilter::OfRun(run);
        let rows = self
            .inner
            .store
            .calls(&self.inner.tenant, &filter, None, 1000)
            .await?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    /// The call of a row of the store, for whoever lists them.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if its text cannot be read, [`Error::Damaged`] if somebody edited it or a column.
    pub fn read(&self, row: &CallRow) -> Result<Call, Error> {
        self.inner.read(row)
    }

    /// Ends the background worker after it has finished what it had claimed, tells the notices that wait, for
    /// five seconds at most, and signs the log.
    pub async fn stop(&self) -> Result<(), Error> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let ended = match running {
            Some(Running { stop, task }) => {
                let _ = stop.send(true);
                task.await.unwrap_or(Ok(()))
            }
            None => Ok(()),
        };
        if let Some(notifier) = &self.inner.notifier {
            notifier.stop().await;
        }
        if let Some(keeper) = &self.inner.keeper {
            keeper.stop().await?;
        }
        ended
    }
}

/// Until this engine has moved a call on; for those that others move, 50 milliseconds. Not every commit: among many who
/// wait, each would look at the store for all of them.
async fn until_moved(moved: &mut broadcast::Receiver<CallId>, call: CallId) {
    let heard = async {
        loop {
            match moved.recv().await {
                Ok(id) if id != call => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return,
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    };
    tokio::select! {
        () = heard => {}
        () = tokio::time::sleep(LOOK_AGAIN) => {}
    }
}

/// Makes ids that sort in the order in which this process made them, also within a millisecond.
#[derive(Default)]
pub(crate) struct Mint(Mutex<(u64, u128)>);

impl Mint {
    /// Milliseconds and random bits. Within a millisecond the upper 24 of the 80 count up; the lower 56 are random in
    /// every id, as traces that are kept by a share of them want it.
    fn next(&self, now: u64) -> (u64, u128) {
        /// 79 bits, so that there is room to count.
        const MOST: u128 = (1 << 79) - 1;
        const LOW: u32 = 56;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if now > last.0 {
            (now, random() & MOST)
        } else {
            (last.0, ((last.1 >> LOW) + 1) << LOW | random() & ((1 << LOW) - 1))
        };
        *last
    }
}

/// The descriptors that this process has stored: each is stored once, not with every call.
#[derive(Default)]
pub(crate) struct Described(Mutex<HashSet<Digest>>);

impl Described {
    pub(crate) fn insert(&self, digest: Digest) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest);
    }

    /// What is to be stored of a tool with its next call.
    pub(crate) fn missing(&self, entry: &Entry) -> Option<(Digest, String)> {
        let digest = entry.digest();
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&digest);
        (!known).then(|| (digest, entry.descriptor_text().to_owned()))
    }
}

fn millis(clock: &dyn Clock) -> u64 {
    u64::try_from(clock.now().millis()).unwrap_or(0)
}

/// Random bits of the operating system.
///
/// # Panics
///
/// If the operating system has none to give: ids and salts that could be guessed are worse than no program.
pub(crate) fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A token that cannot be guessed: 256 random bits.
pub(crate) fn random_token() -> String {
    format!("rt_{}", countersign_core::digest::Digest::new(random_bytes()))
}

fn random() -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&random_bytes()[..16]);
    u128::from_be_bytes(half)
}

impl Inner {
    pub(crate) fn new_call_id(&self) -> CallId {
        let (millis, random) = self.mint.next(millis(&*self.clock));
        CallId::new(millis, random)
    }

    pub(crate) fn new_run_id(&self) -> RunId {
        let (millis, random) = self.mint.next(millis(&*self.clock));
        RunId::new(millis, random)
    }

    pub(crate) fn new_grant_id(&self) -> GrantId {
        GrantId::new(millis(&*self.clock), random())
    }

    /// Tells a worker of this process to look at a call.
    pub(crate) fn hint(&self, id: CallId) {
        // Nobody listening is no error: another process, or the next poll, will find it.
        let _ = self.hints.send(id);
    }

    /// Until something may have changed.
    pub(crate) async fn pause(&self, changed: Option<&mut watch::Receiver<u64>>) {
        let woken = async {
            match changed {
                Some(changed) => {
                    if changed.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// A call that waits for people.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{RequirementKind, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn promote(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<promote>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("promote", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// assert!(waiting.gates().confirmation.is_some());
/// let asked = waiting.active_requirements();
/// assert_eq!((asked.len(), asked[0].kind), (1, RequirementKind::Confirmation));
/// assert_eq!(asked[0].tool_args().as_str(), r#"{"service":"billing"}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Waiting {
    call: Box<Call>,
}

impl Waiting {
    pub(crate) fn new(call: Call) -> Self {
        Self { call: Box::new(call) }
    }

    /// The call.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The call's id.
    pub fn call_id(&self) -> CallId {
        *self.call.id()
    }

    /// The run's id.
    pub fn run_id(&self) -> RunId {
        *self.call.run()
    }

    /// What is asked, of whoever.
    pub fn active_requirements(&self) -> Vec<Requirement> {
        self.call.requirements()
    }

    /// The gates that must be met.
    pub fn gates(&self) -> &Gates {
        self.call.gates()
    }
}
