//! What somebody who means harm, or a broken client, may try.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::served::{House, Served, token};
use crate::visit::Answering;

/// Both at once.
fn together<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        let a = scope.spawn(|| {
            barrier.wait();
            a()
        });
        barrier.wait();
        let b = b();
        (a.join().unwrap(), b)
    })
}

/// A call when nothing moves it on any more.
pub(crate) fn settled(served: &Served, call: &str) -> Value {
    let visit = served.by("olivia", "GET", &format!("/v1/calls/{call}"));
    visit.header("prefer", "wait=30").send().json()
}

#[test]
fn a_body_does_not_say_who_somebody_is() {
    let house = House::new();
    let served = house.serve(&[]);
    let (call, asked) = served.propose("alice", "restart", &json!({"service": "mail"}));
    for name in [
        "by",
        "actor",
        "identity",
        "requester",
        "as",
        "on_behalf_of",
        "auth",
    ] {
        for (actor, status) in [("mallory", 422), ("alice", 422)] {
            let (got, said) = served.decide(actor, &asked, &json!({"decision": "confirm", name: "alice"}));
            assert_eq!(got, status, "{name}: {said}");
        }
        if name != "on_behalf_of" {
            let body = json!({"arguments": {"service": "mail"}, name: "bob"});
            assert_eq!(
                served.post("alice", "/v1/tools/restart/calls", &body).0,
                422,
                "{name}"
            );
        }
    }
    for name in [
        "x-actor",
        "x-forwarded-user",
        "remote-user",
        "x-remote-user",
        "from",
    ] {
        let visit = served
            .by("mallory", "GET", &format!("/v1/calls/{call}"))
            .header(name, "alice");
        assert_eq!(visit.send().status, 404, "{name}");
    }
    // Of two credentials, the first line counts, never the second.
    let visit = served
        .by("mallory", "GET", &format!("/v1/calls/{call}"))
        .bearer(token("alice"));
    assert!(matches!(visit.send().status, 401 | 404));
    assert_eq!(
        served.get("alice", &format!("/v1/calls/{call}"))["phase"],
        "confirm"
    );
}

#[test]
fn a_double_click_counts_once() {
    const ROUNDS: usize = 50;
    let house = House::new();
    let served = house.serve(&[]);
    for round in 0..ROUNDS {
        let (call, asked) = served.propose("alice", "unlock", &json!({"door": round.to_string()}));
        let click = || served.decide("bob", &asked, &json!({"decision": "approve"}));
        let ((first, said), (second, also)) = together(click, click);
        assert!(first < 300 && second < 300, "{first} {said}, {second} {also}");
        let call = settled(&served, &call);
        assert_eq!(
            (&call["outcome"], call["votes"].as_array().unwrap().len()),
            (&json!("returned"), 1)
        );
    }
    let effects = house.effects();
    assert_eq!(
        (effects.len(), effects.iter().collect::<BTreeSet<_>>().len()),
        (ROUNDS, ROUNDS)
    );
    let approvals = "SELECT count(*) FROM audit_entry WHERE entry LIKE '%\"call.approved\"%'";
    let recorded: usize = house.sql().query_row(approvals, [], |it| it.get(0)).unwrap();
    assert_eq!(recorded, ROUNDS, "one approval on record for each");
}

#[test]
fn of_yes_and_no_at_once_one_counts() {
    let house = House::new();
    let served = house.serve(&[]);
    let mut outcomes = BTreeSet::new();
    let mut ran = 0;
    for round in 0..40 {
        let (call, asked) = served.propose("alice", "unlock", &json!({"door": round.to_string()}));
        let say = |actor: &'static str, verb: &'static str| {
            let asked = &asked;
            let served = &served;
            move || served.decide(actor, asked, &json!({"decision": verb}))
        };
        let ((yes, _), (no, _)) = together(say("bob", "approve"), say("carol", "reject"));
        let call = settled(&served, &call);
        let outcome = call["outcome"].as_str().unwrap().to_owned();
        match outcome.as_str() {
            "returned" => {
                ran += 1;
                assert!(yes < 300 && no == 409, "{yes} {no}");
            }
            "rejected" => assert!(no < 300, "{yes} {no}"),
            other => panic!("{other}"),
        }
        assert_eq!(
            settled(&served, call["call"].as_str().unwrap()),
            call,
            "what is over stays as it is"
        );
        outcomes.insert(outcome);
    }
    assert_eq!(
        house.effects().len(),
        ran,
        "it ran if, and only if, it was approved"
    );
    assert!(!outcomes.is_empty());
}

