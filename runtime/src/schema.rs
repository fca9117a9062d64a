//! What a tool takes and gives, in the schema words of each provider, and the check of what comes back.
//!
//! Nothing here decides whether a tool may run, and nothing here decodes arguments: a
//! [`Validator`] only says what is wrong with a value. What a dialect cannot say is a
//! [`DialectError`] when the tool is registered, never a schema that quietly says something else.
//!
//! A dialect may say *less* than the descriptor (`OpenAI`'s strict mode has no `minLength`); what it
//! leaves out is still checked when the call comes back. It never says something different.
//!
//! ```
//! use countersign::schema::Dialect;
//!
//! assert_eq!("openai-strict".parse::<Dialect>()?, Dialect::OpenAiStrict);
//! assert_eq!(Dialect::Anthropic.to_string(), "anthropic");
//! # Ok::<(), countersign::schema::UnknownDialect>(())
//! ```

mod constraint;
mod explain;
mod gemini;
mod keyword;
mod message;
mod name;
mod null;
mod place;
mod reference;
mod rendered;
mod strict;
mod tool_object;
mod validator;
mod view;

pub mod lock;

use std::fmt;
use std::str::FromStr;

use countersign_core::tool::Descriptor;
use serde_json::Value;

pub use constraint::needs_validation;
pub use null::strip_nulls;
pub use rendered::{Rendered, Shared};
pub use tool_object::wraps_output;
pub use validator::{SchemaError, Validator};
pub use view::View;

/// Whose words a schema is written in.
///
/// ```
/// use countersign::schema::Dialect;
///
/// let spelled = Dialect::OpenAi.spell_name("billing.refund")?;
/// assert_eq!(spelled, "billing-dot-refund");
/// assert_eq!(Dialect::OpenAi.read_name(&spelled), "billing.refund");
/// # Ok::<(), countersign::schema::DialectError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// JSON Schema 2020-12, for everybody else.
    JsonSchema,
    /// `OpenAI` function calling, `strict: false`.
    OpenAi,
    /// `OpenAI` function calling, `strict: true`: the model cannot leave the schema, and optional
    /// parameters come back as `null`; see [`strip_nulls`].
    OpenAiStrict,
    /// Anthropic tool use.
    Anthropic,
    /// Gemini function declarations (the `OpenAPI` subset, field `parameters`).
    Gemini,
    /// Model Context Protocol.
    Mcp,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::JsonSchema,
        Self::OpenAi,
        Self::OpenAiStrict,
        Self::Anthropic,
        Self::Gemini,
        Self::Mcp,
    ];

    /// The spelling of the command line and the HTTP API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonSchema => "json-schema",
            Self::OpenAi => "openai",
            Self::OpenAiStrict => "openai-strict",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Mcp => "mcp",
        }
    }

    /// The name of a tool as this dialect writes it; the dots of `billing.refund` become `-dot-`
    /// where a dialect has none.
    pub fn spell_name(self, tool: &str) -> Result<String, DialectError> {
        name::spelled(tool, self)
    }

    /// The tool that a model means by a name it was given by [`spell_name`](Self::spell_name).
    pub fn read_name(self, spelled: &str) -> String {
        name::read(spelled, self)
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|it| it.as_str() == text)
            .ok_or_else(|| UnknownDialect(text.to_owned()))
    }
}

/// The text names no [`Dialect`].
///
/// ```
/// use countersign::schema::Dialect;
///
/// assert!("open-ai".parse::<Dialect>().unwrap_err().to_string().contains("`openai-strict`"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a dialect; expected one of `json-schema`, `openai`, `openai-strict`, `anthropic`, `gemini`, `mcp`"
)]
pub struct UnknownDialect(String);

