//! What a model asks a person, as questions with options and not as JSON.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use countersign::{RunId, Tool as _};
use countersign_agent::control::{Fields, Kind};
use countersign_agent::feedback::{Answer, Question, Questions};
use countersign_agent::{UserControlFlowTools, UserFeedbackTools};
use serde_json::{Value, json};

use super::ask::Draft;
use super::form::{Errors, Form, Plan, Posted, read};
use super::visible::{Line, typed};
use crate::questions::{Asked, schema};

/// Questions as they are drawn: all of a form but its beginning and end.
#[derive(Template)]
#[template(path = "part/asking.html")]
pub(super) struct Asking {
    questions: Vec<Drawn>,
    /// Whether one option of one question is all that is wanted, or nearly: then each is a button.
    is_one: bool,
    /// Fields, if the model wants fields.
    fields: Form,
    /// What the button says that sends all of it. None where choosing sends.
    send: Option<&'static str>,
    /// The conversation to come back to.
    back: Option<RunId>,
}

// Templates escape everything in it.
impl HtmlSafe for Asking {}

/// What a model asks with one of the tools that ask, as a conversation tells it. None of what is no such question.
pub(super) fn asked(tool: &str, arguments: &str) -> Option<String> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    let asked: Vec<String> = if tool == UserFeedbackTools::descriptor().name.as_str() {
        let questions: Questions = serde_json::from_value(arguments.get("questions")?.clone()).ok()?;
        let questions = questions.as_slice().iter();
        questions.map(|it| it.question.clone()).collect()
    } else if tool == UserControlFlowTools::descriptor().name.as_str() {
        let fields: Fields = serde_json::from_value(arguments.get("fields")?.clone()).ok()?;
        let fields = fields.as_slice().iter();
        let words = fields.map(|it| it.description.clone().unwrap_or_else(|| it.name.clone()));
        words.collect()
    } else {
        return None;
    };
    Some(asked.join("\n"))
}

/// What a person answered to that. None of what is no answer: a refusal, an error.
pub(super) fn answered(tool: &str, content: &str) -> Option<String> {
    let content: Value = serde_json::from_str(content).ok()?;
    let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let answered: Vec<String> = if tool == UserFeedbackTools::descriptor().name.as_str() {
        let answers = content["answers"].as_array()?.iter();
        let words = answers.map(|it| {
            let chosen = it["chosen"].as_array().into_iter().flatten().map(text);
            let said = chosen.chain(it["text"].as_str().map(str::to_owned));
            Some(said.collect::<Vec<_>>().join(", ")).filter(|it| !it.is_empty())
        });
        words.flatten().collect()
    } else if tool == UserControlFlowTools::descriptor().name.as_str() {
        let values = content["values"].as_array()?.iter();
        values
            .map(|it| format!("{}: {}", text(&it["name"]), text(&it["value"])))
            .collect()
    } else {
        return None;
    };
    Some(if answered.is_empty() {
        "(left open)".to_owned()
    } else {
        answered.join("\n")
    })
}

/// One question.
struct Drawn {
    name: String,
    question: Line,
    options: Vec<Choice>,
    several: bool,
    free_text: bool,
    optional: bool,
    text: String,
    errors: Vec<Line>,
}

/// Something to choose.
struct Choice {
    name: String,
    value: String,
    label: Line,
    description: Line,
    is_chosen: bool,
}

impl Asking {
    pub(super) fn of(asked: &Asked, draft: Option<&Draft>) -> Self {
        let (nothing, fine) = (Posted::new(), Errors::new());
        let (posted, errors) = draft
            .filter(|it| it.verb == "fill")
            .map_or((&nothing, &fine), |it| (&it.posted, &it.errors));
        match asked {
            Asked::Questions(questions) => {
                let questions = questions.as_slice();
                let is_one = matches!(questions, [one] if !one.several && !one.options.is_empty());
                let drawn = questions.iter().enumerate();
                Self {
                    questions: drawn
                        .map(|(place, it)| Drawn::of(place, it, posted, errors))
                        .collect(),
                    is_one,
                    fields: Form::default(),
                    send: match questions {
                        [one] if is_one && one.free_text => Some("Send these words"),
                        [one] if is_one && one.optional => Some("Leave it open"),
                        _ => (!is_one).then_some("Send"),
                    },
                    back: back(posted),
                }
            }
            Asked::Fields(_) => {
                let (schema, order) = of_fields(asked);
                let order: Vec<&str> = order.iter().map(String::as_str).collect();
                let plan = Plan {
                    schema: &schema,
                    order: &order,
                    secret: &[],
                };
                Self {
                    questions: Vec::new(),
                    is_one: false,
                    fields: Form::of(&plan, posted, errors),
                    send: Some("Send"),
                    back: back(posted),
                }
            }
        }
    }
}

