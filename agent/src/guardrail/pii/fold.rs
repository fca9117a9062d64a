//! One spelling for signs that people and programs spell in many ways, with the way back.

use std::borrow::Cow;
use std::ops::Range;

/// A text in plain signs, and where each came from.
pub(super) struct Folded<'a> {
    pub(super) text: Cow<'a, str>,
    /// For every byte of the text, and its end, the byte of the original. Empty if they are the same.
    origin: Vec<usize>,
}

impl Folded<'_> {
    /// The same range in the original.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let of = |at: usize| self.origin.get(at).copied().unwrap_or(at);
        of(range.start)..of(range.end)
    }
}

/// The text with digits of any script as `0` to `9`, full-width signs as ASCII, all dashes as `-`, all blanks as
/// a space, and without invisible signs.
pub(super) fn folded(text: &str) -> Folded<'_> {
    if text.chars().all(|it| plain(it) == Some(it)) {
        return Folded {
            text: Cow::Borrowed(text),
            origin: Vec::new(),
        };
    }
    let mut plainer = String::with_capacity(text.len());
    let mut origin = Vec::with_capacity(text.len() + 1);
    for (at, sign) in text.char_indices() {
        if let Some(sign) = plain(sign) {
            plainer.push(sign);
            origin.extend(std::iter::repeat_n(at, sign.len_utf8()));
        }
    }
    origin.push(text.len());
    Folded {
        text: Cow::Owned(plainer),
        origin,
    }
}

fn plain(sign: char) -> Option<char> {
    /// The zeros of the scripts that count as we do.
    const ZEROS: [u32; 20] = [
        0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0,
        0xF20, 0x1040, 0x17E0, 0x1810, 0x1D7CE, 0x1D7F6,
    ];
    if sign.is_ascii() {
        return Some(sign);
    }
    let code = u32::from(sign);
    Some(match sign {
        '\u{AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}' => return None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' => '-',
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => ' ',
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(code - 0xFEE0).unwrap_or(sign),
        _ => ZEROS
            .iter()
            .find_map(|zero| code.checked_sub(*zero).filter(|it| *it < 10))
            .and_then(|it| char::from_digit(it, 10))
            .unwrap_or(sign),
    })
}
