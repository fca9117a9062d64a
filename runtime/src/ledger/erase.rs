//! Erasure and legal hold: who may make the words beside the log go away, and who may forbid it.
//!
//! What is erased are arguments, reasons and results. Who did what and when stays, and every proof holds: the
//! entries have only commitments, and the keys of those go with the words. Both acts are on record, and so is
//! every attempt. Those who may erase are not those who may lift a hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_core::actor::{AUDITOR, Actor, OPERATOR};
use countersign_core::audit::note::{Note, VerifierKey};
use countersign_core::audit::{Draft, Fields};
use countersign_core::call::{Call, Code, Phase, Refusal};
use countersign_core::digest::Digest;
use countersign_core::id::CallId;
use serde_json::{Map, Value, json};

use super::LedgerError;
use crate::engine::{Engine, Inner};
use crate::error::Error;
use crate::identity::Identity;
use crate::store::{CallWrite, Commit, Committed, Keeping};
use crate::turn::row;

/// The longest legal basis or reason, in characters. It stands in the log for ever.
const MOST_BASIS: usize = 256;
/// How many commitments one record names.
const MOST_NAMED: usize = 100;
/// How often a commit may be overtaken by another one.
const MOST_TRIES: usize = 100;

/// What came of setting or lifting a hold, or of erasing.
///
/// ```
/// use countersign::ledger::{Erased, Kept};
///
/// assert_ne!(Kept::Done(Erased { blobs: 0 }), Kept::Done(Erased { blobs: 3 }));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept<T = ()> {
    /// It is done and on record.
    Done(T),
    /// It does not count. That it was tried is on record.
    Refused(Refusal),
}

/// What was erased.
///
/// ```
/// assert_eq!(countersign::ledger::Erased { blobs: 2 }.blobs, 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// How many blobs.
    pub blobs: usize,
}

impl Engine {
    /// Signs the audit log as it is now. None for an empty log.
    ///
    /// The note may leave the machine: everything that it is about is on the disk.
    ///
    /// ```
    /// use countersign::ledger::{SigningKey, checked};
    /// use countersign::prelude::*;
    /// use countersign::store::Sqlite;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = SigningKey::generate(); // or SigningKey::open_or_create("countersign.key")
    /// let engine = Engine::builder()
    ///     .store(Sqlite::in_memory()?)
    ///     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    ///     .signing_key(key.clone())
    ///     .start()
    ///     .await?;
    /// let note = engine.checkpoint().await?.expect("the policy is on record");
    /// assert_eq!(checked(&note, &key.verifier(engine.tenant()))?.size, 1);
    /// # engine.stop().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`LedgerError::NoKey`] without a key; [`LedgerError::Diverged`] if the log is not what was signed last.
    pub async fn checkpoint(&self) -> Result<Option<Note>, LedgerError> {
        let keeper = self.inner.keeper.as_ref().ok_or(LedgerError::NoKey)?;
        keeper.signer.sign().await
    }

    /// The public key of this engine's log, if it signs.
    pub fn verifier_key(&self) -> Option<VerifierKey> {
        let keeper = self.inner.keeper.as_ref()?;
        Some(keeper.signer.key.verifier(self.tenant()))
    }

