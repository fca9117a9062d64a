//! What proves who somebody is: API keys, console sessions, and links that open a session once.
//!
//! All three are one thing: a secret of 256 random bits that stands for an actor until a time. The secret is shown
//! once, to whoever it was made for; the store has its SHA-256 only. Making one, using up a link, revoking: each is on
//! record in the commit that makes it true.
//!
//! Whoever signs in at an identity provider is known through a row that links them. A session that is opened so counts
//! as long as that row stands as it stood, and so does every key that is made with it.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign::core::actor::{ADMIN, Actor, Kind as ActorKind};
use countersign::core::audit::Draft;
use countersign::store::{Commit, Committed, EdgeFilter, EdgeRow, EdgeWrite};
use countersign::{ActorId, Code, Digest, Engine, Error, Identity, Refusal, Role, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::edges;

/// The domain of the hash of a secret.
const DOMAIN: &str = "countersign/credential/1";
/// The longest that a credential counts: ten years.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// What kind of proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// For programs, and for people who script.
    ApiKey,
    /// A browser that has signed in.
    Session,
    /// Opens one session.
    SignIn,
    /// Of an identity provider; nothing of it is kept.
    Token,
}

impl Kind {
    /// As it is stored and recorded.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => crate::local::API_KEY,
            Self::Session => "session",
            Self::SignIn => "sign_in",
            Self::Token => "token",
        }
    }

    /// How its text begins, so that secret scanners and people know it.
    const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "ck",
            Self::Session => "cs",
            Self::SignIn => "cl",
            Self::Token => "",
        }
    }

    fn of_prefix(prefix: &str) -> Option<Self> {
        [Self::ApiKey, Self::Session, Self::SignIn]
            .into_iter()
            .find(|it| it.prefix() == prefix)
    }

    const fn recorded(self, begins: bool) -> &'static str {
        match (self, begins) {
            (Self::ApiKey | Self::SignIn | Self::Token, true) => "credential.created",
            (Self::ApiKey | Self::SignIn | Self::Token, false) => "credential.revoked",
            (Self::Session, true) => "session.opened",
            (Self::Session, false) => "session.closed",
        }
    }
}

/// A credential as it is kept, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) actor: ActorId,
    pub(crate) expires_at: Timestamp,
    pub(crate) kept: Kept,
    version: u64,
}

/// The part that only this module reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    v: u32,
    /// SHA-256 of the secret, with a domain.
    hash: Digest,
    /// The roles that it carries, of those that its actor has; all of them if none are said.
    pub(crate) roles: Option<BTreeSet<Role>>,
    /// What its owner calls it.
    pub(crate) label: Option<String>,
    pub(crate) made_at: Timestamp,
    /// Who made it, and how they were known.
    pub(crate) made_by: ActorId,
    pub(crate) auth: String,
    /// Without it, it counts until its time is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) through: Option<Through>,
}

/// The row through which somebody was known, as it stood then. Changed since, it lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Through {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) version: u64,
}

/// What a credential does not outlive.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    latest: Option<Timestamp>,
    through: Option<Through>,
}

/// A credential that is about to be made.
pub(crate) struct New {
    pub(crate) kind: Kind,
    pub(crate) actor: ActorId,
    pub(crate) roles: Option<BTreeSet<Role>>,
    pub(crate) label: Option<String>,
    pub(crate) lasts: Duration,
}

/// A secret, to be shown once.
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// What came of it: done, or why not.
pub(crate) type Allowed<T> = Result<T, Refusal>;

/// The credentials of an engine's tenant.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a>(pub(crate) &'a Engine);

