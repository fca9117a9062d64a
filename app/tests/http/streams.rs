//! What happens, told as it happens: nothing lost, nothing twice, nothing to those who may not see it.

use std::sync::atomic::{AtomicBool, Ordering};

use countersign::core::audit::{Draft, Fields};
use countersign::store::Commit;
use serde_json::json;

use crate::house::{self, POLICY};
use crate::served::{House, Served, key};
use crate::visit::{Answering, Event};

fn stream(served: &Served, actor: &str, last: Option<u64>) -> Answering {
    let visit = served.by(actor, "GET", "/v1/events");
    let visit = last
        .iter()
        .fold(visit, |it, last| it.header("last-event-id", &last.to_string()));
    let answering = visit.open();
    assert_eq!(answering.status, 200);
    answering
}

/// Reads until there is an event of that kind.
fn until(stream: &mut Answering, name: &str) -> Event {
    std::iter::from_fn(|| stream.event())
        .find(|it| it.name == name)
        .expect(name)
}

/// Numbers that look random and are the same in every run.
fn dice() -> impl FnMut(u64) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    move |sides| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % sides
    }
}

#[test]
fn a_connection_that_breaks_loses_nothing_and_repeats_nothing() {
    const CALLS: usize = 120;
    let house = House::new();
    let served = house.serve(&[]);
    // Another process on the same store: what it writes is told too.
    let other = house.serve(&["--no-worker"]);
    let start = stream(&served, "olivia", Some(0)).event().unwrap().id.unwrap();
    let done = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..CALLS {
                let by = if round % 2 == 0 { &served } else { &other };
                let (_, asked) = by.propose("alice", "restart", &json!({"service": round.to_string()}));
                by.decide("alice", &asked, &json!({"decision": "confirm"}));
            }
            done.store(true, Ordering::SeqCst);
        });
        let (mut seen, mut dice, mut last) = (Vec::new(), dice(), start);
        let mut closed = 0;
        while closed < CALLS {
            // Sometimes this process, sometimes the other.
            let from = if dice(2) == 0 { &served } else { &other };
            let mut stream = stream(from, "olivia", Some(last));
            for _ in 0..=dice(12) {
                let event = stream.event().expect("it goes on");
                last = event.id.unwrap();
                seen.push(last);
                closed += usize::from(event.name == "call.returned");
                if closed == CALLS {
                    break;
                }
            }
        }
        seen
    });
    assert!(done.load(Ordering::SeqCst));
    let all: Vec<u64> = (start + 1..).take(seen.len()).collect();
    assert_eq!(seen, all);
    assert!(seen.len() > 4 * CALLS);
}

#[test]
fn a_client_that_reads_too_slowly_reads_the_same() {
    const ENTRIES: u64 = 30_000;
    let house = House::new();
    let served = house.serve(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut slow = stream(&served, "olivia", Some(0));
    let first = slow.event().unwrap().id.unwrap();
    runtime.block_on(async {
        // More than all buffers on the way hold.
        let engine = house::engine(house.data(), "default").await;
        for _ in 0..ENTRIES / 1000 {
            let draft = || {
                let mut fields = Fields::default();
                fields.insert("kind", "test.happened".into());
                fields.insert("tool", "x".repeat(200).into());
                Draft {
                    call: None,
                    fields,
                    blobs: Vec::new(),
                }
            };
            let mut commit = Commit::new(engine.tenant().clone(), engine.now());
            commit.records = (0..1000).map(|_| draft()).collect();
            engine.store().commit(commit).await.unwrap();
        }
        engine.stop().await.unwrap();
    });
    let mut last = first;
    let mut happened = 0;
    while happened < ENTRIES {
        let event = slow.event().expect("it goes on");
        assert_eq!(event.id, Some(last + 1), "without a gap");
        last += 1;
        happened += u64::from(event.name == "test.happened");
    }
}

#[test]
fn events_are_for_those_whom_they_concern() {
    let house = House::new();
    let served = house.serve(&[]);
    let mut streams: Vec<_> = ["alice", "bob", "mallory", "robot"]
        .map(|it| (it, stream(&served, it, Some(0))))
        .into();
    let (restart, _) = served.propose("alice", "restart", &json!({"service": "mail"}));
    let (unlock, _) = served.propose("alice", "unlock", &json!({"door": "secret-door"}));
    let (own, _) = served.propose("mallory", "unlock", &json!({"door": "x"}));
    let robots = json!({"arguments": {"service": "of-robot"}, "on_behalf_of": "alice"});
    let robots = served.post("robot", "/v1/tools/restart/calls", &robots).1["call"]
        .as_str()
        .unwrap()
        .to_owned();
    for (actor, stream) in &mut streams {
        // Everybody hears of their own thing last, and of nothing else before it.
        let (end, expected): (&String, Vec<&String>) = match *actor {
            "alice" => (&robots, vec![&restart, &unlock, &robots]),
            "bob" => (&own, vec![&unlock, &own]),
            "mallory" => (&own, vec![&own]),
            _ => (&robots, vec![&robots]),
        };
        let mut heard: Vec<String> = Vec::new();
        loop {
            let event = stream.event().unwrap();
            let text = event.data.to_string();
            assert!(
                !text.contains("secret-door") && !text.contains("mail"),
                "no arguments: {text}"
            );
            let call = event.data["call"].as_str().expect("only of calls").to_owned();
            let ends = call == *end;
            if heard.last() != Some(&call) {
                heard.push(call);
            }
            if ends {
                break;
            }
        }
        assert_eq!(heard.iter().collect::<Vec<_>>(), expected, "{actor}");
    }
}

#[test]
fn a_stream_ends_with_what_opened_it() {
    let house = House::new();
    let (revoked, expiring) = (key(house.data(), "bob", &[]), key(house.data(), "bob", &[]));
    let served = house.serve(&[]);
    let open = |token: &str| {
        served
            .visit("GET", "/v1/events")
            .bearer(token)
            .header("last-event-id", "0")
            .open()
    };
    let (mut first, mut second) = (open(&revoked.1), open(&expiring.1));
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "x"}));
    until(&mut first, "call.opened");
    until(&mut second, "call.opened");
    let path = format!("/v1/keys/{}", revoked.0);
    assert_eq!(served.by("bob", "DELETE", &path).send().status, 204);
    assert_eq!(first.event(), None, "the key is revoked");
    // The end of a key's time is no event: the next event finds it.
    house
        .sql()
        .execute("UPDATE edge SET at = 1000 WHERE id = ?", [&expiring.0])
        .unwrap();
    served.propose("alice", "unlock", &json!({"door": "y"}));
    let rest: Vec<Event> = std::iter::from_fn(|| second.event()).collect();
    assert!(rest.len() <= 1, "{rest:?}");
    // Of a run too.
    let run = json!({"input": "unlock the door"});
    let run = served.post("bob", "/v1/agents/porter/runs", &run).1["run"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = key(house.data(), "bob", &[]);
    let mut events = served
        .visit("GET", &format!("/v1/runs/{run}/events"))
        .bearer(&other.1)
        .open();
    assert!(events.event().is_some());
    assert_eq!(
        served
            .by("bob", "DELETE", &format!("/v1/keys/{}", other.0))
            .send()
            .status,
        204
    );
    assert!(std::iter::from_fn(|| events.event()).count() < 20);
    assert_eq!(
        served.decide("bob", &asked, &json!({"decision": "approve"})).0,
        202
    );
}

