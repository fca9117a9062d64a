//! Access tokens: which ones count, and that all others are told the same.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::issuer::{Issuer, Pair, unsigned};
use super::{Body, Identity, Links, Request, StatusCode, Timestamp, World, header};

#[tokio::test]
async fn a_token_of_the_issuer_stands_for_whom_an_admin_linked() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let (ec, ed) = (Pair::p256(), Pair::ed25519());
    world
        .issuer
        .has(&[world.pair.jwk("one"), ec.jwk("two"), ed.jwk("three")]);
    let claims = world.claims("u-1");
    for (pair, alg, kid) in [
        (&world.pair, "RS256", "one"),
        (&world.pair, "PS256", "one"),
        (&ec, "ES256", "two"),
        (&ed, "EdDSA", "three"),
        (&ed, "Ed25519", "three"),
    ] {
        for typ in [
            Value::Null,
            json!("JWT"),
            json!("at+jwt"),
            json!("application/at+JWT"),
        ] {
            let mut header = json!({"alg": alg, "kid": kid});
            if !typ.is_null() {
                header["typ"] = typ;
            }
            let token = pair.token(&header, &claims);
            assert_eq!(world.who(&token).await.as_deref(), Some("bob"), "{header}");
        }
    }
    for changed in [
        json!({"aud": ["else", "countersign"]}),
        json!({"nbf": world.now() + 59, "iat": world.now() + 59}),
        json!({"exp": world.now() - 59, "iat": world.now() - 100}),
        json!({"iat": 1_799_999_999.5}),
    ] {
        assert_eq!(
            world.who(&world.token("u-1", &changed)).await.as_deref(),
            Some("bob"),
            "{changed}"
        );
    }
    // Nobody is made, and nobody is guessed.
    for subject in ["bob", "u-2", "alice", "U-1", "u-1 "] {
        assert_eq!(
            world.who(&world.token(subject, &json!({}))).await,
            None,
            "{subject}"
        );
    }
}

#[tokio::test]
async fn a_key_made_with_a_token_ends_with_it() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    // The last one is past its end, and still counts for clocks that differ.
    for left in [3600, 1, -30] {
        let end = world.now() + left;
        let token = world.token("u-1", &json!({"exp": end, "iat": world.now() - 60}));
        let request = Request::post("/v1/keys")
            .header(header::HOST, "ops.test")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        let made = world.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let made: Value = serde_json::from_str(&made.body).unwrap();
        let made: Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
        assert!(made.millis() / 1000 <= end + 60, "{made} after {end}");
    }
}

