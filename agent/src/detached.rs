//! Work that is done by whoever awaits it, and goes on when they go.

use std::pin::Pin;
use std::task::{Context, Poll};

use countersign::core::tool::BoxFuture;
use tokio::runtime::Handle;

/// Awaited, it costs no task and no hop between threads. Dropped before it is done, the rest becomes a task.
///
/// After a panic there is nothing left of it.
pub(crate) struct Detached<T: Send + 'static> {
    work: Option<BoxFuture<'static, T>>,
    runtime: Handle,
}

impl<T: Send + 'static> Detached<T> {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn new(work: BoxFuture<'static, T>) -> Self {
        Self {
            work: Some(work),
            runtime: Handle::current(),
        }
    }
}

impl<T: Send + 'static> Future for Detached<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Detached<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_finished_by_nobody_in_particular() {
        let (go, gone) = tokio::sync::oneshot::channel();
        let (tell, told) = tokio::sync::oneshot::channel();
        let mut work = Detached::new(Box::pin(async move {
            gone.await.unwrap();
            tell.send("done").unwrap();
        }));
        let begun = std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut work).poll(context)));
        assert!(begun.await.is_pending());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(told.await.unwrap(), "done");
    }

    #[tokio::test]
    async fn a_panic_reaches_whoever_awaits() {
        let work: BoxFuture<'static, ()> =
            Box::pin(async { std::panic::resume_unwind(Box::new("asked to")) });
        let ended = tokio::spawn(Detached::new(work)).await;
        assert!(ended.unwrap_err().is_panic());
    }
}
