//! Our messages in the words of `genai`, and what came back in ours.

use countersign::schema::Dialect;
use genai::chat::{
    ChatMessage, ChatRequest, ContentPart, CustomPart, MessageContent, StreamEnd, Tool, ToolCall as Call,
    ToolResponse,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Spoken;
use crate::message::{Assistant, Message, ToolCall};
use crate::model::{ModelError, Offered, Request};

/// What a provider wants back with a message: [`Assistant::opaque`], in our words.
#[derive(Default, Serialize, Deserialize)]
struct Opaque {
    /// Who said it. Another provider could not read it.
    by: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thoughts: Vec<Thought>,
    /// For each call that has any, by its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signatures: Vec<(usize, Vec<String>)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Thought {
    Signature(String),
    Text(String),
    /// A block that only its provider understands.
    Block(Value),
}

/// A whole question.
pub(super) fn request(spoken: Spoken, request: Request<'_>) -> Result<ChatRequest, ModelError> {
    let tools = request.tools.iter().map(|it| tool(spoken, it));
    let tools = tools.collect::<Result<Vec<Tool>, ModelError>>()?;
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(request.messages.len());
    // All results of one turn belong into one message.
    let mut results: Vec<ToolResponse> = Vec::new();
    for message in request.messages {
        if let Message::Tool(result) = &**message {
            results.push(ToolResponse {
                call_id: result.id.clone(),
                fn_name: Some(spelled(spoken, &result.name)),
                content: result.content.clone(),
            });
            continue;
        }
        if !results.is_empty() {
            messages.push(std::mem::take(&mut results).into());
        }
        match &**message {
            Message::User { text } => messages.push(ChatMessage::user(text.clone())),
            Message::Assistant(said) => messages.push(ChatMessage::assistant(parts(spoken, said))),
            Message::Tool(_) => (),
        }
    }
    if !results.is_empty() {
        messages.push(results.into());
    }
    let asked = ChatRequest::from_messages(messages);
    let asked = match request.instructions {
        "" => asked,
        instructions => asked.with_system(instructions),
    };
    Ok(if tools.is_empty() {
        asked
    } else {
        asked.with_tools(tools)
    })
}

fn tool(spoken: Spoken, tool: &Offered) -> Result<Tool, ModelError> {
    let refused =
        |why: String| ModelError::new(format!("the tool `{}` cannot be offered: {why}", tool.name()));
    let name = spoken.names().spell_name(tool.name());
    let name = name.map_err(|error| refused(error.to_string()))?;
    if spoken.taken().contains(&name.as_str()) {
        return Err(refused(format!(
            "the provider has a tool of its own of this name, which would run past every gate; set another `name`, such as `my_{name}`"
        )));
    }
    let schema = tool.schema(spoken.schemas());
    let schema = schema.map_err(|error| refused(error.to_string()))?;
    let schema: Value = serde_json::from_str(schema).map_err(|error| refused(error.to_string()))?;
    let tool = Tool::new(name).with_description(tool.description());
    let is_empty = schema
        .get("properties")
        .and_then(Value::as_object)
        .is_none_or(serde_json::Map::is_empty);
    // "For function with no parameters, this can be left unset"; Gemini refuses an empty object.
    Ok(if spoken == Spoken::Gemini && is_empty {
        tool
    } else {
        tool.with_schema(schema)
    })
}

/// The name of a tool that is already part of the conversation.
fn spelled(spoken: Spoken, name: &str) -> String {
    let name_of: Dialect = spoken.names();
    // One that cannot be spelled was never offered: the model made it up, so it can read it.
    name_of.spell_name(name).unwrap_or_else(|_| name.to_owned())
}

fn parts(spoken: Spoken, said: &Assistant) -> MessageContent {
    let opaque = said.opaque.as_ref().and_then(|it| Opaque::deserialize(it).ok());
    let opaque = opaque.filter(|it| it.by == by(spoken)).unwrap_or_default();
    let mut parts: Vec<ContentPart> = opaque.thoughts.into_iter().map(part).collect();
    if !said.text.is_empty() {
        parts.push(ContentPart::Text(said.text.clone()));
    }
    for (place, call) in said.calls.iter().enumerate() {
        let signatures = opaque.signatures.iter().find(|(it, _)| *it == place);
        parts.push(ContentPart::ToolCall(Call {
            call_id: call.id.clone(),
            fn_name: spelled(spoken, &call.name),
            fn_arguments: arguments(spoken, &call.arguments),
            thought_signatures: signatures.map(|(_, it)| it.clone()),
        }));
    }
    MessageContent::from_parts(parts)
}

fn part(thought: Thought) -> ContentPart {
    match thought {
        Thought::Signature(it) => ContentPart::ThoughtSignature(it),
        Thought::Text(it) => ContentPart::ReasoningContent(it),
        Thought::Block(data) => ContentPart::Custom(CustomPart {
            model_iden: None,
            data,
        }),
    }
}

/// Arguments as the model wrote them. Only `OpenAI` takes text that is no object back.
fn arguments(spoken: Spoken, text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Value::Object(object),
        _ if spoken == Spoken::OpenAi => Value::String(text.to_owned()),
        _ => json!({"unreadable": text}),
    }
}

/// What the model said.
pub(super) fn said(spoken: Spoken, end: StreamEnd) -> Assistant {
    let mut opaque = Opaque {
        by: by(spoken).to_owned(),
        ..Opaque::default()
    };
    let mut said = Assistant::default();
    for part in end
        .captured_content
        .into_iter()
        .flat_map(MessageContent::into_parts)
    {
        match part {
            ContentPart::Text(text) => said.text.push_str(&text),
            ContentPart::ThoughtSignature(it) => opaque.thoughts.push(Thought::Signature(it)),
            ContentPart::ReasoningContent(it) => opaque.thoughts.push(Thought::Text(it)),
            ContentPart::Custom(it) => opaque.thoughts.push(Thought::Block(it.data)),
            ContentPart::ToolCall(call) => {
                if let Some(signatures) = call.thought_signatures {
                    opaque.signatures.push((said.calls.len(), signatures));
                }
                said.calls.push(ToolCall {
                    id: call.call_id,
                    name: spoken.names().read_name(&call.fn_name),
                    arguments: written(call.fn_arguments),
                });
            }
            // Nobody asked for pictures.
            ContentPart::Binary(_) | ContentPart::ToolResponse(_) => (),
        }
    }
    // Models that think aloud in the words of OpenAI get their thoughts back while they use tools.
    let aloud = end.captured_reasoning_content.filter(|it| !it.is_empty());
    if let (Spoken::OpenAi, Some(aloud), false) = (spoken, aloud, said.calls.is_empty()) {
        opaque.thoughts.push(Thought::Text(aloud));
    }
    if !opaque.thoughts.is_empty() || !opaque.signatures.is_empty() {
        said.opaque = serde_json::to_value(opaque).ok();
    }
    said
}

/// Argument text. `genai` gives text that is no JSON as a string, and nothing at all as null or nothing.
fn written(arguments: Value) -> String {
    match arguments {
        Value::Null => "{}".to_owned(),
        Value::String(text) if text.trim().is_empty() => "{}".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

const fn by(spoken: Spoken) -> &'static str {
    match spoken {
        Spoken::OpenAi => "openai",
        Spoken::Anthropic => "anthropic",
        Spoken::Gemini => "gemini",
    }
}
