//! Canonical JSON: one byte string for one value, so that a digest of it means something.
//!
//! RFC 8785 (JSON Canonicalization Scheme), with one difference: an integer within the range of
//! `i64` or `u64` keeps all its digits. Read as doubles, as the RFC has it, 9007199254740993 and
//! …992 would be the same number and get one digest. What cannot be written without loss is refused:
//! larger integers, duplicate keys, lone surrogates, more than 256 KiB or 32 levels.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest text that is accepted, in bytes, before and after.
pub const MOST_BYTES: usize = 256 * 1024;
/// How deep arrays and objects may be nested.
pub const MOST_LEVELS: usize = 32;

/// A JSON text in canonical form.
///
/// ```
/// use countersign_core::canonical::Canonical;
///
/// let one = Canonical::parse(r#"{ "b": 1.0, "a": "é" }"#)?;
/// assert_eq!(one.as_str(), r#"{"a":"é","b":1}"#);
/// assert_eq!(one, Canonical::of(&serde_json::json!({"a": "é", "b": 1}))?);
/// # Ok::<(), countersign_core::canonical::CanonicalError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Canonical(Box<str>);

/// Why a text has no canonical form.
///
/// ```
/// use countersign_core::canonical::Canonical;
///
/// for text in [r#"{"a":1,"a":2}"#, "18446744073709551616", r#""\ud800""#, "{"] {
///     assert!(Canonical::parse(text).is_err(), "{text}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// Longer than [`MOST_BYTES`].
    #[error("the JSON is {0} bytes long; at most {MOST_BYTES} are accepted")]
    TooLong(usize),
    /// Not JSON, or JSON that cannot be made canonical.
    #[error("not acceptable JSON: {0}")]
    Unacceptable(String),
}

impl Canonical {
    /// The canonical form of a JSON text.
    ///
    /// # Errors
    ///
    /// [`CanonicalError::TooLong`] beyond [`MOST_BYTES`], before or after; otherwise
    /// [`CanonicalError::Unacceptable`] says what cannot be kept.
    pub fn parse(text: &str) -> Result<Self, CanonicalError> {
        if text.len() > MOST_BYTES {
            return Err(CanonicalError::TooLong(text.len()));
        }
        refuse_large_integers(text)?;
        let unacceptable = |error: serde_json::Error| CanonicalError::Unacceptable(error.to_string());
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let mut out = String::with_capacity(text.len());
        Writer {
            out: &mut out,
            level: 0,
        }
        .deserialize(&mut deserializer)
        .map_err(unacceptable)?;
        deserializer.end().map_err(unacceptable)?;
        Self::bounded(out)
    }

    /// The canonical form of a value.
    ///
    /// A value cannot hold duplicate keys, lone surrogates or integers beyond 64 bits, so that it is
    /// written as it is; only depth and length can be too much.
    pub fn of(value: &Value) -> Result<Self, CanonicalError> {
        let mut out = String::new();
        write_value(value, &mut out, 0)?;
        Self::bounded(out)
    }

    fn bounded(out: String) -> Result<Self, CanonicalError> {
        if out.len() > MOST_BYTES {
            return Err(CanonicalError::TooLong(out.len()));
        }
        Ok(Self(out.into()))
    }

    /// The value `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value.
    pub fn value(&self) -> Value {
        // It was read as JSON when it was made.
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }
}

impl fmt::Display for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Stored as a string: the bytes that were sealed must come back as they were.
impl Serialize for Canonical {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Canonical {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let canonical = Self::parse(&text).map_err(serde::de::Error::custom)?;
        if *canonical.0 == *text {
            Ok(canonical)
        } else {
            Err(serde::de::Error::custom("stored JSON is not canonical"))
        }
    }
}

