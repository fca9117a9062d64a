//! What is wrong with a value, in words that a model or a person can act on.
//!
//! Never the library's own words: those print the value, and a value may be secret. Nothing below
//! a secret parameter is shown, neither values nor the keys inside it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// A value longer than this is cut.
const LONGEST_VALUE: usize = 60;
/// Words of an enum beyond these are only counted.
const MOST_WORDS: usize = 30;
/// Messages beyond these are only counted.
const MOST_MESSAGES: usize = 50;
/// Messages beyond these are not even counted: a list of 100,000 wrong items has as many.
const MOST_COUNTED: usize = 1_000;

/// What is being checked.
#[derive(Debug)]
pub(super) enum Subject {
    /// Arguments: the names of the parameters, in order, and whether they are secret.
    Arguments(Vec<(String, bool)>),
    /// A result.
    Result,
}

impl Subject {
    pub(super) fn is_arguments(&self) -> bool {
        matches!(self, Self::Arguments(_))
    }

    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Arguments(_) => "arguments",
            Self::Result => "result",
        }
    }

    fn order_of(&self, name: &str) -> usize {
        match self {
            Self::Arguments(names) => names
                .iter()
                .position(|(it, _)| it == name)
                .unwrap_or(usize::MAX - 1),
            Self::Result => 0,
        }
    }
}

/// Where in the value something is wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Spot {
    /// Place of the parameter in the function; unknown ones last.
    order: usize,
    path: String,
    secret: bool,
}

impl Spot {
    pub(super) fn member(&self, name: &str, subject: &Subject) -> Self {
        if self.secret {
            return self.clone();
        }
        let (order, secret) = match subject {
            Subject::Arguments(names) if self.path.is_empty() => (
                subject.order_of(name),
                names.iter().any(|(it, secret)| *secret && it == name),
            ),
            _ => (self.order, false),
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            order,
            path: format!("{}{dot}{}", self.path, cut(name)),
            secret,
        }
    }

    pub(super) fn item(&self, index: usize) -> Self {
        if self.secret {
            return self.clone();
        }
        Self {
            path: format!("{}[{index}]", self.path),
            ..self.clone()
        }
    }
}

/// Collects messages in a stable order.
pub(super) struct Messages<'a> {
    subject: &'a Subject,
    /// Place of the parameter, then the path, then the text.
    found: BTreeSet<(usize, String, String)>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self {
            subject,
            found: BTreeSet::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MOST_COUNTED
    }

    pub(super) fn finish(self) -> Vec<String> {
        let more = self.found.len().saturating_sub(MOST_MESSAGES);
        let atleast = if self.is_full() { "at least " } else { "" };
        let mut texts: Vec<String> = self.found.into_iter().map(|(_, _, text)| text).collect();
        texts.truncate(MOST_MESSAGES);
        if more > 0 {
            texts.push(format!("and {atleast}{more} more"));
        }
        if texts.is_empty() {
            // A refused value always has a reason, even where the walk over the schema missed it.
            texts.push(format!("{}: does not fit the schema", self.subject.noun()));
        }
        texts
    }

    /// What one keyword found. `known` are the members that the schema here has.
    pub(super) fn add(&mut self, spot: &Spot, kind: &Kind, value: &Value, known: &[String]) {
        match kind {
            Kind::Required { property } => self.missing(spot, property.as_str().unwrap_or_default()),
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    self.unexpected(spot, name, known);
                }
            }
            kind => self.say(spot, &words(kind, value, spot.secret)),
        }
    }

    pub(super) fn fits_none(&mut self, spot: &Spot, forms: usize) {
        self.say(spot, &format!("fits none of the {forms} allowed forms"));
    }

    pub(super) fn wrong_type(&mut self, spot: &Spot, value: &Value, expected: &BTreeSet<&str>) {
        let expected: Vec<&str> = expected.iter().copied().collect();
        self.say(spot, &invalid_type(value, &expected.join(" or "), spot.secret));
    }

    pub(super) fn unknown_word(&mut self, spot: &Spot, value: &Value, options: &[Value]) {
        self.say(spot, &unknown_word(value, options, spot.secret));
    }

    fn is_root(&self, spot: &Spot) -> bool {
        spot.path.is_empty() && self.subject.is_arguments()
    }

    fn missing(&mut self, spot: &Spot, name: &str) {
        if self.is_root(spot) {
            let text = format!("missing argument {}", quoted(name));
            self.found
                .insert((self.subject.order_of(name), String::new(), text));
        } else {
            self.say(spot, &format!("missing field {}", quoted(name)));
        }
    }

    fn unexpected(&mut self, spot: &Spot, name: &str, known: &[String]) {
        let mut known = known.to_vec();
        // Objects of ours are sorted; the function's own order reads better.
        known.sort_by_key(|it| self.subject.order_of(it));
        let expected = if known.is_empty() {
            "; it takes none".to_owned()
        } else {
            format!("; expected one of {}", listed(known.iter().map(|it| quoted(it))))
        };
        if self.is_root(spot) {
            let text = format!("unknown argument {}{expected}", quoted(name));
            self.found.insert((usize::MAX, name.to_owned(), text));
        } else if spot.secret {
            self.say(spot, &format!("unknown field{expected}"));
        } else {
            self.say(spot, &format!("unknown field {}{expected}", quoted(name)));
        }
    }

    fn say(&mut self, spot: &Spot, text: &str) {
        let noun = match self.subject {
            Subject::Arguments(_) if spot.path.is_empty() => "arguments",
            Subject::Arguments(_) => "argument",
            Subject::Result => "result",
        };
        let text = if spot.path.is_empty() {
            format!("{noun}: {text}")
        } else {
            format!("{noun} `{}`: {text}", spot.path)
        };
        self.found.insert((spot.order, spot.path.clone(), text));
    }
}

