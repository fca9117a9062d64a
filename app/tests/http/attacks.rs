//! What somebody who means harm, or a broken client, may try.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::sync::Barrier;

use serde_json::{Value, json};

use crate::served::{House, Served, token};
use crate::visit::{Answering, Visit};

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
fn settled(served: &Served, call: &str) -> Value {
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
fn too_much_is_refused_and_costs_little() {
    let house = House::new();
    let served = house.serve(&[]);
    let (_, asked) = served.propose("alice", "restart", &json!({"service": "mail"}));
    let decisions = format!("/v1/requirements/{asked}/decisions");
    let before = served.peak_memory();
    let large = format!("{{\"arguments\":{{\"what\":\"{}\"}}}}", "x".repeat(1024 * 1024));
    for path in [
        "/v1/tools/count/calls",
        "/v1/keys",
        &decisions,
        "/v1/external/x.y",
    ] {
        let answer = served.by("alice", "POST", path).text(&large).send();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (413, "too_large"),
            "{path}"
        );
        // Said to be much larger than it will ever be.
        let mut stream = served.visit("POST", path).connect();
        let head = served
            .by("alice", "POST", path)
            .header("content-type", "application/json")
            .head();
        write!(stream, "{head}content-length: 99999999999\r\n\r\n{{").unwrap();
        assert_eq!(Answering::read(stream).unwrap().status, 413, "{path}");
        // Of unknown length, and without end.
        let mut stream = served.visit("POST", path).connect();
        write!(stream, "{head}transfer-encoding: chunked\r\n\r\n").unwrap();
        let chunk = format!("10000\r\n{}\r\n", "[".repeat(0x10000));
        while stream.write_all(chunk.as_bytes()).is_ok() {}
    }
    // Arguments are smaller than requests may be; and nothing is as deep as it is long.
    let wide = format!("{{\"arguments\":{{\"what\":\"{}\"}}}}", "x".repeat(600 * 1024));
    let (what, invalid) = (
        "/v1/tools/count/calls",
        served.by("alice", "POST", "/v1/tools/count/calls"),
    );
    assert_eq!(invalid.text(&wide).send().problem(), "invalid_input");
    for deep in [
        "[".repeat(500_000),
        "{\"a\":".repeat(100_000),
        "[".repeat(60) + &"]".repeat(60),
    ] {
        let bodies = [
            (what, format!("{{\"arguments\":{deep}")),
            (what, format!("{{\"arguments\":{deep}}}")),
            (
                &decisions,
                format!("{{\"decision\":\"amend\",\"arguments\":{deep}}}"),
            ),
            (&decisions, deep.clone()),
        ];
        for (path, body) in bodies {
            let answer = served.by("alice", "POST", path).text(&body).send();
            assert!(matches!(answer.status, 400 | 422), "{}", answer.text());
            assert!(answer.problem().len() > 3 && answer.body.len() < 2000);
        }
    }
    let names: String = (0..20_000).map(|it| format!("\"{it}\":1,")).collect();
    let many = format!("{{\"arguments\":{{{names}\"what\":\"x\"}}}}");
    assert_eq!(served.by("alice", "POST", what).text(&many).send().status, 422);
    let grown = served.peak_memory().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(house.effects(), Vec::<String>::new());
}