/// `serde_json` reads an integer beyond 64 bits as a double and says nothing. Digits would be lost.
fn refuse_large_integers(text: &str) -> Result<(), CanonicalError> {
    let mut rest = text;
    while let Some(start) = rest.find(|it: char| it == '"' || it == '-' || it.is_ascii_digit()) {
        let token = rest.get(start..).unwrap_or_default();
        let end = if token.starts_with('"') {
            end_of_string(token)
        } else {
            token
                .find(|it: char| !matches!(it, '-' | '+' | '.' | 'e' | 'E' | '0'..='9'))
                .unwrap_or(token.len())
        };
        let (token, after) = token.split_at_checked(end).unwrap_or((token, ""));
        let integer = token.bytes().all(|it| it == b'-' || it.is_ascii_digit());
        if integer && token.parse::<i64>().is_err() && token.parse::<u64>().is_err() {
            let shown: String = token.chars().take(40).collect();
            return Err(CanonicalError::Unacceptable(format!(
                "the integer {shown} does not fit 64 bits; write it as a string"
            )));
        }
        rest = after;
    }
    Ok(())
}

/// Where the string that `text` starts with ends; its end, if it never does.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Reads one value and appends its canonical form.
struct Writer<'a> {
    out: &'a mut String,
    level: usize,
}

impl Writer<'_> {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.level == MOST_LEVELS {
            return Err(E::custom(format!("nested deeper than {MOST_LEVELS} levels")));
        }
        Ok(self.level + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.out.push_str("null");
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.out.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.out.push_str(&value.to_string());
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.out.push_str(&value.to_string());
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        let text =
            number(value).ok_or_else(|| E::custom(format!("the number {value} has no canonical form")))?;
        self.out.push_str(&text);
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        quote(value, self.out);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let level = self.deeper()?;
        self.out.push('[');
        let mut first = true;
        // The comma goes in before it is known whether an item follows, and comes out again if not.
        loop {
            let before = self.out.len();
            if !first {
                self.out.push(',');
            }
            if items
                .next_element_seed(Writer {
                    out: &mut *self.out,
                    level,
                })?
                .is_none()
            {
                self.out.truncate(before);
                break;
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let level = self.deeper()?;
        let mut members: Vec<(String, String)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            let mut value = String::new();
            entries.next_value_seed(Writer {
                out: &mut value,
                level,
            })?;
            members.push((key, value));
        }
        members.sort_by(|(a, _), (b, _)| in_order(a, b));
        self.out.push('{');
        let mut last: Option<&str> = None;
        for (key, value) in &members {
            if last == Some(key) {
                return Err(serde::de::Error::custom(format!(
                    "the key {key:?} is given twice"
                )));
            }
            if last.is_some() {
                self.out.push(',');
            }
            quote(key, self.out);
            self.out.push(':');
            self.out.push_str(value);
            last = Some(key);
        }
        self.out.push('}');
        Ok(())
    }
}

/// Writes a value that stands `level` arrays and objects deep.
pub(crate) fn write_value(value: &Value, out: &mut String, level: usize) -> Result<(), CanonicalError> {
    if level >= MOST_LEVELS && (value.is_array() || value.is_object()) {
        return Err(CanonicalError::Unacceptable(format!(
            "nested deeper than {MOST_LEVELS} levels"
        )));
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => match value.as_f64().filter(|_| value.is_f64()) {
            Some(double) => out.push_str(&number(double).ok_or_else(|| {
                CanonicalError::Unacceptable(format!("the number {double} has no canonical form"))
            })?),
            None => {
                // Writing to a string cannot fail.
                let _ = write!(out, "{value}");
            }
        },
        Value::String(value) => quote(value, out),
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_value(item, out, level + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            write_members(
                members.iter().map(|(key, value)| (key.as_str(), value)).collect(),
                out,
                level + 1,
            )?;
        }
    }
    Ok(())
}

fn write_members(
    mut members: Vec<(&str, &Value)>,
    out: &mut String,
    level: usize,
) -> Result<(), CanonicalError> {
    members.sort_by(|(a, _), (b, _)| in_order(a, b));
    out.push('{');
    for (place, (key, value)) in members.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        quote(key, out);
        out.push(':');
        write_value(value, out, level)?;
    }
    out.push('}');
    Ok(())
}

/// RFC 8785 section 3.2.3: by UTF-16 code units, which for ASCII is by bytes.
pub(crate) fn in_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

