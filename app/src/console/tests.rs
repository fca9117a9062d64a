//! The console from outside, request by request: who is turned away, what a GET does, what is text.

mod export;
mod outbox;
mod similar;
mod world;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use countersign::Phase;
use countersign::prelude::*;

use crate::credential::{Kind, New};
use crate::server::COOKIE;

use world::{EVE, EVIL, World, is_open};

#[tokio::test]
async fn who_is_not_signed_in_gets_nowhere() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let size = world.size().await;
    for cookie in [
        "",
        &format!("{COOKIE}=cs_{}_{}", "0".repeat(20), "0".repeat(64)),
        "other=1",
    ] {
        for (place, gets, posts) in world.routes(call).await {
            if is_open(&place) {
                continue;
            }
            for (method, does) in [(Method::GET, gets), (Method::POST, posts)] {
                if does {
                    let same = [("sec-fetch-site", "same-origin")];
                    let (status, location, _) = world.ask(method, &place, cookie, &same, "reason=x").await;
                    assert_eq!(
                        (status, location.as_str()),
                        (StatusCode::SEE_OTHER, "/sign-in"),
                        "{place}"
                    );
                }
            }
        }
    }
    assert_eq!((world.size().await, world.phase(call).await), (size, "approve"));
    // A script is told so, that it can lead the person there.
    let (status, _, _) = world
        .ask(Method::GET, "/", "", &[("hx-request", "true")], "")
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_api_key_is_no_session() {
    let world = World::new().await;
    let bob = Identity::asserted("bob").unwrap();
    let new = New {
        kind: Kind::ApiKey,
        actor: bob.id().clone(),
        roles: None,
        label: None,
        lasts: Duration::from_mins(1),
    };
    let (_, secret) = world
        .shared
        .credentials()
        .create(new, &bob)
        .await
        .unwrap()
        .unwrap();
    let bearer = format!("Bearer {}", secret.reveal());
    let (status, location, _) = world
        .ask(Method::GET, "/", "", &[("authorization", &bearer)], "")
        .await;
    assert_eq!((status, location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"));
    let (status, ..) = world.get("/", &format!("{COOKIE}={}", secret.reveal())).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn no_get_does_anything() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let bob = world.cookie("bob").await;
    let olivia = world.cookie("olivia").await;
    let link = crate::server::link(world.shared.session(), bob_id(), "http://ops.test")
        .await
        .unwrap();
    let (size, version) = (
        world.size().await,
        world.shared.engine().desk().call(call).await.unwrap(),
    );
    for (place, ..) in world.routes(call).await {
        for cookie in [&bob, &olivia] {
            let (status, ..) = world
                .get(&format!("{place}?reason=x&did=approve&all=1"), cookie)
                .await;
            assert!(!status.is_server_error(), "{place}: {status}");
        }
    }
    let token = link.rsplit('/').next().unwrap();
    assert_eq!(
        world.get(&format!("/sign-in/{token}"), "").await.0,
        StatusCode::OK
    );
    let now = world.shared.engine().desk().call(call).await.unwrap();
    assert_eq!((world.size().await, now), (size, version));
    // The link still counts, once.
    let (status, location, _) = world.post("/sign-in", "", &format!("token={token}")).await;
    assert_eq!((status, location.as_str()), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(
        world.post("/sign-in", "", &format!("token={token}")).await.0,
        StatusCode::UNAUTHORIZED
    );
}

fn bob_id() -> &'static countersign::ActorId {
    static BOB: std::sync::LazyLock<countersign::ActorId> =
        std::sync::LazyLock::new(|| "bob".parse().unwrap());
    &BOB
}

#[tokio::test]
async fn a_page_of_another_site_can_post_nothing() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let bob = world.cookie("bob").await;
    let size = world.size().await;
    for (place, _, posts) in world.routes(call).await {
        let foreign: [&[(&str, &str)]; 4] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.test")],
            &[],
        ];
        for headers in foreign.into_iter().filter(|_| posts) {
            let (status, ..) = world.ask(Method::POST, &place, &bob, headers, "").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{place} {headers:?}");
        }
    }
    assert_eq!((world.size().await, world.phase(call).await), (size, "approve"));
}

