//! Everything that generated code names. Not for people: it may change in any release.
//!
//! Macros write `::countersign::__private::…` and nothing else, so that a user's scope may shadow
//! whatever it likes.

mod probe;
mod spec;

pub use std::boxed::Box;
pub use std::option::Option;
pub use std::result::Result;
pub use std::string::String;
pub use std::time::Duration;
pub use std::vec::Vec;

pub use inventory;

pub use crate::__countersign_bypass as bypass;
pub use crate::args::{Argument, Arguments, Defaulted, Problem, Typed, Untyped, decode};
pub use crate::gate::Conditions;
pub use crate::tool::{
    ArgumentErrors, Body, BoxFuture, CallContext, Definition, Failure, Hints, Location, Registration, Scope,
    Tool,
};
pub use probe::{
    Encode, Facts, Fallible, NoContext, NoFacts, NoJson, NoResult, NoSchema, NoState, Plain, Probe, Returns,
    ToolArg, ToolContext, ToolError, ToolOutput, ToolReport, ToolState, assert_argument, assert_context,
    assert_report, assert_returns, assert_state, probe_resolved, probe_returned,
};
pub use spec::{
    ApprovalSpec, Cell, ExternalSpec, GateSpec, InputSpec, ParameterSpec, Spec, TextSpec, example,
};

use std::panic::{AssertUnwindSafe, catch_unwind};

/// `str`, where a user's scope may have another.
pub type Text = str;

/// Calls around the gates, for tests: nothing at all without the feature `testing`.
///
/// A macro of this crate, because generated code is compiled with the user's features, not with ours.
#[cfg(feature = "testing")]
#[doc(hidden)]
#[macro_export]
macro_rules! __countersign_bypass {
    ($($tokens:tt)*) => { $($tokens)* };
}

/// Calls around the gates, for tests: nothing at all without the feature `testing`.
#[cfg(not(feature = "testing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __countersign_bypass {
    ($($tokens:tt)*) => {};
}

/// Whether a `when` holds. A condition that panics holds: doubt closes the gate.
pub fn holds(condition: impl FnOnce() -> bool) -> bool {
    catch_unwind(AssertUnwindSafe(condition)).unwrap_or(true)
}

/// Whether a `check` lets the arguments through, or why not. One that panics does not.
pub fn fits<E: ToolError>(check: impl FnOnce() -> Result<(), E>) -> Result<(), ArgumentErrors> {
    match catch_unwind(AssertUnwindSafe(check)) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(refused)) => Err(ArgumentErrors(vec![refused.to_string()])),
        Err(_) => Err(ArgumentErrors(vec!["checking the arguments panicked".to_owned()])),
    }
}

/// The conditions of a tool that has no `when`: every gate stands.
#[inline]
pub fn unconditional<T>(
    arguments: Result<T, ArgumentErrors>,
    approvals: usize,
) -> Result<Conditions, ArgumentErrors> {
    arguments.map(|_| conditions(true, vec![true; approvals], true))
}

/// What the conditions of a tool came to.
pub fn conditions(confirmation: bool, approvals: impl Into<Vec<bool>>, audit: bool) -> Conditions {
    Conditions {
        confirmation,
        approvals: approvals.into(),
        audit,
    }
}
