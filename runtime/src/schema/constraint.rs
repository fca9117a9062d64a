//! Whether a schema says more than typed decoding already enforces.

use countersign_core::tool::Descriptor;
use serde_json::{Map, Value};

use super::keyword::inside;

/// Keywords that no Rust type enforces by itself.
const BEYOND_TYPES: &[&str] = &[
    "pattern",
    "minLength",
    "maxLength",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "uniqueItems",
    "contains",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "propertyNames",
    "patternProperties",
    "dependentRequired",
    "dependentSchemas",
    "not",
    "if",
    "unevaluatedProperties",
    "unevaluatedItems",
    "$dynamicRef",
];

/// Whether the arguments need a [`Validator`](super::Validator) besides being decoded.
///
/// Types, required and unknown arguments, the words of an `enum` and the ranges of Rust's integers
/// are decoding's business; a tool whose schema says no more than that can skip the check. In
/// doubt the answer is yes. One thing is taken on trust: that an `enum` or `const` in the schema
/// stands for a Rust enum; to restrict a `String`, use a `pattern`.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::needs_validation;
///
/// /// Add two numbers.
/// #[tool]
/// fn join_up(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// assert!(!needs_validation(join_up::descriptor())); // decoding says all that the schema says
/// ```
pub fn needs_validation(descriptor: &Descriptor) -> bool {
    says_more(&descriptor.input_schema)
}

fn says_more(schema: &Value) -> bool {
    let Value::Object(map) = schema else { return false };
    BEYOND_TYPES.iter().any(|it| map.contains_key(*it))
        || bounds_beyond_integer(map)
        || items_beyond_tuple(map)
        || format_of_text(map)
        // A keyword beside a reference or alternatives is counted like any other, by the walk.
        || inside(map).any(|(_, it)| says_more(it))
}

/// The bounds that an integer format implies, as schemars writes them.
fn implied(format: &str) -> (Option<i64>, Option<i64>) {
    match format {
        "uint8" => (Some(0), Some(i64::from(u8::MAX))),
        "uint16" => (Some(0), Some(i64::from(u16::MAX))),
        "uint32" => (Some(0), Some(i64::from(u32::MAX))),
        "uint" | "uint64" | "uint128" | "usize" => (Some(0), None),
        "int8" => (Some(i64::from(i8::MIN)), Some(i64::from(i8::MAX))),
        "int16" => (Some(i64::from(i16::MIN)), Some(i64::from(i16::MAX))),
        "int32" => (Some(i64::from(i32::MIN)), Some(i64::from(i32::MAX))),
        _ => (None, None),
    }
}

fn bounds_beyond_integer(map: &Map<String, Value>) -> bool {
    let format = map.get("format").and_then(Value::as_str).unwrap_or_default();
    let (least, most) = implied(format);
    let beyond = |keyword: &str, implied: Option<i64>| {
        map.get(keyword)
            .is_some_and(|it| it.as_i64().is_none() || it.as_i64() != implied)
    };
    beyond("minimum", least) || beyond("maximum", most)
}

/// A tuple has exactly as many items as it has types, which decoding enforces.
fn items_beyond_tuple(map: &Map<String, Value>) -> bool {
    let count = map.get("prefixItems").and_then(Value::as_array).map(Vec::len);
    ["minItems", "maxItems"].iter().any(|it| {
        map.get(*it)
            .is_some_and(|it| it.as_u64().and_then(|it| usize::try_from(it).ok()) != count)
    })
}

/// `format` on text is checked at run time; whether the type behind it checks it too is not known.
fn format_of_text(map: &Map<String, Value>) -> bool {
    map.get("format").and_then(Value::as_str).is_some_and(|it| {
        !it.starts_with("int") && !it.starts_with("uint") && !matches!(it, "float" | "double")
    })
}
