//! Every route of the document, with every kind of credential, and with the ids of what is somebody else's.

use std::collections::BTreeSet;

use serde_json::json;

use crate::served::{House, Served, key, key_id, token};
use crate::things::{Named, Route, Things, name, nowhere, routes};
use crate::visit::Answer;

fn tried(served: &Served, route: &Route, path: &str, credential: &[(&str, &str)]) -> Answer {
    let (method, _) = route.operation.split_once(' ').unwrap();
    let mut visit = served.visit(method, path);
    for (name, value) in credential {
        visit = visit.header(name, value);
    }
    if let Some(body) = route.body {
        visit = visit.json(&body());
    }
    visit.send()
}

/// What a body says, without what is different about every answer.
fn said(answer: &Answer, id: &str) -> String {
    answer.text().replace(id, "ID")
}

#[test]
fn every_route_is_tried() {
    let house = House::new();
    let served = house.serve(&[]);
    let document = served.visit("GET", "/openapi.json").send().json();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let tried: BTreeSet<String> = routes().iter().map(|it| it.operation.to_owned()).collect();
    assert_eq!(documented, tried, "routes of the document, and of this table");
    for route in routes() {
        let (method, path) = route.operation.split_once(' ').unwrap();
        let operation = &document["paths"][path][method.to_lowercase()];
        let secured = operation["security"].as_array().is_some_and(|it| !it.is_empty());
        assert_eq!(secured, route.needs_credential, "{}", route.operation);
    }
}

