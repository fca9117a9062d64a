//! Whether a request comes from Slack: its signature, version 0, over the bytes as they arrived.
//!
//! Defined in <https://docs.slack.dev/authentication/verifying-requests-from-slack>: HMAC-SHA256, with the signing
//! secret of the app, of `v0:`, the time that a header names, `:`, and the body. Nothing of the body is read before.

use axum::http::HeaderMap;
use countersign::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// How far the time of a request may be from ours, in either direction.
const WINDOW_MS: i64 = 5 * 60 * 1000;
const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";

/// A request that Slack has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    /// The signature, as hexadecimal digits. Two requests that say anything else have another.
    pub(super) signature: String,
    /// Until when it counts.
    pub(super) until: Timestamp,
}

/// A request that Slack has not signed, or not for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forged {
    /// It has no signature of this version, or no time, or several.
    Unsigned,
    /// It was signed too long ago, or will be.
    OutOfTime,
    /// It was signed with another secret, or was something else when it was signed.
    Otherwise,
}

impl Forged {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "it has no signature",
            Self::OutOfTime => "its time is more than five minutes from ours",
            Self::Otherwise => "its signature is not that of its body",
        }
    }
}

/// Verifies the signature of a request, in constant time.
pub(super) fn verify(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Signed, Forged> {
    let time = only(headers, TIMESTAMP).ok_or(Forged::Unsigned)?;
    let signature = only(headers, SIGNATURE).and_then(|it| it.strip_prefix("v0="));
    let signature = signature.ok_or(Forged::Unsigned)?;
    let given = bytes(signature).ok_or(Forged::Unsigned)?;
    let seconds = Some(time).filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let seconds: i64 = seconds.and_then(|it| it.parse().ok()).ok_or(Forged::Unsigned)?;
    let signed_at = seconds.checked_mul(1000).ok_or(Forged::OutOfTime)?;
    if now.millis().abs_diff(signed_at) > WINDOW_MS.unsigned_abs() {
        return Err(Forged::OutOfTime);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Forged::Otherwise)?;
    for part in [b"v0:", time.as_bytes(), b":", body] {
        mac.update(part);
    }
    mac.verify_slice(&given).map_err(|_| Forged::Otherwise)?;
    Ok(Signed {
        signature: signature.to_owned(),
        until: Timestamp::from_millis(signed_at.saturating_add(WINDOW_MS)),
    })
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()
}

/// The 32 bytes of 64 lower-case digits: there is one spelling of a signature.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    let plain = digits.iter().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != 64 || !plain {
        return None;
    }
    let value = |it: u8| {
        if it.is_ascii_digit() {
            it - b'0'
        } else {
            it - b'a' + 10
        }
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |sum, it| sum << 4 | value(*it));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// Made by the SDK that Slack publishes; see `app/tests/slack/vectors.py`.
    const VECTORS: &str = include_str!("../../tests/slack/vectors.json");

    #[derive(Deserialize)]
    struct Vectors {
        sdk: String,
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        secret: String,
        timestamp: String,
        body: String,
        signature: String,
    }

    fn vectors() -> Vec<Vector> {
        let read: Vectors = serde_json::from_str(VECTORS).unwrap();
        assert!(read.sdk.starts_with("slack_sdk ") && read.vectors.len() >= 6);
        read.vectors
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn of(vector: &Vector) -> HeaderMap {
        headers(&[(TIMESTAMP, &vector.timestamp), (SIGNATURE, &vector.signature)])
    }

    fn at(vector: &Vector, seconds: i64) -> Timestamp {
        Timestamp::from_millis((vector.timestamp.parse::<i64>().unwrap() + seconds) * 1000)
    }

    #[test]
    fn what_the_official_sdk_signs_counts_and_nothing_else_does() {
        for vector in vectors() {
            let (secret, body) = (vector.secret.as_bytes(), vector.body.as_bytes());
            let verified = |secret: &[u8], body: &[u8]| verify(secret, &of(&vector), body, at(&vector, 0));
            assert!(verified(secret, body).is_ok(), "{}", vector.name);
            assert_eq!(verified(b"other", body), Err(Forged::Otherwise));
            for place in 0..body.len() {
                let mut other = body.to_vec();
                other[place] ^= 1;
                assert_eq!(
                    verified(secret, &other),
                    Err(Forged::Otherwise),
                    "{}",
                    vector.name
                );
            }
            let longer = [body, b"\n"].concat();
            assert_eq!(verified(secret, &longer), Err(Forged::Otherwise));
            for place in 3..vector.signature.len() {
                let mut other = vector.signature.clone().into_bytes();
                other[place] = if other[place] == b'0' { b'1' } else { b'0' };
                let other = headers(&[
                    (TIMESTAMP, &vector.timestamp),
                    (SIGNATURE, &String::from_utf8(other).unwrap()),
                ]);
                let answer = verify(secret, &other, body, at(&vector, 0));
                assert_eq!(answer, Err(Forged::Otherwise), "{}", vector.name);
            }
        }
    }

    #[test]
    fn it_counts_five_minutes_before_and_after() {
        let vector = vectors().remove(0);
        let verified = |seconds| {
            let (secret, body) = (vector.secret.as_bytes(), vector.body.as_bytes());
            verify(secret, &of(&vector), body, at(&vector, seconds))
        };
        for seconds in [-300, -1, 0, 1, 300] {
            assert_eq!(verified(seconds).unwrap().until, at(&vector, 300), "{seconds}");
        }
        for seconds in [-86_400, -301, 301, 86_400] {
            assert_eq!(verified(seconds), Err(Forged::OutOfTime), "{seconds}");
        }
    }

    #[test]
    fn what_is_not_as_slack_writes_it_is_not_signed() {
        let vector = vectors().remove(0);
        let (time, signature) = (vector.timestamp.as_str(), vector.signature.as_str());
        let upper = format!("v0={}", signature[3..].to_uppercase());
        let other_version = format!("v1={}", &signature[3..]);
        let signed = format!("+{time}");
        let cases: &[&[(&'static str, &str)]] = &[
            &[],
            &[(TIMESTAMP, time)],
            &[(SIGNATURE, signature)],
            &[(TIMESTAMP, time), (SIGNATURE, "")],
            &[(TIMESTAMP, time), (SIGNATURE, "v0=")],
            &[(TIMESTAMP, time), (SIGNATURE, &signature[3..])],
            &[(TIMESTAMP, time), (SIGNATURE, &signature[..66])],
            &[(TIMESTAMP, time), (SIGNATURE, &upper)],
            &[(TIMESTAMP, time), (SIGNATURE, &other_version)],
            &[(TIMESTAMP, &signed), (SIGNATURE, signature)],
            &[(TIMESTAMP, "-1"), (SIGNATURE, signature)],
            &[(TIMESTAMP, ""), (SIGNATURE, signature)],
            &[(TIMESTAMP, "99999999999999999999"), (SIGNATURE, signature)],
            &[(TIMESTAMP, time), (TIMESTAMP, time), (SIGNATURE, signature)],
            &[(TIMESTAMP, time), (SIGNATURE, signature), (SIGNATURE, signature)],
        ];
        for case in cases {
            let (secret, body) = (vector.secret.as_bytes(), vector.body.as_bytes());
            let answer = verify(secret, &headers(case), body, at(&vector, 0));
            assert_eq!(answer, Err(Forged::Unsigned), "{case:?}");
        }
    }
}
