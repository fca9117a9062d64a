//! Who is known, and who may change that: a person with the role `admin`.
//!
//! The policy file seeds actors, and the store has them. What an admin changes stays until a policy with another
//! text is loaded: that one decides anew about everybody whom it names, or whom the one before named. Whoever
//! no file ever named is left alone by files.
//!
//! Every change is on record in the commit that makes it, and so is every attempt that was refused. What no
//! actor may be is refused as in a policy file; besides, the last admin stays.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::actor::{ADMIN, Actor, Kind};
use countersign_core::audit::{Draft, Fields};
use countersign_core::call::{Answer, Code, Refusal};
use countersign_core::id::{ActorId, PoolName, Role};
use countersign_core::time::Timestamp;
use serde_json::{Value, json};

use crate::directory::{Directory, written};
use crate::engine::Engine;
use crate::error::Error;
use crate::identity::Identity;
use crate::policy::{ActorEntry, Lent};
use crate::store::{Commit, Committed};

/// An actor as everybody may know it.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .policy(Policy::parse("
/// #         actors.bob = { kind = 'person', roles = ['manager'] }
/// #         pools.managers = { roles = ['manager'] }
/// #     ")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// let bob = engine.actors().await?.remove(0);
/// assert_eq!(bob.id.as_str(), "bob");
/// assert_eq!(bob.pools.first().map(|it| it.as_str()), Some("managers"));
/// assert!(bob.seeded);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownActor {
    /// Who.
    pub id: ActorId,
    /// Person, service or agent.
    pub kind: Kind,
    /// Its own roles.
    pub roles: BTreeSet<Role>,
    /// Those that it was lent, also if they are over.
    pub lent: Option<Lent>,
    /// Whether it is a person who made themselves known at sign-in.
    pub introduced: bool,
    /// The person who answers for an agent.
    pub owner: Option<ActorId>,
    /// The pools in which it may approve.
    pub pools: BTreeSet<PoolName>,
    /// Whether the policy in force names it: the next one with another text decides about it anew.
    pub seeded: bool,
}

impl Engine {
    /// Everybody who is known, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the store fails or what it has cannot be read.
    pub async fn actors(&self) -> Result<Vec<KnownActor>, Error> {
        let directory = self.inner.directory.refreshed(&*self.inner.store).await?;
        let now = self.now();
        let actors = directory.actors.iter().map(|(id, entry)| KnownActor {
            id: id.clone(),
            kind: entry.kind,
            roles: entry.roles.clone(),
            lent: entry.lent.clone(),
            introduced: entry.introduced,
            owner: entry.owner.clone(),
            pools: directory.pools_of(|it| it.has(id, entry, now)),
            seeded: directory.policy.actors().contains_key(id),
        });
        Ok(actors.collect())
    }

    /// Makes `id` an actor as `entry` says, whatever it was before; removes it if there is none.
    ///
    /// `by` must be a person with the role `admin`. Refused are: an agent with any role, or that a pool names; a
    /// service with another role than `reporter`; an owner that is no known person, and whatever would leave an agent
    /// with such an owner; an actor that is to be removed and is not there; to leave nobody who is an admin; and to
    /// set somebody who [made themselves known](ActorEntry::introduced) at sign-in as if they had not, or the other
    /// way round, so that nobody gets the roles of another who should have had that id.
    /// An actor that is so already is answered [`Repeated`](Answer::Repeated), and nothing is put on record.
    ///
    /// What is open stays open: votes of a person who loses the role are void at the claim. Roles that were lent end:
    /// whoever changes somebody says all of it. Only what an identity provider says from then on lends any again.
    /// Whoever was removed leaves their id behind: an admin may give it to somebody, and nobody gets it by signing in.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// # use countersign::core::actor::Kind;
    /// use countersign::{Answer, policy::ActorEntry};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .policy(Policy::parse("actors.ada = { kind = 'person', roles = ['admin'] }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// let (ada, zoe) = (Identity::asserted("ada")?, "zoe".parse()?);
    /// let manager = ActorEntry { kind: Kind::Person, roles: ["manager".parse()?].into(), owner: None, lent: None, introduced: false };
    /// let answer = engine.set_actor(&ada, &zoe, Some(manager.clone())).await?;
    /// assert_eq!(answer, Answer::Accepted);
    /// // Zoe is no admin, and ada is the only one.
    /// let answer = engine.set_actor(&Identity::asserted("zoe")?, &zoe, None).await?;
    /// assert!(matches!(answer, Answer::Refused(_)));
    /// let answer = engine.set_actor(&ada, ada.id(), Some(manager)).await?;
    /// assert!(matches!(answer, Answer::Refused(_)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the store fails. A refusal is an answer, and is on record.
    pub async fn set_actor(
        &self,
        by: &Identity,
        id: &ActorId,
        entry: Option<ActorEntry>,
    ) -> Result<Answer, Error> {
        let inner = &*self.inner;
        loop {
            let directory = inner.directory.refreshed(&*inner.store).await?;
            let now = inner.clock.now();
            let admin = directory.actor(by, now);
            let mut commit = Commit {
                assumed_directory: Some(directory.revision),
                ..Commit::new(inner.tenant.clone(), now)
            };
            let before = directory.actors.get(id);
            let answer = match may(&admin).and_then(|()| changed(&directory, id, entry.as_ref(), now)) {
                Ok(_) if is_so(before, entry.as_ref()) => return Ok(Answer::Repeated),
                Ok(actors) => {
                    commit.directory = Some(written(&directory, &directory.policy, &actors));
                    let mut fields = said("actor.changed", &admin, id);
                    for (name, side) in [("before", before), ("after", actors.get(id))] {
                        if let Some(side) = side {
                            fields.insert(name, told(side));
                        }
                    }
                    commit.records = vec![draft(fields)];
                    Answer::Accepted
                }
                Err(refusal) => {
                    let mut fields = said("actor.refused", &admin, id);
                    let event = if entry.is_some() { "set" } else { "remove" };
                    fields.insert("event", event.into());
                    fields.insert("refusal", refusal.code.as_str().into());
                    commit.records = vec![draft(fields)];
                    Answer::Refused(refusal)
                }
            };
            // Somebody else may have changed an actor at the same moment; then we look again.
            if let Committed::Done { .. } = inner.store.commit(commit).await? {
                return Ok(answer);
            }
        }
    }
}

