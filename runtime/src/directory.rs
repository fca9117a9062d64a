//! The actors and the policy in force, as the store has them.
//!
//! What is read here may be old by the time it is used: every commit that depends on it says which
//! revision it was computed from, and the store refuses if that is no longer the one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use countersign_core::actor::{ActingAgent, Actor, Kind};
use countersign_core::audit::{Blob, Draft, Fields};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::Gates;
use countersign_core::id::{ActorId, PoolName, Role, TenantId};
use countersign_core::time::Timestamp;
use serde_json::{Value, json};

use crate::error::Error;
use crate::identity::Identity;
use crate::policy::{ActorEntry, Policy, PolicyError, Pool};
use crate::store::{self, Commit, Committed, DirectoryWrite, Store, StoreError};

/// Actors and policy at one revision.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) revision: u64,
    pub(crate) policy: Policy,
    pub(crate) actors: BTreeMap<ActorId, ActorEntry>,
    /// Who was removed. Calls, keys and links of theirs may still bear their ids, so these are given to no newcomer.
    pub(crate) former: BTreeMap<ActorId, ActorEntry>,
    members: OnceLock<BTreeMap<PoolName, BTreeSet<ActorId>>>,
}

impl Directory {
    fn read(stored: &store::Directory) -> Result<Self, Error> {
        let policy = Policy::parse(&stored.policy)?;
        let (mut actors, mut former) = (BTreeMap::new(), BTreeMap::new());
        for (id, text) in &stored.actors {
            let actor: ActorEntry = serde_json::from_str(text)
                .map_err(|error| StoreError::Damaged(format!("actor `{id}` cannot be read: {error}")))?;
            let side = match actor.kind {
                Kind::Unknown => &mut former,
                Kind::Person | Kind::Service | Kind::Agent => &mut actors,
            };
            side.insert(id.clone(), actor);
        }
        Ok(Self {
            revision: stored.revision,
            policy,
            actors,
            former,
            members: OnceLock::new(),
        })
    }

    /// What it would be with this policy in force, its actors as the policy says.
    pub(crate) fn seeded_by(&self, policy: &Policy) -> Self {
        Self {
            revision: self.revision,
            policy: policy.clone(),
            actors: seeded(self, policy),
            former: self.former.clone(),
            members: OnceLock::new(),
        }
    }

    /// An actor as it is, or what is left of one who was removed.
    pub(crate) fn ever(&self, id: &ActorId) -> Option<&ActorEntry> {
        self.actors.get(id).or_else(|| self.former.get(id))
    }

    /// These gates, tightened by what the rules of now demand for these arguments, and the digest of the
    /// rules that applied.
    pub(crate) fn tighten(&self, tool: &str, gates: &Gates, arguments: &Canonical) -> (Gates, Digest) {
        self.policy.tighten(tool, gates, arguments, self.revision)
    }

    /// Whether any rule speaks of this tool, whatever its arguments.
    pub(crate) fn has_rules_for(&self, tool: &str) -> bool {
        self.policy.has_rules_for(tool)
    }

    /// An actor as it stands at this moment. One that nobody knows may do nothing.
    pub(crate) fn actor(&self, identity: &Identity, now: Timestamp) -> Actor {
        let id = identity.id().clone();
        let auth = identity.auth().to_owned();
        match self.actors.get(&id) {
            Some(entry) => {
                let roles = entry.roles_at(now);
                let (roles, pools) = match identity.limit() {
                    None => (roles, self.pools_of(|it| it.has(&id, entry, now))),
                    Some(limit) => {
                        let roles: BTreeSet<Role> = roles.intersection(limit).cloned().collect();
                        let person = entry.kind == Kind::Person;
                        let pools = self.pools_of(|it| person && it.admits(&roles));
                        (roles, pools)
                    }
                };
                Actor {
                    kind: entry.kind,
                    roles,
                    pools,
                    id,
                    auth,
                }
            }
            None => Actor {
                id,
                kind: Kind::Unknown,
                roles: BTreeSet::new(),
                pools: BTreeSet::new(),
                auth,
            },
        }
    }

    pub(crate) fn pools_of(&self, belongs: impl Fn(&Pool) -> bool) -> BTreeSet<PoolName> {
        let pools = self.policy.pools().iter().filter(|(_, pool)| belongs(pool));
        pools.map(|(name, _)| name.clone()).collect()
    }

    /// The persons of every pool, for whether a call can be met at all. Who was lent a role counts here also when it
    /// is over: they sign in again when they are asked. Whether they may decide then, [`actor`](Self::actor) says.
    /// Found once: there may be thousands of actors, and every opening asks.
    pub(crate) fn members(&self) -> &BTreeMap<PoolName, BTreeSet<ActorId>> {
        self.members.get_or_init(|| {
            let persons = |pool: &Pool| {
                let actors = self.actors.iter();
                let members = actors.filter(|(id, entry)| pool.could_have(id, entry));
                members.map(|(id, _)| id.clone()).collect()
            };
            let pools = self.policy.pools().iter();
            pools.map(|(name, pool)| (name.clone(), persons(pool))).collect()
        })
    }

    /// The agent of that id with its owner.
    pub(crate) fn agent(&self, id: &ActorId) -> ActingAgent {
        let owner = self.actors.get(id).and_then(|it| it.owner.clone());
        ActingAgent {
            id: id.clone(),
            owner,
        }
    }
}

