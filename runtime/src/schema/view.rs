//! Whose arguments a schema describes: all of a function's, or those a model may give.

use countersign_core::tool::{Descriptor, Parameter};
use serde_json::{Map, Value, json};

use super::DialectError;
use super::keyword::tidy;
use super::place::Place;
use super::reference::{Unresolved, inlined};

/// Who gives the arguments.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::View;
///
/// /// File a support ticket.
/// #[tool(requires_user_input(severity))]
/// fn report_bug(summary: String, severity: u8) -> String {
///     format!("{summary} ({severity})")
/// }
///
/// let ticket = report_bug::descriptor();
/// assert!(View::Full.shows(ticket, "severity") && !View::Model.shows(ticket, "severity"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// All arguments of the function.
    Full,
    /// What a model sees: parameters named in `requires_user_input(…)` are hidden from it.
    Model,
}

impl View {
    /// Whether this view has the parameter.
    pub fn shows(self, descriptor: &Descriptor, parameter: &str) -> bool {
        match self {
            Self::Full => true,
            Self::Model => !descriptor
                .gates
                .user_input
                .as_ref()
                .is_some_and(|it| it.hidden && it.fields.iter().any(|it| it == parameter)),
        }
    }
}

/// The arguments as JSON Schema 2020-12, references in place: what every dialect starts from.
pub(super) fn arguments(
    descriptor: &Descriptor,
    view: View,
    place: &Place<'_>,
) -> Result<Value, DialectError> {
    let shown = |it: &str| view.shows(descriptor, it);
    let mut schema = inlined(selected(descriptor, shown)).map_err(|it| match it {
        Unresolved::Missing(reference) => place.error(format!(
            "cannot follow `{reference}` in the schema of the arguments"
        )),
        Unresolved::TooMany => place.error("would need too large a schema; nest fewer types"),
    })?;
    tidy(&mut schema);
    Ok(schema)
}

/// The input schema with only some of its parameters.
pub(super) fn selected(descriptor: &Descriptor, shown: impl Fn(&str) -> bool) -> Value {
    let mut root = match &descriptor.input_schema {
        Value::Object(root) => root.clone(),
        _ => Map::new(),
    };
    // The tool object carries name and description; twice is waste and can differ.
    root.remove("title");
    root.remove("description");
    root.insert("type".into(), json!("object"));
    root.entry("additionalProperties").or_insert(Value::Bool(false));
    let mut properties = match root.remove("properties") {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    properties.retain(|name, _| shown(name));
    for parameter in &descriptor.parameters {
        if let Some(schema) = properties.get_mut(&parameter.name) {
            describe(parameter, schema);
        }
    }
    root.insert("properties".into(), Value::Object(properties));
    if let Some(Value::Array(required)) = root.get_mut("required") {
        required.retain(|it| it.as_str().is_some_and(&shown));
    }
    Value::Object(root)
}

/// Adds the parameter's own words; takes out what a secret one would give away.
fn describe(parameter: &Parameter, schema: &mut Value) {
    if *schema == Value::Bool(true) {
        *schema = json!({});
    }
    let Value::Object(schema) = schema else { return };
    if !parameter.description.is_empty() {
        schema
            .entry("description")
            .or_insert_with(|| json!(parameter.description));
    }
    if parameter.secret {
        schema.remove("default");
        schema.remove("examples");
        schema.remove("example");
    }
}
