//! Conditions of a rule on the arguments of a call.
//!
//! ```text
//! /amount_cents >= 1000000          POINTER (RFC 6901, no spaces), one of == != < <= > >=, a JSON literal
//! /customer/country != "CH"
//! /override exists                  something is there that is not null
//! ```

use std::cmp::Ordering;
use std::fmt;

use countersign_core::canonical::Canonical;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};

/// When a rule applies: when all of its conditions hold. Without any, always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub(super) struct When(Vec<Condition>);

impl When {
    pub(super) const fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// The conditions as they are written.
    pub(super) fn texts(&self) -> Vec<String> {
        self.0.iter().map(|it| it.text.clone()).collect()
    }

    /// The parameters that are tested: the first step of every pointer.
    pub(super) fn parameters(&self) -> impl Iterator<Item = String> {
        let steps = self.0.iter().filter_map(|it| it.pointer.split('/').nth(1));
        steps.map(|it| it.replace("~1", "/").replace("~0", "~"))
    }

    /// None if a condition does not hold. Otherwise the rule applies; with it what could not be tested,
    /// which counts as holding.
    pub(super) fn applies<F: FnOnce() -> Value>(
        &self,
        arguments: &std::cell::LazyCell<Value, F>,
    ) -> Option<Vec<String>> {
        let mut doubts = Vec::new();
        for condition in &self.0 {
            match condition.holds(arguments) {
                Ok(true) => {}
                Ok(false) => return None,
                Err(doubt) => doubts.push(doubt),
            }
        }
        Some(doubts)
    }
}

/// One test of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    text: String,
    pointer: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Compares(Operator, Value),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::More),
    (">=", Operator::AtLeast),
];

impl Operator {
    const fn accepts(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    const fn only_numbers(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let fails = |rest: &str, expected: &str| {
            let column = text.chars().count() - rest.chars().count() + 1;
            Err(format!(
                "the condition `{text}` cannot be read at column {column}: expected {expected}"
            ))
        };
        let (pointer, rest) = word(text);
        if !pointer.starts_with('/') {
            return fails(text, "a JSON pointer such as /amount_cents");
        }
        if pointer.split('~').skip(1).any(|it| !it.starts_with(['0', '1'])) {
            return fails(text, "`~0` for `~` and `~1` for `/` in a JSON pointer");
        }
        let (sign, literal) = word(rest);
        if sign == "exists" {
            if !literal.is_empty() {
                return fails(literal, "nothing after `exists`");
            }
            return Ok(Self::new(text, pointer, Test::Exists));
        }
        let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == sign) else {
            return fails(rest, "`exists` or one of == != < <= > >=, with spaces around it");
        };
        match Canonical::parse(literal).map(|it| it.value()) {
            Ok(number @ Value::Number(_)) => Ok(Self::new(text, pointer, Test::Compares(*operator, number))),
            _ if operator.only_numbers() => fails(literal, "a number; integers have at most 64 bits"),
            Ok(scalar @ (Value::Null | Value::Bool(_) | Value::String(_))) => {
                Ok(Self::new(text, pointer, Test::Compares(*operator, scalar)))
            }
            _ => fails(literal, "null, true, false, a number or a string, as in JSON"),
        }
    }

    fn new(text: &str, pointer: &str, demand: Test) -> Self {
        Self {
            text: text.to_owned(),
            pointer: pointer.to_owned(),
            test: demand,
        }
    }

    /// Whether it holds; or why that cannot be told, without a word of the value.
    fn holds(&self, arguments: &Value) -> Result<bool, String> {
        let found = arguments.pointer(&self.pointer);
        match (&self.test, found) {
            (Test::Exists, found) => Ok(found.is_some_and(|it| !it.is_null())),
            (Test::Compares(..), None) => Err(format!("nothing is at `{}`", self.pointer)),
            (Test::Compares(operator, literal), Some(found)) => match order(found, literal) {
                Some(order) => Ok(operator.accepts(order)),
                None => Err(format!(
                    "what is at `{}` is {}, not {}",
                    self.pointer,
                    kind(found),
                    kind(literal)
                )),
            },
        }
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_start())
}

/// How a value compares with a literal; none if they are of different types.
fn order(found: &Value, literal: &Value) -> Option<Ordering> {
    match (found, literal) {
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        // Every type has an answer to whether it is null.
        (_, Value::Null) => Some(Ordering::Greater),
        _ => None,
    }
}

/// Exactly: an integer never goes through a double, where 2^53 and 2^53 + 1 are one.
fn numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => Some(mixed(a, b.as_f64()?)),
        (None, Some(b)) => Some(mixed(b, a.as_f64()?).reverse()),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn integer(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

fn mixed(integer: i128, double: f64) -> Ordering {
    let whole = double.floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and where it saturates it is beyond every 64 bit integer"
    )]
    let order = integer.cmp(&(whole as i128));
    let fraction = if double > whole {
        Ordering::Less
    } else {
        Ordering::Equal
    };
    order.then(fraction)
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// One condition as a string, or several as a list.
impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Conditions;

        impl<'de> Visitor<'de> for Conditions {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition such as \"/amount_cents >= 1000000\", or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<When, E> {
                Ok(When(vec![Condition::parse(text).map_err(E::custom)?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<When, A::Error> {
                let mut conditions = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    conditions.push(Condition::parse(&text).map_err(de::Error::custom)?);
                }
                if conditions.is_empty() {
                    return Err(de::Error::custom(
                        "no condition; leave `when` out for a rule that always applies",
                    ));
                }
                Ok(When(conditions))
            }
        }

        deserializer.deserialize_any(Conditions)
    }
}

#[cfg(test)]
mod tests;
