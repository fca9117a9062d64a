//! Human approval for the functions that language models call.
//!
//! Attributes on a function say who must agree before it runs. The engine holds calls of it back, asks those
//! people, and runs it once, exactly as they saw it, across crashes and restarts. The audit log says who
//! decided what.
//!
//! ```
//! use countersign::prelude::*;
//! use countersign::store::Sqlite;
//! use countersign::{Answer, Outcome};
//! use serde_json::json;
//!
//! // A tool: what models are told comes from name, comment and types; who is asked, from the attributes.
//! /// Refund a customer.
//! #[approval(required, pool = "managers", when = *amount_cents >= 10_000)] // then a manager signs off
//! #[tool(requires_confirmation, destructive)] // first, the person asking confirms
//! async fn issue_refund(customer_id: String, amount_cents: u64) -> Result<String, String> {
//!     Ok(format!("refunded {amount_cents} to {customer_id}"))
//! }
//!
//! const POLICY: &str = r#"
//!     [actors]
//!     alice = { kind = "person" }
//!     bob = { kind = "person", roles = ["manager"] }
//!     [pools]
//!     managers = { roles = ["manager"] }
//! "#;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // An engine: tools, a place to keep calls, and who exists. It runs cleared calls in the background.
//!     let engine = Engine::builder()
//!         .store(Sqlite::in_memory()?) // or Sqlite::open("countersign.db")
//!         .registry(Registry::of::<issue_refund>()?) // or Registry::from_inventory()
//!         .policy(Policy::parse(POLICY)?) // or Policy::load("countersign.toml")
//!         .start()
//!         .await?;
//!     let (alice, bob) = (Identity::asserted("alice")?, Identity::asserted("bob")?);
//!
//!     // A call: checked, stored, and waiting. Nothing has run.
//!     let arguments = json!({"customer_id": "ACME-123", "amount_cents": 50_000});
//!     let Called::Waiting(waiting) = engine.call("issue_refund", arguments).by(&alice).await? else {
//!         panic!("a gated call waits");
//!     };
//!     let asked = waiting.active_requirements().remove(0);
//!
//!     // Decisions: from this program, or from any other that has the store.
//!     let desk = engine.desk();
//!     let decided = desk.decide(Decision::confirm(&asked).by(&alice)).await?;
//!     let asked = decided.call.expect("there is such a call").requirements().remove(0);
//!     let decided = desk.decide(Decision::approve(&asked).by(&alice)).await?;
//!     assert!(matches!(decided.answer, Answer::Refused(_))); // nobody approves their own call
//!     desk.decide(Decision::approve(&asked).by(&bob).reason("ticket 81")).await?;
//!
//!     // The outcome, here as JSON text.
//!     let outcome = engine.wait(waiting.call_id()).await?;
//!     let Outcome::Returned { result, .. } = outcome else { panic!("{outcome:?}") };
//!     assert_eq!(result, r#""refunded 50000 to ACME-123""#);
//!     engine.stop().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Where to look
//!
//! - [`macro@tool`] and [`macro@approval`]: what can be said on a function.
//! - [`Engine`], [`Desk`], [`Worker`]: whoever proposes, decides and runs. They meet only in the
//!   [`Store`](store::Store).
//! - [`Policy`]: actors, pools, and rules that tighten what the attributes say.
//! - [`schema`]: tools in the words of each model provider, and `tools.lock`.
//! - `testing`: a clock that stands still and people who decide by script.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite` (default) | the embedded store, and `runtime` |
//! | `runtime` | the engine; a crate that only declares tools does without |
//! | `traces` | the engine's spans in a file of their own: [`trace::Recorder`], [`trace::TraceFile`] |
//! | `otlp` | the same spans sent to an OpenTelemetry collector: [`trace::Otlp`] |
//! | `testing` | `bypass_gates` on every tool, and the module of that name; never in what is deployed |

// Code generated in this crate's own tests names it as everybody else does.
#[allow(unused_extern_crates, reason = "used by tests that declare a tool")]
extern crate self as countersign;

