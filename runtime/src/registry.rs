//! The tools of a program: linked ones through `inventory`, or an explicit list.
//!
//! What a newcomer would get wrong: the linker drops a crate that nobody names. Say what must be there
//! with [`Registry::expect`], and name the crate (`use billing_tools as _;`).

use std::sync::OnceLock;

use countersign_core::digest::Digest;
use countersign_core::tool::{ArgumentErrors, Body, Definition, Descriptor, Location, Tools, linked};
use rustc_hash::FxHashMap;

use crate::policy::Policy;
use crate::schema::{Rendered, needs_validation};

/// The tools of a program, by name.
///
/// ```
/// use countersign::prelude::*;
///
/// /// Add two numbers.
/// #[tool]
/// fn plus(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let registry = Registry::of::<plus>()?.expect(["plus"])?; // a program says `Registry::from_inventory()`
/// assert_eq!(registry.get("plus").unwrap().descriptor().description, "Add two numbers.");
/// assert!(registry.get("subtract").is_none());
/// # Ok::<(), countersign::registry::RegistryError>(())
/// ```
#[derive(Debug, Default)]
pub struct Registry {
    tools: FxHashMap<&'static str, Entry>,
}

/// What a tool costs: computed once per tool from annotation and policy.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Tier, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn demote(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<demote>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// assert_eq!(engine.tier("demote"), Some(Tier::Gated));
/// assert_eq!(engine.tier("nothing"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Invoked in place, nothing stored.
    Ungated,
    /// Invoked in place, on record.
    Audited,
    /// Stored, and run by a worker once every gate is met.
    Gated,
}

/// One tool of a registry.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::Dialect;
///
/// /// Add two numbers.
/// #[tool]
/// fn total(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// let registry = Registry::of::<total>()?;
/// let entry = registry.get("total").unwrap();
/// assert_eq!(entry.digest(), entry.descriptor().digest());
/// assert!(entry.rendered().tool(Dialect::OpenAi).is_ok_and(|it| it.contains("Add two numbers.")));
/// # Ok::<(), countersign::registry::RegistryError>(())
/// ```
#[derive(Debug)]
pub struct Entry {
    definition: &'static Definition,
    digest: OnceLock<Digest>,
    rendered: OnceLock<Rendered>,
    text: OnceLock<String>,
    /// Gated until an engine has looked at the policy: fail closed.
    tier: Tier,
    /// Whether its body has a time limit.
    limited: bool,
    /// Whether its schema says more than its types already enforce.
    constrained: OnceLock<bool>,
}

impl Entry {
    const fn new(definition: &'static Definition) -> Self {
        Self {
            definition,
            digest: OnceLock::new(),
            rendered: OnceLock::new(),
            text: OnceLock::new(),
            tier: Tier::Gated,
            limited: true,
            constrained: OnceLock::new(),
        }
    }

    /// What it costs.
    pub(crate) const fn tier(&self) -> Tier {
        self.tier
    }

    /// Whether its body has a time limit.
    pub(crate) const fn is_limited(&self) -> bool {
        self.limited
    }

    /// The descriptor as JSON text, written once.
    pub(crate) fn descriptor_text(&self) -> &str {
        self.text
            .get_or_init(|| serde_json::to_string(self.descriptor()).unwrap_or_default())
    }

    /// Checks what the types of the parameters do not: a pattern, a range, a length.
    pub(crate) fn check_constraints(&self, arguments: &str) -> Result<(), ArgumentErrors> {
        if !*self
            .constrained
            .get_or_init(|| needs_validation(self.descriptor()))
        {
            return Ok(());
        }
        let arguments = if arguments.trim().is_empty() {
            "{}"
        } else {
            arguments
        };
        let value =
            serde_json::from_str(arguments).map_err(|error| ArgumentErrors(vec![error.to_string()]))?;
        self.rendered().input().check(&value).map_err(ArgumentErrors)
    }
    /// The tool.
    pub const fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// The tool as data.
    pub fn descriptor(&self) -> &'static Descriptor {
        (self.definition.descriptor)()
    }

    /// The digest of the descriptor, computed once.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| self.descriptor().digest())
    }

    /// The schemas of the descriptor in every dialect and their validators, each made once.
    pub fn rendered(&self) -> &Rendered {
        self.rendered.get_or_init(|| Rendered::new(self.descriptor()))
    }
}

