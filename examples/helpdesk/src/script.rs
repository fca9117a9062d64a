//! What the help desk and its technician say when no language model is asked.

use countersign_agent::model::Step;
use example_kit::script::Turn;
use serde_json::{Value, json};

/// The next thing that the help desk says or does.
pub fn helpdesk(turn: &Turn<'_>) -> Step {
    if let Some(last) = turn.results.last() {
        let result = turn.result(&last.name).unwrap_or_default();
        return match (Turn::trouble(&result), last.name.as_str()) {
            (Some(trouble), _) => Step::say(trouble),
            // The person has chosen; now it can be ordered.
            (None, "ask_user") => Step::call("order_replacement", json!({"device": chosen(&result)})),
            (None, tool) => Step::say(answer(tool, &result)),
        };
    }
    if turn.has(&["password"]) {
        return match turn.account() {
            Some(account) => Step::call("reset_password", json!({"account": account})),
            None => Step::say("Of which account? They look like ACME-123."),
        };
    }
    if turn.has(&["wipe", "lost", "stolen"]) {
        return Step::call("technician", json!({"input": turn.said}));
    }
    if turn.has(&["replace", "new device"]) {
        return Step::call(
            "ask_user",
            json!({"questions": [{
                "id": "device",
                "question": "What is to be replaced?",
                "options": [{"label": "laptop"}, {"label": "phone"}, {"label": "screen", "description": "without its stand"}],
            }]}),
        );
    }
    if turn.has(&["ticket", "broken", "does not work"]) {
        return Step::call("file_ticket", json!({"summary": turn.said}));
    }
    if let Some(service) = ["mail", "billing", "search"]
        .into_iter()
        .find(|it| turn.has(&[it]))
    {
        return Step::call("service_status", json!({"service": service}));
    }
    match turn.account() {
        Some(customer) => Step::call("search_orders", json!({"customer": customer})),
        None => Step::say(
            "I follow a script, and know six things: reset the password of ACME-123, file a ticket, replace a device, \
             wipe LAPTOP-7 because it was stolen, how the service mail does, and the orders of ACME-123.",
        ),
    }
}

/// The next thing that the technician says or does.
pub fn technician(turn: &Turn<'_>) -> Step {
    if let Some(result) = turn.result("wipe_device") {
        let wiped = || format!("{} is wiped.", result["device"].as_str().unwrap_or("It"));
        return Step::say(Turn::trouble(&result).unwrap_or_else(wiped));
    }
    match turn.account() {
        Some(device) => Step::call("wipe_device", json!({"device": device})),
        None => Step::say("Which device? They look like LAPTOP-7."),
    }
}

fn chosen(result: &Value) -> String {
    result["answers"][0]["chosen"][0]
        .as_str()
        .unwrap_or("laptop")
        .to_owned()
}

fn answer(tool: &str, result: &Value) -> String {
    let word = |name: &str| result[name].as_str().unwrap_or("?").to_owned();
    match tool {
        "reset_password" => format!("The password of {} is reset.", word("account")),
        "file_ticket" => format!(
            "It is ticket {}, with severity {}.",
            word("ticket_id"),
            word("severity")
        ),
        "order_replacement" => format!(
            "It is on its way: parcel {}, {} days.",
            word("parcel"),
            result["days"]
        ),
        "service_status" if result["up"] == true => format!("It is up: {}.", word("remark")),
        "service_status" => format!("It is down: {}.", word("remark")),
        "search_orders" => {
            let items: Vec<&str> = result
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|it| it["item"].as_str())
                .collect();
            if items.is_empty() {
                "There are no orders.".to_owned()
            } else {
                format!("Ordered: {}.", items.join(", "))
            }
        }
        "technician" => format!(
            "The technician says: {}",
            result.as_str().map_or_else(|| result.to_string(), str::to_owned)
        ),
        _ => result.to_string(),
    }
}
