//! The keywords of JSON Schema 2020-12 that hold schemas, and walks over them.

use serde_json::{Map, Value};

/// Keywords whose value is an object of schemas.
const OF_MEMBERS: &[&str] = &[
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];
/// Keywords whose value is a list of schemas.
const OF_LISTS: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value is a schema.
const OF_ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Where `true` and `false` are the usual spelling; elsewhere clients stumble over them.
const BOOLEAN: &[&str] = &[
    "items",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// The `format` words that schemars gives to numbers. They are no formats of JSON Schema, strict
/// clients refuse them, and typed decoding holds the ranges.
const NUMERIC_FORMATS: &[&str] = &[
    "int", "int8", "int16", "int32", "int64", "int128", "isize", "uint", "uint8", "uint16", "uint32",
    "uint64", "uint128", "usize", "float", "double",
];

/// The schemas directly inside `schema`, with the keyword that holds them.
pub(super) fn inside(schema: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    schema.iter().flat_map(|(keyword, value)| {
        let keyword = keyword.as_str();
        let found: Vec<&Value> = match value {
            Value::Object(members) if OF_MEMBERS.contains(&keyword) => members.values().collect(),
            Value::Array(list) if OF_LISTS.contains(&keyword) => list.iter().collect(),
            one if OF_ONE.contains(&keyword) => vec![one],
            _ => Vec::new(),
        };
        found.into_iter().map(move |it| (keyword, it))
    })
}

/// As [`inside`], to change them.
pub(super) fn inside_mut(schema: &mut Map<String, Value>) -> impl Iterator<Item = (&str, &mut Value)> {
    schema.iter_mut().flat_map(|(keyword, value)| {
        let keyword = keyword.as_str();
        let found: Vec<&mut Value> = if OF_ONE.contains(&keyword) {
            vec![value]
        } else {
            match value {
                Value::Object(members) if OF_MEMBERS.contains(&keyword) => members.values_mut().collect(),
                Value::Array(list) if OF_LISTS.contains(&keyword) => list.iter_mut().collect(),
                _ => Vec::new(),
            }
        };
        found.into_iter().map(move |it| (keyword, it))
    })
}

/// Drops numeric format words, `$schema`, and writes `true` as `{}` where a schema object is usual.
pub(super) fn tidy(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|it| NUMERIC_FORMATS.contains(&it))
    {
        map.remove("format");
    }
    map.remove("$schema");
    for (keyword, inner) in inside_mut(map) {
        if let Value::Bool(accepts) = inner
            && !BOOLEAN.contains(&keyword)
        {
            *inner = if *accepts {
                Value::Object(Map::new())
            } else {
                serde_json::json!({ "not": {} })
            };
        }
        tidy(inner);
    }
}

/// Gives every array an `items`: `OpenAI` refuses "array schema missing items", also for tuples.
pub(super) fn with_items(mut schema: Value) -> Value {
    fn add(schema: &mut Value) {
        let Value::Object(map) = schema else { return };
        if is_type(map, "array") && !matches!(map.get("items"), Some(Value::Object(_))) {
            map.insert("items".into(), Value::Object(Map::new()));
        }
        inside_mut(map).for_each(|(_, it)| add(it));
    }
    add(&mut schema);
    schema
}

/// Whether `type` names `wanted`, alone or among others.
pub(super) fn is_type(schema: &Map<String, Value>, wanted: &str) -> bool {
    types(schema).contains(&wanted)
}

/// What `type` names.
pub(super) fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether the object schema demands `member`.
pub(super) fn requires(schema: &Map<String, Value>, member: &str) -> bool {
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|it| it.iter().any(|it| it == member))
}

/// The type of a JSON value in the words of JSON Schema.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
