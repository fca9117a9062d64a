//! Signing in to the console at the provider: the way there and back, and every way that is another.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Answer, Identity, Links, StatusCode, World};

const WAY: &str = "__Host-countersign-way";
pub(super) const SESSION: &str = "__Host-countersign";

/// A browser that has been sent to the provider.
struct Sent {
    cookie: String,
    asked: BTreeMap<String, String>,
}

/// What a cookie is set to by an answer.
fn set(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::SET_COOKIE).iter();
    let mut lines = lines.map(|it| it.to_str().unwrap());
    let line = lines.find(|it| it.starts_with(&format!("{name}=")))?;
    for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(line.contains(part), "{line}");
    }
    let value = line.split(';').next().unwrap();
    Some(value.split_once('=').unwrap().1.to_owned())
}

impl World {
    async fn visit(&self, place: &str, cookie: &str) -> Answer {
        let request = Request::get(place)
            .header(header::HOST, "ops.test")
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "cross-site");
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Begins to sign in.
    async fn begun(&self) -> Sent {
        let answer = self.visit("/sign-in/oidc", "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        let place = answer.headers[header::LOCATION].to_str().unwrap();
        let (there, query) = place.split_once('?').unwrap();
        assert_eq!(there, format!("{}/authorize", self.issuer.url));
        let asked = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Sent {
            cookie: format!("{WAY}={}", set(&answer.headers, WAY).unwrap()),
            asked,
        }
    }

    /// The provider will give this ID token for any code.
    fn gives(&self, sent: &Sent, changed: &Value) {
        let mut claims = json!({"aud": "console", "nonce": sent.asked["nonce"]});
        for (name, value) in changed.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let token = self.token("u-1", &claims);
        self.issuer.says(
            "token",
            200,
            &json!({"id_token": token, "access_token": "x", "token_type": "Bearer"}),
        );
    }

    /// Comes back with a code.
    async fn back(&self, cookie: &str, pairs: &[(&str, &str)]) -> Answer {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish();
        self.visit(&format!("/sign-in/oidc/callback?{query}"), cookie)
            .await
    }

    /// The whole way of a subject that the provider vouches for: the cookie of a session, if there is one.
    pub(super) async fn signs_in(&self, changed: &Value) -> Option<String> {
        let sent = self.begun().await;
        self.gives(&sent, changed);
        let answer = self
            .back(&sent.cookie, &[("code", "c-1"), ("state", &sent.asked["state"])])
            .await;
        let session = set(&answer.headers, SESSION);
        assert_eq!(
            set(&answer.headers, WAY).as_deref(),
            Some(""),
            "a way is gone once"
        );
        match &session {
            Some(_) => assert_eq!(answer.status, StatusCode::SEE_OTHER),
            None => assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{changed}: {}",
                answer.body
            ),
        }
        session.map(|it| format!("{SESSION}={it}"))
    }
}

