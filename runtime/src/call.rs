//! Proposing a call: in place for an ungated tool, handed on for the others.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::future::IntoFuture;
use std::pin::Pin;
use std::task::{Context, Poll};

use countersign_core::call::{Effect, Outcome, Source};
use countersign_core::canonical::Canonical;
use countersign_core::id::{ActorId, CallId, RunId};
use countersign_core::tool::{ArgumentErrors, Body, BoxFuture, CallContext, Failure, Scope};
use serde_json::Value;

use crate::audited;
use crate::engine::{Engine, Inner, Waiting};
use crate::error::Error;
use crate::identity::Identity;
use crate::invoke::{self, Panicked};
use crate::opening;
use crate::registry::{Entry, Tier};
use crate::run::WriteRun;
use crate::trace;

/// The arguments of a call: JSON text, or a value.
///
/// ```
/// use countersign::Arguments;
/// use serde_json::json;
///
/// let _from_text: Arguments<'_> = r#"{"a": 1}"#.into();
/// let from_value: Arguments<'_> = json!({"a": 1}).into();
/// assert!(format!("{from_value:?}").contains("a"));
/// ```
#[derive(Debug, Clone)]
pub struct Arguments<'a>(Cow<'a, str>);

impl<'a> From<&'a str> for Arguments<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl From<String> for Arguments<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl From<Value> for Arguments<'_> {
    fn from(value: Value) -> Self {
        Self(Cow::Owned(value.to_string()))
    }
}

/// What came of proposing a call.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn reboot(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<reboot>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// match engine.call("reboot", r#"{"service": "billing"}"#).by(&alice).await? {
///     Called::Done(outcome) => panic!("nobody was asked: {outcome:?}"),
///     Called::Waiting(waiting) => assert_eq!(waiting.active_requirements().len(), 1),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum Called {
    /// It is closed. Of a tool that runs in place, this is its result.
    Done(Outcome),
    /// It waits for people, for an outside system or for a worker.
    Waiting(Waiting),
}

/// A call that is about to be proposed. `await` it.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Error, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn reload(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<reload>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }\nbot = { kind = \"agent\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// let bot = Identity::asserted("bot")?;
/// let call = engine.call("reload", r#"{"service": "billing"}"#);
/// let Called::Waiting(waiting) = call.by(&alice).through(&bot).await? else { panic!() };
/// assert_eq!(waiting.call().requester().as_str(), "alice");
/// assert_eq!(waiting.call().agent().as_ref().unwrap().id.as_str(), "bot");
///
/// let error = engine.call("reload", r#"{"service": 1}"#).by(&alice).await.unwrap_err();
/// assert!(matches!(error, Error::Arguments(_))); // nothing was stored, nobody is asked
/// let error = engine.call("reload", r#"{"service": "billing"}"#).await.unwrap_err();
/// assert!(matches!(error, Error::NoRequester));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::UnknownTool`], [`Error::Arguments`] and [`Error::NoRequester`] where the call itself is wrong;
/// otherwise if the store fails. A tool that fails is no error but an
/// [`Outcome::Failed`](crate::Outcome::Failed).
#[must_use = "nothing is proposed until this is awaited"]
pub struct CallBuilder<'a> {
    engine: &'a Engine,
    tool: &'a str,
    arguments: Arguments<'a>,
    by: Option<&'a Identity>,
    agent: Option<&'a Identity>,
    run: Option<RunId>,
    session: Option<&'a str>,
    id: Option<CallId>,
    proposed: Option<&'a str>,
    write: Option<WriteRun<'a>>,
}

impl<'a> CallBuilder<'a> {
    pub(crate) const fn new(engine: &'a Engine, tool: &'a str, arguments: Arguments<'a>) -> Self {
        Self {
            engine,
            tool,
            arguments,
            by: None,
            agent: None,
            run: None,
            session: None,
            id: None,
            proposed: None,
            write: None,
        }
    }

    /// On whose behalf. Required for every tool that is not ungated.
    pub const fn by(mut self, requester: &'a Identity) -> Self {
        self.by = Some(requester);
        self
    }

