//! Load, step, commit, retry: the only writer of calls.

use std::sync::Arc;

use countersign_core::actor::Actor;
use countersign_core::audit::Draft;
use countersign_core::call::{Answer, Call, Code, Event, Phase, Shadow, Step};
use countersign_core::digest::Digest;
use countersign_core::grant::Change;
use countersign_core::id::CallId;
use countersign_core::time::Timestamp;

use crate::agenda;
use crate::directory::Directory;
use crate::engine::Inner;
use crate::error::Error;
use crate::grant;
use crate::identity::Identity;
use crate::notify::{Cause, Notifier};
use crate::recent::Loaded;
use crate::run::WriteRun;
use crate::store::{CallRow, CallWrite, Commit, Committed};
use crate::trace;

/// How often a commit may lose against others before something must be wrong.
pub(crate) const MOST_TRIES: usize = 10_000;
/// How many records are read at once.
const PAGE: usize = 1000;

/// What a turn came to.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) loaded: Loaded,
    pub(crate) answer: Answer,
    /// Whether what was to follow was committed too.
    pub(crate) followed: bool,
    /// And the run.
    pub(crate) wrote_run: bool,
}

/// What follows from a step of a call.
type Then<'a> = &'a (dyn Fn(&Call, &Directory) -> Option<Event> + Send + Sync);

/// What a commit brings beside a step that counts, if the call was not overtaken since it was loaded.
#[derive(Clone, Copy, Default)]
pub(crate) struct Besides<'a> {
    /// What follows from the step, as far as it counts too.
    pub(crate) then: Option<Then<'a>>,
    /// The run of the call.
    pub(crate) run: Option<WriteRun<'a>>,
}

impl Besides<'_> {
    fn filter(self, wanted: impl FnOnce() -> bool) -> Self {
        if wanted() { self } else { Self::default() }
    }
}

impl Turned {
    /// With nothing that followed.
    pub(crate) const fn alone(loaded: Loaded, answer: Answer) -> Self {
        Self {
            loaded,
            answer,
            followed: false,
            wrote_run: false,
        }
    }

    /// Whether a decision was refused because the time of its call is over, which nobody has closed yet.
    pub(crate) fn is_late(&self) -> bool {
        let closed = matches!(self.loaded.call.phase(), Phase::Closed { .. });
        matches!(&self.answer, Answer::Refused(it) if it.code == Code::Expired) && !closed
    }
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

/// What one commit brings a call: a step, and perhaps another one that follows of itself.
struct Steps {
    call: Call,
    answer: Answer,
    records: Vec<Draft>,
    change: Option<Box<Change>>,
    told: Vec<Told>,
}

/// What a turn would come to.
#[expect(
    clippy::large_enum_variant,
    reason = "made once per turn and taken apart at once"
)]
enum Attempt {
    /// There is nothing to commit.
    Nothing(Box<Turned>),
    /// This, if the commit is made.
    Commit(Commit, Box<Wanted>),
}

/// What a turn comes to if its commit is made.
struct Wanted {
    turned: Turned,
    told: Vec<Told>,
}

/// A step as those hear of it who trace, or tell people.
struct Told {
    before: Call,
    after: Call,
    name: Option<String>,
    cause: Cause,
}

impl Told {
    fn of(before: Call, step: &Step) -> Self {
        Self {
            before,
            after: step.call.clone(),
            name: trace::step(step.record.as_ref()),
            cause: Notifier::cause(step.record.as_ref()),
        }
    }
}

impl Steps {
    /// The first. What was before is only for those who are told.
    fn of(before: Option<Call>, step: Step) -> Self {
        let told = before.map(|it| Told::of(it, &step)).into_iter().collect();
        let Step {
            call,
            answer,
            record,
            change,
        } = step;
        let used = change.as_ref().map(|it| it.record.clone());
        Self {
            call,
            answer,
            records: record.into_iter().chain(used).collect(),
            change,
            told,
        }
    }

