//! `Idempotency-Key`: what is sent again is done once.

use serde_json::{Value, json};

use crate::served::{House, Served};
use crate::visit::Answer;

fn send(served: &Served, actor: &str, path: &str, key: &str, body: &Value) -> Answer {
    served
        .by(actor, "POST", path)
        .header("idempotency-key", key)
        .json(body)
        .send()
}

const COUNT: &str = "/v1/tools/count/calls";
const RESTART: &str = "/v1/tools/restart/calls";

fn counted(what: &str) -> Value {
    json!({"arguments": {"what": what}})
}

#[test]
fn the_same_request_is_the_same_call() {
    let house = House::new();
    let served = house.serve(&[]);
    let body = json!({"arguments": {"service": "mail"}});
    let first = send(&served, "alice", RESTART, "k-1", &body);
    let again = send(&served, "alice", RESTART, "k-1", &body);
    assert_eq!((first.status, first.json()), (again.status, again.json()));
    // The repeat finds it as it is now.
    let asked = first.json()["requirements"][0]["id"].as_str().unwrap().to_owned();
    let decisions = format!("/v1/requirements/{asked}/decisions");
    let confirm = json!({"decision": "confirm"});
    let visit = served
        .by("alice", "POST", &decisions)
        .header("idempotency-key", "k-2");
    assert_eq!(
        visit.header("prefer", "wait=30").json(&confirm).send().status,
        200
    );
    let later = send(&served, "alice", RESTART, "k-1", &body);
    assert_eq!(
        (later.status, &later.json()["call"]),
        (200, &first.json()["call"])
    );
    assert_eq!(send(&served, "alice", &decisions, "k-2", &confirm).status, 200);
    assert_eq!(house.effects(), ["restart mail"]);
    // Another request with the key is a mistake; another actor's key is another key.
    for (path, body) in [
        (RESTART, json!({"arguments": {"service": "billing"}})),
        (RESTART, json!({"arguments": {"service": "mail"}, "session": "s"})),
        (COUNT, counted("x")),
        (&decisions, json!({"decision": "confirm"})),
        ("/v1/agents/porter/runs", json!({"input": "Hello"})),
    ] {
        let answer = send(&served, "alice", path, "k-1", &body);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "idempotency_key_reused"),
            "{path}"
        );
    }
    let other = send(&served, "bob", RESTART, "k-1", &body);
    assert_eq!(other.status, 202);
    assert_ne!(other.json()["call"], first.json()["call"]);
    assert_eq!(
        served.get("alice", "/v1/calls")["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn what_runs_in_place_runs_once() {
    let house = House::new();
    let served = house.serve(&[]);
    let first = send(&served, "alice", COUNT, "k-1", &counted("a"));
    assert_eq!((first.status, &first.json()["result"]), (200, &json!("a")));
    let again = send(&served, "alice", COUNT, "k-1", &counted("a"));
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(
        send(&served, "alice", COUNT, "k-1", &counted("b")).problem(),
        "idempotency_key_reused"
    );
    assert_eq!(house.effects(), ["count a"]);
    // What was refused before anything was done may be said again, better.
    assert_eq!(
        send(&served, "alice", COUNT, "k-2", &json!({"arguments": {}})).status,
        422
    );
    assert_eq!(send(&served, "alice", COUNT, "k-2", &counted("b")).status, 200);
    assert_eq!(house.effects(), ["count a", "count b"]);
    // A crash that swallowed the answer: nobody knows, and nobody does it again.
    let swallowed = "UPDATE edge SET state = json_set(state, '$.answer', NULL) WHERE kind = 'idempotency'";
    assert_eq!(house.sql().execute(swallowed, []).unwrap(), 2);
    assert_eq!(
        send(&served, "alice", COUNT, "k-1", &counted("a")).problem(),
        "in_progress"
    );
    assert_eq!(house.effects().len(), 2);
    for key in ["", " ", "\u{e9}", "a b", &"x".repeat(256)] {
        let answer = send(&served, "alice", COUNT, key, &counted("c"));
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "malformed"),
            "{key:?}"
        );
    }
    assert_eq!(
        send(&served, "alice", "/v1/keys", "k-3", &json!({})).problem(),
        "malformed"
    );
}

