//! What a model asks a person, as questions with options and not as JSON.

use std::collections::BTreeMap;

use countersign_agent::control::Kind;
use countersign_agent::feedback::{Answer, Question};
use serde_json::{Value, json};

use super::ask::Draft;
use super::form::{Errors, Form, Plan, Posted, read};
use super::visible::{Line, typed};
use crate::questions::{Asked, schema};

/// Questions as they are drawn.
pub(super) struct Asking {
    pub(super) questions: Vec<Drawn>,
    /// Fields, if the model wants fields.
    pub(super) fields: Form,
}

/// One question.
pub(super) struct Drawn {
    pub(super) name: String,
    pub(super) question: Line,
    pub(super) options: Vec<Choice>,
    pub(super) several: bool,
    pub(super) free_text: bool,
    pub(super) optional: bool,
    pub(super) text: String,
    pub(super) errors: Vec<Line>,
}

/// Something to choose.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) label: Line,
    pub(super) description: Line,
    pub(super) is_chosen: bool,
}

impl Asking {
    pub(super) fn of(asked: &Asked, draft: Option<&Draft>) -> Self {
        let (nothing, fine) = (Posted::new(), Errors::new());
        let (posted, errors) = draft
            .filter(|it| it.verb == "fill")
            .map_or((&nothing, &fine), |it| (&it.posted, &it.errors));
        match asked {
            Asked::Questions(questions) => {
                let drawn = questions.as_slice().iter().enumerate();
                Self {
                    questions: drawn
                        .map(|(place, it)| Drawn::of(place, it, posted, errors))
                        .collect(),
                    fields: Form::default(),
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
                    fields: Form::of(&plan, posted, errors),
                }
            }
        }
    }
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
