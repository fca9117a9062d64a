//! Whom the provider's subjects stand for.
//!
//! A subject means something together with its issuer only, so both are the key. A link is made by an admin, or when a
//! person whom nobody knew yet signs in for the first time; it is never guessed from a name or an address. One that is
//! taken back stays, and stands for nobody: a subject that was known once is no newcomer.

use std::collections::BTreeSet;

use countersign::core::actor::{ADMIN, Kind as ActorKind};
use countersign::core::audit::Draft;
use countersign::store::{Commit, Committed, EdgeFilter, EdgeRow, EdgeWrite};
use countersign::{ActorId, Code, Digest, Engine, Error, Identity, Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::credential::Through;
use crate::edges;

/// How many links one look at the store takes.
const PAGE: usize = 500;
/// The kind of edge row that a link is.
const KIND: &str = "subject";
/// What is hashed for the id of one.
const DOMAIN: &str = "countersign/subject/1";

/// A subject of an issuer that stands for an actor, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: String,
    /// None if it was taken back.
    pub(crate) actor: Option<ActorId>,
    pub(crate) kept: Kept,
    version: u64,
}

/// The part that only this module reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    v: u32,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) made_at: Timestamp,
    pub(crate) made_by: ActorId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Ended>,
}

/// How a link was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubjectEnded)]
pub(crate) struct Ended {
    /// Whom it stood for.
    #[schema(value_type = String)]
    pub(crate) actor: ActorId,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) at: Timestamp,
    #[schema(value_type = String)]
    pub(crate) by: ActorId,
}

/// The links of an engine's tenant.
#[derive(Clone, Copy)]
pub(crate) struct Links<'a>(pub(crate) &'a Engine);

impl Links<'_> {
    /// The link of a subject of an issuer, also one that was taken back. None if it was never known.
    pub(crate) async fn of(self, issuer: &str, subject: &str) -> Result<Option<Link>, Error> {
        let found = self.get(&id(issuer, subject)).await?;
        Ok(found.filter(|it| it.kept.issuer == issuer && it.kept.subject == subject))
    }

    /// One by its id.
    pub(crate) async fn get(self, id: &str) -> Result<Option<Link>, Error> {
        let row = self.0.store().edge(self.0.tenant(), KIND, id).await?;
        Ok(row.and_then(Link::read))
    }

    /// All of them, in order of their ids. The second value is where to go on.
    pub(crate) async fn list(
        self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Link>, Option<String>), Error> {
        let (rows, next) = edges::page(self.0, &EdgeFilter::of(KIND), after, limit).await?;
        Ok((rows.into_iter().filter_map(Link::read).collect(), next))
    }

    /// The people of whom nobody said which subject of an issuer is theirs, but for those who have none. A link that was
    /// taken back says it too: that subject is no newcomer.
    pub(super) async fn missing(
        self,
        issuer: &str,
        beside: &BTreeSet<ActorId>,
    ) -> Result<Vec<ActorId>, Error> {
        let actors = self.0.actors().await?.into_iter();
        let people = actors.filter(|it| it.kind == ActorKind::Person && !beside.contains(&it.id));
        let mut missing: BTreeSet<ActorId> = people.map(|it| it.id).collect();
        let mut after: Option<String> = None;
        while !missing.is_empty() {
            let (links, next) = self.list(after.as_deref(), PAGE).await?;
            for link in links.iter().filter(|it| it.kept.issuer == issuer) {
                if let Some(whose) = link
                    .actor
                    .as_ref()
                    .or(link.kept.ended.as_ref().map(|it| &it.actor))
                {
                    missing.remove(whose);
                }
            }
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(missing.into_iter().collect())
    }

    /// Lets a subject stand for a person, also one that stood for somebody once: admins only. One that does now is let
    /// go first.
    pub(crate) async fn link(
        self,
        issuer: &str,
        subject: &str,
        actor: &ActorId,
        by: &Identity,
    ) -> Result<Result<Link, Refusal>, Error> {
        if let Err(refusal) = self.is_admin(by).await? {
            return Ok(Err(refusal));
        }
        if subject.is_empty() || subject.len() > 255 || issuer.is_empty() || issuer.len() > 1024 {
            return Ok(Err(invalid("a subject has 1 to 255 bytes")));
        }
        let who = self.0.actor(&Identity::authenticated(actor.clone(), "")).await?;
        if !who.is_person() {
            return Ok(Err(invalid(&format!("`{actor}` is no person that is known"))));
        }
        let mut link = self.made(issuer, subject, actor, by.id());
        if let Some(ended) = self.get(&link.id).await?.filter(|it| it.actor.is_none()) {
            link.version = ended.version + 1;
        }
        let mut commit = self.commit();
        commit.edges = vec![link.written()];
        commit.records = vec![link.record(true, by)];
        match self.0.store().commit(commit).await? {
            Committed::Done { .. } => Ok(Ok(link)),
            Committed::Conflict | Committed::Full => Ok(Err(Refusal {
                code: Code::AlreadyDecided,
                message: "this subject stands for somebody already; unlink it first".to_owned(),
            })),
        }
    }

    /// Lets a subject stand for nobody: admins only. False if it stands for nobody.
    ///
    /// The row stays. Whatever was made through it counts no more, for it does not stand as it stood.
    pub(crate) async fn unlink(self, id: &str, by: &Identity) -> Result<Result<bool, Refusal>, Error> {
        if let Err(refusal) = self.is_admin(by).await? {
            return Ok(Err(refusal));
        }
        let Some(link) = self.get(id).await? else {
            return Ok(Ok(false));
        };
        let mut ended = link.clone();
        let Some(actor) = ended.actor.take() else {
            return Ok(Ok(false));
        };
        ended.version += 1;
        ended.kept.ended = Some(Ended {
            actor,
            at: self.0.now(),
            by: by.id().clone(),
        });
        let mut commit = self.commit();
        commit.edges = vec![ended.written()];
        commit.records = vec![link.record(false, by)];
        // In a conflict somebody else has taken it back.
        Ok(Ok(matches!(
            self.0.store().commit(commit).await?,
            Committed::Done { .. }
        )))
    }

    async fn is_admin(self, by: &Identity) -> Result<Result<(), Refusal>, Error> {
        let by = self.0.actor(by).await?;
        if by.kind == ActorKind::Person && by.has_role(ADMIN) {
            return Ok(Ok(()));
        }
        Ok(Err(Refusal {
            code: Code::NotAllowed,
            message: format!("`{}` does not have the role `{ADMIN}`", by.id),
        }))
    }

    /// One that is not yet written.
    pub(super) fn made(self, issuer: &str, subject: &str, actor: &ActorId, by: &ActorId) -> Link {
        Link {
            id: id(issuer, subject),
            actor: Some(actor.clone()),
            kept: Kept {
                v: 1,
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                made_at: self.0.now(),
                made_by: by.clone(),
                ended: None,
            },
            version: 0,
        }
    }

    fn commit(self) -> Commit {
        Commit::new(self.0.tenant().clone(), self.0.now())
    }
}

