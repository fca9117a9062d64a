//! The public keys of a provider (RFC 7517), as far as they can check a signature that is taken.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::token::Algorithm;

/// The most keys of a set.
const MOST: usize = 100;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// One as the provider writes it. What else stands there is no matter of ours.
#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: String,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A key that may have signed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kid: String,
    /// What it is for, if the provider says so.
    alg: Option<String>,
    numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys of a set that can be used here. The others are passed over: a provider may have keys of any kind.
pub(super) fn read(text: &[u8]) -> Result<Vec<Key>, String> {
    let set: Set =
        serde_json::from_slice(text).map_err(|error| format!("its keys cannot be read: {error}"))?;
    if set.keys.len() > MOST {
        return Err(format!("it has more than {MOST} keys"));
    }
    Ok(set.keys.into_iter().filter_map(Key::read).collect())
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let written: Written = serde_json::from_value(value).ok()?;
        let signs = written.r#use.as_deref().is_none_or(|it| it == "sig")
            && written
                .key_ops
                .is_none_or(|it| it.iter().any(|it| it == "verify"));
        let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let numbers = match (written.kty.as_str(), written.crv.as_deref()) {
            ("RSA", _) => Numbers::Rsa {
                n: number(written.n)?,
                e: number(written.e)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (number(written.x)?, number(written.y)?);
                // The uncompressed point of SEC 1, section 2.3.3.
                let whole = x.len() == 32 && y.len() == 32;
                whole.then(|| Numbers::P256([vec![4], x, y].concat()))?
            }
            ("OKP", Some("Ed25519")) => Numbers::Ed25519(number(written.x)?),
            _ => return None,
        };
        signs.then_some(Self {
            kid: written.kid,
            alg: written.alg,
            numbers,
        })
    }

    /// Whether it may sign in this way at all: its type and, if it says one, its algorithm.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let kind = match self.numbers {
            Numbers::Rsa { .. } => matches!(algorithm, Algorithm::Rs256 | Algorithm::Ps256),
            Numbers::P256(_) => algorithm == Algorithm::Es256,
            Numbers::Ed25519(_) => algorithm == Algorithm::Ed25519,
        };
        kind && self.alg.as_deref().is_none_or(|it| algorithm.is(it))
    }

    /// Whether this is its signature. A key that is none, or too short, has signed nothing.
    pub(super) fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let checked = match (&self.numbers, algorithm) {
            (Numbers::Rsa { n, e }, Algorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, message, signature)
            }
            (Numbers::Rsa { n, e }, _) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Numbers::P256(point), _) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Numbers::Ed25519(point), _) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
        };
        checked.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7515, appendix A.3, and that of RFC 8037, appendix A.4.
    #[test]
    fn the_examples_of_the_standards_are_signed() {
        let keys = br#"{"keys":[
            {"kty":"EC","kid":"es","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
            {"kty":"OKP","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","kid":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"},
            {"kty":"RSA","kid":"enc","use":"enc","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","kid":"none"}, {"kty":"EC","kid":"short","crv":"P-256","x":"AQAB","y":"AQAB"}, 7]}"#;
        let keys = read(keys).unwrap();
        let kids: Vec<&str> = keys.iter().map(|it| it.kid.as_str()).collect();
        assert_eq!(kids, ["es", "ed"]);
        let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = URL_SAFE_NO_PAD
            .decode("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .unwrap();
        assert!(keys[0].has_signed(Algorithm::Es256, message.as_bytes(), &signature));
        assert!(!keys[0].has_signed(Algorithm::Es256, b"other", &signature));
        assert!(!keys[0].has_signed(Algorithm::Rs256, message.as_bytes(), &signature));
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = URL_SAFE_NO_PAD
            .decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
            .unwrap();
        assert!(keys[1].has_signed(Algorithm::Ed25519, message.as_bytes(), &signature));
    }
}
