//! Arguments and results as rows that people read, nothing in them cut without a way to see it whole.
//!
//! A value becomes a list of paths with what stands there. What is long is closed at first: its beginning is shown, with
//! how much is missing. Whoever decides must have had everything open: [`View::is_open`] says whether this is so.

use askama::Template;
use askama::filters::HtmlSafe;
use serde_json::Value;

use super::visible::{Line, Lines};
use crate::text;

/// A text with more characters is closed at first.
const LONG: usize = 300;
/// So is one with more lines.
const MANY_LINES: usize = 6;
/// Of a value with more rows, the others are closed at first.
const MANY_ROWS: usize = 40;

/// How much of a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The beginning of what is long.
    Brief,
    /// Everything.
    All,
}

/// A value, as rows.
#[derive(Debug, Clone, Template)]
#[template(path = "part/value.html")]
pub(crate) struct View {
    /// What stands where.
    pub(crate) rows: Vec<Row>,
    /// How many rows are not shown.
    pub(crate) more_rows: usize,
    /// The value as canonical JSON; its beginning, if it is long and closed.
    pub(crate) json: Lines,
    closed: bool,
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Where it stands: `items[2].price`. Empty for a value that is no object and no list.
    pub(crate) path: Line,
    /// What stands there.
    pub(crate) value: Lines,
    /// What it is: `text`, `number`, `yes or no`, `nothing`, `empty`.
    pub(crate) kind: &'static str,
    /// How many characters are not shown.
    pub(crate) more: usize,
}

// Templates escape everything in it.
impl HtmlSafe for View {}

impl Row {
    /// How it is drawn.
    fn class(&self) -> &'static str {
        match self.kind {
            "nothing" | "empty" => "unset",
            _ => "",
        }
    }
}

impl View {
    /// A value, the members named in `order` first.
    pub(crate) fn of(value: &Value, order: &[&str], extent: Extent) -> Self {
        let mut leaves = leaves(value);
        // The rest by name: a map's own order depends on the features of a JSON library elsewhere in the tree.
        leaves.sort_by(|one, other| {
            let place = |it: &str| order.iter().position(|name| *name == it).unwrap_or(order.len());
            (place(one.root), one.root).cmp(&(place(other.root), other.root))
        });
        let count = leaves.len();
        if extent == Extent::Brief {
            leaves.truncate(MANY_ROWS);
        }
        let more_rows = count - leaves.len();
        let rows: Vec<Row> = leaves.into_iter().map(|it| it.row(extent)).collect();
        let closed = more_rows > 0 || rows.iter().any(|it| it.more > 0);
        // Where the rows say everything, so does the JSON.
        let (json, more) = shortened(&canonical(value), if closed { extent } else { Extent::All });
        let json = Lines::of(if more > 0 { format!("{json}…") } else { json });
        Self {
            rows,
            more_rows,
            json,
            closed,
        }
    }

    /// Whether everything is shown.
    pub(crate) const fn is_open(&self) -> bool {
        !self.closed
    }
}

/// A scalar or something empty, with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf<'a> {
    /// The member of the outermost object that it belongs to.
    pub(crate) root: &'a str,
    pub(crate) path: String,
    pub(crate) value: &'a Value,
}

impl Leaf<'_> {
    fn row(&self, extent: Extent) -> Row {
        let (words, kind) = words(self.value);
        let (value, more) = shortened(&words, extent);
        Row {
            path: Line::path(&self.path),
            value: Lines::of(value),
            kind,
            more,
        }
    }
}

/// What is in a value, in its order, without any nesting.
pub(crate) fn leaves(value: &Value) -> Vec<Leaf<'_>> {
    fn walk<'a>(root: &'a str, path: &str, value: &'a Value, into: &mut Vec<Leaf<'a>>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    let root = if path.is_empty() { name } else { root };
                    walk(root, &member(path, name), value, into);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (place, value) in items.iter().enumerate() {
                    walk(root, &format!("{path}[{place}]"), value, into);
                }
            }
            value => into.push(Leaf {
                root,
                path: path.to_owned(),
                value,
            }),
        }
    }
    let mut found = Vec::new();
    walk("", "", value, &mut found);
    found
}

/// The path of a member. A name that could be taken for a path is quoted.
fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"', ' ']);
    match (path.is_empty(), plain) {
        (true, true) => name.to_owned(),
        (false, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[{}]", Value::from(name)),
    }
}