impl Credentials<'_> {
    /// Makes one. `by` is on record; whether they may is for [`may_make`] to say.
    pub(crate) async fn create(
        self,
        new: New,
        by: &Identity,
    ) -> Result<Allowed<(Credential, Secret)>, Error> {
        self.create_within(new, Bounds::default(), by).await
    }

    /// The same, for one that ends with these whatever is wanted.
    pub(crate) async fn create_within(
        self,
        new: New,
        bounds: Bounds,
        by: &Identity,
    ) -> Result<Allowed<(Credential, Secret)>, Error> {
        if new.lasts > LONGEST || new.lasts.is_zero() {
            return Ok(Err(invalid(
                "a credential counts for some time, and for ten years at most",
            )));
        }
        let owner = self
            .0
            .actor(&Identity::authenticated(new.actor.clone(), ""))
            .await?;
        if let Err(refusal) = fits(&new, &owner) {
            return Ok(Err(refusal));
        }
        let (mut made, secret) = self.made(new, bounds.through, by);
        made.expires_at = bounds
            .latest
            .map_or(made.expires_at, |it| it.min(made.expires_at));
        let mut commit = self.commit();
        commit.edges = vec![made.written()];
        commit.records = vec![made.record(true, by)];
        match self.0.store().commit(commit).await? {
            Committed::Done { .. } => Ok(Ok((made, secret))),
            Committed::Conflict | Committed::Full => Ok(Err(invalid("its id is taken; try again"))),
        }
    }

    fn made(self, new: New, through: Option<Through>, by: &Identity) -> (Credential, Secret) {
        let (id, secret) = (random::<10>(), random::<32>());
        let now = self.0.now();
        let made = Credential {
            kind: new.kind,
            actor: new.actor,
            expires_at: now.after(new.lasts),
            kept: Kept {
                v: 1,
                hash: hash(&secret),
                roles: new.roles,
                label: new.label,
                made_at: now,
                made_by: by.id().clone(),
                auth: by.auth().chars().take(256).collect(),
                through,
            },
            version: 0,
            id,
        };
        let secret = Secret(format!("{}_{}_{secret}", new.kind.prefix(), made.id));
        (made, secret)
    }

    /// The credential of a secret, if it is one that counts now.
    pub(crate) async fn check(self, kind: Kind, token: &str) -> Result<Option<Credential>, Error> {
        let Some((id, secret)) = parts(kind, token) else {
            return Ok(None);
        };
        let Some(found) = self.get(kind, id).await? else {
            return Ok(None);
        };
        let counts = found.kept.hash.equals_in_constant_time(&hash(secret)) && self.counts(&found).await?;
        Ok(counts.then_some(found))
    }

    /// Whether its time is not over, and what it was made through stands.
    pub(crate) async fn counts(self, it: &Credential) -> Result<bool, Error> {
        if self.0.now() >= it.expires_at {
            return Ok(false);
        }
        let Some(through) = &it.kept.through else {
            return Ok(true);
        };
        let row = self.0.store().edge(self.0.tenant(), &through.kind, &through.id);
        Ok(row.await?.is_some_and(|it| it.version == through.version))
    }

    /// Whether one that was checked before still counts.
    pub(crate) async fn still_counts(self, it: &Credential) -> Result<bool, Error> {
        // Nothing is kept of a token but what it was known through.
        if it.kind == Kind::Token {
            return self.counts(it).await;
        }
        match self.get(it.kind, &it.id).await? {
            Some(found) => self.counts(&found).await,
            None => Ok(false),
        }
    }

    /// One by its id, also one that no longer counts.
    pub(crate) async fn get(self, kind: Kind, id: &str) -> Result<Option<Credential>, Error> {
        let row = self.0.store().edge(self.0.tenant(), kind.name(), id).await?;
        Ok(row.and_then(|it| Credential::read(kind, it)))
    }

    /// Opens a session with a link, which counts no more. None if the link does not count.
    pub(crate) async fn sign_in(
        self,
        link: &str,
        lasts: Duration,
    ) -> Result<Option<(Credential, Secret)>, Error> {
        let Some(link) = self.check(Kind::SignIn, link).await? else {
            return Ok(None);
        };
        let by = Identity::authenticated(
            link.actor.clone(),
            format!("sign-in link {} by {}", link.id, link.kept.auth),
        );
        let new = New {
            kind: Kind::Session,
            actor: link.actor.clone(),
            roles: link.kept.roles.clone(),
            label: None,
            lasts,
        };
        self.opened(new, link.kept.through.clone(), &by, link.deleted())
            .await
    }

    /// Opens a session for a person who has shown who they are, and writes this in the same commit. None if it is no
    /// person, or this is written already.
    pub(crate) async fn open(
        self,
        by: &Identity,
        lasts: Duration,
        through: Through,
        beside: EdgeWrite,
    ) -> Result<Option<(Credential, Secret)>, Error> {
        if !self.0.actor(by).await?.is_person() {
            return Ok(None);
        }
        let new = New {
            kind: Kind::Session,
            actor: by.id().clone(),
            roles: None,
            label: None,
            lasts,
        };
        self.opened(new, Some(through), by, beside).await
    }

    async fn opened(
        self,
        new: New,
        through: Option<Through>,
        by: &Identity,
        beside: EdgeWrite,
    ) -> Result<Option<(Credential, Secret)>, Error> {
        let (session, secret) = self.made(new, through, by);
        let mut commit = self.commit();
        commit.edges = vec![beside, session.written()];
        commit.records = vec![session.record(true, by)];
        match self.0.store().commit(commit).await? {
            Committed::Done { .. } => Ok(Some((session, secret))),
            // Somebody else was faster.
            Committed::Conflict | Committed::Full => Ok(None),
        }
    }

    /// Makes one count no more. False if there is none of that id, also if somebody else was faster.
    pub(crate) async fn revoke(self, kind: Kind, id: &str, by: &Identity) -> Result<bool, Error> {
        let Some(found) = self.get(kind, id).await? else {
            return Ok(false);
        };
        let mut commit = self.commit();
        commit.edges = vec![found.deleted()];
        commit.records = vec![found.record(false, by)];
        // A credential is never changed: what is not there as it was is not there.
        let done = self.0.store().commit(commit).await?;
        Ok(matches!(done, Committed::Done { .. }))
    }

    /// Those of one kind, of one actor if said, in order of their ids; expired ones too. The second value is where
    /// to go on.
    pub(crate) async fn list(
        self,
        kind: Kind,
        owner: Option<&ActorId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Credential>, Option<String>), Error> {
        let filter = EdgeFilter {
            kind: kind.name().to_owned(),
            owner: owner.cloned(),
            due: None,
        };
        let (rows, next) = edges::page(self.0, &filter, after, limit).await?;
        let found = rows.into_iter().filter_map(|it| Credential::read(kind, it));
        Ok((found.collect(), next))
    }

    fn commit(self) -> Commit {
        Commit::new(self.0.tenant().clone(), self.0.now())
    }
}

