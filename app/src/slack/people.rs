//! Which user of Slack is which actor. A link is as good as that person's key, so only an admin makes or removes one.
//!
//! One user stands for one actor; an actor may have several users, and is one person still. Every change, and every
//! attempt that was refused, is on record in its commit.

use std::fmt;
use std::str::FromStr;

use countersign::core::actor::{ADMIN, Actor};
use countersign::core::audit::{Draft, Fields};
use countersign::store::{Commit, Committed, EdgeFilter, EdgeRow, EdgeWrite, StoreError};
use countersign::{ActorId, Answer, Code, Engine, Error, Identity, Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::edges;

/// The kind of edge rows that links are.
const LINK: &str = "slack.user";
/// How often a commit that lost against another is tried again.
const TRIES: usize = 8;

/// A user of Slack, with the workspace: `T0123/U0456`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct User {
    team: String,
    id: String,
}

impl User {
    /// A user, if both ids are as Slack writes them.
    pub(crate) fn new(team: &str, id: &str) -> Option<Self> {
        is_id(team, &['T']).then_some(())?;
        is_id(id, &['U', 'W']).then(|| Self {
            team: team.to_owned(),
            id: id.to_owned(),
        })
    }

    pub(crate) fn team(&self) -> &str {
        &self.team
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

/// Whether a text is an id of Slack that begins with one of these letters.
pub(super) fn is_id(text: &str, first: &[char]) -> bool {
    let plain = text
        .bytes()
        .all(|it| it.is_ascii_uppercase() || it.is_ascii_digit());
    plain && text.starts_with(first) && (2..=32).contains(&text.len())
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.team, self.id)
    }
}

impl FromStr for User {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let user = parts.and_then(|(team, id)| Self::new(team, id));
        user.ok_or_else(|| "a user of Slack is written with its workspace: T0123/U0456".to_owned())
    }
}

/// That a user of Slack is an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) user: User,
    pub(crate) actor: ActorId,
    pub(crate) kept: Kept,
    version: u64,
}

/// The rest of its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    v: u32,
    pub(crate) made_at: Timestamp,
    pub(crate) made_by: ActorId,
}

impl Link {
    /// The actor, as whoever decides. `audit verify` knows these words, and looks for the link.
    pub(super) fn identity(&self) -> Identity {
        let how = format!("slack {} linked by {}", self.user, self.kept.made_by);
        Identity::authenticated(self.actor.clone(), how)
    }

    fn read(row: &EdgeRow) -> Option<Self> {
        // One that cannot be read links nobody.
        let kept: Kept = serde_json::from_str(&row.state)
            .ok()
            .filter(|it: &Kept| it.v == 1)?;
        Some(Self {
            user: row.id.parse().ok()?,
            actor: row.owner.clone()?,
            kept,
            version: row.version,
        })
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "user": self.user.to_string(),
            "actor": self.actor,
            "made_at": self.kept.made_at,
            "made_by": self.kept.made_by,
        })
    }
}

/// The links of an engine's tenant.
#[derive(Clone, Copy)]
pub(crate) struct Links<'a>(pub(crate) &'a Engine);