fn words(kind: &Kind, value: &Value, secret: bool) -> String {
    let it = if secret {
        "the value".to_owned()
    } else {
        described(value)
    };
    match kind {
        Kind::Type { kind } => {
            let expected = match kind {
                TypeKind::Single(one) => one.to_string(),
                TypeKind::Multiple(several) => {
                    let mut several: Vec<String> = several.iter().map(|it| it.to_string()).collect();
                    several.sort_by_key(|it| it == "null");
                    several.join(" or ")
                }
            };
            invalid_type(value, &expected, secret)
        }
        Kind::Enum { options } => {
            unknown_word(value, options.as_array().map_or(&[][..], Vec::as_slice), secret)
        }
        Kind::Constant { expected_value } => {
            unknown_word(value, std::slice::from_ref(&**expected_value), secret)
        }
        Kind::Minimum { limit } => format!("{it} is less than {limit}"),
        Kind::Maximum { limit } => format!("{it} is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("{it} is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{it} is not less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{it} is not a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("{it} is shorter than {}", counted(*limit, "character")),
        Kind::MaxLength { limit } => format!("{it} is longer than {}", counted(*limit, "character")),
        Kind::MinItems { limit } => format!("has fewer than {}", counted(*limit, "item")),
        Kind::MaxItems { limit } => format!("has more than {}", counted(*limit, "item")),
        Kind::AdditionalItems { limit } => {
            format!("has more than {}", counted(*limit as u64, "item"))
        }
        Kind::MinProperties { limit } => format!("has fewer than {}", counted(*limit, "entry")),
        Kind::MaxProperties { limit } => format!("has more than {}", counted(*limit, "entry")),
        Kind::Pattern { pattern } => format!("{it} does not match the pattern {}", quoted(pattern)),
        Kind::Format { format } => format!("{it} is not a valid `{format}`"),
        Kind::UniqueItems => "has the same item twice".to_owned(),
        Kind::Contains => "lacks an item that it must have".to_owned(),
        Kind::FalseSchema => "nothing is allowed here".to_owned(),
        Kind::PropertyNames { .. } if secret => "has a key that is not allowed".to_owned(),
        Kind::PropertyNames { error } => {
            format!("has a key that is not allowed: {}", described(error.instance()))
        }
        Kind::OneOfMultipleValid { .. } => "fits more than one of the allowed forms".to_owned(),
        other => format!("{it} is not allowed by `{}`", other.keyword()),
    }
}

fn invalid_type(value: &Value, expected: &str, secret: bool) -> String {
    if secret {
        format!("invalid type, expected {expected}")
    } else {
        format!("invalid type: {}, expected {expected}", described(value))
    }
}

fn unknown_word(value: &Value, options: &[Value], secret: bool) -> String {
    let options = listed(options.iter().map(|it| match it {
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }));
    if secret {
        format!("unknown value, expected one of {options}")
    } else {
        format!("unknown value: {}, expected one of {options}", described(value))
    }
}

/// A value as serde names it in "invalid type".
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(it) => format!("boolean `{it}`"),
        Value::Number(it) if it.is_f64() => format!("floating point `{it}`"),
        Value::Number(it) => format!("integer `{it}`"),
        Value::String(it) => format!("string \"{}\"", cut(it)),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    }
}

fn quoted(name: &str) -> String {
    format!("`{}`", cut(name))
}

/// At most [`LONGEST_VALUE`] characters, control and bidirectional characters as escapes.
fn cut(text: &str) -> String {
    let mut shown = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == LONGEST_VALUE {
            shown.push('…');
            break;
        }
        match letter {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                let _ = write!(shown, "{}", letter.escape_unicode());
            }
            '\'' => shown.push(letter),
            _ => {
                let _ = write!(shown, "{}", letter.escape_debug());
            }
        }
    }
    shown
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = words.collect();
    let more = words.len().saturating_sub(MOST_WORDS);
    let shown = words
        .iter()
        .take(MOST_WORDS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}

fn counted(limit: u64, noun: &str) -> String {
    match (limit, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "entry") => format!("{limit} entries"),
        _ => format!("{limit} {noun}s"),
    }
}
