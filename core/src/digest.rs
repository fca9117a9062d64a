//! SHA-256 digests with a domain in front, so that no two kinds of digest can be confused.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// 32 bytes, written as 64 lower-case hexadecimal digits.
///
/// ```
/// use countersign_core::digest::Digest;
///
/// let digest = Digest::of("example/1", &[b"ab", b"c"]);
/// assert_eq!(digest.to_string().parse(), Ok(digest));
/// assert_ne!(digest, Digest::of("example/1", &[b"a", b"bc"]));
/// assert_ne!(digest, Digest::of("example/2", &[b"ab", b"c"]));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    /// A digest of these bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 over the parts, each preceded by its length, after `domain`.
    ///
    /// The lengths make `["ab", "c"]` differ from `["a", "bc"]`.
    pub fn of(domain: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(&domain.as_bytes()).chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// HMAC-SHA256 (RFC 2104) of `message` under `key`.
    pub fn keyed(key: &[u8; 32], message: &[u8]) -> Self {
        // A 32-byte key is shorter than the block, so `new` has no way to refuse it; the fallback
        // only keeps this function free of panics and still binds the key.
        match Hmac::<Sha256>::new_from_slice(key) {
            Ok(mac) => Self(mac.chain_update(message).finalize().into_bytes().into()),
            Err(_) => Self::of("countersign/keyed", &[key, message]),
        }
    }

    /// Equality whose time does not depend on where the two differ; for secrets.
    pub fn equals_in_constant_time(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(other.0.iter())
            .fold(0, |found, (a, b)| found | (a ^ b))
            == 0
    }
}

impl Digest {
    /// Lower case. Digests are written by the dozen for every record.
    fn hex(&self) -> [u8; 64] {
        let mut text = [0; 64];
        for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(self.0) {
            *pair = [byte >> 4, byte & 15].map(|it| if it < 10 { b'0' + it } else { b'a' + it - 10 });
        }
        text
    }
}

impl Digest {
    /// Appends the digits as a JSON string.
    pub(crate) fn quote(&self, out: &mut String) {
        out.push('"');
        out.push_str(str::from_utf8(&self.hex()).unwrap_or_default());
        out.push('"');
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not 64 lower-case hexadecimal digits.
///
/// ```
/// use countersign_core::digest::Digest;
///
/// assert!("ABCD".parse::<Digest>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected 64 lower-case hexadecimal digits")]
pub struct DigestError(String);

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Some(letter - b'0'),
            b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        let read = || {
            let mut bytes = [0; 32];
            let (pairs, rest) = text.as_bytes().as_chunks();
            if pairs.len() != bytes.len() || !rest.is_empty() {
                return None;
            }
            for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
                *byte = digit(*high)? << 4 | digit(*low)?;
            }
            Some(Self(bytes))
        };
        read().ok_or_else(|| DigestError(text.to_owned()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::id::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted() {
        let one = Digest::of("d", &[b"ab", b"c"]);
        assert_ne!(one, Digest::of("d", &[b"a", b"bc"]));
        assert_ne!(one, Digest::of("d", &[b"abc"]));
        assert_ne!(one, Digest::of("e", &[b"ab", b"c"]));
        assert_eq!(one, one.to_string().parse().unwrap());
    }

    #[test]
    fn keyed_equals_a_published_vector() {
        // RFC 4231 test case 1, its 20-byte key padded with zeros to 32 (HMAC pads the same way).
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(Digest::keyed(&key, b"Hi There").to_string(), expected);
    }
}
