//! What is written so that a model can read it and a filter cannot: the encodings that models know by heart.
//!
//! Nothing is decoded for use. Each function gives what a piece of text may stand for, and only what is text again.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use regex::{Captures, Regex};

use super::super::pattern::pattern;

/// Base64 of both alphabets, with or without padding, forgiving the last bits.
static BASE64: LazyLock<GeneralPurpose> = LazyLock::new(|| {
    let forgiving = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&base64::alphabet::STANDARD, forgiving)
});
static BASE64_PIECE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[A-Za-z0-9+/_\-]{12,}(?:[\r\n]{1,2}[A-Za-z0-9+/_\-]{12,})*={0,2}"));
static BASE32_PIECE: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Z2-7]{16,}={0,6}"));
static HEX_PIECE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i-u)(?:(?:0x|\\x)?[0-9a-f]{2}[ ,:]{0,2}){8,}"));
static BINARY_PIECE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:[01]{8} ?){6,}"));
static DECIMAL_PIECE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:[0-9]{2,3}[ ,;]{1,2}){7,}[0-9]{2,3}"));
static ASCII85_PIECE: LazyLock<Regex> = LazyLock::new(|| pattern(r"<~([!-uz\s]+)~>"));
static MORSE_PIECE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:[.\-·−–_]{1,6}[ /|]{1,3}){9,}[.\-·−–_]{1,6}"));
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i-u)%([0-9a-f]{2})|&#x([0-9a-f]{2,6});?|&#([0-9]{2,7});?|\\u\{?([0-9a-f]{4,6})\}?|\\x([0-9a-f]{2})|=([0-9a-f]{2})|&(lt|gt|amp|quot|apos|nbsp|colon|period|comma|excl|NewLine|Tab);",
    )
});

/// Everything that pieces of this text may stand for.
pub(super) fn decoded(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(unescaped(text));
    let mut pieces = |piece: &Regex, decode: fn(&str) -> Option<String>| {
        found.extend(piece.find_iter(text).filter_map(|it| decode(it.as_str())));
    };
    pieces(&BASE64_PIECE, base64);
    pieces(&BASE32_PIECE, base32);
    pieces(&HEX_PIECE, hex);
    pieces(&BINARY_PIECE, binary);
    pieces(&DECIMAL_PIECE, decimal);
    pieces(&ASCII85_PIECE, ascii85);
    pieces(&MORSE_PIECE, morse);
    found
}

/// Each letter thirteen further.
pub(super) fn rot13(text: &str) -> String {
    let turned = |sign: char, first: u8| char::from((sign as u8 - first + 13) % 26 + first);
    text.chars()
        .map(|it| match it {
            'a'..='z' => turned(it, b'a'),
            'A'..='Z' => turned(it, b'A'),
            _ => it,
        })
        .collect()
}

/// The text backwards.
pub(super) fn reversed(text: &str) -> String {
    text.chars().rev().collect()
}

/// Bytes that are text: valid, and nearly all of it printable.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let signs = text.chars().count();
    let strange = text
        .chars()
        .filter(|it| it.is_control() && !it.is_whitespace())
        .count();
    (signs >= 6 && strange * 20 <= signs).then_some(text)
}

/// The text with its escapes (URL, HTML, Unicode, quoted-printable) resolved, if it has at least three.
fn unescaped(text: &str) -> Option<String> {
    if ESCAPE.find_iter(text).take(3).count() < 3 {
        return None;
    }
    // Bytes, since `%C3%A9` is one letter.
    let mut bytes = Vec::with_capacity(text.len());
    let mut from = 0;
    for escape in ESCAPE.captures_iter(text) {
        let Some(whole) = escape.get(0) else { continue };
        bytes.extend_from_slice(&text.as_bytes()[from..whole.start()]);
        from = whole.end();
        match escaped(&escape) {
            Some(Escaped::Byte(byte)) => bytes.push(byte),
            Some(Escaped::Sign(sign)) => bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes()),
            None => bytes.extend_from_slice(whole.as_str().as_bytes()),
        }
    }
    bytes.extend_from_slice(&text.as_bytes()[from..]);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

enum Escaped {
    Byte(u8),
    Sign(char),
}