impl Asking {
    /// The same, to come back to a conversation.
    pub(super) fn within(self, run: RunId) -> Self {
        Self {
            back: Some(run),
            ..self
        }
    }
}

/// The conversation that a form was posted from.
pub(super) fn back(posted: &Posted) -> Option<RunId> {
    posted.get("back")?.parse().ok()
}

impl Drawn {
    fn of(place: usize, question: &Question, posted: &Posted, errors: &Errors) -> Self {
        let name = format!("q{place}");
        let options = question.options.iter().enumerate();
        let options = options.map(|(option, it)| {
            // One of several is one name with many values; several of several are many names.
            let (name, value) = if question.several {
                (format!("{name}.{option}"), "on".to_owned())
            } else {
                (name.clone(), option.to_string())
            };
            Choice {
                is_chosen: posted.get(&name) == Some(&value),
                name,
                value,
                label: Line::of(&it.label),
                description: Line::of(it.description.as_deref().unwrap_or_default()),
            }
        });
        Self {
            options: options.collect(),
            question: Line::of(&question.question),
            several: question.several,
            free_text: question.free_text,
            optional: question.optional,
            text: posted
                .get(&format!("{name}.text"))
                .map(|it| typed(it))
                .unwrap_or_default(),
            errors: errors.get(&name).into_iter().flatten().map(Line::of).collect(),
            name,
        }
    }
}

/// What was answered, as the tool takes it. Whether it fits is the tool's to say; that something is missing is said here.
pub(super) fn answers(asked: &Asked, posted: &Posted) -> Result<Value, Errors> {
    let Asked::Questions(questions) = asked else {
        let (schema, order) = of_fields(asked);
        let read = read(
            &Plan {
                schema: &schema,
                order: &[],
                secret: &[],
            },
            posted,
        )?;
        let values = order
            .iter()
            .filter_map(|name| Some(json!({"name": name, "value": read.get(name)?})));
        return Ok(json!({"values": values.collect::<Vec<_>>()}));
    };
    let mut errors = Errors::new();
    let mut answers = Vec::new();
    for (place, question) in questions.as_slice().iter().enumerate() {
        let name = format!("q{place}");
        let is_chosen = |option: usize| {
            if question.several {
                posted.contains_key(&format!("{name}.{option}"))
            } else {
                posted.get(&name).is_some_and(|it| *it == option.to_string())
            }
        };
        let options = question.options.iter().enumerate();
        let chosen: Vec<String> = options
            .filter(|(it, _)| is_chosen(*it))
            .map(|(_, it)| it.label.clone())
            .collect();
        let text = posted
            .get(&format!("{name}.text"))
            .map(|it| it.replace("\r\n", "\n"));
        let text = text.filter(|it| !it.trim().is_empty());
        if chosen.is_empty() && text.is_none() {
            if !question.optional {
                errors.insert(name, vec!["Please answer this one.".to_owned()]);
            }
            continue;
        }
        answers.push(Answer {
            id: question.id.clone(),
            chosen,
            text,
        });
    }
    if errors.is_empty() {
        Ok(json!({ "answers": answers }))
    } else {
        Err(errors)
    }
}