/// A tool cannot be said in a dialect.
///
/// ```
/// use countersign::schema::Dialect;
///
/// let error = Dialect::Gemini.spell_name("2fa").unwrap_err();
/// assert_eq!((error.tool(), error.dialect(), error.parameter()), ("2fa", Dialect::Gemini, None));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool `{tool}`{}: {dialect} {reason}", named(.parameter.as_deref()))]
pub struct DialectError {
    tool: String,
    dialect: Dialect,
    parameter: Option<String>,
    reason: String,
}

fn named(parameter: Option<&str>) -> String {
    parameter.map_or_else(String::new, |it| format!(", parameter `{it}`"))
}

impl DialectError {
    /// The tool.
    pub fn tool(&self) -> &str {
        &self.tool
    }

    /// The dialect that cannot say it.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where in the arguments, such as `items[].price`; none where it is about the whole tool.
    pub fn parameter(&self) -> Option<&str> {
        self.parameter.as_deref()
    }
}

/// Schemas of a [`Descriptor`]. For repeated use see [`Rendered`], which computes each once.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::{Dialect, SchemaFor};
///
/// /// File a support ticket.
/// #[tool(requires_user_input(severity))]
/// fn open_ticket(summary: String, severity: u8) -> String {
///     format!("{summary} ({severity})")
/// }
///
/// let ticket = open_ticket::descriptor();
/// let shown = ticket.schema_for(Dialect::JsonSchema)?;
/// assert!(shown["properties"].get("severity").is_none()); // the model does not see it
/// assert!(ticket.full_schema_for(Dialect::JsonSchema)?["properties"].get("severity").is_some());
/// assert_eq!(ticket.tool_for(Dialect::Anthropic)?["input_schema"], shown);
/// # Ok::<(), countersign::schema::DialectError>(())
/// ```
pub trait SchemaFor {
    /// The schema of the arguments that a model may give: without the parameters that only a
    /// person is asked for.
    fn schema_for(&self, dialect: Dialect) -> Result<Value, DialectError>;

    /// The schema of all arguments that the function takes.
    fn full_schema_for(&self, dialect: Dialect) -> Result<Value, DialectError>;

    /// The complete tool object as the provider's API takes it, with the model's view of the
    /// arguments.
    fn tool_for(&self, dialect: Dialect) -> Result<Value, DialectError>;
}

impl SchemaFor for Descriptor {
    fn schema_for(&self, dialect: Dialect) -> Result<Value, DialectError> {
        schema_in(self, View::Model, dialect)
    }

    fn full_schema_for(&self, dialect: Dialect) -> Result<Value, DialectError> {
        schema_in(self, View::Full, dialect)
    }

    fn tool_for(&self, dialect: Dialect) -> Result<Value, DialectError> {
        tool_object::tool_object(self, dialect)
    }
}

fn schema_in(descriptor: &Descriptor, view: View, dialect: Dialect) -> Result<Value, DialectError> {
    let place = place::Place::of(descriptor, dialect);
    let schema = view::arguments(descriptor, view, &place)?;
    name::parameters(&schema, &place)?;
    match dialect {
        Dialect::JsonSchema | Dialect::Mcp => Ok(schema),
        Dialect::OpenAi | Dialect::Anthropic => {
            root_is_a_plain_object(&schema, &place)?;
            Ok(keyword::with_items(schema))
        }
        Dialect::OpenAiStrict => strict::lowered(&schema, &place),
        Dialect::Gemini => gemini::lowered(&schema, descriptor, &place),
    }
}

// Both APIs answer 400 to such a root: "input_schema does not support oneOf, allOf, or anyOf at the
// top level" (Anthropic), "must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not'
// at the top level" (OpenAI).
fn root_is_a_plain_object(schema: &Value, place: &place::Place<'_>) -> Result<(), DialectError> {
    ["oneOf", "anyOf", "allOf", "enum", "not", "$ref"]
        .iter()
        .find(|it| schema.get(**it).is_some())
        .map_or(Ok(()), |it| {
            Err(place.error(format!("takes no `{it}` at the top of the arguments")))
        })
}

#[cfg(test)]
mod tests;
