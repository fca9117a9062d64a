//! What a JSON Schema looks like to a person.

use serde_json::Value;

/// A text without a limit, or with one beyond this, may have several lines.
const ONE_LINE: u64 = 120;
/// A word behind a reference may itself be a reference, so often.
const MOST_REFERENCES: usize = 8;

/// What can be drawn.
#[derive(Debug, Clone)]
pub(crate) enum Shape<'a> {
    /// Text.
    Text {
        /// Whether it may have several lines.
        lines: bool,
    },
    /// A number.
    Number {
        /// Whether it is an integer.
        whole: bool,
    },
    /// One of these, with what to call them.
    Choice(Vec<(Value, String)>),
    /// An object with these members; the flag says which must be there.
    Group(Vec<(&'a str, &'a Value, bool)>),
    /// A list of these.
    List(&'a Value),
    /// Anything else.
    Json,
}

/// A schema, or what its reference leads to.
pub(crate) fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..MOST_REFERENCES {
        let place = schema["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        match place.and_then(|it| root.pointer(it)) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

/// The members of an object, with whether they must be there.
pub(crate) fn members(schema: &Value) -> Vec<(&str, &Value, bool)> {
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|it| it.iter().any(|it| it == name))
    };
    let members = schema["properties"].as_object().into_iter().flatten();
    members
        .map(|(name, schema)| (name.as_str(), schema, required(name)))
        .collect()
}

/// How to draw a schema, and whether it takes null as well.
pub(crate) fn shape<'a>(root: &'a Value, schema: &'a Value) -> (Shape<'a>, bool) {
    let schema = resolved(root, schema);
    if let Some((inner, true)) = without_null(schema) {
        return (shape(root, inner).0, true);
    }
    let types = types(schema);
    let is_nullable = types.contains(&"null");
    let plain: Vec<&str> = types.into_iter().filter(|it| *it != "null").collect();
    if let Some(options) = options(schema) {
        let is_nullable = is_nullable || options.iter().any(|(it, _)| it.is_null());
        return (Shape::Choice(options), is_nullable);
    }
    let combined = ["$ref", "allOf", "anyOf", "oneOf", "not", "if"];
    if combined.iter().any(|it| schema.get(it).is_some()) {
        return (Shape::Json, is_nullable);
    }
    let shape = match plain.as_slice() {
        ["string"] => Shape::Text {
            lines: schema["maxLength"].as_u64().is_none_or(|it| it > ONE_LINE)
                && schema.get("format").is_none()
                && schema.get("pattern").is_none(),
        },
        ["integer"] => Shape::Number { whole: true },
        ["number"] => Shape::Number { whole: false },
        ["boolean"] => Shape::Choice(vec![
            (Value::Bool(true), "Yes".to_owned()),
            (Value::Bool(false), "No".to_owned()),
        ]),
        ["object"]
            if !schema["additionalProperties"].is_object() && schema.get("patternProperties").is_none() =>
        {
            match members(schema) {
                members if members.is_empty() => Shape::Json,
                members => Shape::Group(members),
            }
        }
        ["array"] if schema.get("prefixItems").is_none() && schema["items"].is_object() => {
            Shape::List(&schema["items"])
        }
        _ => Shape::Json,
    };
    (shape, is_nullable)
}

/// The one schema beside null, of a schema that says `this or null`.
fn without_null(schema: &Value) -> Option<(&Value, bool)> {
    let either = schema["anyOf"]
        .as_array()
        .or_else(|| schema["oneOf"].as_array())?;
    let is_null = |it: &&Value| it["type"] == "null";
    let mut others = either.iter().filter(|it| !is_null(it));
    let (one, more) = (others.next()?, others.next());
    Some((one, more.is_none() && either.len() == 2))
}

fn types(schema: &Value) -> Vec<&str> {
    match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What can be chosen, of a schema that lists it.
fn options(schema: &Value) -> Option<Vec<(Value, String)>> {
    let label = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    if let Some(one) = schema.get("const") {
        return Some(vec![(one.clone(), label(one))]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return Some(values.iter().map(|it| (it.clone(), label(it))).collect());
    }
    let described = |it: &Value| {
        let value = it.get("const")?;
        let more = it["description"]
            .as_str()
            .map_or_else(String::new, |it| format!(" – {}", crate::tools::unbroken(it)));
        Some((value.clone(), format!("{}{more}", label(value))))
    };
    schema["oneOf"].as_array()?.iter().map(described).collect()
}

/// What a schema demands, in words.
pub(crate) fn limits(schema: &Value, resolved: &Value) -> Vec<String> {
    let mut words = Vec::new();
    let mut say = |name: &str, words_of: &dyn Fn(&Value) -> String| {
        if let Some(limit) = schema.get(name).or_else(|| resolved.get(name)) {
            words.push(words_of(limit));
        }
    };
    say("minimum", &|it| format!("at least {it}"));
    say("exclusiveMinimum", &|it| format!("more than {it}"));
    say("maximum", &|it| format!("at most {it}"));
    say("exclusiveMaximum", &|it| format!("less than {it}"));
    say("multipleOf", &|it| format!("a multiple of {it}"));
    say("minLength", &|it| format!("at least {it} characters"));
    say("maxLength", &|it| format!("at most {it} characters"));
    say("pattern", &|it| {
        format!("in the form {}", it.as_str().unwrap_or_default())
    });
    say("format", &|it| format!("a {}", it.as_str().unwrap_or_default()));
    say("minItems", &|it| format!("at least {it} of them"));
    say("maxItems", &|it| format!("at most {it} of them"));
    say("default", &|it| format!("{it} if left out"));
    words
}
