//! A guardrail that is a function of the program.

use async_trait::async_trait;

use crate::hook::{Hook, HookError, Place, Seen, Verdict};

/// A guardrail made by [`from_fn`].
///
/// ```
/// use countersign_agent::guardrail::{FnGuardrail, from_fn};
/// use countersign_agent::{Place, Verdict};
///
/// fn quiet() -> FnGuardrail<impl Fn(Place, String) -> std::future::Ready<Result<Verdict, countersign_agent::HookError>>> {
///     from_fn("quiet", |_, _| std::future::ready(Ok(Verdict::Pass)))
/// }
/// # quiet();
/// ```
pub struct FnGuardrail<F> {
    name: String,
    look: F,
}

/// A guardrail of one asynchronous function: it is given the place and the text, and says what becomes of it.
///
/// This is the way to whatever only the program can know: which topics it is for, which names it must not say.
///
/// ```
/// use countersign_agent::guardrail::from_fn;
/// use countersign_agent::{Hook, Place, Seen, Verdict};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), countersign_agent::HookError> {
/// let on_topic = from_fn("on-topic", |_, text: String| async move {
///     if text.to_lowercase().contains("horoscope") {
///         return Ok(Verdict::block("this assistant answers questions about orders only"));
///     }
///     Ok(Verdict::Pass)
/// });
/// let verdict = on_topic.look(&Seen::new(Place::Input, "My horoscope, please.")).await?;
/// assert!(matches!(verdict, Verdict::Block { .. }));
/// # Ok(())
/// # }
/// ```
pub fn from_fn<F, R>(name: impl Into<String>, look: F) -> FnGuardrail<F>
where
    F: Fn(Place, String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Verdict, HookError>> + Send + 'static,
{
    FnGuardrail {
        name: name.into(),
        look,
    }
}

#[async_trait]
impl<F, R> Hook for FnGuardrail<F>
where
    F: Fn(Place, String) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Verdict, HookError>> + Send + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        (self.look)(seen.place, seen.text.to_owned()).await
    }
}
