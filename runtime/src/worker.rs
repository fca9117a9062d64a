//! Claims what is cleared, runs it, and watches leases and deadlines.
//!
//! The only way to a gated function. `Executing` is on the disk before the function starts; how it
//! ended is committed under the same claim. If the process dies in between, the lease lapses and a
//! person decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::call::{Answer, Call, Claim, Code, Effect, Event, Phase, Refusal};
use countersign_core::digest::Digest;
use countersign_core::id::CallId;
use countersign_core::tool::{Approved, CallContext, Definition};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::agenda;
use crate::desk::{Decided, Decision, stricter, token_hash};
use crate::directory::Directory;
use crate::engine::{Inner, random_token};
use crate::error::Error;
use crate::invoke::{self, Ended, OwnedScope};
use crate::lease::Lease;
use crate::recent::Loaded;
use crate::registry::Entry;
use crate::run::WriteRun;
use crate::store::CallFilter;
use crate::trace::Execution;
use crate::turn::{Besides, Move, Turned};

/// How many calls one worker runs at once.
const MOST_AT_ONCE: usize = 64;
/// How many calls one look at the store takes.
const PAGE: usize = 256;
/// How often a worker looks itself, whatever it hears meanwhile.
const POLL: Duration = Duration::from_millis(250);
/// How often a result is tried to be committed while the store fails.
const MOST_COMMITS: u32 = 8;

