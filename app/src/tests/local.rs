//! Whether the word of whoever runs the program is enough.

use countersign::store::{Commit, EdgeRow, EdgeWrite};
use countersign::{RunId, Timestamp};

use super::*;
use crate::local::API_KEY;
use crate::reply::REFUSED;

/// Writes an API key that counts until an hour from now.
async fn key(session: &Session) {
    let engine = &session.engine;
    let row = EdgeRow {
        kind: API_KEY.to_owned(),
        id: "k1".to_owned(),
        owner: Some("alice".parse().unwrap()),
        version: 0,
        at: Some(Timestamp::from_millis(engine.now().millis() + 3_600_000)),
        state: String::new(),
    };
    let commit = Commit {
        edges: vec![EdgeWrite::Put(row)],
        ..Commit::new(engine.tenant().clone(), engine.now())
    };
    engine.store().commit(commit).await.unwrap();
}

fn policy(says: Option<bool>) -> String {
    let says = says.map(|it| format!("local_decisions = {it}\n"));
    format!("{}{POLICY}", says.unwrap_or_default())
}

#[tokio::test]
async fn the_policy_or_the_first_key_ends_acting_by_ones_word() {
    for (says, has_key, hours, enough) in [
        (None, false, 0, true),
        (None, true, 0, false),
        // The key is over.
        (None, true, 2, true),
        (Some(true), true, 0, true),
        (Some(false), false, 0, false),
        (Some(false), true, 0, false),
    ] {
        let case = format!("{says:?} {has_key} {hours}");
        let data = tempfile::tempdir().unwrap();
        let tool = deploy::definition();
        // Proposed while everybody's word was enough.
        let before = session_with(data.path(), tool, 0, &policy(Some(true))).await;
        let waiting = said(&before, r#"call deploy --args {"service":"mail"} --as alice"#).await;
        assert_eq!(waiting.code, WAITING);
        if has_key {
            key(&before).await;
        }
        let session = session_with(data.path(), tool, hours, &policy(says)).await;
        let (call, asked) = (waiting.json["call"].as_str().unwrap(), first(&waiting));
        let run = RunId::new(7, 7);
        let size = async || {
            let engine = &session.engine;
            engine.store().head(engine.tenant()).await.unwrap().size()
        };
        let entries = size().await;
        for words in [
            r#"call deploy --args {"service":"mail"} --as alice"#.to_owned(),
            format!("decide {asked} reject --as bob"),
            format!("cancel {call} --as alice"),
        ] {
            let reply = said(&session, &words).await;
            let message = reply.json["message"].as_str().unwrap_or_default();
            assert_eq!(
                !message.contains("--as is not enough"),
                enough,
                "{case}: {words}: {}",
                reply.text
            );
        }
        if enough {
            assert!(size().await > entries, "{case}");
            continue;
        }
        for words in [
            format!("cancel {run} --as alice"),
            format!("grants revoke {} --as alice", countersign::GrantId::new(7, 7)),
            format!("show {call} --token --as bob"),
            "chat hello --as alice".to_owned(),
            format!("chat --continue {run} --as alice"),
        ] {
            let reply = said(&session, &words).await;
            assert_eq!(reply.code, REFUSED, "{case}: {words}");
            assert_eq!(reply.json["code"], "not_allowed");
            assert!(reply.text.contains("sign in to the console"), "{}", reply.text);
            let why = if says.is_some() {
                "local_decisions = false"
            } else {
                "API keys"
            };
            assert!(reply.text.contains(why), "{}", reply.text);
        }
        assert_eq!(size().await, entries, "{case}: nothing is done");
        // Reading is as it was.
        for words in [
            "inbox --as bob".to_owned(),
            "grants --as alice".to_owned(),
            "audit log".to_owned(),
            "runs".to_owned(),
            format!("show {call}"),
            format!("explain {call}"),
        ] {
            assert_eq!(said(&session, &words).await.code, DONE, "{case}: {words}");
        }
    }
}
