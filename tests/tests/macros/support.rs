//! The one place that knows how a definition is called.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use countersign::core::id::{ActorId, CallId};
use countersign::core::tool::{Body, CallContext, Scope};
use countersign::{Tool, core};

/// States by their types, and a fixed call.
#[derive(Default)]
pub(crate) struct World(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl World {
    pub(crate) fn with<T: Any + Send + Sync>(mut self, state: T) -> Self {
        self.0.insert(TypeId::of::<T>(), Box::new(state));
        self
    }
}

impl Scope for World {
    fn state(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.0.get(&id).map(|it| &**it)
    }

    fn context(&self) -> CallContext {
        let requester = ActorId::new("alice").unwrap();
        CallContext::new(CallId::new(1, 2), requester, Vec::new(), "key-1".into(), None)
    }
}

/// Runs a tool's function, past all gates, in an empty world.
pub(crate) fn run<T: Tool>(arguments: &str) -> Result<String, String> {
    run_in::<T>(&World::default(), arguments)
}

/// Runs a tool's function, past all gates.
pub(crate) fn run_in<T: Tool>(world: &World, arguments: &str) -> Result<String, String> {
    let result = match T::definition().body {
        Body::None => return Err("no body".into()),
        Body::Sync(it) | Body::Blocking(it) => it(arguments, world),
        Body::Async(it) => ready(it(arguments, world)),
    };
    result.map_err(|it| it.to_string())
}

/// Polls a future that waits for nothing outside.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(it) = future.as_mut().poll(&mut context) {
            return it;
        }
    }
    panic!("the future waits for something");
}

/// Which conditions hold: confirmation, approvals, audit.
pub(crate) fn conditions<T: Tool>(arguments: &str) -> (bool, Vec<bool>, bool) {
    let core::gate::Conditions {
        confirmation,
        approvals,
        audit,
    } = (T::definition().conditions)(arguments).unwrap();
    (confirmation, approvals, audit)
}
