//! Runs a tool's function: state and context, time limit, panic, output limit.
//!
//! Not called for a gated tool except by the worker, after `Executing` is committed.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_core::call::{Effect, Outcome, Source};
use countersign_core::id::{ActorId, CallId};
use countersign_core::tool::{Body, BoxFuture, CallContext, Definition, Failure, Scope};

use crate::call::InPlace;
use crate::engine::Inner;
use crate::error::Error;
use crate::registry::Entry;
use crate::trace::Execution;

/// The longest result that is kept, in bytes.
pub(crate) const MOST_OUTPUT: usize = 1024 * 1024;

/// The values of `#[state]` parameters, by type.
#[derive(Default)]
pub(crate) struct States(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    pub(crate) fn get(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.0.get(&id).map(|it| &**it)
    }
}

/// How a function ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// JSON text.
    Returned(String),
    Failed {
        error: String,
        effect: Effect,
    },
    /// Arguments or state were missing.
    NotStarted(Failure),
    TimedOut,
}

/// What a function said, or that it panicked.
pub(crate) type Said = Result<Result<String, Failure>, Panicked>;

/// The function panicked; what it did until then nobody knows.
pub(crate) struct Panicked(pub(crate) String);

impl Panicked {
    fn new(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self(format!("the tool panicked: {}", text.unwrap_or("no message")))
    }
}

/// A scope that a call can take with it to another thread.
pub(crate) struct OwnedScope {
    pub(crate) states: Arc<States>,
    pub(crate) context: CallContext,
}

impl Scope for OwnedScope {
    fn state(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.states.get(id)
    }

    fn context(&self) -> CallContext {
        self.context.clone()
    }
}

/// Runs a function to its end. Blocking ones run on a thread where they hold up no other task.
pub(crate) async fn run(
    definition: &'static Definition,
    arguments: String,
    scope: OwnedScope,
    limit: Option<Duration>,
) -> Ended {
    let said = async move {
        match definition.body {
            Body::None => Ok(Err(Failure::Failed(
                "this tool has no body; its result is reported".to_owned(),
            ))),
            // Declared to return at once; what may block says `#[tool(blocking)]`.
            Body::Sync(body) => caught(|| body(&arguments, &scope)),
            Body::Blocking(body) => {
                let span = tracing::Span::current();
                let work = move || span.in_scope(|| caught(|| body(&arguments, &scope)));
                let ended = tokio::task::spawn_blocking(work).await;
                ended.unwrap_or_else(|_| Err(Panicked("the thread of the tool was ended".to_owned())))
            }
            Body::Async(body) => match caught(|| body(&arguments, &scope)) {
                Ok(future) => Caught(future).await,
                Err(panicked) => Err(panicked),
            },
        }
    };
    match limit {
        None => ended(said.await),
        Some(limit) => tokio::time::timeout(limit, said)
            .await
            .map_or(Ended::TimedOut, ended),
    }
}

/// Runs a function without gates to its end, in the caller's task.
pub(crate) async fn run_now(
    inner: &Inner,
    entry: &Entry,
    arguments: &str,
    by: Option<&ActorId>,
    id: CallId,
) -> Result<Outcome, Error> {
    let scope = InPlace {
        inner,
        by,
        id: Some(id),
    };
    let context = scope.context();
    let scope = OwnedScope {
        states: inner.states.clone(),
        context,
    };
    let limit = entry.descriptor().timeout;
    // What the arguments lack is the caller's to know, and is no end of a call.
    let traced = Execution::in_place(inner, entry, arguments, id);
    let running = run(entry.definition(), arguments.to_owned(), scope, limit);
    match Execution::watch(traced, running).await {
        Ended::Returned(result) => Ok(Outcome::Returned {
            result,
            source: Source::Tool,
        }),
        Ended::NotStarted(Failure::Arguments(errors)) => Err(Error::Arguments(errors)),
        Ended::NotStarted(failure) => Err(Error::Failed(failure)),
        Ended::Failed { error, effect } => Ok(Outcome::Failed {
            error,
            effect,
            source: Source::Tool,
        }),
        Ended::TimedOut => Ok(Outcome::Failed {
            error: format!(
                "the tool exceeded its time limit of {} ms",
                limit.unwrap_or_default().as_millis()
            ),
            effect: Effect::Unknown,
            source: Source::Tool,
        }),
    }
}

/// Runs a sync function here and now.
pub(crate) fn run_in_place(body: impl FnOnce() -> Result<String, Failure>) -> Said {
    caught(body)
}

fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked::new(&*payload))
}

/// A future whose panics are caught at every poll.
struct Caught<'a>(BoxFuture<'a, Result<String, Failure>>);

impl Future for Caught<'_> {
    type Output = Said;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Said> {
        match caught(|| self.0.as_mut().poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(said)) => Poll::Ready(Ok(said)),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }
}

fn ended(said: Said) -> Ended {
    match said {
        Ok(Ok(result)) if result.len() > MOST_OUTPUT => Ended::Failed {
            error: format!(
                "the tool ran, but its result of {} bytes is longer than {MOST_OUTPUT}",
                result.len()
            ),
            effect: Effect::Unknown,
        },
        Ok(Ok(result)) => Ended::Returned(result),
        Ok(Err(failure @ (Failure::Arguments(_) | Failure::State(_)))) => Ended::NotStarted(failure),
        Ok(Err(failure @ Failure::Failed(_))) => Ended::Failed {
            error: failure.to_string(),
            effect: Effect::Reported,
        },
        Ok(Err(failure @ Failure::Output(_))) => Ended::Failed {
            error: failure.to_string(),
            effect: Effect::Unknown,
        },
        Err(Panicked(error)) => Ended::Failed {
            error,
            effect: Effect::Unknown,
        },
    }
}
