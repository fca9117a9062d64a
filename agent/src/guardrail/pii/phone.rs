//! Phone numbers: by their shape where the shape says enough, else by the words around them.
//!
//! Whether a number is assigned is not asked. People mistype, plans change, and a number that is no longer
//! valid names its last owner as well.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::pattern;
use super::number::digits;
use super::{Context, alone};

/// Shapes that only phone numbers have, each with how many digits it may hold.
static SHAPES: LazyLock<Vec<(Regex, usize, usize)>> = LazyLock::new(|| {
    let shape = |source: &str, least: usize, most: usize| (pattern(source), least, most);
    vec![
        // +41 (0)62 585 51 90, +447700 921 916, +1-604-696-5272
        shape(
            r"\+ ?\(?[1-9][0-9]{0,3}\)?(?:[ .\-/]{0,2}(?:\([0-9]{1,5}\)[ .\-/]{0,2})?[0-9]+)+",
            7,
            16,
        ),
        // 001-253-366-9781, 011 44 20 7946 0958
        shape(
            r"(?:011|00)[ .\-]?[1-9][0-9]{0,3}(?:[ .\-/]{1,2}(?:\([0-9]{1,5}\)[ .\-/]?)?[0-9]+){2,}",
            9,
            18,
        ),
        // (579)888-3058, 259.735.7502, 1 555 123 4567
        shape(
            r"(?:1[ .\-]?)?(?:\([2-9][0-9]{2}\)[ .\-]{0,2}|[2-9][0-9]{2}[ .\-])[0-9]{3}[ .\-][0-9]{4}",
            10,
            11,
        ),
        // 0494 92 82 32, (08) 8747 6301, 03.93.92.16.85
        shape(
            r"(?:\(0[1-9][0-9]{0,3}\)|0[1-9][0-9]{0,3})(?:[ .\-/]{1,2}[0-9]{1,8}){1,5}",
            9,
            12,
        ),
        // (71) 4233-6306
        shape(r"\([0-9]{2,5}\) ?[0-9]{3,5}[ .\-]?[0-9]{3,4}", 8, 12),
    ]
});
/// Digits in groups: a number if the words around it say so.
static DIGITS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[(+]{0,2}[0-9]+(?:[ .\-/()]{1,2}(?:\([0-9]{1,5}\)[ .\-/]?)?[0-9]+)*"));
static EXTENSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^,? ?(?:(?i-u:x|ext|extn|extension|poste|durchwahl|interno|toestel)[ .:]{0,2}|#)[0-9]{1,6}")
});
/// Words before a number that make it a phone number.
static SAID_BEFORE: LazyLock<Context> = LazyLock::new(|| {
    Context::new(concat!(
        r"(?i)(?:",
        // "my mobile number used to be"
        r"\b(?:(?:tele)?phones?|tel[eé]fono?s?|telefone?|telefoonnummer|telefonnummer|telephon|tel|tlf|puhelin|telefonszám|numero di telefono",
        r"|mobiles?|mobil|mobiel|m[oó]vil|celular|cellulare|cell|cellphone|portable|handy|handynummer|rufnummer|gsm|fax|whatsapp|hotline|helpline|landline|pager)\b[^\n0-9]{0,30}",
        // "Desk:", at the end of the line before too
        r"|\b(?:desk|office|home|work|direct|mob|ph|phone no|contact(?: number)?|emergency contact)\.? ?(?:[:=#]|is)[ \t]?",
        r"|\b(?:phone|tel|tel[eé]phone|telephone|mobile|cell|fax)\.?:?\s{1,3}",
        // "call me at"
        r"|\b(?:call|text|ring|reach|contact|dial|phone|sms|message|fax)\b[^.\n0-9]{0,25}\b(?:at|on|under|via|using)[: ]{1,2}",
        r"|\b(?:dial|call|text|sms|ring)(?: (?:me|us|him|her|them|back|back on))?[: ]{1,2}",
        // "my new number is", "the number to call is", "M:" in a signature
        r"|\b(?:my|his|her|their|our|your|new|contact|emergency|home|work|office|business) (?:number|no\.|nr\.?|#)[^\n0-9]{0,20}",
        r"|\b(?:the number (?:is|to (?:call|dial|reach))|(?:call|dial) (?:the )?number)\b[^\n0-9]{0,20}",
        r"|(?:^|[\n|,;] ?)[mtpf][.:] ?",
        r"|\b(?:appele[zr]|appelle|joindre|ll[aá]m[ae]\w*|ligue|chiama\w*|ruf\w*|erreichbar|bel)\b[^.\n0-9]{0,25} ",
        r"|\b(?:meine nummer|mon num[eé]ro|mi n[uú]mero|il mio numero|meu n[uú]mero|mijn nummer)\b[^\n0-9]{0,10}",
        r")$"
    ))
});
/// What is labelled after the number: `416 60 039 office`.
static SAID_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^[ \t,]{0,2}[\[(]?(?:office|fax|mobile|cell|home|work|desk|phone|tel|landline|direct)\b")
});
/// A number that the words before it name as something else.
static OTHER: LazyLock<Context> = LazyLock::new(|| {
    Context::new(
        r"(?i)\b(?:order|invoice|ticket|case|account|tracking|serial|part|model|reference|ref|id|zip|isbn|issn|imei|vin|version|invoice|po|card|policy|customer|member|confirmation)(?: ?(?:number|no\.?|nr\.?|code|id))?(?: ?is)?[ :#=]{1,3}$",
    )
});
static DATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:19|20)[0-9]{2}[.\-/ ][0-9]{1,2}[.\-/ ][0-9]{1,2}|[0-3]?[0-9][.\-/][0-1]?[0-9][.\-/](?:19|20)[0-9]{2})\b",
    )
});
/// 1.000.000, which is money.
static THOUSANDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9]{1,3}(?:\.[0-9]{3})+$"));

