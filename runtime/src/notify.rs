//! Tells the outside who is asked, who is reminded, and who need not look any more.
//!
//! A notice is a hint. It is told after the commit that it is about, once, by the process that committed,
//! and whatever becomes of it changes nothing: the truth is in the store. A process that is killed between
//! the two tells nothing; more notices than a slow hook takes are dropped. Whoever must tell everything, at
//! least once, keeps an outbox, as `serve` does: it reads the records from the `seq` that it has reached, looks at
//! the calls that they name, and takes a notice for what it is, a word that there is something to read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use countersign_core::audit::Draft;
use countersign_core::call::Call;
use countersign_core::id::RequirementId;
use countersign_core::requirement::Requirement;
use countersign_core::time::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::engine::Inner;
use crate::policy::Policy;

/// How many notices wait for a hook that is busy. More are dropped.
const MOST_WAITING: usize = 1024;
/// How long a hook may take for one notice before it is given up: five seconds.
const LIMIT: Duration = Duration::from_secs(5);

/// Carries notices to where people are: a channel, a mailbox, a web hook.
///
/// An engine has one ([`EngineBuilder::notify`](crate::EngineBuilder::notify)); one that tells several others
/// is a few lines of yours. It gets one notice at a time, in the order of the commits of this process, and
/// five seconds for each. It must not block its thread.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::{Notice, Notify, NotifyError, store::Sqlite};
/// use tokio::sync::mpsc;
///
/// struct Channel(mpsc::UnboundedSender<Notice>);
///
/// #[async_trait::async_trait]
/// impl Notify for Channel {
///     async fn notify(&self, notice: Notice) -> Result<(), NotifyError> {
///         Ok(self.0.send(notice)?)
///     }
/// }
/// # /// Restarts a service.
/// # #[approval(required, pool = "managers")]
/// # #[tool]
/// # fn recycle(service: String) -> String {
/// #     format!("{service} is up")
/// # }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (tell, mut told) = mpsc::unbounded_channel();
/// let engine = Engine::builder()
///     .store(Sqlite::in_memory()?)
///     .registry(Registry::of::<recycle>()?)
///     .policy(Policy::parse("
///         actors.alice = { kind = 'person' }
///         actors.bob = { kind = 'person', roles = ['manager'] }
///         pools.managers = { roles = ['manager'], notify = ['slack:#ops'] }
///     ")?)
///     .notify(Channel(tell))
///     .worker(false)
///     .start()
///     .await?;
/// let alice = Identity::asserted("alice")?;
/// engine.call("recycle", r#"{"service":"billing"}"#).by(&alice).await?;
/// let notice = told.recv().await.unwrap();
/// assert_eq!((notice.kind.as_str(), notice.to), ("asked", vec!["slack:#ops".to_owned()]));
/// assert_eq!(notice.requirement.tool_name().as_str(), "recycle");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Notify: Send + Sync + 'static {
    /// Carries one notice.
    ///
    /// # Errors
    ///
    /// Whatever kept it from that. It is logged and nothing else: the notice is not told again.
    async fn notify(&self, notice: Notice) -> Result<(), NotifyError>;
}

/// Why a notice could not be carried.
pub type NotifyError = Box<dyn std::error::Error + Send + Sync>;

/// Something that whoever is asked, or was, may want to know.
///
/// Holds what people are shown, with secrets replaced, and never a reason or a result.
///
/// ```
/// # use countersign::{Notice, NoticeKind};
/// fn line(notice: &Notice) -> String {
///     let asked = &notice.requirement;
///     match notice.kind {
///         NoticeKind::Asked => format!("please look at {} {}", asked.tool, asked.arguments),
///         kind => format!("{}: {}", asked.tool, kind.as_str()),
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// To what is asked, as it is now; as it was, if it is not asked any more.
    pub requirement: Requirement,
    /// Where to tell it: what the policy of now says of the pool. Empty where no pool is asked.
    pub to: Vec<String>,
    /// When.
    pub at: Timestamp,
}

/// What happened to something that is asked.
///
/// ```
/// assert_eq!(countersign::NoticeKind::Escalated.as_str(), "escalated");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// It is asked from now on.
    Asked,
    /// A quarter of its time is left.
    Warned,
    /// Others are told of it from now on.
    Escalated,
    /// Somebody decided about it. More may be needed: `has` and `needs` say so.
    Decided,
    /// Its time is over.
    Expired,
    /// It is not asked any more, for another reason: another pool said no, the call was withdrawn, or it
    /// changed and is asked anew.
    Closed,
}

impl NoticeKind {
    /// As it is written in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Warned => "warned",
            Self::Escalated => "escalated",
            Self::Decided => "decided",
            Self::Expired => "expired",
            Self::Closed => "closed",
        }
    }
}

