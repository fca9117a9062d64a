//! The outbox for whoever looks after it: what is in it, and sending again what was given up.
//!
//! It needs no channels: any process over the store can be asked, and one that has them carries what is due.

use countersign::core::actor::{ADMIN, AUDITOR, Actor, OPERATOR};
use countersign::core::audit::Draft;
use countersign::store::{Commit, Committed, EdgeFilter};
use countersign::{Engine, Error, Identity};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{DEAD, DUE, Delivery, SENT};
use crate::edges;

/// How many are counted, at most.
pub(crate) const COUNTED: usize = 1000;
/// The rows of one kind that a lookup by state finds.
const STATES: [State; 3] = [State::Due, State::Sent, State::Dead];

/// How a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It is to be carried.
    Due,
    /// It has arrived.
    Sent,
    /// It was given up.
    Dead,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Sent => "sent",
            Self::Dead => "dead",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Due => DUE,
            Self::Sent => SENT,
            Self::Dead => DEAD,
        }
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATES.into_iter().find(|it| it.name() == text);
        found.ok_or_else(|| "a state is `due`, `sent` or `dead`".to_owned())
    }
}

/// What came of sending something again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Again {
    /// It is due, at once.
    Due(Box<Delivery>),
    /// Nothing is to be done: it has arrived, or is tried within a minute anyway.
    Otherwise(State),
    /// There is none of that id.
    Unknown,
}

/// Whether somebody may see what is in the outbox.
pub(crate) fn may_look(actor: &Actor) -> bool {
    may_send(actor) || actor.has_role(AUDITOR)
}

/// Whether somebody may send again.
pub(crate) fn may_send(actor: &Actor) -> bool {
    actor.has_role(OPERATOR) || actor.has_role(ADMIN)
}

/// Those in one state, in order of their ids, and where to go on.
pub(crate) async fn list(
    engine: &Engine,
    state: State,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<Delivery>, Option<String>), Error> {
    let filter = EdgeFilter::of(state.kind());
    let (rows, next) = edges::page(engine, &filter, after, limit).await?;
    Ok((rows.into_iter().filter_map(Delivery::read).collect(), next))
}

/// How many there are in a state, up to [`COUNTED`].
pub(crate) async fn count(engine: &Engine, state: State) -> Result<usize, Error> {
    let filter = EdgeFilter::of(state.kind());
    let rows = engine
        .store()
        .edges(engine.tenant(), &filter, None, COUNTED)
        .await?;
    Ok(rows.len())
}

/// Sends again what was given up, and at once what waits for its next attempt; who wanted it is on record. Whether they
/// may is for [`may_send`] to say.
pub(crate) async fn again(engine: &Engine, id: &str, by: &Identity) -> Result<Again, Error> {
    let found = async |kind| {
        let row = engine.store().edge(engine.tenant(), kind, id).await?;
        Ok::<_, Error>(row.and_then(Delivery::read))
    };
    let now = engine.now();
    let again = match found(DEAD).await? {
        Some(dead) => Some(dead.revived(now)),
        None => found(DUE).await?.and_then(|it| it.hurried(now)),
    };
    if let Some((due, edges)) = again {
        let commit = Commit {
            edges,
            records: vec![record(&due, by)],
            ..Commit::new(engine.tenant().clone(), now)
        };
        if let Committed::Done { .. } = engine.store().commit(commit).await? {
            return Ok(Again::Due(Box::new(due)));
        }
        // Somebody else was faster: it stands as they left it.
    }
    for state in STATES {
        let row = engine.store().edge(engine.tenant(), state.kind(), id).await?;
        if row.is_some() {
            return Ok(Again::Otherwise(state));
        }
    }
    Ok(Again::Unknown)
}

/// Where it goes is not on record: that may be a person's address.
fn record(due: &Delivery, by: &Identity) -> Draft {
    let notice = json!({"id": due.id, "kind": due.kept.notice, "requirement": due.kept.requirement});
    edges::record("notice.sent_again", by, "notice", notice)
}

impl Delivery {
    /// What is told of it.
    pub(crate) fn json(&self, state: State) -> Value {
        let at = |wanted: bool| wanted.then_some(self.at);
        json!({
            "id": self.id,
            "state": state,
            "notice": self.kept.notice,
            "requirement": self.kept.requirement,
            "call": self.call(),
            "to": self.kept.to,
            "tries": self.kept.tries,
            "why": self.kept.why,
            "found_at": self.kept.found_at,
            "next_at": at(state == State::Due),
            "kept_until": at(state != State::Due),
        })
    }
}
