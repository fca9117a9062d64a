//! A tool as constant data, and the descriptor made from it on first use.
//!
//! Everything that the macro knows is written here as data, so that generated code is tables and the
//! work is done by code compiled once.

use std::sync::OnceLock;
use std::time::Duration;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value};

use super::probe::Facts;
use crate::args;
use crate::gate::{
    DEFAULT_POOL, DeclaredApproval, DeclaredAudit, DeclaredConfirmation, DeclaredExternal, DeclaredGates,
    DeclaredInput,
};
use crate::id::{PoolName, ToolName};
use crate::tool::{ArgumentErrors, Descriptor, Hints, Parameter, StateType};

/// Text from doc comments: literal lines, or whatever `#[doc = …]` evaluates to.
pub type TextSpec = &'static [&'static str];

/// What the macro read from a function and its attributes.
#[derive(Debug)]
pub struct Spec {
    /// The tool's name.
    pub name: &'static str,
    /// `title = "…"`
    pub title: Option<&'static str>,
    /// What the model reads.
    pub description: TextSpec,
    /// The plain parameters.
    pub parameters: &'static [ParameterSpec],
    /// The `#[state]` parameters.
    pub states: &'static [fn() -> StateType],
    /// `requires_user_input`
    pub user_input: Option<InputSpec>,
    /// `requires_confirmation`
    pub confirmation: Option<GateSpec>,
    /// `#[approval(required)]`, in the order written.
    pub approvals: &'static [ApprovalSpec],
    /// `external_execution`
    pub external: Option<ExternalSpec>,
    /// `#[approval(audit)]`
    pub audit: Option<GateSpec>,
    /// `read_only` and so on.
    pub hints: Hints,
    /// `timeout = "…"`
    pub timeout: Option<Duration>,
    /// `ungated = "…"`
    pub ungated: Option<&'static str>,
    /// The text of `check`.
    pub check: Option<&'static str>,
}

/// One plain parameter.
#[derive(Debug)]
pub struct ParameterSpec {
    /// The name that the JSON uses.
    pub name: &'static str,
    /// From its doc comment.
    pub description: TextSpec,
    /// From its type.
    pub facts: Facts,
    /// `#[arg(secret)]`
    pub secret: bool,
    /// `#[arg(default = …)]` as JSON.
    pub default: Option<fn() -> Option<Value>>,
    /// `#[arg(example = …)]` as JSON.
    pub example: Option<fn() -> Option<Value>>,
}

/// A gate with nothing but a condition and an expiry.
#[derive(Debug)]
pub struct GateSpec {
    /// The text of `when`.
    pub when: Option<&'static str>,
    /// `expires_in = "…"`
    pub expires_in: Option<Duration>,
}

/// `requires_user_input`
#[derive(Debug)]
pub struct InputSpec {
    /// The parameters asked.
    pub fields: &'static [&'static str],
    /// Whether the model does not see them.
    pub hidden: bool,
    /// `expires_in = "…"`
    pub expires_in: Option<Duration>,
}

/// `#[approval(required)]`
#[derive(Debug)]
pub struct ApprovalSpec {
    /// `pool = "…"`
    pub pool: Option<&'static str>,
    /// `quorum = N`
    pub quorum: u16,
    /// The text of `when`.
    pub when: Option<&'static str>,
    /// `expires_in = "…"`
    pub expires_in: Option<Duration>,
}

/// `external_execution`
#[derive(Debug)]
pub struct ExternalSpec {
    /// Whether there is a body.
    pub handoff: bool,
    /// `expires_in = "…"`
    pub expires_in: Option<Duration>,
}

impl Spec {
    /// Nothing said: generated code names only what differs.
    pub const EMPTY: Self = Self {
        name: "",
        title: None,
        description: &[],
        parameters: &[],
        states: &[],
        user_input: None,
        confirmation: None,
        approvals: &[],
        external: None,
        audit: None,
        hints: Hints {
            read_only: false,
            destructive: false,
            idempotent: false,
            open_world: false,
        },
        timeout: None,
        ungated: None,
        check: None,
    };

    /// The types of its `#[state]` parameters.
    pub fn states(&self) -> Vec<StateType> {
        self.states.iter().map(|it| it()).collect()
    }

    /// Everything that is wrong with `text`, apart from what is still to be filled in.
    pub fn check(&self, text: &str, unfilled: &[&str]) -> Result<(), ArgumentErrors> {
        args::check(self, text, unfilled)
    }

