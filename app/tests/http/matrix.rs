//! Every route of the document, with every kind of credential, and with the ids of what is somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use countersign::prelude::*;
use countersign::{Called, Remember};
use serde_json::{Value, json};

use crate::house;
use crate::served::{House, Served, key, key_id, token};
use crate::visit::Answer;

/// What stands for the id in a path, and who it is that may not see it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Named {
    /// No id.
    Nothing,
    /// A name that all may know.
    Shared(&'static str),
    Call,
    External,
    Requirement,
    Run,
    Grant,
    Key,
    Entry,
    Token,
}

/// A route: what is needed to try it.
struct Route {
    operation: &'static str,
    named: Named,
    body: Option<fn() -> Value>,
    needs_credential: bool,
}

fn route(operation: &'static str, named: Named) -> Route {
    Route {
        operation,
        named,
        body: None,
        needs_credential: true,
    }
}

fn with(operation: &'static str, named: Named, body: fn() -> Value) -> Route {
    Route {
        body: Some(body),
        ..route(operation, named)
    }
}

fn open(operation: &'static str) -> Route {
    Route {
        needs_credential: false,
        ..route(operation, Named::Nothing)
    }
}

/// All of them. A route that is not here fails [`every_route_is_tried`].
fn routes() -> Vec<Route> {
    vec![
        route("GET /v1/tools", Named::Nothing),
        with(
            "POST /v1/tools/{name}/calls",
            Named::Shared("count"),
            || json!({"arguments": {"what": "x"}}),
        ),
        route("GET /v1/calls", Named::Nothing),
        route("GET /v1/calls/{id}", Named::Call),
        route("GET /v1/calls/{id}/explain", Named::Call),
        with("POST /v1/calls/{id}/cancel", Named::Call, || json!({})),
        route("POST /v1/calls/{id}/token", Named::External),
        route("GET /v1/requirements", Named::Nothing),
        with(
            "POST /v1/requirements/{id}/decisions",
            Named::Requirement,
            || json!({"decision": "confirm"}),
        ),
        route("GET /v1/approvals", Named::Nothing),
        route("GET /v1/approvals/count", Named::Nothing),
        route("GET /v1/agents", Named::Nothing),
        with(
            "POST /v1/agents/{name}/runs",
            Named::Shared("porter"),
            || json!({"input": "Hello"}),
        ),
        route("GET /v1/runs", Named::Nothing),
        route("GET /v1/runs/{id}", Named::Run),
        route("GET /v1/runs/{id}/events", Named::Run),
        with(
            "POST /v1/runs/{id}/continue",
            Named::Run,
            || json!({"decisions": []}),
        ),
        with("POST /v1/runs/{id}/cancel", Named::Run, || json!({})),
        route("GET /v1/grants", Named::Nothing),
        route("DELETE /v1/grants/{id}", Named::Grant),
        route("GET /v1/audit", Named::Nothing),
        route("GET /v1/audit/checkpoint", Named::Nothing),
        route("GET /v1/audit/proof/{seq}", Named::Entry),
        route("GET /v1/keys", Named::Nothing),
        with("POST /v1/keys", Named::Nothing, || json!({})),
        route("DELETE /v1/keys/{id}", Named::Key),
        Route {
            needs_credential: false,
            ..with(
                "POST /v1/external/{token}",
                Named::Token,
                || json!({"result": "sent"}),
            )
        },
        route("GET /v1/events", Named::Nothing),
        open("GET /healthz"),
        open("GET /readyz"),
        open("GET /metrics"),
    ]
}

/// What alice has, and somebody of her name in another tenant.
struct Things {
    alices: BTreeMap<&'static str, String>,
    elsewhere: BTreeMap<&'static str, String>,
}

impl Things {
    fn make(house: &House, served: &Served) -> Self {
        let (call, requirement) = served.propose("alice", "restart", &json!({"service": "mail-of-alice"}));
        let (external, _) = served.propose("alice", "order", &json!({"part": "alices-part"}));
        let (_, granted) = served.propose("alice", "restart", &json!({"service": "alices-other"}));
        let remembered =
            json!({"decision": "confirm", "remember": {"calls": "exact", "scope": "run", "uses": 3}});
        assert_eq!(served.decide("alice", &granted, &remembered).0, 202);
        let grant = served.get("alice", "/v1/grants")["items"][0]["grant"].clone();
        let (status, run) = served.post(
            "alice",
            "/v1/agents/porter/runs",
            &json!({"input": "unlock alices-door"}),
        );
        assert_eq!(status, 202, "{run}");
        let entries = served.get("alice", &format!("/v1/audit?call={call}"));
        let text = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
        let alices = BTreeMap::from([
            ("call", call.clone()),
            ("external", external.clone()),
            ("requirement", requirement),
            ("run", text(&run["run"])),
            ("grant", text(&grant)),
            ("key", key_id("alice").to_owned()),
            ("entry", text(&entries["items"][0]["seq"])),
            ("token", format!("{external}.{}", "0".repeat(64))),
        ]);
        Self {
            alices,
            elsewhere: elsewhere(house),
        }
    }