/// Tokens that must be refused, by what they are called.
type Forged = Vec<(&'static str, String)>;

/// Signed with something else than a key of the issuer, or in another way than it says.
fn forged_signatures(world: &World, other: &Issuer) -> Forged {
    let claims = world.claims("u-1");
    let stranger = Pair::p256();
    let whole = world.token("u-1", &json!({}));
    let (message, signature) = whole.rsplit_once('.').unwrap();
    let hmac = |secret: &[u8], alg: &str| {
        let message = unsigned(&json!({"alg": alg, "kid": "one"}), &claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
        let tag = ring::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let jwk = world.pair.jwk("one");
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    let head = |header: Value| world.pair.token(&header, &claims);
    let bare = |header: Value, signature: &str| format!("{}.{signature}", unsigned(&header, &claims));
    let strange = |header: Value| stranger.token(&header, &claims);
    let jku = format!("{}/jwks", other.url);
    let mut theirs = claims.clone();
    theirs["iss"] = json!(other.url);
    let swapped = unsigned(&json!({"alg": "RS256", "kid": "one"}), &world.claims("u-2"));
    vec![
        ("alg none", bare(json!({"alg": "none"}), "")),
        (
            "alg none with a kid",
            bare(json!({"alg": "none", "kid": "one"}), ""),
        ),
        (
            "alg None, signed",
            bare(json!({"alg": "None", "kid": "one"}), signature),
        ),
        ("HS256 with the modulus", hmac(&modulus, "HS256")),
        (
            "HS256 with the key as text",
            hmac(jwk.to_string().as_bytes(), "HS256"),
        ),
        ("HMAC that is called RS256", hmac(&modulus, "RS256")),
        ("RS512", head(json!({"alg": "RS512", "kid": "one"}))),
        ("ES256 of an RSA key", head(json!({"alg": "ES256", "kid": "one"}))),
        (
            "PS256 signed as RS256",
            bare(json!({"alg": "PS256", "kid": "one"}), signature),
        ),
        (
            "a logout token",
            head(json!({"alg": "RS256", "kid": "one", "typ": "logout+jwt"})),
        ),
        (
            "something critical",
            head(json!({"alg": "RS256", "kid": "one", "crit": ["exp"], "exp": 1})),
        ),
        (
            "a key of its own",
            strange(json!({"alg": "ES256", "kid": "two", "jwk": stranger.jwk("two")})),
        ),
        (
            "a key from elsewhere",
            strange(json!({"alg": "ES256", "kid": "two", "jku": jku})),
        ),
        (
            "the key of somebody else",
            strange(json!({"alg": "ES256", "kid": "one"})),
        ),
        ("no kid", head(json!({"alg": "RS256"}))),
        ("an unknown kid", head(json!({"alg": "RS256", "kid": "nine"}))),
        (
            "a kid that is a path",
            head(json!({"alg": "RS256", "kid": "../../one"})),
        ),
        (
            "the same subject of another issuer",
            stranger.token(&json!({"alg": "ES256", "kid": "other"}), &theirs),
        ),
        (
            "other claims under the signature",
            format!("{swapped}.{signature}"),
        ),
        ("a signature cut short", whole[..whole.len() - 4].to_owned()),
        ("no signature", format!("{message}.")),
    ]
}

/// Signed by the issuer, and not for us, or not now.
fn forged_claims(world: &World, other: &Issuer) -> Forged {
    let now = world.now();
    let claims = [
        ("another issuer", json!({"iss": other.url})),
        (
            "the issuer with a slash",
            json!({"iss": format!("{}/", world.issuer.url)}),
        ),
        (
            "the issuer in capitals",
            json!({"iss": world.issuer.url.to_uppercase()}),
        ),
        ("no issuer", json!({"iss": null})),
        ("another audience", json!({"aud": "else"})),
        ("no audience", json!({"aud": null})),
        ("an empty list of audiences", json!({"aud": []})),
        ("an audience that begins so", json!({"aud": "countersign2"})),
        ("a list within a list", json!({"aud": [["countersign"]]})),
        ("no subject", json!({"sub": null})),
        ("an empty subject", json!({"sub": ""})),
        ("a subject that is a number", json!({"sub": 1})),
        ("a subject that is too long", json!({"sub": "u".repeat(256)})),
        ("expired", json!({"exp": now - 60})),
        ("no end", json!({"exp": null})),
        ("an end that is a text", json!({"exp": "2999-01-01"})),
        ("an end beyond all years", json!({"exp": 1e300})),
        ("not yet valid", json!({"nbf": now + 61})),
        ("a beginning that is a text", json!({"nbf": "now"})),
        ("issued in the future", json!({"iat": now + 61})),
        ("never issued", json!({"iat": null})),
        ("an ID token by its nonce", json!({"nonce": "n"})),
        ("too long", json!({"more": "x".repeat(12 * 1024)})),
    ];
    let forged = claims.into_iter();
    forged
        .map(|(name, changed)| (name, world.token("u-1", &changed)))
        .collect()
}

/// No tokens at all.
fn garbage(world: &World) -> Forged {
    let whole = world.token("u-1", &json!({}));
    let (message, signature) = whole.rsplit_once('.').unwrap();
    let (header, body) = message.split_once('.').unwrap();
    let claims = world.claims("u-1").to_string();
    let twice = URL_SAFE_NO_PAD.encode(claims.replacen('{', "{\"sub\":\"u-2\",", 1));
    vec![
        (
            "a name twice",
            world.pair.signed("RS256", &format!("{header}.{twice}")),
        ),
        ("a padded part", format!("{message}.{signature}=")),
        ("one part more", format!("{whole}.{signature}")),
        ("one part less", message.to_owned()),
        ("no header", format!(".{body}.{signature}")),
        ("dots", "..".to_owned()),
        ("many dots", ".".repeat(4000)),
        ("garbage", "eyJ.eyJ.eyJ".to_owned()),
        ("not base64", "a b.c d.e f".to_owned()),
        ("a list", format!("W10.W10.{signature}")),
        (
            "deep",
            format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode("[".repeat(6000))),
        ),
    ]
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_is_answered_alike() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let other = Issuer::new(&[]).await;
    assert_eq!(
        world.who(&world.token("u-1", &json!({}))).await.as_deref(),
        Some("bob")
    );
    let usual = world.get("/v1/actors", "ck_nothing").await;
    let size = world.size().await;
    let claims = forged_claims(&world, &other).into_iter();
    let forged = claims
        .chain(forged_signatures(&world, &other))
        .chain(garbage(&world));
    for (name, token) in forged {
        let answer = world.get("/v1/actors", &token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}: {}", answer.body);
        assert_eq!(answer.body, usual.body, "{name}");
        assert_eq!(answer.headers.len(), usual.headers.len(), "{name}");
    }
    assert_eq!(world.size().await, size, "nothing is put on record for strangers");
    assert_eq!(other.asked("jwks"), 0, "a token sends us nowhere");
    assert_eq!(
        world.issuer.asked("jwks"),
        1,
        "made-up keys are not asked for at their pace"
    );
}

#[tokio::test]
async fn who_is_gone_or_unlinked_gets_in_no_more() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let token = world.token("u-1", &json!({}));
    let engine = world.shared.engine();
    let (links, ada) = (Links(engine), Identity::asserted("ada").unwrap());
    let link = links.of(&world.issuer.url, "u-1").await.unwrap().unwrap();
    // One subject stands for one actor, and only an admin says for whom; an agent never signs in.
    let alice = Identity::asserted("alice").unwrap();
    for (subject, actor, by) in [
        ("u-1", "alice", &ada),
        ("u-2", "alice", &alice),
        ("u-2", "bot", &ada),
        ("u-2", "nobody", &ada),
        ("", "alice", &ada),
    ] {
        let actor = actor.parse().unwrap();
        let refused = links.link(&world.issuer.url, subject, &actor, by).await.unwrap();
        assert!(refused.is_err(), "{subject} {actor}");
    }
    assert!(links.unlink(&link.id, &alice).await.unwrap().is_err());
    assert_eq!(world.who(&token).await.as_deref(), Some("bob"));
    // The same subject of another issuer is somebody else.
    assert!(links.of("https://other.example", "u-1").await.unwrap().is_none());
    assert_eq!(links.unlink(&link.id, &ada).await.unwrap(), Ok(true));
    assert_eq!(world.who(&token).await, None);
    assert_eq!(links.unlink(&link.id, &ada).await.unwrap(), Ok(false));
    world.link("u-1", "bob").await;
    assert_eq!(world.who(&token).await.as_deref(), Some("bob"));
    engine
        .set_actor(&ada, &"bob".parse().unwrap(), None)
        .await
        .unwrap();
    assert_eq!(world.who(&token).await, None);
}

#[tokio::test]
async fn keys_are_rotated_and_outlive_an_outage_for_a_day() {
    let world = World::new().await;
    world.link("u-1", "bob").await;
    let fresh = |world: &World| world.token("u-1", &json!({}));
    assert!(world.who(&fresh(&world)).await.is_some());
    // A new key counts once the set may be read again.
    let new = Pair::ed25519();
    world.issuer.has(&[new.jwk("two")]);
    let signed = |world: &World| new.token(&json!({"alg": "EdDSA", "kid": "two"}), &world.claims("u-1"));
    assert_eq!(world.who(&signed(&world)).await, None);
    world.advance(Duration::from_secs(61));
    assert!(world.who(&signed(&world)).await.is_some());
    assert_eq!(world.issuer.asked("jwks"), 2);
    // The old one is not in the set any more.
    assert_eq!(world.who(&fresh(&world)).await, None);
    // Whatever a provider that is ill answers, what was known stays, for a day.
    let document = world.issuer.document();
    let mut another = document.clone();
    another["issuer"] = json!("https://other.example");
    let mut insecure = document.clone();
    insecure["jwks_uri"] = json!("http://other.example/jwks");
    let place = ".well-known/openid-configuration";
    for (status, said) in [
        (500, json!({})),
        (200, another),
        (200, insecure),
        (200, json!([])),
        (302, json!(format!("{}/elsewhere", world.issuer.url))),
        (200, json!("x".repeat(300 * 1024))),
    ] {
        world.issuer.says(place, status, &said);
        let asked = world.issuer.asked(place);
        world.advance(Duration::from_hours(2));
        assert!(world.who(&signed(&world)).await.is_some(), "{status}");
        assert_eq!(world.issuer.asked(place), asked + 1, "{status}");
    }
    assert_eq!(world.issuer.asked("elsewhere"), 0);
    world.advance(Duration::from_hours(13));
    assert_eq!(world.who(&signed(&world)).await, None);
    world.issuer.says(place, 200, &document);
    world.advance(Duration::from_secs(61));
    assert!(world.who(&signed(&world)).await.is_some());
}