/// Tools that do not fit together.
///
/// ```
/// use countersign::prelude::*;
///
/// let error = Registry::of::<()>()?.expect(["issue_refund"]).unwrap_err();
/// assert!(error.to_string().starts_with("no tool `issue_refund` is linked"));
/// # Ok::<(), countersign::registry::RegistryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two tools have one name.
    #[error("two tools are called `{name}`: {first} and {second}; rename one with #[tool(name = \"…\")]")]
    Duplicate {
        /// The name.
        name: &'static str,
        /// Where one is.
        first: Location,
        /// Where the other is.
        second: Location,
    },
    /// A tool that must be there is not.
    #[error(
        "no tool {} is linked; the linker drops a crate that nobody names: add `use the_crate as _;` to the program",
        .0.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
    )]
    Missing(Vec<String>),
}

impl Registry {
    /// Every tool that is linked into this program, but for those that are `unlisted`.
    pub fn from_inventory() -> Result<Self, RegistryError> {
        Self::from_definitions(linked())
    }

    /// These tools and no others: `Registry::of::<(issue_refund, restart_service)>()`.
    pub fn of<T: Tools>() -> Result<Self, RegistryError> {
        Self::from_definitions(T::definitions())
    }

    /// These tools and no others.
    pub fn from_definitions(
        definitions: impl IntoIterator<Item = &'static Definition>,
    ) -> Result<Self, RegistryError> {
        Self::default().and(definitions)
    }

    /// These tools too: `Registry::from_inventory()?.with::<UserFeedbackTools>()`.
    pub fn with<T: Tools>(self) -> Result<Self, RegistryError> {
        self.and(T::definitions())
    }

    fn and(
        mut self,
        definitions: impl IntoIterator<Item = &'static Definition>,
    ) -> Result<Self, RegistryError> {
        let definitions = definitions.into_iter();
        self.tools.reserve(definitions.size_hint().0);
        for definition in definitions {
            if let Some(other) = self.tools.insert(definition.name, Entry::new(definition)) {
                // `inventory` has no order; two runs of one program must give one message.
                let mut places = [other.definition.location, definition.location];
                places.sort_by_key(|it| (it.file, it.line));
                let [first, second] = places;
                return Err(RegistryError::Duplicate {
                    name: definition.name,
                    first,
                    second,
                });
            }
        }
        Ok(self)
    }

    /// Refuses to go on without these tools.
    pub fn expect<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, RegistryError> {
        let missing: Vec<String> = names
            .into_iter()
            .filter(|it| !self.tools.contains_key(it))
            .map(str::to_owned)
            .collect();
        if missing.is_empty() {
            Ok(self)
        } else {
            Err(RegistryError::Missing(missing))
        }
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.tools.get(name)
    }

    /// All tools, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        let mut all: Vec<&Entry> = self.tools.values().collect();
        all.sort_by_key(|it| it.definition.name);
        all.into_iter()
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.tools.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Computes once what every tool costs.
    pub(crate) fn set_tiers(&mut self, policy: &Policy) {
        for (name, entry) in &mut self.tools {
            let descriptor = (entry.definition.descriptor)();
            let gates = &descriptor.gates;
            entry.limited = descriptor.timeout.is_some();
            entry.tier =
                if gates.any() || matches!(entry.definition.body, Body::None) || policy.may_gate(name) {
                    Tier::Gated
                } else if gates.audit.is_some() || policy.may_audit(name) {
                    Tier::Audited
                } else {
                    Tier::Ungated
                };
        }
    }

    /// The name that comes closest to one that is not there.
    pub(crate) fn hint(&self, name: &str) -> String {
        let near = self.tools.keys().map(|it| (strsim::jaro_winkler(it, name), *it));
        match near
            .filter(|(near, _)| *near > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
        {
            Some((_, name)) => format!("; did you mean `{name}`?"),
            None if self.is_empty() => "; no tool is linked into this program".to_owned(),
            None => String::new(),
        }
    }
}
