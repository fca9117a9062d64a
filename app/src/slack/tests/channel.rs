//! Cards, carried by the outbox: one for each requirement and place, whatever is lost on the way.

use std::time::Duration;

use countersign::NoticeKind;
use countersign::prelude::*;
use serde_json::{Value, json};

use super::fake::{Failure, OPS};
use super::world::{World, buttons, words};
use crate::outbox::Fault;

fn paid() -> Value {
    json!({"to": "acme", "cents": 1200})
}

async fn decide(world: &World, decision: Decision, by: &str) {
    let by = Identity::asserted(by).unwrap();
    let decided = world
        .shared
        .engine()
        .desk()
        .decide(decision.by(&by))
        .await
        .unwrap();
    assert_eq!(decided.answer, countersign::Answer::Accepted);
}

#[tokio::test]
async fn the_whole_story_of_a_call_is_told_on_its_cards() {
    let world = World::new().await;
    let (call, asked) = world.propose("pay_out", &paid()).await;
    world.look().await;
    // Alice is asked where she is.
    let card = world.cards("D0ALICE").remove(0);
    assert!(words(&card).contains("waits for your confirmation"));
    assert_eq!(
        card["metadata"]["event_payload"]["requirement"],
        asked.to_string()
    );
    assert_eq!(world.cards(OPS), Vec::<Value>::new());
    decide(
        &world,
        Decision::new(asked, countersign::Verdict::Confirm),
        "alice",
    )
    .await;
    world.look().await;
    assert!(words(&world.cards("D0ALICE")[0]).contains("not asked any more"));
    let card = world.cards(OPS).remove(0);
    assert_eq!(buttons(&card), ["approve", "reject", "console"]);
    // Decided elsewhere.
    let asked = world.asked(call).await.unwrap();
    decide(
        &world,
        Decision::new(asked, countersign::Verdict::Reject).reason("twice"),
        "carol",
    )
    .await;
    world.look().await;
    let card = world.cards(OPS).remove(0);
    assert!(
        words(&card).contains("Rejected by carol: “twice”. It never ran."),
        "{}",
        words(&card)
    );
    assert_eq!(buttons(&card), ["console"]);
    assert_eq!(world.fake.messages().len(), 2, "one card in each place");
    world.look().await;
    assert_eq!(world.fake.calls("chat.postMessage").len(), 2);
}

#[tokio::test]
async fn a_card_whose_answer_is_lost_is_found_again() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    world.fake.fail("chat.postMessage", Failure::Forgets);
    world.look().await;
    assert_eq!(world.fake.messages().len(), 1);
    world.clock.advance(Duration::from_mins(1));
    world.look().await;
    let posts = world.fake.calls("chat.postMessage");
    assert_eq!(
        (posts.len(), world.fake.messages().len()),
        (1, 1),
        "it is not posted twice"
    );
    let asked = world.fake.calls("conversations.history").remove(0);
    assert_eq!(
        (&asked["channel"], &asked["include_all_metadata"]),
        (&json!(OPS), &json!("true"))
    );
    // And it is the card that is written from then on.
    decide(
        &world,
        Decision::new(id, countersign::Verdict::Reject).reason("no"),
        "bob",
    )
    .await;
    world.look().await;
    assert!(words(&world.cards(OPS)[0]).contains("Rejected by bob"));
}

#[tokio::test]
async fn a_card_that_was_never_written_is_written() {
    let world = World::new().await;
    world.to_approve(&paid()).await;
    for failure in [
        Failure::Refuses("not_in_channel"),
        Failure::Busy(90),
        Failure::Refuses("internal_error"),
    ] {
        world.fake.fail("chat.postMessage", failure);
        world.look().await;
        assert!(world.fake.messages().is_empty());
        world.clock.advance(Duration::from_mins(30));
    }
    // Not even where nobody lets us look.
    world
        .fake
        .fail("conversations.history", Failure::Refuses("missing_scope"));
    world.look().await;
    assert_eq!(world.cards(OPS).len(), 1);
}