pub use countersign_core as core;
pub use countersign_core::canonical::Canonical;
pub use countersign_core::digest::Digest;
pub use countersign_core::gate;
pub use countersign_core::grant::{Grant, Remember};
pub use countersign_core::id::{
    ActorId, CallId, GrantId, PoolName, RequirementId, Role, RunId, SessionId, TenantId, ToolName, WorkerId,
};
pub use countersign_core::requirement::{Requirement, RequirementKind};
pub use countersign_core::time::Timestamp;
pub use countersign_core::tool::{CallContext, Descriptor, Tool, Tools};

/// Demands an approval before a tool runs, or a record of every call.
///
/// Stands on the same function as [`macro@tool`], above or below it, as often as needed.
///
/// ```
/// use countersign::prelude::*;
///
/// /// Refund a customer.
/// #[approval(required, pool = "managers", when = *amount_cents >= 10_000)]
/// #[approval(required, pool = "finance", quorum = 2, expires_in = "48h", when = *amount_cents >= 1_000_000)]
/// #[tool(requires_confirmation, destructive)] // the asker confirms, then the approvers sign
/// async fn refund(customer: String, amount_cents: u64) -> Result<String, std::fmt::Error> {
///     Ok(format!("{customer}: {amount_cents}"))
/// }
///
/// /// Export a customer's data.
/// #[approval(audit)] // never waits, every call is on the record
/// #[tool(read_only)]
/// fn export(customer: String) -> String {
///     customer
/// }
///
/// assert_eq!(refund::descriptor().gates.approvals[1].quorum, 2);
/// ```
///
/// `required` waits for `quorum` people (one, unless said) of the `pool` (`approvers`, unless said), never
/// the person who asked. All gates whose `when` holds must be met, each by people of its own. `audit` asks
/// nobody, so it has neither:
///
/// ```compile_fail
/// # use countersign::prelude::*;
/// /// Export a customer's data.
/// #[approval(audit, pool = "finance")]
/// #[tool]
/// fn export(customer: String) {
///     drop(customer);
/// }
/// ```
///
/// An approval that no tool collects does not compile, so that no gate is ever lost:
///
/// ```compile_fail
/// # use countersign::prelude::*;
/// /// Export a customer's data.
/// #[approval(required)]
/// fn export(customer: String) {
///     drop(customer);
/// }
/// ```
pub use countersign_macros::approval;
/// Makes a function a tool: something that a model, an MCP client or a script may ask to be called.
///
/// The name, the doc comments and the types say what models are told; the attributes say who is asked
/// before it runs.
///
/// ```
/// use countersign::prelude::*;
///
/// /// Add two numbers.
/// #[tool]
/// fn add(
///     /// The first one.
///     a: i64,
///     /// The second one; nothing is added if it is left out.
///     b: Option<i64>,
/// ) -> i64 {
///     a + b.unwrap_or_default()
/// }
///
/// // Without a gate the function stays a function, and a type of the same name stands for the tool.
/// assert_eq!(add(1, Some(2)), 3);
/// assert_eq!(add::descriptor().description, "Add two numbers.");
/// ```
///
/// # Gates
///
/// They are passed in this order, whatever the order in which they are written: user input,
/// confirmation, approvals (see [`macro@approval`]), execution.
///
/// ```
/// use countersign::prelude::*;
///
/// /// Restart a service.
/// #[tool(requires_confirmation)] // the person asking confirms this exact call
/// async fn restart_service(service: String) -> Result<String, std::fmt::Error> {
///     Ok(format!("{service} restarted"))
/// }
///
/// /// Send a message.
/// #[tool(requires_confirmation(when = to.len() > 1, expires_in = "1h"))]
/// fn send(to: Vec<String>, text: String) {
///     drop((to, text));
/// }
///
/// /// File a support ticket.
/// #[tool(requires_user_input(severity))] // hidden from the model, asked from the person
/// fn file_ticket(summary: String, severity: u8) -> String {
///     format!("{summary} ({severity})")
/// }
///
/// /// Change management decides.
/// #[tool(external_execution)] // no body: the result is reported from outside
/// fn submit_change(summary: String) -> bool;
/// ```
///
/// A gated function cannot be called around its gates: only the type of its name remains.
///
/// ```compile_fail,E0423
/// use countersign::prelude::*;
///
/// /// Restart a service.
/// #[tool(requires_confirmation)]
/// fn restart(service: String) {
///     drop(service);
/// }
///
/// restart("billing".to_owned());
/// ```
///
/// Tests do so with `restart::bypass_gates(…)`, which exists with the feature `testing` only.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `name = "billing.refund"` | what models call it, if not by the function's name |
/// | `title = "Refund"`, `description = "…"` | for people; for models, in place of the doc comment |
/// | `requires_user_input`, `requires_user_input(FIELD, …)` | every parameter is shown to the person, pre-filled; or these are hidden from the model and asked |
/// | `requires_confirmation`, `requires_confirmation(when = EXPR)` | the person asking confirms |
/// | `external_execution`, `external_execution(result = TYPE)` | without a body: the result is reported from outside; with one: the body hands the work over |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | what the author says about its effects |
/// | `ungated = "reason"` | a destructive tool that nobody needs to be asked about |
/// | `check = EXPR` | what must hold of the arguments together, and why they are refused if it does not |
/// | `unlisted` | part of a program only where it is named by its type, as tools of a library should be |
/// | `timeout = "30s"`, `blocking` | a time limit; a sync function that blocks its thread |
/// | `crate = PATH` | where Countersign is, if not in `Cargo.toml` |
///
/// Every gate takes `expires_in = "48h"`. `when = EXPR` is an expression over the parameters by
/// reference; where it panics, the gate stands. Arithmetic operators, `as` and what depends on the build
/// do not compile in it: release builds wrap where tests panic.
///
/// ```compile_fail
/// # use countersign::prelude::*;
/// /// Pay.
/// #[tool(requires_confirmation(when = *cents + *fee > 10_000))] // cents.saturating_add(*fee) > 10_000
/// fn pay(cents: u64, fee: u64) {
///     let _ = (cents, fee);
/// }
/// ```
///
/// A `check` is such an expression too, of type `Result<(), E>` where `E` has words (`Display`). It is
/// asked whenever complete arguments are read: before anybody is asked about them, after a person has
/// filled in or changed any, and before the function runs. Its error goes to whoever gave the arguments,
/// so it says which of them and must not repeat a secret; where it panics, they are refused.
///
/// ```
/// use countersign::prelude::*;
///
/// fn in_order(start: u64, end: u64) -> Result<(), &'static str> {
///     if start < end { Ok(()) } else { Err("argument `end`: must be after `start`") }
/// }
///
/// /// Book a room.
/// #[tool(requires_user_input(end), check = in_order(*start, *end))]
/// fn book(start: u64, end: u64) -> u64 {
///     end - start
/// }
///
/// assert_eq!(book::descriptor().check.as_deref(), Some("in_order(*start, *end)"));
/// let refused = (book::definition().conditions)(r#"{"start": 5, "end": 4}"#);
/// assert_eq!(refused.unwrap_err().to_string(), "argument `end`: must be after `start`");
/// ```
///
/// # Parameters
///
/// Plain ones come from the caller: any type with `serde::Deserialize` and `schemars::JsonSchema`.
/// `#[state]` takes a clone of a value that the program provides, `#[context]` the
/// [`CallContext`]. `#[arg(…)]` says more about a plain one.
///
/// ```
/// use countersign::prelude::*;
///
/// #[derive(Clone)]
/// struct Ledger;
///
/// /// Look an order up.
/// #[tool(read_only)]
/// fn look_up(
///     #[state] ledger: Ledger,
///     #[context] context: CallContext,
///     #[arg(rename = "order", example = "A-1")] id: String,
///     #[arg(default = 10)] limit: u32,
///     #[arg(secret)] token: Option<String>, // never in a log, a notice or an error
/// ) -> String {
///     let _ = (ledger, context.requester, limit, token);
///     id
/// }
///
/// assert!(!look_up::descriptor().parameters[1].required);
/// ```
///
/// # Results
///
/// Anything with `serde::Serialize`, or a `Result` of it whose error has words (`Display`).
pub use countersign_macros::tool;