#[test]
fn who_loses_a_role_hears_no_more() {
    let house = House::new();
    let served = house.serve(&[]);
    let (mut audrey, mut bob) = (
        stream(&served, "audrey", Some(0)),
        stream(&served, "bob", Some(0)),
    );
    served.propose("alice", "unlock", &json!({"door": "x"}));
    until(&mut audrey, "call.opened");
    until(&mut bob, "call.opened");
    let policy = POLICY
        .replace(
            "audrey = { kind = \"person\", roles = [\"auditor\"] }",
            "audrey = { kind = \"person\" }",
        )
        .replace(
            "bob = { kind = \"person\", roles = [\"manager\"] }",
            "bob = { kind = \"person\" }",
        );
    let other = house.serve_with(&[], |it| {
        it.env("HOUSE_POLICY", &policy);
    });
    let (missed, _) = other.propose("alice", "unlock", &json!({"door": "y"}));
    // What concerns themselves they hear still; what came in between they do not.
    for (actor, mut stream) in [("audrey", audrey), ("bob", bob)] {
        let (own, _) = other.propose(actor, "restart", &json!({"service": "own"}));
        loop {
            let event = stream.event().unwrap();
            assert_ne!(event.data["call"], json!(missed), "{actor}");
            assert!(event.name != "policy.changed", "{actor}");
            if event.data["call"] == json!(own) {
                break;
            }
        }
    }
}

#[test]
fn a_run_is_told_from_where_one_was() {
    let house = House::new();
    let served = house.serve(&[]);
    let begun = served
        .by("alice", "POST", "/v1/agents/porter/runs")
        .header("accept", "text/event-stream");
    let mut begun = begun.json(&json!({"input": "unlock the vault"})).open();
    let run = begun.event().unwrap().data["run"].as_str().unwrap().to_owned();
    let streamed: Vec<Event> = std::iter::from_fn(|| begun.event())
        .filter(|it| it.id.is_some())
        .collect();
    let path = format!("/v1/runs/{run}/events");
    let told = |last: Option<u64>, count: usize| -> Vec<Event> {
        let visit = served.by("alice", "GET", &path);
        let visit = last
            .iter()
            .fold(visit, |it, last| it.header("last-event-id", &last.to_string()));
        let mut stream = visit.open();
        (0..count).map(|_| stream.event().unwrap()).collect()
    };
    let all = told(None, streamed.len());
    assert_eq!(all, streamed, "as it was streamed, so it is stored");
    for at in 0..all.len() - 1 {
        assert_eq!(told(all[at].id, all.len() - at - 1), all[at + 1..]);
    }
    // To its end.
    let asked = served.get("alice", &format!("/v1/runs/{run}"))["requirements"][0]["id"].clone();
    assert_eq!(
        served
            .decide("bob", asked.as_str().unwrap(), &json!({"decision": "approve"}))
            .0,
        202
    );
    let mut stream = served.by("alice", "GET", &path).open();
    let names: Vec<String> = std::iter::from_fn(|| stream.event()).map(|it| it.name).collect();
    assert_eq!(
        names.last().map(String::as_str),
        Some("run_completed"),
        "{names:?}"
    );
}