    fn path(named: Named, of: &BTreeMap<&'static str, String>, path: &str) -> String {
        let id = match named {
            Named::Nothing => return path.to_owned(),
            Named::Shared(name) => name.to_owned(),
            other => of[name(other)].clone(),
        };
        let (before, after) = path.split_once('{').unwrap();
        format!("{before}{id}{}", after.split_once('}').unwrap().1)
    }
}

fn name(named: Named) -> &'static str {
    match named {
        Named::Nothing | Named::Shared(_) => "",
        Named::Call => "call",
        Named::External => "external",
        Named::Requirement => "requirement",
        Named::Run => "run",
        Named::Grant => "grant",
        Named::Key => "key",
        Named::Entry => "entry",
        Named::Token => "token",
    }
}

/// The same things of another tenant of the same store.
fn elsewhere(house: &House) -> BTreeMap<&'static str, String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = house::engine(house.data(), "elsewhere").await;
        let alice = Identity::asserted("alice").unwrap();
        let waiting = |called: Called| match called {
            Called::Waiting(waiting) => waiting,
            Called::Done(outcome) => panic!("{outcome:?}"),
        };
        let call = waiting(
            engine
                .call("restart", json!({"service": "x"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let external = waiting(
            engine
                .call("order", json!({"part": "x"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let granted = waiting(
            engine
                .call("restart", json!({"service": "y"}))
                .by(&alice)
                .await
                .unwrap(),
        );
        let confirmed = Decision::confirm(&granted.active_requirements()[0])
            .by(&alice)
            .remember(Remember::exact());
        engine.desk().decide(confirmed).await.unwrap();
        let (grants, _) = engine.desk().grants(None, None, 10).await.unwrap();
        let token = engine
            .desk()
            .issue_token(external.call_id(), &Identity::asserted("relay").unwrap())
            .await
            .unwrap()
            .unwrap();
        let things = BTreeMap::from([
            ("call", call.call_id().to_string()),
            ("external", external.call_id().to_string()),
            ("requirement", call.active_requirements()[0].id.to_string()),
            ("run", call.run_id().to_string()),
            ("grant", grants[0].id().to_string()),
            ("key", "e".repeat(20)),
            ("token", format!("{}.{token}", external.call_id())),
        ]);
        engine.stop().await.unwrap();
        things
    })
}

/// Ids that name nothing, in the form of those that do.
fn nowhere(of: &BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
    let turned = |text: &str| {
        // Only the end is changed: the form stays, and so does the version of what has one.
        let (start, last) = text.split_at(text.len() - 1);
        format!("{start}{}", if last == "0" { "1" } else { "0" })
    };
    let mut of: BTreeMap<&'static str, String> = of.iter().map(|(name, id)| (*name, turned(id))).collect();
    of.insert("entry", "1000000".to_owned());
    of.insert("key", "f".repeat(20));
    of
}

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
            words.extend(["alices", "mail-of-alice", asked.as_str(), "\"alice\""]);
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

/// Whoever may see something, but not do that.
#[test]
fn seeing_is_not_deciding() {
    let house = House::new();
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    let of = &things.alices;
    let cases = [
        ("alice", "GET", "/v1/audit".to_owned(), None, 403, "not_allowed"),
        ("bob", "GET", "/v1/audit".to_owned(), None, 403, "not_allowed"),
        (
            "mallory",
            "GET",
            "/v1/audit/checkpoint".to_owned(),
            None,
            403,
            "not_allowed",
        ),
        ("audrey", "GET", "/v1/audit".to_owned(), None, 200, ""),
        ("olivia", "GET", "/v1/audit/checkpoint".to_owned(), None, 200, ""),
        ("adam", "GET", "/v1/audit".to_owned(), None, 200, ""),
        (
            "alice",
            "POST",
            format!("/v1/calls/{}/token", of["external"]),
            None,
            403,
            "not_allowed",
        ),
        (
            "audrey",
            "POST",
            format!("/v1/calls/{}/token", of["external"]),
            None,
            403,
            "not_allowed",
        ),
        (
            "adam",
            "POST",
            format!("/v1/calls/{}/token", of["external"]),
            None,
            404,
            "not_found",
        ),
        (
            "relay",
            "POST",
            format!("/v1/calls/{}/token", of["external"]),
            None,
            201,
            "",
        ),
        (
            "relay",
            "GET",
            format!("/v1/calls/{}", of["call"]),
            None,
            404,
            "not_found",
        ),
        (
            "audrey",
            "POST",
            format!("/v1/calls/{}/cancel", of["call"]),
            Some(json!({})),
            403,
            "not_allowed",
        ),
        (
            "audrey",
            "DELETE",
            format!("/v1/grants/{}", of["grant"]),
            None,
            403,
            "not_allowed",
        ),
        (
            "audrey",
            "POST",
            format!("/v1/runs/{}/cancel", of["run"]),
            Some(json!({})),
            403,
            "not_allowed",
        ),
        (
            "audrey",
            "POST",
            format!("/v1/runs/{}/continue", of["run"]),
            Some(json!({})),
            403,
            "not_allowed",
        ),
        (
            "alice",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"actor": "bob"})),
            403,
            "not_allowed",
        ),
        (
            "alice",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"actor": "robot"})),
            403,
            "not_allowed",
        ),
        (
            "alice",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"actor": "nobody"})),
            403,
            "not_allowed",
        ),
        (
            "robot",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({})),
            403,
            "not_allowed",
        ),
        (
            "relay",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({})),
            403,
            "not_allowed",
        ),
        (
            "adam",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"actor": "bob"})),
            403,
            "not_allowed",
        ),
        (
            "adam",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"actor": "robot"})),
            201,
            "",
        ),
        (
            "alice",
            "POST",
            "/v1/keys".to_owned(),
            Some(json!({"roles": ["manager"]})),
            403,
            "not_allowed",
        ),
        (
            "olivia",
            "DELETE",
            format!("/v1/keys/{}", of["key"]),
            None,
            404,
            "not_found",
        ),
        (
            "olivia",
            "DELETE",
            format!("/v1/grants/{}", of["grant"]),
            None,
            204,
            "",
        ),
        (
            "adam",
            "DELETE",
            format!("/v1/keys/{}", key_id("mallory")),
            None,
            204,
            "",
        ),
    ];
    for (actor, method, path, body, status, code) in cases {
        let mut visit = served.by(actor, method, &path);
        if let Some(body) = &body {
            visit = visit.json(body);
        }
        let answer = visit.send();
        assert_eq!(
            answer.status,
            status,
            "{actor} {method} {path} {body:?}: {}",
            answer.text()
        );
        if status >= 400 {
            assert_eq!(answer.problem(), code, "{actor} {method} {path}");
        }
    }
}