/// Keeps the last revision that was read.
pub(crate) struct DirectoryCache {
    tenant: TenantId,
    current: RwLock<Arc<Directory>>,
}

impl DirectoryCache {
    pub(crate) fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            current: RwLock::default(),
        }
    }

    /// The last one that was read.
    pub(crate) fn last(&self) -> Arc<Directory> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The one that is stored now.
    pub(crate) async fn refreshed(&self, store: &dyn Store) -> Result<Arc<Directory>, Error> {
        let last = self.last();
        let known = (last.revision > 0).then_some(last.revision);
        let Some(stored) = store.directory(&self.tenant, known).await? else {
            return Ok(last);
        };
        let directory = Arc::new(Directory::read(&stored)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = directory.clone();
        Ok(directory)
    }

    /// Makes `policy` the one in force, if it is another than the stored one, and records the change.
    pub(crate) async fn load(&self, store: &dyn Store, policy: &Policy, now: Timestamp) -> Result<(), Error> {
        loop {
            let stored = self.refreshed(store).await?;
            if stored.revision > 0 && stored.policy.digest() == policy.digest() {
                return Ok(());
            }
            let strangers = strangers(&stored, policy);
            if !strangers.is_empty() {
                return Err(PolicyError::Refused(strangers).into());
            }
            let actors = seeded(&stored, policy);
            let commit = Commit {
                directory: Some(written(&stored, policy, &actors)),
                records: vec![change(&stored, policy, &actors)],
                ..Commit::new(self.tenant.clone(), now)
            };
            // Another process may load its policy at the same moment; then we look again.
            if let Committed::Done { .. } = store.commit(commit).await? {
                self.refreshed(store).await?;
                return Ok(());
            }
        }
    }
}

/// The directory in place of the stored one. Whoever is in it no more leaves their id behind.
pub(crate) fn written(
    stored: &Directory,
    policy: &Policy,
    actors: &BTreeMap<ActorId, ActorEntry>,
) -> DirectoryWrite {
    let text = |entry: &ActorEntry| serde_json::to_string(entry).unwrap_or_default();
    let gone = stored.former.iter().chain(&stored.actors);
    let gone = gone.filter(|(id, _)| !actors.contains_key(*id));
    let mut rows: BTreeMap<ActorId, String> = gone
        .map(|(id, entry)| (id.clone(), text(&entry.removed())))
        .collect();
    rows.extend(actors.iter().map(|(id, entry)| (id.clone(), text(entry))));
    DirectoryWrite {
        expected: stored.revision,
        policy: policy.text().to_owned(),
        actors: rows.into_iter().collect(),
    }
}

/// The stored actors as the file wants them: its own as it says, those it no longer names gone, those
/// that it never named as they were. What is lent is not the file's to say.
fn seeded(stored: &Directory, policy: &Policy) -> BTreeMap<ActorId, ActorEntry> {
    let mut actors = stored.actors.clone();
    actors.retain(|id, _| !stored.policy.actors().contains_key(id));
    actors.extend(
        policy
            .actors()
            .iter()
            .map(|(id, entry)| (id.clone(), entry.clone().lent_as(stored.ever(id)))),
    );
    actors
}

/// What a file says of people who made themselves known at sign-in, without saying that it means them.
fn strangers(stored: &Directory, policy: &Policy) -> Vec<String> {
    let named = policy.actors().iter().filter(|(_, entry)| !entry.introduced);
    let strangers = named.filter(|(id, _)| stored.ever(id).is_some_and(|it| it.introduced));
    let error = |id: &ActorId| {
        format!(
            "actor `{id}`: somebody made themselves known under this name at sign-in. If they are meant, say \
             `introduced = true`; if not, choose another name"
        )
    };
    strangers.map(|(id, _)| error(id)).collect()
}

/// What changed, for the record. The whole text is a blob beside it.
fn change(stored: &Directory, policy: &Policy, actors: &BTreeMap<ActorId, ActorEntry>) -> Draft {
    let names = |ids: Vec<&ActorId>| {
        ids.into_iter()
            .take(50)
            .map(|it| Value::from(it.as_str()))
            .collect::<Vec<_>>()
    };
    let added = actors
        .keys()
        .filter(|it| !stored.actors.contains_key(*it))
        .collect();
    let removed = stored
        .actors
        .keys()
        .filter(|it| !actors.contains_key(*it))
        .collect();
    let changed = actors
        .iter()
        .filter(|(id, entry)| stored.actors.get(*id).is_some_and(|old| old != *entry));
    let changed = changed.map(|(id, _)| id).collect();
    // The policy is no personal secret; its digest is the salt, so that equal texts are kept once.
    let blob = Blob {
        salt: policy.digest(),
        content: json!(policy.text()).to_string(),
    };
    let mut fields = Fields::default();
    fields.insert("kind", "policy.changed".into());
    fields.insert("before", stored.policy.digest().to_string().into());
    fields.insert("after", policy.digest().to_string().into());
    fields.insert("policy", blob.commitment().to_string().into());
    fields.insert(
        "actors",
        json!({"added": names(added), "removed": names(removed), "changed": names(changed)}),
    );
    Draft {
        call: None,
        fields,
        blobs: vec![blob],
    }
}
