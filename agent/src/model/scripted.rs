//! A model that says what it was told to say: for tests, and for demonstrations without a provider's key.
//!
//! It is no model and never claims to be one: its name is `scripted`, wherever a model is named.
//!
//! What it says follows from the conversation alone, never from how often it was asked, so another process that
//! has the same script goes on where the first one stopped.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::{Deltas, ModelError, ModelProvider, Offered, Reply, Request, Usage};
use crate::message::{Assistant, Message, ToolCall};

/// A model that follows a script. **Not a language model:** its [`name`](ModelProvider::name) is `scripted`.
///
/// The n-th step is its n-th message in the conversation that it is shown. So a script covers a whole session
/// with all its runs, every conversation begins with the first step, and a new process continues in the middle.
/// A script that is over is an error, so that a test notices a loop that asks too often.
///
/// ```
/// use std::sync::Arc;
///
/// use countersign_agent::model::{ScriptedModel, Step};
/// use countersign_agent::{Deltas, Message, ModelError, ModelProvider, Request};
/// use serde_json::json;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), ModelError> {
/// let model = ScriptedModel::new([
///     Step::call("refund", json!({"cents": 500})),
///     Step::say("It is on its way."),
/// ]);
///
/// let mut messages = vec![Arc::new(Message::User { text: "Refund ACME-123.".to_owned() })];
/// let first = model.chat(Request { messages: &messages, ..Request::default() }, Deltas::nobody()).await?;
/// assert_eq!(first.said.calls[0].id, "call_1");
///
/// messages.push(Arc::new(Message::Assistant(first.said)));
/// let second = model.chat(Request { messages: &messages, ..Request::default() }, Deltas::nobody()).await?;
/// assert_eq!(second.said.text, "It is on its way.");
/// assert_eq!((model.name(), model.asked()), ("scripted", 2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ScriptedModel(Arc<Inner>);

struct Inner {
    script: Script,
    asked: AtomicUsize,
    last: Mutex<Option<Heard>>,
}

enum Script {
    Turns(Vec<Turn>),
    Answering(Box<dyn Fn(Request<'_>) -> Step + Send + Sync>),
}

/// One message of a script, and the errors that come before it.
#[derive(Default)]
struct Turn {
    errors: Vec<Step>,
    given: AtomicUsize,
    said: Option<Step>,
}

impl ScriptedModel {
    /// Says these, one after the other.
    ///
    /// Errors and silences are no messages: those that stand before a message are given first, each once by
    /// this value; a new process begins with them again.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut turns = vec![Turn::default()];
        for step in steps {
            let open = turns.last_mut().filter(|it| it.said.is_none());
            let turn = match open {
                Some(turn) => turn,
                None => turns.push_mut(Turn::default()),
            };
            match step.end {
                End::Said => turn.said = Some(step),
                End::Failed(_) | End::Silent => turn.errors.push(step),
            }
        }
        Self::of(Script::Turns(turns))
    }

    /// Decides from the conversation. To go on after a restart, the same conversation must get the same answer.
    ///
    /// ```
    /// use countersign_agent::model::{ScriptedModel, Step};
    /// use countersign_agent::{Deltas, Message, ModelError, ModelProvider, Request};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), ModelError> {
    /// let model = ScriptedModel::answering(|request| match request.messages.last().map(AsRef::as_ref) {
    ///     Some(Message::User { text }) => Step::say(format!("You said: {text}")),
    ///     _ => Step::say("Good morning."),
    /// });
    /// let reply = model.chat(Request::default(), Deltas::nobody()).await?;
    /// assert_eq!(reply.said.text, "Good morning.");
    /// # Ok(())
    /// # }
    /// ```
    pub fn answering(answer: impl Fn(Request<'_>) -> Step + Send + Sync + 'static) -> Self {
        Self::of(Script::Answering(Box::new(answer)))
    }

    fn of(script: Script) -> Self {
        Self(Arc::new(Inner {
            script,
            asked: AtomicUsize::new(0),
            last: Mutex::new(None),
        }))
    }

    /// How often this value and its clones were asked.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// What it was asked last.
    pub fn last_request(&self) -> Option<Heard> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn step(&self, request: Request<'_>) -> Result<Step, ModelError> {
        let turns = match &self.0.script {
            Script::Answering(answer) => return Ok(answer(request)),
            Script::Turns(turns) => turns,
        };
        let spoken = request
            .messages
            .iter()
            .filter(|it| matches!(***it, Message::Assistant(_)))
            .count();
        let over = || {
            ModelError::new(format!(
                "the script is over: it has {} messages, and the conversation has {spoken} already",
                turns.iter().filter(|it| it.said.is_some()).count()
            ))
        };
        let turn = turns.get(spoken).ok_or_else(over)?;
        let error = turn.errors.get(turn.given.fetch_add(1, Ordering::SeqCst));
        error.or(turn.said.as_ref()).cloned().ok_or_else(over)
    }
}

#[async_trait]
impl ModelProvider for ScriptedModel {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn chat(&self, request: Request<'_>, mut deltas: Deltas<'_>) -> Result<Reply, ModelError> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Heard::of(request));
        let step = self.step(request)?;
        for words in step.text.split_inclusive(' ') {
            deltas.push(words);
        }
        match step.end {
            End::Said => Ok(step.reply(request.messages)),
            End::Failed(error) => Err(error),
            End::Silent => std::future::pending().await,
        }
    }
}