    /// Another one on top, if it counts. Nothing of it is kept otherwise.
    fn followed_by(&mut self, event: Event, tells: bool, now: Timestamp) -> bool {
        let step = self.call.clone().step(event, now);
        let counts = step.answer == Answer::Accepted && step.change.is_none();
        if counts {
            if tells {
                self.told.push(Told::of(self.call.clone(), &step));
            }
            self.call = step.call;
            self.records.extend(step.record);
        }
        counts
    }
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
        let call = Call::from_text(&row.terms, &row.state).map_err(|source| Error::Call { id, source })?;
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
        loaded: Loaded,
        decide: impl FnMut(&Call, &Directory) -> Result<Move, Error>,
    ) -> Result<Turned, Error> {
        self.turn_and(loaded, decide, Besides::default()).await
    }

    /// The same, with more in one commit.
    pub(crate) async fn turn_and(
        &self,
        mut loaded: Loaded,
        mut decide: impl FnMut(&Call, &Directory) -> Result<Move, Error>,
        besides: Besides<'_>,
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
            let besides = besides.filter(|| attempt == 0);
            let (commit, wanted) = match self.attempt(loaded, &directory, &mut decide, besides, now)? {
                Attempt::Nothing(turned) => return Ok(*turned),
                Attempt::Commit(commit, wanted) => (commit, wanted),
            };
            if let Committed::Done { .. } = self.store.commit(commit).await? {
                self.tell(&wanted.told, &directory, now);
                self.recent.put(&wanted.turned.loaded);
                // Nobody waiting for it is no error.
                let _ = self.moved.send(id);
                return Ok(wanted.turned);
            }
            loaded = self.load(id).await?;
        }
        Err(Error::Contended(id))
    }

    /// What is to be committed, if anything. No part of it waits: what it handles is moved about, and the future of a
    /// turn would have room for each place where it stood.
    fn attempt(
        &self,
        loaded: Loaded,
        directory: &Directory,
        decide: impl FnOnce(&Call, &Directory) -> Result<Move, Error>,
        besides: Besides<'_>,
        now: Timestamp,
    ) -> Result<Attempt, Error> {
        let decided = decide(&loaded.call, directory)?;
        // Who tells of a step wants to know where it came from; most often there is nobody.
        let tells = trace::is_on() || self.notifier.is_some();
        let before = tells.then(|| loaded.call.clone());
        let descriptor = *loaded.call.descriptor();
        let nothing = |loaded| {
            Ok(Attempt::Nothing(Box::new(Turned::alone(
                loaded,
                Answer::Repeated,
            ))))
        };
        let step = match decided {
            Move::Leave => return nothing(loaded),
            Move::Event(event) => loaded.call.step(event, now),
            Move::Step(step) => *step,
        };
        let stored = loaded.row;
        if step.answer == Answer::Repeated {
            let (call, row) = (step.call, stored);
            return nothing(Loaded { call, row });
        }
        let mut steps = Steps::of(before, step);
        let besides = besides.filter(|| steps.answer == Answer::Accepted);
        let then = besides.then.and_then(|it| it(&steps.call, directory));
        let followed = then.is_some_and(|it| steps.followed_by(it, tells, now));
        let run = besides.run.and_then(|it| it(&steps.call));
        let wrote_run = run.is_some();
        let row = Arc::new(row(&steps.call, stored.version + 1));
        let commit = Commit {
            call: Some(CallWrite {
                row: row.clone(),
                replaces: Some(stored),
            }),
            run,
            grant: steps.change.as_ref().map(|it| grant::write(&it.grant)),
            before: steps.change.as_ref().and_then(|it| it.grant.ends()),
            descriptor: self.descriptor_of(&steps.call, descriptor),
            assumed_directory: Some(directory.revision),
            records: steps.records,
            ..Commit::new(self.tenant.clone(), now)
        };
        let turned = Turned {
            loaded: Loaded {
                call: steps.call,
                row,
            },
            answer: steps.answer,
            followed,
            wrote_run,
        };
        let told = steps.told;
        Ok(Attempt::Commit(commit, Box::new(Wanted { turned, told })))
    }

    /// Tells of steps that were committed.
    fn tell(&self, told: &[Told], directory: &Directory, now: Timestamp) {
        for step in told {
            if let Some(name) = &step.name {
                trace::moved(&step.before, &step.after, name, now);
            }
            if let Some(notifier) = &self.notifier {
                notifier.tell(
                    Some(&step.before),
                    &step.after,
                    &step.cause,
                    &directory.policy,
                    now,
                );
            }
        }
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
        self.described.missing(entry)
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
        terms: call.terms_text(),
        state: call.state_text(),
        phase: call.phase().name().to_owned(),
        tool: call.tool().clone(),
        requester: call.requester().clone(),
        due: agenda::due(call),
        waits_for: agenda::waits_for(call),
    }
}
