//! What the planner says when no language model is asked.

use countersign_agent::model::Step;
use example_kit::script::Turn;
use serde_json::{Value, json};

/// The next thing that the planner says or does.
pub fn planner(turn: &Turn<'_>) -> Step {
    let given: Vec<Value> = turn
        .results
        .iter()
        .map(|it| serde_json::from_str(&it.content).unwrap_or_default())
        .collect();
    if let Some(trouble) = given.last().and_then(Turn::trouble) {
        return Step::say(trouble);
    }
    match given.as_slice() {
        [] if turn.has(&["plan", "event", "book"]) => Step::call("ask_user", json!({"questions": [kind()]})),
        [] => Step::say("I follow a script, and plan events. Try: Plan something for my team."),
        // What is asked next depends on what was chosen.
        [kind] => Step::call(
            "ask_user",
            json!({"questions": more(chosen(kind, 0).first().map_or("", String::as_str))}),
        ),
        [_, _] => Step::call(
            "get_user_input",
            json!({"fields": [
                {"name": "day", "kind": "date", "description": "On which day?"},
                {"name": "people", "kind": "integer", "description": "For how many people?"},
            ]}),
        ),
        [kind, more, fields] => Step::call(
            "book_event",
            json!({
                "event": chosen(kind, 0).first(),
                "wishes": wishes(more),
                "day": value(fields, "day"),
                "people": value(fields, "people"),
            }),
        ),
        [.., booked] => Step::say(format!(
            "Booked: {} for {} people on {}. The number is {}.",
            booked["event"].as_str().unwrap_or("?"),
            booked["people"],
            booked["day"].as_str().unwrap_or("?"),
            booked["booking_id"].as_str().unwrap_or("?"),
        )),
    }
}

fn kind() -> Value {
    json!({
        "id": "kind",
        "question": "What kind of event is it?",
        "options": [
            {"label": "dinner", "description": "an evening, with something to eat"},
            {"label": "outing", "description": "a day outside"},
        ],
    })
}

fn more(kind: &str) -> Value {
    let note = json!({"id": "note", "question": "Anything else?", "free_text": true, "optional": true});
    match kind {
        "dinner" => json!([
            {"id": "food", "question": "What is there to eat?", "several": true,
             "options": [{"label": "vegan"}, {"label": "fish"}, {"label": "meat"}]},
            note,
        ]),
        _ => json!([
            {"id": "where", "question": "Where to?", "options": [{"label": "mountains"}, {"label": "lake"}], "free_text": true},
            note,
        ]),
    }
}

/// The options that were chosen for one question.
fn chosen(answers: &Value, place: usize) -> Vec<String> {
    let chosen = answers["answers"][place]["chosen"].as_array();
    chosen
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Everything that was chosen or said.
fn wishes(answers: &Value) -> Vec<String> {
    let all = answers["answers"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let words = all.iter().map(|it| it["text"].as_str().map(str::to_owned));
    let each = (0..)
        .zip(words)
        .flat_map(|(place, text)| chosen(answers, place).into_iter().chain(text));
    each.collect()
}

/// What was filled into a field.
fn value(input: &Value, name: &str) -> Value {
    let all = input["values"].as_array().into_iter().flatten();
    let found = all.into_iter().find(|it| it["name"] == name);
    found.map_or(Value::Null, |it| it["value"].clone())
}