fn escaped(escape: &Captures<'_>) -> Option<Escaped> {
    let group = |at: usize| escape.get(at).map(|it| it.as_str());
    if let Some(byte) = group(1).or(group(5)).or(group(6)) {
        return u8::from_str_radix(byte, 16).ok().map(Escaped::Byte);
    }
    let code = match (group(2).or(group(4)), group(3)) {
        (Some(hex), _) => u32::from_str_radix(hex, 16).ok()?,
        (None, Some(decimal)) => decimal.parse().ok()?,
        (None, None) => {
            let sign = match group(7)?.to_ascii_lowercase().as_str() {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                "apos" => '\'',
                "colon" => ':',
                "period" => '.',
                "comma" => ',',
                "excl" => '!',
                _ => ' ',
            };
            return Some(Escaped::Sign(sign));
        }
    };
    char::from_u32(code).map(Escaped::Sign)
}

fn base64(piece: &str) -> Option<String> {
    let standard: String = piece
        .chars()
        .filter(|it| !it.is_whitespace())
        .map(|it| match it {
            '-' => '+',
            '_' => '/',
            _ => it,
        })
        .collect();
    readable(BASE64.decode(standard).ok()?)
}

fn base32(piece: &str) -> Option<String> {
    bits(piece.bytes().filter(|it| *it != b'='), 5, |sign| match sign {
        b'A'..=b'Z' => Some(sign - b'A'),
        b'2'..=b'7' => Some(sign - b'2' + 26),
        _ => None,
    })
}

fn hex(piece: &str) -> Option<String> {
    let digits = piece
        .replace("0x", "")
        .replace("\\x", "")
        .replace("0X", "")
        .replace("\\X", "");
    let digits = digits.bytes().filter(u8::is_ascii_hexdigit);
    bits(digits, 4, |sign| {
        char::from(sign).to_digit(16).and_then(|it| u8::try_from(it).ok())
    })
}

fn binary(piece: &str) -> Option<String> {
    bits(piece.bytes().filter(|it| *it != b' '), 1, |sign| {
        Some(sign - b'0')
    })
}

/// Digits of so many bits each, put together to bytes.
fn bits(signs: impl Iterator<Item = u8>, width: u32, value: fn(u8) -> Option<u8>) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut gathered, mut count) = (0_u32, 0);
    for sign in signs {
        gathered = (gathered << width | u32::from(value(sign)?)) & 0xFFFF;
        count += width;
        if count >= 8 {
            count -= 8;
            bytes.push((gathered >> count & 0xFF) as u8);
        }
    }
    readable(bytes)
}

fn decimal(piece: &str) -> Option<String> {
    let codes = piece.split([' ', ',', ';']).filter(|it| !it.is_empty());
    let bytes: Option<Vec<u8>> = codes.map(|it| it.parse().ok()).collect();
    readable(bytes?)
}

/// Adobe's: five signs of base 85 for four bytes.
fn ascii85(piece: &str) -> Option<String> {
    let inner = piece.trim_start_matches("<~").trim_end_matches("~>");
    let mut bytes = Vec::new();
    let mut group: Vec<u8> = Vec::with_capacity(5);
    for sign in inner.bytes().filter(|it| !it.is_ascii_whitespace()) {
        match sign {
            b'z' if group.is_empty() => bytes.extend([0; 4]),
            b'!'..=b'u' => group.push(sign - b'!'),
            _ => return None,
        }
        if group.len() == 5 {
            bytes.extend(of_base85(&group).to_be_bytes());
            group.clear();
        }
    }
    if group.len() > 1 {
        let missing = 5 - group.len();
        group.resize(5, 84);
        bytes.extend_from_slice(&of_base85(&group).to_be_bytes()[..4 - missing]);
    }
    readable(bytes)
}

fn of_base85(group: &[u8]) -> u32 {
    group
        .iter()
        .fold(0_u32, |sum, it| sum.wrapping_mul(85).wrapping_add(u32::from(*it)))
}

fn morse(piece: &str) -> Option<String> {
    const CODE: &str = concat!(
        "a.- b-... c-.-. d-.. e. f..-. g--. h.... i.. j.--- k-.- l.-.. m-- n-. o--- p.--. q--.- r.-. s... t- u..- v...- w.-- ",
        "x-..- y-.-- z--.. 0----- 1.---- 2..--- 3...-- 4....- 5..... 6-.... 7--... 8---.. 9----."
    );
    let plain = piece
        .replace(['·'], ".")
        .replace(['−', '–', '_'], "-")
        .replace('|', "/");
    let words = plain.split('/').map(|word| {
        let letters = word.split(' ').filter(|it| !it.is_empty());
        // A sign that is no letter is a full stop or a comma.
        letters
            .map(|letter| {
                CODE.split(' ')
                    .find(|it| &it[1..] == letter)
                    .map_or(". ", |it| &it[..1])
            })
            .collect::<String>()
    });
    let text = words.collect::<Vec<_>>().join(" ");
    (text.len() >= 6).then_some(text)
}
