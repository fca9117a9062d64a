//! The parts of messages and forms, as Block Kit has them. Text is always `plain_text`: nothing in it is markup.

use serde_json::{Value, json};

use crate::text;

/// The most that one section holds, in [`units`]; Slack refuses 3001 characters.
pub(super) const SECTION: usize = 2900;
/// The most that a field of a section, small print, a label or a hint holds; Slack refuses 2001 of most of them.
const FIELD: usize = 1900;
/// The most that a title of a message holds; Slack refuses 151.
const HEADER: usize = 140;
/// The most that a button, a title of a form or an option holds; Slack refuses 76.
const OPTION: usize = 75;

/// Text.
pub(super) fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

pub(super) fn header(words: &str) -> Value {
    json!({"type": "header", "text": plain(&brief(words, HEADER))})
}

pub(super) fn section(words: &str) -> Value {
    json!({"type": "section", "text": plain(&brief(words, SECTION))})
}

/// Small print.
pub(super) fn context(words: &str) -> Value {
    json!({"type": "context", "elements": [plain(&brief(words, FIELD))]})
}

/// Whether small print says all of these words.
pub(super) fn fits_context(words: &str) -> bool {
    units(words) <= FIELD
}

/// Names and what stands beside them; ten at most.
pub(super) fn fields(pairs: &[(&str, String)]) -> Value {
    let fields = pairs.iter().take(10);
    let fields = fields.map(|(name, words)| plain(&brief(&format!("{name}\n{words}"), FIELD)));
    json!({"type": "section", "fields": fields.collect::<Vec<_>>()})
}

/// A button that says something about a requirement.
pub(super) fn button(action: &str, words: &str, value: &str, style: Option<&str>) -> Value {
    let mut button = json!({
        "type": "button", "action_id": action, "text": plain(&brief(words, OPTION)), "value": value,
    });
    if let Some(style) = style {
        button["style"] = style.into();
    }
    button
}

/// A button that leads to a page.
pub(super) fn link(words: &str, url: &str) -> Value {
    json!({"type": "button", "action_id": "console", "text": plain(&brief(words, OPTION)), "url": url})
}

pub(super) fn actions(elements: &[Value]) -> Value {
    json!({"type": "actions", "elements": elements})
}

/// A field of a form. Its block has the name under which errors are told.
pub(super) fn input(block: &str, label: &str, hint: &str, optional: bool, element: &Value) -> Value {
    let mut input = json!({
        "type": "input", "block_id": block, "label": plain(&brief(label, FIELD)), "optional": optional,
        "element": element,
    });
    if !hint.is_empty() {
        input["hint"] = plain(&brief(hint, FIELD));
    }
    input
}

/// One of several.
pub(super) fn option(words: &str, value: &str) -> Value {
    json!({"text": plain(&brief(words, OPTION)), "value": value})
}

/// Whether an option says all of these words.
pub(super) fn fits_option(words: &str) -> bool {
    units(words) <= OPTION && !words.is_empty()
}

/// A form. `about` comes back with what is submitted.
pub(super) fn form(name: &str, title: &str, submit: &str, about: &str, blocks: &[Value]) -> Value {
    json!({
        "type": "modal", "callback_id": name, "private_metadata": about,
        "title": plain(title), "submit": plain(submit), "close": plain("Cancel"), "blocks": blocks,
    })
}

/// A page that only says something.
pub(super) fn notice(title: &str, blocks: &[Value]) -> Value {
    json!({"type": "modal", "title": plain(title), "close": plain("Close"), "blocks": blocks})
}

/// How long a text is, at the most: in UTF-16 units, with what Slack escapes as it escapes it, and what JSON does.
/// Which of these it counts, its documentation does not say.
pub(super) fn units(text: &str) -> usize {
    text.chars().map(unit).sum()
}

const fn unit(it: char) -> usize {
    match it {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        '"' | '\\' | '\n' => 2,
        it => it.len_utf16(),
    }
}

/// A text, or its beginning and a sign that there is more. Only for words that nobody approves.
pub(super) fn brief(words: &str, most: usize) -> String {
    if units(words) <= most {
        return words.to_owned();
    }
    let mut taken = 1;
    let few = words.chars().take_while(|it| {
        taken += unit(*it);
        taken <= most
    });
    format!("{}…", few.collect::<String>())
}

/// Words for a text without blocks, in which Slack looks for links and mentions whatever else it is told.
pub(super) fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;");
    words.replace('<', "&lt;").replace('>', "&gt;")
}

/// Foreign words on one line, everything that hides written out.
pub(super) fn shown(words: &str) -> String {
    text::shown(words).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mention_nobody() {
        assert_eq!(escaped("<!channel> R&D"), "&lt;!channel&gt; R&amp;D");
    }

    #[test]
    fn a_text_is_as_long_as_anybody_may_count_it() {
        for (text, long) in [
            ("ab", 2),
            ("é", 1),
            ("😀", 2),
            ("R&D", 7),
            ("<a>", 9),
            ("\"\n\\", 6),
        ] {
            assert_eq!(units(text), long, "{text}");
        }
        for text in ["x", "&", "😀", "a\""] {
            let cut = brief(&text.repeat(2000), FIELD);
            assert!(
                cut.ends_with('…') && (FIELD - 5..=FIELD).contains(&units(&cut)),
                "{text}"
            );
        }
        assert!(fits_context(&"&".repeat(FIELD / 5)) && !fits_context(&"&".repeat(FIELD / 5 + 1)));
    }
}
