//! Builds an engine, and finds what does not fit together before the first call.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::id::{TenantId, WorkerId};
use tokio::sync::{broadcast, watch};

use super::{Described, Engine, HINTS, Inner, LEASE, Mint, Running, millis, random};
use crate::clock::{Clock, SystemClock};
use crate::directory::{Directory, DirectoryCache};
use crate::error::Error;
use crate::invoke::States;
use crate::lease::Leases;
use crate::ledger::{Keeper, Signer, SigningKey};
use crate::notify::{Notifier, Notify};
use crate::policy::{Policy, PolicyError};
use crate::recent::Recent;
use crate::registry::Registry;
use crate::store::Store;
use crate::worker::Worker;

/// What an engine is built from.
///
/// What does not fit together is found at the start, not at the first call:
///
/// ```
/// use countersign::prelude::*;
/// use countersign::store::Sqlite;
///
/// #[derive(Clone)]
/// struct Ledger;
///
/// /// Count the entries.
/// #[tool(read_only)]
/// fn count(#[state] ledger: Ledger) -> u64 {
///     let _ = ledger;
///     0
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let builder = || Ok::<_, countersign::Error>(
///     Engine::builder().store(Sqlite::in_memory()?).registry(Registry::of::<count>()?).worker(false)
/// );
/// let error = builder()?.start().await.err().unwrap();
/// assert!(error.to_string().contains("add `.state(…)`"));
/// assert!(builder()?.state(Ledger).start().await.is_ok());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct EngineBuilder {
    tenant: TenantId,
    store: Option<Arc<dyn Store>>,
    registry: Registry,
    states: States,
    clock: Arc<dyn Clock>,
    policy: Option<Policy>,
    worker: bool,
    lease: Duration,
    trace_content: bool,
    key: Option<SigningKey>,
    notify: Option<Arc<dyn Notify>>,
}

impl EngineBuilder {
    pub(super) fn new() -> Self {
        Self {
            tenant: TenantId::default(),
            store: None,
            registry: Registry::default(),
            states: States::default(),
            clock: Arc::new(SystemClock),
            policy: None,
            worker: true,
            lease: LEASE,
            trace_content: false,
            key: None,
            notify: None,
        }
    }

    /// Where calls and records are kept. Required.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The tools.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Actors, pools and rules. Without one, those that the store has stay in force.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// A value for `#[state]` parameters of its type. The type must be `Clone`; a second value of the same
    /// type replaces the first.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// The clock; the system's unless said.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whose data; `default` unless said.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// Whether to run cleared calls in the background; yes unless said. Without it, use [`Engine::worker`].
    pub fn worker(mut self, worker: bool) -> Self {
        self.worker = worker;
        self
    }

    /// How long a worker that says nothing is believed to be alive; [`LEASE`] unless said, 30
    /// milliseconds at least. Renewed three times in that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.max(Duration::from_millis(30));
        self
    }

    /// Whether traces hold arguments, results and the words of errors; no unless said. `#[arg(secret)]` values
    /// are replaced even then. See [`trace`](crate::trace).
    pub fn trace_content(mut self, content: bool) -> Self {
        self.trace_content = content;
        self
    }

    /// The key that signs checkpoints of the audit log: every 256 entries, every minute with news, and at
    /// [`Engine::stop`]. Without one, the log is not signed.
    pub fn signing_key(mut self, key: SigningKey) -> Self {
        self.key = Some(key);
        self
    }

    /// What carries notices to where people are. A second one replaces the first. Without one, nobody is told;
    /// whoever is asked finds it in their inbox.
    pub fn notify(mut self, hook: impl Notify) -> Self {
        self.notify = Some(Arc::new(hook));
        self
    }

    /// Checks that everything fits together, loads the policy and starts the worker. Must be called within
    /// a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Start`] without a store or a `#[state]` that some tool takes; [`Error::Policy`] for a policy
    /// that does not fit the tools; otherwise if the store fails.
    pub async fn start(self) -> Result<Engine, Error> {
        let store = self
            .store
            .ok_or_else(|| Error::Start("an engine needs a store: `.store(…)`".to_owned()))?;
        check_states(&self.registry, &self.states)?;
        let directory = DirectoryCache::new(self.tenant.clone());
        let stored = directory.refreshed(&*store).await?;
        let policy = self.policy.as_ref().unwrap_or(&stored.policy);
        check_tools(&self.registry, &stored.seeded_by(policy))?;
        if let Some(policy) = &self.policy {
            directory.load(&*store, policy, self.clock.now()).await?;
        }
        let current = directory.refreshed(&*store).await?;
        let mut registry = self.registry;
        registry.set_tiers(&current.policy);
        let keeper = self.key.map(|key| {
            Keeper::start(Signer {
                store: store.clone(),
                tenant: self.tenant.clone(),
                clock: self.clock.clone(),
                key,
            })
        });
        let inner = Arc::new(Inner {
            keeper,
            notifier: self.notify.map(Notifier::start),
            worker: WorkerId::new(millis(&*self.clock), random()),
            tenant: self.tenant,
            store,
            registry,
            states: Arc::new(self.states),
            clock: self.clock,
            directory,
            lease: self.lease,
            leases: Leases::default(),
            recent: Recent::default(),
            described: Described::default(),
            mint: Mint::default(),
            hints: broadcast::channel(HINTS).0,
            moved: broadcast::channel(HINTS).0,
            trace_content: self.trace_content,
        });
        let running = self.worker.then(|| {
            let (stop, stopped) = watch::channel(false);
            let worker = Worker(inner.clone());
            Running {
                stop,
                task: tokio::spawn(async move { worker.run(stopped).await }),
            }
        });
        Ok(Engine {
            inner,
            running: Arc::new(Mutex::new(running)),
        })
    }
}

/// Every `#[state]` type of every tool must be there before the first call, not when it is needed.
fn check_states(registry: &Registry, states: &States) -> Result<(), Error> {
    for entry in registry.iter() {
        for state in (entry.definition().states)() {
            if states.get(state.id).is_none() {
                return Err(Error::Start(format!(
                    "`{}` takes `#[state] {}`, and no value of that type was provided; add `.state(…)`",
                    entry.definition().name,
                    state.name
                )));
            }
        }
    }
    Ok(())
}

/// Whether the policy fits the tools, with the people whom it seeds and those whom an admin has added. People who
/// were taken away do not count here: that they are missing blocks calls, and no start.
fn check_tools(registry: &Registry, directory: &Directory) -> Result<(), Error> {
    let members = directory.members();
    let errors: Vec<String> = registry
        .iter()
        .flat_map(|it| directory.policy.check_tool(it.descriptor(), members))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(PolicyError::Refused(errors).into())
    }
}
