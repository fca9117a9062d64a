//! Real providers' wire formats, spoken by a server on loopback.

mod anthropic;
mod errors;
mod gemini;
mod openai;
mod server;

use std::sync::Arc;

use countersign::prelude::*;
use countersign::schema::Rendered;
use countersign_agent::model::GenAi;
use countersign_agent::{
    Assistant, Deltas, Message, ModelError, ModelProvider, Offered, Reply, Request, ToolCall, ToolResult,
};

/// Refund a customer.
#[tool(name = "billing.refund", requires_confirmation)]
fn refund(
    /// Whose.
    customer: String,
    cents: u64,
) -> u64 {
    drop(customer);
    cents
}

/// What time it is.
#[tool(read_only)]
fn now() -> u64 {
    0
}

/// Search the web.
#[tool(requires_confirmation)]
fn web_search(query: String) -> String {
    query
}

/// Run some code.
#[tool(name = "codeExecution", requires_confirmation)]
fn code_execution(code: String) -> String {
    code
}

fn offered() -> Vec<Offered> {
    [refund::descriptor(), now::descriptor()]
        .map(|it| Offered::of(Arc::new(Rendered::new(it))))
        .into()
}

fn user(text: &str) -> Arc<Message> {
    Arc::new(Message::User {
        text: text.to_owned(),
    })
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    }
}

fn result(id: &str, name: &str, content: &str) -> Arc<Message> {
    Arc::new(Message::Tool(ToolResult {
        id: id.to_owned(),
        name: name.to_owned(),
        content: content.to_owned(),
    }))
}

/// A conversation with two calls of one turn, the first of which the model wrote badly.
fn conversation(first: Assistant) -> Vec<Arc<Message>> {
    vec![
        user("Refund ACME."),
        Arc::new(Message::Assistant(first)),
        result("c1", "billing.refund", r#"{"error":"not JSON"}"#),
        result("c2", "now", "17"),
        user("Well?"),
    ]
}

/// Asks, and gives the words in the pieces in which they were heard.
async fn ask(model: &GenAi, messages: &[Arc<Message>]) -> (Vec<String>, Result<Reply, ModelError>) {
    let tools = offered();
    let request = Request {
        instructions: "You help.",
        messages,
        tools: &tools,
        max_tokens: Some(99),
    };
    let mut heard = Vec::new();
    let mut listen = |words: &str| heard.push(words.to_owned());
    let reply = model.chat(request, Deltas::to(&mut listen)).await;
    (heard, reply)
}

#[test]
fn a_tool_is_of_the_same_version_in_programs_with_a_model_and_without() {
    // `genai` makes `serde_json` keep the order of keys; without it, it sorts them.
    assert_eq!(
        serde_json::json!({"b": 1, "a": 2}).to_string(),
        r#"{"b":1,"a":2}"#
    );
    let descriptor = refund::descriptor();
    let mut sorted = serde_json::to_value(descriptor).unwrap();
    sorted.sort_all_objects();
    let text = sorted.to_string();
    let digest = countersign::Digest::of("countersign/descriptor/1", &[text.as_bytes()]);
    assert_eq!(descriptor.digest(), digest);
    assert_eq!(
        descriptor.input_schema.to_string(),
        sorted["input_schema"].to_string()
    );
}