impl Links<'_> {
    /// Whom a user is linked to, if anybody has linked it.
    pub(crate) async fn get(self, user: &User) -> Result<Option<Link>, Error> {
        let row = self
            .0
            .store()
            .edge(self.0.tenant(), LINK, &user.to_string())
            .await?;
        Ok(row.as_ref().and_then(Link::read))
    }

    /// All of them, or those of one actor, in order of their users. The second value is where to go on.
    pub(crate) async fn list(
        self,
        actor: Option<&ActorId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Link>, Option<String>), Error> {
        let filter = EdgeFilter {
            owner: actor.cloned(),
            ..EdgeFilter::of(LINK)
        };
        let (rows, next) = edges::page(self.0, &filter, after, limit).await?;
        Ok((rows.iter().filter_map(Link::read).collect(), next))
    }

    /// Lets a user of Slack decide as a person.
    pub(crate) async fn link(self, by: &Identity, user: &User, actor: &ActorId) -> Result<Answer, Error> {
        self.changed(by, user, Some(actor)).await
    }

    /// Lets it decide as nobody any more.
    pub(crate) async fn unlink(self, by: &Identity, user: &User) -> Result<Answer, Error> {
        self.changed(by, user, None).await
    }

    async fn changed(self, by: &Identity, user: &User, actor: Option<&ActorId>) -> Result<Answer, Error> {
        for _ in 0..TRIES {
            let store = self.0.store();
            // Read first: whatever is looked up below is at least as new.
            let directory = store.directory(self.0.tenant(), None).await?;
            let mut commit = Commit {
                assumed_directory: Some(directory.map_or(0, |it| it.revision)),
                ..Commit::new(self.0.tenant().clone(), self.0.now())
            };
            let admin = self.0.actor(by).await?;
            let found = self.get(user).await?;
            let answer = match self.may(&admin, found.as_ref(), user, actor).await? {
                Ok(None) => return Ok(Answer::Repeated),
                Ok(Some((write, kind, who))) => {
                    commit.edges = vec![write];
                    commit.records = vec![said(kind, &admin, user, &who, None)];
                    Answer::Accepted
                }
                Err(refusal) => {
                    let who = actor.cloned().or(found.map(|it| it.actor));
                    let who = who.unwrap_or_else(|| admin.id.clone());
                    commit.records = vec![said("slack.refused", &admin, user, &who, Some(&refusal))];
                    Answer::Refused(refusal)
                }
            };
            if let Committed::Done { .. } = store.commit(commit).await? {
                return Ok(answer);
            }
        }
        Err(StoreError::Failed(format!("the link of {user} changes too fast; try again")).into())
    }

    /// What is to be written, and what is said of it; nothing if it is so already.
    async fn may(
        self,
        admin: &Actor,
        found: Option<&Link>,
        user: &User,
        actor: Option<&ActorId>,
    ) -> Result<Result<Option<Change>, Refusal>, Error> {
        if !admin.is_person() || !admin.has_role(ADMIN) {
            let message = format!("users of Slack are linked by people with the role `{ADMIN}`");
            return Ok(Err(refused(Code::NotAllowed, message)));
        }
        let Some(actor) = actor else {
            return Ok(match found {
                Some(link) => {
                    let write = EdgeWrite::Delete {
                        kind: LINK.to_owned(),
                        id: user.to_string(),
                        version: link.version,
                    };
                    Ok(Some((write, "slack.user_unlinked", link.actor.clone())))
                }
                None => Err(refused(Code::InvalidInput, format!("{user} is linked to nobody"))),
            });
        };
        match found {
            Some(link) if link.actor == *actor => return Ok(Ok(None)),
            Some(link) => {
                let message = format!("{user} is linked to `{}`; unlink it first", link.actor);
                return Ok(Err(refused(Code::InvalidInput, message)));
            }
            None => {}
        }
        let owner = Identity::authenticated(actor.clone(), "");
        if !self.0.actor(&owner).await?.is_person() {
            let message = format!("`{actor}` is no person that is known; only people decide");
            return Ok(Err(refused(Code::InvalidInput, message)));
        }
        let kept = Kept {
            v: 1,
            made_at: self.0.now(),
            made_by: admin.id.clone(),
        };
        let write = EdgeWrite::Put(EdgeRow {
            kind: LINK.to_owned(),
            id: user.to_string(),
            owner: Some(actor.clone()),
            version: 0,
            at: None,
            state: serde_json::to_string(&kept).unwrap_or_default(),
        });
        Ok(Ok(Some((write, "slack.user_linked", actor.clone()))))
    }
}

/// A row to be written, the kind of its record, and whom it is about.
type Change = (EdgeWrite, &'static str, ActorId);

fn refused(code: Code, message: String) -> Refusal {
    Refusal { code, message }
}

fn said(kind: &'static str, by: &Actor, user: &User, who: &ActorId, refusal: Option<&Refusal>) -> Draft {
    let auth: String = by.auth.chars().take(256).collect();
    let mut fields = Fields::default();
    fields.insert("kind", kind.into());
    fields.insert(
        "actor",
        json!({"id": by.id.as_str(), "kind": by.kind, "auth": auth, "roles": by.roles}),
    );
    fields.insert("slack", user.to_string().into());
    fields.insert("who", who.as_str().into());
    if let Some(refusal) = refusal {
        fields.insert("refusal", refusal.code.as_str().into());
    }
    Draft {
        call: None,
        fields,
        blobs: Vec::new(),
    }
}
