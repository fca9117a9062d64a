//! What people do in Slack, from the card to the decision.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::world::{World, buttons, here, words};

fn paid() -> Value {
    json!({"to": "acme", "cents": 1200})
}

#[tokio::test]
async fn a_press_approves_and_the_card_says_so() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let shown = world.fake.messages().remove(0).body;
    let text = words(&shown);
    for part in [
        "pay_out waits for approval",
        "alice",
        "managers",
        "to: acme",
        "cents: 1200",
        "0 of 1",
        "UTC",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(buttons(&shown), ["approve", "reject", "console"]);
    let sent = world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!((sent.status, sent.body), (StatusCode::OK, Value::Null));
    assert_eq!(world.phase(call).await, "cleared");
    let last = world.log(world.size().await - 1).await.remove(0);
    assert_eq!(last["kind"], "call.approved");
    assert_eq!(last["actor"]["id"], "bob");
    assert_eq!(last["actor"]["auth"], "slack T0123/U0BOB linked by ada");
    world.fake.asked("chat.update", 1).await;
    let shown = world.fake.messages().remove(0).body;
    assert!(words(&shown).contains("Approved by bob"), "{shown}");
    assert_eq!(buttons(&shown), ["console"]);
}

#[tokio::test]
async fn a_requester_confirms() {
    let world = World::new().await;
    let (call, id) = world.propose("pay_out", &paid()).await;
    let card = world.posted(id).await;
    assert_eq!(
        buttons(&world.fake.messages()[0].body),
        ["confirm", "reject", "console"]
    );
    // Bob is somebody, but not the one who is asked.
    world.send(&World::press("U0BOB", "confirm", id, &card)).await;
    assert_eq!(world.phase(call).await, "confirm");
    world.fake.asked("chat.postEphemeral", 1).await;
    world.send(&World::press("U0ALICE", "confirm", id, &card)).await;
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn a_rejection_has_a_reason() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    let sent = world.send(&World::press("U0BOB", "reject", id, &card)).await;
    assert_eq!(sent.status, StatusCode::OK);
    assert_eq!(
        world.phase(call).await,
        "approve",
        "a button that asks why decides nothing"
    );
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let sent = world
        .send(&World::submit("U0BOB", &view, &[("reason", json!("  "))]))
        .await;
    assert_eq!(sent.body["response_action"], "errors");
    assert!(sent.body["errors"]["reason"].is_string());
    let sent = world
        .send(&World::submit(
            "U0BOB",
            &view,
            &[("reason", json!("wrong *customer*"))],
        ))
        .await;
    assert_eq!((sent.status, sent.body), (StatusCode::OK, Value::Null));
    assert_eq!(world.phase(call).await, "closed");
    world.fake.asked("chat.update", 1).await;
    let text = words(&world.fake.messages()[0].body);
    assert!(
        text.contains("Rejected by bob: “wrong *customer*”. It never ran."),
        "{text}"
    );
    // Whom it does not concern is told that there is nothing, before they write.
    let (_, other) = world.to_approve(&paid()).await;
    let card = world.posted(other).await;
    world
        .send(&World::press("U0MALLORY", "reject", other, &card))
        .await;
    let told = world.fake.asked("chat.postEphemeral", 1).await;
    assert!(words(&told).contains("not asked any more"), "{told}");
    assert_eq!(world.fake.calls("views.open").len(), 1);
}

