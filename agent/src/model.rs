//! What a model is asked, and what it says.
//!
//! [`ModelProvider`] is the one trait. [`ScriptedModel`] says what it was told to, [`ReplayModel`] what a real
//! model once said to [`RecordingModel`]. With the feature `genai`, `GenAi` asks real models of `OpenAI`,
//! Anthropic, Gemini, Ollama and whatever speaks like `OpenAI`, and `from_env` picks one by the environment.

#[cfg(feature = "genai")]
mod genai;
mod replay;
mod scripted;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use countersign::schema::{Dialect, DialectError, Rendered};
use serde::{Deserialize, Serialize};

#[cfg(feature = "genai")]
pub use self::genai::{GenAi, from_env};
use crate::message::{Assistant, Message};
pub use replay::{RecordingError, RecordingModel, ReplayModel};
pub use scripted::{Heard, ScriptedModel, Step};

/// A model behind one method: asked with a whole conversation, it says what comes next.
///
/// ```
/// use countersign_agent::{Assistant, Deltas, ModelError, ModelProvider, Reply, Request, Usage};
///
/// struct Parrot;
///
/// #[async_trait::async_trait]
/// impl ModelProvider for Parrot {
///     fn name(&self) -> &str {
///         "parrot"
///     }
///
///     async fn chat(&self, request: Request<'_>, mut deltas: Deltas<'_>) -> Result<Reply, ModelError> {
///         let said = format!("{} messages", request.messages.len());
///         deltas.push(&said);
///         Ok(Reply { said: Assistant::text(said), usage: Usage::default() })
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), ModelError> {
/// let reply = Parrot.chat(Request::default(), Deltas::nobody()).await?;
/// assert_eq!(reply.said.text, "0 messages");
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait ModelProvider: Send + Sync + 'static {
    /// Which model, for traces and events: `gpt-5`, or `scripted`.
    fn name(&self) -> &str;

    /// What the model says next. Its words are given to `deltas` as they arrive, where it streams.
    ///
    /// Argument text that is no JSON is handed on as it is: the loop answers it to the model.
    ///
    /// # Errors
    ///
    /// If it cannot be asked or its answer cannot be understood. [`ModelError::is_transient`] says whether
    /// asking again may help.
    async fn chat(&self, request: Request<'_>, deltas: Deltas<'_>) -> Result<Reply, ModelError>;
}

/// One question to a model: everything it is to know.
///
/// ```
/// use countersign_agent::Request;
///
/// let request = Request { instructions: "You help.", ..Request::default() };
/// assert!(request.messages.is_empty() && request.tools.is_empty());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Request<'a> {
    /// What the program tells the model to be.
    pub instructions: &'a str,
    /// The conversation so far, the oldest message first.
    pub messages: &'a [Arc<Message>],
    /// The tools it may propose calls of.
    pub tools: &'a [Offered],
    /// The most tokens it may answer with; the provider's own limit if none.
    pub max_tokens: Option<u32>,
}

/// A tool as a model is told about it.
///
/// ```
/// use std::sync::Arc;
///
/// use countersign::prelude::*;
/// use countersign::schema::{Dialect, Rendered};
/// use countersign_agent::Offered;
///
/// /// Add two numbers.
/// #[tool]
/// fn sum(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let offered = Offered::of(Arc::new(Rendered::new(sum::descriptor())));
/// assert_eq!((offered.name(), offered.description()), ("sum", "Add two numbers."));
/// assert!(offered.schema(Dialect::OpenAi).map_err(Clone::clone)?.contains("integer"));
/// # Ok::<(), countersign::schema::DialectError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Offered(Arc<Rendered>);

impl Offered {
    /// The tool that was rendered.
    pub const fn of(rendered: Arc<Rendered>) -> Self {
        Self(rendered)
    }

    /// Its name; a dialect may have to spell it differently, see [`Dialect::spell_name`].
    pub fn name(&self) -> &str {
        self.0.descriptor().name.as_str()
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.0.descriptor().description
    }

    /// The schema of the arguments that a model may give, as JSON text.
    pub fn schema(&self, dialect: Dialect) -> Result<&str, &DialectError> {
        self.0.schema(dialect)
    }

    /// The complete tool object of a dialect, as JSON text.
    pub fn tool(&self, dialect: Dialect) -> Result<&str, &DialectError> {
        self.0.tool(dialect)
    }
}

/// Where the words of a model go while it is still speaking.
///
/// ```
/// use countersign_agent::Deltas;
///
/// let mut heard = String::new();
/// let mut listen = |words: &str| heard.push_str(words);
/// Deltas::to(&mut listen).push("Good ");
/// assert_eq!(heard, "Good ");
/// ```
pub struct Deltas<'a>(Option<&'a mut (dyn FnMut(&str) + Send)>);

impl<'a> Deltas<'a> {
    /// To this listener.
    pub fn to(listener: &'a mut (dyn FnMut(&str) + Send)) -> Self {
        Self(Some(listener))
    }

    /// Nobody listens: a provider may ask for the whole answer at once.
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// Whether somebody listens.
    pub const fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// The next words.
    pub fn push(&mut self, words: &str) {
        if let Some(listener) = &mut self.0 {
            listener(words);
        }
    }
}

/// What a model said, and what it cost.
///
/// ```
/// use countersign_agent::Reply;
///
/// assert_eq!(Reply::default().usage.output_tokens, 0);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// Words and calls.
    pub said: Assistant,
    /// Tokens.
    pub usage: Usage,
}

/// How many tokens a model has read and written; 0 where the provider does not say.
///
/// ```
/// use countersign_agent::Usage;
///
/// let mut sum = Usage { input_tokens: 10, output_tokens: 2 };
/// sum += Usage { input_tokens: 5, output_tokens: 1 };
/// assert_eq!(sum.total(), 18);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read.
    pub input_tokens: u64,
    /// Written.
    pub output_tokens: u64,
}

impl Usage {
    /// Both together.
    pub const fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// Why a model did not answer.
///
/// ```
/// use countersign_agent::ModelError;
///
/// let error = ModelError::transient("the provider is overloaded");
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "the provider is overloaded");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ModelError {
    what: Cow<'static, str>,
    transient: bool,
}

impl ModelError {
    /// An error that asking again will not mend: a wrong key, an unknown model, a request too large.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            transient: false,
        }
    }

    /// An error that may be gone in a moment: a time-out, too many requests, a server that fails.
    pub fn transient(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            transient: true,
        }
    }

    /// Whether asking again may help.
    pub const fn is_transient(&self) -> bool {
        self.transient
    }
}
