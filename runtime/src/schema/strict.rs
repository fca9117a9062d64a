//! `OpenAI`'s strict mode: the subset that the model's output is held to token by token.
//!
//! Source: `OpenAI`, "Structured model outputs", section "Supported schemas", as read in 2026
//! (profile of 2026-02): every object closed, every member required, optional ones nullable; root
//! an object and no `anyOf`; `anyOf`, `$defs` and recursion allowed; `pattern` and nine `format`s
//! for strings, bounds and `multipleOf` for numbers, `minItems`/`maxItems` for arrays; no `allOf`,
//! `oneOf`, `not`, `if`, `default`; limits as in [`Limits`].
//!
//! Keywords that only narrow (`minLength`, `uniqueItems`, `not`, …) are left out here: the
//! arguments are checked against the full schema when they come back. A shape that strict mode
//! cannot express (maps, tuples, any JSON value) is an error.

use serde_json::{Map, Value, json};

use super::DialectError;
use super::keyword::{inside, requires, type_of, types};
use super::null::{accepts_null, or_null};
use super::place::Place;
use super::reference::resolved;

const FORMATS: &[&str] = &[
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];
const NARROWING: &[&str] = &[
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
];

/// The arguments in strict mode. `schema` has its references in place.
pub(super) fn lowered(schema: &Value, place: &Place<'_>) -> Result<Value, DialectError> {
    let lowering = Lowering { root: schema };
    let mut strict = lowering.schema(schema, place)?;
    if let Some(Value::Object(definitions)) = schema.get("$defs") {
        let definitions: Map<String, Value> = definitions
            .iter()
            .map(|(name, body)| {
                Ok((
                    name.clone(),
                    lowering.schema(body, &user_of(name, schema, place))?,
                ))
            })
            .collect::<Result<_, DialectError>>()?;
        if let Value::Object(map) = &mut strict {
            map.insert("$defs".into(), Value::Object(definitions));
        }
    }
    let mut limits = Limits::default();
    limits.count(&strict, 0);
    limits.check(place)?;
    Ok(strict)
}

/// The parameter that uses a definition; the definition itself where that is not direct.
fn user_of<'a>(name: &str, root: &Value, place: &Place<'a>) -> Place<'a> {
    let reference = format!("\"#/$defs/{name}\"");
    let properties = root.get("properties").and_then(Value::as_object);
    let user = properties
        .into_iter()
        .flatten()
        .find(|(_, it)| it.to_string().contains(&reference));
    place.member(user.map_or(name, |(user, _)| user))
}

struct Lowering<'a> {
    root: &'a Value,
}

impl Lowering<'_> {
    fn schema(&self, schema: &Value, place: &Place<'_>) -> Result<Value, DialectError> {
        let Value::Object(from) = schema else {
            return Err(any_value(place));
        };
        // `$ref` stands alone: "$ref cannot have keywords {'description'}".
        if let Some(reference) = from.get("$ref") {
            return Ok(json!({ "$ref": reference }));
        }
        if let Some(Value::Array(parts)) = from.get("allOf") {
            return self.single_part(from, parts, place);
        }
        let mut to = Map::new();
        if let Some(description) = from.get("description") {
            to.insert("description".into(), description.clone());
        }
        if let Some(Value::Array(branches)) = from.get("anyOf").or_else(|| from.get("oneOf")) {
            if place.is_root() || from.contains_key("properties") {
                return Err(place.error(
                    "cannot say fields next to alternatives (a flattened enum); give the enum a field of its own",
                ));
            }
            // Alternatives of a Rust enum exclude each other, so "any" and "one" are the same.
            let branches: Vec<Value> = branches
                .iter()
                .map(|it| self.schema(it, place))
                .collect::<Result<_, _>>()?;
            to.insert("anyOf".into(), Value::Array(branches));
            return Ok(Value::Object(to));
        }
        if let Some(value) = from.get("const") {
            to.insert("type".into(), json!(type_of(value)));
            to.insert("const".into(), value.clone());
            return Ok(Value::Object(to));
        }
        let names = typed(from, place)?;
        to.insert("type".into(), names);
        if let Some(values) = from.get("enum") {
            to.insert("enum".into(), values.clone());
        }
        for keyword in NARROWING {
            if let Some(value) = from.get(*keyword) {
                to.insert((*keyword).to_owned(), value.clone());
            }
        }
        if let Some(format) = from.get("format").filter(|it| is_format(it)) {
            to.insert("format".into(), format.clone());
        }
        if types(from).contains(&"object") {
            self.object(from, &mut to, place)?;
        }
        if types(from).contains(&"array") {
            let items = from
                .get("items")
                .filter(|_| !from.contains_key("prefixItems"))
                .ok_or_else(|| place.error("has no tuples; use a struct with named fields"))?;
            to.insert("items".into(), self.schema(items, &place.items())?);
        }
        Ok(Value::Object(to))
    }

    // schemars and `#[serde(flatten)]` sometimes wrap one schema in `allOf`.
    fn single_part(
        &self,
        from: &Map<String, Value>,
        parts: &[Value],
        place: &Place<'_>,
    ) -> Result<Value, DialectError> {
        let [only] = parts else {
            return Err(place.error("has no `allOf`; write the fields into one struct"));
        };
        let mut lowered = self.schema(only, place)?;
        if let (Value::Object(map), Some(description)) = (&mut lowered, from.get("description"))
            && !map.contains_key("$ref")
        {
            map.insert("description".into(), description.clone());
        }
        Ok(lowered)
    }

    fn object(
        &self,
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
        let mut lowered = Map::new();
        for (name, property) in properties {
            let here = place.member(name);
            let mut strict = self.schema(property, &here)?;
            let meant = resolved(property, self.root);
            if !requires(from, name) && !accepts_null(meant, self.root) {
                strict = or_null(strict);
            }
            lowered.insert(name.clone(), strict);
        }
        let names: Vec<&String> = lowered.keys().collect();
        to.insert("required".into(), json!(names));
        to.insert("properties".into(), Value::Object(lowered));
        to.insert("additionalProperties".into(), Value::Bool(false));
        Ok(())
    }
}