#[test]
fn many_at_once_are_one() {
    let house = House::new();
    let served = house.serve(&[]);
    for (path, body) in [
        (RESTART, json!({"arguments": {"service": "mail"}})),
        (COUNT, counted("a")),
    ] {
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| send(&served, "alice", path, "k", &body)))
                .collect();
            all.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let (done, not): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status < 300);
        assert!(!done.is_empty());
        assert!(
            done.iter().all(|it| it.json() == done[0].json()),
            "one call for all"
        );
        assert!(not.iter().all(|it| it.problem() == "in_progress"));
        if path == RESTART {
            assert!(not.is_empty(), "a call that waits is found by its id");
            house
                .sql()
                .execute("DELETE FROM edge WHERE kind = 'idempotency'", [])
                .unwrap();
        }
    }
    assert_eq!(house.effects(), ["count a"]);
    assert_eq!(
        served.get("alice", "/v1/calls")["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

/// A real end, in the middle of things.
#[test]
fn a_crash_in_between_does_nothing_twice() {
    let house = House::new();
    let mut served = house.serve(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let body = json!({"arguments": {"port": listener.local_addr().unwrap().port()}});
    let path = "/v1/tools/take_long_in_place/calls";
    let visit = served
        .by("alice", "POST", path)
        .header("idempotency-key", "k")
        .json(&body);
    std::thread::scope(|scope| {
        scope.spawn(|| std::panic::catch_unwind(|| visit.send()));
        let _tool = listener.accept().unwrap();
        served.kill();
    });
    let served = house.serve(&[]);
    assert_eq!(send(&served, "alice", path, "k", &body).problem(), "in_progress");
    assert_eq!(house.effects(), Vec::<String>::new());
    // Begun, and gone before the call was opened: the repeat opens it, under the id that it was to have.
    let body = json!({"arguments": {"service": "mail"}});
    let first = send(&served, "alice", RESTART, "k-2", &body).json();
    let meant = first["call"].as_str().unwrap();
    let (start, last) = meant.split_at(meant.len() - 1);
    let meant = format!("{start}{}", if last == "0" { "1" } else { "0" });
    let rewritten = "UPDATE edge SET state = json_set(state, '$.call', ?) WHERE state LIKE '%' || ? || '%'";
    assert_eq!(
        house
            .sql()
            .execute(rewritten, [meant.as_str(), first["call"].as_str().unwrap()])
            .unwrap(),
        1
    );
    for _ in 0..2 {
        assert_eq!(
            send(&served, "alice", RESTART, "k-2", &body).json()["call"],
            meant
        );
    }
}

#[test]
fn a_run_begins_once() {
    let house = House::new();
    let served = house.serve(&[]);
    let path = "/v1/agents/porter/runs";
    let body = json!({"input": "unlock the vault"});
    let first = send(&served, "alice", path, "k", &body);
    assert_eq!(first.status, 202, "{}", first.text());
    let again = send(&served, "alice", path, "k", &body);
    assert_eq!((again.status, again.json()), (202, first.json()));
    assert_eq!(
        served.get("alice", "/v1/runs")["items"].as_array().unwrap().len(),
        1
    );
    // One that was streamed cannot be told again, and does not begin again.
    let streamed = |key: &str| {
        let visit = served.by("alice", "POST", path).header("idempotency-key", key);
        visit.header("accept", "text/event-stream").json(&body).send()
    };
    assert!(streamed("k-2").text().contains("event: run\n"));
    assert_eq!(streamed("k-2").problem(), "in_progress");
    assert_eq!(
        served.get("alice", "/v1/runs")["items"].as_array().unwrap().len(),
        2
    );
}

/// What hooks have still to see keeps a run among those that are worked on, and nobody waiting for its answer.
#[test]
fn a_run_with_its_answer_is_over() {
    let house = House::new();
    let served = house.serve(&[]);
    let (status, run) = served.post("alice", "/v1/agents/herald/runs", &json!({"input": "Hello"}));
    assert_eq!((status, &run["status"]), (200, &json!("completed")), "{run}");
    let again = format!("/v1/runs/{}/continue", run["run"].as_str().unwrap());
    let (status, same) = served.post("alice", &again, &json!({}));
    assert_eq!((status, &same["output"]), (200, &run["output"]), "{same}");
}
