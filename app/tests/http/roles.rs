//! Who may do what: by role, by being a person or a program, by the roles that a key carries.

use serde_json::{Value, json};

use crate::served::{House, key};
use crate::sites::session;
use crate::things::Things;

/// Whoever may see something, but not do that: who, what, with which body, and what comes of it.
const CASES: &str = r#"
alice   GET    /v1/audit                       -                     403 not_allowed
bob     GET    /v1/audit                       -                     403 not_allowed
mallory GET    /v1/audit/checkpoint            -                     403 not_allowed
audrey  GET    /v1/audit                       -                     200
olivia  GET    /v1/audit/checkpoint            -                     200
adam    GET    /v1/audit                       -                     200
alice   POST   /v1/calls/{external}/token      -                     403 not_allowed
audrey  POST   /v1/calls/{external}/token      -                     403 not_allowed
adam    POST   /v1/calls/{external}/token      -                     404 not_found
relay   POST   /v1/calls/{external}/token      -                     201
relay   GET    /v1/calls/{call}                -                     404 not_found
audrey  POST   /v1/calls/{call}/cancel         {}                    403 not_allowed
audrey  DELETE /v1/grants/{grant}              -                     403 not_allowed
audrey  POST   /v1/runs/{run}/cancel           {}                    403 not_allowed
audrey  POST   /v1/runs/{run}/continue         {}                    403 not_allowed
alice   POST   /v1/keys                        {"actor":"bob"}       403 not_allowed
alice   POST   /v1/keys                        {"actor":"robot"}     403 not_allowed
alice   POST   /v1/keys                        {"actor":"nobody"}    403 not_allowed
bob     GET    /v1/outbox                      -                     403 not_allowed
relay   GET    /v1/outbox                      -                     403 not_allowed
audrey  GET    /v1/outbox                      -                     200
robot   POST   /v1/keys                        {}                    403 not_allowed
relay   POST   /v1/keys                        {}                    403 not_allowed
adam    POST   /v1/keys                        {"actor":"bob"}       403 not_allowed
adam    POST   /v1/keys                        {"actor":"robot"}     201
alice   POST   /v1/keys                        {"roles":["manager"]} 403 not_allowed
olivia  DELETE /v1/keys/{key}                  -                     404 not_found
olivia  DELETE /v1/grants/{grant}              -                     204
olivia  DELETE /v1/actors/robot                -                     403 not_allowed
alice   DELETE /v1/actors/alice                -                     403 not_allowed
mallory PUT    /v1/actors/mallory              {"kind":"person","roles":["manager"]} 403 not_allowed
robot   PUT    /v1/actors/robot                {"kind":"person"}     403 not_allowed
audrey  PUT    /v1/actors/nobody               {"kind":"person"}     403 not_allowed
adam    PUT    /v1/actors/robot                {"kind":"agent","owner":"alice","roles":["manager"]} 422 invalid_input
adam    PUT    /v1/actors/new                  {"kind":"person"}     204
adam    DELETE /v1/keys/{key}                  -                     204
"#;

#[test]
fn seeing_is_not_deciding() {
    let house = House::new();
    let served = house.serve(&[]);
    let things = Things::make(&house, &served);
    for case in CASES.trim().lines() {
        let mut words = case.split_whitespace();
        let mut next = || words.next().unwrap_or_default();
        let (actor, method, path, body) = (next(), next(), next(), next());
        let (status, code) = (next().parse::<u16>().unwrap(), next());
        let path = things.alices.iter().fold(path.to_owned(), |path, (name, id)| {
            path.replace(&format!("{{{name}}}"), id)
        });
        let visit = served.by(actor, method, &path);
        let answer = if body == "-" { visit } else { visit.text(body) }.send();
        assert_eq!(answer.status, status, "{case}: {}", answer.text());
        if status >= 400 {
            assert_eq!(answer.problem(), code, "{case}");
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
    let makes = |body: Value| served.visit("POST", "/v1/keys").bearer(few).json(&body).send();
    assert_eq!(makes(json!({"roles": ["manager"]})).problem(), "not_allowed");
    let child = makes(json!({"label": "child"}));
    assert_eq!(
        (child.status, &child.json()["roles"]),
        (201, &json!([])),
        "{}",
        child.text()
    );
    assert_eq!(decide(child.json()["secret"].as_str().unwrap()).status, 404);
    let (status, whole) = served.post("bob", "/v1/keys", &json!({"roles": ["manager"]}));
    assert_eq!(status, 201);
    assert!(decide(whole["secret"].as_str().unwrap()).status < 300);
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

#[test]
fn a_key_makes_none_that_can_more_or_lasts_longer() {
    let house = House::new();
    let (_, short) = key(house.data(), "bob", &["--days", "2"]);
    let (_, few) = key(house.data(), "adam", &["--role", "admin"]);
    let cookie = session(&house, "bob");
    let served = house.serve(&[]);
    let makes = |token: &str, body: Value| {
        let visit = served.visit("POST", "/v1/keys").bearer(token);
        visit.json(&body).send()
    };
    let ends = |made: &Value| made["expires_at"].as_str().unwrap().to_owned();
    let mine = served.visit("GET", "/v1/keys").bearer(&short).send().json();
    let mine = mine["items"].as_array().unwrap().iter();
    let end = mine.map(ends).min().unwrap();
    // For as long as it counts itself, whatever is wanted; nor does its own child outlive it.
    for body in [json!({}), json!({"days": 3650}), json!({"days": 2})] {
        let child = makes(&short, body);
        assert_eq!((child.status, ends(&child.json())), (201, end.clone()));
        let grandchild = makes(child.json()["secret"].as_str().unwrap(), json!({"days": 9}));
        assert_eq!((grandchild.status, ends(&grandchild.json())), (201, end.clone()));
    }
    assert!(ends(&makes(&short, json!({"days": 1})).json()) < end);
    // A person who has signed in says how long.
    let visit = served
        .visit("POST", "/v1/keys")
        .header("cookie", &cookie)
        .header("sec-fetch-site", "same-origin");
    let made = visit.json(&json!({"days": 3650})).send();
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(ends(&made.json()).as_str() > "2035");
    // One of few roles makes none of more for programs either.
    let reporter = json!({"actor": "relay", "roles": ["reporter"]});
    assert_eq!(makes(&few, reporter.clone()).problem(), "not_allowed");
    let made = makes(&few, json!({"actor": "relay"}));
    assert_eq!((made.status, &made.json()["roles"]), (201, &json!([])));
    let (status, made) = served.post("adam", "/v1/keys", &reporter);
    assert_eq!((status, &made["roles"]), (201, &json!(["reporter"])));
    let (status, made) = served.post("adam", "/v1/keys", &json!({"actor": "relay"}));
    assert_eq!((status, &made["roles"]), (201, &json!(null)));
}
