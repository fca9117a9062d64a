use proptest::prelude::*;
use serde_json::json;

use super::*;

fn plan(schema: &Value) -> Plan<'_> {
    Plan {
        schema,
        order: &[],
        secret: &[],
    }
}

/// A value goes through fields and comes back.
#[track_caller]
fn survives(schema: &Value, value: &Value) {
    let schema = json!({"type": "object", "properties": {"x": schema}, "required": ["x"]});
    let value = json!({ "x": value });
    let posted = fill(&plan(&schema), &value);
    assert_eq!(read(&plan(&schema), &posted), Ok(value), "{posted:?}");
}

#[track_caller]
fn check(schema: &Value, posted: &[(&str, &str)], expected: &Result<Value, &str>) {
    let posted = posted
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let read = read(&plan(schema), &posted);
    let errors = |them: Errors| {
        them.into_iter()
            .map(|(at, words)| format!("{at}: {}", words.join(" ")))
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(read.map_err(errors), expected.clone().map_err(str::to_owned));
}

#[test]
fn what_is_posted_becomes_a_value() {
    let schema = json!({
        "properties": {
            "n": {"type": "integer"}, "f": {"type": ["number", "null"]}, "t": {"type": "string"},
            "c": {"enum": ["low", 7, null]}, "b": {"type": "boolean"},
        },
        "required": ["n", "t"],
    });
    check(
        &schema,
        &[("v.n", "18446744073709551615"), ("v.t", "a\r\nb")],
        &Ok(json!({"n": u64::MAX, "t": "a\nb"})),
    );
    check(
        &schema,
        &[("v.n", "-9223372036854775808"), ("v.t", "1")],
        &Ok(json!({"n": i64::MIN, "t": "1"})),
    );
    check(
        &schema,
        &[
            ("v.n", "1"),
            ("v.t", "x"),
            ("v.c", "7"),
            ("v.b", "false"),
            ("v.f", "2.50"),
        ],
        &Ok(json!({"n": 1, "t": "x", "c": 7, "b": false, "f": 2.5})),
    );
    check(
        &schema,
        &[("v.n", "1.5"), ("v.t", "x")],
        &Err("v.n: This must be a whole number."),
    );
    check(
        &schema,
        &[("v.n", "18446744073709551616"), ("v.t", "x")],
        &Err("v.n: This number is too large."),
    );
    check(
        &schema,
        &[("v.n", "1"), ("v.t", "x"), ("v.f", "1e999")],
        &Err("v.f: This must be a number, such as 12.5."),
    );
    check(
        &schema,
        &[("v.n", "")],
        &Err("v.n: This is needed.; v.t: This is needed."),
    );
    check(
        &schema,
        &[("v.n", "1"), ("v.t", ""), ("v.t~was", "empty")],
        &Ok(json!({"n": 1, "t": ""})),
    );
}

#[test]
fn what_is_blank_is_left_out() {
    let group = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let schema = json!({"properties": {"g": group, "l": {"type": "array", "items": {"type": "integer"}}}});
    check(
        &schema,
        &[("v.g.a", ""), ("v.l~rows", "2"), ("v.l[0]", ""), ("v.l[1]", "")],
        &Ok(json!({})),
    );
    check(
        &schema,
        &[("v.g.a", "x"), ("v.l~rows", "2"), ("v.l[0]", ""), ("v.l[1]", "5")],
        &Ok(json!({"g": {"a": "x"}, "l": [5]})),
    );
    let needed = json!({"properties": {"g": group}, "required": ["g"]});
    check(&needed, &[], &Err("v.g.a: This is needed."));
}

#[test]
fn what_no_control_shows_is_json() {
    for value in [json!("a\u{202e}b"), json!("a\rb"), json!(" edge"), json!("\u{0}")] {
        let schema = json!({"properties": {"x": {"type": "string"}}});
        let posted = fill(&plan(&schema), &json!({ "x": value }));
        assert!(posted["v.x~json"].is_ascii(), "{posted:?}");
        survives(&json!({"type": "string"}), &value);
    }
    survives(
        &json!({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        &json!(5),
    );
    survives(
        &json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        &json!({"a": 9_007_199_254_740_993_u64}),
    );
    check(
        &json!({"properties": {"x": {}}}),
        &[("v.x~json", "{")],
        &Err("v.x: This must be JSON: not acceptable JSON: EOF while parsing an object at line 1 column 1."),
    );
}

#[test]
fn references_and_descriptions_are_followed() {
    let schema = json!({
        "$defs": {"Severity": {"oneOf": [{"const": "low", "description": "It can\nwait."}, {"const": "high"}]}},
        "properties": {"s": {"$ref": "#/$defs/Severity", "description": "How bad."}, "o": {"anyOf": [{"$ref": "#/$defs/Severity"}, {"type": "null"}]}},
    });
    let form = Form::of(
        &plan(&schema),
        &fill(&plan(&schema), &json!({"s": "low"})),
        &Errors::new(),
    );
    let html = form.fields.iter().map(ToString::to_string).collect::<String>();
    assert!(
        html.contains("<option value=\"&#34;low&#34;\" selected>low – It can wait.</option>"),
        "{html}"
    );
    assert!(html.contains("How bad."));
    assert_eq!(html.matches("<select").count(), 2);
}

#[test]
fn errors_stand_at_their_fields() {
    let schema = json!({
        "properties": {"a": {"type": "integer"}, "g": {"type": "object", "properties": {"b": {"type": "string"}}}, "j": {}},
        "required": ["a"],
    });
    let messages = [
        "argument `a`: 5 is more than 3",
        "argument `g.b`: is bad",
        "argument `j[3]`: odd",
        "missing argument `a`",
        "arguments: no",
    ];
    let errors = placed(&messages.map(str::to_owned));
    let form = Form::of(&plan(&schema), &Posted::new(), &errors);
    assert_eq!(
        form.errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["arguments: no"]
    );
    assert!(
        form.fields
            .iter()
            .all(|it| it.to_string().contains("class=\"error\""))
    );
    let html = form.fields[0].to_string();
    assert!(
        html.contains("5 is more than 3")
            && html.contains("This is needed.")
            && html.contains("aria-invalid"),
        "{html}"
    );
}

#[test]
fn secrets_are_never_drawn() {
    let schema =
        json!({"properties": {"token": {"type": "string"}, "n": {"type": "integer"}}, "required": ["token"]});
    let plan = Plan {
        schema: &schema,
        order: &["token"],
        secret: &["token", "n"],
    };
    assert!(fill(&plan, &json!({"token": "s3cret"})).is_empty());
    let posted = Posted::from([
        ("v.token".to_owned(), "s3cret".to_owned()),
        ("v.n".to_owned(), "77".to_owned()),
    ]);
    let html = Form::of(&plan, &posted, &Errors::new())
        .fields
        .iter()
        .map(ToString::to_string)
        .collect::<String>();
    assert!(
        html.contains("type=\"password\"") && !html.contains("s3cret") && !html.contains("77"),
        "{html}"
    );
}

#[test]
fn names_and_words_of_a_schema_are_text() {
    let evil = "<img src=x onerror=alert(1)>\u{202e}";
    let schema = json!({"properties": {evil: {"type": "string", "description": evil, "default": evil}, "e": {"enum": [evil]}}});
    let posted = fill(&plan(&schema), &json!({evil: evil, "e": evil}));
    let form = Form::of(&plan(&schema), &posted, &Errors::new());
    let html = form.fields.iter().map(ToString::to_string).collect::<String>();
    assert!(!html.contains("<img"), "{html}");
    let value = read(&plan(&schema), &posted).unwrap();
    assert_eq!(value, json!({evil: evil, "e": evil}));
}

#[test]
fn markup_in_any_control_is_text() {
    let evil = "\"></textarea></select><script>alert(1)</script>";
    let schema = json!({"properties": {
        "line": {"type": "string", "maxLength": 100}, "lines": {"type": "string"}, "number": {"type": "integer"},
        "choice": {"enum": [evil, "b"]}, "json": {}, "list": {"type": "array", "items": {"type": "string", "maxLength": 9}},
        "group": {"type": "object", "properties": {"lines": {"type": "string"}}, "title": evil},
    }});
    let names = [
        "line",
        "lines",
        "number",
        "choice",
        "json~json",
        "list[0]",
        "group.lines",
        "list~was",
    ];
    let mut posted: Posted = names.map(|it| (format!("v.{it}"), evil.to_owned())).into();
    posted.insert("v.list~rows".to_owned(), "1".to_owned());
    let errors = names.map(|it| (format!("v.{it}"), vec![evil.to_owned()])).into();
    let form = Form::of(&plan(&schema), &posted, &errors);
    let html = form.fields.iter().map(ToString::to_string).collect::<String>();
    assert!(
        html.matches("&#60;script&#62;").count() + html.matches("&lt;script&gt;").count() > 14,
        "{html}"
    );
    assert!(
        !html.contains("<script>") && !html.contains("</textarea></select>"),
        "{html}"
    );
}

/// A schema, and values that fit it.
fn cases() -> impl Strategy<Value = (Value, Value)> {
    let leaf = prop_oneof![
        any::<String>().prop_map(|it| (json!({"type": "string"}), json!(it))),
        "[ -~\n]{0,12}".prop_map(|it| (json!({"type": "string", "maxLength": 40}), json!(it))),
        any::<i64>().prop_map(|it| (json!({"type": "integer"}), json!(it))),
        any::<u64>().prop_map(|it| (json!({"type": "integer"}), json!(it))),
        any::<f64>()
            .prop_filter("JSON has no such number", |it| it.is_finite()
                && it.fract() != 0.0)
            .prop_map(|it| (json!({"type": "number"}), json!(it))),
        any::<bool>().prop_map(|it| (json!({"type": "boolean"}), json!(it))),
        (0..3_usize).prop_map(|it| (
            json!({"enum": ["a", 1, "<b>"]}),
            json!(["a", 1, "<b>"])[it].clone()
        )),
        Just((json!({"type": ["string", "null"]}), Value::Null)),
        Just((
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            Value::Null
        )),
        any::<u64>().prop_map(|it| (
            json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            json!(it)
        )),
        any::<String>().prop_map(|it| (json!({}), json!({ "any": it }))),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(
                (any::<String>(), any::<bool>(), any::<bool>(), inner.clone()),
                0..5
            )
            .prop_map(|members| {
                let (mut properties, mut value, mut required) =
                    (serde_json::Map::new(), serde_json::Map::new(), Vec::new());
                for (name, is_there, is_required, (schema, member)) in members {
                    if properties.contains_key(&name) {
                        continue;
                    }
                    properties.insert(name.clone(), schema);
                    if is_required {
                        required.push(name.clone());
                    }
                    if is_there || is_required {
                        value.insert(name, member);
                    }
                }
                (
                    json!({"type": "object", "properties": properties, "required": required}),
                    Value::Object(value),
                )
            }),
            (inner, 0..4_usize).prop_map(|((schema, item), count)| {
                (
                    json!({"type": "array", "items": schema}),
                    Value::Array(vec![item; count]),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_fits_survives((schema, value) in cases()) {
        let value = countersign::Canonical::of(&value).map(|it| it.value());
        prop_assume!(value.is_ok());
        let value = value.unwrap();
        let schema = json!({"type": "object", "properties": {"x": schema}, "required": ["x"]});
        let value = json!({ "x": value });
        let posted = fill(&plan(&schema), &value);
        prop_assert_eq!(read(&plan(&schema), &posted), Ok(value), "{:?}", posted);
        // Drawn, it still posts the same names.
        let form = Form::of(&plan(&schema), &posted, &Errors::new());
        let html = form.fields.iter().map(ToString::to_string).collect::<String>();
        for name in posted.keys() {
            let escaped = name.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;").replace('"', "&#34;").replace('\'', "&#39;");
            prop_assert!(html.contains(&format!("name=\"{escaped}\"")), "{} in {}", name, html);
        }
    }
}