#[cfg(feature = "runtime")]
mod actors;
#[cfg(feature = "runtime")]
mod agenda;
#[cfg(feature = "runtime")]
mod audited;
#[cfg(feature = "runtime")]
mod call;
#[cfg(feature = "runtime")]
pub mod clock;
#[cfg(feature = "runtime")]
mod desk;
#[cfg(feature = "runtime")]
mod directory;
#[cfg(feature = "runtime")]
mod engine;
#[cfg(feature = "runtime")]
mod error;
#[cfg(feature = "runtime")]
mod fatigue;
#[cfg(feature = "runtime")]
mod grant;
#[cfg(feature = "runtime")]
mod identity;
#[cfg(feature = "runtime")]
mod invoke;
#[cfg(feature = "runtime")]
mod judge;
#[cfg(feature = "runtime")]
mod lease;
#[cfg(feature = "runtime")]
pub mod ledger;
#[cfg(feature = "runtime")]
mod lend;
#[cfg(feature = "runtime")]
mod notify;
#[cfg(feature = "runtime")]
mod opening;
#[cfg(feature = "runtime")]
pub mod policy;
#[cfg(feature = "runtime")]
mod recent;
#[cfg(feature = "runtime")]
pub mod registry;
#[cfg(feature = "runtime")]
mod run;
#[cfg(feature = "runtime")]
pub mod schema;
#[cfg(feature = "runtime")]
pub mod store;
#[cfg(all(feature = "runtime", feature = "testing"))]
pub mod testing;
#[cfg(feature = "runtime")]
pub mod trace;
#[cfg(feature = "runtime")]
mod turn;
#[cfg(feature = "runtime")]
mod worker;