fn may(by: &Actor) -> Result<(), Refusal> {
    if !by.is_person() {
        return Err(refused(Code::NotAllowed, format!("`{}` is not a person", by.id)));
    }
    if !by.has_role(ADMIN) {
        let message = format!("`{}` does not have the role `{ADMIN}`", by.id);
        return Err(refused(Code::NotAllowed, message));
    }
    Ok(())
}

/// Whether an actor is as it is to be, with nothing lent beside.
fn is_so(before: Option<&ActorEntry>, wanted: Option<&ActorEntry>) -> bool {
    let (Some(before), Some(wanted)) = (before, wanted) else {
        return before.is_none() && wanted.is_none();
    };
    let lent = before.lent.as_ref().filter(|it| !it.roles.is_empty());
    lent.is_none()
        && *wanted
            == ActorEntry {
                lent: None,
                ..before.clone()
            }
}

/// All actors as they will be, if that can be.
fn changed(
    directory: &Directory,
    id: &ActorId,
    entry: Option<&ActorEntry>,
    now: Timestamp,
) -> Result<BTreeMap<ActorId, ActorEntry>, Refusal> {
    let mut actors = directory.actors.clone();
    match entry {
        Some(entry) => {
            let entry = entry.clone().set_over(directory.ever(id), now);
            actors.insert(id.clone(), entry);
        }
        None if actors.remove(id).is_none() => {
            let message = format!("nobody knows an actor `{id}`");
            return Err(refused(Code::InvalidInput, message));
        }
        None => {}
    }
    let touched = actors
        .iter()
        .filter(|(it, entry)| *it == id || entry.owner.as_ref() == Some(id));
    let mut errors: Vec<String> = touched
        .flat_map(|(id, entry)| entry.contradictions_among(id, &actors))
        .collect();
    if entry.is_some_and(|it| it.kind != Kind::Person) {
        let pools = directory.policy.pools().iter();
        let naming = pools.filter(|(_, pool)| pool.actors.contains(id));
        errors.extend(naming.map(|(name, _)| {
            format!(
                "pool `{name}` of the policy names `{id}`, which would be no person; only persons approve"
            )
        }));
    }
    if entry.is_some_and(|it| it.lent.is_some()) {
        errors.push(format!(
            "roles are lent to `{id}` when it signs in; nobody sets them"
        ));
    }
    let introduced = directory.ever(id).is_some_and(|it| it.introduced);
    if let Some(entry) = entry.filter(|it| it.introduced != introduced) {
        errors.push(if entry.introduced {
            format!("`{id}` did not make themselves known at sign-in, so nobody can mean them by that")
        } else {
            format!(
                "somebody made themselves known as `{id}` at sign-in; if they are meant, say that they are introduced, \
                 and if not, choose another name"
            )
        });
    }
    if !errors.is_empty() {
        return Err(refused(Code::InvalidInput, errors.join("; ")));
    }
    if !actors.values().any(|it| it.is_person_with(ADMIN)) {
        let message = format!("`{id}` is the last person with the role `{ADMIN}`; give it to another first");
        return Err(refused(Code::NotAllowed, message));
    }
    Ok(actors)
}

pub(crate) fn refused(code: Code, message: String) -> Refusal {
    Refusal { code, message }
}

pub(crate) fn said(kind: &'static str, by: &Actor, who: &ActorId) -> Fields {
    let auth: String = by.auth.chars().take(256).collect();
    let mut fields = Fields::default();
    fields.insert("kind", kind.into());
    fields.insert(
        "actor",
        json!({"id": by.id.as_str(), "kind": by.kind, "auth": auth, "roles": by.roles}),
    );
    fields.insert("who", who.as_str().into());
    fields
}

pub(crate) fn told(entry: &ActorEntry) -> Value {
    let mut told = json!({"kind": entry.kind, "roles": entry.roles});
    if let Some(owner) = &entry.owner {
        told["owner"] = owner.as_str().into();
    }
    if let Some(lent) = &entry.lent {
        told["lent"] = json!(lent);
    }
    if entry.introduced {
        told["introduced"] = true.into();
    }
    told
}

pub(crate) fn draft(fields: Fields) -> Draft {
    Draft {
        call: None,
        fields,
        blobs: Vec::new(),
    }
}
