//! The outbox from the command line.

use countersign::NoticeKind;

use super::*;
use crate::outbox::Delivery;
use crate::reply::REFUSED;

#[tokio::test]
async fn an_operator_sends_again_what_was_given_up_and_that_is_on_record() {
    let data = tempfile::tempdir().unwrap();
    let olivia = r#"actors.olivia = { kind = "person", roles = ["operator"] }"#;
    let policy = format!("local_decisions = true\n{olivia}\n{POLICY}");
    let session = session_with(data.path(), deploy::definition(), 0, &policy).await;
    let engine = &session.engine;
    let waiting = said(&session, r#"call deploy --args {"service":"mail"} --as alice"#).await;
    let asked = first(&waiting).parse().unwrap();
    let to = "webhook:erp".to_owned();
    let mut delivery = Delivery::new(engine.tenant(), NoticeKind::Asked, asked, to, 1, engine.now());
    delivery.kept.why = Some("410".to_owned());
    delivery.lie_dead(engine).await;
    let listed = said(&session, "outbox list --state dead").await;
    assert_eq!(listed.json["items"][0]["id"], delivery.id.as_str());
    let size = async || engine.store().head(engine.tenant()).await.unwrap().size();
    let before = size().await;
    for actor in ["alice", "bob", "nobody"] {
        let refused = said(&session, &format!("outbox again {} --as {actor}", delivery.id)).await;
        assert_eq!((refused.code, size().await), (REFUSED, before), "{actor}");
    }
    let again = format!("outbox again {} --as olivia", delivery.id);
    let done = said(&session, &again).await;
    assert_eq!((done.code, &done.json["notice"]["state"]), (DONE, &"due".into()));
    assert_eq!(said(&session, &again).await.code, REFUSED);
    assert_eq!(size().await, before + 1);
    let entries = engine
        .store()
        .entries(engine.tenant(), None, before, 9)
        .await
        .unwrap();
    assert!(entries[0].text.contains("notice.sent_again") && entries[0].text.contains("olivia"));
    assert_eq!(
        said(&session, "outbox list --state dead").await.json["items"],
        serde_json::json!([])
    );
    assert_eq!(
        said(&session, "outbox list").await.json["items"][0]["id"],
        delivery.id.as_str()
    );
}