    /// Erases the words of a closed call: arguments, reasons and results. The actor must be a person with the
    /// role `operator`; `basis` says on which legal ground, in words that hold no personal data.
    ///
    /// Copies of the database made before still have them.
    pub async fn erase(&self, call: CallId, by: &Identity, basis: &str) -> Result<Kept<Erased>, Error> {
        let inner = &*self.inner;
        for _ in 0..MOST_TRIES {
            let directory = inner.directory.refreshed(&*inner.store).await?;
            let actor = directory.actor(by, inner.clock.now());
            let found = inner.words_of(call).await?;
            let stored = inner.store.call(&inner.tenant, call).await?;
            let stored = match stored {
                Some(before) => {
                    let read = Call::from_text(&before.terms, &before.state)
                        .map_err(|source| Error::Call { id: call, source })?;
                    Some((read, before))
                }
                None => None,
            };
            let held = inner.store.holds(&inner.tenant).await?;
            let allowed = may(&actor, OPERATOR, basis)
                .and_then(|()| is_closed(stored.as_ref().map(|(call, _)| call)))
                .and_then(|()| is_free(&held, call));
            if let Err(refusal) = allowed {
                return inner
                    .refuse("erase", Some(call), &actor, refusal)
                    .await
                    .map(Kept::Refused);
            }
            let blobs = found.len();
            let write = stored.and_then(|(call, before)| {
                let erased = call.erased()?;
                Some(CallWrite {
                    row: Arc::new(row(&erased, before.version + 1)),
                    replaces: Some(Arc::new(before)),
                })
            });
            let named: Vec<Value> = found.iter().map(|it| it.to_string().into()).collect();
            let records = pages(&named)
                .map(|named| {
                    let mut fields = said("blobs.erased", Some(call), &actor);
                    fields.insert("basis", basis.into());
                    fields.insert("blobs", Value::Array(named.to_vec()));
                    draft(fields)
                })
                .collect();
            let keeping = Keeping::Erase {
                call,
                blobs: found.into_iter().collect(),
            };
            let commit = inner.commit_of(records, write, Some(keeping), directory.revision);
            if let Committed::Done { .. } = inner.store.commit(commit).await? {
                return Ok(Kept::Done(Erased { blobs }));
            }
        }
        Err(Error::Contended(call))
    }

    /// Forbids to erase the words of a call, or any if none is named. The actor must be a person with the role
    /// `auditor`.
    pub async fn hold(&self, on: Option<CallId>, by: &Identity, reason: &str) -> Result<Kept, Error> {
        self.inner.keep("hold", "hold.set", on, by, reason).await
    }

    /// Ends a hold. The actor must be a person with the role `auditor`.
    pub async fn lift(&self, on: Option<CallId>, by: &Identity, reason: &str) -> Result<Kept, Error> {
        self.inner.keep("lift", "hold.lifted", on, by, reason).await
    }
}

impl Inner {
    async fn keep(
        &self,
        event: &str,
        kind: &str,
        on: Option<CallId>,
        by: &Identity,
        reason: &str,
    ) -> Result<Kept, Error> {
        for _ in 0..MOST_TRIES {
            let directory = self.directory.refreshed(&*self.store).await?;
            let actor = directory.actor(by, self.clock.now());
            let held = self.store.holds(&self.tenant).await?.contains(&on);
            let lifts = event == "lift";
            let fits = if lifts == held {
                Ok(())
            } else {
                let what = on.map_or_else(|| "the whole log".to_owned(), |it| it.to_string());
                let stands = if held { "is held already" } else { "is not held" };
                Err(refusal(Code::AlreadyDecided, format!("{what} {stands}")))
            };
            if let Err(refusal) = may(&actor, AUDITOR, reason).and(fits) {
                return self.refuse(event, on, &actor, refusal).await.map(Kept::Refused);
            }
            let mut fields = said(kind, on, &actor);
            fields.insert("basis", reason.into());
            let keeping = if lifts {
                Keeping::Lift { on }
            } else {
                Keeping::Hold { on }
            };
            let commit = self.commit_of(vec![draft(fields)], None, Some(keeping), directory.revision);
            if let Committed::Done { .. } = self.store.commit(commit).await? {
                return Ok(Kept::Done(()));
            }
        }
        Err(Error::Start("holds change too fast; try again".to_owned()))
    }

    async fn refuse(
        &self,
        event: &str,
        on: Option<CallId>,
        actor: &Actor,
        refusal: Refusal,
    ) -> Result<Refusal, Error> {
        let mut fields = said("keeping.refused", on, actor);
        fields.insert("event", event.into());
        fields.insert("refusal", refusal.code.as_str().into());
        let mut commit = self.commit_of(vec![draft(fields)], None, None, 0);
        commit.assumed_directory = None;
        self.store.commit(commit).await?;
        Ok(refusal)
    }

