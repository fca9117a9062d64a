//! An identity provider of a test: its keys are its own, and it says what it is told to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// Made for these tests with `openssl genpkey`; it opens nothing.
const RSA: &str = include_str!("rsa.pem");

/// A key with its private half.
pub(super) enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Pair {
    pub(super) fn rsa() -> Self {
        let text: String = RSA.lines().filter(|it| !it.starts_with('-')).collect();
        Self::Rsa(RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap())
    }

    pub(super) fn p256() -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).unwrap())
    }

    pub(super) fn ed25519() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "use": "sig", "kid": kid, "n": text(&public.n), "e": text(&public.e)})
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": x, "y": y})
            }
            Self::Ed25519(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
            }
        }
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                if alg == "PS256" {
                    pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature)
                        .unwrap();
                } else {
                    pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                        .unwrap();
                }
                signature
            }
            Self::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token as it is told, whether it makes sense or not.
    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        let alg = header["alg"].as_str().unwrap_or_default();
        self.signed(alg, &unsigned(header, claims))
    }

    /// Two parts with the signature behind them.
    pub(super) fn signed(&self, alg: &str, message: &str) -> String {
        let signature = self.sign(alg, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The first two parts.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// What is answered at a path.
type Answers = Arc<Mutex<BTreeMap<String, (u16, String)>>>;
/// What was asked: the path, the `Authorization`, the body.
type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

/// The provider, on a free port of this machine.
pub(super) struct Issuer {
    pub(super) url: String,
    answers: Answers,
    asked: Asked,
}

impl Issuer {
    pub(super) async fn new(keys: &[Value]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let issuer = Self {
            url,
            answers: Answers::default(),
            asked: Arc::default(),
        };
        issuer.says(".well-known/openid-configuration", 200, &issuer.document());
        issuer.has(keys);
        let router = Router::new()
            .route("/realm/{*path}", get(answer).post(answer))
            .with_state((issuer.answers.clone(), issuer.asked.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(super) fn document(&self) -> Value {
        let url = &self.url;
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
        })
    }

    /// These keys from now on.
    pub(super) fn has(&self, keys: &[Value]) {
        self.says("jwks", 200, &json!({"keys": keys}));
    }

    /// This answer from now on.
    pub(super) fn says(&self, path: &str, status: u16, body: &Value) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(path.to_owned(), (status, body.to_string()));
    }

    /// How often it was asked for a path.
    pub(super) fn asked(&self, path: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|it| it.0 == path)
            .count()
    }
}

impl Issuer {
    /// The form that was posted last.
    pub(super) fn last_form(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().2.clone()
    }

    /// The `Authorization` of what was asked last.
    pub(super) fn last_authorization(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().1.clone()
    }
}

async fn answer(
    State((answers, asked)): State<(Answers, Asked)>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).map(|it| it.to_str().unwrap());
    asked
        .lock()
        .unwrap()
        .push((path.clone(), authorization.unwrap_or_default().to_owned(), body));
    let answer = answers.lock().unwrap().get(&path).cloned();
    let Some((status, body)) = answer else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let status = StatusCode::from_u16(status).unwrap();
    if status.is_redirection() {
        return (status, [(header::LOCATION, body.trim_matches('"').to_owned())]).into_response();
    }
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