impl Link {
    fn read(row: EdgeRow) -> Option<Self> {
        // One that cannot be read stands for nobody.
        let kept: Kept = serde_json::from_str(&row.state)
            .ok()
            .filter(|it: &Kept| it.v == 1)?;
        Some(Self {
            id: row.id,
            actor: row.owner,
            version: row.version,
            kept,
        })
    }

    /// Whom it stands for, and how they are known by it.
    pub(super) fn identity(&self) -> Option<Identity> {
        let how = how(&self.id, &self.kept.issuer);
        Some(Identity::authenticated(self.actor.clone()?, how))
    }

    /// The link as it stands, for what is made by it.
    pub(super) fn through(&self) -> Through {
        Through {
            kind: KIND.to_owned(),
            id: self.id.clone(),
            version: self.version,
        }
    }

    pub(super) fn written(&self) -> EdgeWrite {
        EdgeWrite::Put(EdgeRow {
            kind: KIND.to_owned(),
            id: self.id.clone(),
            owner: self.actor.clone(),
            version: self.version,
            at: None,
            state: serde_json::to_string(&self.kept).unwrap_or_default(),
        })
    }

    /// The record names the link and no subject: that may be an address, and records stay.
    pub(super) fn record(&self, begins: bool, by: &Identity) -> Draft {
        let kind = if begins {
            "credential.created"
        } else {
            "credential.revoked"
        };
        let credential =
            json!({"id": self.id, "kind": KIND, "actor": self.actor, "issuer": self.kept.issuer});
        edges::record(kind, by, "credential", credential)
    }

    /// All that is known of it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "actor": self.actor,
            "issuer": self.kept.issuer,
            "subject": self.kept.subject,
            "made_at": self.kept.made_at,
            "made_by": self.kept.made_by,
            "ended": self.kept.ended,
        })
    }
}

/// The name of a link. The parts are hashed with their lengths: no two pairs share one.
fn id(issuer: &str, subject: &str) -> String {
    Digest::of(DOMAIN, &[issuer.as_bytes(), subject.as_bytes()]).to_string()
}

/// How somebody with a link was known, for the record: the link, which names issuer and subject, not the subject.
fn how(link: &str, issuer: &str) -> String {
    let short = link.get(..16).unwrap_or_default();
    format!("oidc {issuer} subject {short}")
}

fn invalid(message: &str) -> Refusal {
    Refusal {
        code: Code::InvalidInput,
        message: message.to_owned(),
    }
}