#[test]
fn what_is_said_twice_is_not_said() {
    let house = House::new();
    let served = house.serve(&[]);
    let (call, asked) = served.propose("alice", "restart", &json!({"service": "mail"}));
    let decisions = format!("/v1/requirements/{asked}/decisions");
    for (path, body) in [
        (
            "/v1/tools/count/calls",
            r#"{"arguments":{"what":"a","what":"b"}}"#,
        ),
        (
            "/v1/tools/count/calls",
            r#"{"arguments":{"what":"a","wh\u0061t":"b"}}"#,
        ),
        (
            "/v1/tools/count/calls",
            r#"{"arguments":{"what":"a"},"arguments":{"what":"b"}}"#,
        ),
        (&decisions, r#"{"decision":"reject","decision":"confirm"}"#),
        (
            &decisions,
            r#"{"decision":"amend","arguments":{"service":"mail","service":"billing"}}"#,
        ),
        (&decisions, r#"{"decision":"answer","result":{"a":1,"a":2}}"#),
    ] {
        let answer = served.by("alice", "POST", path).text(body).send();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "invalid_input"),
            "{body}"
        );
        assert!(answer.text().contains("twice"), "{}", answer.text());
    }
    assert_eq!(
        served.get("alice", &format!("/v1/calls/{call}"))["phase"],
        "confirm"
    );
    assert_eq!(house.effects(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_read_is_a_problem() {
    let house = House::new();
    let served = house.serve(&[]);
    let (call, asked) = served.propose("alice", "restart", &json!({"service": "mail"}));
    let run = served.get("alice", &format!("/v1/calls/{call}"))["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let posts = [
        "/v1/tools/count/calls".to_owned(),
        format!("/v1/requirements/{asked}/decisions"),
        format!("/v1/calls/{call}/cancel"),
        format!("/v1/runs/{run}/continue"),
        format!("/v1/runs/{run}/cancel"),
        "/v1/agents/porter/runs".to_owned(),
        "/v1/keys".to_owned(),
    ];
    let bodies: [&[u8]; 14] = [
        b"",
        b"{",
        b"}",
        b"nul",
        b"[]",
        b"\"x\"",
        b"1e999",
        b"{\"a\":1e999}",
        b"\xff\xfe",
        b"{\"\xff\":1}",
        b"{\"decision\":{}}",
        b"{\"arguments\":[]}",
        b"{\"reason\":7}",
        b"{} {}",
    ];
    for path in &posts {
        for body in bodies {
            let visit = served
                .by("alice", "POST", path)
                .header("content-type", "application/json")
                .bytes(body);
            let answer = visit.send();
            assert!(
                matches!(answer.status, 400 | 422),
                "{path} {body:?}: {} {}",
                answer.status,
                answer.text()
            );
            answer.problem();
        }
        for kind in [
            "text/html",
            "application/x-www-form-urlencoded",
            "",
            "application/jsonp",
        ] {
            let visit = served
                .by("alice", "POST", path)
                .header("content-type", kind)
                .bytes(b"{}");
            assert_eq!(visit.send().problem(), "not_json", "{path} {kind}");
        }
    }
    for query in [
        "calls?limit=0",
        "calls?limit=201",
        "calls?limit=x",
        "calls?limit=-1",
        "calls?after=x",
        "calls?tool=%00",
        "calls?tool=..",
        "calls?requester=%20",
        "calls?limit=1&limit=2",
        "runs?after=x",
        "runs?limit=99999999999",
        "grants?after=1",
        "audit?after=-1",
        "audit?call=x",
        "requirements?kind=x",
        "requirements?run=x",
        "requirements?after=%FF",
        "events?after=x",
        "events?after=-1",
        "events?after=99999999",
        "tools?dialect=x",
        "approvals?requester=%00",
        "keys?limit=x",
    ] {
        let answer = served.by("audrey", "GET", &format!("/v1/{query}")).send();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "malformed"),
            "{query}"
        );
    }
    for given in ["x", "-1", "1.5", "99999999999999999999", ""] {
        let answer = served
            .by("audrey", "GET", "/v1/events")
            .header("last-event-id", given)
            .send();
        assert_eq!(answer.problem(), "malformed", "{given}");
    }
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/tools/",
        "/v2/tools",
        "/%2e%2e/etc/passwd",
        "/v1//tools",
    ] {
        assert_eq!(
            served.by("alice", "GET", path).send().problem(),
            "not_found",
            "{path}"
        );
    }
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO", "get"] {
        let answer = served.by("alice", method, "/v1/tools").send();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (405, "method_not_allowed"),
            "{method}"
        );
        assert!(answer.header("allow").is_some_and(|it| it.contains("GET")));
    }
    assert_eq!(
        served.get("alice", &format!("/v1/calls/{call}"))["phase"],
        "confirm"
    );
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

