//! Load, step, commit, retry: the only writer of calls.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::actor::Actor;
use countersign_core::call::{Answer, Call, Event, Phase, Shadow, Step};
use countersign_core::digest::Digest;
use countersign_core::id::CallId;
use countersign_core::time::Timestamp;

use crate::agenda;
use crate::directory::Directory;
use crate::engine::Inner;
use crate::error::Error;
use crate::grant;
use crate::identity::Identity;
use crate::notify::Notifier;
use crate::store::{CallRow, CallWrite, Commit, Committed};
use crate::trace;

/// How often a commit may lose against others before something must be wrong.
const MOST_TRIES: usize = 10_000;
/// The most text of calls that is kept in [`Recent`], in bytes; what is made of it takes some times as much memory.
const MOST_RECENT: usize = 2 * 1024 * 1024;
/// How many records are read at once.
const PAGE: usize = 1000;

/// A call as it was loaded, to be moved on.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) call: Call,
    pub(crate) row: Arc<CallRow>,
}

/// Calls that this process has written and that wait for somebody, so that it need not read them again.
///
/// They may be old by the time they are used: every commit says which text it replaces, and is refused
/// if another is stored. What comes to no commit must not be believed of a call from here.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    calls: HashMap<CallId, Loaded>,
    /// How many bytes their texts have.
    size: usize,
}

impl Recent {
    /// Takes a call out, for one attempt.
    pub(crate) fn take(&self, id: CallId) -> Option<Loaded> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = kept.calls.remove(&id)?;
        kept.size -= loaded.row.state.len();
        Some(loaded)
    }

    /// Keeps a call that this process may have to do with next. What executes is in the hands of its worker, and
    /// whoever reports comes late.
    pub(crate) fn put(&self, loaded: &Loaded) {
        let soon = match loaded.call.phase() {
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. } => true,
            Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => false,
        };
        if !soon {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.size += loaded.row.state.len();
        if kept.size > MOST_RECENT {
            *kept = Kept {
                size: loaded.row.state.len(),
                ..Kept::default()
            };
        }
        if let Some(before) = kept.calls.insert(*loaded.call.id(), loaded.clone()) {
            kept.size -= before.row.state.len();
        }
    }
}

/// What a turn came to.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) loaded: Loaded,
    pub(crate) answer: Answer,
}

/// What to do with a call that was just loaded.
#[expect(
    clippy::large_enum_variant,
    reason = "made once per turn and taken apart at once"
)]
pub(crate) enum Move {
    /// Nothing.
    Leave,
    /// An event for the machine.
    Event(Event),
    /// A step that was computed already: a refusal before any event.
    Step(Box<Step>),
}

impl Inner {
    /// Loads a call.
    pub(crate) async fn load(&self, id: CallId) -> Result<Loaded, Error> {
        let row = self
            .store
            .call(&self.tenant, id)
            .await?
            .ok_or(Error::UnknownCall(id))?;
        let call = self.read(&row)?;
        Ok(Loaded {
            call,
            row: Arc::new(row),
        })
    }

    /// The call of a stored row.
    pub(crate) fn read(&self, row: &CallRow) -> Result<Call, Error> {
        let id = row.id;
        let call = Call::from_text(&row.state).map_err(|source| Error::Call { id, source })?;
        let damaged = |why: &str| {
            Err(Error::Damaged {
                id,
                why: why.to_owned(),
            })
        };
        // The columns are a cache of the text. Where they differ, somebody edited one of them.
        if *call.id() != id || *call.tenant() != self.tenant {
            return damaged("the stored text is another call's");
        }
        if call.phase().name() != row.phase || call.requester() != &row.requester || call.tool() != &row.tool
        {
            return damaged("the stored columns and the stored text differ");
        }
        Ok(call)
    }

