//! Takes decisions from people and hands them to the call they are about.
//!
//! The desk needs no linked tools: it works on a machine that only has the database, and then leaves
//! amended and filled calls in `Gating`, for a process that links the tool. Who somebody is was settled
//! at the edge; whether they may decide is settled in the machine.
//!
//! A refused decision is committed too. "Somebody tried" is worth more than "nothing happened".

mod decision;
mod event;

use std::borrow::Cow;
use std::sync::Arc;

use countersign_core::actor::Actor;
use countersign_core::audit::{Draft, Fields};
use countersign_core::call::{Answer, Call, Code, Event, Phase, Refusal, Step};
use countersign_core::digest::Digest;
use countersign_core::grant::{Grant, Offer, Wish};
use countersign_core::id::{CallId, RequirementId};
use countersign_core::requirement::Requirement;
use countersign_core::tool::Descriptor;
use serde_json::json;

use crate::agenda;
use crate::directory::Directory;
use crate::engine::{Inner, random_bytes, random_token};
use crate::error::Error;
use crate::grant::{Place, offer};
use crate::identity::Identity;
use crate::judge::{behind, can_be_met, regate};
use crate::registry::Entry;
use crate::store::{CallFilter, Commit, StoreError};
use crate::turn::{Besides, Loaded, Move, Turned};

use event::event;

pub use decision::{Decide, Decision, Verdict};

/// The domain of the hash of a reporting token.
const TOKEN: &str = "countersign/report-token/1";

/// What came of a decision, and the call as it is now.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Answer, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn scale_up(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<scale_up>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("scale_up", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let asked = waiting.active_requirements().remove(0);
/// let decided = engine.desk().decide(Decision::confirm(&asked).by(&alice)).await?;
/// assert_eq!(decided.answer, Answer::Accepted);
/// assert!(decided.call.unwrap().requirements().is_empty()); // a worker has the next turn
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Decided {
    /// Whether it counts.
    pub answer: Answer,
    /// The call; none if there is no such call.
    pub call: Option<Call>,
}

impl Decided {
    pub(crate) fn of(taken: Result<Turned, Refusal>) -> Self {
        match taken {
            Ok(turned) => Self {
                answer: turned.answer,
                call: Some(turned.loaded.call),
            },
            Err(refusal) => Self {
                answer: Answer::Refused(refusal),
                call: None,
            },
        }
    }
}

/// Where requirements are read and decisions are taken.
///
/// Works without the tools: a console builds an engine with a store and nothing else.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Outcome, Phase, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn roll_back(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Sqlite::in_memory()?;
/// # let engine = Engine::builder()
/// #     .store(store.clone())
/// #     .registry(Registry::of::<roll_back>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("roll_back", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let console = Engine::builder().store(store).worker(false).start().await?;
/// let asked = console.desk().inbox(&alice, None, 100).await?.0.remove(0);
/// assert_eq!(asked.call, waiting.call_id());
///
/// let cancelled = console.desk().cancel(asked.call, &alice, Some("not now".to_owned())).await?;
/// let call = cancelled.call.unwrap();
/// assert!(matches!(call.phase(), Phase::Closed { outcome: Outcome::Cancelled { .. } }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Desk(pub(crate) Arc<Inner>);

impl Desk {
    /// Takes a decision. A refusal is an answer and is on record; `Err` is for a store that fails.
    ///
    /// # Errors
    ///
    /// [`Error::NoRequester`] for a decision without [`by`](Decision::by), except a report with a token;
    /// [`Error::Call`] or [`Error::Damaged`] for a call that cannot be read; otherwise if the store fails.
    pub async fn decide(&self, decision: Decision) -> Result<Decided, Error> {
        let taken = self.0.take(decision, None).await?;
        if let Ok(turned) = &taken {
            self.0.hint(*turned.loaded.call.id());
        }
        Ok(Decided::of(taken))
    }

