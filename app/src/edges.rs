//! What is kept beside calls, and what is said of it on record.

use countersign::core::audit::{Draft, Fields};
use countersign::store::{EdgeFilter, EdgeRow};
use countersign::{Engine, Error, Identity};
use serde_json::{Value, json};

/// A page of rows, in order of their ids. The second value is where to go on.
pub(crate) async fn page(
    engine: &Engine,
    filter: &EdgeFilter,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<EdgeRow>, Option<String>), Error> {
    let mut rows = engine
        .store()
        .edges(engine.tenant(), filter, after, limit + 1)
        .await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|it| it.id.clone());
    Ok((rows, next))
}

/// A record of what somebody did to something that is no call.
pub(crate) fn record(kind: &'static str, by: &Identity, name: &'static str, what: Value) -> Draft {
    let auth: String = by.auth().chars().take(256).collect();
    let mut fields = Fields::default();
    fields.insert("kind", kind.into());
    fields.insert("actor", json!({"id": by.id(), "auth": auth}));
    fields.insert(name, what);
    Draft {
        call: None,
        fields,
        blobs: Vec::new(),
    }
}
