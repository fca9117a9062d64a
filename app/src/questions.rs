//! Asks what a model wants to know: its questions with their options by number, its fields by their types.
//!
//! What is asked stands in the arguments of the call, see [`countersign_agent::feedback`] and
//! [`countersign_agent::control`]. Whether an answer fits is the tool's to say; what does not fit is asked again.

use countersign::prelude::*;
use countersign::{Requirement, RequirementKind};
use countersign_agent::control::{Field as Wanted, Fields, Kind};
use countersign_agent::feedback::{Answer, Question, Questions};
use countersign_agent::{UserControlFlowTools, UserFeedbackTools};
use serde_json::{Value, json};

use crate::print;
use crate::prompt::{Field, Prompt, Stop};
use crate::text;

/// What a model wants to know.
pub(crate) enum Asked {
    Questions(Questions),
    Fields(Fields),
}

impl Asked {
    /// What a requirement asks, if it is of one of the tools that ask.
    pub(crate) fn of(requirement: &Requirement) -> Option<Self> {
        if requirement.kind != RequirementKind::UserInput {
            return None;
        }
        let arguments = requirement.arguments.value();
        let read = |name: &str| arguments.get(name).cloned();
        let tool = requirement.tool.as_str();
        if tool == UserFeedbackTools::descriptor().name.as_str() {
            return serde_json::from_value(read("questions")?)
                .ok()
                .map(Self::Questions);
        }
        if tool == UserControlFlowTools::descriptor().name.as_str() {
            return serde_json::from_value(read("fields")?).ok().map(Self::Fields);
        }
        None
    }

    /// Asks the person; gives what `fill` takes. None if they leave it waiting.
    pub(crate) async fn answered(&self, prompt: &mut Prompt) -> Result<Option<Value>, Stop> {
        print("\n  Enter leaves it waiting, where an answer is needed.\n")?;
        match self {
            Self::Questions(questions) => {
                let mut answers = Vec::new();
                for question in questions.as_slice() {
                    match answer(prompt, question).await? {
                        Said::Answer(answer) => answers.push(answer),
                        Said::Nothing => {}
                        Said::Later => return Ok(None),
                    }
                }
                Ok(Some(json!({"answers": answers})))
            }
            Self::Fields(fields) => {
                let mut values = Vec::new();
                for wanted in fields.as_slice() {
                    let schema = schema(wanted);
                    let description = wanted.description.as_deref().unwrap_or_default();
                    let field = Field::new(&wanted.name, description, !wanted.optional, &schema);
                    if let Some(value) = prompt.field(&field, None).await? {
                        values.push(json!({"name": wanted.name, "value": value}));
                    }
                }
                Ok(Some(json!({"values": values})))
            }
        }
    }
}

/// What was said to one question.
enum Said {
    Answer(Answer),
    Nothing,
    Later,
}

/// Asks one question until the answer fits.
async fn answer(prompt: &mut Prompt, question: &Question) -> Result<Said, Stop> {
    print(&format!("\n{}", shown(question)))?;
    let hint = hint(question);
    loop {
        let said = prompt.line(&format!("  {hint}"), None).await?;
        if said.is_empty() {
            return Ok(if question.optional {
                Said::Nothing
            } else {
                Said::Later
            });
        }
        match read(question, &said) {
            Ok(answer) => return Ok(Said::Answer(answer)),
            Err(why) => print(&format!("    {why}\n"))?,
        }
    }
}

/// A question with its options, numbered.
fn shown(question: &Question) -> String {
    let mut words = text::wrapped(&text::shown(&question.question), "  ", "  ");
    for (place, option) in question.options.iter().enumerate() {
        let label = text::shown(&option.label);
        let more = option
            .description
            .as_deref()
            .map_or_else(String::new, |it| format!(": {}", text::shown(it)));
        words.push_str(&text::wrapped(
            &format!("{label}{more}"),
            &format!("    {}  ", place + 1),
            "       ",
        ));
    }
    words
}

/// What can be typed.
fn hint(question: &Question) -> String {
    let number = if question.several {
        "numbers, as in 1,3"
    } else {
        "a number"
    };
    let mut hint = match (question.options.is_empty(), question.free_text) {
        (true, _) => "in your words".to_owned(),
        (false, true) => format!("{number}, or your own words"),
        (false, false) => number.to_owned(),
    };
    if question.optional {
        hint.push_str(", may be empty");
    }
    hint
}

/// What was typed, as an answer: numbers of options, or words where words are welcome.
fn read(question: &Question, said: &str) -> Result<Answer, String> {
    let of = |number: &str| {
        let place = number.trim().parse::<usize>().ok()?.checked_sub(1)?;
        question.options.get(place).map(|it| it.label.clone())
    };
    let numbers: Vec<&str> = said.split(',').collect();
    let chosen: Option<Vec<String>> = numbers.iter().map(|it| of(it)).collect();
    let id = question.id.clone();
    match chosen {
        Some(chosen) if chosen.len() == 1 || question.several => Ok(Answer {
            id,
            chosen,
            text: None,
        }),
        _ if question.free_text => Ok(Answer {
            id,
            chosen: Vec::new(),
            text: Some(said.to_owned()),
        }),
        Some(_) => Err("one of them only".to_owned()),
        None => Err(format!("a number from 1 to {}", question.options.len())),
    }
}

/// A field as JSON Schema says it.
pub(crate) fn schema(field: &Wanted) -> Value {
    if !field.options.is_empty() {
        return json!({"enum": field.options});
    }
    match field.kind {
        Kind::Text | Kind::Date => json!({"type": "string"}),
        Kind::Integer => json!({"type": "integer"}),
        Kind::Number => json!({"type": "number"}),
        Kind::Boolean => json!({"type": "boolean"}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(more: &str) -> Question {
        let text =
            format!(r#"{{"id":"q","question":"Which?","options":[{{"label":"a"}},{{"label":"b"}}]{more}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn check(more: &str, said: &str, expected: Result<(&[&str], Option<&str>), &str>) {
        let read = read(&question(more), said).map(|it| (it.chosen, it.text));
        let expected = expected
            .map(|(chosen, text)| {
                (
                    chosen.iter().map(ToString::to_string).collect(),
                    text.map(str::to_owned),
                )
            })
            .map_err(str::to_owned);
        assert_eq!(read, expected, "{said}");
    }

    #[test]
    fn numbers_and_words_become_answers() {
        check("", "2", Ok((&["b"], None)));
        check("", "0", Err("a number from 1 to 2"));
        check("", "3", Err("a number from 1 to 2"));
        check("", "a", Err("a number from 1 to 2"));
        check("", "1,2", Err("one of them only"));
        check(r#","several":true"#, "2, 1", Ok((&["b", "a"], None)));
        check(r#","free_text":true"#, "neither", Ok((&[], Some("neither"))));
        check(r#","free_text":true"#, "1", Ok((&["a"], None)));
    }

    #[test]
    fn options_cannot_deceive() {
        let mut question = question("");
        question.options[0].label = "\u{202e}a\u{1b}".to_owned();
        assert!(shown(&question).contains("1  \\u{202e}a\\u{1b}"));
    }
}
