//! Tools: what the macros generate and what the runtime reads.
//!
//! A tool is a [`Definition`] (function pointers, in the program) with a [`Descriptor`] (data, which
//! is stored and shown). Nothing here decides whether a tool may run; that is [`crate::gate`]'s.

use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::gate::{Conditions, DeclaredGates};
use crate::id::{ActorId, CallId, ToolName};
use crate::time::Timestamp;

/// What a tool is, as data: shown to models, stored by digest when a call is opened.
///
/// ```
/// use countersign_core::tool::Descriptor;
///
/// let descriptor: Descriptor = serde_json::from_value(serde_json::json!({
///     "name": "ping",
///     "description": "Answers.",
///     "parameters": [],
///     "input_schema": {"type": "object", "properties": {}, "additionalProperties": false},
///     "gates": {},
///     "hints": {"read_only": true, "destructive": false, "idempotent": true, "open_world": false},
/// }))?;
/// let reworded = Descriptor { description: "Replies.".to_owned(), ..descriptor.clone() };
/// assert_ne!(descriptor.digest(), reworded.digest());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Descriptor {
    /// What models and people call it.
    pub name: ToolName,
    /// A short title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the model reads, from the doc comment.
    pub description: String,
    /// The parameters in the order of the function, without `#[state]` and `#[context]`.
    pub parameters: Vec<Parameter>,
    /// JSON Schema (2020-12) of all arguments: an object, closed, subschemas inlined; `$defs` only
    /// where a type is recursive.
    pub input_schema: Value,
    /// JSON Schema of the result (of the reported one, for external tools), where the type has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
    /// What it demands before it runs.
    pub gates: DeclaredGates,
    /// `read_only`, `destructive`, `idempotent`, `open_world`.
    pub hints: Hints,
    /// The time limit of the body.
    #[serde(
        rename = "timeout_ms",
        with = "crate::gate::optional_millis",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub timeout: Option<Duration>,
    /// Why a destructive tool has no gate, from `ungated = "reason"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ungated: Option<String>,
    /// What must hold of the arguments together, as text, from `check = …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// One parameter of a tool.
///
/// ```
/// use countersign_core::tool::Parameter;
///
/// let parameter: Parameter = serde_json::from_str(r#"{"name":"limit","required":false,"default":10}"#)?;
/// assert!(!parameter.secret && parameter.default == Some(10.into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The name that the JSON uses.
    pub name: String,
    /// From the doc comment on the parameter; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it must be given.
    pub required: bool,
    /// What is used when it is absent, where that can be written as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// `#[arg(secret)]`: never in an entry, a notice, a trace or an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// What the author says about the effects of a tool; after MCP's tool annotations.
///
/// Hints ask nobody: a gate does.
///
/// ```
/// use countersign_core::tool::Hints;
///
/// let hints = Hints { read_only: true, ..Hints::default() };
/// assert!(!hints.destructive);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the hints of MCP: each is one yes or no"
)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy something.
    pub destructive: bool,
    /// Running it twice with the same idempotency key is as good as once.
    pub idempotent: bool,
    /// Reaches beyond the program's own data.
    pub open_world: bool,
}

impl Descriptor {
    /// SHA-256 over name, texts, schemas, options and the text of every `when` and of `check`.
    ///
    /// Not over file, line or body: a changed body is not seen here.
    pub fn digest(&self) -> Digest {
        // Sorted, so that equal descriptors have equal bytes. `serde_json` would do so by itself, but for a
        // feature that any crate of the program may switch on.
        let mut value = serde_json::to_value(self).unwrap_or_default();
        value.sort_all_objects();
        let text = value.to_string();
        Digest::of("countersign/descriptor/1", &[text.as_bytes()])
    }
}

/// Where a tool was written.
///
/// ```
/// use countersign_core::tool::Location;
///
/// let place = Location { module: "billing", file: "src/billing.rs", line: 12 };
/// assert_eq!(place.to_string(), "src/billing.rs:12 (in billing)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// The module, from `module_path!`.
    pub module: &'static str,
    /// The file, from `file!`.
    pub file: &'static str,
    /// The line, from `line!`.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} (in {})", self.file, self.line, self.module)
    }
}