#[tokio::test]
async fn slack_says_when_and_whether_to_try_again() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    let show = |place| world.slack.show(id, place, NoticeKind::Asked);
    let failing = |failure| {
        world.fake.fail("chat.postMessage", failure);
        show("#ops")
    };
    let Err(Fault::Down { after, .. }) = failing(Failure::Busy(90)).await else {
        panic!("it is too early")
    };
    assert_eq!(after, Some(Duration::from_secs(90)));
    // Somebody can mend that; a word that nobody knows may be such a one.
    for word in [
        "account_inactive",
        "channel_not_found",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "not_in_channel",
        "token_revoked",
    ] {
        let fault = failing(Failure::Refuses(word)).await;
        assert!(
            matches!(&fault, Err(Fault::Down { why, .. }) if why.contains(word)),
            "{fault:?}"
        );
    }
    for word in ["restricted_action", "a_word_of_tomorrow"] {
        let fault = failing(Failure::Refuses(word)).await;
        assert!(
            matches!(&fault, Err(Fault::Later { why, .. }) if why.contains(word)),
            "{fault:?}"
        );
    }
    for status in [400, 401, 403, 404, 302] {
        let fault = failing(Failure::Status(status)).await;
        assert!(
            matches!(&fault, Err(Fault::Later { why, .. }) if why.contains(&status.to_string())),
            "{fault:?}"
        );
    }
    assert!(matches!(show("#nowhere").await, Err(Fault::Later { why, .. }) if why.contains("#nowhere")));
    // Nobody can mend a card that is none.
    for word in ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"] {
        if word.starts_with("msg") {
            // Nor one that is too long without its arguments.
            world.fake.fail("chat.postMessage", Failure::Refuses(word));
        }
        let fault = failing(Failure::Refuses(word)).await;
        assert!(
            matches!(&fault, Err(Fault::Never { why }) if why.contains(word)),
            "{fault:?}"
        );
    }
    assert_eq!(
        world.fake.calls("conversations.history"),
        Vec::<Value>::new(),
        "each time it was known that there is none"
    );
    // Where nobody knows, it is looked for; and where nobody answers, nothing else is tried.
    for status in [500, 502, 503] {
        let fault = failing(Failure::Status(status)).await;
        assert!(
            matches!(&fault, Err(Fault::Down { why, .. }) if why.contains(&status.to_string())),
            "{fault:?}"
        );
        world.clock.advance(Duration::from_mins(1));
    }
    assert_eq!(world.fake.calls("conversations.history").len(), 2);
    let fault = failing(Failure::Refuses("internal_error")).await;
    assert!(matches!(fault, Err(Fault::Later { .. })), "{fault:?}");
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(show("#ops").await, Ok(()));
    let fault = {
        world.fake.fail("chat.update", Failure::Status(504));
        show("#ops").await
    };
    assert!(matches!(fault, Err(Fault::Down { .. })), "{fault:?}");
}

#[tokio::test]
async fn a_place_that_is_down_costs_one_attempt() {
    for failure in [
        Failure::Busy(90),
        Failure::Status(503),
        Failure::Refuses("not_in_channel"),
    ] {
        let world = World::new().await;
        for _ in 0..4 {
            world.to_approve(&paid()).await;
        }
        world.fake.fail("chat.postMessage", failure.clone());
        world.look().await;
        let posts = || world.fake.calls("chat.postMessage").len();
        assert_eq!((posts(), world.cards(OPS).len()), (1, 0), "{failure:?}");
        world.look().await;
        assert_eq!(posts(), 1, "{failure:?}");
        world.clock.advance(Duration::from_secs(91));
        world.look().await;
        assert_eq!((posts(), world.cards(OPS).len()), (5, 4), "{failure:?}");
    }
    // One card that is refused by itself keeps no other waiting.
    let world = World::new().await;
    for _ in 0..4 {
        world.to_approve(&paid()).await;
    }
    world
        .fake
        .fail("chat.postMessage", Failure::Refuses("a_word_of_tomorrow"));
    world.look().await;
    assert_eq!(world.cards(OPS).len(), 3);
}

