//! What the clerk says when no language model is asked.

use countersign_agent::model::Step;
use example_kit::script::Turn;
use serde_json::{Value, json};

/// The next thing that the clerk says or does.
pub fn clerk(turn: &Turn<'_>) -> Step {
    if let Some(last) = turn.results.last() {
        return Step::say(answer(&last.name, &turn.result(&last.name).unwrap_or_default()));
    }
    let account = turn.account();
    let missing = || Step::say("Of which account? They look like ACME-123.");
    match account {
        _ if turn.has(&["report", "how much", "paid"]) => Step::call("report_refunds", json!({})),
        None if turn.has(&["refund", "delete", "export", "account"]) => missing(),
        Some(account) if turn.has(&["refund", "pay"]) => match turn.cents() {
            Some(cents) => {
                let reason = turn.because().unwrap_or("the customer asked for it");
                Step::call(
                    "refund",
                    json!({"account": account, "amount_cents": cents, "reason": reason}),
                )
            }
            None => Step::say(format!("How much is {account} to get back?")),
        },
        Some(account) if turn.has(&["delete", "close", "forget"]) => {
            Step::call("delete_account", json!({"account": account}))
        }
        Some(account) if turn.has(&["export", "copy"]) => {
            Step::call("export_account", json!({"account": account}))
        }
        Some(account) => Step::call("look_up_account", json!({"account": account})),
        None => Step::say(
            "I follow a script, and know five things: look up, refund, delete or export an account such as ACME-123, \
             and report what was paid. Try: Refund ACME-123 $500 because it was late.",
        ),
    }
}

fn answer(tool: &str, result: &Value) -> String {
    if let Some(trouble) = Turn::trouble(result) {
        return trouble;
    }
    let word = |name: &str| result[name].as_str().unwrap_or("?").to_owned();
    let number = |name: &str| result[name].as_u64().unwrap_or_default();
    match tool {
        "refund" => {
            let signed: Vec<&str> = result["approved_by"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let by = if signed.is_empty() {
                String::new()
            } else {
                format!(", signed off by {}", signed.join(", "))
            };
            format!(
                "{} got {} back{by}. The number is {}.",
                word("account"),
                money(number("amount_cents")),
                word("refund_id")
            )
        }
        "delete_account" => format!("{} is deleted.", word("account")),
        "export_account" => format!(
            "It is in {}: {} refunds. That you asked is on record.",
            word("file"),
            number("refunds")
        ),
        "look_up_account" => format!(
            "{} is {}, a customer since {}.",
            word("account"),
            word("name"),
            number("since")
        ),
        "report_refunds" => format!(
            "{} refunds, {} in all.",
            number("refunds"),
            money(number("total_cents"))
        ),
        _ => result.to_string(),
    }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