#[test]
fn who_asks_too_often_waits() {
    let house = House::new();
    let served = house.serve(&["--rate", "1"]);
    let answers: Vec<_> = (0..12)
        .map(|_| served.by("alice", "GET", "/v1/tools").send())
        .collect();
    let refused = answers.iter().find(|it| it.status == 429).expect("a limit");
    assert_eq!(refused.problem(), "too_many_requests");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{seconds}");
    assert_eq!(
        served.by("bob", "GET", "/v1/tools").send().status,
        200,
        "that is alice's own affair"
    );
    assert_eq!(served.visit("GET", "/healthz").send().status, 200);
}

#[test]
fn every_answer_can_be_named() {
    let house = House::new();
    let served = house.serve(&[]);
    let id = |given: Option<&str>, path: &str| {
        let visit = served.by("alice", "GET", path);
        let visit = given.iter().fold(visit, |it, id| it.header("x-request-id", id));
        let answer = visit.send();
        answer.is_guarded();
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id(Some("abc-12345"), "/v1/tools"), "abc-12345");
    for odd in [
        "short",
        "with space",
        "<script>alert(1)</script>",
        &"x".repeat(65),
    ] {
        assert_ne!(id(Some(odd), "/v1/tools"), *odd);
    }
    let ids: BTreeSet<String> = (0..50).map(|_| id(None, "/healthz")).collect();
    assert_eq!(ids.len(), 50);
    for path in ["/metrics", "/readyz", "/openapi.json", "/nothing"] {
        id(None, path);
    }
}

/// Framing is hyper's; this holds that it stays strict.
#[test]
fn one_request_is_not_two() {
    let house = House::new();
    let served = house.serve(&[]);
    let path = "/v1/tools/count/calls";
    let inner = "POST /v1/tools/count/calls HTTP/1.1\r\n";
    let head = served
        .by("alice", "POST", path)
        .header("content-type", "application/json")
        .head();
    for (framing, body) in [
        (
            "content-length: 4\r\ntransfer-encoding: chunked\r\n",
            format!("0\r\n\r\n{inner}\r\n"),
        ),
        ("content-length: 0\r\ncontent-length: 40\r\n", inner.to_owned()),
        ("transfer-encoding: xchunked\r\n", "0\r\n\r\n".to_owned()),
        ("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n".to_owned()),
        ("content-length: -1\r\n", String::new()),
        ("content-length: 1e3\r\n", String::new()),
        ("bad header: x\r\n", String::new()),
        ("x: a\0b\r\n", String::new()),
    ] {
        let mut stream = served.visit("POST", path).connect();
        write!(stream, "{head}{framing}\r\n{body}").unwrap();
        let _ = stream.shutdown(Shutdown::Write);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        assert!(
            !text.contains(" 200 ") && !text.contains(" 202 ") && !text.contains(" 500 "),
            "{framing}: {text}"
        );
    }
    assert_eq!(house.effects(), Vec::<String>::new());
    // A head without end, and a line without end.
    for text in [
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(100_000)),
        "x: y\r\n".repeat(10_000),
    ] {
        let mut stream = served.visit("GET", "/").connect();
        let _ = write!(stream, "GET / HTTP/1.1\r\n{text}\r\n\r\n");
        let answer = Answering::read(stream).map(|it| it.status);
        assert!(answer.is_none_or(|it| (400..500).contains(&it)), "{answer:?}");
    }
    assert_eq!(served.visit("GET", "/healthz").send().status, 200);
}