/// The queue to the hook.
pub(crate) struct Notifier {
    queue: Mutex<Option<mpsc::Sender<Notice>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Notifier {
    /// Starts to tell this hook. Must be called within a tokio runtime.
    pub(crate) fn start(hook: Arc<dyn Notify>) -> Self {
        let (queue, notices) = mpsc::channel(MOST_WAITING);
        Self {
            queue: Mutex::new(Some(queue)),
            task: Mutex::new(Some(tokio::spawn(carry(hook, notices)))),
        }
    }

    /// What a step is about, as far as it matters to those who were asked. Its record is gone after the commit.
    pub(crate) fn cause(record: Option<&Draft>) -> Cause {
        let field = |name: &str| record.and_then(|it| it.fields.get(name));
        Cause {
            on: field("requirement").and_then(|it| it.as_str()?.parse().ok()),
            expired: field("kind").is_some_and(|it| it == "call.deadline_passed"),
        }
    }

    /// Tells what a commit has changed for those who are asked. Never waits.
    pub(crate) fn tell(
        &self,
        before: Option<&Call>,
        after: &Call,
        cause: &Cause,
        policy: &Policy,
        at: Timestamp,
    ) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &*queue else { return };
        for (kind, requirement) in changes(before, after, cause) {
            let notice = Notice {
                to: destinations(kind, &requirement, policy),
                kind,
                requirement,
                at,
            };
            if let Err(error) = queue.try_send(notice) {
                tracing::warn!(call = %after.id(), %error, "a notice is dropped");
            }
        }
    }

    /// Tells what waits, for five seconds at most, and nothing more.
    pub(crate) async fn stop(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task
            && tokio::time::timeout(LIMIT, &mut task).await.is_err()
        {
            task.abort();
        }
    }
}

impl Inner {
    /// Tells what a call asks that was just opened.
    pub(crate) fn tell_opened(&self, call: &Call, policy: &Policy) {
        if let Some(notifier) = &self.notifier {
            notifier.tell(None, call, &Notifier::cause(None), policy, *call.opened());
        }
    }
}

/// Why something is not asked any more.
pub(crate) struct Cause {
    /// The requirement that was decided, if one was.
    on: Option<RequirementId>,
    /// Whether the time was over.
    expired: bool,
}

/// One notice at a time, each in a task of its own: a hook that panics or hangs takes nothing along.
async fn carry(hook: Arc<dyn Notify>, mut notices: mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        let (hook, call) = (hook.clone(), notice.requirement.call);
        let mut told = tokio::spawn(async move { hook.notify(notice).await });
        match tokio::time::timeout(LIMIT, &mut told).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(%call, %error, "a notice was not carried"),
            Ok(Err(error)) => tracing::warn!(%call, %error, "the hook for notices panicked"),
            Err(_) => {
                told.abort();
                tracing::warn!(%call, "the hook for notices took too long");
            }
        }
    }
}

/// What is asked anew, what happened to what is still asked, and what became of what is not.
fn changes(before: Option<&Call>, after: &Call, cause: &Cause) -> Vec<(NoticeKind, Requirement)> {
    let was = before.map(Call::requirements).unwrap_or_default();
    let mut was: BTreeMap<RequirementId, Requirement> = was.into_iter().map(|it| (it.id, it)).collect();
    let mut changes = Vec::new();
    for now in after.requirements() {
        let kinds = match was.remove(&now.id) {
            None => [Some(NoticeKind::Asked), None, None],
            Some(was) => [
                (now.warned && !was.warned).then_some(NoticeKind::Warned),
                (now.escalated && !was.escalated).then_some(NoticeKind::Escalated),
                (now.has > was.has).then_some(NoticeKind::Decided),
            ],
        };
        changes.extend(kinds.into_iter().flatten().map(|kind| (kind, now.clone())));
    }
    let gone = was.into_values().map(|was| {
        let kind = if cause.on == Some(was.id) {
            NoticeKind::Decided
        } else if cause.expired {
            NoticeKind::Expired
        } else {
            NoticeKind::Closed
        };
        (kind, was)
    });
    gone.chain(changes).collect()
}

/// Others hear of it once it was escalated, and then until its end.
fn destinations(kind: NoticeKind, requirement: &Requirement, policy: &Policy) -> Vec<String> {
    let pool = requirement.pool.as_ref().and_then(|it| policy.pools().get(it));
    let Some(pool) = pool else { return Vec::new() };
    let mut to = match kind {
        NoticeKind::Escalated => Vec::new(),
        NoticeKind::Asked
        | NoticeKind::Warned
        | NoticeKind::Decided
        | NoticeKind::Expired
        | NoticeKind::Closed => pool.notify.clone(),
    };
    if requirement.escalated {
        let further = pool.escalate_to.iter().filter(|it| !pool.notify.contains(it));
        to.extend(if kind == NoticeKind::Escalated {
            pool.escalate_to.clone()
        } else {
            further.cloned().collect()
        });
    }
    to
}