impl Credential {
    /// What a token of an identity provider is beside the others: the link that it is known by, until it expires.
    pub(crate) fn of_token(
        by: &Identity,
        through: Through,
        made_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id: through.id.clone(),
            kind: Kind::Token,
            kept: Kept {
                v: 1,
                hash: hash(""),
                roles: None,
                label: None,
                made_at,
                made_by: by.id().clone(),
                auth: by.auth().to_owned(),
                through: Some(through),
            },
            actor: by.id().clone(),
            expires_at,
            version: 0,
        }
    }

    /// What a credential that is made with this one does not outlive. A key or token makes none that lasts longer, or
    /// whoever found one could stay in for good; a session is a person who has signed in, and what it makes lasts as
    /// they say.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            latest: matches!(self.kind, Kind::ApiKey | Kind::Token).then_some(self.expires_at),
            through: self.kept.through.clone(),
        }
    }

    fn read(kind: Kind, row: EdgeRow) -> Option<Self> {
        // One that cannot be read proves nothing.
        let kept: Kept = serde_json::from_str(&row.state)
            .ok()
            .filter(|it: &Kept| it.v == 1)?;
        Some(Self {
            id: row.id,
            kind,
            actor: row.owner?,
            expires_at: row.at?,
            version: row.version,
            kept,
        })
    }

    fn written(&self) -> EdgeWrite {
        EdgeWrite::Put(EdgeRow {
            kind: self.kind.name().to_owned(),
            id: self.id.clone(),
            owner: Some(self.actor.clone()),
            version: 0,
            at: Some(self.expires_at),
            state: serde_json::to_string(&self.kept).unwrap_or_default(),
        })
    }

    fn deleted(&self) -> EdgeWrite {
        EdgeWrite::Delete {
            kind: self.kind.name().to_owned(),
            id: self.id.clone(),
            version: self.version,
        }
    }

    fn record(&self, begins: bool, by: &Identity) -> Draft {
        edges::record(self.kind.recorded(begins), by, "credential", self.json())
    }

    /// What may be told of it: everything but its secret.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "kind": self.kind.name(),
            "actor": self.actor,
            "roles": self.kept.roles,
            "label": self.kept.label,
            "made_at": self.kept.made_at,
            "made_by": self.kept.made_by,
            "expires_at": self.expires_at,
            "link": self.kept.through.as_ref().map(|it| &it.id),
        })
    }

    /// Who it stands for, and how that was found out.
    pub(crate) fn identity(&self, edge: &str) -> Identity {
        let how = match self.kind {
            Kind::ApiKey => format!("api-key {} {edge}", self.id),
            Kind::Token => format!("{} {edge}", self.kept.auth),
            Kind::Session | Kind::SignIn => format!("session {} ({}) {edge}", self.id, self.kept.auth),
        };
        let identity = Identity::authenticated(self.actor.clone(), how);
        match &self.kept.roles {
            Some(roles) => identity.limited_to(roles.iter().cloned()),
            None => identity,
        }
    }
}

