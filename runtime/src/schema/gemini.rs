//! Gemini's function declarations: a subset of the `OpenAPI` 3.0 schema object.
//!
//! Source: Gemini API reference v1beta, `FunctionDeclaration.parameters` and `Schema`, as read in
//! 2026, and what the API answers to the rest: `Unknown name "exclusiveMinimum"`, "enum only
//! allowed for STRING type", "only 'enum' and 'date-time' are supported for STRING type",
//! "properties: should be non-empty for OBJECT type". The younger field `parametersJsonSchema`
//! takes more, but not on every surface, so it is not used.
//!
//! `null` is `nullable`, `const` a one-word `enum`, `oneOf` an `anyOf`. Numbers that must be one of
//! a few values say so in their description. Keywords that only narrow and have no field here are
//! left out: the arguments are checked against the full schema when they come back.

use countersign_core::tool::Descriptor;
use serde_json::{Map, Value, json};

use super::DialectError;
use super::keyword::{requires, type_of, types};
use super::place::Place;

const KEPT: &[&str] = &[
    "description",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
];

/// The arguments in Gemini's words. `schema` has its references in place.
pub(super) fn lowered(
    schema: &Value,
    descriptor: &Descriptor,
    place: &Place<'_>,
) -> Result<Value, DialectError> {
    let mut lowered = schema_at(schema, place)?;
    if let Some(Value::Object(properties)) = lowered.get("properties") {
        // Objects of ours are sorted; the function's own order reads better.
        let order: Vec<&str> = descriptor
            .parameters
            .iter()
            .map(|it| it.name.as_str())
            .filter(|it| properties.contains_key(*it))
            .collect();
        if order.len() == properties.len() && order.len() > 1 {
            let order = json!(order);
            if let Value::Object(map) = &mut lowered {
                map.insert("propertyOrdering".into(), order);
            }
        }
    }
    Ok(lowered)
}

fn schema_at(schema: &Value, place: &Place<'_>) -> Result<Value, DialectError> {
    let Value::Object(from) = schema else {
        return Err(any_value(place));
    };
    if from.contains_key("$ref") {
        return Err(place.error("cannot say recursive types; flatten the type, or take it as a `String`"));
    }
    if let Some(Value::Array(parts)) = from.get("allOf") {
        let [only] = parts.as_slice() else {
            return Err(place.error("has no `allOf`; write the fields into one struct"));
        };
        let mut lowered = schema_at(only, place)?;
        if let (Value::Object(map), Some(description)) = (&mut lowered, from.get("description")) {
            map.insert("description".into(), description.clone());
        }
        return Ok(lowered);
    }
    if let Some(Value::Array(branches)) = from.get("anyOf").or_else(|| from.get("oneOf")) {
        return alternatives(from, branches, place);
    }
    let named = types(from);
    let nullable = named.contains(&"null") || lists_null(from);
    let mut kinds: Vec<&str> = named.into_iter().filter(|it| *it != "null").collect();
    let inferred = from.get("const").or_else(|| from.get("enum")?.get(0));
    if kinds.is_empty()
        && let Some(value) = inferred
    {
        kinds.push(type_of(value));
    }
    let mut lowered = match kinds.as_slice() {
        [] => return Err(any_value(place)),
        [kind] => typed(from, kind, place)?,
        several => {
            let branches: Vec<Value> = several
                .iter()
                .map(|kind| {
                    let mut one = from.clone();
                    one.remove("description");
                    one.insert("type".into(), json!(kind));
                    typed(&one, kind, place).map(Value::Object)
                })
                .collect::<Result<_, _>>()?;
            let mut either = Map::new();
            if let Some(description) = from.get("description") {
                either.insert("description".into(), description.clone());
            }
            either.insert("anyOf".into(), Value::Array(branches));
            either
        }
    };
    if nullable {
        lowered.insert("nullable".into(), Value::Bool(true));
    }
    Ok(Value::Object(lowered))
}

fn lists_null(from: &Map<String, Value>) -> bool {
    from.get("enum")
        .and_then(Value::as_array)
        .is_some_and(|it| it.contains(&Value::Null))
}

fn alternatives(
    from: &Map<String, Value>,
    branches: &[Value],
    place: &Place<'_>,
) -> Result<Value, DialectError> {
    if place.is_root() || from.contains_key("properties") {
        return Err(place.error(
            "cannot say fields next to alternatives (a flattened enum); give the enum a field of its own",
        ));
    }
    let is_null = |it: &&Value| it.get("type") == Some(&json!("null"));
    let nullable = branches.iter().any(|it| is_null(&it));
    let rest: Vec<&Value> = branches.iter().filter(|it| !is_null(it)).collect();
    let mut lowered = match rest.as_slice() {
        [] => return Err(any_value(place)),
        [only] => match schema_at(only, place)? {
            Value::Object(map) => map,
            _ => Map::new(),
        },
        several => {
            // The variants of a documented enum: one list of words reads and decodes better.
            if let Some(words) = one_of_words(several) {
                words
            } else {
                let several: Vec<Value> = several
                    .iter()
                    .map(|it| schema_at(it, place))
                    .collect::<Result<_, _>>()?;
                Map::from_iter([("anyOf".to_owned(), Value::Array(several))])
            }
        }
    };
    if let Some(description) = from.get("description") {
        describe(&mut lowered, description.as_str().unwrap_or_default(), true);
    }
    if nullable {
        lowered.insert("nullable".into(), Value::Bool(true));
    }
    Ok(Value::Object(lowered))
}

