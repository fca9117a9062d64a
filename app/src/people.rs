//! Who could decide: for showing whom a call asks. Who may is settled at the decision, not here.

use std::collections::{BTreeMap, BTreeSet};

use countersign::core::actor::Kind;
use countersign::policy::{ActorEntry, Pool};
use countersign::{ActorId, Policy, PoolName, Requirement, RequirementKind, Timestamp};

use crate::failure::Failure;
use crate::session::Session;

/// The stored actors and the pools of the stored policy.
#[derive(Debug, Default)]
pub(crate) struct People {
    actors: BTreeMap<ActorId, ActorEntry>,
    pools: BTreeMap<PoolName, Pool>,
    /// When they were looked up: roles that are lent end.
    at: Timestamp,
}

impl People {
    pub(crate) async fn load(session: &Session) -> Result<Self, Failure> {
        let engine = &session.engine;
        let Some(directory) = engine.store().directory(engine.tenant(), None).await? else {
            return Ok(Self::default());
        };
        let policy = Policy::parse(&directory.policy).map_err(countersign::Error::from)?;
        let mut actors = BTreeMap::new();
        for (id, text) in directory.actors {
            let entry: ActorEntry = serde_json::from_str(&text)
                .map_err(|error| Failure::new(format!("the stored actor `{id}` cannot be read: {error}")))?;
            // Whoever was removed is nobody.
            if entry.kind != Kind::Unknown {
                actors.insert(id, entry);
            }
        }
        Ok(Self {
            actors,
            pools: policy.pools().clone(),
            at: engine.now(),
        })
    }

    /// Everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&ActorId, &ActorEntry)> {
        self.actors.iter()
    }

    /// One of them.
    #[cfg(feature = "http")]
    pub(crate) fn get(&self, id: &ActorId) -> Option<&ActorEntry> {
        self.actors.get(id)
    }

    /// Every pool of the policy.
    #[cfg(feature = "http")]
    pub(crate) fn pools(&self) -> impl Iterator<Item = (&PoolName, &Pool)> {
        self.pools.iter()
    }

    /// The pools that somebody belongs to.
    pub(crate) fn pools_of(&self, id: &ActorId) -> Vec<String> {
        let entry = self.actors.get(id);
        let of = |pool: &Pool| entry.is_some_and(|it| pool.has(id, it, self.at));
        self.pools
            .iter()
            .filter(|(_, pool)| of(pool))
            .map(|(name, _)| name.to_string())
            .collect()
    }

    /// Who could decide a requirement, without those who already have or may not.
    pub(crate) fn asked(&self, requirement: &Requirement, without: &BTreeSet<ActorId>) -> Vec<String> {
        let with_role = |role: &str| {
            let has = |it: &ActorEntry| it.roles_at(self.at).iter().any(|it| it.as_str() == role);
            self.actors
                .iter()
                .filter(|(_, it)| has(it))
                .map(|(id, _)| id.to_string())
                .collect()
        };
        match requirement.kind {
            RequirementKind::UserInput | RequirementKind::Confirmation => {
                vec![requirement.requester.to_string()]
            }
            RequirementKind::Approval => {
                let Some(pool) = requirement.pool.as_ref().and_then(|it| self.pools.get(it)) else {
                    return Vec::new();
                };
                let free = |id: &ActorId| *id != requirement.requester && !without.contains(id);
                let members = self
                    .actors
                    .iter()
                    .filter(|(id, it)| pool.has(id, it, self.at) && free(id));
                members.map(|(id, _)| id.to_string()).collect()
            }
            RequirementKind::External => with_role(countersign::core::actor::REPORTER),
            RequirementKind::InDoubt => with_role(countersign::core::actor::OPERATOR),
        }
    }
}
