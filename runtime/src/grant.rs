//! Remembered confirmations: found for a call that would ask, listed, revoked.
//!
//! What a grant covers is settled in core. Here it is looked up and compared with its records: a row that is
//! not what they say passes nothing.

use std::time::Duration;

use countersign_core::call::Answer;
use countersign_core::grant::{Grant, Offer, Scope};
use countersign_core::id::{ActorId, GrantId, RunId, SessionId, ToolName};
use countersign_core::time::Timestamp;

use crate::desk::Desk;
use crate::directory::Directory;
use crate::engine::Inner;
use crate::error::Error;
use crate::identity::Identity;
use crate::store::{Commit, Committed, GrantFilter, GrantRow, GrantWrite};

/// How many grants are looked at for one call, the newest first. Whoever has more is asked.
const MOST_OFFERS: usize = 32;
/// How many records are read at once.
const PAGE: usize = 1000;

/// What came of revoking a grant, and the grant as it is now.
///
/// [`Desk::revoke`] has an example.
#[derive(Debug, Clone)]
pub struct Revoked {
    /// Whether it counts.
    pub answer: Answer,
    /// The grant.
    pub grant: Grant,
}

/// Which call would be let through.
pub(crate) struct Place<'a> {
    pub(crate) owner: &'a ActorId,
    pub(crate) tool: &'a ToolName,
    /// None for one that has no calls yet.
    pub(crate) run: Option<&'a RunId>,
    pub(crate) session: Option<&'a SessionId>,
    /// How many commits of it were refused.
    pub(crate) tries: u32,
}

