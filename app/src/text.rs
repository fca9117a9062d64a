//! Text for a terminal: escaped, wrapped at 80 columns, aligned.
//!
//! Every string that a model, a tool or a person wrote goes through [`shown`] before it reaches a
//! terminal. Whoever may choose an argument must not be able to move the cursor, hide a word or turn
//! the direction of a line in front of the person who approves it.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use crate::hidden::deceives;

/// How wide a line may be: 80 columns, with room for the indent of a story.
pub(crate) const WIDTH: usize = 78;

/// A foreign string as a terminal may show it: on one line, everything that deceives written out.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(deceives) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for it in text.chars() {
        match it {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            it if deceives(it) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(it));
            }
            it => escaped.push(it),
        }
    }
    Cow::Owned(escaped)
}

/// JSON on one line, with everything that deceives written as `\uXXXX`. Still the same JSON.
pub(crate) fn json(value: &serde_json::Value) -> String {
    escaped_json(&value.to_string())
}

/// The same of JSON that is text already.
pub(crate) fn escaped_json(text: &str) -> String {
    if !text.chars().any(deceives) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut units = [0; 2];
    for it in text.chars() {
        if deceives(it) {
            for unit in it.encode_utf16(&mut units) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(it);
        }
    }
    escaped
}

/// JSON with spaces where a line may break.
pub(crate) fn spaced(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(spaced).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let name = |it: &str| json(&Value::from(it));
            let fields: Vec<String> = fields
                .iter()
                .map(|(it, value)| format!("{}: {}", name(it), spaced(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => json(value),
    }
}

/// A value as a person reads it: text without its quotes, everything else as JSON.
pub(crate) fn value(value: &serde_json::Value) -> String {
    match value.as_str() {
        Some("") => "\"\"".to_owned(),
        Some(text) => shown(text).into_owned(),
        None => spaced(value),
    }
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// A text, filled up with spaces.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// Words on lines of at most [`WIDTH`] columns, the lines after the first one indented. A word that is
/// longer than a line is broken, never cut.
pub(crate) fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        let mut word = word.to_owned();
        if !empty && width(&line) + 1 + width(&word) > WIDTH {
            lines.push_str(line.trim_end());
            lines.push('\n');
            rest.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        while width(&line) + width(&word) > WIDTH {
            let (head, tail) = split_at_width(&word, WIDTH.saturating_sub(width(&line)).max(8));
            line.push_str(&head);
            lines.push_str(&line);
            lines.push('\n');
            rest.clone_into(&mut line);
            word = tail;
        }
        line.push_str(&word);
        empty = false;
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

fn split_at_width(word: &str, columns: usize) -> (String, String) {
    let mut taken = 0;
    let at = word
        .char_indices()
        .find(|(_, it)| {
            taken += width(it.encode_utf8(&mut [0; 4])).max(1);
            taken > columns
        })
        .map_or(word.len(), |(at, _)| at);
    (word[..at].to_owned(), word[at..].to_owned())
}

/// Foreign lines as they stand, moved in.
pub(crate) fn indented(lines: &str) -> String {
    lines.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {}", shown(line));
        text
    })
}

/// Names with their values, the values in one column.
pub(crate) fn pairs<'a>(indent: usize, pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| (shown(name).into_owned(), value))
        .collect();
    let column = pairs
        .iter()
        .map(|(name, _)| width(name))
        .max()
        .unwrap_or(0)
        .min(24);
    let rest = " ".repeat(indent + column + 2);
    pairs
        .iter()
        .map(|(name, value)| {
            let first = format!("{}{}  ", " ".repeat(indent), padded(name, column));
            wrapped(value, &first, &rest)
        })
        .collect()
}

/// Fields, one a line; those in `order` first, as they stand there.
pub(crate) fn fields(indent: usize, value: &serde_json::Value, order: &[&str]) -> String {
    match value.as_object() {
        Some(fields) if fields.is_empty() => format!("{}(none)\n", " ".repeat(indent)),
        Some(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort_by_key(|name| order.iter().position(|it| it == name).unwrap_or(order.len()));
            pairs(
                indent,
                names
                    .into_iter()
                    .map(|name| (name.as_str(), self::value(&fields[name]))),
            )
        }
        None => wrapped(&self::value(value), &" ".repeat(indent), &" ".repeat(indent)),
    }
}

/// Rows with their columns aligned; the last column is wrapped.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|it| {
            rows.iter()
                .filter_map(|row| row.get(it))
                .map(|cell| width(cell))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut first = String::new();
        for (cell, columns) in row.iter().zip(&widths).take(columns.saturating_sub(1)) {
            first.push_str(&padded(cell, *columns));
            first.push_str("  ");
        }
        let rest = " ".repeat(width(&first).min(WIDTH / 2));
        text.push_str(&wrapped(row.last().map_or("", String::as_str), &first, &rest));
    }
    text
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn listed(names: &[String], word: &str) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} {word} {last}", most.join(", ")),
    }
}

/// How long something still lasts, in its two largest units.
pub(crate) fn lasting(millis: i64) -> String {
    // Nobody who has days cares for the second that has just passed.
    let seconds = if millis >= 3_600_000 {
        (millis + 30_000) / 60_000 * 60
    } else {
        millis / 1000
    };
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let Some(place) = units.iter().position(|(unit, _)| seconds >= *unit) else {
        return "less than a second".to_owned();
    };
    let (unit, word) = units[place];
    let rest = seconds % unit;
    match units.get(place + 1) {
        Some((small, small_word)) if rest / small > 0 => {
            format!("{} {word} {} {small_word}", seconds / unit, rest / small)
        }
        _ => format!("{} {word}", seconds / unit),
    }
}

/// `2026-05-04 09:30:00`, in UTC.
pub(crate) fn moment(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_written_out() {
        assert_eq!(shown("late"), "late");
        assert_eq!(shown("a\u{1b}[2Kb\rc\u{9b}"), "a\\u{1b}[2Kb\\rc\\u{9b}");
        assert_eq!(
            shown("1\u{202e}00\u{2066}x\u{200b}y\u{feff}"),
            "1\\u{202e}00\\u{2066}x\\u{200b}y\\u{feff}"
        );
        assert_eq!(shown("two\nlines\u{2028}"), "two\\nlines\\u{2028}");
        assert_eq!(shown("Grüße, 東京"), "Grüße, 東京");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({"a": "\u{1b}[0m\u{202e}\u{200b}\u{e0041}\u{7f}é"});
        let text = json(&value);
        assert!(!text.chars().any(deceives), "{text}");
        assert!(
            text.contains("\\u202e") && text.contains("\\udb40\\udc41"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn lines_are_wrapped_and_never_cut() {
        let text = wrapped(&"word ".repeat(40), "  x  ", "     ");
        assert!(text.lines().all(|it| width(it) <= WIDTH), "{text}");
        let long = "x".repeat(300);
        let text = wrapped(&long, "  ", "  ");
        assert!(text.lines().all(|it| width(it) <= WIDTH), "{text}");
        assert_eq!(text.matches('x').count(), 300);
    }

    #[test]
    fn times_are_readable() {
        assert_eq!(lasting(604_799_000), "7 d");
        assert_eq!(lasting(602_000_000), "6 d 23 h");
        assert_eq!(lasting(3_600_000), "1 h");
        assert_eq!(lasting(61_000), "1 min 1 s");
        assert_eq!(lasting(10), "less than a second");
        assert_eq!(moment("2026-05-04T09:30:00.123Z"), "2026-05-04 09:30:00");
    }
}