    /// Withdraws a call: its requester or an operator.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCall`] if there is no such call; otherwise if the store fails. A refusal is an answer.
    pub async fn cancel(
        &self,
        call: CallId,
        by: &Identity,
        reason: Option<String>,
    ) -> Result<Decided, Error> {
        let inner = &*self.0;
        let loaded = inner.load(call).await?;
        let turned = inner
            .turn(loaded, |_, directory| {
                Ok(Move::Event(Event::Cancelled {
                    by: directory.actor(by, inner.clock.now()),
                    reason: reason.clone(),
                }))
            })
            .await?;
        Ok(Decided {
            answer: turned.answer,
            call: Some(turned.loaded.call),
        })
    }

    /// Issues a token with which the result of a waiting external call can be reported. Only for actors
    /// with the role `reporter`, and only while the result is awaited. The token is shown once.
    pub async fn issue_token(&self, call: CallId, by: &Identity) -> Result<Result<String, Refusal>, Error> {
        let token = random_token();
        let issued = self.register_token(call, by, &token).await?;
        Ok(issued.map(|()| token))
    }

    /// The same with a token that the caller made, for an edge that hands out the same one again after a crash: one
    /// that counts already is not issued twice. It must be as hard to guess as 256 random bits.
    pub async fn register_token(
        &self,
        call: CallId,
        by: &Identity,
        token: &str,
    ) -> Result<Result<(), Refusal>, Error> {
        let inner = &*self.0;
        let loaded = inner.as_recorded(inner.load(call).await?).await?;
        let hash = token_hash(token);
        let turned = inner
            .turn(loaded, |call, directory| {
                Ok(if call.knows_token(&hash) {
                    Move::Leave
                } else {
                    Move::Event(Event::TokenIssued {
                        by: directory.actor(by, inner.clock.now()),
                        token: hash,
                    })
                })
            })
            .await?;
        Ok(match turned.answer {
            Answer::Refused(refusal) => Err(refusal),
            Answer::Accepted | Answer::Repeated => Ok(()),
        })
    }

    /// What this actor may decide now, in the order of the calls, from the one after `after`.
    ///
    /// Reads `limit` calls at a time until at least `limit` requirements are found or there are no more
    /// calls, so there can be some more than `limit`. The second value is where to go on: pass it as
    /// `after`; none if this was all.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn suspend(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<suspend>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// # let Called::Waiting(waiting) = engine.call("suspend", r#"{"service":"billing"}"#).by(&alice).await? else {
    /// #     panic!("it waits for alice");
    /// # };
    /// let (asked, more) = engine.desk().inbox(&alice, None, 100).await?;
    /// assert_eq!(asked[0].call, waiting.call_id());
    /// assert_eq!(more, None);
    /// let (asked, _) = engine.desk().inbox(&Identity::asserted("mallory")?, None, 100).await?;
    /// assert!(asked.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn inbox(
        &self,
        by: &Identity,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<(Vec<Requirement>, Option<CallId>), Error> {
        let (found, next) = self.inbox_calls(by, after, limit).await?;
        let asked = found.into_iter().flat_map(|(_, asked)| asked);
        Ok((asked.collect(), next))
    }

