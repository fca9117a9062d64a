//! A point in time as an argument, in milliseconds since 1970-01-01T00:00:00Z.
//!
//! Core never asks what time it is. Whoever calls it passes a [`Timestamp`].

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_PER_DAY: i64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write.
const LATEST: i64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch, between 1970 and the year 9999.
///
/// ```
/// use std::time::Duration;
///
/// use countersign_core::time::Timestamp;
///
/// let time: Timestamp = "2026-05-04T09:30:00.000Z".parse()?;
/// assert_eq!(time.after(Duration::from_secs(90)).to_string(), "2026-05-04T09:31:30.000Z");
/// assert_eq!(Timestamp::from_millis(-1).millis(), 0);
/// # Ok::<(), countersign_core::time::TimestampError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many milliseconds after 1970-01-01T00:00:00Z; clamped to the years 1970 to 9999.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self(0)
        } else if millis > LATEST {
            Self(LATEST)
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved forward; stops at the end of the year 9999.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_millis()).unwrap_or(LATEST);
        Self::from_millis(self.0.saturating_add(span))
    }

    /// This instant moved back; stops at the beginning of 1970.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        let span = i64::try_from(span.as_millis()).unwrap_or(LATEST);
        Self::from_millis(self.0.saturating_sub(span))
    }
}

/// RFC 3339 in UTC with milliseconds, `2026-05-04T09:30:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MILLIS_PER_DAY));
        let rest = self.0.rem_euclid(MILLIS_PER_DAY);
        let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
        let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
        if !(0..=9999).contains(&year) {
            return write!(
                f,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
            );
        }
        // Written for every record, several times: digits, without the machinery of formatting.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let fields = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, hour),
            (14..16, minute),
            (17..19, second),
            (20..23, milli),
        ];
        for (places, mut value) in fields {
            for digit in text.get_mut(places).into_iter().flatten().rev() {
                *digit = u8::try_from(value % 10).map_or(b'0', |it| b'0' + it);
                value /= 10;
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

/// The text is not of the form `2026-05-04T09:30:00.000Z`.
///
/// Other forms of RFC 3339 are refused, so that one instant has one text.
///
/// ```
/// use countersign_core::time::Timestamp;
///
/// assert!("2026-05-04T11:30:00+02:00".parse::<Timestamp>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time of the form 2026-05-04T09:30:00.000Z")]
pub struct TimestampError(String);

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| TimestampError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    if text.len() != 24 || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits
            .bytes()
            .all(|it| it.is_ascii_digit())
            .then(|| digits.parse().ok())?
    };
    let days = days_from_civil(number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let millis =
        number(11, 13)? * 3_600_000 + number(14, 16)? * 60_000 + number(17, 19)? * 1_000 + number(20, 23)?;
    let time = Timestamp::from_millis(days * MILLIS_PER_DAY + millis);
    // Comparing with what we would write refuses month 13, hour 25 and other separators in one go.
    (time.to_string() == text).then_some(time)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_777_887_000_123, "2026-05-04T09:30:00.123Z"),
            (LATEST, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap(), time);
        }
        for day in 0..40_000 {
            let time = Timestamp::from_millis(day * MILLIS_PER_DAY + day);
            assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "2026-05-04",
            "2026-13-04T09:30:00.000Z",
            "2026-02-30T09:30:00.000Z",
            "2026-05-04T25:30:00.000Z",
            "2026-05-04T09:30:60.000Z",
            "2026-05-04 09:30:00.000Z",
            "2026-05-04T09:30:00.000+",
            "+026-05-04T09:30:00.000Z",
            "1969-12-31T23:59:59.999Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_never_wraps() {
        let late = Timestamp::from_millis(LATEST - 1);
        assert_eq!(late.after(Duration::MAX).millis(), LATEST);
        assert_eq!(late.before(Duration::MAX).millis(), 0);
    }
}