/// A tool as the program holds it. Made by `#[tool]`, never by hand.
///
/// A descriptor is what is shown and stored; a definition is what runs.
///
/// ```
/// use countersign_core::tool::{Definition, linked};
///
/// let destructive = |it: &&Definition| (it.descriptor)().hints.destructive;
/// assert_eq!(linked().filter(destructive).count(), 0); // this example links no tool
/// ```
#[derive(Debug)]
pub struct Definition {
    /// The tool's name; the same as its descriptor's.
    pub name: &'static str,
    /// Where it was written.
    pub location: Location,
    /// Its description as data, computed once.
    pub descriptor: fn() -> &'static Descriptor,
    /// Which `when` conditions hold for these arguments (JSON text).
    pub conditions: fn(&str) -> Result<Conditions, ArgumentErrors>,
    /// Everything that is wrong with these arguments (JSON text), where the parameters named in the
    /// second one may still be missing: a person will fill them in.
    pub check: fn(&str, &[&str]) -> Result<(), ArgumentErrors>,
    /// The types of its `#[state]` parameters.
    pub states: fn() -> Vec<StateType>,
    /// The function.
    pub body: Body,
}

/// A type that a tool takes as `#[state]`.
///
/// ```
/// use std::any::TypeId;
///
/// use countersign_core::tool::StateType;
///
/// let state = StateType { id: TypeId::of::<String>(), name: "String" };
/// assert_eq!(state.id, TypeId::of::<String>());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateType {
    /// Which type.
    pub id: TypeId,
    /// Its name, for messages.
    pub name: &'static str,
}

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How to run a tool: arguments as JSON text in, the result as JSON text out.
///
/// The runtime picks where to run it by the variant; whoever calls it in tests gives a [`Scope`].
///
/// ```
/// use countersign_core::tool::Body;
///
/// let body = Body::Sync(|arguments, _| Ok(arguments.to_owned()));
/// assert!(matches!(body, Body::Sync(_)));
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Body {
    /// Nothing to run here; the result is reported from outside.
    None,
    /// A function that returns at once.
    Sync(fn(&str, &dyn Scope) -> Result<String, Failure>),
    /// A function that blocks its thread (`#[tool(blocking)]`): run it where that does no harm.
    Blocking(fn(&str, &dyn Scope) -> Result<String, Failure>),
    /// An async function.
    Async(for<'a> fn(&'a str, &'a dyn Scope) -> BoxFuture<'a, Result<String, Failure>>),
}

/// What a running tool can reach besides its arguments.
///
/// ```
/// use std::any::{Any, TypeId};
///
/// use countersign_core::id::{ActorId, CallId};
/// use countersign_core::tool::{CallContext, Scope};
///
/// struct Nothing;
///
/// impl Scope for Nothing {
///     fn state(&self, _: TypeId) -> Option<&(dyn Any + Send + Sync)> {
///         None
///     }
///
///     fn context(&self) -> CallContext {
///         let requester = ActorId::new("alice").expect("a name");
///         CallContext::new(CallId::new(0, 0), requester, Vec::new(), "key".to_owned(), None)
///     }
/// }
///
/// assert!(Nothing.state(TypeId::of::<String>()).is_none());
/// assert_eq!(Nothing.context().requester.as_str(), "alice");
/// ```
pub trait Scope: Sync {
    /// The value of a `#[state]` type, if the program provided one.
    fn state(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)>;

    /// What the tool may know about its call; built only for tools that ask.
    fn context(&self) -> CallContext;
}

/// What a tool body may know about the call it serves, through a `#[context]` parameter.
///
/// ```
/// use countersign_core::id::{ActorId, CallId};
/// use countersign_core::tool::CallContext;
///
/// let call = CallId::new(0, 1);
/// let context = CallContext::new(call, ActorId::new("alice")?, Vec::new(), call.to_string(), None);
/// assert_eq!(context.report_token(), None);
/// # Ok::<(), countersign_core::id::IdError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallContext {
    /// The call.
    pub call: CallId,
    /// On whose behalf it was made.
    pub requester: ActorId,
    /// Who approved it, and when. Empty for a tool without approval gates.
    pub approvals: Vec<Approved>,
    /// The same over retries of this call: pass it to the system that does the work.
    pub idempotency_key: String,
    report_token: Option<String>,
}