    /// The same, each call with what it asks of this actor, for whoever shows them.
    pub async fn inbox_calls(
        &self,
        by: &Identity,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<(Vec<(Call, Vec<Requirement>)>, Option<CallId>), Error> {
        let inner = &*self.0;
        let directory = inner.directory.refreshed(&*inner.store).await?;
        let actor = directory.actor(by, inner.clock.now());
        let filter = CallFilter::WaitingFor(agenda::of(&actor));
        let (mut found, mut count) = (Vec::new(), 0);
        let mut after = after;
        // A member's own calls wait for his pool too and are passed over, so a page may hold nothing.
        loop {
            let rows = inner
                .store
                .calls(&inner.tenant, &filter, after, limit.max(1))
                .await?;
            let full = rows.len() >= limit.max(1);
            after = rows.last().map(|it| it.id);
            for row in rows {
                // One that cannot be read must not hide all others; whoever asks for it is told.
                let call = match inner.read(&row) {
                    Ok(call) => call,
                    Err(error) => {
                        tracing::error!(%error, "a call is left out of an inbox");
                        continue;
                    }
                };
                let mut asked = call.requirements();
                asked.retain(|it| may_decide(&call, it, &actor));
                if !asked.is_empty() {
                    count += asked.len();
                    found.push((call, asked));
                }
            }
            if !full || count >= limit {
                return Ok((found, after.filter(|_| full)));
            }
        }
    }

    /// Compares what is stored of a call with its own records, as every claim does before it runs.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if they differ: somebody edited the store, or a part of it is lost.
    pub async fn check(&self, id: CallId) -> Result<(), Error> {
        let loaded = self.0.load(id).await?;
        self.0.as_recorded(loaded).await.map(|_| ())
    }

    /// Whether a token was issued for this call and still counts: for an edge that tells those without one nothing.
    pub fn knows_token(&self, call: &Call, token: &str) -> bool {
        call.knows_token(&token_hash(token))
    }

    /// One call as it is now.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownCall`] if there is no such call; otherwise if the store fails.
    pub async fn call(&self, id: CallId) -> Result<Call, Error> {
        Ok(self.0.load(id).await?.call)
    }
}

/// Whether a requirement belongs into this actor's inbox.
fn may_decide(call: &Call, requirement: &Requirement, actor: &Actor) -> bool {
    use countersign_core::actor::{OPERATOR, REPORTER};
    use countersign_core::requirement::RequirementKind as Kind;
    match requirement.kind {
        Kind::UserInput | Kind::Confirmation => actor.is_person() && actor.id == *call.requester(),
        Kind::Approval => {
            actor.is_person()
                && !call.is_own(&actor.id)
                && !call.votes().iter().any(|it| it.by == actor.id)
                && requirement
                    .pool
                    .as_ref()
                    .is_some_and(|it| actor.pools.contains(it))
        }
        Kind::External => actor.has_role(REPORTER),
        Kind::InDoubt => actor.is_person() && actor.has_role(OPERATOR) && !call.is_own(&actor.id),
    }
}

/// The hash under which a reporting token is kept.
pub(crate) fn token_hash(token: &str) -> Digest {
    Digest::of(TOKEN, &[token.as_bytes()])
}

impl Inner {
    /// Takes a decision, and what follows from it. Refused without a call if there is none. With the hash of a token,
    /// the call is claimed in the same commit if that clears it and a worker of this process can run it.
    pub(crate) async fn take(
        &self,
        decision: Decision,
        token: Option<Digest>,
    ) -> Result<Result<Turned, Refusal>, Error> {
        let by = match (&decision.by, &decision.verdict) {
            (Some(by), _) => by.clone(),
            (None, Verdict::ReportWithToken(..)) => {
                Identity::asserted("token").map_err(|_| Error::NoRequester)?
            }
            (None, _) => return Err(Error::NoRequester),
        };
        let mut recent = self.recent.take(decision.on.call());
        let turned = loop {
            let (loaded, is_recent) = match recent.take() {
                Some(recent) => (recent, true),
                None => match self.load(decision.on.call()).await {
                    Ok(loaded) => (loaded, false),
                    Err(Error::UnknownCall(_)) => {
                        return self.refuse_unknown(decision.on, &by).await.map(Err);
                    }
                    Err(error) => return Err(error),
                },
            };
            let version = loaded.row.version;
            let turned = Box::pin(self.decided(loaded, &decision, &by, token)).await?;
            // Only a commit shows that what this process wrote last is still the call of now.
            if !is_recent || turned.loaded.row.version > version {
                break turned;
            }
        };
        Box::pin(self.after_decision(turned)).await.map(Ok)
    }

