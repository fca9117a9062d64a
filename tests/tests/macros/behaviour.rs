//! Functions of every shape, called as a runtime would.

use countersign::core::tool::{Body, Tools};
use countersign::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::support::{World, conditions, run, run_in};

/// Add two numbers.
#[tool]
fn add(a: i64, b: i64) -> i64 {
    a + b
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Order {
    id: u64,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Line {
    article: String,
    amount: u32,
}

/// Count the lines of an order.
#[tool(read_only, name = "orders.count", title = "Count lines")]
async fn count_lines(
    /// The order.
    order: Order,
    /// Only articles that start so.
    prefix: Option<String>,
    #[arg(default = 1, rename = "factor", example = 2)] times: usize,
) -> Result<usize, String> {
    let prefix = prefix.unwrap_or_default();
    let found = order
        .lines
        .iter()
        .filter(|it| it.article.starts_with(&prefix))
        .count();
    if found == 0 {
        Err("no such line".to_owned())
    } else {
        Ok(found * times)
    }
}

#[derive(Clone)]
struct Ledger(&'static str);

/// Refund a customer.
#[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
#[approval(required, pool = "finance", quorum = 2, expires_in = "48h", when = *amount_cents >= 1_000_000)]
#[tool(requires_confirmation, destructive, timeout = "30s")]
async fn issue_refund(
    #[state] ledger: Ledger,
    #[context] ctx: CallContext,
    customer_id: String,
    amount_cents: u64,
    #[arg(secret)] card: Option<u64>,
) -> Result<String, std::fmt::Error> {
    let _ = card;
    Ok(format!(
        "{} {} {customer_id} {amount_cents}",
        ledger.0, ctx.idempotency_key
    ))
}

/// Change management decides.
#[tool(external_execution)]
fn submit_change(payload: Order) -> Line;

/// Nothing to say.
#[approval(audit, when = reason.is_empty())]
#[tool(blocking)]
fn note(reason: String) {
    drop(reason);
}

/// An unnamed result.
#[tool]
fn unnamed(n: u8) -> impl Serialize + JsonSchema {
    vec![n; 2]
}

#[test]
fn sync_and_async_functions_run() {
    assert_eq!(add(1, 2), 3);
    assert_eq!(run::<add>(r#"{"b":2,"a":1}"#).unwrap(), "3");
    let order = json!({"id": 1, "lines": [{"article": "tea", "amount": 1}]});
    let call = |more: serde_json::Value| {
        let mut all = json!({"order": order});
        all.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        run::<count_lines>(&all.to_string())
    };
    assert_eq!(call(json!({})).unwrap(), "1");
    assert_eq!(call(json!({"prefix": null, "factor": null})).unwrap(), "1");
    assert_eq!(call(json!({"prefix": "t", "factor": 3})).unwrap(), "3");
    assert_eq!(call(json!({"prefix": "x"})).unwrap_err(), "no such line");
    assert_eq!(run::<note>(r#"{"reason":""}"#).unwrap(), "null");
    assert_eq!(run::<unnamed>(r#"{"n":3}"#).unwrap(), "[3,3]");
    assert!(matches!(note::definition().body, Body::Blocking(_)));
    assert!(matches!(submit_change::definition().body, Body::None));
}

#[test]
fn states_and_context_come_from_the_program() {
    let world = World::default().with(Ledger("L"));
    let arguments = r#"{"customer_id":"c","amount_cents":5}"#;
    assert_eq!(
        run_in::<issue_refund>(&world, arguments).unwrap(),
        "\"L key-1 c 5\""
    );
    let missing = run::<issue_refund>(arguments).unwrap_err();
    assert!(
        missing.starts_with("no state of type `macros::behaviour::Ledger` was provided"),
        "{missing}"
    );
    let states = (issue_refund::definition().states)();
    assert_eq!(states.len(), 1);
    assert!(states[0].name.ends_with("Ledger"));
}

#[test]
fn conditions_follow_the_arguments() {
    let at = |cents: u64| {
        conditions::<issue_refund>(&json!({"customer_id": "c", "amount_cents": cents}).to_string())
    };
    assert_eq!(at(1), (true, vec![false, false], true));
    assert_eq!(at(10_000), (true, vec![true, false], true));
    assert_eq!(at(1_000_000), (true, vec![true, true], true));
    assert_eq!(conditions::<note>(r#"{"reason":""}"#), (true, vec![], true));
    assert_eq!(conditions::<note>(r#"{"reason":"x"}"#), (true, vec![], false));
    let wrong = (issue_refund::definition().conditions)("{}").unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "argument `customer_id` is missing; argument `amount_cents` is missing"
    );
}

#[test]
fn the_descriptor_says_what_was_written() {
    let shown = serde_json::to_value(issue_refund::descriptor()).unwrap();
    assert_eq!(
        shown["gates"],
        json!({
            "confirmation": {},
            "approvals": [
                {"pool": "managers", "quorum": 1, "when": "*amount_cents >= 10_000"},
                {"pool": "finance", "quorum": 2, "when": "*amount_cents >= 1_000_000", "expires_in_ms": 172_800_000},
            ],
        })
    );
    assert_eq!(shown["timeout_ms"], 30_000);
    assert_eq!(
        shown["parameters"][2],
        json!({"name": "card", "required": false, "secret": true})
    );
    let shown = serde_json::to_value(count_lines::descriptor()).unwrap();
    assert_eq!(shown["name"], "orders.count");
    assert_eq!(shown["title"], "Count lines");
    assert_eq!(
        shown["input_schema"],
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["order"],
            "properties": {
                "order": {
                    "description": "The order.",
                    "type": "object",
                    "required": ["id", "lines"],
                    "properties": {
                        "id": {"type": "integer", "format": "uint64", "minimum": 0},
                        "lines": {"type": "array", "items": {
                            "type": "object",
                            "required": ["article", "amount"],
                            "properties": {
                                "article": {"type": "string"},
                                "amount": {"type": "integer", "format": "uint32", "minimum": 0},
                            },
                        }},
                    },
                },
                "prefix": {"description": "Only articles that start so.", "type": ["string", "null"]},
                "factor": {"type": "integer", "format": "uint", "minimum": 0, "default": 1, "examples": [2]},
            },
        })
    );
    assert_eq!(
        shown["output_schema"],
        json!({"type": "integer", "format": "uint", "minimum": 0})
    );
    assert_eq!(
        submit_change::descriptor().output_schema.as_ref().unwrap()["type"],
        "object"
    );
    assert_eq!(
        unnamed::descriptor().output_schema.as_ref().unwrap()["type"],
        "array"
    );
}

#[test]
fn tools_are_listed_and_linked() {
    let names: Vec<_> = <(add, (issue_refund, note))>::definitions()
        .iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["add", "issue_refund", "note"]);
    assert_eq!(<add as Tools>::definitions().len(), 1);
    let linked: Vec<_> = countersign::core::tool::linked().map(|it| it.name).collect();
    for name in names {
        assert_eq!(linked.iter().filter(|it| **it == name).count(), 1);
    }
    let place = add::definition().location;
    assert!(place.file.ends_with("behaviour.rs"));
    assert_eq!(place.line, 13);
}

/// Why these two do not go together.
fn in_order(start: u64, end: u64) -> Result<(), String> {
    assert_ne!(start, 13, "unlucky");
    if start < end {
        return Ok(());
    }
    Err(format!("argument `end`: {end} is not after {start}"))
}

/// Book a room.
#[tool(check = in_order(*start, *end))]
fn book(start: u64, end: u64) -> u64 {
    end - start
}

/// Book a room, if they agree.
#[approval(required, when = *start > 100)]
#[tool(unlisted, check = in_order(*start, *end))]
async fn book_dear(start: u64, #[arg(default = 9)] end: u64) -> u64 {
    end - start
}

#[test]
fn a_check_refuses_whoever_reads_the_arguments() {
    let wrong = r#"{"start": 5, "end": 4}"#;
    let why = "argument `end`: 4 is not after 5";
    assert_eq!(run::<book>(r#"{"start": 5, "end": 7}"#).unwrap(), "2");
    assert_eq!(run::<book>(wrong).unwrap_err(), why);
    assert_eq!(run::<book_dear>(wrong).unwrap_err(), why);
    for definition in [book::definition(), book_dear::definition()] {
        assert_eq!((definition.conditions)(wrong).unwrap_err().to_string(), why);
        // Where a person is still to fill something in, there is nothing to check yet.
        assert!((definition.check)(r#"{"start": 5}"#, &["end"]).is_ok());
    }
    // With defaults in place, as the function gets them.
    let (_, approvals, _) = conditions::<book_dear>(r#"{"start": 5}"#);
    assert_eq!(approvals, [false]);
    assert_eq!(
        run::<book_dear>(r#"{"start": 9}"#).unwrap_err(),
        "argument `end`: 9 is not after 9"
    );
}

#[test]
fn a_check_that_panics_refuses() {
    let error = run::<book>(r#"{"start": 13, "end": 14}"#).unwrap_err();
    assert_eq!(error, "checking the arguments panicked");
}

#[test]
fn the_text_of_a_check_belongs_to_the_descriptor() {
    let descriptor = book::descriptor();
    assert_eq!(descriptor.check.as_deref(), Some("in_order(*start, *end)"));
    let mut without = descriptor.clone();
    without.check = None;
    assert_ne!(without.digest(), descriptor.digest());
}

#[test]
fn an_unlisted_tool_is_found_by_its_type_alone() {
    let listed = |name: &str| countersign::core::tool::linked().any(|it| it.name == name);
    assert!(listed("book") && !listed("book_dear"));
    assert_eq!(<book_dear as Tools>::definitions()[0].name, "book_dear");
}