fn typed(from: &Map<String, Value>, place: &Place<'_>) -> Result<Value, DialectError> {
    if let Some(names) = from.get("type") {
        return Ok(names.clone());
    }
    let Some(Value::Array(values)) = from.get("enum") else {
        return Err(any_value(place));
    };
    let mut names: Vec<&str> = values.iter().map(type_of).collect();
    names.sort_unstable();
    names.dedup();
    Ok(match names.as_slice() {
        [one] => json!(one),
        several => json!(several),
    })
}

fn any_value(place: &Place<'_>) -> DialectError {
    place.error("cannot say \"any JSON value\"; use a type, or a `String` that holds JSON")
}

fn is_format(format: &Value) -> bool {
    format.as_str().is_some_and(|it| FORMATS.contains(&it))
}

/// What a strict schema may hold, from the section "Objects have limitations on nesting depth and
/// size" of the same page.
#[derive(Default)]
struct Limits {
    /// At most 10 levels of objects.
    levels: usize,
    /// At most 5,000 properties.
    properties: usize,
    /// At most 1,000 enum values.
    values: usize,
    /// At most 120,000 characters of property names, definition names, enum and const values.
    characters: usize,
    /// At most 15,000 characters in one enum of more than 250 strings.
    longest: usize,
}

impl Limits {
    fn count(&mut self, schema: &Value, level: usize) {
        let Value::Object(map) = schema else { return };
        let is_object = map.contains_key("properties");
        let level = level + usize::from(is_object);
        self.levels = self.levels.max(level);
        for holder in ["properties", "$defs"] {
            if let Some(Value::Object(members)) = map.get(holder) {
                self.characters += members.keys().map(|it| it.chars().count()).sum::<usize>();
                self.properties += usize::from(holder == "properties") * members.len();
            }
        }
        if let Some(Value::Array(values)) = map.get("enum") {
            let text: usize = values.iter().map(length).sum();
            self.values += values.len();
            self.characters += text;
            if values.len() > 250 {
                self.longest = self.longest.max(text);
            }
        }
        self.characters += map.get("const").map_or(0, length);
        for (keyword, inner) in inside(map) {
            // A definition starts a level of its own: it is reached by reference.
            self.count(inner, if keyword == "$defs" { 0 } else { level });
        }
    }

    fn check(&self, place: &Place<'_>) -> Result<(), DialectError> {
        [
            (self.levels, 10, "levels of nested objects"),
            (self.properties, 5_000, "fields"),
            (self.values, 1_000, "enum values"),
            (
                self.characters,
                120_000,
                "characters of names, enum and const values",
            ),
            (
                self.longest,
                15_000,
                "characters in an enum of more than 250 values",
            ),
        ]
        .into_iter()
        .find(|(has, most, _)| has > most)
        .map_or(Ok(()), |(has, most, what)| {
            Err(place.error(format!(
                "takes at most {most} {what}, and the arguments have {has}"
            )))
        })
    }
}

fn length(value: &Value) -> usize {
    value
        .as_str()
        .map_or_else(|| value.to_string().len(), |it| it.chars().count())
}
