//! Characters that could deceive a reader: which they are, and what they are called.
//!
//! Every surface writes them out, each in its own way: the command line as `\u{202e}`, the console as a
//! marked `U+202E`. Which ones they are stands here and nowhere else.

use std::sync::LazyLock;

use regex::Regex;

/// What controls a device, has no shape of its own, changes the direction or the order of its surroundings, is
/// no character at all, or is a space that is none of the keyboard.
static HIDDEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\x{2800}[\p{Zs}--\x20]]",
    )
    .ok()
});
/// What stands on top of the character before it.
#[cfg(feature = "http")]
static MARK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\p{M}").ok());

/// Whether a character could deceive a reader by itself.
pub(crate) fn deceives(it: char) -> bool {
    if it.is_ascii() {
        return it.is_ascii_control();
    }
    // Without its table everything is suspicious.
    is_in(HIDDEN.as_ref(), it)
}

/// Whether a character stands on top of the one before it.
#[cfg(feature = "http")]
pub(crate) fn combines(it: char) -> bool {
    !it.is_ascii() && is_in(MARK.as_ref(), it)
}

fn is_in(class: Option<&Regex>, it: char) -> bool {
    class.is_none_or(|class| class.is_match(it.encode_utf8(&mut [0; 4])))
}

/// What a character that is written out is called, as far as it has a name worth knowing.
#[cfg(feature = "http")]
pub(crate) fn name(it: char) -> &'static str {
    match it {
        '\0' => "NULL",
        '\t' => "TAB",
        '\n' => "LINE FEED",
        '\r' => "CARRIAGE RETURN",
        '\u{1b}' => "ESCAPE",
        '\u{8}' => "BACKSPACE",
        '\u{7f}' => "DELETE",
        '\u{85}' => "NEXT LINE",
        '\u{a0}' => "NO-BREAK SPACE",
        '\u{ad}' => "SOFT HYPHEN",
        '\u{34f}' => "COMBINING GRAPHEME JOINER",
        '\u{61c}' => "ARABIC LETTER MARK",
        '\u{200b}' => "ZERO WIDTH SPACE",
        '\u{200c}' => "ZERO WIDTH NON-JOINER",
        '\u{200d}' => "ZERO WIDTH JOINER",
        '\u{200e}' => "LEFT-TO-RIGHT MARK",
        '\u{200f}' => "RIGHT-TO-LEFT MARK",
        '\u{2028}' => "LINE SEPARATOR",
        '\u{2029}' => "PARAGRAPH SEPARATOR",
        '\u{202a}' => "LEFT-TO-RIGHT EMBEDDING",
        '\u{202b}' => "RIGHT-TO-LEFT EMBEDDING",
        '\u{202c}' => "POP DIRECTIONAL FORMATTING",
        '\u{202d}' => "LEFT-TO-RIGHT OVERRIDE",
        '\u{202e}' => "RIGHT-TO-LEFT OVERRIDE",
        '\u{2060}' => "WORD JOINER",
        '\u{2066}' => "LEFT-TO-RIGHT ISOLATE",
        '\u{2067}' => "RIGHT-TO-LEFT ISOLATE",
        '\u{2068}' => "FIRST STRONG ISOLATE",
        '\u{2069}' => "POP DIRECTIONAL ISOLATE",
        '\u{2800}' => "BLANK BRAILLE PATTERN",
        '\u{3000}' => "IDEOGRAPHIC SPACE",
        '\u{feff}' => "ZERO WIDTH NO-BREAK SPACE",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "HANGUL FILLER",
        '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "VARIATION SELECTOR",
        '\u{e0000}'..='\u{e007f}' => "TAG CHARACTER",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "PRIVATE USE CHARACTER",
        it if it.is_control() => "CONTROL CHARACTER",
        it if it.is_whitespace() => "UNUSUAL SPACE",
        it if combines(it) => "COMBINING MARK",
        _ => "INVISIBLE OR UNASSIGNED CHARACTER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_known() {
        let hidden = "\u{0}\u{1b}\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\u{180b}\u{200b}\u{200f}\u{2028}\
            \u{202e}\u{2003}\u{2060}\u{2066}\u{206f}\u{2800}\u{3000}\u{3164}\u{e000}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\
            \u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e0100}\u{10ffff}\u{378}\u{fdd0}";
        for it in hidden.chars() {
            assert!(deceives(it), "{:x}", u32::from(it));
        }
        let plain =
            "aZ09 ~ äöüß éñ Ελληνικά Русский עברית العربية हिन्दी 日本語 한국어 € – — “” … → ✓ 😀 \u{301}";
        for it in plain.chars() {
            assert!(!deceives(it), "{:x}", u32::from(it));
        }
    }

    #[test]
    fn marks_are_told_from_letters() {
        assert!(combines('\u{301}') && combines('\u{489}') && !combines('é') && !combines('a'));
    }

    #[test]
    fn names_are_what_people_can_look_up() {
        assert_eq!(name('\u{202e}'), "RIGHT-TO-LEFT OVERRIDE");
        assert_eq!(name('\u{2003}'), "UNUSUAL SPACE");
        assert_eq!(name('\u{e0041}'), "TAG CHARACTER");
        assert_eq!(name('\u{301}'), "COMBINING MARK");
        assert_eq!(name('\u{378}'), "INVISIBLE OR UNASSIGNED CHARACTER");
    }
}
