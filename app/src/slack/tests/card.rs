//! What a card shows, and what it lets people do.

use serde_json::{Value, json};

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