/// A scalar in words, and what it is.
pub(crate) fn words(value: &Value) -> (String, &'static str) {
    match value {
        Value::Null => ("nothing (null)".to_owned(), "nothing"),
        Value::Bool(true) => ("yes (true)".to_owned(), "yes or no"),
        Value::Bool(false) => ("no (false)".to_owned(), "yes or no"),
        Value::Number(number) => (number.to_string(), "number"),
        Value::String(text) if text.is_empty() => ("empty text (\"\")".to_owned(), "empty"),
        // `"1"` and `1` must not look the same.
        Value::String(text) if looks_otherwise(text) => (format!("\"{text}\""), "text"),
        Value::String(text) => (text.clone(), "text"),
        Value::Array(_) => ("empty list ([])".to_owned(), "empty"),
        Value::Object(_) => ("nothing in it ({})".to_owned(), "empty"),
    }
}

/// Whether a text could be taken for a number, for yes or no, or for nothing.
fn looks_otherwise(text: &str) -> bool {
    let scalar = |it: &Value| !(it.is_string() || it.is_object() || it.is_array());
    serde_json::from_str(text).is_ok_and(|it| scalar(&it))
}

/// Canonical JSON with everything that deceives escaped as JSON escapes it; still the same JSON.
pub(crate) fn canonical(value: &Value) -> String {
    match countersign::Canonical::of(value) {
        Ok(canonical) => text::escaped_json(canonical.as_str()),
        Err(_) => text::json(value),
    }
}

/// A text, or its beginning and how many characters are missing.
fn shortened(words: &str, extent: Extent) -> (String, usize) {
    let count = words.chars().count();
    let lines = words.bytes().filter(|it| *it == b'\n').count() + 1;
    if extent == Extent::All || count <= LONG && lines <= MANY_LINES {
        return (words.to_owned(), 0);
    }
    let few: Vec<&str> = words.split('\n').take(MANY_LINES).collect();
    let beginning: String = few.join("\n").chars().take(LONG).collect();
    let more = count - beginning.chars().count();
    (beginning, more)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(value: &Value, extent: Extent) -> Vec<(String, String)> {
        let view = View::of(value, &["b"], extent);
        view.rows
            .iter()
            .map(|it| (it.path.to_string().replace("<wbr>", ""), it.value.to_string()))
            .collect()
    }

    #[test]
    fn nested_values_become_paths() {
        let value = json!({"a": {"x": [1, {"y": null}], "z": []}, "b": "text", "c.d": true, "": {}});
        let expected = [
            ("b", "text"),
            ("[&quot;&quot;]", "nothing in it ({})"),
            ("a.x[0]", "1"),
            ("a.x[1].y", "nothing (null)"),
            ("a.z", "empty list ([])"),
            ("[&quot;c.d&quot;]", "yes (true)"),
        ];
        assert_eq!(
            rows(&value, Extent::Brief),
            expected.map(|(path, value)| (path.to_owned(), value.to_owned()))
        );
        assert_eq!(rows(&json!(7), Extent::Brief), [(String::new(), "7".to_owned())]);
    }

    #[test]
    fn long_texts_are_closed_until_all_is_asked_for() {
        for long in ["x".repeat(301), "\n".repeat(6), format!("{}10", " ".repeat(400))] {
            let value = json!({ "a": long });
            let brief = View::of(&value, &[], Extent::Brief);
            assert!(!brief.is_open() && brief.rows[0].more > 0);
            let all = View::of(&value, &[], Extent::All);
            assert!(all.is_open() && all.rows[0].more == 0);
        }
        assert!(View::of(&json!({"a": "x".repeat(300)}), &[], Extent::Brief).is_open());
    }

    #[test]
    fn many_rows_are_closed() {
        let value = json!((0..41).collect::<Vec<_>>());
        let brief = View::of(&value, &[], Extent::Brief);
        assert_eq!(
            (brief.rows.len(), brief.more_rows, brief.is_open()),
            (40, 1, false)
        );
        assert!(View::of(&value, &[], Extent::All).is_open());
    }

    #[test]
    fn json_keeps_every_digit_and_escapes_what_hides() {
        let value: Value = serde_json::from_str(r#"{"n":18446744073709551615,"t":"a\u202eb"}"#).unwrap();
        assert_eq!(canonical(&value), r#"{"n":18446744073709551615,"t":"a\u202eb"}"#);
    }
}