#[test]
fn people_decide_and_programs_report() {
    let house = House::new();
    let served = house.serve(&[]);
    let (_, own) = served.propose("bob", "unlock", &json!({"door": "vault"}));
    let (status, refused) = served.decide("bob", &own, &json!({"decision": "approve"}));
    assert_eq!(
        (status, refused["code"].as_str()),
        (403, Some("self_approval")),
        "{refused}"
    );
    // On behalf of alice, by the agent that she owns: it sees the call, and can decide nothing about it.
    let body = json!({"arguments": {"to": "eve", "cents": 5}, "on_behalf_of": "alice"});
    let (status, said) = served.post("robot", "/v1/tools/pay/calls", &body);
    assert_eq!(status, 202, "{said}");
    let asked = said["requirements"][0]["id"].as_str().unwrap();
    assert_eq!(said["requirements"][0]["requester"], "alice");
    for verb in ["confirm", "approve", "reject"] {
        let (status, refused) = served.decide("robot", asked, &json!({"decision": verb}));
        assert_eq!(
            (status, refused["code"].as_str()),
            (403, Some("not_allowed")),
            "{verb}: {refused}"
        );
    }
    assert_eq!(
        served.decide("alice", asked, &json!({"decision": "confirm"})).0,
        202
    );
    let call = said["call"].as_str().unwrap();
    let asked = served.get("bob", &format!("/v1/calls/{call}"))["answer"]["requirements"][0]["id"].clone();
    let asked = asked.as_str().unwrap();
    for actor in ["alice", "robot"] {
        let (status, _) = served.decide(actor, asked, &json!({"decision": "approve"}));
        assert_eq!(status, 403, "{actor}");
    }
    for actor in ["relay", "dora", "mallory", "rogue", "adam"] {
        let (status, said) = served.decide(actor, asked, &json!({"decision": "approve"}));
        assert_eq!(
            (status, said["code"].as_str()),
            (404, Some("unknown_requirement")),
            "{actor}"
        );
    }
    let approved = served.by("bob", "POST", &format!("/v1/requirements/{asked}/decisions"));
    let approved = approved
        .header("prefer", "wait=30")
        .json(&json!({"decision": "approve"}))
        .send();
    assert_eq!(
        (approved.status, approved.json()["status"].as_str()),
        (200, Some("done")),
        "{}",
        approved.text()
    );
    assert_eq!(house.effects(), ["pay eve 5"]);
    // A reporter reports, whoever else knows of the call does not.
    let (call, _) = served.propose("alice", "order", &json!({"part": "lamp"}));
    let asked = served.get("relay", &format!("/v1/calls/{call}"))["answer"]["requirements"][0]["id"].clone();
    let asked = asked.as_str().unwrap();
    let report = json!({"decision": "report", "result": "sent"});
    assert_eq!(served.decide("alice", asked, &report).0, 403);
    assert_eq!(
        served.decide("relay", asked, &json!({"decision": "approve"})).0,
        422
    );
    assert_eq!(served.decide("relay", asked, &report).0, 200);
}