    /// Moves a call on by what `decide` makes of it, until a commit is not overtaken by another's.
    ///
    /// `decide` sees the call and the directory as they are now, and is asked again after a conflict.
    pub(crate) async fn turn(
        &self,
        mut loaded: Loaded,
        mut decide: impl FnMut(&Call, &Directory) -> Result<Move, Error>,
    ) -> Result<Turned, Error> {
        let id = *loaded.call.id();
        for attempt in 0..MOST_TRIES {
            // Roles and rules are those of now, whoever changed them: the commit says which revision it was
            // computed from, and is refused if that is no longer the one.
            let directory = if attempt == 0 {
                self.directory.last()
            } else {
                self.directory.refreshed(&*self.store).await?
            };
            let now = self.clock.now();
            let decided = decide(&loaded.call, &directory)?;
            // Who tells of a step wants to know where it came from; most often there is nobody.
            let tells = trace::is_on() || self.notifier.is_some();
            let before = tells.then(|| loaded.call.clone());
            let descriptor = *loaded.call.descriptor();
            let step = match decided {
                Move::Leave => {
                    return Ok(Turned {
                        loaded,
                        answer: Answer::Repeated,
                    });
                }
                Move::Event(event) => loaded.call.step(event, now),
                Move::Step(step) => *step,
            };
            let Step {
                call,
                answer,
                record,
                change,
            } = step;
            if answer == Answer::Repeated {
                let row = loaded.row;
                let loaded = Loaded { call, row };
                return Ok(Turned { loaded, answer });
            }
            let row = Arc::new(row(&call, loaded.row.version + 1));
            let traced = trace::step(record.as_ref());
            let told = self
                .notifier
                .as_ref()
                .map(|it| (it, Notifier::cause(record.as_ref())));
            let commit = Commit {
                call: Some(CallWrite {
                    row: row.clone(),
                    replaces: Some(loaded.row),
                }),
                grant: change.as_ref().map(|it| grant::write(&it.grant)),
                before: change.as_ref().and_then(|it| it.grant.ends()),
                descriptor: self.descriptor_of(&call, descriptor),
                assumed_directory: Some(directory.revision),
                records: record.into_iter().chain(change.map(|it| it.record)).collect(),
                ..Commit::new(self.tenant.clone(), now)
            };
            if let Committed::Done { .. } = self.store.commit(commit).await? {
                if let (Some(step), Some(before)) = (traced, &before) {
                    trace::moved(before, &call, &step, now);
                }
                if let Some((notifier, cause)) = told {
                    notifier.tell(before.as_ref(), &call, &cause, &directory.policy, now);
                }
                let loaded = Loaded { call, row };
                self.recent.put(&loaded);
                // Nobody waiting for it is no error.
                let _ = self.moved.send(id);
                return Ok(Turned { loaded, answer });
            }
            loaded = self.load(id).await?;
        }
        Err(Error::Contended(id))
    }

    /// The descriptor, when the call was gated with another one than it was opened with.
    fn descriptor_of(&self, now: &Call, before: Digest) -> Option<(Digest, String)> {
        if *now.descriptor() == before {
            return None;
        }
        let entry = self
            .registry
            .get(now.tool().as_str())
            .filter(|it| it.digest() == *now.descriptor())?;
        Some((
            entry.digest(),
            serde_json::to_string(entry.descriptor()).unwrap_or_default(),
        ))
    }

    /// Compares a stored call with what its own records say. Gives the call as it is now, if it has moved
    /// on since it was loaded: then the records say more than what was loaded, and nothing is wrong.
    pub(crate) async fn check_against_records(&self, loaded: &Loaded) -> Result<Option<Loaded>, Error> {
        let Err(error) = self.compare_with_records(&loaded.call).await else {
            return Ok(None);
        };
        let now = self.load(*loaded.call.id()).await?;
        if now.row.version == loaded.row.version {
            return Err(error);
        }
        Ok(Some(now))
    }

    /// The call as it is now, if it is what its records say. Asked where no claim will ask later.
    pub(crate) async fn as_recorded(&self, mut loaded: Loaded) -> Result<Loaded, Error> {
        while let Some(now) = self.check_against_records(&loaded).await? {
            loaded = now;
        }
        Ok(loaded)
    }

    async fn compare_with_records(&self, call: &Call) -> Result<(), Error> {
        let id = *call.id();
        let damaged = |why: String| Error::Damaged { id, why };
        let mut shadow = Shadow::default();
        let mut from = 0;
        loop {
            let entries = self.store.entries(&self.tenant, Some(id), from, PAGE).await?;
            let Some(last) = entries.last() else { break };
            from = last.seq + 1;
            let all = entries.len() < PAGE;
            for entry in &entries {
                if countersign_core::audit::leaf(entry.text.as_bytes()) != entry.leaf {
                    return Err(damaged(format!("record {} is not what was hashed", entry.seq)));
                }
                shadow
                    .fold(&entry.text)
                    .map_err(|error| damaged(format!("record {}: {error}", entry.seq)))?;
            }
            if all {
                break;
            }
        }
        if shadow != call.shadow() {
            return Err(damaged("the stored call is not what its records say".to_owned()));
        }
        // A closed call has lost its secrets, and nothing of it runs any more.
        if !matches!(call.phase(), Phase::Closed { .. }) && !call.is_as_sealed() {
            return Err(damaged("the stored call is not what was sealed".to_owned()));
        }
        Ok(())
    }

    /// Everybody who voted, as they stand at this moment.
    pub(crate) fn voters(call: &Call, directory: &Directory, now: Timestamp) -> Vec<Actor> {
        let by = call.votes().iter().map(|it| it.by.clone());
        by.map(|id| directory.actor(&Identity::authenticated(id, "looked up at the claim"), now))
            .collect()
    }
}

/// A call as the store keeps it.
pub(crate) fn row(call: &Call, version: u64) -> CallRow {
    CallRow {
        id: *call.id(),
        run: *call.run(),
        version,
        state: call.to_text(),
        phase: call.phase().name().to_owned(),
        tool: call.tool().clone(),
        requester: call.requester().clone(),
        due: agenda::due(call),
        waits_for: agenda::waits_for(call),
    }
}