    /// What the records of a call are bound to and is still there.
    async fn words_of(&self, call: CallId) -> Result<BTreeSet<Digest>, Error> {
        let mut found = BTreeSet::new();
        let mut from = 0;
        loop {
            let entries = self.store.entries(&self.tenant, Some(call), from, 500).await?;
            let Some(last) = entries.last() else {
                return if from == 0 {
                    Err(Error::UnknownCall(call))
                } else {
                    Ok(found)
                };
            };
            from = last.seq + 1;
            for entry in &entries {
                let fields: Map<String, Value> = serde_json::from_str(&entry.text).unwrap_or_default();
                // Whatever is a digest and names a blob: a new kind of words is not forgotten.
                let digests = fields
                    .values()
                    .filter_map(|it| it.as_str()?.parse::<Digest>().ok());
                for digest in digests {
                    if self.store.blob(&self.tenant, &digest).await?.is_some() {
                        found.insert(digest);
                    }
                }
            }
        }
    }

    fn commit_of(
        &self,
        records: Vec<Draft>,
        call: Option<CallWrite>,
        keeping: Option<Keeping>,
        revision: u64,
    ) -> Commit {
        Commit {
            call,
            assumed_directory: Some(revision),
            records,
            keeping,
            ..Commit::new(self.tenant.clone(), self.clock.now())
        }
    }
}

/// In as many records as they take; in one if there are none.
fn pages(named: &[Value]) -> impl Iterator<Item = &[Value]> {
    let one = named.is_empty().then_some(named);
    one.into_iter().chain(named.chunks(MOST_NAMED))
}

fn said(kind: &str, call: Option<CallId>, actor: &Actor) -> Fields {
    let auth: String = actor.auth.chars().take(256).collect();
    let mut fields = Fields::default();
    fields.insert("kind", kind.into());
    fields.insert(
        "actor",
        json!({"id": actor.id.as_str(), "kind": actor.kind, "auth": auth}),
    );
    if let Some(call) = call {
        fields.insert("call", call.to_string().into());
    }
    fields
}

/// It is about a call and is none of its steps, so it is not among the records that lead to its state.
fn draft(fields: Fields) -> Draft {
    Draft {
        call: None,
        fields,
        blobs: Vec::new(),
    }
}

fn may(actor: &Actor, role: &str, basis: &str) -> Result<(), Refusal> {
    if !actor.is_person() {
        return Err(refusal(
            Code::NotAllowed,
            format!("`{}` is not a person", actor.id),
        ));
    }
    if !actor.has_role(role) {
        let message = format!("`{}` does not have the role `{role}`", actor.id);
        return Err(refusal(Code::NotAllowed, message));
    }
    if basis.trim().is_empty() || basis.chars().count() > MOST_BASIS {
        let message = format!("say on which ground, in at most {MOST_BASIS} characters");
        return Err(refusal(Code::InvalidInput, message));
    }
    Ok(())
}

fn is_closed(call: Option<&Call>) -> Result<(), Refusal> {
    match call.map(Call::phase) {
        // Of a tool that only had to be on record, nothing is kept but its records.
        None | Some(Phase::Closed { .. }) => Ok(()),
        Some(open) => Err(refusal(
            Code::OutOfTurn,
            format!("the call is in phase `{}`; it must be closed first", open.name()),
        )),
    }
}

fn is_free(holds: &[Option<CallId>], call: CallId) -> Result<(), Refusal> {
    if holds.contains(&None) {
        return Err(refusal(
            Code::NotAllowed,
            "a legal hold is on the whole log".to_owned(),
        ));
    }
    if holds.contains(&Some(call)) {
        return Err(refusal(Code::NotAllowed, format!("a legal hold is on {call}")));
    }
    Ok(())
}

fn refusal(code: Code, message: String) -> Refusal {
    Refusal { code, message }
}