/// Phone numbers, with their extensions.
pub(super) fn phones(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (shape, least, most) in SHAPES.iter() {
        for candidate in shape.find_iter(text) {
            let Some(range) = cut(text, candidate.range(), *most) else {
                continue;
            };
            let said = &text[range.clone()];
            let enough = digits(said).len() >= *least;
            if enough && apart(text, &range) && !DATE.is_match(said) && !OTHER.before(text, range.start) {
                found.push(extended(text, range));
            }
        }
    }
    for candidate in DIGITS.find_iter(text) {
        let range = candidate.range();
        let said = candidate.as_str();
        if !(6..=16).contains(&digits(said).len()) || !alone_or_extended(text, &range) {
            continue;
        }
        let is_other = DATE.is_match(said) || THOUSANDS.is_match(said) || OTHER.before(text, range.start);
        let is_said = || SAID_BEFORE.before(text, range.start) || SAID_AFTER.is_match(&text[range.end..]);
        if !is_other && is_said() {
            found.push(extended(text, range));
        }
    }
    found
}

/// The range without its last groups of digits, until it holds no more than `most`.
fn cut(text: &str, mut range: Range<usize>, most: usize) -> Option<Range<usize>> {
    /// No number with its separators is longer.
    const LONGEST: usize = 48;
    range.end = text.floor_char_boundary(range.end.min(range.start + LONGEST));
    while digits(&text[range.clone()]).len() > most {
        let said = &text[range.clone()];
        let shorter = said.trim_end_matches(|it: char| it.is_ascii_digit());
        let shorter = shorter.trim_end_matches(|it: char| !it.is_ascii_digit());
        if shorter.is_empty() || shorter.len() == said.len() {
            return None;
        }
        range.end = range.start + shorter.len();
    }
    Some(range)
}

/// The range with the extension that follows.
fn extended(text: &str, range: Range<usize>) -> Range<usize> {
    let length = EXTENSION.find(&text[range.end..]).map_or(0, |it| it.len());
    range.start..range.end + length
}

/// Whether this is no piece of a longer number, path or word.
fn apart(text: &str, range: &Range<usize>) -> bool {
    let mut before = text[..range.start].chars().rev();
    let mut after = text[range.end..].chars();
    let linked = match (before.next(), before.next()) {
        (Some('-' | '.' | '/' | '+' | ' ' | ')' | '(' | ','), Some(beyond)) => beyond.is_ascii_digit(),
        _ => false,
    };
    let goes_on = match (after.next(), after.next()) {
        (Some('-' | '.' | '/'), Some(beyond)) => beyond.is_ascii_digit(),
        _ => false,
    };
    // Its own plus or bracket says where a number starts; a digit does not.
    let starts = !linked || text[range.start..].starts_with(['+', '(']);
    starts && !goes_on && alone_or_extended(text, range)
}

/// Whether no letter or digit touches it, but for an extension.
fn alone_or_extended(text: &str, range: &Range<usize>) -> bool {
    alone(text, &extended(text, range.clone()))
}
