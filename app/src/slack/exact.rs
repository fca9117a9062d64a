//! Arguments as lines of plain text that can be read in one way only.
//!
//! A text is shown as it is where nothing in it hides, breaks a line, or could be taken for something else: a number,
//! yes or no, nothing, a secret; otherwise as JSON, with escapes for all of that. `&` and `<` are among it where Slack
//! has a meaning for them: whether it applies that to plain text is not for us to find out with somebody's approval.

use std::fmt::Write as _;

use countersign::Canonical;
use serde_json::{Map, Value};

use super::block::{SECTION, units};
use crate::console::value::{leaves, words};
use crate::hidden;

/// The most of all arguments on one card. Slack takes some 13000 characters in one message, with all that is around them.
const MOST: usize = 7000;
/// The most sections that they take.
const SECTIONS: usize = 12;
/// What a text may not say as it is, in letters only: it could be taken for one of the words that stand for values.
const VALUES: [&str; 18] = [
    "true",
    "false",
    "yes",
    "no",
    "yestrue",
    "nofalse",
    "null",
    "nil",
    "none",
    "nothing",
    "nothingnull",
    "nothinginit",
    "undefined",
    "empty",
    "emptytext",
    "emptylist",
    "nan",
    "infinity",
];

/// Arguments, in the order of the function, as texts that fit into one section each.
pub(super) struct Exact {
    pub(super) parts: Vec<String>,
    /// How many lines are not among them.
    pub(super) missing: usize,
}

impl Exact {
    /// Those named in `secret` stand for what is kept back, `***`; any other `***` is a text.
    pub(super) fn of(arguments: &Value, order: &[&str], secret: &[&str]) -> Self {
        if arguments.as_object().is_some_and(Map::is_empty) {
            return Self::fitted(Vec::new());
        }
        let mut leaves = leaves(arguments);
        leaves.sort_by_key(|it| {
            let place = order.iter().position(|name| *name == it.root);
            (place.unwrap_or(order.len()), it.root.to_owned())
        });
        let lines = leaves.iter().map(|it| {
            // No name that is shown as it is has a space in it.
            let path = if it.path.is_empty() {
                "the value".to_owned()
            } else {
                exact(&it.path)
            };
            let value = match it.value {
                Value::String(text) if secret.contains(&it.root) => exact(text),
                value => shown(value),
            };
            format!("{path}: {value}")
        });
        Self::fitted(lines.collect())
    }

    /// The same, with none of them shown.
    pub(super) fn left_out(self) -> Self {
        let lines = self.parts.iter().map(|it| it.lines().count());
        Self {
            missing: self.missing + lines.sum::<usize>(),
            parts: Vec::new(),
        }
    }

    fn fitted(lines: Vec<String>) -> Self {
        let mut parts: Vec<String> = Vec::new();
        let (mut room, mut missing) = (MOST, 0);
        for line in lines {
            // With the line break before it.
            let length = units(&line) + 2;
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

/// A scalar, or what is empty.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => words(value).0,
        Value::String(text) if reads_otherwise(text) => json(text),
        Value::String(text) => exact(text),
        value => words(value).0,
    }
}

/// Whether a text could be taken for a number, for yes or no, for nothing, for something empty or kept back.
fn reads_otherwise(text: &str) -> bool {
    let letters = text.chars().filter(|it| it.is_alphanumeric());
    let letters: String = letters.flat_map(char::to_lowercase).collect();
    // With none, it is punctuation: `[]`, `***`.
    let is_number = letters.chars().all(|it| it.is_numeric() || it == 'e');
    is_number || VALUES.contains(&letters.as_str())
}

/// A text as it is, or as JSON.
fn exact(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        json(text)
    }
}

/// Whether a text can be read in one way only as it is.
fn is_plain(text: &str) -> bool {
    let deceives = text.chars().any(hidden::deceives) || text.contains(['\\', '"', '\u{fffd}']);
    let is_spaced = text.trim() != text || text.contains("  ");
    let entity = ["&amp;", "&lt;", "&gt;", "&#"].iter().any(|it| text.contains(it));
    let markup = text.contains('<');
    // What stands on the first letter would stand on our words before it.
    let begins = text.chars().next().is_none_or(hidden::combines);
    !(deceives || is_spaced || entity || markup || begins || is_painted(text))
}

/// Whether so many marks are on one letter that they are paint over the lines around it.
fn is_painted(text: &str) -> bool {
    let marks = text.chars().fold((0, 0), |(run, most), it| {
        let run = if hidden::combines(it) { run + 1 } else { 0 };
        (run, most.max(run))
    });
    marks.1 > 3
}

