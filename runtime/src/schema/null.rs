//! `null` for "not given": what strict dialects make of optional parameters, and how it is undone.
//!
//! A strict schema lists every member as required, so a model can only leave one out by writing
//! `null`. For an `Option` that is what the type accepts. A parameter that is optional because it
//! has a *default* would refuse `null`; [`strip_nulls`] takes such a member out again, so that the
//! default applies.

use countersign_core::tool::Descriptor;
use serde_json::{Map, Value, json};

use super::keyword::{is_type, requires, type_of, types};
use super::reference::resolved;

/// Takes out every `null` that a strict model had to write for a member it wanted to leave out.
///
/// Use it on arguments from a [`Dialect::OpenAiStrict`](super::Dialect::OpenAiStrict) tool before
/// anything else reads them. Only members go that are optional and whose own schema refuses
/// `null`; everything else, wrong or right, is left for the check of the arguments.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::strip_nulls;
///
/// /// List orders.
/// #[tool(read_only)]
/// fn orders(#[arg(default = 10)] limit: u32, after: Option<String>) -> u32 {
///     let _ = after;
///     limit
/// }
///
/// let mut arguments = serde_json::json!({"limit": null, "after": null});
/// strip_nulls(orders::descriptor(), &mut arguments);
/// assert_eq!(arguments, serde_json::json!({"after": null})); // an `Option` takes `null` itself
/// ```
pub fn strip_nulls(descriptor: &Descriptor, arguments: &mut Value) {
    let root = &descriptor.input_schema;
    strip(root, root, arguments);
}

fn strip(schema: &Value, root: &Value, value: &mut Value) {
    let Value::Object(schema) = resolved(schema, root) else {
        return;
    };
    match value {
        Value::Object(members) => strip_members(schema, root, members),
        Value::Array(items) => {
            if let Some(each) = schema.get("items") {
                for item in items {
                    strip(each, root, item);
                }
            }
        }
        _ => {}
    }
    for branches in ["allOf", "anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = schema.get(branches) else {
            continue;
        };
        // Of several forms, the one that the value was meant as: its tags and required members agree.
        if let Some(meant) = branches.iter().find(|it| is_meant(it, root, value)) {
            strip(meant, root, value);
        }
    }
}

fn strip_members(schema: &Map<String, Value>, root: &Value, members: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return;
    };
    members.retain(|name, value| {
        let given_up = value.is_null()
            && !requires(schema, name)
            && properties.get(name).is_some_and(|it| !accepts_null(it, root));
        !given_up
    });
    for (name, value) in members.iter_mut() {
        if let Some(property) = properties.get(name) {
            strip(property, root, value);
        }
    }
}

fn is_meant(schema: &Value, root: &Value, value: &Value) -> bool {
    let Value::Object(schema) = resolved(schema, root) else {
        return false;
    };
    let types = types(schema);
    let given = type_of(value);
    if !types.is_empty() && !types.contains(&given) {
        return false;
    }
    let (Value::Object(members), Some(Value::Object(properties))) = (value, schema.get("properties")) else {
        return true;
    };
    let all_required = properties
        .keys()
        .all(|it| !requires(schema, it) || members.contains_key(it));
    let all_known = members.keys().all(|it| properties.contains_key(it));
    let tags_agree = properties.iter().all(|(name, property)| {
        let allowed = match (property.get("const"), property.get("enum")) {
            (Some(one), _) => std::slice::from_ref(one),
            (None, Some(Value::Array(several))) => several,
            _ => return true,
        };
        members
            .get(name)
            .is_none_or(|it| it.is_null() || allowed.contains(it))
    });
    all_required && all_known && tags_agree
}

/// Whether `null` fits the schema.
pub(super) fn accepts_null(schema: &Value, root: &Value) -> bool {
    accepts(schema, root, 32)
}

fn accepts(schema: &Value, root: &Value, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let schema = match resolved(schema, root) {
        Value::Object(schema) => schema,
        other => return *other == Value::Bool(true),
    };
    let typed = schema.get("type").is_none() || is_type(schema, "null");
    let listed = match schema.get("enum") {
        Some(Value::Array(values)) => values.contains(&Value::Null),
        _ => true,
    };
    let constant = schema.get("const").is_none_or(Value::is_null);
    let branches = ["anyOf", "oneOf"].iter().all(|it| match schema.get(*it) {
        Some(Value::Array(branches)) => branches.iter().any(|it| accepts(it, root, depth)),
        _ => true,
    });
    let all = match schema.get("allOf") {
        Some(Value::Array(parts)) => parts.iter().all(|it| accepts(it, root, depth)),
        _ => true,
    };
    let not = schema.get("not").is_none() && !schema.contains_key("$ref");
    typed && listed && constant && branches && all && not
}

/// The schema, with `null` allowed too.
pub(super) fn or_null(schema: Value) -> Value {
    let Value::Object(mut map) = schema else {
        return schema;
    };
    if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
        branches.push(json!({"type": "null"}));
        return Value::Object(map);
    }
    let simple = match map.get("type") {
        Some(Value::String(one)) => !matches!(one.as_str(), "object" | "array"),
        Some(Value::Array(_)) => true,
        _ => false,
    };
    if simple && !map.contains_key("const") {
        let mut names: Vec<Value> = types(&map).into_iter().map(Value::from).collect();
        names.push(json!("null"));
        map.insert("type".into(), Value::Array(names));
        if let Some(Value::Array(values)) = map.get_mut("enum") {
            values.push(Value::Null);
        }
        return Value::Object(map);
    }
    let description = map.remove("description");
    let mut either = Map::new();
    either.insert("anyOf".into(), json!([map, {"type": "null"}]));
    if let Some(description) = description {
        either.insert("description".into(), description);
    }
    Value::Object(either)
}