impl fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ScriptedModel");
        text.field("asked", &self.asked()).finish_non_exhaustive()
    }
}

/// What a [`ScriptedModel`] says at once.
///
/// ```
/// use countersign_agent::model::{ScriptedModel, Step};
/// use countersign_agent::{ModelError, Usage};
/// use serde_json::json;
///
/// ScriptedModel::new([
///     Step::error(ModelError::transient("overloaded")),
///     Step::say("One moment.").calling("look_up", json!({"order": "A-1"})).with_id("c1"),
///     Step::calls([("refund", json!({"cents": 5})), ("refund", json!({"cents": 7}))]),
///     Step::say("Hm.").calling_text("refund", "{not json"),
///     Step::say("Done.").costing(Usage { input_tokens: 90, output_tokens: 2 }),
/// ]);
/// ```
#[derive(Debug, Clone)]
pub struct Step {
    text: String,
    calls: Vec<Proposed>,
    opaque: Option<Value>,
    usage: Usage,
    end: End,
}

#[derive(Debug, Clone)]
struct Proposed {
    id: Option<String>,
    name: String,
    arguments: String,
}

#[derive(Debug, Clone)]
enum End {
    Said,
    Failed(ModelError),
    Silent,
}

impl Step {
    const fn new(end: End) -> Self {
        Self {
            text: String::new(),
            calls: Vec::new(),
            opaque: None,
            usage: Usage {
                input_tokens: 0,
                output_tokens: 0,
            },
            end,
        }
    }

    /// Words.
    pub fn say(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::new(End::Said)
        }
    }

    /// One call and no words.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "scripts read better with `json!` than with `&json!`"
    )]
    pub fn call(name: impl Into<String>, arguments: Value) -> Self {
        Self::new(End::Said).calling_text(name, arguments.to_string())
    }

    /// Several calls and no words.
    pub fn calls<N: Into<String>>(calls: impl IntoIterator<Item = (N, Value)>) -> Self {
        let none = Self::new(End::Said);
        calls
            .into_iter()
            .fold(none, |step, (name, arguments)| step.calling(name, arguments))
    }

    /// No answer but this error.
    pub const fn error(error: ModelError) -> Self {
        Self::new(End::Failed(error))
    }

    /// No answer, ever: for limits on time, and for cancelling.
    pub const fn silence() -> Self {
        Self::new(End::Silent)
    }

    /// These words first; before an error or a silence, as a connection that breaks.
    #[must_use]
    pub fn after(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Another call.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "scripts read better with `json!` than with `&json!`"
    )]
    pub fn calling(self, name: impl Into<String>, arguments: Value) -> Self {
        self.calling_text(name, arguments.to_string())
    }

    /// Another call, whose arguments are this text: no JSON, say.
    #[must_use]
    pub fn calling_text(mut self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.calls.push(Proposed {
            id: None,
            name: name.into(),
            arguments: arguments.into(),
        });
        self
    }

    /// The id of the call named last; also one that was used before. Calls without one are `call_1`, `call_2`
    /// and so on, through the whole conversation.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        if let Some(call) = self.calls.last_mut() {
            call.id = Some(id.into());
        }
        self
    }

    /// What is to come back with this message, see [`Assistant::opaque`].
    #[must_use]
    pub fn with_opaque(mut self, opaque: Value) -> Self {
        self.opaque = Some(opaque);
        self
    }

    /// What it is said to have cost. Nothing, unless said.
    #[must_use]
    pub const fn costing(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    fn reply(self, messages: &[Arc<Message>]) -> Reply {
        let before = messages.iter().map(|it| match &**it {
            Message::Assistant(said) => said.calls.len(),
            Message::User { .. } | Message::Tool(_) => 0,
        });
        let first = before.sum::<usize>() + 1;
        let calls = self.calls.into_iter().zip(first..).map(|(call, n)| ToolCall {
            id: call.id.unwrap_or_else(|| format!("call_{n}")),
            name: call.name,
            arguments: call.arguments,
        });
        Reply {
            said: Assistant {
                text: self.text,
                calls: calls.collect(),
                opaque: self.opaque,
            },
            usage: self.usage,
        }
    }
}

