//! Browsers: pages of other sites can do nothing, and looking changes nothing.

use serde_json::json;

use crate::served::{House, key};
use crate::things::{Things, routes};

/// A console session is the same kind of row as a key: opened here without the console.
pub(crate) fn session(house: &House, actor: &str) -> String {
    let (id, secret) = key(house.data(), actor, &[]);
    house
        .sql()
        .execute("UPDATE edge SET kind = 'session' WHERE id = ?", [&id])
        .unwrap();
    format!(
        "__Host-countersign=cs_{id}_{}",
        secret.rsplit_once('_').unwrap().1
    )
}

#[test]
fn a_page_of_another_site_can_do_nothing() {
    let house = House::new();
    let cookie = session(&house, "alice");
    let served = house.serve(&[]);
    let host = served.at.clone();
    let own = format!("http://{host}");
    let cases: [(&[(&str, &str)], u16); 11] = [
        (&[("sec-fetch-site", "same-origin")], 200),
        (&[("origin", own.as_str())], 200),
        (&[("sec-fetch-site", "same-site")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[("sec-fetch-site", "none")], 403),
        (&[("sec-fetch-site", "cross-site"), ("origin", own.as_str())], 403),
        (&[("origin", "https://evil.test")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "http://127.0.0.1")], 403),
        (&[("origin", "http://127.0.0.1:1@evil.test")], 403),
        (&[], 403),
    ];
    let size = house.log_size();
    for (headers, status) in cases {
        let mut visit = served
            .visit("POST", "/v1/tools/count/calls")
            .header("cookie", &cookie);
        for (name, value) in headers {
            visit = visit.header(name, value);
        }
        let answer = visit.json(&json!({"arguments": {"what": "it"}})).send();
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
        if status == 403 {
            assert_eq!(answer.problem(), "cross_site");
        }
        // What a form of another site can send is no JSON either.
        let mut visit = served
            .visit("POST", "/v1/tools/count/calls")
            .header("cookie", &cookie);
        for (name, value) in headers {
            visit = visit.header(name, value);
        }
        let form = visit
            .header("content-type", "text/plain")
            .bytes(b"{\"arguments\":{\"what\":\"it\"}}")
            .send();
        assert_eq!(form.status, if status == 403 { 403 } else { 415 });
        let deleted = served.visit("DELETE", "/v1/keys/x").header("cookie", &cookie);
        let deleted = headers
            .iter()
            .fold(deleted, |it, (name, value)| it.header(name, value))
            .send();
        assert_eq!(deleted.status, if status == 403 { 403 } else { 404 });
    }
    assert_eq!(house.effects(), ["count it", "count it"], "the two of this site");
    assert_eq!(house.log_size(), size);
    // Nothing asks a browser to let others in.
    let asked = served
        .visit("OPTIONS", "/v1/tools/count/calls")
        .header("origin", "https://evil.test");
    let asked = asked.header("access-control-request-method", "POST").send();
    assert_eq!(asked.problem(), "method_not_allowed");
}

#[test]
fn looking_changes_nothing() {
    let house = House::new();
    let cookie = session(&house, "alice");
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    let size = house.log_size();
    let effects = house.effects();
    for route in routes() {
        let Some(template) = route.operation.strip_prefix("GET ") else {
            continue;
        };
        let path = Things::path(route.named, &things.alices, template);
        for method in ["GET", "HEAD"] {
            for actor in ["alice", "bob", "olivia", "mallory", "robot"] {
                let opened = served.by(actor, method, &path).header("prefer", "wait=0").open();
                assert!(opened.status < 500, "{method} {path}");
                // Streams go on; all else is read to its end.
                if !path.ends_with("/events") {
                    opened.whole().is_guarded();
                }
            }
            // A link to it on another site does no harm either.
            let visit = served.visit(method, &path).header("cookie", &cookie);
            assert!(visit.header("sec-fetch-site", "cross-site").open().status < 500);
        }
    }
    // Nor is anything done by a GET that says it is something else.
    let path = format!("/v1/calls/{}/cancel", things.alices["call"]);
    for name in ["x-http-method-override", "x-method-override"] {
        let answer = served.by("alice", "GET", &path).header(name, "POST").send();
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (405, "method_not_allowed")
        );
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    assert_eq!(house.log_size(), size, "an entry for a look");
    assert_eq!(house.effects(), effects);
}
