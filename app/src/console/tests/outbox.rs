//! The outbox: who sees it, and who sends again.

use axum::http::StatusCode;
use countersign::NoticeKind;

use super::world::{EVIL, World};
use crate::outbox::Delivery;

/// A notice to nobody here, given up.
async fn dead(world: &World) -> String {
    let call = world.to_approve("billing").await;
    let (engine, asked) = (world.shared.engine(), world.asked(call).await);
    let to = format!("mailto:{EVIL}@example.com");
    let mut delivery = Delivery::new(engine.tenant(), NoticeKind::Asked, asked, to, 1, engine.now());
    delivery.kept.tries = 3;
    delivery.kept.why = Some(format!("550 {EVIL}"));
    delivery.lie_dead(engine).await;
    delivery.id
}

#[tokio::test]
async fn what_was_given_up_is_shown_first_and_sent_again_by_those_who_may_on_record() {
    let world = World::new().await;
    let (alice, bob, olivia) = (
        world.cookie("alice").await,
        world.cookie("bob").await,
        world.cookie("olivia").await,
    );
    let id = dead(&world).await;
    let again = format!("/outbox/{id}/again");
    let size = world.size().await;
    for cookie in [&alice, &bob] {
        assert_eq!(world.get("/outbox", cookie).await.0, StatusCode::FORBIDDEN);
        assert_eq!(world.post(&again, cookie, "").await.0, StatusCode::FORBIDDEN);
        assert!(!world.get("/", cookie).await.2.contains("/outbox"));
    }
    let (status, _, page) = world.get("/outbox", &olivia).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains(&again) && page.contains("3 attempts"), "{page}");
    assert!(!page.contains("<script>") && !page.contains('\u{202e}'), "{page}");
    // No link sends it.
    assert_eq!(world.get(&again, &olivia).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.size().await, size);
    let (status, location, _) = world.post(&again, &olivia, "").await;
    assert_eq!(
        (status, location.as_str()),
        (StatusCode::SEE_OTHER, "/outbox?state=due&did=again")
    );
    assert_eq!(world.size().await, size + 1);
    let engine = world.shared.engine();
    let entries = engine
        .store()
        .entries(engine.tenant(), None, size, 9)
        .await
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&entries[0].text).unwrap();
    assert_eq!(
        (&said["kind"], &said["actor"]["id"], &said["notice"]["id"]),
        (&"notice.sent_again".into(), &"olivia".into(), &id.as_str().into())
    );
    assert!(!entries[0].text.contains("example.com"), "{}", entries[0].text);
    let (_, _, page) = world.get(&location, &olivia).await;
    assert!(
        page.contains("It is sent again") && page.contains("next at"),
        "{page}"
    );
    // Twice is once.
    assert_eq!(world.post(&again, &olivia, "").await.0, StatusCode::CONFLICT);
    assert_eq!(world.size().await, size + 1);
}
