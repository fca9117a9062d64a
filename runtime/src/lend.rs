//! Roles that somebody else keeps: lent to a person for a time, each time they show who they are.
//!
//! An identity provider knows who is a manager and tells it at sign-in, not when it changes. So what it said is believed
//! until a time and not longer: at a decision and again at a claim, roles whose time is over are gone. Nobody gives them to
//! themselves: an edge that has checked what the provider signed calls this, as it makes identities.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::actor::{Actor, Kind};
use countersign_core::audit::Draft;
use countersign_core::call::{Answer, Code};
use countersign_core::id::Role;
use countersign_core::time::Timestamp;

use crate::actors::{draft, refused, said, told};
use crate::directory::written;
use crate::engine::Engine;
use crate::error::Error;
use crate::identity::Identity;
use crate::policy::{ActorEntry, Lent};
use crate::store::{Commit, Committed, EdgeWrite};

/// A person whom nobody knew, and what is kept and put on record in the commit that makes them known.
#[derive(Debug, Clone, Default)]
pub struct Introduction {
    /// What the edge keeps of them.
    pub edges: Vec<EdgeWrite>,
    /// What it puts on record.
    pub records: Vec<Draft>,
}

impl Engine {
    /// Lends a person these roles in place of those that were lent before, with an entry `actor.lent` in the audit log.
    /// Their own roles stay. `by` is the person; its words say who vouches for them.
    ///
    /// What was said earlier than what is known changes nothing, and neither does the same again while more than half
    /// of its time is left, unless it is to end sooner: both are [`Repeated`](Answer::Repeated). Of two that were said at the same moment, what
    /// both say counts. Refused, and not on record, are an actor that is no person, and one that nobody knows. With an
    /// introduction it is the other way round: only somebody whom nobody knows is made a person without roles of
    /// their own, so that nobody becomes an actor that is there, or was, by naming it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// use countersign::{Answer, policy::Lent};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .policy(Policy::parse("
    /// #         actors.bob = { kind = 'person' }
    /// #         pools.managers = { roles = ['manager'], counted = false }
    /// #     ")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// let now = engine.now();
    /// let lent = Lent { roles: ["manager".parse()?].into(), said_at: now, until: now.after(Duration::from_secs(3600)) };
    /// let bob = Identity::authenticated("bob".parse()?, "oidc https://id.example");
    /// assert_eq!(engine.lend(&bob, lent.clone(), None).await?, Answer::Accepted);
    /// assert_eq!(engine.lend(&bob, lent, None).await?, Answer::Repeated);
    /// assert_eq!(engine.actor(&bob).await?.pools.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails.
    pub async fn lend(
        &self,
        by: &Identity,
        lent: Lent,
        introduction: Option<Introduction>,
    ) -> Result<Answer, Error> {
        let inner = &*self.inner;
        let mut tried = None;
        loop {
            let directory = inner.directory.refreshed(&*inner.store).await?;
            // It is not another actor that was in the way, so it is what the edge keeps.
            if tried.replace(directory.revision) == Some(directory.revision) {
                let message = "what would be kept of them is there already".to_owned();
                return Ok(Answer::Refused(refused(Code::AlreadyDecided, message)));
            }
            let now = inner.clock.now();
            let before = directory.actors.get(by.id());
            let after = match (before, &introduction) {
                (Some(entry), None) if entry.kind == Kind::Person => {
                    let Some(lent) = replaces(&lent, entry.lent.as_ref(), now) else {
                        return Ok(Answer::Repeated);
                    };
                    ActorEntry {
                        lent: Some(lent),
                        ..entry.clone()
                    }
                }
                (None, Some(_)) if directory.former.contains_key(by.id()) => {
                    let message = format!(
                        "`{}` was somebody who was removed, and calls, keys or links may still bear their name",
                        by.id()
                    );
                    return Ok(Answer::Refused(refused(Code::NotAllowed, message)));
                }
                (None, Some(_)) => ActorEntry {
                    kind: Kind::Person,
                    roles: BTreeSet::new(),
                    owner: None,
                    lent: Some(lent.clone()),
                    introduced: true,
                },
                (Some(_), _) | (None, None) => {
                    let message = format!("`{}` is not who could be lent roles", by.id());
                    return Ok(Answer::Refused(refused(Code::NotAllowed, message)));
                }
            };
            if let Some(wrong) = after.contradictions(by.id().as_str()).pop() {
                return Ok(Answer::Refused(refused(Code::InvalidInput, wrong)));
            }
            let mut actors = directory.actors.clone();
            actors.insert(by.id().clone(), after.clone());
            let actor = Actor {
                kind: Kind::Person,
                ..directory.actor(by, now)
            };
            let mut fields = said("actor.lent", &actor, by.id());
            if let Some(before) = before {
                fields.insert("before", told(before));
            }
            fields.insert("after", told(&after));
            let beside = introduction.clone().unwrap_or_default();
            let commit = Commit {
                directory: Some(written(&directory, &directory.policy, &actors)),
                edges: beside.edges,
                records: std::iter::once(draft(fields)).chain(beside.records).collect(),
                assumed_directory: Some(directory.revision),
                ..Commit::new(inner.tenant.clone(), now)
            };
            match inner.store.commit(commit).await? {
                Committed::Done { .. } => return Ok(Answer::Accepted),
                // Somebody else may have changed an actor at the same moment; then we look again.
                Committed::Conflict | Committed::Full => {}
            }
        }
    }
}

/// What is lent from now on, if that is anything else than what is known.
fn replaces(new: &Lent, known: Option<&Lent>, now: Timestamp) -> Option<Lent> {
    let Some(known) = known else {
        return Some(new.clone());
    };
    if new.said_at < known.said_at {
        return None;
    }
    let mut new = new.clone();
    if new.said_at == known.said_at {
        new.roles.retain(|role: &Role| known.roles.contains(role));
    }
    let life = known.until.millis().saturating_sub(known.said_at.millis());
    let half = Duration::from_millis(u64::try_from(life / 2).unwrap_or_default());
    let lasts = now.after(half) < known.until;
    let is_shorter = new.said_at > known.said_at && new.until < known.until;
    let same = new.roles == known.roles && (lasts || new.until <= known.until);
    (is_shorter || !same).then_some(new)
}