    async fn decided(
        &self,
        mut loaded: Loaded,
        decision: &Decision,
        by: &Identity,
        token: Option<Digest>,
    ) -> Result<Turned, Error> {
        let descriptor = self.stored_descriptor(&loaded.call).await?;
        let wish = decision.remember.map(|remember| Wish {
            id: self.new_grant_id(),
            salt: Digest::new(random_bytes()),
            remember,
        });
        loop {
            // Whatever is decided before the claim is compared with the records there. With it, after it, or for a
            // tool that nobody claims, this is the only look.
            let claims = token.filter(|_| may_clear(&loaded.call, decision));
            if claims.is_some() || is_past_claims(&loaded.call) {
                loaded = self.as_recorded(loaded).await?;
            }
            let (mut tightens, mut first, mut unseen) = (false, true, false);
            let then = |call: &Call, directory: &Directory| self.claiming(call, directory, claims?);
            let besides = Besides {
                then: Some(&then),
                run: None,
            };
            let turned = self
                .turn_and(
                    loaded,
                    |call, directory| {
                        tightens = false;
                        // Overtaken: what is loaded now was not compared with its records.
                        let must_be_seen = claims.is_some() || is_past_claims(call);
                        unseen = !std::mem::take(&mut first) && must_be_seen;
                        if unseen {
                            return Ok(Move::Leave);
                        }
                        let now = self.clock.now();
                        let actor = directory.actor(by, now);
                        let event = event(call, decision, &actor, &descriptor, directory, wish.as_ref(), now);
                        let event = match event {
                            Ok(event) => event,
                            Err(refusal) => {
                                // Who may not decide at all is told that, and nothing about the values.
                                let may = match decision.verdict {
                                    Verdict::ReportWithToken(..) => Ok(()),
                                    _ => call.may_be_answered(decision.on, &actor, now),
                                };
                                let refusal = may.err().unwrap_or(refusal);
                                return Ok(Move::Step(Box::new(call.clone().refuse(
                                    decision.on,
                                    &actor,
                                    refusal,
                                ))));
                            }
                        };
                        // What was accepted before gets the same answer, however the policy has changed since. What
                        // is over is not gated anew: whoever comes too late is told that.
                        let now = self.clock.now().max(*call.updated());
                        let over = call.deadline().is_some_and(|it| now >= it);
                        let settled = over || call.is_repeat(&event, now);
                        let stricter = stricter(call, directory).filter(|_| !settled);
                        tightens = stricter.is_some();
                        Ok(Move::Event(stricter.unwrap_or(event)))
                    },
                    besides,
                )
                .await?;
            if !tightens && !unseen {
                return Ok(turned);
            }
            // If the policy got stricter, that came first: the decision is now about an old seal.
            loaded = turned.loaded;
        }
    }

    /// What follows at once: a call that is too late closes, one in `Gating` is judged if we link its tool.
    async fn after_decision(&self, turned: Turned) -> Result<Turned, Error> {
        let (answer, followed, wrote_run) = (turned.answer.clone(), turned.followed, turned.wrote_run);
        let loaded = self.expired(turned).await?;
        let loaded = match loaded.call.phase() {
            Phase::Gating { .. } => self.gate(loaded).await?,
            _ => loaded,
        };
        Ok(Turned {
            loaded,
            answer,
            followed,
            wrote_run,
        })
    }

    /// Judges a call in `Gating`, if this process links its tool.
    pub(crate) async fn gate(&self, loaded: Loaded) -> Result<Loaded, Error> {
        let Some(entry) = self.registry.get(loaded.call.tool().as_str()) else {
            return Ok(loaded);
        };
        let mut grant = Box::pin(self.grant_at_gating(entry, &loaded.call)).await?;
        let turned = self
            .turn(loaded, |call, directory| {
                // Overtaken, the grant may have been used by another call: then a person is asked.
                let offer = grant.take().map(|it| offer(it, directory, self.clock.now()));
                Ok(regate(entry, directory, call, offer).map_or(Move::Leave, Move::Event))
            })
            .await?;
        self.expired(turned).await
    }

    /// The grant that lets a call through that was filled in, if there is one.
    async fn grant_at_gating(&self, entry: &Entry, call: &Call) -> Result<Option<Grant>, Error> {
        let directory = self.directory.last();
        let now = self.clock.now();
        let next = |offer: Option<Offer>| {
            regate(entry, &directory, call, offer).map(|event| call.clone().step(event, now))
        };
        let asks = |step: &Step| matches!(step.call.phase(), Phase::Confirm { .. });
        if !next(None).as_ref().is_some_and(asks) {
            return Ok(None);
        }
        let place = Place {
            owner: call.requester(),
            tool: call.tool(),
            run: Some(call.run()),
            session: call.session().as_ref(),
            tries: 0,
        };
        self.grant_for(place, &directory, |offer| {
            next(Some(offer.clone())).is_some_and(|it| it.change.is_some())
        })
        .await
    }

