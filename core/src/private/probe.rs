//! Asks the compiler about a user's type and always type-checks.
//!
//! An inherent item with a bound wins where the bound holds, the trait of the same name everywhere
//! else. So of all the generated code only the `assert_…` line can fail, and a bad type is one error
//! under the user's own token. The fallback traits are implemented for our types only: they add no
//! method to any type that a `when` or a function body may use.

use std::any::TypeId;
use std::fmt::Display;
use std::future::Future;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::args::{self, Problem, Typed, Untyped};
use crate::tool::{CallContext, Failure, Scope, StateType};

/// A type that a tool can take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool parameter",
    label = "the caller's JSON cannot be turned into this type",
    note = "derive `serde::Deserialize` and `schemars::JsonSchema` for it and for the types inside it; it must also be `Send` and own its data",
    note = "a value that the program provides is marked `#[state]`, the call itself `#[context]`"
)]
pub trait ToolArg: DeserializeOwned + JsonSchema + Send + 'static {}
#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> ToolArg for T {}

/// A type that a program can provide to its tools.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a `#[state]`",
    label = "every call gets a clone of it, on any thread",
    note = "make it `Clone + Send + Sync + 'static`, for instance by wrapping it in an `Arc`"
)]
pub trait ToolState: Clone + Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> ToolState for T {}

/// What a `#[context]` parameter can be.
#[diagnostic::on_unimplemented(
    message = "`#[context]` gives a `CallContext`, not `{Self}`",
    label = "expected `countersign::CallContext`",
    note = "a value that the program provides is marked `#[state]`"
)]
pub trait ToolContext: Sized {
    /// The context of the call that `scope` serves.
    fn of(scope: &dyn Scope) -> Self;
}

impl ToolContext for CallContext {
    fn of(scope: &dyn Scope) -> Self {
        scope.context()
    }
}

/// A type that a tool can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a tool",
    label = "it cannot be written as JSON",
    note = "derive `serde::Serialize` for it and for the types inside it"
)]
pub trait ToolOutput: Serialize {}
#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> ToolOutput for T {}

/// A type that a tool can fail with.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a tool",
    label = "it cannot be put into words for the caller",
    note = "implement `std::fmt::Display` for it"
)]
pub trait ToolError: Display {}
#[diagnostic::do_not_recommend]
impl<E: Display + ?Sized> ToolError for E {}

/// A type that an outside system can report as a tool's result.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be reported as the result of a tool",
    label = "a reported result is checked against the schema of this type",
    note = "derive `schemars::JsonSchema` for it and for the types inside it"
)]
pub trait ToolReport: JsonSchema {}
#[diagnostic::do_not_recommend]
impl<T: JsonSchema + ?Sized> ToolReport for T {}

/// Fails to compile, once, if `T` cannot be an argument.
pub const fn assert_argument<T: ToolArg>() {}

/// Fails to compile, once, if `T` cannot be a state.
pub const fn assert_state<T: ToolState>() {}

/// Fails to compile, once, if `T` is not the context.
pub const fn assert_context<T: ToolContext>() {}

/// Fails to compile, once, if a tool cannot return this.
pub fn assert_returns<K: Returns>(_: K) {}

/// Fails to compile, once, if this cannot be reported.
pub fn assert_report<K: Reports>(_: K) {}

/// A question about `T`.
pub struct Probe<T: ?Sized>(PhantomData<fn() -> T>);

impl<T: ?Sized> Probe<T> {
    /// The only one.
    pub const NEW: Self = Self(PhantomData);
}

/// A question about what a function returns, for types that have no name.
pub fn probe_returned<A, R>(_: impl FnOnce(A) -> R) -> Probe<R> {
    Probe::NEW
}

/// A question about what an async function returns, for types that have no name.
pub fn probe_resolved<A, F: Future>(_: impl FnOnce(A) -> F) -> Probe<F::Output> {
    Probe::NEW
}

/// What there is to know about the type of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) optional: fn() -> bool,
    pub(crate) examine: fn(Value) -> Result<(), Problem>,
}

impl<T: ToolArg> Probe<T> {
    /// How to read it.
    pub const ARGUMENT: Typed<T> = Typed::NEW;
    /// What there is to know about it.
    pub const FACTS: Facts = Facts {
        schema: SchemaGenerator::subschema_for::<T>,
        optional: || args::absent::<T>().is_some(),
        examine: args::examine::<T>,
    };
}

/// A type that cannot be a parameter: the assertion has said so.
pub trait NoFacts<T> {
    /// Cannot be read.
    const ARGUMENT: Untyped<T> = Untyped::NEW;
    /// Nothing to know.
    const FACTS: Facts = Facts {
        schema: |_| Schema::default(),
        optional: || false,
        examine: |_| Ok(()),
    };
}
impl<T> NoFacts<T> for Probe<T> {}

