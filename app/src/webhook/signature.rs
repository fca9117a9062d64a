//! Signatures of Standard Webhooks 1.0.0: over the id, the time in seconds and the bytes of the body, joined by dots.
//!
//! `v1` is HMAC-SHA256 with a secret of 24 to 64 bytes (`whsec_` and base64), `v1a` is Ed25519 (`whsk_` and base64 of
//! the seed, with or without the public key behind it; receivers get the public key as `whpk_` and base64).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use countersign::Digest;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far the clocks of two machines may differ, in seconds: five minutes, both ways.
const TOLERANCE: u64 = 300;
/// How many signatures of one message are looked at.
const MOST: usize = 8;

/// What signs, and verifies, for one receiver.
pub(crate) struct Keys(Vec<Key>);

enum Key {
    Shared(Hmac<Sha256>),
    Own(Box<SigningKey>),
}

/// The three headers.
pub(crate) struct Signed<'a> {
    pub(crate) id: &'a str,
    /// Seconds since 1970.
    pub(crate) timestamp: i64,
    pub(crate) body: &'a [u8],
}

impl Keys {
    /// Reads secrets.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, without showing it.
    pub(crate) fn read(secrets: &[String]) -> Result<Self, String> {
        if secrets.is_empty() {
            return Err("there is none; make one: `echo whsec_$(openssl rand -base64 32)`".to_owned());
        }
        let keys = secrets.iter().map(|it| Key::read(it));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// A secret that only this process and others with the same keys can make, for something of this name.
    pub(super) fn derive(&self, name: &str) -> String {
        let mac = match self.0.first() {
            Some(Key::Shared(mac)) => mac.clone(),
            Some(Key::Own(key)) => keyed(key.as_bytes()),
            // There is always one.
            None => keyed(crate::credential::random::<32>().as_bytes()),
        };
        let made = mac
            .chain_update(b"countersign/report/1.")
            .chain_update(name)
            .finalize();
        made.into_bytes().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The value of `webhook-signature`: one signature of each key.
    pub(crate) fn sign(&self, signed: &Signed<'_>) -> String {
        let bytes = signed.bytes();
        let mut text = String::new();
        for key in &self.0 {
            let gap = if text.is_empty() { "" } else { " " };
            let (version, signature) = match key {
                Key::Shared(mac) => {
                    let mac = mac.clone().chain_update(&bytes).finalize().into_bytes();
                    ("v1", BASE64_STANDARD.encode(mac))
                }
                Key::Own(key) => ("v1a", BASE64_STANDARD.encode(key.sign(&bytes).to_bytes())),
            };
            let _ = write!(text, "{gap}{version},{signature}");
        }
        text
    }

    /// Whether one of these signatures is of one of these keys, and of now. `now` is in seconds since 1970. The first
    /// few are looked at: each costs as much as the body is long.
    pub(crate) fn verify(&self, signed: &Signed<'_>, signatures: &str, now: i64) -> bool {
        if signed.timestamp.abs_diff(now) > TOLERANCE {
            return false;
        }
        let bytes = signed.bytes();
        let given: Vec<&str> = signatures.split(' ').take(MOST).collect();
        self.0.iter().any(|it| it.made_one(&bytes, &given))
    }

    /// Whether there is a key whose secret the receiver has too: with the others, it can only verify.
    pub(super) fn can_be_used_by_the_receiver(&self) -> bool {
        self.0.iter().any(|it| matches!(it, Key::Shared(_)))
    }
}

impl Key {
    fn read(secret: &str) -> Result<Self, String> {
        let (prefix, rest) = secret.split_once('_').unwrap_or_default();
        let bytes = BASE64_STANDARD
            .decode(rest)
            .map_err(|_| "it is no base64".to_owned())?;
        match (prefix, bytes.len()) {
            ("whsec", 24..=64) => Ok(Self::Shared(keyed(&bytes))),
            ("whsec", other) => Err(format!("it has {other} bytes; a shared secret has 24 to 64")),
            ("whsk", 32 | 64) => {
                let (seed, public) = bytes.split_at(32);
                let key = SigningKey::from_bytes(seed.try_into().map_err(|_| "it has no 32 bytes")?);
                if !public.is_empty() && public != key.verifying_key().as_bytes() {
                    return Err("its second half is not the public key of its first".to_owned());
                }
                Ok(Self::Own(Box::new(key)))
            }
            ("whsk", other) => Err(format!("it has {other} bytes; a signing key has 32 or 64")),
            _ => Err("it begins with neither `whsec_` nor `whsk_`".to_owned()),
        }
    }

    /// Whether it made one of these signatures; an HMAC is compared in constant time.
    fn made_one(&self, bytes: &[u8], given: &[&str]) -> bool {
        let of = |version: &str| {
            let given = given.iter().filter_map(|it| it.split_once(','));
            let given: Vec<&str> = given.filter(|it| it.0 == version).map(|it| it.1).collect();
            given.into_iter().filter_map(|it| BASE64_STANDARD.decode(it).ok())
        };
        match self {
            Self::Shared(mac) => {
                let made = mac.clone().chain_update(bytes).finalize().into_bytes();
                let made = Digest::new(made.into());
                let given = of("v1").filter_map(|it| it.try_into().ok().map(Digest::new));
                given.fold(false, |found, it| found | made.equals_in_constant_time(&it))
            }
            Self::Own(key) => {
                let mut given = of("v1a").filter_map(|it| Signature::from_slice(&it).ok());
                given.any(|it| key.verifying_key().verify(bytes, &it).is_ok())
            }
        }
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

impl Signed<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}.{}.", self.id, self.timestamp).into_bytes();
        bytes.extend_from_slice(self.body);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification, section "Signature scheme".
    #[test]
    fn the_example_of_the_specification() {
        let keys = Keys::read(&["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()]).unwrap();
        let signed = Signed {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: br#"{"test": 2432232314}"#,
        };
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(keys.sign(&signed), signature);
        assert!(keys.verify(&signed, &format!("v1a,AAAA v2,xx {signature}"), signed.timestamp));
        let last = "v1, ".repeat(8) + signature;
        assert!(
            !keys.verify(&signed, &last, signed.timestamp),
            "the first eight are looked at"
        );
        for now in [-300, 300] {
            assert!(keys.verify(&signed, signature, signed.timestamp + now));
            assert!(!keys.verify(&signed, signature, signed.timestamp + now + now.signum()));
        }
        let body = br#"{"test": 2432232315}"#;
        assert!(!keys.verify(&Signed { body, ..signed }, signature, signed.timestamp));
    }

    #[test]
    fn while_a_secret_is_replaced_both_count() {
        let (old, new) = (
            "whsec_".to_owned() + &BASE64_STANDARD.encode([1; 32]),
            "whsk_".to_owned() + &BASE64_STANDARD.encode([2; 32]),
        );
        let both = Keys::read(&[old.clone(), new.clone()]).unwrap();
        let signed = Signed {
            id: "msg_1",
            timestamp: 7,
            body: b"{}",
        };
        let signatures = both.sign(&signed);
        assert_eq!(signatures.matches(',').count(), 2);
        for key in [&old, &new] {
            assert!(
                Keys::read(std::slice::from_ref(key))
                    .unwrap()
                    .verify(&signed, &signatures, 7)
            );
        }
        let other = Keys::read(&["whsec_".to_owned() + &BASE64_STANDARD.encode([3; 32])]).unwrap();
        assert!(!other.verify(&signed, &signatures, 7));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        for secret in [
            "",
            "whsec_",
            "whsec_AAAA",
            "whsec_!",
            "whsk_AAAA",
            "whpk_AAAA",
            "plain",
        ] {
            let error = Keys::read(&[secret.to_owned()]).err().unwrap();
            assert!(secret.len() < 5 || !error.contains(secret), "{error}");
        }
        assert!(Keys::read(&[]).is_err());
    }
}
