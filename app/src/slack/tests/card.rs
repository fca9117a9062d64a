//! What a card shows, and what it lets people do.

use countersign::NoticeKind;
use serde_json::{Value, json};

use super::fake::Failure;
use super::world::{World, buttons, words};

/// A rule that asks nothing new, with a name of this length.
fn rule(name: &str) -> String {
    format!("[[rules]]\nname = '{name}'\ntool = 'pay_*'\napprovals = [{{ pool = 'managers' }}]")
}

fn paid() -> Value {
    json!({"to": "acme", "cents": 1200})
}

#[tokio::test]
async fn why_a_call_waits_is_shown_whole_or_nobody_says_yes_there() {
    for (name, is_whole) in [
        ("x".repeat(1750), true),
        // Between what is shown and what Slack takes.
        ("x".repeat(1850), false),
        ("x".repeat(1950), false),
        ("&".repeat(340), true),
        ("&".repeat(380), false),
    ] {
        let world = World::with(&rule(&name)).await;
        let (call, id) = world.to_approve(&paid()).await;
        let card = world.posted(id).await;
        let shown = world.fake.messages().remove(0).body;
        assert_eq!(words(&shown).contains(&name), is_whole, "{}", name.len());
        assert_eq!(buttons(&shown).contains(&"approve".to_owned()), is_whole);
        world.send(&World::press("U0BOB", "approve", id, &card)).await;
        assert_eq!(world.phase(call).await == "cleared", is_whole, "{}", name.len());
    }
}

#[tokio::test]
async fn the_largest_card_is_one_that_slack_takes() {
    let policy = (0..200).fold(rule(&"x".repeat(1700)), |policy, it| {
        format!("{policy}\n[actors.manager-{it}-of-a-large-company]\nkind = 'person'\nroles = ['manager']")
    });
    let text = ["\"", "&", "x", "\u{1f600}", "\\"].concat();
    for text in [text.repeat(100), "x".repeat(300), "\"".repeat(120)] {
        let arguments = json!({"to": "acme", "lines": vec![text; 40]});
        let world = World::with(&policy).await;
        let (_, id) = world.propose("pay_many", &arguments).await;
        world.posted(id).await;
        let shown = world.fake.messages().remove(0).body;
        assert_eq!(buttons(&shown), ["reject", "console"]);
        assert!(words(&shown).contains("values not shown here"), "{shown}");
    }
}

#[tokio::test]
async fn there_is_no_form_where_slack_cannot_ask() {
    let world = World::new().await;
    for (tool, arguments) in [
        ("invite", json!({"to": "lunch"})),
        ("open_safe", json!({"room": "12"})),
        ("book_room", json!({"room": "north\u{202e}", "seats": 4})),
        ("book_room", json!({"room": "", "seats": 4})),
    ] {
        let (_, id) = world.propose(tool, &arguments).await;
        world.posted(id).await;
        let shown = world.fake.messages().pop().unwrap().body;
        assert_eq!(buttons(&shown), ["reject", "console"], "{tool}");
        assert!(words(&shown).contains("fill it in in the console"), "{shown}");
    }
}

