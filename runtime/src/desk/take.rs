//! How a decision becomes a step of its call: looked at, judged, committed, and what follows at once.

use std::borrow::Cow;

use countersign_core::audit::{Draft, Fields};
use countersign_core::call::{Call, Code, Event, Phase, Refusal, Step};
use countersign_core::digest::Digest;
use countersign_core::grant::{Grant, Offer, Wish};
use countersign_core::id::RequirementId;
use countersign_core::tool::Descriptor;
use serde_json::json;

use super::event::event;
use super::{Decision, Verdict, stricter};
use crate::directory::Directory;
use crate::engine::{Inner, random_bytes};
use crate::error::Error;
use crate::grant::{Place, offer};
use crate::identity::Identity;
use crate::judge::regate;
use crate::recent::Loaded;
use crate::registry::Entry;
use crate::store::{Commit, StoreError};
use crate::turn::{Besides, MOST_TRIES, Move, Turned};

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
        let decided = loop {
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
        // What follows at once: a call that is too late closes, one in `Gating` is judged if we link its tool.
        let mut turned = self.expired(decided).await?;
        if let Phase::Gating { .. } = turned.loaded.call.phase() {
            turned.loaded = Box::pin(self.gate(turned.loaded)).await?;
        }
        Ok(Ok(turned))
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
        for _ in 0..MOST_TRIES {
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
        Err(Error::Contended(*loaded.call.id()))
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
        Ok(self.expired(turned).await?.loaded)
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
    pub(crate) async fn expired(&self, mut turned: Turned) -> Result<Turned, Error> {
        if turned.is_late() {
            let late = self.turn(turned.loaded, |_, _| Ok(Move::Event(Event::DeadlinePassed)));
            turned.loaded = Box::pin(late).await?.loaded;
        }
        Ok(turned)
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
