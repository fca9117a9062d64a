//! What looks at what goes in and out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{EventKind, Hook, HookError, Hooked, Message, OnError, Seen, Status, Verdict};
use serde_json::json;

use crate::world::{World, builder, identity};

/// Replaces one word by another, and blocks a third.
struct Words {
    replace: (&'static str, &'static str),
    block: &'static str,
}

#[async_trait]
impl Hook for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        assert!(!seen.text.contains("panic"), "as it was told");
        if seen.text.contains(self.block) {
            return Ok(Verdict::Block {
                reason: "that word".to_owned(),
                masked: Some(seen.text.replace(self.block, "***")),
            });
        }
        Ok(Verdict::Rewrite(
            seen.text.replace(self.replace.0, self.replace.1),
        ))
    }
}

fn words() -> Words {
    Words {
        replace: ("4711", "[card]"),
        block: "swordfish",
    }
}

#[tokio::test]
async fn the_model_sees_what_the_hooks_have_left() {
    let world = World::new().await;
    let model = ScriptedModel::new([Step::say("Your card 4711 is fine.")]);
    let agent = builder(model.clone())
        .pre_hook(words())
        .post_hook(words())
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent
        .run("My card is 4711.")
        .by(&identity("alice"))
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Your card [card] is fine."));
    let heard = model.last_request().unwrap();
    let Message::User { text } = heard.messages[0].as_ref() else {
        panic!()
    };
    assert_eq!(text, "My card is [card].");
    // And nothing else is stored of either.
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(!told.contains("4711"), "{told}");
}

#[tokio::test]
async fn what_is_blocked_goes_no_further_and_is_stored_masked() {
    let world = World::new().await;
    let alice = identity("alice");
    let model = ScriptedModel::new([Step::say("The word is swordfish.")]);
    let agent = builder(model.clone())
        .pre_hook(words())
        .post_hook(words())
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Say swordfish.").by(&alice).session("s").await.unwrap();
    assert_eq!((run.status(), model.asked()), (Status::Failed, 0));
    assert!(run.error().unwrap().contains("that word"), "{run:?}");
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(!told.contains("swordfish") && told.contains("Say ***."), "{told}");
    // The next message of the session knows nothing of it.
    let run = agent.run("Say it.").by(&alice).session("s").await.unwrap();
    assert_eq!((run.status(), run.output()), (Status::Failed, None));
    assert_eq!(model.last_request().unwrap().messages.len(), 1);
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(
        !told.contains("swordfish") && told.contains("The word is ***."),
        "{told}"
    );
}

#[tokio::test]
async fn a_hook_that_panics_blocks_unless_it_may_be_missed() {
    let world = World::new().await;
    let alice = identity("alice");
    let agent = builder(ScriptedModel::new([Step::say("Hello.")]))
        .pre_hook(words())
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Do panic.").by(&alice).await.unwrap();
    assert_eq!(run.status(), Status::Failed);
    let lenient = Hooked::new(words()).on_error(OnError::Allow);
    let agent = builder(ScriptedModel::new([Step::say("Hello.")]))
        .pre_hook(lenient)
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Do panic.").by(&alice).await.unwrap();
    assert_eq!(run.output(), Some("Hello."));
}

