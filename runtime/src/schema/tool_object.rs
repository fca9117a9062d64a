//! The complete tool object of each provider, as it goes into a request or a `tools/list`.

use countersign_core::tool::Descriptor;
use serde_json::{Map, Value, json};

use super::keyword::{is_type, tidy};
use super::place::Place;
use super::reference::{Unresolved, inlined};
use super::view::View;
use super::{Dialect, DialectError, schema_in};

pub(super) fn tool_object(descriptor: &Descriptor, dialect: Dialect) -> Result<Value, DialectError> {
    let name = dialect.spell_name(descriptor.name.as_str())?;
    let schema = schema_in(descriptor, View::Model, dialect)?;
    let description = &descriptor.description;
    Ok(match dialect {
        Dialect::JsonSchema => document(&name, description, schema),
        // Chat Completions; the Responses API takes the inner object with `type` beside it.
        Dialect::OpenAi | Dialect::OpenAiStrict => json!({
            "type": "function",
            "function": {
                "name": name,
                "description": description,
                "parameters": schema,
                "strict": dialect == Dialect::OpenAiStrict,
            },
        }),
        Dialect::Anthropic => json!({"name": name, "description": description, "input_schema": schema}),
        Dialect::Gemini => {
            let mut tool = json!({"name": name, "description": description});
            // "For function with no parameters, this can be left unset"; an empty object is refused.
            let is_empty = schema
                .get("properties")
                .and_then(Value::as_object)
                .is_none_or(Map::is_empty);
            if let (false, Value::Object(map)) = (is_empty, &mut tool) {
                map.insert("parameters".into(), schema);
            }
            tool
        }
        Dialect::Mcp => mcp(descriptor, &name, &schema)?,
    })
}

fn document(name: &str, description: &str, schema: Value) -> Value {
    let mut document = match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    document.insert(
        "$schema".into(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    document.insert("title".into(), json!(name));
    document.insert("description".into(), json!(description));
    Value::Object(document)
}

// MCP 2025-11-25, "Tools": schemas default to 2020-12; the hints default to the worst
// (`destructiveHint: true`, `openWorldHint: true`), so all four are always written.
fn mcp(descriptor: &Descriptor, name: &str, schema: &Value) -> Result<Value, DialectError> {
    let hints = &descriptor.hints;
    let mut annotations = json!({
        "readOnlyHint": hints.read_only,
        "destructiveHint": hints.destructive,
        "idempotentHint": hints.idempotent,
        "openWorldHint": hints.open_world,
    });
    let mut tool = json!({"name": name, "description": descriptor.description, "inputSchema": schema});
    let (Value::Object(tool_map), Value::Object(annotation_map)) = (&mut tool, &mut annotations) else {
        return Ok(tool);
    };
    if let Some(title) = &descriptor.title {
        tool_map.insert("title".into(), json!(title));
        annotation_map.insert("title".into(), json!(title));
    }
    tool_map.insert("annotations".into(), annotations);
    if let Some(output) = output(descriptor)? {
        tool_map.insert("outputSchema".into(), output);
    }
    Ok(tool)
}

fn output(descriptor: &Descriptor) -> Result<Option<Value>, DialectError> {
    let Some(output) = &descriptor.output_schema else {
        return Ok(None);
    };
    let place = Place::of(descriptor, Dialect::Mcp);
    let mut schema = inlined(output.clone()).map_err(|it| match it {
        Unresolved::Missing(reference) => {
            place.error(format!("cannot follow `{reference}` in the schema of the result"))
        }
        Unresolved::TooMany => place.error("would need too large a schema of the result; nest fewer types"),
    })?;
    tidy(&mut schema);
    if !wraps_output(descriptor) {
        return Ok(Some(schema));
    }
    let definitions = schema.as_object_mut().and_then(|it| it.remove("$defs"));
    let mut wrapped = json!({
        "type": "object",
        "properties": { "result": schema },
        "required": ["result"],
        "additionalProperties": false,
    });
    if let (Some(definitions), Value::Object(map)) = (definitions, &mut wrapped) {
        map.insert("$defs".into(), definitions);
    }
    Ok(Some(wrapped))
}

/// Whether an MCP server must send `{"result": …}` in place of the tool's result.
///
/// Up to MCP 2025-11-25, `structuredContent` and the root of `outputSchema` are objects;
/// 2026-07-28 (SEP-2106) takes anything. A result of another type is wrapped, so that both kinds of
/// client understand it.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::wraps_output;
///
/// /// Add two numbers.
/// #[tool]
/// fn accumulate(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// assert!(wraps_output(accumulate::descriptor())); // a number is no object
/// ```
pub fn wraps_output(descriptor: &Descriptor) -> bool {
    descriptor.output_schema.as_ref().is_some_and(|it| {
        it.as_object()
            .is_none_or(|it| !is_type(it, "object") || it.get("type").is_some_and(Value::is_array))
    })
}