#[test]
fn who_acts_for_whom() {
    let house = House::new();
    let served = house.serve(&[]);
    let propose = |actor: &str, person: &str| {
        let body = json!({"arguments": {"service": "mail"}, "on_behalf_of": person});
        served.post(actor, "/v1/tools/restart/calls", &body)
    };
    for (actor, person, allowed) in [
        ("robot", "alice", true),
        ("robot", "bob", false),
        ("rogue", "alice", false),
        ("rogue", "mallory", true),
        ("dora", "alice", true),
        ("dora", "robot", false),
        ("dora", "nobody", false),
        ("relay", "alice", false),
        ("alice", "bob", false),
        ("olivia", "bob", false),
        ("adam", "bob", false),
        ("bob", "robot", false),
    ] {
        let (status, said) = propose(actor, person);
        assert_eq!(
            status,
            if allowed { 202 } else { 403 },
            "{actor} for {person}: {said}"
        );
        if allowed {
            assert_eq!(said["requirements"][0]["requester"], person);
        }
    }
    // Nobody by that name, and nobody who may: the same words.
    assert_eq!(
        propose("dora", "nobody").1["detail"],
        propose("relay", "alice").1["detail"]
    );
    // A program that acts for nobody is not asked.
    let (status, said) = served.post(
        "robot",
        "/v1/tools/restart/calls",
        &json!({"arguments": {"service": "mail"}}),
    );
    assert_eq!(
        (status, said["outcome"].as_str()),
        (200, Some("blocked")),
        "{said}"
    );
}

#[test]
fn a_key_with_few_roles_can_little() {
    let house = House::new();
    let served = house.serve(&[]);
    let made = served.post(
        "bob",
        "/v1/keys",
        &json!({"roles": [], "label": "reads", "days": 1}),
    );
    assert_eq!(made.0, 201, "{}", made.1);
    let few = made.1["secret"].as_str().unwrap();
    let (call, asked) = served.propose("alice", "unlock", &json!({"door": "vault"}));
    let decide = |token: &str| {
        let visit = served
            .visit("POST", &format!("/v1/requirements/{asked}/decisions"))
            .bearer(token);
        visit.json(&json!({"decision": "approve"})).send()
    };
    assert_eq!(
        served
            .visit("GET", &format!("/v1/calls/{call}"))
            .bearer(few)
            .send()
            .status,
        404
    );
    assert_eq!(decide(few).status, 404);
    assert_eq!(
        served
            .visit("GET", "/v1/approvals/count")
            .bearer(few)
            .send()
            .json()["waiting"],
        0
    );
    // It makes no key that can more, and one that it makes can no more either.
    let make = |body: Value| served.visit("POST", "/v1/keys").bearer(few).json(&body).send();
    assert_eq!(make(json!({"roles": ["manager"]})).problem(), "not_allowed");
    let child = make(json!({"label": "child"}));
    assert_eq!(
        (child.status, &child.json()["roles"]),
        (201, &json!([])),
        "{}",
        child.text()
    );
    assert_eq!(decide(child.json()["secret"].as_str().unwrap()).status, 404);
    let (status, made) = served.post("bob", "/v1/keys", &json!({"roles": ["manager"]}));
    assert_eq!(status, 201);
    assert!(decide(made["secret"].as_str().unwrap()).status < 300);
    // Secrets are shown once, and never kept.
    let shown = served.by("bob", "GET", "/v1/keys").send().text();
    let secret = few.rsplit_once('_').unwrap().1;
    assert!(shown.contains("reads") && !shown.contains(secret));
    let stored = std::fs::read(house.store()).unwrap();
    let log = std::fs::read(house.data().join("countersign.db-wal")).unwrap_or_default();
    for bytes in [stored, log] {
        assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()));
    }
}

/// A console session is the same kind of row as a key: opened here without the console.
fn session(house: &House, actor: &str) -> String {
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