/// What a [`ScriptedModel`] was asked: a [`Request`] to keep.
///
/// ```
/// use countersign_agent::model::{ScriptedModel, Step};
///
/// assert!(ScriptedModel::new([Step::say("Hello.")]).last_request().is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Heard {
    /// What the program tells the model to be.
    pub instructions: String,
    /// The conversation.
    pub messages: Vec<Arc<Message>>,
    /// The tools it was offered.
    pub tools: Vec<Offered>,
    /// The most tokens it may answer with.
    pub max_tokens: Option<u32>,
}

impl Heard {
    fn of(request: Request<'_>) -> Self {
        Self {
            instructions: request.instructions.to_owned(),
            messages: request.messages.to_vec(),
            tools: request.tools.to_vec(),
            max_tokens: request.max_tokens,
        }
    }

    /// The names of the tools that it was offered, in their order.
    pub fn tool_names(&self) -> Vec<&str> {
        self.tools.iter().map(Offered::name).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A conversation of which only the model's part is known.
    fn conversation(said: &[&Assistant]) -> Vec<Arc<Message>> {
        let said = said.iter().map(|it| Arc::new(Message::Assistant((*it).clone())));
        std::iter::once(Arc::new(Message::User { text: "Go.".into() }))
            .chain(said)
            .collect()
    }

    async fn asked(model: &ScriptedModel, messages: &[Arc<Message>]) -> Result<Reply, ModelError> {
        let request = Request {
            messages,
            ..Request::default()
        };
        model.chat(request, Deltas::nobody()).await
    }

    fn script() -> ScriptedModel {
        ScriptedModel::new([
            Step::calls([("a", json!({})), ("b", json!({"x": 1}))]),
            Step::error(ModelError::transient("overloaded")),
            Step::error(ModelError::transient("still overloaded")),
            Step::call("c", json!({}))
                .with_id("call_1")
                .calling("d", json!({})),
            Step::say("Done."),
        ])
    }

    #[tokio::test]
    async fn a_new_process_says_what_the_first_would_have_said() {
        let first = script();
        let said = asked(&first, &conversation(&[])).await.unwrap().said;
        let heard = first.last_request().unwrap();
        assert_eq!((heard.messages.len(), heard.tool_names().len()), (1, 0));

        let messages = conversation(&[&said]);
        for process in [&first, &script()] {
            for error in ["overloaded", "still overloaded"] {
                assert_eq!(asked(process, &messages).await.unwrap_err().to_string(), error);
            }
            let next = asked(process, &messages).await.unwrap().said;
            let ids: Vec<&str> = next.calls.iter().map(|it| it.id.as_str()).collect();
            // The first of them was given the id of an earlier call; the numbers count all calls.
            assert_eq!(ids, ["call_1", "call_4"]);
            // A message that was not stored is said again.
            assert_eq!(asked(process, &messages).await.unwrap().said, next);
        }
        assert_eq!(first.asked(), 5);
    }

    #[tokio::test]
    async fn a_script_that_is_over_is_an_error() {
        let said = Assistant::text("…");
        let messages = conversation(&[&said, &said, &said]);
        let error = asked(&script(), &messages).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the script is over: it has 3 messages, and the conversation has 3 already"
        );
        assert!(!error.is_transient());
        let empty = asked(&ScriptedModel::new([]), &conversation(&[])).await;
        assert!(empty.unwrap_err().to_string().contains("it has 0 messages"));
    }

    #[tokio::test]
    async fn words_arrive_one_by_one_also_before_an_error() {
        for step in [
            Step::say("One two three."),
            Step::error(ModelError::transient("cut")).after("One two three."),
        ] {
            let mut heard = Vec::new();
            let mut listen = |words: &str| heard.push(words.to_owned());
            let model = ScriptedModel::new([step]);
            let _ = model.chat(Request::default(), Deltas::to(&mut listen)).await;
            assert_eq!(heard, ["One ", "two ", "three."]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_never_answers() {
        let model = ScriptedModel::new([Step::silence(), Step::say("Here I am.")]);
        let day = std::time::Duration::from_hours(24);
        let messages = conversation(&[]);
        assert!(tokio::time::timeout(day, asked(&model, &messages)).await.is_err());
        assert_eq!(asked(&model, &messages).await.unwrap().said.text, "Here I am.");
    }
}