#[tokio::test]
async fn what_is_not_theirs_does_not_exist() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let (asked, mallory) = (world.asked(call).await, world.cookie("mallory").await);
    let unknown = "call_00000000000000000000000001";
    let (_, _, strange) = world.get(&format!("/calls/{unknown}"), &mallory).await;
    for place in [
        format!("/calls/{call}"),
        format!("/requests/{asked}"),
        format!("/calls/{call}?part=live"),
    ] {
        let (status, _, page) = world.get(&place, &mallory).await;
        // Letter by letter what is said of a call that never was.
        assert_eq!((status, &page), (StatusCode::NOT_FOUND, &strange), "{place}");
    }
    for place in [
        format!("/requests/{asked}/approve"),
        format!("/requests/{asked}/reject"),
        format!("/calls/{call}/cancel"),
    ] {
        assert_eq!(
            world.post(&place, &mallory, "reason=x").await.0,
            StatusCode::NOT_FOUND,
            "{place}"
        );
    }
    for place in ["/", "/?tab=all", "/calls", "/history", "/runs"] {
        let (status, _, page) = world.get(place, &mallory).await;
        assert!(
            status == StatusCode::OK && !page.contains(&call.to_string()),
            "{place}"
        );
    }
    for place in ["/audit", "/people", "/audit/receipts/0"] {
        assert_eq!(
            world.get(place, &mallory).await.0,
            StatusCode::FORBIDDEN,
            "{place}"
        );
    }
    for place in ["/audit/verify", "/audit/checkpoint"] {
        assert_eq!(
            world.post(place, &mallory, "").await.0,
            StatusCode::FORBIDDEN,
            "{place}"
        );
    }
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn nobody_approves_what_they_asked_for_or_as_another() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let (asked, alice) = (world.asked(call).await, world.cookie("alice").await);
    let (_, _, page) = world.get(&format!("/calls/{call}"), &alice).await;
    assert!(!page.contains("/approve\""));
    for body in ["", "actor=bob&by=bob&as=bob&user=bob"] {
        let (status, _, page) = world
            .post(&format!("/requests/{asked}/approve"), &alice, body)
            .await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(page.contains("role=\"status\""));
    }
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn nothing_is_approved_that_was_not_shown() {
    let world = World::new().await;
    let bob = world.cookie("bob").await;
    for service in ["x".repeat(301), format!("billing{}", "\n".repeat(7))] {
        let call = world.to_approve(&service).await;
        let asked = world.asked(call).await;
        let (_, _, page) = world.get(&format!("/requests/{asked}"), &bob).await;
        assert!(
            !page.contains("/approve\"")
                && page.contains("Show everything first")
                && page.contains("/reject\"")
        );
        let (status, ..) = world.post(&format!("/requests/{asked}/approve"), &bob, "").await;
        assert_eq!(
            (status, world.phase(call).await),
            (StatusCode::CONFLICT, "approve")
        );
        let (_, _, page) = world.get(&format!("/requests/{asked}?all=1"), &bob).await;
        assert!(page.contains("/approve\"") && page.contains("name=\"all\""));
        let (status, ..) = world
            .post(&format!("/requests/{asked}/approve"), &bob, "all=1")
            .await;
        assert_eq!(
            (status, world.phase(call).await),
            (StatusCode::SEE_OTHER, "cleared")
        );
    }
}

#[tokio::test]
async fn markup_and_hidden_characters_are_text_on_every_page() {
    let world = World::new().await;
    let call = world.to_approve(EVIL).await;
    let (eve, olivia) = (world.cookie(EVE).await, world.cookie("olivia").await);
    let reason: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    let mine = world
        .propose(
            EVE,
            "deploy_it",
            &serde_json::json!({ "service": EVIL }).to_string(),
        )
        .await;
    let asked = world.asked(mine).await;
    world
        .post(
            &format!("/requests/{asked}/reject"),
            &eve,
            &format!("reason={reason}"),
        )
        .await;
    let parcel = world
        .propose(EVE, "send_parcel", &serde_json::json!({ "to": EVIL }).to_string())
        .await;
    let asked = world.asked(parcel).await;
    let (status, _, page) = world
        .post(
            &format!("/requests/{asked}/fill"),
            &eve,
            &format!("v.size={reason}"),
        )
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("This must be a whole number."));
    world.post("/keys", &eve, &format!("label={reason}")).await;
    let mut pages = vec![("a form with errors".to_owned(), page)];
    let more = [
        "?tab=all",
        "?tool=%3Cscript%3Ealert(1)%3C/script%3E",
        "?did=%3Cscript%3E",
    ];
    for which in [call, mine, parcel] {
        // A file is kept as it was written; it is no page.
        let routes = world
            .routes(call)
            .await
            .into_iter()
            .filter(|it| it.0 != "/history.csv");
        for (place, gets, _) in routes {
            let place = place.replace(&call.to_string(), &which.to_string());
            for cookie in [&eve, &olivia] {
                for query in [""].iter().chain(&more).filter(|_| gets && !is_open(&place)) {
                    let place = format!("{place}{query}");
                    let (_, _, page) = world.get(&place, cookie).await;
                    pages.push((place, page));
                }
            }
        }
    }
    for (place, page) in &pages {
        assert!(
            !page.contains("<script>") && !page.contains("</textarea></title>"),
            "{place}"
        );
        assert!(!page.contains(['\u{202e}', '\u{1b}']), "{place}");
    }
    let at = |start: &str| {
        pages
            .iter()
            .find(|(place, _)| place.starts_with(start))
            .unwrap()
            .1
            .as_str()
    };
    let call_page = at(&format!("/calls/{call}"));
    assert!(
        call_page.contains("RIGHT-TO-LEFT OVERRIDE") && call_page.contains("has hidden characters"),
        "{call_page}"
    );
    let people = pages.iter().filter(|(place, _)| place == "/people");
    assert!(
        people
            .into_iter()
            .any(|(_, page)| page.contains("&lt;script&gt;alert(1)"))
    );
}

