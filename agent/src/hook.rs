//! Who may look at what goes in and out: rewrite it, or block it.
//!
//! A hook stands at a [`Place`]: before the model, after it, around tools. It sees text and says what is to
//! become of it. Whatever goes wrong on the way (an error, a panic, a time-out) blocks, unless the program has
//! said otherwise of this hook with [`Hooked::on_error`].

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use countersign::{ActorId, RunId, SessionId, ToolName};

/// How long a hook may take unless said otherwise: ten seconds.
pub const LIMIT: Duration = Duration::from_secs(10);

/// What a hook looks at.
///
/// ```
/// use countersign_agent::Place;
///
/// assert_eq!(Place::Input.as_str(), "input");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// What the person said, before the model sees it.
    Input,
    /// What the model answers at the end of a run, before the person sees it.
    Output,
    /// The arguments of a call (JSON text), before they are sealed.
    Arguments,
    /// What a tool has returned (JSON text), before the model sees it.
    Result,
}

impl Place {
    /// Its name in records and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Arguments => "arguments",
            Self::Result => "result",
        }
    }
}

/// A text, and where it stands.
///
/// ```
/// use countersign_agent::{Place, Seen};
///
/// let seen = Seen::new(Place::Input, "Refund ACME-123.");
/// assert!(seen.tool.is_none());
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// Where.
    pub place: Place,
    /// What. JSON text at [`Place::Arguments`] and [`Place::Result`].
    pub text: &'a str,
    /// The tool, around a call.
    pub tool: Option<&'a ToolName>,
    /// The agent.
    pub agent: Option<&'a ActorId>,
    /// On whose behalf.
    pub requester: Option<&'a ActorId>,
    /// The run.
    pub run: Option<RunId>,
    /// The session of that run, if it belongs to one.
    pub session: Option<&'a SessionId>,
}

impl<'a> Seen<'a> {
    /// A text of which nothing else is known.
    pub const fn new(place: Place, text: &'a str) -> Self {
        Self {
            place,
            text,
            tool: None,
            agent: None,
            requester: None,
            run: None,
            session: None,
        }
    }
}

/// What is to become of a text.
///
/// ```
/// use countersign_agent::Verdict;
///
/// let Verdict::Block { reason, masked } = Verdict::block("it names a customer") else { panic!() };
/// assert_eq!((reason.as_str(), masked), ("it names a customer", None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on as it is.
    Pass,
    /// This goes on in its place. At [`Place::Arguments`] it must be JSON.
    Rewrite(String),
    /// It goes no further.
    Block {
        /// Why, in words that the person may read. They must not repeat what was blocked.
        reason: String,
        /// What is stored of the text; nothing but that it was blocked, if none.
        masked: Option<String>,
    },
}

impl Verdict {
    /// It goes no further, and nothing of it is stored.
    pub fn block(reason: impl Into<String>) -> Self {
        Self::Block {
            reason: reason.into(),
            masked: None,
        }
    }
}

/// Why a hook could not say anything.
///
/// ```
/// use countersign_agent::HookError;
///
/// let error: HookError = "the list of words could not be read".into();
/// assert_eq!(error.to_string(), "the list of words could not be read");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookError(Cow<'static, str>);

impl HookError {
    /// What went wrong. The words must not repeat the text.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self(what.into())
    }
}

impl From<&'static str> for HookError {
    fn from(what: &'static str) -> Self {
        Self::new(what)
    }
}

impl From<String> for HookError {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

/// Looks at a text and says what is to become of it.
///
/// ```
/// use countersign_agent::{Hook, HookError, Place, Seen, Verdict};
///
/// struct NoShouting;
///
/// #[async_trait::async_trait]
/// impl Hook for NoShouting {
///     fn name(&self) -> &str {
///         "no-shouting"
///     }
///
///     async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
///         if seen.text.contains('!') {
///             return Ok(Verdict::Rewrite(seen.text.replace('!', ".")));
///         }
///         Ok(Verdict::Pass)
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), HookError> {
/// let verdict = NoShouting.look(&Seen::new(Place::Input, "Now!")).await?;
/// assert_eq!(verdict, Verdict::Rewrite("Now.".to_owned()));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Hook: Send + Sync + 'static {
    /// What it is called in events and messages.
    fn name(&self) -> &str;

    /// What is to become of this text.
    ///
    /// # Errors
    ///
    /// If it cannot tell. Then the text is blocked, unless [`Hooked::on_error`] says otherwise.
    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError>;

    /// The same hook after the answer instead of before it: see [`Hooked::in_background`].
    fn in_background(self) -> Hooked
    where
        Self: Sized,
    {
        Hooked::new(self).in_background()
    }
}