/// Whoever has no token learns nothing of a call, whatever its phase.
#[test]
fn a_wrong_token_says_nothing() {
    let house = House::new();
    let served = house.serve(&[]);
    let (external, _) = served.propose("alice", "order", &json!({"part": "lamp"}));
    let (confirm, _) = served.propose("alice", "restart", &json!({"service": "mail"}));
    let (closed, _) = served.propose("alice", "restart", &json!({"service": "mail"}));
    assert_eq!(
        served
            .post("alice", &format!("/v1/calls/{closed}/cancel"), &json!({}))
            .0,
        200
    );
    let (status, said) = served.post("relay", &format!("/v1/calls/{external}/token"), &json!({}));
    assert_eq!(status, 201, "{said}");
    let path = said["path"].as_str().unwrap();
    let token = path.rsplit_once('.').unwrap().1;
    let report = |path: &str, body: &Value| served.visit("POST", path).json(body).send();
    let mut said = BTreeSet::new();
    for call in [&external, &confirm, &closed] {
        for token in [
            "0".repeat(token.len()),
            String::new(),
            "x".to_owned(),
            token.chars().rev().collect(),
        ] {
            for body in [
                json!({"result": "sent"}),
                json!({"result": 7}),
                json!({"failed": "no"}),
            ] {
                let answer = report(&format!("/v1/external/{call}.{token}"), &body);
                assert_eq!(answer.status, 404, "{}", answer.text());
                said.insert(answer.text());
            }
        }
    }
    assert_eq!(said.len(), 1, "{said:?}");
    for call in [&confirm, &closed] {
        assert_eq!(
            report(
                &format!("/v1/external/{call}.{token}"),
                &json!({"result": "sent"})
            )
            .status,
            404
        );
    }
    // The right one, with a result that does not fit, with one that does, and once more.
    assert_eq!(report(path, &json!({"result": 7})).problem(), "invalid_input");
    for _ in 0..2 {
        let done = report(path, &json!({"result": "sent"}));
        assert_eq!(
            (done.status, &done.json()["result"]),
            (200, &json!("sent")),
            "{}",
            done.text()
        );
    }
    // Whoever had the token is told that something else was reported already.
    let other = report(path, &json!({"result": "lost"}));
    assert_eq!(
        (other.status, other.problem()),
        (409, "already_decided".to_owned())
    );
}

/// Every wrong token is on record: whoever guesses must not fill the log, nor hold up whoever knows.
#[test]
fn who_guesses_tokens_is_told_to_wait() {
    let house = House::new();
    let served = house.serve(&[]);
    let (call, _) = served.propose("alice", "order", &json!({"part": "lamp"}));
    let (_, said) = served.post("relay", &format!("/v1/calls/{call}/token"), &json!({}));
    let right = said["path"].as_str().unwrap();
    let report = |path: &str| {
        let visit = served.visit("POST", path).json(&json!({"result": "sent"}));
        visit.send()
    };
    let wrong = format!("/v1/external/{call}.{}", "0".repeat(64));
    let begun = house.log_size();
    let refused = (0..1000)
        .map(|_| report(&wrong))
        .find(|it| it.status != 404)
        .expect("an end");
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (429, "too_many_requests")
    );
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&seconds), "{seconds}");
    // However often: what is on record is what the bucket let through, and it lets through a few in a second.
    for _ in 0..300 {
        report(&wrong);
    }
    assert!(house.log_size() - begun < 200, "{}", house.log_size() - begun);
    // Of a call that nobody knows, the same; then one of the two may have been let through since.
    let (start, last) = call.split_at(call.len() - 1);
    let unknown = format!(
        "/v1/external/{start}{}.{}",
        if last == "0" { "1" } else { "0" },
        "0".repeat(64)
    );
    assert!((0..20).any(|_| report(&unknown).status == 429));
    assert!((0..20).any(|_| report("/v1/external/x").status == 429));
    let done = report(right);
    assert_eq!((done.status, &done.json()["result"]), (200, &json!("sent")));
}
