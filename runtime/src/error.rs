//! What can go wrong, as opposed to what can be refused.

use countersign_core::call::CallError;
use countersign_core::grant::GrantError;
use countersign_core::id::{CallId, GrantId, IdError, RunId};
use countersign_core::tool::{ArgumentErrors, Failure};

use crate::policy::PolicyError;
use crate::registry::RegistryError;
use crate::store::StoreError;

/// An error of the engine. A refused decision is no error but an [`Answer`](crate::Answer).
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Error, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn restart(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<restart>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// let error = engine.call("restrat", "{}").by(&alice).await.unwrap_err();
/// assert!(matches!(&error, Error::UnknownTool { name, .. } if name == "restrat"));
/// assert_eq!(error.to_string(), "there is no tool `restrat`; did you mean `restart`?");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed. What was acknowledged is still true.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The audit log could not be signed, read or checked.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The tools do not fit together.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A stored call cannot be read. Nothing was run.
    #[error("{id}: {source}")]
    Call {
        /// Which call.
        id: CallId,
        /// Why.
        source: CallError,
    },
    /// What is stored of a call is not what its records say, or not what was sealed. Nothing was run.
    #[error("{id} is damaged: {why}; nothing was run. Restore a backup, or cancel the call")]
    Damaged {
        /// Which call.
        id: CallId,
        /// What does not fit.
        why: String,
    },
    /// No tool of that name is linked.
    #[error("there is no tool `{name}`{hint}")]
    UnknownTool {
        /// The name.
        name: String,
        /// What may have been meant.
        hint: String,
    },
    /// There is no such call.
    #[error("there is no {0}")]
    UnknownCall(CallId),
    /// There is no such run of this requester.
    #[error("there is no {0} of this requester; leave the run out to begin a new one")]
    UnknownRun(RunId),
    /// Calls are opened in the run of an agent only while the agent leads it.
    #[error("{run} is {status}, and only its agent opens calls in it, while it is running")]
    RunNotLed {
        /// Which.
        run: RunId,
        /// How it stands.
        status: String,
    },
    /// A call that joins a run belongs to the session of that run.
    #[error("{0} is of another session; leave the session out, it is that of the run")]
    OtherSession(RunId),
    /// The id that a call was to have is another call's.
    #[error("{0} is taken by another call; take a new id from `Engine::new_call_id`")]
    TakenId(CallId),
    /// The text is no id or name of the kind that is needed.
    #[error(transparent)]
    Id(#[from] IdError),
    /// There is no such grant.
    #[error("there is no {0}")]
    UnknownGrant(GrantId),
    /// A stored grant cannot be read, or is not what its records say. It passes nothing.
    #[error("{id}: {source}")]
    Grant {
        /// Which grant.
        id: GrantId,
        /// Why.
        source: GrantError,
    },
    /// The stored columns of a grant and its text differ. It passes nothing.
    #[error("{id} is damaged: its columns are not what its text says in version {version}; revoke it")]
    DamagedGrant {
        /// Which grant.
        id: GrantId,
        /// The stored version.
        version: u64,
    },
    /// Too many calls wait for people already. Nothing was stored.
    #[error(
        "{limit} = {most}: {whose} has {most} calls that wait for people; decide or cancel some of them, \
             or raise the limit under [limits] in the policy"
    )]
    TooManyPending {
        /// Which limit.
        limit: &'static str,
        /// Its value.
        most: u32,
        /// The run or the requester that has reached it.
        whose: String,
    },
    /// The arguments do not fit. Nothing was run and nobody is asked.
    #[error("the arguments do not fit: {0}")]
    Arguments(#[from] ArgumentErrors),
    /// A tool that runs in place failed.
    #[error("the tool failed: {0}")]
    Failed(Failure),
    /// The tools need something that the program did not provide.
    #[error("{0}")]
    Start(String),
    /// A gated call or a decision needs a requester or an actor.
    #[error("say on whose behalf: `.by(&identity)`")]
    NoRequester,
    /// A commit lost against others more often than can be explained.
    #[error("{0} changes too fast; try again")]
    Contended(CallId),
}