/// `oneOf` over string constants as one `enum`, the texts of the words in its description.
fn one_of_words(branches: &[&Value]) -> Option<Map<String, Value>> {
    let mut words = Vec::new();
    let mut texts = Vec::new();
    for branch in branches {
        let several = branch.get("enum").and_then(Value::as_array);
        let found: Vec<&Value> = match (branch.get("const"), several) {
            (Some(one), _) => vec![one],
            (None, Some(several)) => several.iter().collect(),
            (None, None) => return None,
        };
        for word in &found {
            let word = word.as_str()?;
            if let Some(text) = branch.get("description").and_then(Value::as_str) {
                texts.push(format!("`{word}`: {text}"));
            }
        }
        words.extend(found.into_iter().cloned());
    }
    let mut to = Map::new();
    to.insert("type".into(), json!("STRING"));
    to.insert("format".into(), json!("enum"));
    to.insert("enum".into(), Value::Array(words));
    if !texts.is_empty() {
        to.insert("description".into(), json!(texts.join("\n")));
    }
    Some(to)
}

fn typed(
    from: &Map<String, Value>,
    kind: &str,
    place: &Place<'_>,
) -> Result<Map<String, Value>, DialectError> {
    let mut to = Map::new();
    to.insert("type".into(), json!(kind.to_ascii_uppercase()));
    for keyword in KEPT {
        if let Some(value) = from.get(*keyword) {
            to.insert((*keyword).to_owned(), value.clone());
        }
    }
    match kind {
        "string" if from.get("format") == Some(&json!("date-time")) => {
            to.insert("format".into(), json!("date-time"));
        }
        "integer" => exclusive_bounds(from, &mut to),
        "object" => object(from, &mut to, place)?,
        "array" => {
            let items = from
                .get("items")
                .filter(|_| !from.contains_key("prefixItems"))
                .ok_or_else(|| place.error("has no tuples; use a struct with named fields"))?;
            to.insert("items".into(), schema_at(items, &place.items())?);
        }
        "null" => return Err(place.error("cannot say a value that is always `null`; drop the parameter")),
        _ => {}
    }
    allowed(from, kind, &mut to);
    Ok(to)
}

fn allowed(from: &Map<String, Value>, kind: &str, to: &mut Map<String, Value>) {
    let several = from.get("enum").and_then(Value::as_array);
    let values: Vec<&Value> = match (from.get("const"), several) {
        (Some(one), _) => vec![one],
        (None, Some(several)) => several.iter().filter(|it| !it.is_null()).collect(),
        (None, None) => return,
    };
    if kind == "string" {
        to.insert("format".into(), json!("enum"));
        to.insert("enum".into(), json!(values));
    } else {
        let words: Vec<String> = values.iter().map(|it| format!("`{it}`")).collect();
        describe(to, &format!("One of {}.", words.join(", ")), false);
    }
}

fn describe(to: &mut Map<String, Value>, text: &str, first: bool) {
    let full = match to.get("description").and_then(Value::as_str) {
        Some(there) if first => format!("{text}\n{there}"),
        Some(there) => format!("{there}\n{text}"),
        None => text.to_owned(),
    };
    to.insert("description".into(), json!(full));
}

fn exclusive_bounds(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    let bound = |keyword: &str, step: i64| {
        from.get(keyword)
            .and_then(Value::as_i64)
            .and_then(|it| it.checked_add(step))
    };
    if let Some(least) = bound("exclusiveMinimum", 1) {
        to.entry("minimum").or_insert_with(|| json!(least));
    }
    if let Some(most) = bound("exclusiveMaximum", -1) {
        to.entry("maximum").or_insert_with(|| json!(most));
    }
}

fn object(
    from: &Map<String, Value>,
    to: &mut Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), DialectError> {
    let is_map = from.contains_key("patternProperties")
        || matches!(from.get("additionalProperties"), Some(Value::Object(_)));
    if is_map {
        return Err(place.error("has no maps with free keys; use a list of structs with a key field"));
    }
    let empty = Map::new();
    let properties = from
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    if properties.is_empty() && !place.is_root() {
        return Err(place.error("has no objects without fields; give the type a field, or drop it"));
    }
    let lowered: Map<String, Value> = properties
        .iter()
        .map(|(name, property)| Ok((name.clone(), schema_at(property, &place.member(name))?)))
        .collect::<Result<_, DialectError>>()?;
    let required: Vec<&String> = properties.keys().filter(|it| requires(from, it)).collect();
    if !required.is_empty() {
        to.insert("required".into(), json!(required));
    }
    to.insert("properties".into(), Value::Object(lowered));
    Ok(())
}

fn any_value(place: &Place<'_>) -> DialectError {
    place.error("cannot say \"any JSON value\"; use a type, or a `String` that holds JSON")
}