/// Runs cleared calls of the tools that this process links.
///
/// The background worker looks every 250 milliseconds and runs up to 64 calls at once. This one does what it
/// is told to, which is what tests want and what a process needs that only decides:
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Phase, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn refresh(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<refresh>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("refresh", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let asked = waiting.active_requirements().remove(0);
/// let decided = engine.desk().decide(Decision::confirm(&asked).by(&alice)).await?;
/// assert!(matches!(decided.call.unwrap().phase(), Phase::Cleared { .. }));
///
/// let advanced = engine.worker().advance(waiting.call_id()).await?;
/// assert!(matches!(advanced.call.phase(), Phase::Closed { .. }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Worker(pub(crate) Arc<Inner>);

/// How far a call could be brought.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Phase, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn renew(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<renew>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("renew", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// // Still alice's turn: nothing to do, and no reason to refuse.
/// let advanced = engine.worker().advance(waiting.call_id()).await?;
/// assert!(matches!(advanced.call.phase(), Phase::Confirm { .. }) && advanced.refused.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Advanced {
    /// The call as it is now.
    pub call: Call,
    /// Why it could not be run here, if that is so: another version of the tool is linked, say.
    pub refused: Option<Refusal>,
}

impl Worker {
    /// Brings one call as far as this process can: judges it, claims it, runs it, commits how it ended.
    /// Returns when the call is closed, waits for somebody, or belongs to another process.
    pub async fn advance(&self, id: CallId) -> Result<Advanced, Error> {
        let inner = &*self.0;
        let recent = inner.recent.take(id).filter(|it| self.is_ready(&it.call));
        let loaded = match recent {
            Some(recent) => recent,
            None => inner.load(id).await?,
        };
        self.advance_from(loaded).await
    }

    async fn advance_from(&self, mut loaded: Loaded) -> Result<Advanced, Error> {
        let inner = &*self.0;
        loop {
            let Some(entry) = inner.registry.get(loaded.call.tool().as_str()) else {
                return Ok(Advanced {
                    call: loaded.call,
                    refused: None,
                });
            };
            loaded = match loaded.call.phase() {
                Phase::Gating { .. } => Box::pin(inner.gate(loaded)).await?,
                Phase::Cleared { .. } => {
                    match Box::pin(self.claim(entry.definition(), entry.digest(), loaded)).await? {
                        Claimed::Mine(loaded, claim, token) => {
                            Box::pin(self.execute(entry, loaded, claim, token, None))
                                .await?
                                .loaded
                        }
                        Claimed::Moved(loaded) => loaded,
                        Claimed::Refused(call, refusal) => {
                            return Ok(Advanced {
                                call,
                                refused: Some(refusal),
                            });
                        }
                    }
                }
                Phase::Input { .. }
                | Phase::Confirm { .. }
                | Phase::Approve { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }
                | Phase::Closed { .. } => {
                    return Ok(Advanced {
                        call: loaded.call,
                        refused: None,
                    });
                }
            };
        }
    }

    /// Takes a decision, as [`Desk::decide`](crate::Desk::decide) does, and brings the call as far as this process can.
    /// If it was the last one that the call waited for, the decision and the claim are one commit: the function
    /// runs after one flush less, and no other process can come in between. A decision that does not
    /// count moves nothing. Returns when the call is closed, waits for somebody, or belongs to another process.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::{Answer, Phase, store::Sqlite};
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn reindex(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<reindex>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// # let Called::Waiting(waiting) = engine.call("reindex", r#"{"service":"billing"}"#).by(&alice).await? else {
    /// #     panic!("it waits for alice");
    /// # };
    /// let asked = waiting.active_requirements().remove(0);
    /// let decided = engine.worker().decide(Decision::confirm(&asked).by(&alice)).await?;
    /// assert_eq!(decided.answer, Answer::Accepted);
    /// assert!(matches!(decided.call.unwrap().phase(), Phase::Closed { .. })); // it ran
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Desk::decide`](crate::Desk::decide). [`Error::Damaged`] for a call that is not what its records say. What
    /// goes wrong after the decision was taken is an error, too; repeated, it is answered as the first time.
    pub async fn decide(&self, decision: Decision) -> Result<Decided, Error> {
        let (decided, _) = self.decided(decision, None).await?;
        Ok(decided)
    }

    /// The same, for whoever leads the run of the call: where the function was run, what `run` makes of the call as it
    /// is then is written in the commit that says how that ended. The second value is whether it was.
    ///
    /// The run is not written if the call or the run was moved on by somebody else meanwhile; the end of the call is.
    ///
    /// # Errors
    ///
    /// Those of [`decide`](Self::decide).
    pub async fn decide_in_run(
        &self,
        decision: Decision,
        run: WriteRun<'_>,
    ) -> Result<(Decided, bool), Error> {
        self.decided(decision, Some(run)).await
    }

    async fn decided(&self, decision: Decision, run: Option<WriteRun<'_>>) -> Result<(Decided, bool), Error> {
        let inner = &*self.0;
        let token = random_token();
        let turned = match inner.take(decision, Some(token_hash(&token))).await? {
            Ok(turned) if !matches!(turned.answer, Answer::Refused(_)) => turned,
            other => return Ok((Decided::of(other), false)),
        };
        let entry = inner.registry.get(turned.loaded.call.tool().as_str());
        let (loaded, wrote_run) = match (turned.loaded.call.phase(), entry) {
            (Phase::Executing { claim, .. }, Some(entry)) if turned.followed => {
                let claim = *claim;
                let ended = Box::pin(self.execute(entry, turned.loaded, claim, token, run)).await?;
                (ended.loaded, ended.wrote_run)
            }
            _ => (turned.loaded, false),
        };
        let decided = Decided {
            answer: turned.answer,
            call: Some(Box::pin(self.advance_from(loaded)).await?.call),
        };
        Ok((decided, wrote_run))
    }

    /// Whether the next thing to do is a commit of ours, which is refused if the call has moved on.
    fn is_ready(&self, call: &Call) -> bool {
        let entry = self.0.registry.get(call.tool().as_str());
        matches!(call.phase(), Phase::Gating { .. } | Phase::Cleared { .. })
            && entry.is_some_and(|it| it.digest() == *call.descriptor())
    }

    /// Everything that is due by now: warnings, escalations, deadlines that passed, leases that lapsed. Any
    /// process may do it. Of a call whose time is over, only that is recorded: nobody is warned any more.
    pub async fn sweep(&self) -> Result<(), Error> {
        let inner = &*self.0;
        let filter = CallFilter::Due(inner.clock.now());
        let mut after = None;
        loop {
            let rows = inner.store.calls(&inner.tenant, &filter, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            for row in &rows {
                // One call that cannot be read must not keep all others from expiring.
                if let Ok(loaded) = inner.load(row.id).await {
                    inner.catch_up(loaded).await?;
                }
            }
        }
    }

    /// Runs what is cleared until `stop` becomes true, then finishes what it has claimed.
    pub async fn run(&self, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
        let mut hints = self.0.hints.subscribe();
        let mut crew = Crew::default();
        // One clock for the whole life: a wait that began anew with each hint would never end under load.
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = false;
        while !*stop.borrow() {
            if look {
                // A store that fails for a moment (a full disk, a lock) must not end the worker.
                if let Err(error) = self.look(&mut crew).await {
                    tracing::error!(%error, "the worker could not look for calls; it will look again");
                }
            }
            look = tokio::select! {
                ended = stop.changed() => {
                    if ended.is_err() {
                        break;
                    }
                    false
                }
                _ = poll.tick() => true,
                hint = hints.recv() => match hint {
                    Ok(id) => {
                        self.start(id, None, &mut crew);
                        false
                    }
                    // More hints than the channel holds: look at everything instead.
                    Err(_) => true,
                },
                Some(_) = crew.tasks.join_next() => false,
            };
        }
        while crew.tasks.join_next().await.is_some() {}
        Ok(())
    }

    /// Looks at what is due and at everything that waits for a worker.
    async fn look(&self, crew: &mut Crew) -> Result<(), Error> {
        self.sweep().await?;
        let inner = &*self.0;
        let filter = CallFilter::WaitingFor(vec![agenda::WORKER.to_owned()]);
        let mut after = None;
        loop {
            let rows = inner.store.calls(&inner.tenant, &filter, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            for row in rows {
                if inner.registry.get(row.tool.as_str()).is_some() {
                    self.start(row.id, Some(row.version), crew);
                }
            }
        }
    }

    /// Starts on a call, unless it is under way or was found impossible in this very version.
    fn start(&self, id: CallId, version: Option<u64>, crew: &mut Crew) {
        let given_up = crew
            .given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .copied();
        if version.is_some() && given_up == version {
            return;
        }
        {
            let mut busy = crew.busy.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(again) = busy.get_mut(&id) {
                // Whoever is at it may have looked before this happened.
                *again = true;
                return;
            }
            busy.insert(id, false);
        }
        let (worker, busy, given_up, slots) = (
            self.clone(),
            crew.busy.clone(),
            crew.given_up.clone(),
            crew.slots.clone(),
        );
        crew.tasks.spawn(async move {
            let permit = slots.acquire_owned().await;
            loop {
                let impossible = match worker.advance(id).await {
                    Ok(Advanced { refused: None, .. }) | Err(Error::Store(_) | Error::Contended(_)) => false,
                    Ok(Advanced {
                        refused: Some(refusal),
                        ..
                    }) => {
                        tracing::warn!(call = %id, %refusal, "this process cannot run a cleared call");
                        true
                    }
                    Err(error) => {
                        tracing::error!(call = %id, %error, "a call cannot be run");
                        true
                    }
                };
                if let Some(version) = version.filter(|_| impossible) {
                    let mut given_up = given_up.lock().unwrap_or_else(PoisonError::into_inner);
                    given_up.insert(id, version);
                }
                let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
                if !busy.get_mut(&id).is_some_and(std::mem::take) {
                    busy.remove(&id);
                    break;
                }
            }
            drop(permit);
        });
    }

    /// Claims a cleared call. Everything that was decided is checked once more, against the records too.
    async fn claim(
        &self,
        entry: &'static Definition,
        digest: Digest,
        loaded: Loaded,
    ) -> Result<Claimed, Error> {
        let inner = &*self.0;
        if *loaded.call.descriptor() != digest {
            let refusal = Refusal {
                code: Code::StaleTool,
                message: format!(
                    "`{}` has changed since this call was gated; its requester or an operator can ask again (reask)",
                    entry.name
                ),
            };
            return Ok(Claimed::Refused(loaded.call, refusal));
        }
        if !is_repeatable(entry, &loaded.call) {
            return Err(Error::Damaged {
                id: *loaded.call.id(),
                why: format!("it says that `{}` is idempotent, which it is not", entry.name),
            });
        }
        if let Some(now) = inner.check_against_records(&loaded).await? {
            return Ok(Claimed::Moved(now));
        }
        let token = random_token();
        let hash = token_hash(&token);
        let mut checked = true;
        let turned = inner
            .turn(loaded, |call, directory| {
                // Overtaken: what is loaded now was not compared with its records.
                if !std::mem::take(&mut checked) || !matches!(call.phase(), Phase::Cleared { .. }) {
                    return Ok(Move::Leave);
                }
                let event = stricter(call, directory);
                let event = event.unwrap_or_else(|| inner.claimed(call, directory, digest, hash));
                Ok(Move::Event(event))
            })
            .await?;
        Ok(match (turned.answer.clone(), turned.loaded.call.phase()) {
            (Answer::Accepted, Phase::Executing { claim, .. }) if claim.worker == inner.worker => {
                let claim = *claim;
                Claimed::Mine(turned.loaded, claim, token)
            }
            (Answer::Refused(refusal), _) if refusal.code == Code::Expired => {
                Claimed::Moved(inner.expired(turned).await?.loaded)
            }
            (Answer::Refused(refusal), _) => Claimed::Refused(turned.loaded.call, refusal),
            (Answer::Accepted | Answer::Repeated, _) => Claimed::Moved(turned.loaded),
        })
    }

    /// Runs the function of a claimed call and commits how it ended.
    async fn execute(
        &self,
        entry: &Entry,
        loaded: Loaded,
        claim: Claim,
        token: String,
        run: Option<WriteRun<'_>>,
    ) -> Result<Turned, Error> {
        let inner = &*self.0;
        let call = &loaded.call;
        let scope = OwnedScope {
            states: inner.states.clone(),
            context: context(call, token),
        };
        let arguments = call.arguments().to_string();
        let lease = Lease::hold(&self.0, *call.id(), claim);
        let traced = Execution::gated(inner, entry, call).await;
        let running = invoke::run(entry.definition(), arguments, scope, entry.descriptor().timeout);
        let ended = Execution::watch(traced, running).await;
        drop(lease);
        let event = match ended {
            Ended::Returned(result) => Event::Returned { claim, result },
            Ended::Failed { error, effect } => Event::Failed { claim, error, effect },
            Ended::NotStarted(failure) => Event::Failed {
                claim,
                error: failure.to_string(),
                effect: Effect::None,
            },
            Ended::TimedOut => Event::TimedOut { claim },
        };
        self.commit_end(loaded, &event, run).await
    }

    /// Commits how a function ended, and tries hard: what is lost here is a call in doubt.
    async fn commit_end(
        &self,
        loaded: Loaded,
        event: &Event,
        run: Option<WriteRun<'_>>,
    ) -> Result<Turned, Error> {
        let mut pause = Duration::from_millis(20);
        let besides = Besides { then: None, run };
        let ended = |_: &Call, _: &Directory| Ok(Move::Event(event.clone()));
        for _ in 1..MOST_COMMITS {
            match self.0.turn_and(loaded.clone(), ended, besides).await {
                Ok(turned) => return Ok(turned),
                Err(Error::Store(error)) => {
                    tracing::error!(call = %loaded.call.id(), %error, "the end of a call cannot be stored; trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        }
        self.0.turn_and(loaded, ended, besides).await
    }
}

impl Inner {
    /// The claim of a call that was just cleared, if it can be run here and needs no other word first.
    pub(crate) fn claiming(&self, call: &Call, directory: &Directory, token: Digest) -> Option<Event> {
        let entry = self.registry.get(call.tool().as_str())?;
        let is_same = entry.digest() == *call.descriptor() && is_repeatable(entry.definition(), call);
        let is_free = matches!(call.phase(), Phase::Cleared { .. }) && stricter(call, directory).is_none();
        (is_same && is_free).then(|| self.claimed(call, directory, entry.digest(), token))
    }

    fn claimed(&self, call: &Call, directory: &Directory, descriptor: Digest, token: Digest) -> Event {
        let now = self.clock.now();
        Event::Claimed {
            worker: self.worker,
            until: now.after(self.lease),
            descriptor,
            voters: Self::voters(call, directory, now),
            token: Some(token),
        }
    }

    /// Does what time has brought to a call, one thing after the other, until nothing is due.
    async fn catch_up(&self, mut loaded: Loaded) -> Result<(), Error> {
        loop {
            let turned = self.turn(loaded, |call, _| {
                let event = agenda::overdue(call, self.clock.now());
                Ok(event.map_or(Move::Leave, Move::Event))
            });
            let turned = turned.await?;
            if turned.answer != Answer::Accepted {
                return Ok(());
            }
            loaded = turned.loaded;
        }
    }
}

/// Whether a tool may be repeated if its call says so.
fn is_repeatable(tool: &Definition, call: &Call) -> bool {
    !*call.idempotent() || (tool.descriptor)().hints.idempotent
}

/// What a worker has under way.
struct Crew {
    tasks: JoinSet<()>,
    /// The calls that are under way, and whether something has happened to them since somebody looked.
    busy: Arc<Mutex<HashMap<CallId, bool>>>,
    /// Calls that could not be run, with the version in which that was found.
    given_up: Arc<Mutex<HashMap<CallId, u64>>>,
    slots: Arc<Semaphore>,
}

impl Default for Crew {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            busy: Arc::default(),
            given_up: Arc::default(),
            slots: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }
}

/// How trying to claim a call ended.
enum Claimed {
    /// It is ours, with the token for reporting its result.
    Mine(Loaded, Claim, String),
    /// It is no longer cleared.
    Moved(Loaded),
    /// It cannot be run here.
    Refused(Call, Refusal),
}

/// What the function may know about its call.
fn context(call: &Call, token: String) -> CallContext {
    let approvals = call
        .votes()
        .iter()
        .map(|it| Approved {
            by: it.by.clone(),
            at: it.at,
        })
        .collect();
    let token = call.gates().external.is_some().then_some(token);
    // The call's own id: the same over retries, and nobody else's.
    CallContext::new(
        *call.id(),
        call.requester().clone(),
        approvals,
        call.id().to_string(),
        token,
    )
}
