//! The outbox as those see it who look after it, and what sending again leaves behind.

use serde_json::json;

use crate::served::{House, run};

const ID: &str = "msg_0123456789abcdef0123456789abcdef";

/// A notice that was given up, of a call that is nobody's any more.
fn dead(house: &House) {
    let state = json!({
        "v": 1, "notice": "asked", "requirement": format!("req_{0}_{0}", "0".repeat(26)),
        "to": "mailto:somebody@example.com", "seq": 1, "first": null, "found_at": "2026-01-01T00:00:00.000Z",
        "since": "2026-01-01T00:00:00.000Z", "tries": 7, "why": "550 no such person",
    });
    let put = "INSERT INTO edge (tenant, kind, id, owner, version, at, state)
               VALUES ('default', 'outbox.dead', ?, NULL, 0, 99999999999999, ?)";
    house.sql().execute(put, [ID, &state.to_string()]).unwrap();
}

fn gauge(text: &str, name: &str) -> String {
    let found = text.lines().find_map(|it| it.strip_prefix(&format!("{name} ")));
    found.unwrap_or_default().to_owned()
}

#[test]
fn what_was_given_up_is_seen_and_sent_again_once_and_on_record() {
    let house = House::new();
    let served = house.serve(&[]);
    dead(&house);
    for actor in ["audrey", "olivia", "adam"] {
        let found = served.get(actor, "/v1/outbox?state=dead");
        assert_eq!(found["items"][0]["id"], ID, "{actor}: {found}");
        assert_eq!(found["items"][0]["why"], "550 no such person");
    }
    let metrics = served.visit("GET", "/metrics").send().text();
    assert_eq!(gauge(&metrics, "countersign_outbox_dead"), "1", "{metrics}");
    assert_eq!(gauge(&metrics, "countersign_outbox_due"), "0", "{metrics}");
    let place = format!("/v1/outbox/{ID}/again");
    for actor in ["alice", "bob", "audrey", "robot", "relay", "dora", "mallory"] {
        let refused = served.by(actor, "POST", &place).send();
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (403, "not_allowed"),
            "{actor}"
        );
    }
    assert_eq!(served.get("olivia", "/v1/outbox")["items"], json!([]));
    // The same request again is the same one, another is too late.
    let again = || {
        served
            .by("olivia", "POST", &place)
            .header("idempotency-key", "k1")
            .send()
    };
    let (first, second) = (again(), again());
    assert_eq!((first.status, second.status), (200, 200), "{}", second.text());
    assert_eq!(first.json(), second.json());
    assert_eq!(first.json()["state"], "due");
    let late = served.by("adam", "POST", &place).send();
    assert_eq!((late.status, late.problem().as_str()), (409, "out_of_turn"));
    let other = format!("/v1/outbox/{}/again", ID.replace('0', "1"));
    assert_eq!(served.by("adam", "POST", &other).send().status, 404);
    assert_eq!(served.get("audrey", "/v1/outbox")["items"][0]["id"], ID);
    let log = served.by("audrey", "GET", "/v1/audit?limit=200").send().text();
    assert_eq!(log.matches("notice.sent_again").count(), 1, "{log}");
    assert!(log.contains(ID) && !log.contains("somebody@example.com"), "{log}");
    let (code, report) = run(house.data(), &["audit", "verify"]);
    assert_eq!(code, 0, "{report}");
    let (_, listed) = run(house.data(), &["outbox", "list"]);
    assert_eq!(listed["items"][0]["id"], ID, "{listed}");
    // There are API keys, so the word of this machine is not enough.
    let (code, said) = run(house.data(), &["outbox", "again", ID, "--as", "olivia"]);
    assert_eq!((code, &said["code"]), (21, &json!("not_allowed")), "{said}");
}
