//! Plain questions on plain lines: works on any terminal, and in a screen reader.

use std::io::IsTerminal as _;

use countersign::Descriptor;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::{print, text};

/// The person left: end of input, or Ctrl-C.
#[derive(Debug)]
pub(crate) struct Left;

impl From<Failure> for Left {
    fn from(_: Failure) -> Self {
        // A terminal that cannot be written to has nobody in front of it.
        Self
    }
}

/// Why nobody is asked any more: the person left, or something failed.
pub(crate) enum Stop {
    Left,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Left> for Stop {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

/// Asks, line by line.
pub(crate) struct Prompt {
    lines: mpsc::UnboundedReceiver<String>,
}

impl Prompt {
    /// Begins to listen.
    pub(crate) fn start() -> Self {
        let (send, lines) = mpsc::unbounded_channel();
        // A thread of its own: one that the runtime waits for would keep a program that was told to stop.
        std::thread::spawn(move || {
            for line in std::io::stdin().lines() {
                let Ok(line) = line else { return };
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { lines }
    }

    /// The next line, whatever it is.
    pub(crate) async fn next(&mut self) -> Result<String, Left> {
        tokio::select! {
            line = self.lines.recv() => line.ok_or(Left),
            _ = tokio::signal::ctrl_c() => Err(Left),
        }
    }

    /// One line; an empty one means the default.
    pub(crate) async fn line(&mut self, question: &str, default: Option<&str>) -> Result<String, Left> {
        let default_words = match default {
            None | Some("") => String::new(),
            Some(default) => format!(" [{}]", text::shown(default)),
        };
        let mark = if question.ends_with('?') { "" } else { ":" };
        print(&format!("{question}{default_words}{mark} "))?;
        let line = self.next().await?;
        let line = line.trim();
        if !std::io::stdin().is_terminal() {
            // A terminal has shown what was typed on it.
            print(&format!("{}\n", text::shown(line)))?;
        }
        Ok(if line.is_empty() {
            default.unwrap_or_default().to_owned()
        } else {
            line.to_owned()
        })
    }

    /// JSON; what is none is taken as text.
    pub(crate) async fn json(&mut self, question: &str) -> Result<Value, Left> {
        loop {
            let line = self.line(question, None).await?;
            if !line.is_empty() {
                return Ok(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        }
    }

    /// The value of a field; none for an optional one that is left out.
    pub(crate) async fn field(
        &mut self,
        field: &Field<'_>,
        now: Option<&Value>,
    ) -> Result<Option<Value>, Left> {
        let now_text = now.map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
        if !field.description.is_empty() {
            print(&text::wrapped(
                &crate::tools::one_line(field.description),
                "    ",
                "    ",
            ))?;
        }
        let optional = if field.required { "" } else { ", may be empty" };
        let question = format!("  {} ({}{optional})", text::shown(field.name), field.kind());
        loop {
            let said = self.line(&question, now_text.as_deref()).await?;
            if said.is_empty() && !field.required {
                return Ok(None);
            }
            if let Some(now) = now.filter(|_| now_text.as_ref() == Some(&said)) {
                return Ok(Some(now.clone()));
            }
            match field.read(&said) {
                Ok(value) => return Ok(Some(value)),
                Err(error) => print(&format!("    {}\n", text::shown(&error)))?,
            }
        }
    }
}

/// A parameter, as it is asked for.
pub(crate) struct Field<'a> {
    name: &'a str,
    description: &'a str,
    required: bool,
    schema: &'a Value,
}

impl<'a> Field<'a> {
    /// A field with this JSON Schema.
    pub(crate) const fn new(name: &'a str, description: &'a str, required: bool, schema: &'a Value) -> Self {
        Self {
            name,
            description,
            required,
            schema,
        }
    }

    /// The parameter of that name.
    pub(crate) fn of(descriptor: &'a Descriptor, name: &str) -> Option<Self> {
        let parameter = descriptor.parameters.iter().find(|it| it.name == name)?;
        Some(Self {
            name: &parameter.name,
            description: &parameter.description,
            required: parameter.required,
            schema: descriptor.input_schema.get("properties")?.get(name)?,
        })
    }

    fn has_type(&self, word: &str) -> bool {
        match &self.schema["type"] {
            Value::String(one) => one == word,
            Value::Array(many) => many.iter().any(|it| it == word),
            _ => false,
        }
    }

    fn choices(&self) -> Vec<&'a str> {
        let one_of = self.schema["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|it| it["const"].as_str());
        let listed = self.schema["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        listed.chain(one_of).collect()
    }

    /// What it takes, in a word.
    fn kind(&self) -> String {
        let choices = self.choices();
        if !choices.is_empty() {
            return text::shown(&choices.join(" | ")).into_owned();
        }
        let words = [
            ("string", "text"),
            ("integer", "whole number"),
            ("number", "number"),
            ("boolean", "true or false"),
        ];
        let word = words.iter().find(|(name, _)| self.has_type(name));
        word.map_or("JSON", |(_, word)| word).to_owned()
    }

    /// What was typed, as a value of the field. Whether it fits is the engine's to say.
    fn read(&self, said: &str) -> Result<Value, String> {
        if said.is_empty() {
            return Err("this one is needed".to_owned());
        }
        let choices = self.choices();
        if !choices.is_empty() {
            return if choices.contains(&said) {
                Ok(said.into())
            } else {
                Err(format!("one of {}", choices.join(", ")))
            };
        }
        if self.has_type("string") {
            return Ok(said.into());
        }
        let value: Value = serde_json::from_str(said).map_err(|_| format!("expected {}", self.kind()))?;
        let fits = match &value {
            Value::Number(number) if self.has_type("integer") => number.is_i64() || number.is_u64(),
            Value::Number(_) => self.has_type("number") || self.kind() == "JSON",
            Value::Bool(_) => self.has_type("boolean") || self.kind() == "JSON",
            Value::String(_) | Value::Array(_) | Value::Object(_) | Value::Null => self.kind() == "JSON",
        };
        if fits {
            Ok(value)
        } else {
            Err(format!("expected {}", self.kind()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, said: &str, expected: &Result<Value, &str>) {
        let field = Field {
            name: "x",
            description: "",
            required: true,
            schema,
        };
        assert_eq!(field.read(said), expected.clone().map_err(str::to_owned));
    }

    #[test]
    fn what_is_typed_becomes_a_value_of_the_field() {
        check(&json!({"type": "string"}), "50", &Ok(json!("50")));
        check(&json!({"type": "integer"}), "50", &Ok(json!(50)));
        check(&json!({"type": "integer"}), "5.5", &Err("expected whole number"));
        check(&json!({"type": "integer"}), "", &Err("this one is needed"));
        check(&json!({"type": ["number", "null"]}), "5.5", &Ok(json!(5.5)));
        check(&json!({"type": "boolean"}), "yes", &Err("expected true or false"));
        check(&json!({"enum": ["low", "high"]}), "high", &Ok(json!("high")));
        check(&json!({"oneOf": [{"const": "low"}]}), "very", &Err("one of low"));
        check(&json!({"type": "array"}), "[1]", &Ok(json!([1])));
    }
}
