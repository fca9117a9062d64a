//! What was posted, as JSON.

use countersign::Canonical;
use serde_json::{Map, Number, Value};

use super::shape::{Shape, shape};
use super::{DEEPEST, Errors, Plan, Posted, member, path, rows};

/// Reads a form. Errors are those of types only; what is there is there, beside them.
///
/// # Errors
///
/// What cannot be read, by path.
pub(crate) fn read(plan: &Plan<'_>, posted: &Posted) -> Result<Value, Errors> {
    let mut read = Read {
        root: plan.schema,
        posted,
        errors: Errors::new(),
    };
    let mut members = Map::new();
    for (name, schema, required) in plan.members() {
        if let Some(value) = read.value(&path(name), schema, required, 0) {
            members.insert(name.to_owned(), value);
        }
    }
    if read.errors.is_empty() {
        Ok(Value::Object(members))
    } else {
        Err(read.errors)
    }
}

struct Read<'a> {
    root: &'a Value,
    posted: &'a Posted,
    errors: Errors,
}

impl Read<'_> {
    fn value(&mut self, at: &str, schema: &Value, required: bool, depth: usize) -> Option<Value> {
        if let Some(json) = self.posted.get(&format!("{at}~json")) {
            return self.json(at, json, required);
        }
        let (shape, is_nullable) = shape(self.root, schema);
        let was = self.posted.get(&format!("{at}~was")).map(String::as_str);
        let given = self.posted.get(at).map(String::as_str).unwrap_or_default();
        let blank = match &shape {
            Shape::Group(_) | Shape::List(_) if depth <= DEEPEST => {
                !(required || was == Some("here") || self.is_touched(at))
            }
            _ => given.is_empty(),
        };
        if blank {
            return self.blank(at, was, required, is_nullable);
        }
        match shape {
            Shape::Text { .. } => Some(Value::from(given.replace("\r\n", "\n"))),
            Shape::Number { whole } => self.number(at, given.trim(), whole),
            Shape::Choice(_) => self.json(at, given, required),
            Shape::Group(members) => {
                let mut read = Map::new();
                for (name, schema, required) in members {
                    if let Some(value) = self.value(&member(at, name), schema, required, depth + 1) {
                        read.insert(name.to_owned(), value);
                    }
                }
                Some(Value::Object(read))
            }
            Shape::List(items) => {
                let rows = (0..rows(self.posted, at))
                    .filter_map(|place| self.value(&format!("{at}[{place}]"), items, false, depth + 1));
                Some(Value::Array(rows.collect()))
            }
            Shape::Json => None,
        }
    }

    /// What an empty control stands for.
    fn blank(&mut self, at: &str, was: Option<&str>, required: bool, is_nullable: bool) -> Option<Value> {
        match was {
            Some("null") => Some(Value::Null),
            Some("empty") => Some(Value::from("")),
            _ if required && is_nullable => Some(Value::Null),
            _ if required => {
                self.wrong(at, "This is needed.");
                None
            }
            _ => None,
        }
    }

    /// Whether anything was said within a group or a list.
    fn is_touched(&self, at: &str) -> bool {
        let within = |(name, value): (&String, &String)| {
            super::is_within(name, at) && !name.ends_with("~rows") && !value.is_empty()
        };
        self.posted.iter().any(within)
    }

    /// A number with every digit that was typed.
    fn number(&mut self, at: &str, given: &str, whole: bool) -> Option<Value> {
        if whole {
            let number = given
                .parse::<u64>()
                .map(Number::from)
                .or_else(|_| given.parse::<i64>().map(Number::from));
            if let Ok(number) = number {
                return Some(Value::Number(number));
            }
            let is_integer = given
                .trim_start_matches('-')
                .bytes()
                .all(|it| it.is_ascii_digit())
                && !given.is_empty();
            let why = if is_integer {
                "This number is too large."
            } else {
                "This must be a whole number."
            };
            self.wrong(at, why);
            return None;
        }
        match serde_json::from_str::<Number>(given) {
            Ok(number) => Some(Value::Number(number)),
            Err(_) => {
                self.wrong(at, "This must be a number, such as 12.5.");
                None
            }
        }
    }

    fn json(&mut self, at: &str, given: &str, required: bool) -> Option<Value> {
        if given.trim().is_empty() {
            if required {
                self.wrong(at, "This is needed.");
            }
            return None;
        }
        match Canonical::parse(given) {
            Ok(canonical) => Some(canonical.value()),
            Err(error) => {
                self.wrong(at, &format!("This must be JSON: {error}."));
                None
            }
        }
    }

    fn wrong(&mut self, at: &str, why: &str) {
        self.errors.entry(at.to_owned()).or_default().push(why.to_owned());
    }
}
