//! What a model is told about its arguments.

use std::collections::BTreeMap;

use countersign::{Tool, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::run;

/// A transparent wrapper.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Wrapped(Option<u8>);

type Maybe = Option<u64>;

#[derive(Deserialize, JsonSchema)]
struct Item {
    #[expect(dead_code, reason = "only read")]
    id: u64,
}

/// Search.
#[tool]
fn search(query: String, limit: u32, after: Maybe, wrapped: Wrapped) -> String {
    format!("{query} {limit} {after:?} {:?}", wrapped.0)
}

/// Nested.
#[tool]
fn nested(items: Vec<Item>, by_name: BTreeMap<String, Item>) -> usize {
    items.len() + by_name.len()
}

/// Nothing.
#[tool]
fn nothing() {}

/// Secrets.
#[tool]
fn login(
    user: String,
    #[arg(secret)] pins: BTreeMap<String, u8>,
    #[arg(secret, default = 7)] code: u8,
) -> usize {
    user.len() + pins.len() + usize::from(code)
}

#[track_caller]
fn refused<T: Tool>(arguments: &str, expected: &str) {
    assert_eq!(run::<T>(arguments).unwrap_err(), expected);
    let condition = (T::definition().conditions)(arguments).unwrap_err();
    assert_eq!(condition.to_string(), expected);
    let check = (T::definition().check)(arguments, &[]).unwrap_err();
    assert_eq!(check.to_string(), expected);
}

#[test]
fn all_mistakes_are_told_at_once() {
    refused::<search>(
        r#"{"query":1,"lim":2,"query":"x","after":"1"}"#,
        "argument `query`: invalid type: integer `1`, expected a string; \
         unknown argument `lim`; expected one of `query`, `limit`, `after`, `wrapped`; \
         argument `query` is given twice; \
         argument `after`: invalid type: string \"1\", expected u64; \
         argument `limit` is missing",
    );
    refused::<search>(
        r#"{"query":"x","limit":-1}"#,
        "argument `limit`: invalid value: integer `-1`, expected u32",
    );
}

#[test]
fn paths_lead_into_values() {
    refused::<nested>(
        r#"{"items":[{"id":1},{"id":"x"}],"by_name":{"a":{"id":null}}}"#,
        "argument `items[1].id`: invalid type: string \"x\", expected u64; \
         argument `by_name.a.id`: invalid type: null, expected u64",
    );
}

#[test]
fn texts_that_are_no_object() {
    refused::<search>("[1]", "the arguments must be a JSON object");
    refused::<search>("\"x\"", "the arguments must be a JSON object");
    refused::<search>(
        "{\"query\":\"x\"",
        "the arguments are not valid JSON: EOF while parsing an object at line 1 column 12",
    );
    refused::<search>(
        r#"{"query":"x","limit":1} x"#,
        "the arguments are not valid JSON: trailing characters at line 1 column 25",
    );
    refused::<search>("null", "argument `query` is missing; argument `limit` is missing");
}

#[test]
fn no_arguments_are_written_in_many_ways() {
    for text in ["{}", "null", "", " \n", " { } "] {
        assert_eq!(run::<nothing>(text).unwrap(), "null", "{text:?}");
    }
    refused::<nothing>(r#"{"x":1}"#, "unknown argument `x`; this tool takes none");
}

#[test]
fn optional_is_asked_of_the_type() {
    assert_eq!(
        run::<search>(r#"{"limit":1,"query":"q"}"#).unwrap(),
        "\"q 1 None None\""
    );
    assert_eq!(
        run::<search>(r#"{"wrapped":null,"limit":1,"after":null,"query":"q"}"#).unwrap(),
        "\"q 1 None None\""
    );
    assert_eq!(
        run::<search>(r#"{"wrapped":3,"limit":1,"after":2,"query":"q"}"#).unwrap(),
        "\"q 1 Some(2) Some(3)\""
    );
    let schema = &search::descriptor().input_schema;
    assert_eq!(schema["required"], serde_json::json!(["query", "limit"]));
}

#[test]
fn secrets_are_never_quoted() {
    assert_eq!(run::<login>(r#"{"user":"u","pins":{"a":1}}"#).unwrap(), "9");
    let text = r#"{"user":"u","pins":{"hunter2":"12345678"},"code":"s3cr3t"}"#;
    refused::<login>(
        text,
        "argument `pins`: not a value this argument accepts; argument `code`: not a value this argument accepts",
    );
    let shown = serde_json::to_string(login::descriptor()).unwrap();
    assert!(!shown.contains('7'), "{shown}");
}

#[test]
fn what_people_fill_in_may_be_missing() {
    let check = search::definition().check;
    assert!(check(r#"{"limit":1}"#, &["query"]).is_ok());
    assert_eq!(
        check(r#"{"limit":"x"}"#, &["query"]).unwrap_err().to_string(),
        "argument `limit`: invalid type: string \"x\", expected u32"
    );
}

#[test]
fn a_huge_value_is_not_sent_back() {
    let text = format!(r#"{{"query":"q","limit":"{}"}}"#, "é".repeat(100_000));
    assert!(run::<search>(&text).unwrap_err().len() < 1100);
}
