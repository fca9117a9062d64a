//! Every message of the validator, over schemas as schemars derives them.

#![allow(dead_code, reason = "the types are only looked at by schemars")]

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;

use super::super::tests::{Documented, Fixture, Item, Payment, Severity, Tree};
use super::super::{Dialect, SchemaFor, needs_validation};
use super::*;

#[track_caller]
fn complains(validator: &Validator, value: &Value, expect: &[&str]) {
    assert_eq!(validator.check(value).unwrap_err(), expect);
}

#[test]
fn all_errors_of_arguments_are_told_in_order() {
    let descriptor = Fixture::named("search")
        .with::<u64>("q")
        .optional::<Option<u8>>("limit")
        .with::<Vec<Item>>("items")
        .done();
    let validator = Validator::for_input(&descriptor);
    complains(
        &validator,
        &json!({"lim": 1, "limit": "x", "items": [{"price": 1, "count": 1}, {"price": "a", "count": 300, "tags": [1]}]}),
        &[
            "missing argument `q`",
            "argument `limit`: invalid type: string \"x\", expected integer or null",
            "argument `items[1].count`: integer `300` is more than 255",
            "argument `items[1].price`: invalid type: string \"a\", expected number",
            "argument `items[1].tags[0]`: invalid type: integer `1`, expected string",
            "unknown argument `lim`; expected one of `q`, `limit`, `items`",
        ],
    );
    complains(
        &validator,
        &json!({"q": 1, "items": [{}]}),
        &[
            "argument `items[0]`: missing field `count`",
            "argument `items[0]`: missing field `price`",
        ],
    );
    complains(
        &validator,
        &json!([1]),
        &["arguments: invalid type: array, expected object"],
    );
    complains(
        &validator,
        &Value::Null,
        &["missing argument `q`", "missing argument `items`"],
    );
    assert_eq!(
        validator.check(&json!({"q": 1, "limit": null, "items": []})),
        Ok(())
    );
}

#[test]
fn no_arguments_may_be_null() {
    let validator = Validator::for_input(&Fixture::named("now").done());
    assert_eq!(validator.check(&Value::Null), Ok(()));
    complains(
        &validator,
        &json!({"x": 1}),
        &["unknown argument `x`; it takes none"],
    );
}

#[test]
fn alternatives_are_told_apart() {
    let descriptor = Fixture::named("pay")
        .with::<Payment>("payment")
        .optional::<Option<Documented>>("mood")
        .optional::<Option<Item>>("extra")
        .with::<Severity>("severity")
        .done();
    let validator = Validator::for_input(&descriptor);
    complains(
        &validator,
        &json!({"payment": {"kind": "card"}, "mood": "x", "extra": {"price": 1, "count": -1}, "severity": "mid"}),
        &[
            "argument `payment`: missing field `number`",
            "argument `mood`: unknown value: string \"x\", expected one of `low`, `high`",
            "argument `extra.count`: integer `-1` is less than 0",
            "argument `severity`: unknown value: string \"mid\", expected one of `low`, `high`",
        ],
    );
    complains(
        &validator,
        &json!({"payment": {"kind": "iou"}, "severity": "low"}),
        &["argument `payment.kind`: unknown value: string \"iou\", expected one of `card`, `cash`"],
    );
}