/// A text as JSON, everything that deceives escaped.
fn json(text: &str) -> String {
    let escapes_marks = is_painted(text) || text.chars().next().is_some_and(hidden::combines);
    let mut json = String::from('"');
    let mut units = [0; 2];
    for it in text.chars() {
        let plain = !(hidden::deceives(it) || escapes_marks && hidden::combines(it));
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn lines(value: &Value) -> Vec<String> {
        let exact = Exact::of(value, &["b"], &[]);
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
        let exact = Exact::of(&value, &[], &[]).parts.join("|");
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
            let exact = Exact::of(&value, &[], &[]);
            assert_eq!(exact.is_whole(), missing == 0);
            if missing < 10 {
                assert_eq!(exact.missing, missing);
            }
            assert!(exact.parts.len() <= SECTIONS && exact.parts.iter().all(|it| units(it) <= SECTION));
            assert!(exact.parts.iter().map(|it| units(it)).sum::<usize>() <= MOST);
        }
    }

    #[test]
    fn a_text_is_told_from_what_it_says() {
        let quoted = [
            "true",
            "True",
            "FALSE",
            "yes",
            "No",
            "null",
            "none",
            "yes (true)",
            "no (false)",
            "nothing (null)",
            "Yes(true)",
            "empty list ([])",
            "nothing in it ({})",
            "12",
            "-3",
            "+3",
            "1.5",
            "1e9",
            "1,200",
            "007",
            "\u{ff11}2",
            "[]",
            "{}",
            "***",
            "-",
            "NaN",
            " true",
            "true ",
            " ",
            "\u{301}x",
        ];
        for text in quoted {
            let line = lines(&json!({ "a": text })).remove(0);
            let read: Value = serde_json::from_str(line.strip_prefix("a: ").unwrap()).expect(&line);
            assert_eq!(read, json!(text), "{line}");
        }
        for text in [
            "no problem",
            "yes, it is true",
            "r12",
            "12 apples",
            "R&D",
            "nothing else",
            "a * b",
        ] {
            assert_eq!(lines(&json!({ "a": text })), [format!("a: {text}")]);
        }
        // What is kept back, and a text of three stars.
        let exact = Exact::of(&json!({"code": "***", "room": "***"}), &[], &["code"]);
        assert_eq!(exact.parts, ["code: ***\nroom: \"***\""]);
        assert_eq!(Exact::of(&json!({}), &[], &[]).parts, Vec::<String>::new());
    }

    /// The value that lines tell of: that there is one for all lines shows that no two values look the same.
    fn told(lines: &[String]) -> Value {
        let mut value = if lines.is_empty() { json!({}) } else { Value::Null };
        for line in lines {
            let (path, rest) = match line.strip_prefix('"') {
                Some(_) => {
                    let mut read = serde_json::Deserializer::from_str(line).into_iter::<String>();
                    let path = read.next().unwrap().unwrap();
                    (
                        path,
                        line.get(read.byte_offset()..)
                            .unwrap()
                            .strip_prefix(": ")
                            .unwrap(),
                    )
                }
                None => {
                    let (path, rest) = line.split_once(": ").unwrap();
                    (path.to_owned(), rest)
                }
            };
            let leaf = match rest {
                "nothing (null)" => Value::Null,
                "yes (true)" => json!(true),
                "no (false)" => json!(false),
                "empty text (\"\")" => json!(""),
                "empty list ([])" => json!([]),
                "nothing in it ({})" => json!({}),
                text => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            };
            *place(&mut value, if path == "the value" { "" } else { &path }) = leaf;
        }
        value
    }

    /// Where a path leads.
    fn place<'a>(value: &'a mut Value, path: &str) -> &'a mut Value {
        let Some(first) = path.chars().next() else {
            return value;
        };
        let (name, rest) = match path.strip_prefix('[') {
            Some(inner) => {
                let mut read = serde_json::Deserializer::from_str(inner).into_iter::<Value>();
                let name = read.next().unwrap().unwrap();
                (name, inner.get(read.byte_offset() + 1..).unwrap())
            }
            None => {
                let path = path.strip_prefix('.').unwrap_or(path);
                let end = path.find(['.', '[']).unwrap_or(path.len());
                assert!(end > 0, "{first}");
                (json!(&path[..end]), &path[end..])
            }
        };
        let inner = match name {
            Value::String(name) => {
                if value.is_null() {
                    *value = json!({});
                }
                value.as_object_mut().unwrap().entry(name).or_insert(Value::Null)
            }
            at => {
                let at = usize::try_from(at.as_u64().unwrap()).unwrap();
                if value.is_null() {
                    *value = json!([]);
                }
                let items = value.as_array_mut().unwrap();
                items.resize(items.len().max(at + 1), Value::Null);
                &mut items[at]
            }
        };
        place(inner, rest)
    }

    /// Texts that try to be something else.
    fn texts() -> impl Strategy<Value = String> {
        let words = prop::sample::select(vec![
            "a",
            "b",
            "1",
            "-1",
            "1.0",
            "1e3",
            "true",
            "null",
            "yes (true)",
            "no (false)",
            "nothing (null)",
            "empty text (\"\")",
            "empty list ([])",
            "nothing in it ({})",
            "the value",
            "***",
            "",
            " ",
            ": ",
            ".",
            "[0]",
            "[\"a\"]",
            "\"",
            "\\",
            "\\n",
            "\n",
            "\u{202e}",
            "\u{301}",
            "&lt;",
            "<",
            "\u{fffd}",
            "\u{1f600}",
        ]);
        let joined = prop::collection::vec(words, 0..4).prop_map(|it| it.concat());
        prop_oneof![4 => joined, 1 => any::<String>()]
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            6 => texts().prop_map(Value::from),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        scalar.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(texts(), inner, 0..4)
                    .prop_map(|it| it.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn two_values_never_look_the_same(value in values()) {
            let exact = Exact::of(&value, &[], &[]);
            if exact.is_whole() {
                let lines: Vec<String> = exact.parts.iter().flat_map(|it| it.split('\n')).map(str::to_owned).collect();
                prop_assert_eq!(told(&lines), value, "{:?}", lines);
            }
        }
    }
}