/// RFC 8785 section 3.2.2.2.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    if !text.bytes().any(|it| it < b' ' || it == b'"' || it == b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// ECMAScript `Number::toString` (ECMA-262, section 6.1.6.1.20), as RFC 8785 section 3.2.2.3 asks.
fn number(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some("0".to_owned());
    }
    // Rust's `{:e}` gives the shortest digits that read back as the same double: `-1.25e-7`.
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |it| ("-", it));
    let digits = mantissa.replace('.', "");
    let count = i32::try_from(digits.len()).ok()?;
    // The value is 0.digits × 10^point.
    let point = exponent.parse::<i32>().ok()?.checked_add(1)?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let text = if count <= point && point <= 21 {
        let integer = format!("{sign}{digits}{}", zeros(point - count));
        // Written like this it would be read as an integer, and those end at 64 bits.
        if integer.parse::<i64>().is_err() && integer.parse::<u64>().is_err() {
            return None;
        }
        integer
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(point).ok()?)?;
        format!("{sign}{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else {
        let (first, others) = digits.split_at_checked(1)?;
        let dot = if others.is_empty() { "" } else { "." };
        format!("{sign}{first}{dot}{others}e{:+}", point - 1)
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let canonical = Canonical::parse(text).unwrap();
        assert_eq!(canonical.as_str(), expected);
        assert_eq!(
            Canonical::parse(expected).unwrap(),
            canonical,
            "a canonical text is its own canonical form"
        );
    }

    #[track_caller]
    fn refused(text: &str, because: &str) {
        let error = Canonical::parse(text).unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
    }

    #[test]
    fn the_example_of_the_rfc() {
        check(
            r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        );
    }

    #[test]
    fn keys_sort_by_utf16() {
        // U+1F600 starts with the surrogate D83D and so comes before U+FB33, unlike in UTF-8.
        check(
            "{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\\r\":3,\"1\":4,\"é\":5}",
            "{\"\\r\":3,\"1\":4,\"é\":5,\"\u{1f600}\":2,\"\u{fb33}\":1}",
        );
    }

    #[test]
    fn numbers_of_the_rfc() {
        // RFC 8785, appendix B.
        for (bits, text) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        ] {
            assert_eq!(number(f64::from_bits(bits)).unwrap(), text);
        }
        assert_eq!(number(f64::NAN), None);
        assert_eq!(number(f64::INFINITY), None);
    }

    #[test]
    fn integers_keep_their_digits() {
        check(
            "[9007199254740993,9007199254740992]",
            "[9007199254740993,9007199254740992]",
        );
        check(
            "[18446744073709551615,-9223372036854775808]",
            "[18446744073709551615,-9223372036854775808]",
        );
        check("[1.0,-0,-0.0,1e2]", "[1,0,0,100]");
        refused("[18446744073709551616]", "does not fit 64 bits");
        refused("{\"a\":-9223372036854775809}", "does not fit 64 bits");
        refused("1e20", "no canonical form");
        check(
            "\"18446744073709551616 \\\" 99999999999999999999\"",
            "\"18446744073709551616 \\\" 99999999999999999999\"",
        );
    }

    #[test]
    fn what_cannot_be_canonical_is_refused() {
        refused(r#"{"a":1,"b":{"c":1,"c":2}}"#, "given twice");
        refused("{\"a\":1,\"\\u0061\":2}", "given twice");
        refused(r#""\ud800""#, "not acceptable JSON");
        refused("NaN", "not acceptable JSON");
        refused("[1] 2", "not acceptable JSON");
        refused("", "not acceptable JSON");
        refused("1e999", "not acceptable JSON");
        refused(&format!("{}{}", "[".repeat(33), "]".repeat(33)), "deeper than 32");
        refused(&"[".repeat(100_000), "not acceptable JSON");
        let nested =
            |levels: usize| (1..levels).fold(Value::Array(Vec::new()), |inner, _| Value::Array(vec![inner]));
        assert!(Canonical::of(&nested(33)).is_err() && Canonical::of(&nested(32)).is_ok());
        assert!(Canonical::of(&Value::from("x".repeat(MOST_BYTES))).is_err());
        refused(&format!("\"{}\"", "x".repeat(MOST_BYTES)), "at most");
        check(
            &format!("{}{}", "[".repeat(32), "]".repeat(32)),
            &format!("{}{}", "[".repeat(32), "]".repeat(32)),
        );
    }
}
