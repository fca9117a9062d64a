//! HTML forms made from JSON Schema, and the way back from what a browser posts.
//!
//! Three steps, each of which loses nothing: a value is [filled](fill) into the fields that a browser would post,
//! those are [drawn](Form::of) as controls, and what comes back is [read](read) as JSON. What no control can show exactly
//! (a text with hidden characters, a value of an unknown shape) is JSON in a text area.
//!
//! What a newcomer would get wrong: this judges no value. Types are read here, because a browser posts only text; whether
//! they fit is the schema's to say, by the validator that judges what a model sends.

mod read;
pub(crate) mod shape;

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use serde_json::Value;

use super::value::canonical;
use super::visible::{Line, typed};
use crate::hidden;

pub(crate) use read::read;
use shape::{Shape, shape};

/// Groups within groups are drawn so deep; deeper ones are JSON.
const DEEPEST: usize = 4;
/// A list has at most so many rows; a longer one is JSON.
const MOST_ROWS: usize = 100;

/// What a browser posts, by name.
pub(crate) type Posted = BTreeMap<String, String>;

/// What is wrong, by the path of the value that it is about; the empty path is the form itself.
pub(crate) type Errors = BTreeMap<String, Vec<String>>;

/// Parameters of a function, with what only a form must know of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// The schema of the object.
    pub(crate) schema: &'a Value,
    /// Its members in the order of the function.
    pub(crate) order: &'a [&'a str],
    /// Those that are never shown.
    pub(crate) secret: &'a [&'a str],
}

impl Plan<'_> {
    /// The schemas of the members, in order, with whether they must be there.
    pub(crate) fn members(&self) -> Vec<(&str, &Value, bool)> {
        let mut members = shape::members(self.schema);
        members.sort_by_key(|(name, ..)| {
            self.order
                .iter()
                .position(|it| it == name)
                .unwrap_or(self.order.len())
        });
        members
    }
}

/// A form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// Its fields, in the order of the function.
    pub(crate) fields: Vec<Field>,
    /// What is wrong with all of it.
    pub(crate) errors: Vec<Line>,
}

/// One field, or several that belong together.
#[derive(Debug, Clone, Template)]
#[template(path = "part/field.html")]
pub(crate) struct Field {
    /// The name under which it is posted.
    name: String,
    /// The id of its element.
    id: String,
    label: Line,
    help: Line,
    /// What its schema demands, in words.
    limits: Line,
    required: bool,
    secret: bool,
    errors: Vec<Line>,
    control: Control,
    /// What an empty control stands for, other than nothing: `null`, `empty`, `here`.
    was: Option<String>,
    /// Whether the person may say that it is empty on purpose.
    may_be_empty: bool,
}

// Templates escape everything in it.
impl HtmlSafe for Field {}

/// What a field is drawn as.
#[derive(Debug, Clone)]
enum Control {
    /// One line.
    Text(String),
    /// Several lines.
    Lines(String),
    /// A number.
    Number { text: String, whole: bool },
    /// One of several.
    Choice(Vec<Choice>),
    /// JSON.
    Json(String),
    /// Fields that belong together.
    Group(Vec<Field>),
    /// As many as there are.
    List(Vec<Field>),
}

/// Something to choose.
#[derive(Debug, Clone)]
struct Choice {
    /// As JSON: what is posted.
    json: String,
    label: Line,
    is_chosen: bool,
}

impl Form {
    /// A form over what was posted, or [filled](fill) in.
    pub(crate) fn of(plan: &Plan<'_>, posted: &Posted, errors: &Errors) -> Self {
        let mut draw = Draw {
            root: plan.schema,
            posted,
            errors,
            placed: Vec::new(),
        };
        let mut fields: Vec<Field> = Vec::new();
        for (name, schema, required) in plan.members() {
            let mut field = draw.field(&path(name), name, schema, required, 0);
            if plan.secret.contains(&name) {
                field.conceal();
            }
            fields.push(field);
        }
        let unplaced = errors.iter().filter(|(path, _)| !draw.placed.contains(path));
        let errors = unplaced.flat_map(|(_, them)| them).map(Line::of).collect();
        Self { fields, errors }
    }

    /// Whether there is nothing to fill in.
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
}

impl Field {
    /// Whether it has fields of its own.
    const fn is_many(&self) -> bool {
        matches!(self.control, Control::Group(_) | Control::List(_))
    }

    /// Makes a control that shows nothing of what is typed, and has nothing of what was.
    fn conceal(&mut self) {
        self.secret = true;
        self.may_be_empty = false;
        self.was = None;
        match &mut self.control {
            Control::Text(text) | Control::Lines(text) => self.control = Control::Text(std::mem::take(text)),
            Control::Number { text, .. } | Control::Json(text) => text.clear(),
            Control::Choice(_) | Control::Group(_) | Control::List(_) => {}
        }
        if let Control::Text(text) = &mut self.control {
            text.clear();
        }
    }
}