    fn gates(&self) -> DeclaredGates {
        DeclaredGates {
            user_input: self.user_input.as_ref().map(|it| DeclaredInput {
                fields: it.fields.iter().map(|it| (*it).to_owned()).collect(),
                hidden: it.hidden,
                expires_in: it.expires_in,
            }),
            confirmation: self.confirmation.as_ref().map(|it| DeclaredConfirmation {
                when: it.when.map(str::to_owned),
                expires_in: it.expires_in,
            }),
            approvals: self.approvals.iter().map(ApprovalSpec::declared).collect(),
            external: self.external.as_ref().map(|it| DeclaredExternal {
                handoff: it.handoff,
                expires_in: it.expires_in,
            }),
            audit: self.audit.as_ref().map(|it| DeclaredAudit {
                when: it.when.map(str::to_owned),
            }),
        }
    }

    fn describe(&self, output: Option<fn(&mut SchemaGenerator) -> Schema>) -> Descriptor {
        Descriptor {
            name: ToolName::trusted(self.name),
            title: self.title.map(str::to_owned),
            description: text(self.description),
            parameters: self.parameters.iter().map(ParameterSpec::declared).collect(),
            input_schema: input_schema(self.parameters),
            output_schema: output.map(output_schema),
            gates: self.gates(),
            hints: self.hints,
            timeout: self.timeout,
            ungated: self.ungated.map(str::to_owned),
            check: self.check.map(str::to_owned),
        }
    }
}

impl ParameterSpec {
    /// No attribute on the parameter: generated code names only what differs.
    pub const fn new(name: &'static str, description: TextSpec, facts: Facts) -> Self {
        Self {
            name,
            description,
            facts,
            secret: false,
            default: None,
            example: None,
        }
    }

    pub(crate) fn is_required(&self) -> bool {
        self.default.is_none() && !(self.facts.optional)()
    }

    /// The default of a secret is a secret.
    fn default(&self) -> Option<Value> {
        self.default.filter(|_| !self.secret).and_then(|it| it())
    }

    fn declared(&self) -> Parameter {
        Parameter {
            name: self.name.to_owned(),
            description: text(self.description),
            required: self.is_required(),
            default: self.default(),
            secret: self.secret,
        }
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Value {
        let mut schema = (self.facts.schema)(generator);
        let description = text(self.description);
        if !description.is_empty() {
            schema.insert("description".to_owned(), description.into());
        }
        if let Some(default) = self.default() {
            schema.insert("default".to_owned(), default);
        }
        if let Some(example) = self.example.and_then(|it| it()) {
            schema.insert("examples".to_owned(), Value::Array(vec![example]));
        }
        schema.to_value()
    }
}

impl ApprovalSpec {
    fn declared(&self) -> DeclaredApproval {
        DeclaredApproval {
            pool: PoolName::trusted(self.pool.unwrap_or(DEFAULT_POOL)),
            quorum: self.quorum,
            when: self.when.map(str::to_owned),
            expires_in: self.expires_in,
        }
    }
}

/// Holds the descriptor of one tool from its first use on.
#[derive(Debug, Default)]
pub struct Cell(OnceLock<Descriptor>);

impl Cell {
    /// Nothing computed yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The descriptor made from `spec`.
    pub fn descriptor(
        &'static self,
        spec: &Spec,
        output: Option<fn(&mut SchemaGenerator) -> Schema>,
    ) -> &'static Descriptor {
        self.0.get_or_init(|| spec.describe(output))
    }
}

/// An example as JSON.
pub fn example(value: impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}

/// Doc comments come line by line; literal ones were joined by the macro.
fn text(lines: TextSpec) -> String {
    lines.join("\n").trim().to_owned()
}

fn input_schema(parameters: &[ParameterSpec]) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_deserialize()
        .with(|it| it.inline_subschemas = true)
        .into_generator();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in parameters {
        properties.insert(parameter.name.to_owned(), parameter.schema(&mut generator));
        if parameter.is_required() {
            required.push(Value::from(parameter.name));
        }
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    finished(schema, generator)
}

fn output_schema(make: fn(&mut SchemaGenerator) -> Schema) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|it| it.inline_subschemas = true)
        .into_generator();
    match make(&mut generator).to_value() {
        Value::Object(schema) => finished(schema, generator),
        // `true` and `false` are schemas too.
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            other
        }
    }
}

/// `$defs` stays only where a type is recursive.
fn finished(mut schema: Map<String, Value>, mut generator: SchemaGenerator) -> Value {
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    let mut schema = Value::Object(schema);
    // The same text in every program, whichever features its other crates have switched on.
    schema.sort_all_objects();
    schema
}
