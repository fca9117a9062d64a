//! What is too large, too deep, said twice, or cannot be read at all.

use std::io::Write as _;

use serde_json::json;

use crate::served::House;
use crate::visit::Answering;

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
    let wide = format!("{{\"arguments\":{{\"service\":\"{}\"}}}}", "x".repeat(600 * 1024));
    let (what, invalid) = (
        "/v1/tools/count/calls",
        served.by("alice", "POST", "/v1/tools/restart/calls"),
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
    let names: Vec<String> = (0..20_000).map(|it| format!("\"{it}\":1,")).collect();
    let names = names.concat();
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
    assert_eq!(
        served.get("alice", &format!("/v1/calls/{call}"))["phase"],
        "confirm"
    );
}

#[test]
fn what_is_asked_for_in_no_words_is_a_problem() {
    let house = House::new();
    let served = house.serve(&[]);
    for query in [
        "calls?limit=0",
        "calls?limit=201",
        "calls?limit=x",
        "calls?limit=-1",
        "calls?after=x",
        "calls?tool=%00",
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
        assert_eq!(answer.status, 400, "{query}");
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
}

#[test]
fn where_there_is_nothing_there_is_a_problem() {
    let house = House::new();
    let served = house.serve(&[]);
    for path in [
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
}