#[tokio::test]
async fn nobody_fills_in_what_is_not_shown() {
    let world = World::new().await;
    let (_, short) = world.propose("file_it", &json!({"summary": "it smokes"})).await;
    let card = world.posted(short).await;
    world.send(&World::press("U0ALICE", "fill", short, &card)).await;
    let view = world.fake.asked("views.open", 1).await["view"].clone();
    let (call, id) = world
        .propose("file_it", &json!({"summary": "x".repeat(3500)}))
        .await;
    let card = world.posted(id).await;
    let shown = world.fake.messages().pop().unwrap().body;
    assert_eq!(buttons(&shown), ["reject", "console"]);
    // Neither with a button nor with a form that were never there.
    world.send(&World::press("U0ALICE", "fill", id, &card)).await;
    let told = world.fake.asked("chat.postEphemeral", 1).await;
    assert!(words(&told).contains("not shown here"), "{told}");
    assert_eq!(world.fake.calls("views.open").len(), 1);
    let mut forged = view.clone();
    let about = view["private_metadata"].as_str().unwrap();
    forged["private_metadata"] = about.replace(&short.to_string(), &id.to_string()).into();
    let filled = |view: &Value| {
        let mut submitted = World::submit(
            "U0ALICE",
            view,
            &[("v.hours", json!("3")), ("v.note", Value::Null)],
        );
        for block in ["v.severity", "v.urgent"] {
            submitted["view"]["state"]["values"][block] =
                json!({"value": {"type": "static_select", "selected_option": {"value": "0"}}});
        }
        submitted
    };
    let sent = world.send(&filled(&forged)).await;
    assert_eq!(sent.body["response_action"], "update", "{}", sent.body);
    assert_eq!(world.phase(call).await, "input");
    for entry in world.log(world.size().await - 2).await {
        assert_eq!(
            (&entry["refusal"], &entry["actor"]["id"]),
            (&json!("not_shown"), &json!("alice"))
        );
    }
    // The other one can be.
    assert_eq!(world.send(&filled(&view)).await.body, Value::Null);
    assert_ne!(world.phase(short.call()).await, "input");
}

#[tokio::test]
async fn who_is_asked_again_is_told_why() {
    let world = World::new().await;
    let (call, id) = world.to_approve(&paid()).await;
    world.look().await;
    let posts = || world.fake.calls("chat.postMessage");
    assert_eq!(posts().len(), 1);
    let card = json!({"type": "message", "channel_id": "C0OPS", "message_ts": world.fake.messages()[0].ts});
    world.send(&World::press("U0BOB", "approve", id, &card)).await;
    assert_eq!(world.phase(call).await, "cleared");
    world.look().await;
    world.roles("bob", &[]).await;
    world.shared.session().settle(call).await.unwrap();
    assert_eq!(world.phase(call).await, "approve");
    world.look().await;
    let again = "Asked again: bob had approved it and was not allowed to any more";
    let shown = world.cards("C0OPS").remove(0);
    assert!(words(&shown).contains(again), "{}", words(&shown));
    assert_eq!(buttons(&shown), ["approve", "reject", "console"]);
    // Nobody is notified of a message that changes: it is said below it, once.
    assert_eq!(posts().len(), 2);
    assert!(posts()[1]["text"].as_str().unwrap().contains(again));
    assert_eq!(posts()[1]["thread_ts"], card["message_ts"]);
    world.slack.show(id, "#ops", NoticeKind::Asked).await.unwrap();
    assert_eq!(posts().len(), 2);
    // Nor is it said of another call.
    let (_, other) = world.to_approve(&paid()).await;
    world.look().await;
    assert!(
        !words(&world.cards("C0OPS")[1]).contains("Asked again"),
        "{other}"
    );
    assert_eq!(posts().len(), 3);
}

#[tokio::test]
async fn what_slack_finds_too_long_is_told_without_its_arguments() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    for (method, word) in [
        ("chat.postMessage", "msg_blocks_too_long"),
        ("chat.update", "msg_too_long"),
    ] {
        world.fake.fail(method, Failure::Refuses(word));
        world.slack.show(id, "#ops", NoticeKind::Asked).await.unwrap();
        let shown = world.cards("C0OPS").remove(0);
        assert_eq!(buttons(&shown), ["reject", "console"]);
        let text = words(&shown);
        assert!(
            text.contains("2 values not shown here") && !text.contains("acme"),
            "{text}"
        );
    }
    world.slack.show(id, "#ops", NoticeKind::Asked).await.unwrap();
    assert_eq!(
        buttons(&world.cards("C0OPS")[0]),
        ["approve", "reject", "console"]
    );
}