#[tokio::test]
async fn approve_and_reject_come_to_one_end() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let (asked, bob, eve) = (
        world.asked(call).await,
        world.cookie("bob").await,
        world.cookie(EVE).await,
    );
    let (approve, reject) = (
        format!("/requests/{asked}/approve"),
        format!("/requests/{asked}/reject"),
    );
    let (one, other) = tokio::join!(
        world.post(&approve, &bob, ""),
        world.post(&reject, &eve, "reason=no")
    );
    for (status, ..) in [&one, &other] {
        assert!(
            [StatusCode::SEE_OTHER, StatusCode::CONFLICT].contains(status),
            "{status}"
        );
    }
    // Cleared and then rejected, or rejected and never approved.
    let settled = world.shared.engine().desk().call(call).await.unwrap();
    assert!(matches!(
        settled.phase(),
        Phase::Cleared { .. } | Phase::Closed { .. }
    ));
    let rejected = matches!(settled.phase(), Phase::Closed { .. });
    assert_eq!(rejected, other.0 == StatusCode::SEE_OTHER);
    // The same said twice counts once; another's link to what is over says how it stands.
    let size = world.size().await;
    let (place, cookie) = if rejected {
        (&reject, &eve)
    } else {
        (&approve, &bob)
    };
    let body = if rejected { "reason=no" } else { "" };
    assert_eq!(world.post(place, cookie, body).await.0, StatusCode::SEE_OTHER);
    assert_eq!(world.size().await, size);
    let (status, _, page) = world.get(&format!("/requests/{asked}"), &bob).await;
    assert!(status == StatusCode::OK && page.contains("was decided, or changed since"));
}

#[tokio::test]
async fn only_an_admin_changes_who_exists() {
    let world = World::new().await;
    let (ada, olivia, mallory) = (
        world.cookie("ada").await,
        world.cookie("olivia").await,
        world.cookie("mallory").await,
    );
    let known = async || {
        let known = world.shared.engine().actors().await.unwrap();
        known
            .into_iter()
            .map(|it| format!("{} {:?}", it.id, it.roles))
            .collect::<Vec<_>>()
    };
    let before = known().await;
    for (cookie, body) in [
        (&mallory, "id=mallory&kind=person&roles=manager"),
        (&olivia, "id=carol&kind=person&roles=manager"),
        (&olivia, "id=bob&remove=1"),
        (&ada, "id=carol&kind=unknown"),
        (&ada, "id=%3C%20%3E&kind=person"),
        (
            &ada,
            "id=carol&kind=person&roles=%3Cscript%3Ealert(1)%3C/script%3E&owner=nobody",
        ),
    ] {
        let (status, _, page) = world.post("/people", cookie, body).await;
        assert!(
            status.is_client_error() && !page.contains("<script>"),
            "{body}: {status}"
        );
        assert_eq!(known().await, before, "{body}");
    }
    let (status, location, _) = world
        .post("/people", &ada, "id=carol&kind=person&roles=manager,lead")
        .await;
    assert_eq!(
        (status, location.as_str()),
        (StatusCode::SEE_OTHER, "/people?did=change")
    );
    assert!(
        known()
            .await
            .iter()
            .any(|it| it.starts_with("carol") && it.contains("lead"))
    );
    let (_, _, page) = world.get("/people", &ada).await;
    assert!(page.contains("carol") && page.contains("Add somebody"));
    let (_, _, page) = world.get("/people", &olivia).await;
    assert!(page.contains("carol") && !page.contains("Add somebody"));
    world.post("/people", &ada, "id=carol&kind=person&remove=1").await;
    assert_eq!(known().await, before);
}

