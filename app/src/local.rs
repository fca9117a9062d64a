//! Whether the word of whoever runs this program is enough to act as somebody.
//!
//! `--as alice` proves nothing. That is good enough on the machine of one person, and not any more where people
//! show who they are: the policy says so with `local_decisions = false`, and the first API key does.

use countersign::store::EdgeFilter;
use countersign::{Code, Policy, Timestamp};

use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;

/// The kind of edge row that an API key is.
pub(crate) const API_KEY: &str = "api_key";

/// How many keys one look at the store takes.
const PAGE: usize = 100;

/// Why nobody acts here by their word, if that is so. Nothing is on record: nobody knows who it was.
pub(crate) async fn refused(session: &Session) -> Result<Option<Reply>, Failure> {
    let engine = &session.engine;
    let stored = engine.store().directory(engine.tenant(), None).await?;
    let policy = Policy::parse(&stored.unwrap_or_default().policy).map_err(countersign::Error::from)?;
    let why = match policy.local_decisions() {
        Some(false) => "the policy says `local_decisions = false`",
        None if has_key(session, engine.now()).await? => {
            "there are API keys, and the policy does not say `local_decisions = true`"
        }
        Some(true) | None => return Ok(None),
    };
    let message =
        format!("--as is not enough here, for {why}: sign in to the console, or use the HTTP API with a key");
    Ok(Some(Reply::not_accepted(Code::NotAllowed, message)))
}

/// Whether there is an API key that still counts.
async fn has_key(session: &Session, now: Timestamp) -> Result<bool, Failure> {
    let engine = &session.engine;
    let keys = EdgeFilter::of(API_KEY);
    let mut after: Option<String> = None;
    loop {
        let page = engine
            .store()
            .edges(engine.tenant(), &keys, after.as_deref(), PAGE)
            .await?;
        if page.iter().any(|it| it.at.is_none_or(|at| now < at)) {
            return Ok(true);
        }
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => return Ok(false),
        }
    }
}
