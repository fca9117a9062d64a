//! A tool with all its schemas, each computed once, when it is first asked for.

use std::borrow::Borrow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use countersign_core::tool::Descriptor;

use super::validator::Validator;
use super::{Dialect, DialectError, SchemaFor};

/// A descriptor and what is made of it: tool objects as JSON text and validators, by reference.
///
/// Making one costs nothing: each text and each validator is made at its first use.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::{Dialect, Rendered};
///
/// /// Add two numbers.
/// #[tool]
/// fn combine(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let rendered = Rendered::new(combine::descriptor());
/// let text = rendered.tool(Dialect::Anthropic).map_err(Clone::clone)?;
/// assert!(text.contains("Add two numbers."));
/// assert!(rendered.input().check(&serde_json::json!({"a": 1, "b": 2})).is_ok());
/// # Ok::<(), countersign::schema::DialectError>(())
/// ```
pub struct Rendered {
    descriptor: Shared,
    tools: Texts,
    schemas: Texts,
    full: OnceLock<Validator>,
    model: OnceLock<Validator>,
    output: OnceLock<Validator>,
}

type Texts = [OnceLock<Result<Box<str>, Box<DialectError>>>; Dialect::ALL.len()];

/// A descriptor that is kept as long as it is used.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::{Rendered, Shared};
///
/// /// Add two numbers.
/// #[tool]
/// fn tally(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let rendered = Rendered::new(Shared::Static(tally::descriptor()));
/// assert_eq!(rendered.descriptor().name.as_str(), "tally");
/// ```
#[derive(Debug, Clone)]
pub enum Shared {
    /// Of a tool that is part of the program.
    Static(&'static Descriptor),
    /// Of a tool that was loaded.
    Counted(Arc<Descriptor>),
}

impl Borrow<Descriptor> for Shared {
    fn borrow(&self) -> &Descriptor {
        match self {
            Self::Static(it) => it,
            Self::Counted(it) => it,
        }
    }
}

impl From<&'static Descriptor> for Shared {
    fn from(descriptor: &'static Descriptor) -> Self {
        Self::Static(descriptor)
    }
}

impl From<Arc<Descriptor>> for Shared {
    fn from(descriptor: Arc<Descriptor>) -> Self {
        Self::Counted(descriptor)
    }
}

impl Rendered {
    /// From a `&'static Descriptor` or an `Arc<Descriptor>`.
    pub fn new(descriptor: impl Into<Shared>) -> Self {
        Self {
            descriptor: descriptor.into(),
            tools: Default::default(),
            schemas: Default::default(),
            full: OnceLock::new(),
            model: OnceLock::new(),
            output: OnceLock::new(),
        }
    }

    /// What it was made from.
    pub fn descriptor(&self) -> &Descriptor {
        self.descriptor.borrow()
    }

    /// The complete tool object, as JSON text.
    pub fn tool(&self, dialect: Dialect) -> Result<&str, &DialectError> {
        once(&self.tools, dialect, || self.descriptor().tool_for(dialect))
    }

    /// The bare schema of the arguments that a model may give, as JSON text.
    pub fn schema(&self, dialect: Dialect) -> Result<&str, &DialectError> {
        once(&self.schemas, dialect, || self.descriptor().schema_for(dialect))
    }

    /// For complete arguments.
    pub fn input(&self) -> &Validator {
        self.full.get_or_init(|| Validator::for_input(self.descriptor()))
    }

    /// For arguments as a model sends them: without the fields that only a person is asked for.
    pub fn model_input(&self) -> &Validator {
        self.model.get_or_init(|| Validator::for_model(self.descriptor()))
    }

    /// For results.
    pub fn output(&self) -> &Validator {
        self.output
            .get_or_init(|| Validator::for_output(self.descriptor()))
    }
}

fn once(
    texts: &Texts,
    dialect: Dialect,
    render: impl Fn() -> Result<serde_json::Value, DialectError>,
) -> Result<&str, &DialectError> {
    let render = || render().map(|it| it.to_string().into()).map_err(Box::new);
    // The arrays have one place per dialect, in the order of declaration.
    match texts[dialect as usize].get_or_init(render) {
        Ok(text) => Ok(text),
        Err(error) => Err(error),
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("descriptor", &self.descriptor().name)
            .finish_non_exhaustive()
    }
}