/// All kinds of clients that do not come to an end, side by side: each is cut by the server, and others are served.
#[test]
fn who_is_slow_is_cut() {
    let house = House::new();
    let served = house.serve(&[]);
    let write = |text: &str| {
        let mut stream = served.visit("GET", "/").connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = served
        .by("alice", "POST", "/v1/tools/count/calls")
        .header("content-type", "application/json")
        .head();
    let open = Visit::new(&served.at, "POST", "/v1/external/x.y")
        .header("content-type", "application/json")
        .head();
    let silent = write("");
    let half = write("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ");
    let bodiless = write(&format!("{head}content-length: 1000\r\n\r\n{{\"argum"));
    let stranger = write(&format!("{open}content-length: 1000\r\n\r\n"));
    let idle = write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut trickling = write(&format!("{head}transfer-encoding: chunked\r\n\r\n"));
    assert_eq!(served.visit("GET", "/healthz").send().status, 200);
    std::thread::scope(|scope| {
        for (name, stream) in [("silent", silent), ("half", half), ("idle", idle)] {
            scope.spawn(move || {
                let mut stream = stream;
                let mut rest = Vec::new();
                assert!(stream.read_to_end(&mut rest).is_ok(), "{name} is never cut");
            });
        }
        for stream in [bodiless, stranger] {
            scope.spawn(move || {
                let answer = Answering::read(stream).expect("an answer").whole();
                assert_eq!((answer.status, answer.problem().as_str()), (408, "body_too_slow"));
            });
        }
        scope.spawn(move || {
            // One byte for each byte that could be read: never idle, never done.
            let reader = trickling.try_clone().unwrap();
            reader
                .set_read_timeout(Some(std::time::Duration::from_millis(100)))
                .unwrap();
            let mut byte = [0];
            let mut answered = false;
            while trickling.write_all(b"1\r\n \r\n").is_ok() {
                match (&reader).read(&mut byte) {
                    Ok(0) => break,
                    Ok(_) => answered = true,
                    Err(_) => {}
                }
            }
            assert!(answered, "a body that trickles is never cut");
        });
    });
    assert_eq!(house.effects(), Vec::<String>::new());
}

/// A tool that runs in place is run to its end, whoever waits for it.
#[test]
fn who_goes_away_stops_nothing_half_way() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = "/v1/tools/take_long_in_place/calls";
    let body = json!({"arguments": {"port": port}}).to_string();
    let head = served
        .by("alice", "POST", path)
        .header("content-type", "application/json")
        .head();
    let mut stream = served.visit("POST", path).connect();
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let (tool, _) = listener.accept().unwrap();
    drop(stream);
    // The server has seen that the client is gone when it has answered somebody who came later, a few times over.
    for _ in 0..20 {
        assert_eq!(served.visit("GET", "/healthz").send().status, 200);
    }
    drop(tool);
    let again = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = again.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(again.accept().unwrap()));
        assert_eq!(
            served
                .post("alice", path, &json!({"arguments": {"port": port}}))
                .0,
            200
        );
    });
    assert_eq!(house.effects().len(), 2, "{:?}", house.effects());
}

/// Waiting holds a connection, so there is an end to how many one actor can have wait.
#[test]
fn waiting_is_a_wish() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (call, asked) = served.propose("alice", "take_long", &json!({"port": port}));
    assert_eq!(
        served.decide("alice", &asked, &json!({"decision": "confirm"})).0,
        202
    );
    let (tool, _) = listener.accept().unwrap();
    let streams: Vec<_> = (0..64)
        .map(|_| served.by("alice", "GET", "/v1/events").open())
        .collect();
    assert!(streams.iter().all(|it| it.status == 200));
    let refused = served.by("alice", "GET", "/v1/events").send();
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (429, "too_many_requests")
    );
    assert!(refused.header("retry-after").is_some());
    let now = served
        .by("alice", "GET", &format!("/v1/calls/{call}"))
        .header("prefer", "wait=30")
        .send();
    assert_eq!(
        now.json()["phase"],
        "executing",
        "it does not wait where there is no room"
    );
    assert_eq!(served.by("bob", "GET", "/v1/events").open().status, 200);
    drop((streams, tool));
    assert_eq!(settled(&served, &call)["outcome"], "returned");
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
    assert_eq!(report(path, &json!({"result": "lost"})).status, 409);
}
