//! What people decided, for spreadsheets.

use axum::http::StatusCode;

use super::world::World;

#[tokio::test]
async fn a_spreadsheet_has_what_the_page_has_with_its_filters() {
    let world = World::new().await;
    let (bob, mallory) = (world.cookie("bob").await, world.cookie("mallory").await);
    let mut calls = Vec::new();
    for service in ["billing", "mail"] {
        let call = world.to_approve(service).await;
        let place = format!("/requests/{}/reject", world.asked(call).await);
        let (status, ..) = world.post(&place, &bob, "reason=%3D1%2B1").await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        calls.push(call);
    }
    let open = world.to_approve("third").await;
    let confirmed = world
        .propose("mallory", "deploy_it", r#"{"service":"hers"}"#)
        .await;
    world
        .post(&format!("/calls/{confirmed}/cancel"), &mallory, "reason=-")
        .await;
    let all = [calls[0], calls[1], open, confirmed];
    for (cookie, query, sees) in [
        (&bob, "", [true, true, false, true]),
        (&bob, "outcome=rejected", [true, true, false, false]),
        (&bob, "requester=mallory", [false, false, false, true]),
        (&bob, "tool=tell_time", [false; 4]),
        (&bob, "tool=%00", [false; 4]),
        (&mallory, "", [false, false, false, true]),
    ] {
        let (status, _, csv) = world.get(&format!("/history.csv?{query}"), cookie).await;
        let (_, _, page) = world.get(&format!("/history?{query}"), cookie).await;
        assert_eq!(status, StatusCode::OK);
        for (call, sees) in all.iter().zip(sees) {
            let call = call.to_string();
            assert_eq!(
                (csv.contains(&call), page.contains(&call)),
                (sees, sees),
                "{query}: {csv}"
            );
        }
        let has_link = page.contains("/history.csv?tool=");
        assert_eq!(has_link, sees.contains(&true), "{page}");
    }
    let (_, _, csv) = world.get("/history.csv", &bob).await;
    assert!(csv.contains(",closed,rejected,bob,'=1+1,"), "{csv}");
    assert!(csv.contains(",closed,cancelled,mallory,'-,"), "{csv}");
}