#[test]
fn nobody_gets_in_without_a_credential_that_counts() {
    let house = House::new();
    let expired = key(house.data(), "carol", &[]);
    let elsewhere = key(house.data(), "carol", &[]);
    let revoked = key(house.data(), "carol", &[]);
    let limited = key(house.data(), "carol", &[]);
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    let sql = house.sql();
    sql.execute("UPDATE edge SET at = 1000 WHERE id = ?", [&expired.0])
        .unwrap();
    sql.execute(
        "UPDATE edge SET tenant = 'elsewhere' WHERE id = ?",
        [&elsewhere.0],
    )
    .unwrap();
    let gone = served
        .by("carol", "DELETE", &format!("/v1/keys/{}", revoked.0))
        .send();
    assert_eq!(gone.status, 204);
    let removed = token("rogue");
    sql.execute("DELETE FROM directory_actor WHERE id = 'rogue'", [])
        .unwrap();
    sql.execute("UPDATE directory SET revision = revision + 1", [])
        .unwrap();

    let (id, secret) = (&limited.0, limited.1.rsplit_once('_').unwrap().1);
    let other_secret = format!("ck_{id}_{}", "0".repeat(64));
    let other_kind = format!("cs_{id}_{secret}");
    let cookie = |it: &str| format!("__Host-countersign={it}");
    let bearer = |it: &str| format!("Bearer {it}");
    let credentials: Vec<Vec<(&str, String)>> = vec![
        vec![],
        vec![("authorization", "Bearer".to_owned())],
        vec![("authorization", bearer(""))],
        vec![("authorization", bearer("rubbish"))],
        vec![("authorization", "Basic YWxpY2U6YWxpY2U=".to_owned())],
        vec![("authorization", bearer("ck_\u{e9}_\u{e9}"))],
        vec![("authorization", bearer(&expired.1))],
        vec![("authorization", bearer(&elsewhere.1))],
        vec![("authorization", bearer(&revoked.1))],
        vec![("authorization", bearer(removed))],
        vec![("authorization", bearer(&other_secret))],
        vec![("authorization", bearer(&other_kind))],
        vec![
            ("cookie", cookie(&limited.1)),
            ("sec-fetch-site", "same-origin".to_owned()),
        ],
        vec![
            ("cookie", cookie("rubbish")),
            ("sec-fetch-site", "same-origin".to_owned()),
        ],
        // A key that does not count is not made good by a cookie, nor by saying who one is.
        vec![
            ("authorization", bearer("rubbish")),
            ("x-actor", "alice".to_owned()),
        ],
    ];
    let mut refusals = BTreeSet::new();
    for route in routes().iter().filter(|it| it.needs_credential) {
        let (_, path) = route.operation.split_once(' ').unwrap();
        let path = Things::path(route.named, &things.alices, path);
        for credential in &credentials {
            let given: Vec<_> = credential
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let answer = tried(&served, route, &path, &given);
            assert_eq!(
                answer.status,
                401,
                "{} with {given:?}: {}",
                route.operation,
                answer.text()
            );
            assert_eq!(answer.problem(), "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            refusals.insert(answer.text());
        }
    }
    assert_eq!(
        refusals.len(),
        1,
        "why a credential does not count is nobody's business"
    );
    // The key that all of these were made from does count.
    let own = tried(
        &served,
        &routes()[0],
        "/v1/tools",
        &[("authorization", &bearer(&limited.1))],
    );
    assert_eq!(own.status, 200);
}

#[test]
fn what_is_not_yours_answers_as_what_is_not_there() {
    let house = House::new();
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    let nowhere = nowhere(&things.alices);
    let copied =
        "INSERT INTO edge SELECT 'elsewhere', kind, ?, owner, version, at, state FROM edge WHERE id = ?";
    house
        .sql()
        .execute(copied, [things.elsewhere["key"].as_str(), key_id("alice")])
        .unwrap();
    for route in routes() {
        if matches!(route.named, Named::Nothing | Named::Shared(_)) {
            continue;
        }
        let (_, template) = route.operation.split_once(' ').unwrap();
        let mut bodies = BTreeSet::new();
        for actor in ["mallory", "rogue", "robot", "dora"] {
            let bearer = format!("Bearer {}", token(actor));
            for of in [&things.alices, &nowhere, &things.elsewhere] {
                let Some(id) = of.get(name(route.named)) else {
                    continue;
                };
                let path = Things::path(route.named, of, template);
                let answer = tried(&served, &route, &path, &[("authorization", &bearer)]);
                assert_eq!(answer.status, 404, "{path} by {actor}: {}", answer.text());
                answer.problem();
                let names = answer.headers.iter().map(|(name, _)| name);
                let names: Vec<_> = names.collect();
                bodies.insert(format!("{} {names:?}", said(&answer, id)));
            }
        }
        assert_eq!(bodies.len(), 1, "{}: {bodies:?}", route.operation);
        // Text that is no id, and ids of something else.
        for id in [
            "x",
            "%00",
            "%FF",
            "..%2F",
            "call_",
            "-1",
            "99999999999999999999999",
            &"9".repeat(5000),
        ] {
            let (before, after) = template.split_once('{').unwrap();
            let path = format!("{before}{id}{}", after.split_once('}').unwrap().1);
            let bearer = format!("Bearer {}", token("mallory"));
            let answer = tried(&served, &route, &path, &[("authorization", &bearer)]);
            assert_eq!(answer.status, 404, "{path}: {}", answer.text());
            answer.problem();
        }
    }
}

/// Lists and streams have nothing of what somebody may not see.
#[test]
fn lists_show_nothing_of_others() {
    let house = House::new();
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    let (asked, _) = served.propose("alice", "unlock", &json!({"door": "alices-gate"}));
    for route in routes() {
        let Some(path) = route.operation.strip_prefix("GET ") else {
            continue;
        };
        if route.named != Named::Nothing || !route.needs_credential || path == "/v1/events" {
            continue;
        }
        for actor in ["mallory", "rogue", "robot", "dora"] {
            let text = served.by(actor, "GET", path).send().text();
            let mut words: Vec<&str> = things
                .alices
                .values()
                .map(String::as_str)
                .filter(|it| it.len() > 8)
                .collect();
            words.extend(["alices", "mail-of-alice", asked.as_str()]);
            // An agent may know whose it is.
            if path != "/v1/actors" || actor != "robot" {
                words.push("\"alice\"");
            }
            let found: Vec<_> = words.iter().filter(|it| text.contains(**it)).collect();
            assert!(found.is_empty(), "{actor} sees {found:?} in {path}");
        }
        // A member of a pool sees what the pool is asked about, and nothing else.
        let text = served.by("bob", "GET", path).send().text();
        assert!(
            !text.contains("mail-of-alice") && !text.contains(&things.alices["grant"]),
            "{path}: {text}"
        );
        if ["/v1/calls", "/v1/requirements", "/v1/approvals"].contains(&path) {
            assert!(
                text.contains(&asked) && text.contains("alices-gate"),
                "{path}: {text}"
            );
        }
    }
    // The conversation around a call is not for those who approve it.
    assert_eq!(
        served
            .by("bob", "GET", &format!("/v1/runs/{}", things.alices["run"]))
            .send()
            .status,
        404
    );
    assert_eq!(served.get("mallory", "/v1/approvals/count")["waiting"], 0);
    assert!(served.get("bob", "/v1/approvals/count")["waiting"].as_u64() >= Some(1));
}

/// The document is in the repository, so that a change of it is seen. `COUNTERSIGN_BLESS=1` writes it anew.
#[test]
fn the_document_is_the_one_that_is_committed() {
    let house = House::new();
    let served = house.serve(&[]);
    let document = served.visit("GET", "/openapi.json").send().json();
    let mut text = serde_json::to_string_pretty(&document).unwrap();
    text.push('\n');
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("COUNTERSIGN_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    // Compared as what it means: the order of members depends on the features of a JSON library elsewhere in the tree.
    let committed: serde_json::Value = serde_json::from_str(&committed).unwrap_or_default();
    assert!(
        committed == document,
        "docs/openapi.json is another; write it with COUNTERSIGN_BLESS=1 and read the difference"
    );
    // Every operation has a name of its own, says what may go wrong, and which bodies it answers.
    let mut names = BTreeSet::new();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|it| it.starts_with("3.1"))
    );
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(
                names.insert(operation["operationId"].as_str().unwrap().to_owned()),
                "{method} {path}"
            );
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let problem = &answer["content"]["application/problem+json"];
                let failed = status.starts_with('4') || (status.starts_with('5') && path.starts_with("/v1"));
                assert_eq!(problem.is_object(), failed, "{method} {path} {status}");
            }
        }
    }
}
