//! Tools that only must be on record: they run in place, between two entries.
//!
//! `started` is with the operating system before the function starts, how it ended after it; neither
//! waits for the disk. If `started` cannot be written, the function does not run. A `started` without
//! an end means that the process died in between. Somebody whom nobody knows runs nothing, on record.

use countersign_core::actor::Kind;
use countersign_core::audit::{Blob, Draft, Fields};
use countersign_core::call::Outcome;
use countersign_core::digest::Digest;
use countersign_core::id::CallId;
use serde_json::{Value, json};

use crate::call::{Called, Parts, canonical};
use crate::engine::random_bytes;
use crate::error::Error;
use crate::identity::Identity;
use crate::invoke;
use crate::registry::Entry;
use crate::store::{Commit, Durability};

/// Runs an audited tool.
pub(crate) async fn call(entry: &Entry, parts: Parts<'_>) -> Result<Called, Error> {
    let inner = parts.inner;
    let arguments = canonical(&parts.arguments)?;
    entry.check_constraints(arguments.as_str())?;
    // A condition that panics records; arguments that do not fit answer at once, and nothing ran.
    let conditions = (entry.definition().conditions)(arguments.as_str())?;
    let on_record = entry.descriptor().gates.audit.is_none() || conditions.audit || {
        let directory = inner.directory.last();
        directory.policy.audits(entry.definition().name, &arguments)
    };
    let id = parts.id.unwrap_or_else(|| inner.new_call_id());
    let by = parts.by.map(Identity::id);
    if !on_record {
        return Ok(Called::Done(
            invoke::run_now(inner, entry, arguments.as_str(), by, id).await?,
        ));
    }
    let by = parts.by.ok_or(Error::NoRequester)?;
    let trail = Trail {
        entry,
        id,
        by,
        agent: parts.agent,
        salt: Digest::new(random_bytes()),
    };
    let actor = inner
        .directory
        .refreshed(&*inner.store)
        .await?
        .actor(by, inner.clock.now());
    if actor.kind == Kind::Unknown {
        let error = format!("nobody knows an actor `{}`", by.id());
        let salt = Digest::keyed(trail.salt.bytes(), b"error");
        let words = Blob {
            salt,
            content: error.clone(),
        };
        inner
            .store
            .commit(trail.commit(inner, "audited.blocked", "error", words))
            .await?;
        return Ok(Called::Done(Outcome::Blocked { errors: vec![error] }));
    }
    let shown = Blob {
        salt: trail.salt,
        content: shown(entry, &arguments.value()),
    };
    inner
        .store
        .commit(trail.commit(inner, "audited.started", "args", shown))
        .await?;
    let outcome = invoke::run_now(inner, entry, arguments.as_str(), Some(by.id()), id).await;
    let (kind, word, text) = match &outcome {
        Ok(Outcome::Returned { result, .. }) => ("audited.returned", "result", result.clone()),
        Ok(Outcome::Failed { error, .. }) => ("audited.failed", "error", error.clone()),
        Ok(other) => ("audited.failed", "error", other.name().to_owned()),
        Err(error) => ("audited.failed", "error", error.to_string()),
    };
    let salt = Digest::keyed(trail.salt.bytes(), word.as_bytes());
    inner
        .store
        .commit(trail.commit(inner, kind, word, Blob { salt, content: text }))
        .await?;
    Ok(Called::Done(outcome?))
}

/// The arguments without what nobody may see.
fn shown(entry: &Entry, arguments: &Value) -> String {
    let mut shown = arguments.clone();
    for parameter in entry.descriptor().parameters.iter().filter(|it| it.secret) {
        if let Some(secret) = shown.get_mut(&parameter.name) {
            *secret = Value::from("***");
        }
    }
    shown.to_string()
}

/// What the entries of one audited call have in common.
struct Trail<'a> {
    entry: &'a Entry,
    id: CallId,
    by: &'a Identity,
    agent: Option<&'a Identity>,
    salt: Digest,
}

impl Trail<'_> {
    fn commit(&self, inner: &crate::engine::Inner, kind: &str, word: &'static str, blob: Blob) -> Commit {
        let actor = inner.directory.last().actor(self.by, inner.clock.now());
        let auth: String = actor.auth.chars().take(256).collect();
        let mut fields = Fields::default();
        let mut put = |name: &'static str, value: Value| fields.insert(name, value);
        put("kind", kind.into());
        put("call", self.id.to_string().into());
        put("tool", self.entry.definition().name.into());
        put("descriptor", self.entry.digest().to_string().into());
        put(
            "actor",
            json!({"id": actor.id.as_str(), "kind": actor.kind, "auth": auth}),
        );
        put("requester", actor.id.as_str().into());
        put(word, blob.commitment().to_string().into());
        if let Some(agent) = self.agent {
            put("agent", json!({"id": agent.id().as_str()}));
        }
        Commit {
            records: vec![Draft {
                call: Some(self.id),
                fields,
                blobs: vec![blob],
            }],
            durability: Durability::Process,
            ..Commit::new(inner.tenant.clone(), inner.clock.now())
        }
    }
}
