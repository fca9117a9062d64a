//! What does not count: forged, replayed, of somebody else, too late. And what is on record of it.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;
use countersign::core::actor::Kind;
use countersign::ledger::{Request, verify};
use countersign::policy::ActorEntry;
use countersign::prelude::*;
use countersign::store::{Commit, EdgeRow, EdgeWrite};
use countersign::{Answer, Verdict};
use serde_json::{Value, json};

use super::world::{SECRET, World, encoded, here, words};

fn paid() -> Value {
    json!({"to": "acme", "cents": 1200})
}

#[tokio::test]
async fn only_what_slack_signed_for_now_counts() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let press = World::press("U0BOB", "approve", id, &card);
    let body = encoded(&press);
    let size = world.size().await;
    let mut forged = vec![
        (
            world.signed("the-signing-secret-of-another-app", 0, &body),
            body.clone(),
        ),
        (world.signed(SECRET, -302, &body), body.clone()),
        (world.signed(SECRET, 302, &body), body.clone()),
        (Vec::new(), body.clone()),
        // The same words in other bytes.
        (
            world.signed(SECRET, 0, &body),
            body.replace("%20", "+").replace('_', "%5F"),
        ),
        (world.signed(SECRET, 0, &body), body.replace("%22", "%22 ")),
        (world.signed(SECRET, 0, &body), format!("{body}&")),
        (world.signed(SECRET, 0, &body), body.replace("U0BOB", "U0CAROL")),
    ];
    let mut moved = world.signed(SECRET, 0, &body);
    moved[0].1 = (moved[0].1.parse::<i64>().unwrap() + 1).to_string();
    forged.push((moved, body.clone()));
    for (headers, body) in forged {
        let sent = world.sent(&headers, &body).await;
        assert_eq!(sent.status, StatusCode::UNAUTHORIZED, "{headers:?} {body}");
        assert_eq!(sent.body["code"], "unauthenticated");
    }
    assert_eq!(world.phase(call).await, "approve");
    assert_eq!(
        world.size().await,
        size,
        "nobody fills the log with what nobody signed"
    );
    // Five minutes are five minutes, in both directions.
    for seconds in [-295, 295] {
        let headers = world.signed(SECRET, seconds, &body);
        assert_eq!(
            world.sent(&headers, &body).await.status,
            StatusCode::OK,
            "{seconds}"
        );
    }
    assert_eq!(world.phase(call).await, "cleared");
}

#[tokio::test]
async fn a_callback_counts_once() {
    let mut world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    // One that is refused at first, and would not be later.
    let body = encoded(&World::press("U0CAROL", "approve", id, &card));
    let headers = world.signed(SECRET, 0, &body);
    assert_eq!(world.sent(&headers, &body).await.status, StatusCode::OK);
    world.link("U0CAROL", "carol").await;
    let size = world.size().await;
    for again in 0..5 {
        if again == 3 {
            world.restart();
        }
        let sent = world.sent(&headers, &body).await;
        assert_eq!(
            (sent.status, &sent.body["code"]),
            (StatusCode::CONFLICT, &json!("replayed"))
        );
    }
    assert_eq!(world.phase(call).await, "approve");
    let log = world.log(size).await;
    assert_eq!(log.len(), 1, "on record, once");
    assert_eq!(
        (&log[0]["kind"], &log[0]["refusal"]),
        (&json!("decision.refused"), &json!("replayed"))
    );
    assert_eq!(
        (&log[0]["slack"], &log[0]["requirement"]),
        (&json!("T0123/U0CAROL"), &json!(id.to_string()))
    );
    // She presses again: that is another callback.
    let headers = world.signed(SECRET, 1, &body);
    assert_eq!(world.sent(&headers, &body).await.status, StatusCode::OK);
    assert_eq!(world.phase(call).await, "cleared");
}

#[tokio::test]
async fn who_pressed_twice_decided_once() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let mut press = World::press("U0BOB", "approve", id, &card);
    let first = world.send(&press).await;
    let size = world.size().await;
    press["actions"][0]["action_ts"] = "1.2".into();
    let second = world.send(&press).await;
    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert_eq!((world.phase(call).await, world.size().await), ("cleared", size));
    // The card is written anew after each press, and whoever is told something is told before that.
    world.fake.asked("chat.update", 2).await;
    assert!(
        world.fake.calls("chat.postEphemeral").is_empty(),
        "it is no mistake to press twice"
    );
}