#[tokio::test]
async fn a_form_asks_for_fields_and_says_what_is_wrong_with_them() {
    let world = World::new().await;
    let (call, id) = world.propose("file_it", &json!({"summary": "it smokes"})).await;
    let card = world.posted(id).await;
    assert_eq!(
        buttons(&world.fake.messages()[0].body),
        ["fill", "reject", "console"]
    );
    world.send(&World::press("U0ALICE", "fill", id, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let inputs: Vec<&Value> = view["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["type"] == "input")
        .collect();
    let kinds: Vec<_> = inputs
        .iter()
        .map(|it| {
            (
                it["block_id"].as_str().unwrap(),
                it["element"]["type"].as_str().unwrap(),
                &it["optional"],
            )
        })
        .collect();
    let no = json!(false);
    assert_eq!(
        kinds,
        [
            ("v.severity", "static_select", &no),
            ("v.hours", "number_input", &no),
            ("v.urgent", "static_select", &no),
            ("v.note", "plain_text_input", &json!(true)),
        ]
    );
    let options = inputs[0]["element"]["options"].as_array().unwrap();
    let high = options.iter().find(|it| it["text"]["text"] == "high").unwrap()["value"].clone();
    let filled = |hours: &str| {
        let submitted = [("v.hours", json!(hours)), ("v.note", Value::Null)];
        let mut submitted = World::submit("U0ALICE", &view, &submitted);
        let values = &mut submitted["view"]["state"]["values"];
        for (block, option) in [("v.severity", high.clone()), ("v.urgent", json!("0"))] {
            values[block] = json!({"value": {"type": "static_select", "selected_option": {"value": option}}});
        }
        submitted
    };
    for wrong in ["many", "256", "-1", "1.5"] {
        let sent = world.send(&filled(wrong)).await;
        assert_eq!(sent.body["response_action"], "errors", "{wrong}");
        assert!(
            sent.body["errors"]["v.hours"].is_string(),
            "{wrong}: {}",
            sent.body
        );
    }
    assert_eq!(world.phase(call).await, "input");
    let sent = world.send(&filled("3")).await;
    assert_eq!((sent.status, sent.body), (StatusCode::OK, Value::Null));
    let call = world.shared.engine().desk().call(call).await.unwrap();
    let expected = json!({"summary": "it smokes", "severity": "high", "hours": 3, "urgent": true});
    assert_eq!(call.arguments().value(), expected);
}

#[tokio::test]
async fn a_form_holds_what_the_model_proposes_and_what_was_left_alone_stays() {
    let world = World::new().await;
    let proposed = json!({"room": "north", "seats": 4, "hot": null});
    let (call, id) = world.propose("book_room", &proposed).await;
    let card = world.posted(id).await;
    world.send(&World::press("U0ALICE", "fill", id, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let element = |place: usize| view["blocks"][place]["element"].clone();
    assert_eq!(
        (&element(1)["initial_value"], &element(2)["initial_value"]),
        (&json!("north"), &json!("4"))
    );
    let values = [
        ("v.room", json!("south")),
        ("v.seats", json!("4")),
        ("v.hot", Value::Null),
    ];
    let sent = world.send(&World::submit("U0ALICE", &view, &values)).await;
    assert_eq!((sent.status, sent.body), (StatusCode::OK, Value::Null));
    let call = world.shared.engine().desk().call(call).await.unwrap();
    assert_eq!(
        call.arguments().value(),
        json!({"room": "south", "seats": 4, "hot": null})
    );
}

#[tokio::test]
async fn what_slack_cannot_ask_exactly_is_asked_in_the_console() {
    let world = World::new().await;
    for (tool, arguments) in [
        ("invite", json!({"to": "lunch"})),
        ("book_room", json!({"room": "x".repeat(3001), "seats": 4})),
        ("book_room", json!({"room": "north\u{202e}", "seats": 4})),
        ("book_room", json!({"room": "", "seats": 4})),
    ] {
        let (_, id) = world.propose(tool, &arguments).await;
        let card = world.posted(id).await;
        world.send(&World::press("U0ALICE", "fill", id, &card)).await;
    }
    world.fake.asked("chat.postEphemeral", 4).await;
    for told in world.fake.calls("chat.postEphemeral") {
        assert!(words(&told).contains("in the console"), "{told}");
    }
    assert!(world.fake.calls("views.open").is_empty());
}

#[tokio::test]
async fn a_secret_is_not_typed_into_slack() {
    let world = World::new().await;
    let (_, id) = world.propose("open_safe", &json!({"room": "12"})).await;
    let card = world.posted(id).await;
    world.send(&World::press("U0ALICE", "fill", id, &card)).await;
    let told = world.fake.asked("chat.postEphemeral", 1).await;
    assert!(words(&told).contains("in the console") && world.fake.calls("views.open").is_empty());
    assert_eq!(told["user"], "U0ALICE");
    let page = told["blocks"][1]["elements"][0]["url"].as_str().unwrap();
    assert_eq!(page, format!("https://ops.test/calls/{}", id.call()));
}

#[tokio::test]
async fn nobody_says_yes_to_what_is_not_shown() {
    let world = World::new().await;
    let long = json!({"to": "x".repeat(3500), "cents": 1});
    let (call, id) = world.to_approve(&long).await;
    let card = world.posted(id).await;
    let shown = world.fake.messages().remove(0).body;
    assert_eq!(buttons(&shown), ["reject", "console"]);
    assert!(
        words(&shown).contains("2 values not shown here"),
        "{}",
        words(&shown)
    );
    // Not even with a button that was never there.
    world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "approve");
    let told = world.fake.asked("chat.postEphemeral", 1).await;
    assert!(words(&told).contains("not shown here"), "{told}");
    let last = world.log(world.size().await - 1).await.remove(0);
    assert_eq!(
        (&last["refusal"], &last["actor"]["id"]),
        (&json!("not_shown"), &json!("bob"))
    );
}

#[tokio::test]
async fn what_hides_is_written_out() {
    let world = World::new().await;
    let (_, id) = world
        .to_approve(&json!({"to": "<!channel> \u{202e}10\nto: bob", "cents": 1}))
        .await;
    world.posted(id).await;
    let text = words(&world.fake.messages()[0].body);
    assert!(
        text.contains("to: \"\\u003c!channel\\u003e \\u202e10\\nto: bob\"\ncents: 1"),
        "{text}"
    );
}

#[tokio::test]
async fn two_users_of_one_person_are_one_voter() {
    let world = World::new().await;
    world.link("U0BOB2", "bob").await;
    world.link("U0ALICE2", "alice").await;
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    // Alice asked for it, by whatever name.
    world.send(&World::press("U0ALICE2", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "approve");
    assert_eq!(
        world.log(world.size().await - 1).await[0]["refusal"],
        "self_approval"
    );
    world.send(&World::press("U0BOB2", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "cleared");
    // Where two must agree, bob is one of them.
    world.link("U0CAROL", "carol").await;
    let (call, id) = world.propose("wire_it", &paid()).await;
    let card = world.posted(id).await;
    world.send(&World::press("U0BOB2", "approve", id, &card)).await;
    let size = world.size().await;
    world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!(world.size().await, size, "the same person said the same again");
    assert_eq!(world.phase(call).await, "approve");
    world.send(&World::press("U0CAROL", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "cleared");
}

#[tokio::test]
async fn who_is_not_linked_any_more_decides_nothing() {
    let world = World::new().await;
    let ada = countersign::Identity::asserted("ada").unwrap();
    let (call, id) = world.to_approve(&paid()).await;
    let card = world.posted(id).await;
    world.links().unlink(&ada, &here("U0BOB")).await.unwrap();
    world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "approve");
    assert_eq!(world.log(world.size().await - 1).await[0]["refusal"], "unlinked");
}