/// Draws fields.
struct Draw<'a> {
    root: &'a Value,
    posted: &'a Posted,
    errors: &'a Errors,
    /// The paths whose errors stand at a field.
    placed: Vec<String>,
}

impl Draw<'_> {
    fn field(&mut self, path: &str, label: &str, schema: &Value, required: bool, depth: usize) -> Field {
        let resolved = shape::resolved(self.root, schema);
        let (shape, is_nullable) = shape(self.root, schema);
        let control = self.control(path, &shape, required, is_nullable, depth);
        let name = match control {
            Control::Json(_) => format!("{path}~json"),
            _ => path.to_owned(),
        };
        self.placed.push(path.to_owned());
        let mut errors: Vec<Line> = self
            .errors
            .get(path)
            .into_iter()
            .flatten()
            .map(Line::of)
            .collect();
        // What is wrong deeper than any field is told at the field around it.
        if matches!(control, Control::Json(_)) {
            for (deeper, them) in self.errors.iter().filter(|(it, _)| is_within(it, path)) {
                self.placed.push(deeper.clone());
                errors.extend(them.iter().map(|it| Line::of(format!("{deeper}: {it}"))));
            }
        }
        let was = self.posted.get(&format!("{path}~was")).cloned();
        let wants_text =
            matches!(control, Control::Text(_) | Control::Lines(_)) && (required || !errors.is_empty());
        let is_blank = self.posted.get(path).is_none_or(String::is_empty);
        let may_be_empty = wants_text && is_blank && (!errors.is_empty() || was.as_deref() == Some("empty"));
        let word = |name: &str| {
            schema[name]
                .as_str()
                .or_else(|| resolved[name].as_str())
                .unwrap_or_default()
        };
        Field {
            id: format!("field-{name}"),
            name,
            label: Line::of(if word("title").is_empty() {
                label
            } else {
                word("title")
            }),
            help: Line::of(crate::tools::unbroken(word("description"))),
            limits: Line::of(shape::limits(schema, resolved).join(", ")),
            required: required && !is_nullable,
            secret: false,
            errors,
            control,
            was: was.filter(|_| !may_be_empty),
            may_be_empty,
        }
    }

    fn control(
        &mut self,
        path: &str,
        shape: &Shape<'_>,
        required: bool,
        is_nullable: bool,
        depth: usize,
    ) -> Control {
        let posted = |name: &str| {
            let text = self.posted.get(name).map(String::as_str).unwrap_or_default();
            text.replace("\r\n", "\n")
        };
        if self.posted.contains_key(&format!("{path}~json")) || depth > DEEPEST {
            return Control::Json(typed(&posted(&format!("{path}~json"))));
        }
        match shape {
            // What a control would hide is typed on as JSON, which has escapes for it.
            Shape::Text { .. } if typed(&posted(path)) != posted(path) => {
                Control::Json(canonical(&Value::from(posted(path))))
            }
            Shape::Text { lines } if *lines || posted(path).contains('\n') => Control::Lines(posted(path)),
            Shape::Text { .. } => Control::Text(posted(path)),
            Shape::Number { whole } => Control::Number {
                text: typed(&posted(path)),
                whole: *whole,
            },
            Shape::Choice(options) => {
                let chosen = posted(path);
                let mut choices: Vec<Choice> = options
                    .iter()
                    .map(|(value, label)| {
                        let json = canonical(value);
                        Choice {
                            is_chosen: json == chosen,
                            json,
                            label: Line::of(label),
                        }
                    })
                    .collect();
                let blank = if required && !is_nullable {
                    "Choose…"
                } else {
                    "Leave out"
                };
                choices.insert(
                    0,
                    Choice {
                        json: String::new(),
                        label: Line::of(blank),
                        is_chosen: chosen.is_empty(),
                    },
                );
                Control::Choice(choices)
            }
            Shape::Group(members) => {
                let members = members.clone();
                let fields = members.into_iter().map(|(name, schema, required)| {
                    self.field(&member(path, name), name, schema, required, depth + 1)
                });
                Control::Group(fields.collect())
            }
            Shape::List(items) => {
                let rows = rows(self.posted, path);
                let fields = (0..rows).map(|place| {
                    let label = format!("{}.", place + 1);
                    self.field(&format!("{path}[{place}]"), &label, items, false, depth + 1)
                });
                Control::List(fields.collect())
            }
            Shape::Json => Control::Json(posted(&format!("{path}~json"))),
        }
    }
}

