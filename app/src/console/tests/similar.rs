//! What was decided before, beside what is asked now.

use axum::http::StatusCode;
use countersign::CallId;

use super::world::World;

/// Somebody decides a call of somebody that waits for the managers.
async fn settled(world: &World, by: &str, service: &str, verb: &str, reason: &str) -> CallId {
    let arguments = serde_json::json!({ "service": service }).to_string();
    let call = world.propose(by, "deploy_it", &arguments).await;
    for (who, verb, reason) in [(by, "confirm", ""), ("bob", verb, reason)] {
        let (asked, cookie) = (world.asked(call).await, world.cookie(who).await);
        let place = format!("/requests/{asked}/{verb}");
        let (status, _, page) = world
            .post(&place, &cookie, &format!("all=1&reason={reason}"))
            .await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    }
    call
}

/// The part of a page that tells of other calls, and where it stands.
fn part(page: &str) -> (usize, &str) {
    let Some(start) = page.find("id=\"similar\"") else {
        return (0, "");
    };
    let end = page[start..].find("</section>").unwrap();
    (start, &page[start..start + end])
}

#[tokio::test]
async fn a_request_tells_what_was_decided_the_most_alike_first() {
    let world = World::new().await;
    let same = settled(&world, "alice", "billing", "approve", "ticket+81").await;
    let other = settled(&world, "alice", "mail", "reject", "not+today").await;
    // Undecided, withdrawn by whoever asked, of another tool: none of these.
    let waits = world.to_approve("waits").await;
    let call = world.to_approve("billing").await;
    let (asked, bob) = (world.asked(call).await, world.cookie("bob").await);
    let (_, _, page) = world.get(&format!("/requests/{asked}"), &bob).await;
    let (at, told) = part(&page);
    // Below what exactly is to run.
    assert!(page.find("id=\"arguments\"").unwrap() < at && page.find("class=\"values\"").unwrap() < at);
    let places: Vec<_> = [same, other]
        .iter()
        .map(|it| told.find(&it.to_string()))
        .collect();
    assert!(places[0].is_some() && places[0] < places[1], "{told}");
    assert!(
        told.contains("same arguments") && told.contains("asked for the same reason"),
        "{told}"
    );
    assert!(
        told.contains("approved by bob for managers: “ticket 81”"),
        "{told}"
    );
    assert!(told.contains("rejected by bob: “not today”"), "{told}");
    assert!(told.contains("<del>mail</del><ins>billing</ins>"), "{told}");
    assert!(told.contains(">1 difference, from then to now<"), "{told}");
    assert!(
        !told.contains(&waits.to_string()) && !told.contains(&call.to_string()),
        "{told}"
    );
    // Nothing in it can be sent, and no decision is made out for anybody.
    assert!(
        !told.contains("<form") && !told.contains("<input") && !told.contains("checked"),
        "{told}"
    );
    // Where nothing is decided any more, nothing is told.
    let (_, _, page) = world.get(&format!("/calls/{same}"), &bob).await;
    assert_eq!(part(&page).1, "");
}

#[tokio::test]
async fn decisions_about_what_one_may_not_see_are_not_told() {
    let world = World::new().await;
    let hers = settled(&world, "mallory", "billing", "reject", "hers").await;
    let his = settled(&world, "alice", "billing", "reject", "his").await;
    let call = world.to_approve("billing").await;
    for (who, sees) in [
        ("alice", [false, true]),
        ("bob", [true, true]),
        ("olivia", [true, true]),
    ] {
        let (_, _, page) = world
            .get(&format!("/calls/{call}"), &world.cookie(who).await)
            .await;
        let told = part(&page).1;
        for (it, sees) in [hers, his].iter().zip(sees) {
            assert_eq!(told.contains(&it.to_string()), sees, "{who}: {told}");
        }
        assert_eq!(told.contains("“hers”"), sees[0], "{who}: {told}");
    }
}

#[tokio::test]
async fn at_most_five_are_told_and_long_ones_only_named() {
    let world = World::new().await;
    for service in ["a", "b", "c", "d", "e", "f"] {
        settled(&world, "alice", service, "reject", "").await;
    }
    let long = "x".repeat(9000);
    let alike = settled(&world, "alice", &long, "reject", "").await;
    let call = world.to_approve("billing").await;
    let (_, _, page) = world
        .get(&format!("/calls/{call}"), &world.cookie("bob").await)
        .await;
    let told = part(&page).1;
    assert_eq!(told.matches("href=\"/calls/").count(), 5, "{told}");
    assert!(
        told.contains("What is different is not shown here.") && !told.contains(&long),
        "{told}"
    );
    assert!(told.contains(&alike.to_string()));
}