    /// The agent that makes the call for the requester. Neither it nor its owner can approve it.
    pub const fn through(mut self, agent: &'a Identity) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The run that a gated call joins, of the same requester; a new one unless said.
    ///
    /// Within a run the same proposal is not made twice to people who said no:
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::{Outcome, store::Sqlite};
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn rerun(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<rerun>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// let propose = || engine.call("rerun", r#"{"service":"billing"}"#).by(&alice);
    /// let Called::Waiting(first) = propose().await? else { panic!() };
    /// engine.desk().decide(Decision::reject(&first.active_requirements()[0]).by(&alice)).await?;
    ///
    /// let again = propose().run(first.run_id()).await?;
    /// let Called::Done(Outcome::Blocked { errors }) = again else { panic!() };
    /// assert!(errors[0].contains("`alice` rejected this very call"));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self
    }

    /// What the program calls the conversation that a new run belongs to. A confirmation can be remembered for it.
    pub const fn session(mut self, session: &'a str) -> Self {
        self.session = Some(session);
        self
    }

    /// The id that the call is to have, from [`Engine::new_call_id`]; a new one unless said.
    ///
    /// Whoever writes down what it is about to call can look after a crash whether it did: the same call of the
    /// same requester opened again is the stored one, and nobody is asked twice. A tool that runs in place
    /// has the id in its context, so that its idempotency key is the same when it is called again.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn rehash(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<rehash>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// let id = engine.new_call_id();
    /// let propose = || engine.call("rehash", r#"{"service":"billing"}"#).by(&alice).id(id);
    /// let Called::Waiting(first) = propose().await? else { panic!() };
    /// let Called::Waiting(again) = propose().await? else { panic!() };
    /// assert_eq!((first.call_id(), again.call_id()), (id, id));
    /// assert_eq!(engine.calls_of(first.run_id()).await?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub const fn id(mut self, id: CallId) -> Self {
        self.id = Some(id);
        self
    }

    /// What was proposed, as JSON text, where the arguments are what a guardrail has made of it. A rejection
    /// counts against this, and no remembered confirmation covers what nobody proposed.
    pub const fn proposed(mut self, arguments: &'a str) -> Self {
        self.proposed = Some(arguments);
        self
    }

    /// The run that a gated call joins, written in the commit that opens the call, for whoever leads it: both are stored
    /// or neither is. `write` must give a run; where that is not stored as it expects,
    /// [`Error::RunNotLed`] is the answer. The [`session`](Self::session) is that of the run, and the
    /// [`id`](Self::id) must be a fresh one. A call that no gate holds is not waited for: whoever leads the run looks at
    /// it again, by proposing it under its id.
    pub const fn in_run(mut self, run: RunId, write: WriteRun<'a>) -> Self {
        self.run = Some(run);
        self.write = Some(write);
        self
    }

    fn unknown(&self) -> Error {
        Error::UnknownTool {
            name: self.tool.to_owned(),
            hint: self.engine.inner.registry.hint(self.tool),
        }
    }
}

/// The future of a [`CallBuilder`]. Allocates nothing for a sync tool without gates.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn drain(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<drain>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// let future: countersign::CallFuture<'_> = engine.call("nothing", "{}").by(&alice).into_future();
/// assert!(future.await.is_err());
/// # Ok(())
/// # }
/// ```
#[must_use = "futures do nothing unless awaited"]
pub struct CallFuture<'a>(State<'a>);

enum State<'a> {
    InPlace { entry: &'a Entry, call: CallBuilder<'a> },
    Elsewhere(BoxFuture<'a, Result<Called, Error>>),
    Gone,
}

impl<'a> IntoFuture for CallBuilder<'a> {
    type Output = Result<Called, Error>;
    type IntoFuture = CallFuture<'a>;

    fn into_future(self) -> CallFuture<'a> {
        let Some(entry) = self.engine.inner.registry.get(self.tool) else {
            let error = self.unknown();
            return CallFuture(State::Elsewhere(Box::pin(async { Err(error) })));
        };
        CallFuture(match (entry.tier(), entry.definition().body) {
            (Tier::Ungated, Body::Sync(_)) if !entry.is_limited() => State::InPlace { entry, call: self },
            (Tier::Ungated, _) => State::Elsewhere(Box::pin(ungated(entry, self))),
            (Tier::Audited, _) => State::Elsewhere(Box::pin(audited::call(entry, self.parts()))),
            (Tier::Gated, _) => {
                let gated = opening::gated(entry, self.engine, self.parts());
                State::Elsewhere(Box::pin(gated))
            }
        })
    }
}