/// How many rows a list has.
fn rows(posted: &Posted, path: &str) -> usize {
    let said = posted.get(&format!("{path}~rows")).and_then(|it| it.parse().ok());
    let asked = usize::from(posted.get("add").is_some_and(|it| it == path));
    said.unwrap_or(0_usize).saturating_add(asked).min(MOST_ROWS)
}

/// What a browser would post for a value: the way into a form.
pub(crate) fn fill(plan: &Plan<'_>, value: &Value) -> Posted {
    let mut posted = Posted::new();
    for (name, schema, required) in plan.members() {
        if plan.secret.contains(&name) {
            continue;
        }
        filled(
            &mut posted,
            plan.schema,
            &path(name),
            schema,
            required,
            value.get(name),
            0,
        );
    }
    posted
}

fn filled(
    posted: &mut Posted,
    root: &Value,
    at: &str,
    schema: &Value,
    required: bool,
    value: Option<&Value>,
    depth: usize,
) {
    let (shape, _) = shape(root, schema);
    let mut was = |word: &str| {
        posted.insert(format!("{at}~was"), word.to_owned());
    };
    let Some(value) = value else {
        // A control without a value still has its rows.
        if let (Shape::List(_), true) = (&shape, depth <= DEEPEST) {
            posted.insert(format!("{at}~rows"), usize::from(required).to_string());
        }
        return;
    };
    match (&shape, value) {
        _ if depth > DEEPEST => {}
        (Shape::Choice(options), value) if options.iter().any(|(it, _)| it == value) => {
            posted.insert(at.to_owned(), canonical(value));
            return;
        }
        (Shape::Json, _) => {}
        (_, Value::Null) => {
            was("null");
            return;
        }
        (Shape::Text { .. }, Value::String(text)) if text.is_empty() => {
            was("empty");
            return;
        }
        (Shape::Text { .. }, Value::String(text)) if is_plain(text) => {
            posted.insert(at.to_owned(), text.clone());
            return;
        }
        (Shape::Number { whole }, Value::Number(number)) if !*whole || !number.is_f64() => {
            posted.insert(at.to_owned(), number.to_string());
            return;
        }
        (Shape::Group(members), Value::Object(given))
            if given.keys().all(|it| members.iter().any(|(name, ..)| name == it)) =>
        {
            was("here");
            for (name, schema, required) in members {
                filled(
                    posted,
                    root,
                    &member(at, name),
                    schema,
                    *required,
                    given.get(*name),
                    depth + 1,
                );
            }
            return;
        }
        (Shape::List(items), Value::Array(given)) if given.len() <= MOST_ROWS => {
            was("here");
            posted.insert(format!("{at}~rows"), given.len().to_string());
            for (place, value) in given.iter().enumerate() {
                filled(
                    posted,
                    root,
                    &format!("{at}[{place}]"),
                    items,
                    false,
                    Some(value),
                    depth + 1,
                );
            }
            return;
        }
        _ => {}
    }
    posted.insert(format!("{at}~json"), canonical(value));
}

/// Whether a control shows a text as it is, and gives it back so.
fn is_plain(text: &str) -> bool {
    text.chars().all(|it| it == '\n' || !hidden::deceives(it)) && text.trim_matches(' ').len() == text.len()
}

/// The name under which a member of the outermost object is posted. What the page itself posts has other names.
pub(crate) fn path(name: &str) -> String {
    member("", name)
}

fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"', ' ', '~']);
    match (path.is_empty(), plain) {
        (true, true) => format!("v.{name}"),
        (true, false) => format!("v[{}]", Value::from(name)),
        (false, true) => format!("{path}.{name}"),
        (false, false) => format!("{path}[{}]", Value::from(name)),
    }
}

/// Whether a path leads into what stands at another.
fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|it| it.starts_with(['.', '[']))
}

/// What the validator says, by the field that it is about: its messages name the argument in backticks first.
pub(crate) fn placed(messages: &[String]) -> Errors {
    let mut errors = Errors::new();
    for message in messages {
        let of = |rest: &str| {
            rest.strip_prefix('`')?
                .split_once('`')
                .map(|(at, words)| (format!("v.{at}"), words.to_owned()))
        };
        let (at, words) = if let Some((at, words)) = message.strip_prefix("argument ").and_then(of) {
            (at, words.trim_start_matches(": ").to_owned())
        } else if let Some((at, _)) = message.strip_prefix("missing argument ").and_then(of) {
            (at, "This is needed.".to_owned())
        } else {
            (String::new(), message.clone())
        };
        errors.entry(at).or_default().push(words);
    }
    errors
}

#[cfg(test)]
mod tests;