#[test]
fn secrets_stay_out_of_messages() {
    let descriptor = Fixture::named("login")
        .extended::<String>("token", json!({"minLength": 10, "pattern": "^t"}))
        .secret()
        .with::<BTreeMap<String, u8>>("vault")
        .secret()
        .with::<Payment>("card")
        .secret()
        .done();
    let validator = Validator::for_input(&descriptor);
    for value in [
        json!({"token": "hunter2", "vault": {"hunter2": "hunter2"}, "card": {"kind": "hunter2"}}),
        json!({"token": ["hunter2"], "vault": ["hunter2"], "card": {"kind": "card", "hunter2": 1}}),
        json!({"token": "hunter2", "vault": {"hunter2": 1.5}, "card": "hunter2"}),
    ] {
        let errors = validator.check(&value).unwrap_err();
        assert!(errors.len() >= 3, "{errors:?}");
        for error in errors {
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

#[test]
fn messages_are_bounded_and_printable() {
    let descriptor = Fixture::named("t").with::<Vec<u8>>("list").with::<u8>("n").done();
    let validator = Validator::for_input(&descriptor);
    let many: Vec<Value> = (0..20_000).map(|_| json!("x")).collect();
    let errors = validator.check(&json!({"list": many, "n": 1})).unwrap_err();
    assert_eq!(errors.len(), 51);
    assert_eq!(errors[50], "and at least 950 more");
    let long = format!("\u{202e}\n{}", "y".repeat(1_000));
    let errors = validator.check(&json!({"list": [], "n": long})).unwrap_err();
    assert!(
        errors[0].len() < 150 && errors[0].contains("\\u{202e}\\n"),
        "{errors:?}"
    );
}

#[test]
fn only_the_asked_fields_are_filled_in() {
    let descriptor = Fixture::named("file_support_ticket")
        .with::<String>("summary")
        .extended::<String>("description", json!({"minLength": 3}))
        .with::<Severity>("severity")
        .hidden(&["description", "severity"])
        .done();
    let fields = ["description".to_owned(), "severity".to_owned()];
    let validator = Validator::for_fields(&descriptor, &fields);
    complains(
        &validator,
        &json!({"summary": "s", "description": "no"}),
        &[
            "argument `description`: string \"no\" is shorter than 3 characters",
            "missing argument `severity`",
            "unknown argument `summary`; expected one of `description`, `severity`",
        ],
    );
    let model = Validator::for_model(&descriptor);
    assert_eq!(model.check(&json!({"summary": "s"})), Ok(()));
    complains(
        &model,
        &json!({"summary": "s", "severity": "low"}),
        &["unknown argument `severity`; expected one of `summary`"],
    );
}

#[test]
fn results_are_checked_too() {
    let descriptor = Fixture::named("t").returning::<Vec<Item>>().done();
    let validator = Validator::for_output(&descriptor);
    complains(
        &validator,
        &json!("x"),
        &["result: invalid type: string \"x\", expected array"],
    );
    complains(
        &validator,
        &json!([{"price": "x", "count": 1}]),
        &["result `[0].price`: invalid type: string \"x\", expected number"],
    );
    let anything = Validator::for_output(&Fixture::named("t").done());
    assert_eq!(anything.check(&json!({"a": 1})), Ok(()));
}

#[test]
fn recursive_arguments_are_checked_to_the_bottom() {
    let descriptor = Fixture::named("plant").with::<Tree>("tree").done();
    let validator = Validator::for_input(&descriptor);
    complains(
        &validator,
        &json!({"tree": {"name": "a", "children": [{"name": "b", "children": [{"name": 1, "children": []}]}]}}),
        &["argument `tree.children[0].children[0].name`: invalid type: integer `1`, expected string"],
    );
}

#[test]
fn patterns_cannot_hang_and_bad_ones_are_told() {
    let evil = Fixture::named("t")
        .extended::<String>("s", json!({"pattern": "^(a+)+$"}))
        .done();
    let validator = Validator::for_input(&evil);
    validator.prepare().unwrap();
    let text = format!("{}!", "a".repeat(200_000));
    assert!(validator.check(&json!({"s": text})).is_err());
    for pattern in ["(", "(a)\\1", "(?=a)"] {
        let bad = Fixture::named("t")
            .extended::<String>("s", json!({"pattern": pattern}))
            .done();
        let validator = Validator::for_input(&bad);
        let error = validator.prepare().unwrap_err().to_string();
        assert!(
            error.starts_with("tool `t`: the schema of its arguments cannot be used: "),
            "{error}"
        );
        // Closed, not open.
        assert!(validator.check(&json!({"s": "a"})).is_err());
    }
    let mut remote = Fixture::named("t").done();
    remote.input_schema["properties"]["a"] = json!({"$ref": "https://example.com/schema.json"});
    assert!(Validator::for_input(&remote).prepare().is_err());
    assert!(remote.schema_for(Dialect::Mcp).is_err());
}

#[test]
fn only_schemas_that_say_more_than_types_are_checked() {
    let plain = Fixture::named("t")
        .with::<u64>("a")
        .with::<(u8, i16, String)>("b")
        .with::<Vec<Item>>("c")
        .with::<Payment>("d")
        .optional::<Option<Severity>>("e")
        .with::<Tree>("f")
        .with::<BTreeMap<String, i32>>("g")
        .with::<Value>("h")
        .done();
    assert!(!needs_validation(&plain));
    for more in [
        json!({"minLength": 1}),
        json!({"pattern": "x"}),
        json!({"format": "email"}),
        json!({"not": {}}),
    ] {
        let descriptor = Fixture::named("t").extended::<String>("a", more).done();
        assert!(needs_validation(&descriptor));
    }
    let ranged = Fixture::named("t")
        .extended::<u8>("a", json!({"minimum": 1}))
        .done();
    assert!(needs_validation(&ranged));
    assert!(needs_validation(
        &Fixture::named("t").with::<HashSet<u8>>("a").done()
    ));
}

#[derive(JsonSchema)]
#[serde(tag = "kind")]
enum Formula {
    Add { arms: Vec<Formula> },
    Mul { arms: Vec<Formula> },
    Neg { arm: Box<Formula> },
    Any { arms: Vec<Formula> },
}

#[test]
fn deep_alternatives_do_not_double_with_every_level() {
    let descriptor = Fixture::named("t").with::<Formula>("formula").done();
    let validator = Validator::for_input(&descriptor);
    let mut formula = json!({"kind": "Any", "arms": [1]});
    let mut path = "formula".to_owned();
    for _ in 0..14 {
        formula = json!({"kind": "Any", "arms": [formula]});
        path.push_str(".arms[0]");
    }
    let expect = format!("argument `{path}.arms[0]`: invalid type: integer `1`, expected object");
    // Without an end this test would not end either: 3^15 errors of errors.
    complains(&validator, &json!({"formula": formula}), &[&expect]);
}

#[test]
fn formats_are_checked() {
    let descriptor = Fixture::named("t")
        .extended::<String>("at", json!({"format": "date-time"}))
        .done();
    let validator = Validator::for_input(&descriptor);
    assert_eq!(validator.check(&json!({"at": "2026-01-01T00:00:00Z"})), Ok(()));
    complains(
        &validator,
        &json!({"at": "soon"}),
        &["argument `at`: string \"soon\" is not a valid `date-time`"],
    );
}
