//! A remembered confirmation: "do not ask me again", said together with a yes.
//!
//! Pure: whoever stores grants writes what [`Change`] says, in the transaction of the step that it came
//! with. A grant passes confirmations of its owner and nothing else; approvals know nothing of it.
//!
//! What a newcomer would get wrong: the stored row is not believed. Everything that happens to a grant is
//! on record under the call whose confirmation made it, and [`Grant::check`] compares the two.

mod record;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::audit::Draft;
use crate::call::{Code, Refusal};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::id::{ActorId, CallId, GrantId, RequirementId, RunId, SessionId, ToolName};
use crate::time::Timestamp;

pub use record::{GrantError, Revoking};

/// The version of the stored form of a grant.
pub const GRANT_VERSION: u32 = 1;
/// How many confirmations one grant can pass, and what it passes if nothing is said.
pub const MOST_USES: u32 = 1000;

/// What somebody wants to be remembered of their confirmation.
///
/// ```
/// use countersign_core::grant::Remember;
///
/// let remember = Remember::exact().uses(3);
/// assert_eq!(serde_json::to_string(&remember)?, r#"{"which":"exact","span":"run","uses":3}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// Which later calls of the tool.
    pub which: Which,
    /// For how long.
    pub span: Span,
    /// For how many of them; [`MOST_USES`] unless said.
    pub uses: Option<u32>,
}

impl Remember {
    /// Calls with the same arguments, in the run of the confirmed call.
    pub const fn exact() -> Self {
        Self {
            which: Which::Exact,
            span: Span::Run,
            uses: None,
        }
    }

    /// Calls with any arguments, in the run of the confirmed call. Refused for a `destructive` tool.
    pub const fn any() -> Self {
        Self {
            which: Which::Any,
            ..Self::exact()
        }
    }

    /// In every run of the session.
    #[must_use]
    pub const fn in_session(self) -> Self {
        Self {
            span: Span::Session,
            ..self
        }
    }

    /// Everywhere, until then.
    #[must_use]
    pub const fn until(self, time: Timestamp) -> Self {
        Self {
            span: Span::Until(time),
            ..self
        }
    }

    /// For so many calls, from 1 to [`MOST_USES`].
    #[must_use]
    pub const fn uses(self, uses: u32) -> Self {
        Self {
            uses: Some(uses),
            ..self
        }
    }
}

/// Which later calls of a tool a grant is for.
///
/// ```
/// assert_ne!(countersign_core::grant::Which::Exact, countersign_core::grant::Which::Any);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// Those with the same arguments.
    Exact,
    /// All of them. Never of a `destructive` tool.
    Any,
}

/// How long a confirmation is remembered.
///
/// ```
/// use countersign_core::grant::Span;
/// use countersign_core::time::Timestamp;
///
/// let span = Span::Until(Timestamp::from_millis(0));
/// assert_eq!(serde_json::to_string(&span)?, r#"{"until":"1970-01-01T00:00:00.000Z"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// In the run of the confirmed call.
    Run,
    /// In the session of that run.
    Session,
    /// Until then, wherever.
    Until(Timestamp),
}

/// A wish to be remembered, with what only the runtime can give: an id and 32 fresh random bytes.
///
/// ```
/// use countersign_core::{digest::Digest, id::GrantId};
/// use countersign_core::grant::{Remember, Wish};
///
/// let remember = Remember::exact().in_session();
/// let wish = Wish { id: GrantId::new(0, 1), salt: Digest::new([7; 32]), remember };
/// assert_eq!(wish.remember.uses, None); // as often as a grant can
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The id of the grant.
    pub id: GrantId,
    /// Keys the digest of the arguments.
    pub salt: Digest,
    /// What is wanted.
    pub remember: Remember,
}

/// Where a grant counts.
///
/// ```
/// use countersign_core::{grant::Scope, id::SessionId};
///
/// let scope = Scope::Session { session: SessionId::new("s1")? };
/// assert_eq!(scope.key(), "session:s1"); // to find it by
/// # Ok::<(), countersign_core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", deny_unknown_fields)]
pub enum Scope {
    /// In one run.
    Run {
        /// Which.
        run: RunId,
    },
    /// In the runs of one session.
    Session {
        /// Which.
        session: SessionId,
    },
    /// Everywhere, until then.
    Until {
        /// When it ends.
        time: Timestamp,
    },
}

impl Scope {
    /// The key of every grant that ends at a time.
    pub const UNTIL: &'static str = "until";

    /// What to find it by: the run, the session, or that it ends at some time.
    pub fn key(&self) -> String {
        match self {
            Self::Run { run } => run.to_string(),
            Self::Session { session } => session_key(session),
            Self::Until { .. } => Self::UNTIL.to_owned(),
        }
    }