/// Whether somebody who is known by a credential may make one for `owner`: people for themselves, and an admin for
/// programs. Nobody for other people: whoever had bob's key could decide as bob.
pub(crate) fn may_make(by: &Actor, owner: &Actor) -> Allowed<()> {
    let own = by.is_person() && by.id == owner.id;
    let program = matches!(owner.kind, ActorKind::Agent | ActorKind::Service);
    if own || (by.is_person() && by.has_role(ADMIN) && program) {
        return Ok(());
    }
    Err(Refusal {
        code: Code::NotAllowed,
        message: "people make keys for themselves, and those with the role `admin` for services and agents"
            .to_owned(),
    })
}

/// Whether a credential may be as it is wanted.
fn fits(new: &New, owner: &Actor) -> Allowed<()> {
    if owner.kind == ActorKind::Unknown {
        return Err(invalid(&format!("nobody knows an actor `{}`", owner.id)));
    }
    if new.kind != Kind::ApiKey && !owner.is_person() {
        return Err(invalid("only people sign in; make a key for a program"));
    }
    let stranger = new.roles.iter().flatten().find(|it| !owner.has_role(it.as_str()));
    if let Some(role) = stranger {
        return Err(invalid(&format!(
            "`{}` has no role `{role}`; a key carries roles that its actor has",
            owner.id
        )));
    }
    if new.label.as_ref().is_some_and(|it| it.len() > 100) {
        return Err(invalid("a label has 100 bytes at most"));
    }
    Ok(())
}

fn invalid(message: &str) -> Refusal {
    Refusal {
        code: Code::InvalidInput,
        message: message.to_owned(),
    }
}

/// The id and the secret of a token of that kind.
fn parts(kind: Kind, token: &str) -> Option<(&str, &str)> {
    let mut parts = token.split('_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && Kind::of_prefix(prefix) == Some(kind);
    let hex = |text: &str, length| text.len() == length && text.bytes().all(|it| it.is_ascii_hexdigit());
    (whole && hex(id, 20) && hex(secret, 64)).then_some((id, secret))
}

fn hash(secret: &str) -> Digest {
    Digest::of(DOMAIN, &[secret.as_bytes()])
}

/// Random bytes of the operating system, as hexadecimal digits.
///
/// # Panics
///
/// If the operating system has none to give: a secret that could be guessed is worse than no program.
pub(crate) fn random<const N: usize>() -> String {
    use std::fmt::Write as _;
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
