//! Checks arguments and results against their schemas while the program runs.
//!
//! Only reads: values are neither changed nor decoded. No reference is fetched from anywhere, and
//! patterns run on an engine without backtracking, so the time a check takes grows with the size of
//! the value and not beyond. The size itself is bounded where values enter (256 KiB, 32 levels).

use std::fmt;
use std::sync::OnceLock;

use countersign_core::tool::Descriptor;
use jsonschema::{Draft, PatternOptions};
use serde_json::{Map, Value, json};

use super::explain::explain;
use super::message::Subject;
use super::view::{View, selected};

/// A schema, compiled when it is first used.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::Validator;
/// use serde_json::json;
///
/// /// Add two numbers.
/// #[tool]
/// fn add_up(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let validator = Validator::for_input(add_up::descriptor());
/// assert!(validator.check(&json!({"a": 1, "b": 2})).is_ok());
/// let errors = validator.check(&json!({"a": "one", "c": 3})).unwrap_err();
/// assert!(errors.len() == 3, "{errors:?}"); // `a` is no number, `b` is missing, `c` is unknown
/// ```
pub struct Validator {
    tool: String,
    schema: Value,
    subject: Subject,
    compiled: OnceLock<Result<jsonschema::Validator, String>>,
}

/// The schema itself is wrong, for example a `pattern` that is no regular expression.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::Validator;
///
/// /// Add two numbers.
/// #[tool]
/// fn sum_up(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let mut descriptor = sum_up::descriptor().clone();
/// descriptor.input_schema["properties"]["a"] = serde_json::json!({"type": "string", "pattern": "("});
/// assert!(Validator::for_input(&descriptor).prepare().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool `{tool}`: the schema of its {what} cannot be used: {reason}")]
pub struct SchemaError {
    tool: String,
    what: &'static str,
    reason: String,
}

impl Validator {
    /// For all arguments of the function.
    pub fn for_input(descriptor: &Descriptor) -> Self {
        Self::for_arguments(descriptor, |_| true)
    }

    /// For the arguments as a model sends them: fields that only a person is asked for are unknown.
    pub fn for_model(descriptor: &Descriptor) -> Self {
        Self::for_arguments(descriptor, |it| View::Model.shows(descriptor, it))
    }

    /// For what a person filled in: an object with these parameters and no others.
    pub fn for_fields(descriptor: &Descriptor, fields: &[String]) -> Self {
        Self::for_arguments(descriptor, |it| fields.iter().any(|field| field == it))
    }

    /// For results. Accepts everything if the tool declares no schema for them.
    pub fn for_output(descriptor: &Descriptor) -> Self {
        let schema = descriptor.output_schema.clone();
        Self::new(descriptor, schema.unwrap_or(Value::Bool(true)), Subject::Result)
    }

    fn for_arguments(descriptor: &Descriptor, shown: impl Fn(&str) -> bool) -> Self {
        let names = descriptor
            .parameters
            .iter()
            .filter(|it| shown(&it.name))
            .map(|it| (it.name.clone(), it.secret))
            .collect();
        let schema = selected(descriptor, shown);
        Self::new(descriptor, schema, Subject::Arguments(names))
    }

    fn new(descriptor: &Descriptor, schema: Value, subject: Subject) -> Self {
        Self {
            tool: descriptor.name.to_string(),
            schema,
            subject,
            compiled: OnceLock::new(),
        }
    }

    /// Compiles the schema now, to hear at registration that it cannot be used.
    pub fn prepare(&self) -> Result<(), SchemaError> {
        self.compiled().map(|_| ()).map_err(|reason| SchemaError {
            tool: self.tool.clone(),
            what: self.subject.noun(),
            reason: reason.to_owned(),
        })
    }

    /// Everything that is wrong with the value, in the order of the parameters.
    ///
    /// `null` as arguments means none. A schema that cannot be used accepts nothing.
    pub fn check(&self, value: &Value) -> Result<(), Vec<String>> {
        self.prepare().map_err(|it| vec![it.to_string()])?;
        let Ok(compiled) = self.compiled() else {
            return Ok(());
        };
        let none = json!({});
        let value = if value.is_null() && self.subject.is_arguments() {
            &none
        } else {
            value
        };
        // The common case costs no error values.
        if compiled.is_valid(value) {
            return Ok(());
        }
        Err(explain(&self.schema, value, &self.subject))
    }

    fn compiled(&self) -> Result<&jsonschema::Validator, &str> {
        self.compiled
            .get_or_init(|| compile(&self.schema))
            .as_ref()
            .map_err(String::as_str)
    }

    /// The schema it checks against.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The names of the parameters it knows.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(Map::keys).map(String::as_str)
    }
}

/// Draft 2020-12, nothing fetched, patterns without backtracking, `format` checked.
pub(super) fn compile(schema: &Value) -> Result<jsonschema::Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(schema)
        .map_err(|it| format!("{it} (at `{}`)", it.instance_path()))
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator")
            .field("tool", &self.tool)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