    /// The keys of the scopes that a call of this run and session is in.
    pub fn keys(run: Option<&RunId>, session: Option<&SessionId>) -> Vec<String> {
        let run = run.map(RunId::to_string);
        let session = session.map(session_key);
        run.into_iter()
            .chain(session)
            .chain([Self::UNTIL.to_owned()])
            .collect()
    }
}

/// A session is what an edge calls it; behind a prefix it is neither a run nor `until`.
fn session_key(session: &SessionId) -> String {
    format!("session:{session}")
}

/// How arguments are compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "matcher", deny_unknown_fields)]
enum Matcher {
    /// The canonical arguments under a salt of this grant: no digest that could be guessed is kept.
    Exact { salt: Digest, digest: Digest },
    /// Not at all.
    Any,
}

/// A remembered confirmation.
///
/// ```
/// use countersign_core::call::{Call, Event, Opening, Phase, Release};
/// use countersign_core::grant::{Offer, Remember, Wish};
/// # use countersign_core::{actor::{Actor, Kind}, canonical::Canonical, digest::Digest, time::Timestamp};
/// # use countersign_core::gate::{ConfirmationGate, Gates};
/// # use countersign_core::id::{ActorId, CallId, GrantId, RunId, TenantId, ToolName};
/// # let hour = std::time::Duration::from_secs(3600);
/// # let (kind, auth) = (Kind::Person, "asserted-library".to_owned());
/// # let alice = Actor { id: ActorId::new("alice")?, kind, roles: [].into(), pools: [].into(), auth };
/// # let confirmation = Some(ConfirmationGate { expires_in: hour, because: Vec::new() });
/// # let arguments = Canonical::parse(r#"{"service":"billing"}"#)?;
/// # let release = Release {
/// #     descriptor: Digest::default(), idempotent: false, destructive: false, secrets: Vec::new(),
/// # };
/// # let opening = |number| Opening {
/// #     id: CallId::new(0, number), run: RunId::new(0, 1), session: None, tenant: TenantId::default(),
/// #     tool: ToolName::new("restart").unwrap(), release: release.clone(),
/// #     requester: alice.clone(), agent: None, salt: Digest::new([7; 32]), patience: hour,
/// #     proposed: arguments.clone(), arguments: arguments.clone(),
/// #     gates: Gates { confirmation: confirmation.clone(), ..Gates::default() },
/// #     rules: Digest::default(), blocked: Vec::new(), offer: None,
/// # };
/// # let now = Timestamp::from_millis(0);
/// let first = Call::open(opening(1), now).call;
/// let remember = Some(Wish {
///     id: GrantId::new(0, 1),
///     salt: Digest::new([9; 32]),
///     remember: Remember::exact().uses(1),
/// });
/// let on = first.requirements()[0].id;
/// let step = first.step(Event::Confirmed { on, by: alice.clone(), reason: None, remember }, now);
/// let grant = step.change.unwrap().grant; // stored together with the confirmed call
///
/// // The same call again in that run: nobody is asked.
/// let offer = Some(Offer { grant, owner: alice.clone() });
/// let second = Call::open(Opening { offer, ..opening(2) }, now);
/// assert!(matches!(second.call.phase(), Phase::Cleared { .. }));
/// assert_eq!(second.change.unwrap().grant.left(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    v: u32,
    id: GrantId,
    owner: ActorId,
    tool: ToolName,
    descriptor: Digest,
    matcher: Matcher,
    scope: Scope,
    /// How many confirmations it was made for.
    uses: u32,
    /// When, and by which decision about which call.
    made: Timestamp,
    call: CallId,
    on: RequirementId,
    used: u32,
    revoked: bool,
}

/// A grant that may pass a confirmation, with its owner as they stand now.
///
/// [`Grant`] has an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The grant as it is stored.
    pub grant: Grant,
    /// The requester, looked up at this moment.
    pub owner: Actor,
}

/// What becomes of a grant, to be stored in the transaction of the step that it came with.
///
/// [`Grant`] has an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The grant as it will be.
    pub grant: Grant,
    /// What to record, after the record of the call.
    pub record: Draft,
}

/// What a grant is compared with.
pub(crate) struct Asked<'a> {
    pub(crate) tool: &'a ToolName,
    pub(crate) descriptor: &'a Digest,
    pub(crate) destructive: bool,
    pub(crate) run: &'a RunId,
    pub(crate) session: Option<&'a SessionId>,
    pub(crate) arguments: &'a Canonical,
}

/// The confirmation that makes a grant.
pub(crate) struct Making<'a> {
    pub(crate) owner: &'a ActorId,
    pub(crate) call: CallId,
    pub(crate) on: RequirementId,
    pub(crate) asked: Asked<'a>,
}

