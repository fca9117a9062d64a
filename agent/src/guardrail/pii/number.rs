//! Numbers that carry their own proof: payment cards, bank accounts, social security numbers.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::pattern::pattern;
use super::{Context, alone};

/// Twelve to nineteen digits, one separator at most between two.
static CARD: LazyLock<Regex> = LazyLock::new(|| pattern(r"[0-9](?:[ .\-]?[0-9]){11,18}"));
/// The start of an IBAN: a country and two check digits.
static IBAN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i-u)[A-Z]{2}[0-9]{2}[ \-]?[A-Z0-9]"));
static SSN: LazyLock<Regex> = LazyLock::new(|| pattern(r"([0-9]{3})([ .\-]?)([0-9]{2})([ .\-]?)([0-9]{4})"));
/// Words that say "what follows is a card".
static CARD_SAID: LazyLock<Context> = LazyLock::new(|| {
    Context::new(
        r"(?i)\b(?:(?:credit|debit|bank)?-?(?:cards?|carte|cartes|karte|kreditkarte|tarjeta|carta|kort|kaart|cartao|cartão|karta)|credit|debit|visa|master-?card|amex|american express|maestro|diners|discover|jcb|unionpay|cc|pan)\b[^\n0-9]{0,40}$",
    )
});
/// Words that say "what follows is a social security number".
static SSN_SAID: LazyLock<Context> = LazyLock::new(|| {
    Context::new(r"(?i)\b(?:ssn|itin|social[ -]?(?:security)?|soc(?:ial)?\.? ?sec\w*)\b[^\n0-9]{0,30}$")
});

/// Payment cards: Luhn's checksum, and a range that some network issues, unless the text says that it is a card.
///
/// Ranges and lengths: ISO/IEC 7812 and what the networks publish. Checksum: H. P. Luhn, US patent 2950048.
pub(super) fn cards(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(candidate) = CARD.find_at(text, from) {
        from = candidate.end();
        let range = candidate.range();
        if !apart(text, &range) {
            // The rest of a longer run of digits is no card either.
            from += text[from..].bytes().take_while(u8::is_ascii_digit).count();
            continue;
        }
        let digits = digits(candidate.as_str());
        if luhn(&digits)
            && (issued(&digits) && grouped(candidate.as_str()) || CARD_SAID.before(text, range.start))
        {
            found.push(range);
        }
    }
    found
}

/// Bank accounts: the length of the country, and the remainder 97 of ISO 13616.
pub(super) fn ibans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = IBAN.find_at(text, from) {
        from = start.start() + 1;
        let before = text[..start.start()].chars().next_back();
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        let Some(length) = iban_length(&text[start.start()..start.start() + 2]) else {
            continue;
        };
        if let Some(end) = iban_end(text, start.start(), length) {
            found.push(start.start()..end);
            from = end;
        }
    }
    found
}

/// Social security numbers, and the taxpayer numbers of the same shape. Without separators only where the text
/// says so.
pub(super) fn ssns(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for candidate in SSN.captures_iter(text) {
        let part = |at: usize| candidate.get(at).map_or("", |it| it.as_str());
        let Some(range) = candidate.get(0).map(|it| it.range()) else {
            continue;
        };
        let (area, group, serial) = (part(1), part(3), part(4 + 1));
        let is_number = match area.as_bytes().first() {
            // A taxpayer number: the groups that the tax authority gives out.
            Some(b'9') => group >= "50",
            _ => area != "000" && area != "666" && group != "00",
        };
        let separated = !part(2).is_empty() && part(2) == part(4);
        let said = || part(2) == part(4) && SSN_SAID.before(text, range.start);
        if is_number && serial != "0000" && apart(text, &range) && (separated || said()) {
            found.push(range);
        }
    }
    found
}

/// The digits of a text, by value.
pub(super) fn digits(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(u8::is_ascii_digit)
        .map(|it| it - b'0')
        .collect()
}

/// Whether this is no piece of a longer number or word.
fn apart(text: &str, range: &Range<usize>) -> bool {
    let linked = |sign: Option<char>, beyond: Option<char>| {
        matches!(sign, Some('-' | '.' | '/' | '+')) && beyond.is_some_and(|it| it.is_ascii_digit())
    };
    let mut before = text[..range.start].chars().rev();
    let mut after = text[range.end..].chars();
    alone(text, range)
        && !text[..range.start].ends_with('+')
        && !linked(before.next(), before.next())
        && !linked(after.next(), after.next())
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|it| *it != 0)
}

/// Whether a network issues numbers that begin so and are so long.
fn issued(digits: &[u8]) -> bool {
    let first = |count: usize| {
        digits
            .iter()
            .take(count)
            .fold(0_u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    let length = digits.len();
    match (first(1), first(2), first(4)) {
        // American Express; Diners Club; JCB of old.
        (_, 34 | 37, _) | (_, _, 1800 | 2131) => length == 15,
        (_, 36 | 38 | 39, _) | (_, _, 3000..=3059 | 3095) => (14..=19).contains(&length),
        (_, _, 3528..=3589) => (16..=19).contains(&length),
        // Visa; Mastercard; Mir.
        (4, _, _) => matches!(length, 13 | 16 | 19),
        (_, 51..=55, _) | (_, _, 2200..=2204 | 2221..=2720) => length == 16,
        // Discover, RuPay, UnionPay, Maestro.
        (_, 60 | 62 | 64 | 65 | 67 | 81 | 82, _) => (16..=19).contains(&length),
        // Maestro and the national networks under its ranges.
        (_, 50 | 56..=58, _) | (_, _, 604 | 6304 | 6390 | 6759 | 6761..=6763) => (12..=19).contains(&length),
        _ => false,
    }
}

/// Whether the digits stand together or in groups of at least three, as on a card.
fn grouped(text: &str) -> bool {
    text.split([' ', '.', '-']).all(|it| it.len() >= 3)
}

/// Where an IBAN of this length ends that starts here, if its checksum is right.
fn iban_end(text: &str, start: usize, length: usize) -> Option<usize> {
    let mut signs = Vec::with_capacity(length);
    let mut separated = false;
    let mut end = start;
    for (at, sign) in text[start..].bytes().enumerate() {
        match sign {
            _ if signs.len() == length => break,
            b' ' | b'-' if !separated => separated = true,
            _ if sign.is_ascii_alphanumeric() => {
                separated = false;
                signs.push(sign.to_ascii_uppercase());
                end = start + at + 1;
            }
            _ => return None,
        }
    }
    let after = text[end..].chars().next();
    if signs.len() != length || after.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let (head, tail) = signs.split_at(4);
    let rest = tail.iter().chain(head).fold(0_u32, |rest, sign| match sign {
        b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
        _ => (rest * 100 + u32::from(sign - b'A') + 10) % 97,
    });
    (rest == 1).then_some(end)
}

/// How long the IBANs of a country are: the registry of ISO 13616.
fn iban_length(country: &str) -> Option<usize> {
    const LENGTHS: [(usize, &str); 18] = [
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL SD FK"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK MN"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS"),
        (23, "AE GI IL IQ OM TL SO"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    let country = country.to_ascii_uppercase();
    LENGTHS
        .iter()
        .find(|(_, countries)| countries.split(' ').any(|it| it == country))
        .map(|(length, _)| *length)
}