#[tokio::test]
async fn who_the_provider_vouches_for_gets_a_session_with_the_roles_of_now() {
    let world = World::with("roles_claim = 'groups'\nroles = { leads = 'manager' }\nroles_last = '1h'").await;
    world.link("u-1", "bob").await;
    assert!(
        world
            .visit("/sign-in", "")
            .await
            .body
            .contains("href=\"/sign-in/oidc\"")
    );
    let sent = world.begun().await;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "console"),
        ("redirect_uri", "https://ops.test/sign-in/oidc/callback"),
        ("scope", "openid"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(sent.asked[name], value);
    }
    world.gives(&sent, &json!({"groups": ["leads"]}));
    let size = world.size().await;
    let state = sent.asked["state"].as_str();
    let from = world.issuer.url.as_str();
    let answer = world
        .back(&sent.cookie, &[("code", "c-1"), ("state", state), ("iss", from)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(answer.headers[header::LOCATION], "/");
    let session = format!("{SESSION}={}", set(&answer.headers, SESSION).unwrap());
    assert_eq!(world.size().await, size + 2, "what is lent, and the session");
    // The provider got what proves that this is the browser that began, and us.
    let form: BTreeMap<String, String> = form_urlencoded::parse(world.issuer.last_form().as_bytes())
        .into_owned()
        .collect();
    let challenge = ring::digest::digest(&ring::digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(challenge), sent.asked["code_challenge"]);
    assert_eq!(
        (form["code"].as_str(), form["grant_type"].as_str()),
        ("c-1", "authorization_code")
    );
    assert_eq!(form["redirect_uri"], sent.asked["redirect_uri"]);
    assert!(!form.contains_key("client_secret"));
    assert_eq!(world.issuer.last_authorization(), "Basic Y29uc29sZTpzM2NyZXQ=");
    // Bob is a manager as long as that was said for, and stays signed in after it.
    let people = async || world.visit("/", &session).await;
    assert_eq!(people().await.status, StatusCode::OK);
    let bob = Identity::asserted("bob").unwrap();
    let has = async || {
        world
            .shared
            .engine()
            .actor(&bob)
            .await
            .unwrap()
            .has_role("manager")
    };
    assert!(has().await);
    world.advance(Duration::from_hours(1));
    assert!(!has().await);
    assert_eq!(people().await.status, StatusCode::OK);
    // Unlinked, the session ends as well.
    let links = Links(world.shared.engine());
    let link = links.of(&world.issuer.url, "u-1").await.unwrap().unwrap();
    assert_eq!(
        links
            .unlink(&link.id, &Identity::asserted("ada").unwrap())
            .await
            .unwrap(),
        Ok(true)
    );
    assert_eq!(people().await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_way_that_is_another_opens_no_session() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let sent = world.begun().await;
    let other = world.begun().await;
    assert_ne!(sent.asked["state"], other.asked["state"]);
    world.gives(&sent, &json!({}));
    let state = sent.asked["state"].as_str();
    let size = world.size().await;
    let asked = world.issuer.asked("token");
    let flipped = sent.cookie.replace('.', "0.");
    for (name, cookie, pairs) in [
        ("no cookie", "", vec![("code", "c"), ("state", state)]),
        (
            "the cookie of another browser",
            &other.cookie,
            vec![("code", "c"), ("state", state)],
        ),
        (
            "a cookie that is none",
            flipped.as_str(),
            vec![("code", "c"), ("state", state)],
        ),
        (
            "an empty cookie",
            &format!("{WAY}="),
            vec![("code", "c"), ("state", state)],
        ),
        (
            "another state",
            &sent.cookie,
            vec![("code", "c"), ("state", other.asked["state"].as_str())],
        ),
        ("no state", &sent.cookie, vec![("code", "c")]),
        (
            "a state that is none",
            &sent.cookie,
            vec![("code", "c"), ("state", "\u{202e}x")],
        ),
        ("no code", &sent.cookie, vec![("state", state)]),
        (
            "an error",
            &sent.cookie,
            vec![("error", "access_denied"), ("state", state)],
        ),
        (
            "another issuer",
            &sent.cookie,
            vec![("code", "c"), ("state", state), ("iss", "https://other.example")],
        ),
    ] {
        let answer = world.back(cookie, &pairs).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
        assert_eq!(set(&answer.headers, SESSION), None, "{name}");
    }
    assert_eq!(
        world.issuer.asked("token"),
        asked,
        "nothing is asked for any of them"
    );
    // Ten minutes are enough, and less than one counts.
    world.advance(Duration::from_mins(10));
    world.gives(&sent, &json!({}));
    assert_eq!(
        world
            .back(&sent.cookie, &[("code", "c"), ("state", state)])
            .await
            .status,
        StatusCode::UNAUTHORIZED
    );
    // A way is gone once, whatever the provider says to a code that comes again.
    let sent = world.begun().await;
    world.gives(&sent, &json!({}));
    let pairs = [("code", "c"), ("state", sent.asked["state"].as_str())];
    assert_eq!(world.size().await, size);
    assert_eq!(
        world.back(&sent.cookie, &pairs).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        world.back(&sent.cookie, &pairs).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(world.size().await, size + 1);
}

#[tokio::test]
async fn an_id_token_that_is_not_for_this_sign_in_opens_no_session() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    assert!(world.signs_in(&json!({})).await.is_some());
    assert!(
        world
            .signs_in(&json!({"aud": ["console"], "azp": "console"}))
            .await
            .is_some()
    );
    assert!(
        world
            .signs_in(&json!({"aud": ["console", "else"], "azp": "console"}))
            .await
            .is_some()
    );
    for changed in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "countersign"}),
        json!({"aud": "else"}),
        json!({"aud": ["console", "else"]}),
        json!({"azp": "else"}),
        json!({"iss": "https://other.example"}),
        json!({"sub": null}),
        json!({"sub": "u-2"}),
        json!({"exp": world.now() - 60}),
        json!({"iat": world.now() + 61}),
    ] {
        assert_eq!(world.signs_in(&changed).await, None, "{changed}");
    }
    // What is no answer, and no token.
    for (status, said) in [
        (200, json!({})),
        (200, json!({"id_token": 7})),
        (200, json!({"id_token": "a.b.c"})),
        (400, json!({"error": "invalid_grant"})),
        (500, json!({})),
    ] {
        let sent = world.begun().await;
        world.issuer.says("token", status, &said);
        let pairs = [("code", "c"), ("state", sent.asked["state"].as_str())];
        assert_eq!(
            world.back(&sent.cookie, &pairs).await.status,
            StatusCode::UNAUTHORIZED,
            "{said}"
        );
    }
    // An ID token is no key to the API.
    let sent = world.begun().await;
    let id = world.token(
        "u-1",
        &json!({"aud": ["console", "countersign"], "nonce": sent.asked["nonce"]}),
    );
    assert_eq!(world.who(&id).await, None);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_said_so() {
    let world = World::new().await;
    world
        .issuer
        .says(".well-known/openid-configuration", 500, &json!({}));
    let answer = world.visit("/sign-in/oidc", "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("does not answer"));
    assert_eq!(set(&answer.headers, WAY), None);
}

#[tokio::test]
async fn a_provider_that_names_itself_must_do_so() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let mut document = world.issuer.document();
    document["authorization_response_iss_parameter_supported"] = json!(true);
    document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
    world
        .issuer
        .says(".well-known/openid-configuration", 200, &document);
    assert_eq!(world.signs_in(&json!({})).await, None);
    let sent = world.begun().await;
    world.gives(&sent, &json!({}));
    let (state, from) = (sent.asked["state"].as_str(), world.issuer.url.as_str());
    let answer = world
        .back(&sent.cookie, &[("code", "c"), ("state", state), ("iss", from)])
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(world.issuer.last_form().contains("client_secret=s3cret"));
    assert_eq!(world.issuer.last_authorization(), "");
}