impl<T: Serialize> Probe<T> {
    /// A default as JSON.
    pub const JSON: fn(T) -> Option<Value> = |it| serde_json::to_value(it).ok();
}

/// A default that cannot be written as JSON.
pub trait NoJson<T> {
    /// None.
    const JSON: fn(T) -> Option<Value> = |_| None;
}
impl<T> NoJson<T> for Probe<T> {}

impl<T: ToolState> Probe<T> {
    /// Takes the state out of the scope.
    pub const STATE: fn(&dyn Scope) -> Result<T, Failure> = |scope| {
        scope
            .state(TypeId::of::<T>())
            .and_then(|it| it.downcast_ref::<T>())
            .cloned()
            .ok_or(Failure::State(std::any::type_name::<T>()))
    };
    /// Which state.
    pub const STATE_TYPE: fn() -> StateType = || StateType {
        id: TypeId::of::<T>(),
        name: std::any::type_name::<T>(),
    };
}

/// A type that cannot be a state: the assertion has said so.
pub trait NoState<T> {
    /// Cannot be taken.
    const STATE: fn(&dyn Scope) -> Result<T, Failure> = |_| Err(Failure::State("?"));
    /// Not a state.
    const STATE_TYPE: fn() -> StateType = || StateType {
        id: TypeId::of::<()>(),
        name: "?",
    };
}
impl<T> NoState<T> for Probe<T> {}

impl<T: ToolContext> Probe<T> {
    /// Takes the context out of the scope.
    pub const CONTEXT: fn(&dyn Scope) -> Result<T, Failure> = |scope| Ok(T::of(scope));
}

/// A type that is not the context: the assertion has said so.
pub trait NoContext<T> {
    /// Cannot be taken.
    const CONTEXT: fn(&dyn Scope) -> Result<T, Failure> = |_| Err(Failure::State("?"));
}
impl<T> NoContext<T> for Probe<T> {}

/// A function that returns a `Result`. serde and schemars know `Result` too, so it is asked first.
pub struct Fallible<T, E>(PhantomData<fn() -> (T, E)>);

/// A function that returns anything else.
pub struct Plain<T>(PhantomData<fn() -> T>);

impl<T, E> Probe<Result<T, E>> {
    /// What kind of result it is.
    pub fn kind(self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// Not a `Result`.
pub trait NoResult<T>: Sized {
    /// What kind of result it is.
    fn kind(self) -> Plain<T> {
        Plain(PhantomData)
    }
}
impl<T> NoResult<T> for Probe<T> {}

/// The results a tool can have.
pub trait Returns {}
impl<T: ToolOutput, E: ToolError> Returns for Fallible<T, E> {}
impl<T: ToolOutput> Returns for Plain<T> {}

/// The results that can be reported.
pub trait Reports {}
impl<T: ToolReport, E> Reports for Fallible<T, E> {}
impl<T: ToolReport> Reports for Plain<T> {}

impl<T: Serialize, E: Display> Fallible<T, E> {
    /// The result as JSON text.
    #[inline]
    pub fn encode(self, value: Result<T, E>) -> Result<String, Failure> {
        match value {
            Ok(value) => encode(&value),
            Err(error) => Err(Failure::Failed(error.to_string())),
        }
    }
}

impl<T: Serialize> Plain<T> {
    /// The result as JSON text.
    #[inline]
    pub fn encode(self, value: T) -> Result<String, Failure> {
        let _ = self;
        encode(&value)
    }
}

#[inline]
fn encode<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|it| Failure::Output(it.to_string()))
}

/// A result that cannot be written: the assertion has said so.
pub trait Encode<V>: Sized {
    /// Never runs.
    fn encode(self, _: V) -> Result<String, Failure> {
        Err(Failure::Output("this type cannot be written as JSON".to_owned()))
    }
}
impl<T, E> Encode<Result<T, E>> for Fallible<T, E> {}
impl<T> Encode<T> for Plain<T> {}

/// How to make a schema.
type MakeSchema = Option<fn(&mut SchemaGenerator) -> Schema>;

impl<T: JsonSchema, E> Fallible<T, E> {
    /// The schema of the value.
    pub fn schema(self) -> MakeSchema {
        Some(SchemaGenerator::subschema_for::<T>)
    }
}

impl<T: JsonSchema> Plain<T> {
    /// The schema of the value.
    pub fn schema(self) -> MakeSchema {
        Some(SchemaGenerator::subschema_for::<T>)
    }
}

/// A result without a schema.
pub trait NoSchema: Sized {
    /// None.
    fn schema(self) -> MakeSchema {
        None
    }
}
impl<T, E> NoSchema for Fallible<T, E> {}
impl<T> NoSchema for Plain<T> {}