#[tokio::test]
async fn signed_out_is_signed_out() {
    let world = World::new().await;
    let alice = world.cookie("alice").await;
    let (status, location, _) = world.post("/sign-out", &alice, "").await;
    assert_eq!((status, location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"));
    assert_eq!(world.get("/", &alice).await.1, "/sign-in");
}

#[tokio::test]
async fn broken_requests_are_answered_and_change_nothing() {
    let world = World::new().await;
    let call = world.to_approve("billing").await;
    let (asked, bob) = (world.asked(call).await, world.cookie("bob").await);
    let deep = format!("v.service~json={}", "%5B".repeat(10_000));
    let long = format!("reason={}", "x".repeat(2 << 20));
    let rows = "add=v.service&v.service~rows=99999999999999999999";
    for (place, body) in [
        (format!("/requests/{asked}/dance"), ""),
        (format!("/requests/{asked}/approve"), long.as_str()),
        ("/tools/deploy_it".to_owned(), deep.as_str()),
        ("/tools/deploy_it".to_owned(), rows),
        ("/tools/deploy_it".to_owned(), "v.service=%FF%FE"),
        ("/tools/nothing".to_owned(), ""),
        ("/requests/nonsense/approve".to_owned(), ""),
        ("/calls/nonsense/cancel".to_owned(), ""),
        ("/grants/nonsense/revoke".to_owned(), ""),
        ("/keys".to_owned(), "days=0"),
        ("/keys".to_owned(), "actor=alice"),
        ("/keys".to_owned(), "actor=%00"),
    ] {
        let (status, ..) = world.post(&place, &bob, body).await;
        assert!(!status.is_server_error(), "{place}: {status}");
    }
    for place in [
        "/?after=x",
        "/?tab=x",
        "/calls?before=x",
        "/audit?until=99999999999999999999",
        "/runs/x",
        "/history?tool=%00",
    ] {
        let (status, ..) = world.get(place, &bob).await;
        assert!(!status.is_server_error(), "{place}: {status}");
    }
    assert_eq!(world.phase(call).await, "approve");
}

#[tokio::test]
async fn an_admin_says_who_is_who_in_slack() {
    let world = World::new().await;
    let (ada, olivia, mallory) = (
        world.cookie("ada").await,
        world.cookie("olivia").await,
        world.cookie("mallory").await,
    );
    let said = "user=T0123%2FU0999&actor=bob";
    assert_eq!(
        world.post("/people", &mallory, said).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.post("/people", &olivia, said).await.0,
        StatusCode::FORBIDDEN
    );
    assert!(!world.get("/people", &ada).await.2.contains("T0123/U0999"));
    assert_eq!(world.post("/people", &ada, said).await.0, StatusCode::SEE_OTHER);
    let (_, _, page) = world.get("/people", &olivia).await;
    assert!(page.contains("T0123/U0999") && !page.contains("unlink"), "{page}");
    // To another person only after it is nobody's; what was typed stays.
    let other = "user=T0123%2FU0999&actor=mallory";
    let (status, _, page) = world.post("/people", &ada, other).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.contains("unlink it first") && page.contains(r#"value="mallory""#),
        "{page}"
    );
    for wrong in ["user=U0999&actor=bob", "user=T0123%2FU0789&actor="] {
        assert_eq!(
            world.post("/people", &ada, wrong).await.0,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    let gone = world.post("/people", &ada, "user=T0123%2FU0999&unlink=1").await;
    assert_eq!(gone.0, StatusCode::SEE_OTHER);
    assert!(!world.get("/people", &ada).await.2.contains("T0123/U0999"));
}

#[tokio::test]
async fn who_is_who_in_slack_has_pages() {
    let world = World::new().await;
    let ada = world.cookie("ada").await;
    let (by, bob) = (
        countersign::Identity::asserted("ada").unwrap(),
        "bob".parse().unwrap(),
    );
    let users: Vec<String> = (100..=200).map(|it| format!("T0123/U0{it}")).collect();
    for user in &users {
        let answer = world.shared.links().link(&by, &user.parse().unwrap(), &bob).await;
        assert_eq!(answer.unwrap(), countersign::Answer::Accepted);
    }
    let (mut place, mut found) = ("/people".to_owned(), Vec::new());
    for _ in 0..2 {
        let (_, _, page) = world.get(&place, &ada).await;
        found.extend(
            users
                .iter()
                .filter(|it| page.contains(&format!("value=\"{it}\"")))
                .cloned(),
        );
        let more = page.split("href=\"").find(|it| it.starts_with("/people?slack="));
        place = more.map_or_else(String::new, |it| it[..it.find('#').unwrap()].to_owned());
    }
    assert_eq!((found, place.as_str()), (users, ""));
    let (_, _, page) = world.get("/people?slack=T9", &ada).await;
    assert!(!page.contains("Nobody in Slack decides"), "{page}");
}