#[cfg(feature = "runtime")]
pub use crate::actors::KnownActor;
#[cfg(feature = "runtime")]
pub use crate::call::{Arguments, CallBuilder, CallFuture, Called};
#[cfg(feature = "runtime")]
pub use crate::desk::{Decide, Decided, Decision, Desk, Verdict};
#[cfg(feature = "runtime")]
pub use crate::engine::{Changes, Engine, EngineBuilder, LEASE, Waiting};
#[cfg(feature = "runtime")]
pub use crate::error::Error;
#[cfg(feature = "runtime")]
pub use crate::grant::Revoked;
#[cfg(feature = "runtime")]
pub use crate::identity::Identity;
#[cfg(feature = "runtime")]
pub use crate::lend::Introduction;
#[cfg(feature = "runtime")]
pub use crate::notify::{Notice, NoticeKind, Notify, NotifyError};
#[cfg(feature = "runtime")]
pub use crate::policy::Policy;
#[cfg(feature = "runtime")]
pub use crate::registry::{Registry, Tier};
#[cfg(feature = "runtime")]
pub use crate::run::WriteRun;
#[cfg(feature = "runtime")]
pub use crate::worker::{Advanced, Worker};
#[cfg(feature = "runtime")]
pub use countersign_core::call::{Answer, Call, Code, Effect, Event, Outcome, Phase, Refusal, Source};

/// What generated code names.
#[doc(hidden)]
pub mod __private {
    pub use countersign_core::private::*;
    pub use countersign_macros::{
        __countersign_approval_needs_a_tool, __countersign_tool_after_other_attributes,
    };
}

/// What a file with tools in it needs.
pub mod prelude {
    pub use crate::{CallContext, Tool, approval, tool};
    #[cfg(feature = "runtime")]
    pub use crate::{Called, Decide, Decision, Engine, Identity, Policy, Registry, Remember};
}