#[tokio::test]
async fn two_processes_post_one_card() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    let (one, other) = (world.slack.clone(), world.another());
    world.fake.fail("chat.postMessage", Failure::Hangs);
    let posting = tokio::spawn(async move { one.show(id, "#ops", NoticeKind::Asked).await });
    world.fake.asked("chat.postMessage", 1).await;
    world.clock.advance(Duration::from_secs(20));
    let Err(Fault::Later { after, .. }) = other.show(id, "#ops", NoticeKind::Decided).await else {
        panic!("another process is at it")
    };
    assert_eq!(after, Some(Duration::from_secs(40)));
    assert_eq!(world.fake.calls("conversations.history"), Vec::<Value>::new());
    // Once it must be dead or done, what it did is looked for.
    posting.abort();
    world.clock.advance(Duration::from_secs(40));
    assert_eq!(other.show(id, "#ops", NoticeKind::Decided).await, Ok(()));
    assert_eq!(
        (
            world.fake.messages().len(),
            world.fake.calls("chat.postMessage").len(),
            world.fake.calls("chat.update").len()
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn slack_is_asked_once_in_a_while_which_channel_has_a_name() {
    let world = World::new().await;
    let lists = || world.fake.calls("conversations.list").len();
    for _ in 0..3 {
        world.to_approve(&paid()).await;
    }
    world.look().await;
    assert_eq!((world.cards(OPS).len(), lists()), (3, 2), "it has two pages");
    world.clock.advance(Duration::from_secs(599));
    world.to_approve(&paid()).await;
    world.look().await;
    assert_eq!((world.cards(OPS).len(), lists()), (4, 2));
    world.clock.advance(Duration::from_secs(1));
    world.to_approve(&paid()).await;
    world.look().await;
    assert_eq!((world.cards(OPS).len(), lists()), (5, 4));
}

#[tokio::test]
async fn a_card_that_somebody_deleted_is_written_again_while_it_is_asked() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    world.look().await;
    world.fake.forget_messages();
    world.slack.show(id, "#ops", NoticeKind::Decided).await.unwrap();
    assert_eq!(world.cards(OPS).len(), 1);
    world.fake.forget_messages();
    decide(
        &world,
        Decision::new(id, countersign::Verdict::Reject).reason("no"),
        "bob",
    )
    .await;
    world.look().await;
    assert_eq!(world.cards(OPS).len(), 0, "nobody needs a card of what is over");
}

#[tokio::test]
async fn what_is_over_before_it_was_shown_is_not_shown() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    world.fake.fail("conversations.list", Failure::Busy(1));
    world.look().await;
    decide(
        &world,
        Decision::new(id, countersign::Verdict::Reject).reason("no"),
        "bob",
    )
    .await;
    world.clock.advance(Duration::from_mins(1));
    world.look().await;
    world.look().await;
    assert!(world.fake.messages().is_empty());
}

#[tokio::test]
async fn people_are_reminded_beside_the_card_and_others_get_one() {
    let world = World::new().await;
    let (_, id) = world.to_approve(&paid()).await;
    world.look().await;
    world.clock.advance(Duration::from_hours(25));
    world.shared.engine().worker().sweep().await.unwrap();
    world.look().await;
    let threads = || {
        let posts = world.fake.calls("chat.postMessage").into_iter();
        posts
            .filter(|it| it.get("thread_ts").is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(threads().len(), 1);
    assert_eq!(
        threads()[0]["text"],
        "pay_out: Nobody has answered; others are told."
    );
    assert_eq!(
        buttons(&world.cards("C0BOSS")[0]),
        ["approve", "reject", "console"]
    );
    assert!(
        words(&world.cards(OPS)[0]).contains("Escalated"),
        "{}",
        words(&world.cards(OPS)[0])
    );
    // Told again by another process, say.
    world.slack.show(id, "#ops", NoticeKind::Escalated).await.unwrap();
    assert_eq!(threads().len(), 1);
    world.clock.advance(Duration::from_hours(24 * 5));
    world.shared.engine().worker().sweep().await.unwrap();
    world.look().await;
    assert_eq!(threads().len(), 3, "of the warning, in both places");
    world.clock.advance(Duration::from_hours(24 * 5));
    world.shared.engine().worker().sweep().await.unwrap();
    world.look().await;
    for channel in [OPS, "C0BOSS"] {
        assert!(words(&world.cards(channel)[0]).contains("Expired"));
    }
}

#[tokio::test]
async fn a_change_makes_a_new_card_and_the_old_one_says_so() {
    let world = World::new().await;
    let (call, old) = world.propose("pay_out", &paid()).await;
    world.look().await;
    let amended = countersign::Verdict::Amend(json!({"to": "acme", "cents": 99}));
    decide(&world, Decision::new(old, amended), "alice").await;
    world.look().await;
    let cards = world.cards("D0ALICE");
    assert_eq!(
        (buttons(&cards[0]), buttons(&cards[1])),
        (
            vec!["console".to_owned()],
            vec!["confirm".to_owned(), "reject".to_owned(), "console".to_owned(),]
        )
    );
    let asked = world.asked(call).await.unwrap();
    assert_eq!(
        cards[1]["metadata"]["event_payload"]["requirement"],
        asked.to_string()
    );
}