#[tokio::test]
async fn what_is_of_others_is_refused_and_on_record() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let press = World::press("U0BOB", "approve", id, &card);
    let changed = |pointer: &str, value: Value| {
        let mut press = press.clone();
        *press.pointer_mut(pointer).unwrap() = value;
        press
    };
    for (press, code, who) in [
        (
            changed("/team/id", json!("T9999")),
            "other_workspace",
            "T0123/U0BOB",
        ),
        (
            changed("/user/team_id", json!("T9999")),
            "other_workspace",
            "T9999/U0BOB",
        ),
        (changed("/team", Value::Null), "other_workspace", "T0123/U0BOB"),
        (changed("/api_app_id", json!("A9999")), "other_app", "T0123/U0BOB"),
    ] {
        let sent = world.send(&press).await;
        assert_eq!(
            (sent.status, &sent.body["code"]),
            (StatusCode::FORBIDDEN, &json!(code))
        );
        let last = world.log(world.size().await - 1).await.remove(0);
        assert_eq!(
            (&last["kind"], &last["refusal"]),
            (&json!("decision.refused"), &json!(code))
        );
        assert_eq!(last["slack"], json!(who));
    }
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn who_is_linked_to_nobody_is_told_what_to_do() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    for action in ["approve", "reject"] {
        let sent = world.send(&World::press("U0CAROL", action, id, &card)).await;
        assert_eq!(sent.status, StatusCode::OK);
        let last = world.log(world.size().await - 1).await.remove(0);
        assert_eq!(
            (&last["refusal"], &last["slack"]),
            (&json!("unlinked"), &json!("T0123/U0CAROL"))
        );
        assert!(last.get("actor").is_none());
    }
    let told = world.fake.asked("chat.postEphemeral", 2).await;
    assert_eq!(
        (&told["user"], &told["channel"]),
        (&json!("U0CAROL"), &card["channel_id"])
    );
    assert!(words(&told).contains("T0123/U0CAROL"), "{told}");
    assert_eq!(world.fake.calls("views.open"), Vec::<Value>::new());
    // Nor by a form that somebody else was shown.
    world.send(&World::press("U0BOB", "reject", id, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let sent = world
        .send(&World::submit("U0CAROL", &view, &[("reason", json!("no"))]))
        .await;
    assert_eq!(sent.body["response_action"], "update");
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn an_old_button_is_explained_and_the_card_brought_up_to_date() {
    let world = World::new().await;
    let (call, old) = world.propose("pay_out", &paid()).await;
    let card = world.posted(old).await;
    let alice = Identity::asserted("alice").unwrap();
    let amended = Decision::new(old, Verdict::Amend(json!({"to": "acme", "cents": 99}))).by(&alice);
    let decided = world.shared.engine().desk().decide(amended).await.unwrap();
    assert_eq!(decided.answer, Answer::Accepted);
    let sent = world.send(&World::press("U0ALICE", "confirm", old, &card)).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert_eq!(world.phase(call).await, "confirm");
    let last = world.log(world.size().await - 1).await.remove(0);
    assert_eq!(
        (&last["kind"], &last["refusal"]),
        (&json!("call.refused"), &json!("stale_seal"))
    );
    assert_eq!(last["actor"]["id"], "alice");
    world.fake.asked("chat.postEphemeral", 1).await;
    world.fake.asked("chat.update", 1).await;
    let shown = world.fake.messages().remove(0).body;
    let text = words(&shown);
    assert!(
        text.contains("not asked any more") && text.contains("cents: 99"),
        "{text}"
    );
    // A form that was open meanwhile decides as little.
    let asked = world.asked(call).await.unwrap();
    let card = world.posted(asked).await;
    world.send(&World::press("U0ALICE", "reject", asked, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let amended = Decision::new(asked, Verdict::Amend(json!({"to": "acme", "cents": 98}))).by(&alice);
    world.shared.engine().desk().decide(amended).await.unwrap();
    let sent = world
        .send(&World::submit("U0ALICE", &view, &[("reason", json!("no"))]))
        .await;
    assert_eq!(sent.body["response_action"], "update");
    assert_eq!(world.phase(call).await, "confirm");
}

#[tokio::test]
async fn what_was_never_asked_is_refused_and_on_record() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let text = id.to_string();
    let other = format!(
        "{}{}",
        &text[..text.len() - 1],
        if text.ends_with('0') { '1' } else { '0' }
    );
    let mut press = World::press("U0BOB", "approve", id, &card);
    press["actions"][0]["value"] = other.into();
    assert_eq!(world.send(&press).await.status, StatusCode::OK);
    let last = world.log(world.size().await - 1).await.remove(0);
    assert_eq!(last["refusal"], "unknown_requirement");
    let nowhere = format!("req_{}_{}", "0".repeat(26), "0".repeat(26));
    press["actions"][0]["value"] = nowhere.into();
    assert_eq!(world.send(&press).await.status, StatusCode::OK);
    let last = world.log(world.size().await - 1).await.remove(0);
    assert_eq!(
        (&last["kind"], &last["refusal"]),
        (&json!("decision.refused"), &json!("unknown_requirement"))
    );
    press["actions"][0]["value"] = "approve everything".into();
    assert_eq!(world.send(&press).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn only_an_admin_links_and_only_people() {
    let world = World::new().await;
    let by = |it: &str| Identity::asserted(it).unwrap();
    let (carol, robot) = ("carol".parse().unwrap(), "robot".parse().unwrap());
    let cases = [
        (
            world.links().link(&by("carol"), &here("U0CAROL"), &carol).await,
            "not_allowed",
        ),
        (
            world.links().link(&by("robot"), &here("U0CAROL"), &carol).await,
            "not_allowed",
        ),
        (
            world.links().unlink(&by("bob"), &here("U0BOB")).await,
            "not_allowed",
        ),
        (
            world.links().link(&by("ada"), &here("U0CAROL"), &robot).await,
            "invalid_input",
        ),
        (
            world
                .links()
                .link(&by("ada"), &here("U0CAROL"), &"nobody".parse().unwrap())
                .await,
            "invalid_input",
        ),
        (
            world.links().link(&by("ada"), &here("U0BOB"), &carol).await,
            "invalid_input",
        ),
        (
            world.links().unlink(&by("ada"), &here("U0CAROL")).await,
            "invalid_input",
        ),
    ];
    let size = world.size().await;
    let log = world.log(size - 7).await;
    for ((answer, code), entry) in cases.into_iter().zip(log) {
        let Answer::Refused(refusal) = answer.unwrap() else {
            panic!("{code}")
        };
        assert_eq!(refusal.code.as_str(), code);
        assert_eq!(
            (&entry["kind"], &entry["refusal"]),
            (&json!("slack.refused"), &json!(code))
        );
    }
    let again = world
        .links()
        .link(&by("ada"), &here("U0BOB"), &"bob".parse().unwrap())
        .await;
    assert_eq!((again.unwrap(), world.size().await), (Answer::Repeated, size));
    assert_eq!(world.links().list(None, None, 10).await.unwrap().0.len(), 3);
}

#[tokio::test]
async fn who_is_nobody_any_more_decides_nothing_by_an_old_link() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    world.send(&World::press("U0BOB", "reject", id, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let robot = ActorEntry {
        kind: Kind::Agent,
        roles: BTreeSet::new(),
        owner: Some("alice".parse().unwrap()),
        lent: None,
        introduced: false,
    };
    let code = "not_allowed";
    for (again, becomes) in [None, Some(robot)].into_iter().enumerate() {
        world.becomes("bob", becomes).await;
        assert!(world.links().get(&here("U0BOB")).await.unwrap().is_some());
        let size = world.size().await;
        let mut press = World::press("U0BOB", "approve", id, &card);
        press["actions"][0]["action_ts"] = again.into();
        assert_eq!(world.send(&press).await.status, StatusCode::OK);
        let submitted = World::submit("U0BOB", &view, &[("reason", json!(format!("no {again}")))]);
        let sent = world.send(&submitted).await;
        assert_eq!(sent.body["response_action"], "update");
        assert_eq!(world.phase(call).await, "approve");
        for entry in world.log(size).await {
            assert_eq!(
                (&entry["refusal"], &entry["actor"]["id"]),
                (&json!(code), &json!("bob"))
            );
        }
        assert_eq!(world.size().await, size + 2);
        // Nor is there a form.
        press["actions"][0]["action_id"] = "reject".into();
        world.send(&press).await;
    }
    world.fake.asked("chat.postEphemeral", 4).await;
    assert_eq!(world.fake.calls("views.open").len(), 1);
}

#[tokio::test]
async fn a_link_that_is_put_back_past_the_log_is_found_by_its_decision() {
    let world = World::new().await;
    let ada = Identity::asserted("ada").unwrap();
    let engine = world.shared.engine();
    let row = engine
        .store()
        .edge(engine.tenant(), "slack.user", "T0123/U0BOB")
        .await
        .unwrap();
    world.links().unlink(&ada, &here("U0BOB")).await.unwrap();
    let verified = || verify(&mut world.stored_log(), &Request::default()).unwrap();
    let commit = Commit {
        edges: vec![EdgeWrite::Put(EdgeRow {
            version: 0,
            ..row.unwrap()
        })],
        ..Commit::new(engine.tenant().clone(), engine.now())
    };
    engine.store().commit(commit).await.unwrap();
    world.clock.advance(Duration::from_mins(2));
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    assert_eq!(verified().findings, []);
    world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "cleared");
    let found = verified().findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].exact && found[0].what.contains("`T0123/U0BOB` was not linked to `bob`"),
        "{found:?}"
    );
}
