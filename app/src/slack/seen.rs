//! Which callbacks were taken: each counts once.
//!
//! A signature stands for one request. Kept for as long as it would count, in the store that all processes share.

use countersign::core::audit::{Draft, Fields};
use countersign::store::{Commit, Committed, EdgeRow, EdgeWrite};
use countersign::{Engine, Error, Identity};
use serde_json::json;

use super::payload::Payload;
use super::signature::Signed;

/// The kind of edge rows that are signatures which were taken.
pub(crate) const SEEN: &str = "slack.seen";
/// How much longer than it counts a signature is kept, in milliseconds: clocks of several processes differ.
const MARGIN_MS: i64 = 5 * 60 * 1000;
/// What is kept of one that came again, so that it is on record once.
const AGAIN: &str = "again";

/// Takes a callback; false if it was taken before. Who sends it again is on record, the first time: whoever has
/// got hold of one cannot fill the log with it.
pub(super) async fn take(engine: &Engine, signed: &Signed, payload: &Payload) -> Result<bool, Error> {
    let at = countersign::Timestamp::from_millis(signed.until.millis().saturating_add(MARGIN_MS));
    let row = EdgeRow {
        kind: SEEN.to_owned(),
        id: signed.signature.clone(),
        owner: None,
        version: 0,
        at: Some(at),
        state: String::new(),
    };
    let mut commit = Commit::new(engine.tenant().clone(), engine.now());
    commit.edges = vec![EdgeWrite::Put(row)];
    if let Committed::Done { .. } = engine.store().commit(commit).await? {
        return Ok(true);
    }
    let found = engine
        .store()
        .edge(engine.tenant(), SEEN, &signed.signature)
        .await?;
    if let Some(found) = found.filter(|it| it.state != AGAIN) {
        let mut commit = Commit::new(engine.tenant().clone(), engine.now());
        commit.edges = vec![EdgeWrite::Put(EdgeRow {
            version: found.version + 1,
            state: AGAIN.to_owned(),
            ..found
        })];
        commit.records = vec![refused(payload, None, "replayed")];
        // Somebody else may have put it on record meanwhile.
        engine.store().commit(commit).await?;
    }
    Ok(false)
}

/// That a decision which came by Slack was refused before it came to the desk; by whom, where that is known.
pub(super) fn refused(payload: &Payload, by: Option<&Identity>, why: &str) -> Draft {
    let mut fields = Fields::default();
    if let Some(by) = by {
        fields.insert("actor", json!({"id": by.id(), "auth": by.auth()}));
    }
    fields.insert("kind", "decision.refused".into());
    fields.insert("refusal", why.into());
    fields.insert("slack", json!(payload.said_by()));
    if let Some(requirement) = payload.requirement() {
        fields.insert("requirement", requirement.to_string().into());
    }
    Draft {
        call: None,
        fields,
        blobs: Vec::new(),
    }
}