impl Grant {
    /// The grant that a wish asks for, or why there can be none.
    pub(crate) fn made(wish: &Wish, making: &Making<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let Remember { which, span, uses } = wish.remember;
        let asked = &making.asked;
        let uses = uses.unwrap_or(MOST_USES);
        if uses == 0 || uses > MOST_USES {
            return invalid(format!("a confirmation is remembered for 1 to {MOST_USES} uses"));
        }
        let scope = match (span, asked.session) {
            (Span::Run, _) => Scope::Run { run: *asked.run },
            (Span::Session, Some(session)) => Scope::Session {
                session: session.clone(),
            },
            (Span::Session, None) => {
                return invalid("this run belongs to no session; remember it for the run, or until a time");
            }
            (Span::Until(time), _) if time <= now => return invalid(format!("{time} is over")),
            (Span::Until(time), _) => Scope::Until { time },
        };
        let matcher = match which {
            Which::Exact => Matcher::Exact {
                salt: wish.salt,
                digest: matched(&wish.salt, asked.arguments),
            },
            Which::Any if asked.destructive => {
                return invalid(format!(
                    "`{}` is destructive: only a call with the same arguments can be remembered (exact)",
                    asked.tool
                ));
            }
            Which::Any => Matcher::Any,
        };
        Ok(Self {
            v: GRANT_VERSION,
            id: wish.id,
            owner: making.owner.clone(),
            tool: asked.tool.clone(),
            descriptor: *asked.descriptor,
            matcher,
            scope,
            uses,
            made: now,
            call: making.call,
            on: making.on,
            used: 0,
            revoked: false,
        })
    }

    /// Whether a confirmation of `by` about this call is remembered here.
    pub(crate) fn covers(&self, by: &Actor, asked: &Asked<'_>, now: Timestamp) -> bool {
        let in_scope = match &self.scope {
            Scope::Run { run } => run == asked.run,
            Scope::Session { session } => asked.session == Some(session),
            Scope::Until { .. } => true,
        };
        let matches = match &self.matcher {
            Matcher::Exact { salt, digest } => matched(salt, asked.arguments).equals_in_constant_time(digest),
            Matcher::Any => !asked.destructive,
        };
        self.is_live(now)
            && by.is_person()
            && by.id == self.owner
            && *asked.tool == self.tool
            && *asked.descriptor == self.descriptor
            && in_scope
            && matches
    }

    /// Whether it can still pass anything: not revoked, not used up, not over.
    pub fn is_live(&self, now: Timestamp) -> bool {
        let over = self.ends().is_some_and(|it| now >= it);
        !self.revoked && self.left() > 0 && !over
    }

    /// The time from which on it passes nothing, if it has one.
    pub const fn ends(&self) -> Option<Timestamp> {
        match &self.scope {
            Scope::Run { .. } | Scope::Session { .. } => None,
            Scope::Until { time } => Some(*time),
        }
    }

    /// Which grant.
    pub const fn id(&self) -> GrantId {
        self.id
    }

    /// Whose confirmations it passes.
    pub const fn owner(&self) -> &ActorId {
        &self.owner
    }

    /// Of which tool.
    pub const fn tool(&self) -> &ToolName {
        &self.tool
    }

    /// The descriptor that the tool must have.
    pub const fn descriptor(&self) -> &Digest {
        &self.descriptor
    }

    /// Which calls.
    pub const fn which(&self) -> Which {
        match self.matcher {
            Matcher::Exact { .. } => Which::Exact,
            Matcher::Any => Which::Any,
        }
    }

    /// Where it counts.
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many more confirmations it can pass.
    pub const fn left(&self) -> u32 {
        self.uses.saturating_sub(self.used)
    }

    /// Whether it was revoked.
    pub const fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// When it was made.
    pub const fn made_at(&self) -> Timestamp {
        self.made
    }

    /// The call whose confirmation made it. Its records are there.
    pub const fn call(&self) -> CallId {
        self.call
    }

    /// The requirement that was confirmed.
    pub const fn on(&self) -> RequirementId {
        self.on
    }

    /// Counts what happened to it, from 0: a store compares and swaps this.
    pub const fn version(&self) -> u64 {
        self.used as u64 + self.revoked as u64
    }

    /// What never changes of it: who, what, where, how often.
    fn terms(&self) -> Digest {
        let unused = Self {
            used: 0,
            revoked: false,
            ..self.clone()
        };
        Digest::of("countersign/grant/1", &[unused.to_text().as_bytes()])
    }

    /// The stored form.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    ///
    /// [`GrantError`] if it is none, or one of a newer release.
    pub fn from_text(text: &str) -> Result<Self, GrantError> {
        let grant: Self = serde_json::from_str(text).map_err(|error| GrantError::new(error.to_string()))?;
        if grant.v == GRANT_VERSION {
            return Ok(grant);
        }
        Err(GrantError::new(format!(
            "it has format {}, this program reads {GRANT_VERSION}; use a newer release",
            grant.v
        )))
    }
}

fn matched(salt: &Digest, arguments: &Canonical) -> Digest {
    Digest::keyed(salt.bytes(), arguments.as_str().as_bytes())
}

fn invalid<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal {
        code: Code::InvalidInput,
        message: message.into(),
    })
}

#[cfg(test)]
mod tests;
