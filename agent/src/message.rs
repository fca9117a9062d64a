//! What a conversation is made of, in words of our own: no provider's types are stored.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message of a conversation. Instructions to the model are not among them: see
/// [`Request::instructions`](crate::Request::instructions).
///
/// ```
/// use countersign_agent::Message;
///
/// let said = Message::User { text: "Refund ACME-123.".to_owned() };
/// let text = serde_json::to_string(&said)?;
/// assert_eq!(text, r#"{"role":"user","text":"Refund ACME-123."}"#);
/// assert_eq!(serde_json::from_str::<Message>(&text)?, said);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What the person said.
    User {
        /// In their words, or in those that a hook has left.
        text: String,
    },
    /// What the model said, and the tools it wants used.
    Assistant(Assistant),
    /// What came of one call.
    Tool(ToolResult),
}

/// What a model said.
///
/// ```
/// use countersign_agent::Assistant;
///
/// let said = Assistant::text("Good morning.");
/// assert!(said.calls.is_empty());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assistant {
    /// Its words; may be empty where it only wants tools used.
    pub text: String,
    /// The calls it proposes, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// What the provider wants to get back with this message (a signature of its thoughts, say). Kept and
    /// handed back as it is; nothing else reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opaque: Option<Value>,
}

impl Assistant {
    /// Words and no calls.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// A call that a model proposes.
///
/// ```
/// use countersign_agent::ToolCall;
///
/// let call = ToolCall {
///     id: "c1".to_owned(),
///     name: "refund".to_owned(),
///     arguments: r#"{"cents": 500}"#.to_owned(),
/// };
/// assert_eq!(call.arguments, r#"{"cents": 500}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's name for it. A provider may repeat one; the loop makes them unique before it stores them.
    pub id: String,
    /// The tool, as it is called here.
    pub name: String,
    /// The arguments as the model wrote them: JSON text, or something that is none.
    pub arguments: String,
}

/// What came of a call.
///
/// ```
/// use countersign_agent::ToolResult;
///
/// let result = ToolResult { id: "c1".to_owned(), name: "refund".to_owned(), content: "\"done\"".to_owned() };
/// assert_eq!(result.content, "\"done\"");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call's id, as in [`ToolCall::id`].
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON text: the result, or why there is none, in words that the model can use.
    pub content: String,
}