impl Inner {
    /// The newest grant that lets a call through, as `passes` finds out, and that is what its records say.
    pub(crate) async fn grant_for(
        &self,
        place: Place<'_>,
        directory: &Directory,
        passes: impl Fn(&Offer) -> bool,
    ) -> Result<Option<Grant>, Error> {
        let filter = GrantFilter {
            owner: Some(place.owner.clone()),
            tool: Some(place.tool.clone()),
            scopes: Scope::keys(place.run, place.session),
        };
        let rows = self
            .store
            .grants(&self.tenant, &filter, None, MOST_OFFERS)
            .await?;
        // One may be over by the time of the log, which another process has moved ahead of ours. After a
        // commit that was refused, one that ends soon is left alone, and a person is asked.
        let ahead = Duration::from_millis((1_u64 << place.tries.min(40)) - 1);
        let ahead = self.clock.now().after(ahead);
        for row in rows {
            let id = row.id;
            let offer = match read(&row) {
                Ok(grant) => offer(grant, directory, self.clock.now()),
                Err(error) => {
                    tracing::error!(grant = %id, %error, "a grant cannot be read and passes nothing");
                    continue;
                }
            };
            if !offer.grant.is_live(ahead) || !passes(&offer) {
                continue;
            }
            match self.check_grant(&offer.grant).await {
                Ok(()) => return Ok(Some(offer.grant)),
                Err(Error::Grant { source, .. }) => {
                    tracing::error!(grant = %id, error = %source, "a grant is not what its records say and passes nothing");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn check_grant(&self, grant: &Grant) -> Result<(), Error> {
        let mut entries = Vec::new();
        let mut from = 0;
        loop {
            let page = self
                .store
                .entries(&self.tenant, Some(grant.call()), from, PAGE)
                .await?;
            let Some(last) = page.last() else { break };
            from = last.seq + 1;
            let all = page.len() < PAGE;
            entries.extend(page.into_iter().map(|it| it.text));
            if all {
                break;
            }
        }
        let texts = entries.iter().map(String::as_str);
        grant.check(texts).map_err(|source| Error::Grant {
            id: grant.id(),
            source,
        })
    }
}

fn read(row: &GrantRow) -> Result<Grant, Error> {
    let (id, version) = (row.id, row.version);
    let grant = Grant::from_text(&row.state).map_err(|source| Error::Grant { id, source })?;
    // The columns are a cache of the text. Where they differ, somebody edited one of them.
    if grant_row(&grant) == *row {
        return Ok(grant);
    }
    Err(Error::DamagedGrant { id, version })
}

/// A grant with its owner as they stand in this directory.
pub(crate) fn offer(grant: Grant, directory: &Directory, now: Timestamp) -> Offer {
    let owner = Identity::authenticated(grant.owner().clone(), "looked up for a grant");
    Offer {
        owner: directory.actor(&owner, now),
        grant,
    }
}

/// A grant as the store keeps it.
fn grant_row(grant: &Grant) -> GrantRow {
    GrantRow {
        id: grant.id(),
        version: grant.version(),
        owner: grant.owner().clone(),
        tool: grant.tool().clone(),
        scope: grant.scope().key(),
        live: grant.left() > 0 && !grant.is_revoked(),
        state: grant.to_text(),
    }
}

/// The write that brings a grant to where it is now.
pub(crate) fn write(grant: &Grant) -> GrantWrite {
    GrantWrite {
        expected: grant.version().checked_sub(1),
        row: grant_row(grant),
    }
}

impl Desk {
    /// Live grants, the newest first, from the one before `before`; of one owner if said.
    ///
    /// The second value is where to go on; none if this was all.
    ///
    /// # Errors
    ///
    /// If the store fails. A grant that cannot be read is left out, and passes nothing.
    pub async fn grants(
        &self,
        owner: Option<&ActorId>,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<(Vec<Grant>, Option<GrantId>), Error> {
        let inner = &*self.0;
        let filter = GrantFilter {
            owner: owner.cloned(),
            ..GrantFilter::default()
        };
        let limit = limit.max(1);
        let rows = inner.store.grants(&inner.tenant, &filter, before, limit).await?;
        let next = rows.last().map(|it| it.id).filter(|_| rows.len() == limit);
        let now = inner.clock.now();
        let grants = rows.iter().filter_map(|it| read(it).ok());
        Ok((grants.filter(|it| it.is_live(now)).collect(), next))
    }

    /// Takes a grant back: its owner or an operator. A refusal is an answer and is on record.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::{Answer, store::Sqlite};
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn wake(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<wake>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// # let Called::Waiting(waiting) = engine.call("wake", r#"{"service":"billing"}"#).by(&alice).await? else {
    /// #     panic!("it waits for alice");
    /// # };
    /// # let asked = waiting.active_requirements().remove(0);
    /// let desk = engine.desk();
    /// let confirmed = Decision::confirm(&asked).by(&alice).remember(Remember::exact().uses(3));
    /// desk.decide(confirmed).await?;
    /// let (grants, _) = desk.grants(Some(alice.id()), None, 10).await?;
    /// assert_eq!(grants[0].left(), 3);
    /// assert_eq!(desk.revoke(grants[0].id(), &alice).await?.answer, Answer::Accepted);
    /// assert!(desk.grants(None, None, 10).await?.0.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::UnknownGrant`] if there is no such grant; otherwise if it cannot be read or the store fails.
    pub async fn revoke(&self, id: GrantId, by: &Identity) -> Result<Revoked, Error> {
        let inner = &*self.0;
        loop {
            let directory = inner.directory.refreshed(&*inner.store).await?;
            let row = inner.store.grant(&inner.tenant, id).await?;
            let row = row.ok_or(Error::UnknownGrant(id))?;
            let grant = Grant::from_text(&row.state).map_err(|source| Error::Grant { id, source })?;
            let revoking = grant.revoke(&directory.actor(by, inner.clock.now()));
            let Some(record) = revoking.record else {
                return Ok(Revoked {
                    answer: revoking.answer,
                    grant: revoking.grant,
                });
            };
            let changed = revoking.answer == Answer::Accepted;
            let commit = Commit {
                grant: changed.then(|| GrantWrite {
                    expected: Some(row.version),
                    row: GrantRow {
                        version: row.version + 1,
                        ..grant_row(&revoking.grant)
                    },
                }),
                assumed_directory: Some(directory.revision),
                records: vec![record],
                ..Commit::new(inner.tenant.clone(), inner.clock.now())
            };
            if let Committed::Done { .. } = inner.store.commit(commit).await? {
                return Ok(Revoked {
                    answer: revoking.answer,
                    grant: revoking.grant,
                });
            }
        }
    }
}