    /// Closes a call whose time was found to be over.
    pub(crate) async fn expired(&self, turned: Turned) -> Result<Loaded, Error> {
        let Turned { loaded, answer, .. } = turned;
        match (answer, loaded.call.phase()) {
            (_, Phase::Closed { .. }) => Ok(loaded),
            (Answer::Refused(refusal), _) if refusal.code == Code::Expired => Ok(self
                .turn(loaded, |_, _| Ok(Move::Event(Event::DeadlinePassed)))
                .await?
                .loaded),
            (Answer::Accepted | Answer::Repeated | Answer::Refused(_), _) => Ok(loaded),
        }
    }

    pub(crate) async fn stored_descriptor(&self, call: &Call) -> Result<Cow<'static, Descriptor>, Error> {
        if let Some(entry) = self
            .registry
            .get(call.tool().as_str())
            .filter(|it| it.digest() == *call.descriptor())
        {
            return Ok(Cow::Borrowed(entry.descriptor()));
        }
        let missing = || {
            StoreError::Damaged(format!(
                "the descriptor {} of a call is missing",
                call.descriptor()
            ))
        };
        let text = self
            .store
            .descriptor(call.descriptor())
            .await?
            .ok_or_else(missing)?;
        let descriptor: Descriptor = serde_json::from_str(&text)
            .map_err(|error| StoreError::Damaged(format!("a descriptor: {error}")))?;
        if descriptor.digest() != *call.descriptor() {
            return Err(StoreError::Damaged("a descriptor is not what its digest says".to_owned()).into());
        }
        Ok(Cow::Owned(descriptor))
    }

    async fn refuse_unknown(&self, on: RequirementId, by: &Identity) -> Result<Refusal, Error> {
        let mut fields = Fields::default();
        fields.insert("kind", "decision.refused".into());
        fields.insert("requirement", on.to_string().into());
        fields.insert("refusal", Code::UnknownRequirement.as_str().into());
        let auth: String = by.auth().chars().take(256).collect();
        fields.insert("actor", json!({"id": by.id().as_str(), "auth": auth}));
        self.store
            .commit(Commit {
                records: vec![Draft {
                    call: None,
                    fields,
                    blobs: Vec::new(),
                }],
                ..Commit::new(self.tenant.clone(), self.clock.now())
            })
            .await?;
        Ok(Refusal {
            code: Code::UnknownRequirement,
            message: format!("there is no {}", on.call()),
        })
    }
}

/// Whether this decision can be the last that a call waits for before it runs.
const fn may_clear(call: &Call, decision: &Decision) -> bool {
    matches!(call.phase(), Phase::Confirm { .. } | Phase::Approve { .. })
        && matches!(decision.verdict, Verdict::Confirm | Verdict::Approve)
}

/// Whether nobody will compare this call with its records later.
const fn is_past_claims(call: &Call) -> bool {
    matches!(
        call.phase(),
        Phase::Executing { .. } | Phase::External { .. } | Phase::InDoubt { .. }
    )
}

/// The tightening that must come first, if the policy of now demands more than what was frozen.
pub(crate) fn stricter(call: &Call, directory: &Directory) -> Option<Event> {
    match call.phase() {
        Phase::Confirm { .. } | Phase::Approve { .. } | Phase::Cleared { .. } => {
            let (gates, rules) = directory.tighten(call.tool().as_str(), call.gates(), call.arguments());
            (!call.gates().cover(&gates)).then(|| {
                let asked = call.gates().tightened(&gates);
                Event::Tightened {
                    satisfiable: can_be_met(
                        &asked,
                        directory,
                        &behind(call.requester(), call.agent().as_ref()),
                    ),
                    gates,
                    rules,
                }
            })
        }
        Phase::Input { .. }
        | Phase::Gating { .. }
        | Phase::Executing { .. }
        | Phase::External { .. }
        | Phase::InDoubt { .. }
        | Phase::Closed { .. } => None,
    }
}
