//! What earlier runs of a session leave for later ones.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use countersign::store::{RunFilter, RunRow};
use countersign::{ActorId, Engine, RunId, SessionId};

use crate::error::Error;
use crate::message::Message;
use crate::run::Status;
use crate::stored::Stored;

/// How many runs one look at the store takes.
const PAGE: usize = 8;
/// How many sessions are kept in memory.
const MOST_SESSIONS: usize = 256;

/// What becomes of a new message while the session is busy with a run that is led or paused.
///
/// ```
/// use countersign_agent::OnBusy;
///
/// assert_eq!(OnBusy::default(), OnBusy::Refuse);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnBusy {
    /// It is refused with [`Error::Busy`]: nothing is stored.
    #[default]
    Refuse,
    /// It waits until that run is over.
    Queue,
    /// That run is stopped, its open calls are withdrawn, and the new message takes its place.
    Cancel,
}

/// What is known of the sessions of one agent, so that it is not read again for every message.
pub(crate) struct Sessions {
    /// How many runs a model is told of.
    most: usize,
    known: Mutex<HashMap<SessionId, Known>>,
}

/// The runs of a session that are over, the oldest first.
#[derive(Clone, Default)]
struct Known {
    runs: BTreeMap<RunId, Arc<[Arc<Message>]>>,
}

/// A session as a new run finds it.
#[derive(Default)]
pub(crate) struct Found {
    /// What the model is told of it.
    pub(crate) messages: Vec<Arc<Message>>,
    /// The run that it is busy with.
    pub(crate) busy: Option<RunId>,
}

impl Sessions {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            known: Mutex::default(),
        }
    }

    /// Forgets what was read of a session: one of its runs goes on after it was over.
    pub(crate) fn forget(&self, session: &SessionId) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(session);
    }

    /// Reads what happened since it was last looked at. `but` is a run that is about to go on itself. A session is its
    /// first requester's.
    pub(crate) async fn look(
        &self,
        engine: &Engine,
        session: &SessionId,
        requester: &ActorId,
        but: RunId,
    ) -> Result<Found, Error> {
        let mut known = {
            let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(session).cloned().unwrap_or_default()
        };
        let mut busy = None;
        // What was let go of because there was too much of it is not read again.
        let full_from = known
            .runs
            .keys()
            .next()
            .copied()
            .filter(|_| known.runs.len() >= self.most);
        let (mut fresh, mut reached) = (Vec::new(), false);
        let filter = RunFilter::OfSession(session.clone());
        let mut before = None;
        loop {
            let rows = engine
                .store()
                .runs(engine.tenant(), &filter, before, PAGE)
                .await?;
            let full = rows.len() == PAGE;
            before = rows.last().map(|it| it.id);
            for row in rows {
                // What was said in it is for its own people: whoever names it by chance or on purpose is not told.
                if row.agent.is_some() && row.requester != *requester {
                    return Err(Error::ForeignSession(session.clone()));
                }
                if row.alone && row.id != but {
                    busy = Some(row.id);
                }
                if known.runs.contains_key(&row.id) {
                    reached = true;
                } else if is_over(&row)
                    && row.id != but
                    && full_from.is_none_or(|it| row.id > it)
                    && fresh.len() < self.most
                {
                    fresh.push(row);
                }
            }
            // A page is looked through to its end: the clocks of several machines may differ a little, and what
            // happened last need not be what has the highest id.
            if !full || reached || fresh.len() >= self.most {
                break;
            }
        }
        for row in fresh {
            let mut run = Stored::of(row)?;
            run.read(engine).await?;
            known.runs.insert(run.id, run.transcript.remembered().into());
        }
        while known.runs.len() > self.most {
            known.runs.pop_first();
        }
        let messages = known.runs.values().flat_map(|it| it.iter().cloned()).collect();
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_SESSIONS {
            all.clear();
        }
        all.insert(session.clone(), known);
        Ok(Found { messages, busy })
    }
}

/// Whether a run will not change any more.
fn is_over(row: &RunRow) -> bool {
    row.agent.is_some() && Status::read(&row.status).is_some_and(|it| !it.is_open())
}
