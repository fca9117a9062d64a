//! Foreign text as a browser may show it: text and never markup, and nothing in it hidden.
//!
//! Every string that a model, a tool, a person or a policy wrote reaches a page as one of these types. They are the
//! only ones of the console that templates do not escape, because they have done it.
//!
//! What a newcomer would get wrong: HTML escaping alone is not enough. A right-to-left override needs no angle bracket
//! to make `10` read as `01`.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::hidden;

/// The class of everything that is written out. A page that holds it says so at its top.
pub(crate) const MARK: &str = "class=\"hidden-char\"";
/// So many marks on one letter are an alphabet; more are paint over the lines around it.
const MOST_MARKS: usize = 3;

/// Text on one line: line breaks and tabs are written out as well.
///
/// ```text
/// Line::of("pay\u{202e}01") -> pay<span class="hidden-char" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>01
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line(String);

/// Text with its lines as they are, for an element that keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines(String);

impl Line {
    /// The text, escaped.
    pub(crate) fn of(text: impl fmt::Display) -> Self {
        Self(escaped(&text.to_string(), Edges::Marked, false))
    }

    /// Words of ours around foreign ones that [`crate::text::shown`] has escaped already: what it wrote out is marked.
    pub(crate) fn told(text: impl fmt::Display) -> Self {
        let text = text.to_string();
        let mut html = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("\\u{") {
            html.push_str(&escaped(before, Edges::Plain, false));
            let found = after.split_once('}').and_then(|(code, after)| {
                let it = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
                Some((it, after))
            });
            match found {
                Some((it, after)) => {
                    written_out(&mut html, it);
                    rest = after;
                }
                None => {
                    html.push_str("\\u{");
                    rest = after;
                }
            }
        }
        html.push_str(&escaped(rest, Edges::Plain, false));
        Self(html)
    }

    /// The same where no element may stand, as in an option of a list: `[U+202E]`.
    pub(crate) fn plain(&self) -> Self {
        let mut plain = String::with_capacity(self.0.len());
        let mut rest = self.0.as_str();
        // No foreign text has a `<` any more: each one is of a span of ours.
        while let Some((before, span)) = rest.split_once('<') {
            plain.push_str(before);
            let (tag, after) = span.split_once('>').unwrap_or_default();
            let (within, after) = after.split_once("</span>").unwrap_or_default();
            let marked = tag.contains(MARK);
            plain.push_str(if marked { "[" } else { "" });
            plain.push_str(within);
            plain.push_str(if marked { "]" } else { "" });
            rest = after;
        }
        plain.push_str(rest);
        Self(plain)
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something had to be written out.
    #[cfg(test)]
    pub(crate) fn is_marked(&self) -> bool {
        self.0.contains(MARK)
    }
}

impl Lines {
    /// The text, escaped.
    pub(crate) fn of(text: impl fmt::Display) -> Self {
        Self(escaped(&text.to_string(), Edges::Marked, true))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// Escaped when it was made: there is no other way to make one.
impl HtmlSafe for Line {}
impl HtmlSafe for Lines {}

/// What somebody typed, to be typed on: a control shows no marks, so what hides is left out of it.
pub(crate) fn typed(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars()
        .filter(|it| *it == '\n' || !hidden::deceives(*it))
        .collect()
}

/// What becomes of spaces at the beginning and the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edges {
    /// They are seen.
    Marked,
    /// They stand between other words.
    Plain,
}

fn escaped(text: &str, edges: Edges, keeps_lines: bool) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    let last = text.trim_end_matches(' ').len();
    let mut marks = 0;
    let mut starts = true;
    for (at, it) in text.char_indices() {
        let combines = hidden::combines(it);
        marks = if combines { marks + 1 } else { 0 };
        let at_edge = edges == Edges::Marked && it == ' ' && (starts && at == 0 || at >= last);
        let kept = keeps_lines && matches!(it, '\n' | '\t');
        let deceives = hidden::deceives(it) || combines && (starts || marks > MOST_MARKS);
        match it {
            _ if kept => html.push(it),
            _ if deceives => written_out(&mut html, it),
            _ if at_edge => html.push_str("<span class=\"edge-space\" title=\"SPACE\">␣</span>"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            it => html.push(it),
        }
        // A mark after a line break, or after something written out, would stand on what is ours.
        starts = kept || deceives;
    }
    html
}

fn written_out(html: &mut String, it: char) {
    use fmt::Write as _;
    let _ = write!(
        html,
        "<span {MARK} title=\"{}\">U+{:04X}</span>",
        hidden::name(it),
        u32::from(it)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        assert_eq!(Line::of(text).to_string(), shown);
    }

    fn mark(code: &str, name: &str) -> String {
        format!("<span class=\"hidden-char\" title=\"{name}\">U+{code}</span>")
    }

    #[test]
    fn markup_is_text() {
        check(
            r#"<script>alert("1")</script>&'"#,
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;",
        );
        assert!(!Line::of("<b>").is_marked());
    }

    #[test]
    fn what_hides_is_written_out() {
        check(
            "a\u{202e}b",
            &format!("a{}b", mark("202E", "RIGHT-TO-LEFT OVERRIDE")),
        );
        check("\u{1b}[2J", &format!("{}[2J", mark("001B", "ESCAPE")));
        check("a\u{200b}b", &format!("a{}b", mark("200B", "ZERO WIDTH SPACE")));
        check("\u{e0041}", &mark("E0041", "TAG CHARACTER"));
        assert!(Line::of("\u{e000}").is_marked() && Line::of("\u{2003}").is_marked());
    }

    #[test]
    fn lines_stay_lines_only_where_they_may() {
        check("a\nb", &format!("a{}b", mark("000A", "LINE FEED")));
        assert_eq!(Lines::of("a\n\tb").to_string(), "a\n\tb");
        assert_eq!(
            Lines::of("a\rb").to_string(),
            format!("a{}b", mark("000D", "CARRIAGE RETURN"))
        );
    }

    #[test]
    fn marks_stand_on_letters_and_not_on_ours() {
        check("e\u{301}", "e\u{301}");
        check("\u{301}", &mark("0301", "COMBINING MARK"));
        let piled = format!("a{}", "\u{301}".repeat(6));
        assert_eq!(Line::of(&piled).to_string().matches("U+0301").count(), 3);
        assert_eq!(
            Lines::of("a\n\u{301}").to_string(),
            format!("a\n{}", mark("0301", "COMBINING MARK"))
        );
        assert_eq!(
            Line::of("\u{200b}\u{301}")
                .to_string()
                .matches("hidden-char")
                .count(),
            2
        );
    }

    #[test]
    fn where_no_element_may_stand_it_is_said_in_brackets() {
        assert_eq!(Line::of("a\u{202e}<b>").plain().to_string(), "a[U+202E]&lt;b&gt;");
        assert_eq!(Line::of(" a").plain().to_string(), "␣a");
    }

    #[test]
    fn what_was_escaped_for_a_terminal_is_marked() {
        let told = crate::text::shown("a\u{202e}<b>\n").into_owned();
        let shown = Line::told(&told);
        assert_eq!(
            shown.to_string(),
            format!("a{}&lt;b&gt;\\n", mark("202E", "RIGHT-TO-LEFT OVERRIDE"))
        );
        assert_eq!(Line::told("\\u{zz} \\u{").to_string(), "\\u{zz} \\u{");
    }

    #[test]
    fn spaces_at_the_edges_are_seen() {
        let space = "<span class=\"edge-space\" title=\"SPACE\">␣</span>";
        check(" a b ", &format!("{space}a b{space}"));
        assert!(!Line::of(" a").is_marked());
    }
}