#[tokio::test]
async fn tool_hooks_stand_before_the_seal_and_after_the_result_never_between() {
    let world = World::new().await;
    let script = |customer: &str| {
        ScriptedModel::new([
            Step::call("refund", json!({"customer": customer, "cents": 5})),
            Step::say("Done."),
        ])
    };
    let alice = identity("alice");
    let model = script("4711");
    let agent = builder(model.clone())
        .tool_hook(words())
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Refund.").by(&alice).await.unwrap();
    let asked = run.active_requirements()[0].clone();
    // What is shown is what is sealed and what will run.
    assert_eq!(asked.tool_args().as_str(), r#"{"cents":5,"customer":"[card]"}"#);
    // What nobody proposed is not remembered either; and what the model wrote is not stored.
    let remembered = asked.confirm().remember(Remember::any());
    let run = agent
        .continue_run(run.id(), [remembered])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!((run.status(), run.refusals().len()), (Status::Paused, 1));
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(!told.contains("4711"), "{told}");
    let run = agent
        .continue_run(run.id(), [asked.confirm()])
        .by(&alice)
        .await
        .unwrap();
    assert_eq!(run.output(), Some("Done."));
    assert_eq!(world.effects.all(), ["refund [card] 5"]);

    let agent = builder(script("swordfish"))
        .tool_hook(words())
        .build(&world.engine)
        .await
        .unwrap();
    let run = agent.run("Refund.").by(&alice).await.unwrap();
    assert_eq!(run.output(), Some("Done."));
    let told = serde_json::to_string(&agent.events(run.id(), 0).await.unwrap()).unwrap();
    assert!(
        told.contains("blocked the arguments") && !told.contains("swordfish"),
        "{told}"
    );
    assert_eq!(world.effects.all().len(), 1);
}

#[tokio::test]
async fn nobody_hears_words_that_a_hook_may_take_back() {
    let world = World::new().await;
    let alice = identity("alice");
    for (strict, expected) in [(false, "Card 4711."), (true, "")] {
        let mut built = builder(ScriptedModel::new([Step::say("Card 4711.")]));
        if strict {
            built = built.post_hook(words());
        }
        let agent = built.build(&world.engine).await.unwrap();
        let mut running = agent.run("Which?").by(&alice).stream().unwrap();
        let (mut heard, mut numbers) = (String::new(), Vec::new());
        while let Some(event) = running.next().await {
            match event.kind {
                EventKind::ContentDelta { text } => heard.push_str(&text),
                _ => numbers.push(event.number),
            }
        }
        assert_eq!(heard, expected);
        assert_eq!(numbers, [0, 1, 2]);
        let run = running.run().await.unwrap();
        let replayed = agent.events(run.id(), 1).await.unwrap();
        assert_eq!(replayed.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2]);
    }
}

/// Writes down what it sees; fails a number of times first.
#[derive(Clone)]
struct Diary {
    seen: Arc<Mutex<Vec<String>>>,
    fails: Arc<AtomicUsize>,
}

#[async_trait]
impl Hook for Diary {
    fn name(&self) -> &'static str {
        "diary"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        let left = self
            .fails
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        if left.is_ok() {
            return Err("not now".into());
        }
        let place = seen.place.as_str();
        self.seen.lock().unwrap().push(format!("{place}: {}", seen.text));
        Ok(Verdict::block("nobody hears this"))
    }
}

#[tokio::test]
async fn a_background_hook_sees_everything_later_also_in_another_process() {
    let world = World::new().await;
    let diary = Diary {
        seen: Arc::default(),
        fails: Arc::new(AtomicUsize::new(2)),
    };
    let built = || {
        let model = ScriptedModel::new([
            Step::call("look_up", json!({"customer": "A"})),
            Step::say("Good."),
        ]);
        builder(model)
            .pre_hook(diary.clone().in_background())
            .post_hook(diary.clone().in_background())
            .tool_hook(diary.clone().in_background())
    };
    let agent = built().build(&world.engine).await.unwrap();
    let run = agent.run("Who is A?").by(&identity("alice")).await.unwrap();
    assert_eq!(run.output(), Some("Good."));
    assert_eq!(diary.seen.lock().unwrap().len(), 0);
    drop((agent, run));

    let other = world.again().await;
    let agent = built().build(&other.engine).await.unwrap();
    while diary.seen.lock().unwrap().len() < 4 {
        other.clock.advance(std::time::Duration::from_secs(10));
        agent.work().await.unwrap();
    }
    let seen = diary.seen.lock().unwrap().clone();
    for expected in [
        "input: Who is A?",
        "arguments: {\"customer\":\"A\"}",
        "result: \"A is a good customer\"",
        "output: Good.",
    ] {
        assert!(seen.iter().any(|it| it == expected), "{expected}: {seen:?}");
    }
    // Once it has seen it, that was it.
    let before = seen.len();
    other.clock.advance(std::time::Duration::from_hours(1));
    agent.work().await.unwrap();
    assert_eq!(diary.seen.lock().unwrap().len(), before);
}