impl Future for CallFuture<'_> {
    type Output = Result<Called, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Elsewhere(future) => future.as_mut().poll(cx),
            State::InPlace { .. } => {
                let State::InPlace { entry, call } = std::mem::replace(&mut self.0, State::Gone) else {
                    return Poll::Pending;
                };
                // Nobody listening is the usual case, and must cost nothing.
                let traced = if trace::is_on() {
                    traced(entry, &call)
                } else {
                    None
                };
                let called = in_place(entry, &call, call.id.or(traced.as_ref().map(|it| it.id)));
                if let Some(traced) = traced {
                    traced.end(&called);
                }
                Poll::Ready(called)
            }
            // Polled after it was ready; a future may do anything then but harm.
            State::Gone => Poll::Pending,
        }
    }
}

/// What a tool that runs in place can reach. Its context is made when it asks.
pub(crate) struct InPlace<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) by: Option<&'a ActorId>,
    pub(crate) id: Option<CallId>,
}

impl Scope for InPlace<'_> {
    fn state(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.inner.states.get(id)
    }

    fn context(&self) -> CallContext {
        let id = self.id.unwrap_or_else(|| self.inner.new_call_id());
        let requester = self.by.cloned().unwrap_or_else(anonymous);
        CallContext::new(id, requester, Vec::new(), id.to_string(), None)
    }
}

/// Who calls an ungated tool without saying so.
fn anonymous() -> ActorId {
    ActorId::new("anonymous").unwrap_or_else(|_| unreachable!("a constant name"))
}

#[cold]
fn traced(entry: &Entry, call: &CallBuilder<'_>) -> Option<Box<trace::Entered>> {
    trace::Execution::enter(&call.engine.inner, entry, &call.arguments.0)
}

fn in_place(entry: &Entry, call: &CallBuilder<'_>, id: Option<CallId>) -> Result<Called, Error> {
    let Body::Sync(body) = entry.definition().body else {
        return Err(call.unknown());
    };
    let text = &*call.arguments.0;
    entry.check_constraints(text)?;
    let scope = InPlace {
        inner: &call.engine.inner,
        by: call.by.map(Identity::id),
        id,
    };
    match invoke::run_in_place(|| body(text, &scope)) {
        Ok(said) => returned(said),
        Err(Panicked(error)) => Ok(failed(error, Effect::Unknown)),
    }
}

pub(crate) fn returned(said: Result<String, Failure>) -> Result<Called, Error> {
    match said {
        Ok(result) => Ok(Called::Done(Outcome::Returned {
            result,
            source: Source::Tool,
        })),
        Err(Failure::Arguments(errors)) => Err(Error::Arguments(errors)),
        Err(failure @ Failure::State(_)) => Err(Error::Failed(failure)),
        Err(failure @ Failure::Failed(_)) => Ok(failed(failure.to_string(), Effect::Reported)),
        Err(failure @ Failure::Output(_)) => Ok(failed(failure.to_string(), Effect::Unknown)),
    }
}

fn failed(error: String, effect: Effect) -> Called {
    Called::Done(Outcome::Failed {
        error,
        effect,
        source: Source::Tool,
    })
}

/// An ungated tool that is async, blocks or has a time limit.
async fn ungated(entry: &Entry, call: CallBuilder<'_>) -> Result<Called, Error> {
    let text = &*call.arguments.0;
    entry.check_constraints(text)?;
    let inner = &call.engine.inner;
    let by = call.by.map(Identity::id);
    Ok(Called::Done(
        invoke::run_now(
            inner,
            entry,
            text,
            by,
            call.id.unwrap_or_else(|| inner.new_call_id()),
        )
        .await?,
    ))
}

/// What a call is made of, apart from the builder.
pub(crate) struct Parts<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) arguments: Cow<'a, str>,
    pub(crate) by: Option<&'a Identity>,
    pub(crate) agent: Option<&'a Identity>,
    pub(crate) run: Option<RunId>,
    pub(crate) session: Option<&'a str>,
    pub(crate) id: Option<CallId>,
    pub(crate) proposed: Option<&'a str>,
    pub(crate) write: Option<WriteRun<'a>>,
}

impl<'a> CallBuilder<'a> {
    fn parts(self) -> Parts<'a> {
        Parts {
            inner: &self.engine.inner,
            arguments: self.arguments.0,
            by: self.by,
            agent: self.agent,
            run: self.run,
            session: self.session,
            id: self.id,
            proposed: self.proposed,
            write: self.write,
        }
    }
}

/// Canonical arguments; nothing at all means an empty object.
pub(crate) fn canonical(text: &str) -> Result<Canonical, Error> {
    let text = if matches!(text.trim(), "" | "null") {
        "{}"
    } else {
        text
    };
    Ok(Canonical::parse(text).map_err(|error| ArgumentErrors(vec![error.to_string()]))?)
}