impl CallContext {
    /// What a tool may know about `call`. Made by the runtime.
    pub const fn new(
        call: CallId,
        requester: ActorId,
        approvals: Vec<Approved>,
        idempotency_key: String,
        report_token: Option<String>,
    ) -> Self {
        Self {
            call,
            requester,
            approvals,
            idempotency_key,
            report_token,
        }
    }

    /// The one-time token with which an outside system reports this call's result; only for
    /// `external_execution`.
    pub fn report_token(&self) -> Option<&str> {
        self.report_token.as_deref()
    }
}

/// Somebody's approval.
///
/// ```
/// use countersign_core::id::ActorId;
/// use countersign_core::time::Timestamp;
/// use countersign_core::tool::Approved;
///
/// let approved = Approved { by: ActorId::new("bob")?, at: Timestamp::from_millis(0) };
/// assert_eq!(approved.by.as_str(), "bob");
/// # Ok::<(), countersign_core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Who.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
}

/// Why a tool gave no result.
///
/// ```
/// use countersign_core::tool::Failure;
///
/// let failure = Failure::State("Ledger");
/// assert!(failure.to_string().starts_with("no state of type `Ledger` was provided"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The arguments do not fit; the function was not started.
    #[error("{0}")]
    Arguments(#[from] ArgumentErrors),
    /// A `#[state]` was not provided; the function was not started.
    #[error("no state of type `{0}` was provided; add `.state(…)` where the engine is built")]
    State(&'static str),
    /// The function returned an error.
    #[error("{0}")]
    Failed(String),
    /// The function returned, but its result cannot be written as JSON.
    #[error("the tool ran, but its result cannot be written as JSON: {0}")]
    Output(String),
}

/// Everything that is wrong with the arguments of a call, in words a model can act on.
///
/// ```
/// use countersign_core::tool::ArgumentErrors;
///
/// let errors = ArgumentErrors(vec!["`a` is missing".to_owned(), "`b` is unknown".to_owned()]);
/// assert_eq!(errors.to_string(), "`a` is missing; `b` is unknown");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct ArgumentErrors(pub Vec<String>);

/// Implemented by the type that `#[tool]` makes for each function, under the function's name.
pub trait Tool: 'static {
    /// The tool.
    fn definition() -> &'static Definition;

    /// The tool as data.
    fn descriptor() -> &'static Descriptor {
        (Self::definition().descriptor)()
    }
}

/// A tool that `#[tool]` has put into the program. Submitted by generated code only.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registration(pub fn() -> &'static Definition);

inventory::collect!(Registration);

/// Every tool that is linked into this program, in no particular order.
///
/// A crate whose items are never named is not linked; `use billing_tools as _;` names it.
///
/// ```
/// use countersign_core::tool::linked;
///
/// assert_eq!(linked().count(), 0); // this example has no tool
/// ```
pub fn linked() -> impl Iterator<Item = &'static Definition> {
    inventory::iter::<Registration>.into_iter().map(|it| (it.0)())
}

/// A list of tools by their types: one tool, or a tuple of up to sixteen lists.
///
/// ```text
/// Registry::of::<(search_orders, (issue_refund, restart_service))>()
/// ```
pub trait Tools {
    /// Adds the tools of this list.
    fn collect(into: &mut Vec<&'static Definition>);

    /// The tools of this list, in the order written.
    fn definitions() -> Vec<&'static Definition> {
        let mut all = Vec::new();
        Self::collect(&mut all);
        all
    }
}

impl<T: Tool> Tools for T {
    fn collect(into: &mut Vec<&'static Definition>) {
        into.push(T::definition());
    }
}

macro_rules! lists {
    ($($first:ident $($rest:ident)*)?) => {$(
        impl<$first: Tools, $($rest: Tools),*> Tools for ($first, $($rest,)*) {
            fn collect(into: &mut Vec<&'static Definition>) {
                $first::collect(into);
                $($rest::collect(into);)*
            }
        }
        lists!($($rest)*);
    )?};
}

lists!(A B C D E F G H I J K L M N O P);

impl Tools for () {
    fn collect(_: &mut Vec<&'static Definition>) {}
}