/// What happens where a hook errs, panics or takes too long.
///
/// ```
/// use countersign_agent::OnError;
///
/// assert_eq!(OnError::default(), OnError::Block);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnError {
    /// The text goes no further.
    #[default]
    Block,
    /// The text goes on as it was.
    Allow,
}

/// A hook, and how it is to be run.
///
/// ```
/// use std::time::Duration;
///
/// use countersign_agent::{Hook, HookError, Hooked, OnError, Seen, Verdict};
///
/// struct Count;
///
/// #[async_trait::async_trait]
/// impl Hook for Count {
///     fn name(&self) -> &str {
///         "count"
///     }
///
///     async fn look(&self, _: &Seen<'_>) -> Result<Verdict, HookError> {
///         Ok(Verdict::Pass)
///     }
/// }
///
/// let hooked = Hooked::new(Count).limit(Duration::from_secs(1)).on_error(OnError::Allow);
/// assert!(!hooked.is_background());
/// assert!(Count.in_background().is_background());
/// ```
#[derive(Clone)]
pub struct Hooked {
    pub(crate) hook: Arc<dyn Hook>,
    pub(crate) limit: Duration,
    pub(crate) on_error: OnError,
    pub(crate) background: bool,
}

impl Hooked {
    /// This hook: it has ten seconds, and what goes wrong blocks.
    pub fn new(hook: impl Hook) -> Self {
        Self {
            hook: Arc::new(hook),
            limit: LIMIT,
            on_error: OnError::Block,
            background: false,
        }
    }

    /// How long it may take.
    #[must_use]
    pub const fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What happens where it errs, panics or takes too long.
    #[must_use]
    pub const fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// Runs it after the answer, from what is stored, without delaying anybody. Such a hook can only look: what
    /// it says is not heard, and if it errs it is asked again about the same text.
    #[must_use]
    pub const fn in_background(mut self) -> Self {
        self.background = true;
        self
    }

    /// Whether it runs after the answer.
    pub const fn is_background(&self) -> bool {
        self.background
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        self.hook.name()
    }

    /// Asks it, within its time. What goes wrong is a verdict too: to block, unless this hook may be missed.
    pub async fn look(&self, seen: &Seen<'_>) -> Verdict {
        match (self.ask(seen).await, self.on_error) {
            (Ok(verdict), _) => verdict,
            (Err(_), OnError::Allow) => Verdict::Pass,
            (Err(wrong), OnError::Block) => Verdict::block(format!("`{}` {wrong}", self.name())),
        }
    }

    /// The same, where what goes wrong is told apart.
    pub(crate) async fn ask(&self, seen: &Seen<'_>) -> Result<Verdict, String> {
        let asked = tokio::time::timeout(self.limit, unpanicked(self.hook.look(seen)));
        match asked.await {
            Ok(Ok(Ok(verdict))) => Ok(verdict),
            Ok(Ok(Err(error))) => Err(format!("failed: {error}")),
            Ok(Err(Panicked)) => Err("panicked".to_owned()),
            Err(_) => Err(format!("took longer than {:?}", self.limit)),
        }
    }
}

/// The hook panicked. What it said is on standard error, as for any panic.
struct Panicked;

/// A future whose panic is a value.
async fn unpanicked<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| {
        // After a panic the future is dropped, never polled again.
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(it)) => Poll::Ready(Ok(it)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

impl<H: Hook> From<H> for Hooked {
    fn from(hook: H) -> Self {
        Self::new(hook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Does what its name says.
    struct Does(&'static str);

    #[async_trait]
    impl Hook for Does {
        fn name(&self) -> &str {
            self.0
        }

        async fn look(&self, _: &Seen<'_>) -> Result<Verdict, HookError> {
            match self.0 {
                "panics" => panic!("as it was told"),
                "errs" => Err("as it was told".into()),
                "hangs" => std::future::pending().await,
                _ => Ok(Verdict::Pass),
            }
        }
    }

    fn looked(hooked: &Hooked) -> Verdict {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(hooked.look(&Seen::new(Place::Input, "text")))
    }

    #[test]
    fn whatever_goes_wrong_blocks() {
        for (name, why) in [
            ("panics", "`panics` panicked"),
            ("errs", "`errs` failed: as it was told"),
            ("hangs", "`hangs` took longer than 10s"),
        ] {
            assert_eq!(looked(&Hooked::new(Does(name))), Verdict::block(why));
        }
        assert_eq!(looked(&Hooked::new(Does("passes"))), Verdict::Pass);
    }

    #[test]
    fn a_hook_that_may_be_missed_lets_the_text_pass() {
        for name in ["panics", "errs", "hangs"] {
            let hooked = Hooked::new(Does(name)).on_error(OnError::Allow);
            assert_eq!(looked(&hooked), Verdict::Pass, "{name}");
        }
    }
}