/// Fields that a model wants, as an object of them, and their order.
fn of_fields(asked: &Asked) -> (Value, Vec<String>) {
    let Asked::Fields(fields) = asked else {
        return (json!({}), Vec::new());
    };
    let mut properties = BTreeMap::new();
    let mut required = Vec::new();
    let mut order = Vec::new();
    for wanted in fields.as_slice() {
        let mut one = schema(wanted);
        if let Some(description) = &wanted.description {
            one["description"] = description.as_str().into();
        }
        if matches!(wanted.kind, Kind::Date) && wanted.options.is_empty() {
            one["format"] = "date".into();
        }
        properties.insert(wanted.name.clone(), one);
        order.push(wanted.name.clone());
        if !wanted.optional {
            required.push(wanted.name.clone());
        }
    }
    (
        json!({"type": "object", "properties": properties, "required": required}),
        order,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(questions: &Value, posted: &[(&str, &str)]) -> String {
        let asked = Asked::Questions(serde_json::from_value(questions.clone()).unwrap());
        let draft = Draft {
            verb: "fill".to_owned(),
            posted: posted
                .iter()
                .map(|(name, it)| ((*name).to_owned(), (*it).to_owned()))
                .collect(),
            errors: Errors::new(),
        };
        Asking::of(&asked, Some(&draft)).render().unwrap()
    }

    fn has(html: &str, counts: [(&str, usize); 5]) {
        for (what, count) in counts {
            assert_eq!(html.matches(what).count(), count, "{what}: {html}");
        }
    }

    #[test]
    fn one_choice_is_buttons_and_several_are_boxes_and_none_is_made_beforehand() {
        let options = json!([{"label": "dinner"}, {"label": "<b>"}]);
        let one = json!([{"id": "kind", "question": "Which?", "options": options}]);
        let html = drawn(&one, &[]);
        has(
            &html,
            [
                ("<button", 2),
                ("radio", 0),
                ("checkbox", 0),
                ("checked", 0),
                ("<b>", 0),
            ],
        );
        assert!(html.contains(r#"type="submit" name="q0" value="1""#), "{html}");
        let mut words = one.clone();
        words[0]["free_text"] = true.into();
        let html = drawn(&words, &[]);
        has(
            &html,
            [
                ("<button", 3),
                ("radio", 0),
                ("checkbox", 0),
                ("checked", 0),
                ("<textarea", 1),
            ],
        );
        let mut several = one.clone();
        several[0]["several"] = true.into();
        let html = drawn(&several, &[]);
        has(
            &html,
            [
                ("<button", 1),
                ("radio", 0),
                ("type=\"checkbox\"", 2),
                ("checked", 0),
                ("Send", 1),
            ],
        );
        let note = json!({"id": "note", "question": "More?", "free_text": true, "optional": true});
        let html = drawn(&json!([one[0], note]), &[("q0", "1")]);
        has(
            &html,
            [
                ("<button", 1),
                ("type=\"radio\"", 2),
                ("checkbox", 0),
                (" checked", 1),
                ("<textarea", 1),
            ],
        );
        let html = drawn(
            &json!([{"id": "a", "question": "?", "options": options, "optional": true}]),
            &[],
        );
        has(
            &html,
            [
                ("<button", 3),
                ("radio", 0),
                ("checkbox", 0),
                ("checked", 0),
                ("Leave it open", 1),
            ],
        );
    }

    #[test]
    fn a_conversation_tells_questions_and_answers_and_leaves_all_else_as_it_is() {
        let asks = r#"{"questions":[{"id":"a","question":"Which?","options":[{"label":"x"}]},
            {"id":"b","question":"Why?","free_text":true}]}"#;
        assert_eq!(asked("ask_user", asks).as_deref(), Some("Which?\nWhy?"));
        let fields = r#"{"fields":[{"name":"day","kind":"date"},{"name":"n","kind":"integer","description":"How many?"}]}"#;
        assert_eq!(asked("get_user_input", fields).as_deref(), Some("day\nHow many?"));
        for (tool, arguments) in [
            ("pay", asks),
            ("ask_user", fields),
            ("ask_user", "no JSON"),
            ("ask_user", "[]"),
        ] {
            assert_eq!(asked(tool, arguments), None, "{tool} {arguments}");
        }
        let said = r#"{"answers":[{"id":"a","question":"Which?","chosen":["x","y"],"text":"z"},
            {"id":"b","question":"Why?","chosen":[]}]}"#;
        assert_eq!(answered("ask_user", said).as_deref(), Some("x, y, z"));
        let filled =
            r#"{"values":[{"name":"n","value":12},{"name":"day","value":"2027-01-15"}],"left_empty":[]}"#;
        assert_eq!(
            answered("get_user_input", filled).as_deref(),
            Some("n: 12\nday: 2027-01-15")
        );
        assert_eq!(
            answered("ask_user", r#"{"answers":[]}"#).as_deref(),
            Some("(left open)")
        );
        for (tool, content) in [
            ("pay", said),
            ("ask_user", "the user refused"),
            ("ask_user", "\"no\""),
        ] {
            assert_eq!(answered(tool, content), None, "{tool} {content}");
        }
    }

    #[test]
    fn a_form_comes_back_to_a_conversation_and_nowhere_else() {
        let one = json!([{"id": "kind", "question": "Which?", "options": [{"label": "a"}]}]);
        let run = RunId::new(7, 7);
        let html = drawn(&one, &[("back", &run.to_string())]);
        assert!(html.contains(&format!(r#"name="back" value="{run}""#)), "{html}");
        for wrong in ["//evil.example", "https://evil.example", "../sign-out", ""] {
            assert!(!drawn(&one, &[("back", wrong)]).contains("back"), "{wrong}");
        }
    }
}
