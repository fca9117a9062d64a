//! The moderation guardrail against a server of the test.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use countersign_agent::guardrail::ModerationGuardrail;
use countersign_agent::{Hook, HookError, Place, Seen, Verdict};

const KEY: &str = "key-of-the-test";
const TEXT: &str = "text-of-the-test";

/// A server that answers one request with these bytes, or never if there are none; and what it was asked.
fn server(answer: Option<String>) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1/", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = request(&mut stream);
        match answer {
            Some(answer) => stream.write_all(answer.as_bytes()).unwrap(),
            // Until the other side has had enough.
            None => drop(stream.read(&mut [0; 1])),
        }
        request
    });
    (url, asked)
}

fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let length = text
            .split("content-length: ")
            .nth(1)
            .and_then(|it| it.split("\r\n").next()?.parse().ok());
        let body = text.split_once("\r\n\r\n").map(|it| it.1.len());
        if count == 0 || length.is_some() && body >= length {
            return String::from_utf8(bytes).unwrap();
        }
    }
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

async fn look(guardrail: &ModerationGuardrail) -> Result<Verdict, HookError> {
    guardrail.look(&Seen::new(Place::Input, TEXT)).await
}

/// What becomes of a text where the endpoint answers this, as one line.
async fn becomes(
    answer: impl Into<Option<String>>,
    set: fn(ModerationGuardrail) -> ModerationGuardrail,
) -> String {
    let (url, asked) = server(answer.into());
    let verdict = look(&set(ModerationGuardrail::new(url, KEY))).await;
    asked.join().unwrap();
    let line = match verdict {
        Ok(Verdict::Pass) => "pass".to_owned(),
        Ok(Verdict::Block { reason, masked: None }) => format!("block: {reason}"),
        Ok(other) => panic!("{other:?}"),
        Err(error) => format!("error: {error}"),
    };
    assert!(
        !line.contains(KEY) && !line.contains(TEXT) && !line.contains("127.0.0.1"),
        "{line}"
    );
    line
}

const FLAGGED: &str = r#"{"id":"m","model":"x","results":[{"flagged":true,"categories":{"violence":true,"hate":false},"category_scores":{"violence":0.7,"hate":0.2}}]}"#;
const CLEAN: &str = r#"{"results":[{"flagged":false,"categories":{"violence":false,"hate":false,"illicit":null},"category_scores":{"violence":0.1,"hate":0.2}}]}"#;

#[tokio::test]
async fn the_endpoint_is_asked_as_openai_documents_it() {
    let (url, asked) = server(Some(http("200 OK", CLEAN)));
    let guardrail = ModerationGuardrail::new(url, KEY).model("small");
    assert_eq!(look(&guardrail).await, Ok(Verdict::Pass));
    let asked = asked.join().unwrap();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/moderations HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer key-of-the-test"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, serde_json::json!({"model": "small", "input": TEXT}));
}

#[tokio::test]
async fn what_is_flagged_is_blocked_with_its_categories() {
    assert_eq!(
        becomes(http("200 OK", FLAGGED), |it| it).await,
        "block: a moderation service flags it: violence"
    );
    let higher = becomes(http("200 OK", FLAGGED), |it| it.threshold("violence", 0.9)).await;
    assert_eq!(higher, "pass");
    let lower = becomes(http("200 OK", CLEAN), |it| it.threshold("hate", 0.2)).await;
    assert_eq!(lower, "block: a moderation service flags it: hate");
    let nameless = r#"{"results":[{"flagged":true,"categories":{}}]}"#;
    assert_eq!(
        becomes(http("200 OK", nameless), |it| it).await,
        "block: a moderation service flags it"
    );
}

#[tokio::test]
async fn whatever_else_the_endpoint_does_is_an_error() {
    for (answer, expect) in [
        (
            http("401 Unauthorized", KEY),
            "the moderation endpoint refused the key; check it",
        ),
        (
            http("429 Too Many Requests", TEXT),
            "the moderation endpoint has had too many requests (429); try again later",
        ),
        (
            http("500 Internal Server Error", TEXT),
            "the moderation endpoint answered 500",
        ),
        (
            http("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
            "the moderation endpoint answered 302",
        ),
        (
            http("200 OK", ""),
            "the moderation endpoint's answer is not what such endpoints answer",
        ),
        (
            http("200 OK", "{}"),
            "the moderation endpoint's answer is not what such endpoints answer",
        ),
        (
            http("200 OK", r#"{"results":[{"flagged":"no"}]}"#),
            "the moderation endpoint's answer is not what such endpoints answer",
        ),
        (
            http("200 OK", r#"{"results":[]}"#),
            "the moderation endpoint's answer has not one result",
        ),
        (
            http("200 OK", &" ".repeat(300 << 10)),
            "the moderation endpoint's answer is too long",
        ),
        (
            "no HTTP\r\n\r\n".to_owned(),
            "the moderation endpoint cannot be reached; check its URL and key",
        ),
    ] {
        assert_eq!(becomes(answer, |it| it).await, format!("error: {expect}"));
    }
    let unscored = becomes(http("200 OK", CLEAN), |it| it.threshold("violense", 0.5)).await;
    assert_eq!(
        unscored,
        "error: the moderation endpoint gave no score for `violense`; check its name"
    );
    let silent = becomes(None::<String>, |it| it.limit(Duration::from_millis(50))).await;
    assert_eq!(silent, "error: the moderation endpoint took too long");
}

#[tokio::test]
async fn nobody_there_is_an_error_and_nothing_shows_the_key() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, key) in [
        (format!("http://{gone}"), KEY.to_owned()),
        ("no url".to_owned(), format!("{KEY}\n")),
    ] {
        let guardrail = ModerationGuardrail::new(url, key);
        let error = look(&guardrail).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the moderation endpoint cannot be reached; check its URL and key"
        );
        assert!(!format!("{guardrail:?}").contains(KEY));
    }
}
