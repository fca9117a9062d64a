//! Takes decisions from people and hands them to the call they are about.
//!
//! The desk needs no linked tools: it works on a machine that only has the database, and then leaves
//! amended and filled calls in `Gating`, for a process that links the tool. Who somebody is was settled
//! at the edge; whether they may decide is settled in the machine.
//!
//! A refused decision is committed too. "Somebody tried" is worth more than "nothing happened".

mod decision;
mod event;
mod take;

use std::sync::Arc;

use countersign_core::actor::Actor;
use countersign_core::call::{Answer, Call, Event, Phase, Refusal};
use countersign_core::digest::Digest;
use countersign_core::id::CallId;
use countersign_core::requirement::Requirement;

use crate::agenda;
use crate::directory::Directory;
use crate::engine::{Inner, random_token};
use crate::error::Error;
use crate::identity::Identity;
use crate::judge::{behind, can_be_met};
use crate::store::CallFilter;
use crate::turn::{Move, Turned};

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

/// The tightening that must come first, if the policy of now demands more than what was frozen.
pub(crate) fn stricter(call: &Call, directory: &Directory) -> Option<Event> {
    match call.phase() {
        // What no rule speaks of cannot have got stricter.
        _ if !directory.has_rules_for(call.tool().as_str()) => None,
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
