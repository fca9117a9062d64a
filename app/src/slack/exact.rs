//! Arguments as lines of plain text that can be read in one way only.
//!
//! A text is shown as it is where nothing in it hides, breaks a line, or could be taken for something else; otherwise
//! as JSON, with escapes for all of that. `&` and `<` are among it where Slack has a meaning for them: whether it
//! applies that to plain text is not for us to find out with somebody's approval.

use std::fmt::Write as _;

use countersign::Canonical;
use serde_json::Value;

use super::block::{SECTION, units};
use crate::console::value::{leaves, words};
use crate::hidden;

/// The most of all arguments on one card. Slack takes some 13000 characters in one message.
const MOST: usize = 8000;
/// The most sections that they take.
const SECTIONS: usize = 12;

/// Arguments, in the order of the function, as texts that fit into one section each.
pub(super) struct Exact {
    pub(super) parts: Vec<String>,
    /// How many lines are not among them.
    pub(super) missing: usize,
}

impl Exact {
    pub(super) fn of(arguments: &Value, order: &[&str]) -> Self {
        let mut leaves = leaves(arguments);
        leaves.sort_by_key(|it| {
            let place = order.iter().position(|name| *name == it.root);
            (place.unwrap_or(order.len()), it.root.to_owned())
        });
        let lines = leaves.iter().map(|it| {
            let path = if it.path.is_empty() {
                "value".to_owned()
            } else {
                exact(&it.path)
            };
            format!("{path}: {}", shown(it.value))
        });
        Self::fitted(lines.collect())
    }

    fn fitted(lines: Vec<String>) -> Self {
        let mut parts: Vec<String> = Vec::new();
        let (mut room, mut missing) = (MOST, 0);
        for line in lines {
            let length = units(&line) + 1;
            if length > room || length > SECTION || missing > 0 {
                missing += 1;
                continue;
            }
            let fits = parts.last().is_some_and(|it| units(it) + length <= SECTION);
            if !fits && parts.len() == SECTIONS {
                missing += 1;
                continue;
            }
            room -= length;
            match parts.last_mut().filter(|_| fits) {
                Some(part) => {
                    part.push('\n');
                    part.push_str(&line);
                }
                None => parts.push(line),
            }
        }
        Self { parts, missing }
    }

    /// Whether nothing is missing.
    pub(super) const fn is_whole(&self) -> bool {
        self.missing == 0
    }
}

/// A scalar.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => match words(value).0 {
            // It is quoted already: it could be taken for a number.
            quoted if quoted != *text => quoted,
            plain => exact(&plain),
        },
        value => words(value).0,
    }
}

/// A text as it is, or as JSON.
fn exact(text: &str) -> String {
    let deceives = text.chars().any(hidden::deceives) || text.contains(['\\', '"', '\u{fffd}']);
    let is_spaced = text.trim() != text || text.contains("  ");
    // So many marks on one letter are paint over the lines around it.
    let marks = text.chars().fold((0, 0), |(run, most), it| {
        let run = if hidden::combines(it) { run + 1 } else { 0 };
        (run, most.max(run))
    });
    let entity = ["&amp;", "&lt;", "&gt;", "&#"].iter().any(|it| text.contains(it));
    let markup = text.contains('<');
    if !(deceives || is_spaced || entity || markup || marks.1 > 3) {
        return text.to_owned();
    }
    let mut json = String::from('"');
    let mut units = [0; 2];
    for it in text.chars() {
        let plain = !(hidden::deceives(it) || marks.1 > 3 && hidden::combines(it));
        match it {
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            '\\' => json.push_str("\\\\"),
            '"' => json.push_str("\\\""),
            it if plain && !matches!(it, '&' | '<' | '>') => json.push(it),
            it => {
                for unit in it.encode_utf16(&mut units) {
                    let _ = write!(json, "\\u{unit:04x}");
                }
            }
        }
    }
    json.push('"');
    debug_assert!(Canonical::parse(&json).is_ok(), "it is JSON");
    json
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lines(value: &Value) -> Vec<String> {
        let exact = Exact::of(value, &["b"]);
        assert!(exact.is_whole());
        exact.parts.join("\n").lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_value_is_one_line_and_no_two_look_the_same() {
        let value = json!({
            "a": {"x": [1, "1", true, null, ""]}, "b": "plain text, R&D", "c": "one\ntwo: 3", "d": "10\u{202e}",
            "e": "back\\slash", "f": "\"quoted\"", "g": " space", "h": "<!channel>", "i": "&lt;b&gt;", "j": "a\u{300}",
            "k": "2  3",
        });
        let expected = [
            "b: plain text, R&D",
            "a.x[0]: 1",
            "a.x[1]: \"1\"",
            "a.x[2]: yes (true)",
            "a.x[3]: nothing (null)",
            "a.x[4]: empty text (\"\")",
            "c: \"one\\ntwo: 3\"",
            "d: \"10\\u202e\"",
            "e: \"back\\\\slash\"",
            "f: \"\\\"quoted\\\"\"",
            "g: \" space\"",
            "h: \"\\u003c!channel\\u003e\"",
            "i: \"\\u0026lt;b\\u0026gt;\"",
            "j: a\u{300}",
            "k: \"2  3\"",
        ];
        assert_eq!(lines(&value), expected);
    }

    #[test]
    fn a_name_deceives_as_little_as_a_value() {
        let value = json!({"amount\u{200b}": 1, "a\nb": 2});
        let exact = Exact::of(&value, &[]).parts.join("|");
        assert!(
            !exact.contains('\u{200b}') && exact.lines().count() == 2,
            "{exact}"
        );
    }

    #[test]
    fn what_does_not_fit_is_counted_and_never_cut() {
        for (value, missing) in [
            (json!({"a": "x".repeat(2800)}), 0),
            (json!({"a": "x".repeat(3000)}), 1),
            (json!({"a": "x".repeat(3000), "b": 1}), 2),
            (json!({"a": "😀".repeat(1500)}), 1),
            (json!((0..2000).collect::<Vec<_>>()), 1000),
        ] {
            let exact = Exact::of(&value, &[]);
            assert_eq!(exact.is_whole(), missing == 0);
            if missing < 10 {
                assert_eq!(exact.missing, missing);
            }
            assert!(exact.parts.len() <= SECTIONS && exact.parts.iter().all(|it| units(it) <= SECTION));
            assert!(exact.parts.iter().map(|it| units(it)).sum::<usize>() <= MOST);
        }
    }
}
