//! Helpers for tests: a clock that stands still, and people who decide by script.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_core::call::{Answer, Call, Phase};
use countersign_core::id::CallId;
use countersign_core::requirement::Requirement;
use countersign_core::time::Timestamp;

use crate::clock::Clock;
use crate::desk::{Decision, Verdict};
use crate::engine::Engine;
use crate::error::Error;
use crate::identity::Identity;
use crate::registry::Registry;
use crate::schema::{Dialect, lock};

/// A clock that moves when it is told to. Clones show the same time.
///
/// ```
/// use std::time::Duration;
///
/// use countersign::clock::Clock;
/// use countersign::testing::TestClock;
///
/// let clock = TestClock::new();
/// clock.clone().advance(Duration::from_secs(90));
/// assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30.000Z");
/// ```
#[derive(Debug, Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// A clock that stands at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_767_225_600_000)))
    }

    /// Moves it forward.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(
            i64::try_from(span.as_millis()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Decides every requirement of a call by a script, until nothing is asked that the script answers.
///
/// The script gets a requirement and says who decides what about it, or nothing.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Requirement, RequirementKind, Verdict, store::Sqlite};
/// use countersign::testing::{ScriptedDecider, is_closed};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn cycle(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<cycle>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("cycle", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let mut decider = ScriptedDecider::new(|asked: &Requirement| match asked.kind {
///     RequirementKind::Confirmation => Some((alice.clone(), Verdict::Confirm)),
///     _ => None,
/// });
/// let call = decider.play(&engine, waiting.call_id()).await?;
/// assert!(is_closed(&call));
/// # Ok(())
/// # }
/// ```
pub struct ScriptedDecider<F>(F);

impl<F: FnMut(&Requirement) -> Option<(Identity, Verdict)>> ScriptedDecider<F> {
    /// A decider by this script.
    pub const fn new(script: F) -> Self {
        Self(script)
    }

    /// Plays the script on one call and returns it as it is when the script has no more to say.
    ///
    /// # Errors
    ///
    /// If the store fails. A refused decision ends the play; look at the call.
    pub async fn play(&mut self, engine: &Engine, call: CallId) -> Result<Call, Error> {
        loop {
            let call = engine.worker().advance(call).await?.call;
            let said = call
                .requirements()
                .iter()
                .find_map(|it| (self.0)(it).map(|said| (it.id, said)));
            let Some((on, (by, verdict))) = said else {
                return Ok(call);
            };
            let decided = engine
                .desk()
                .decide(Decision::new(on, verdict).by(&by).reason("by script"))
                .await?;
            if let (Answer::Refused(_), Some(call)) = (decided.answer, decided.call) {
                return Ok(call);
            }
        }
    }
}

/// Everything that is wrong with the tools of a registry: no description, a schema that a dialect cannot
/// say, a pool that the policy does not know. What [`check_registry!`](crate::check_registry) asserts on.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::testing::registry_errors;
///
/// /// Pay a bill.
/// #[approval(required, pool = "finance")]
/// #[tool]
/// fn pay_bill(cents: u64) {
///     let _ = cents;
/// }
///
/// let registry = Registry::of::<pay_bill>()?;
/// assert!(registry_errors(&registry, None).is_empty());
/// let errors = registry_errors(&registry, Some(&Policy::parse("")?));
/// assert!(errors[0].contains("finance"), "{errors:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn registry_errors(registry: &Registry, policy: Option<&crate::Policy>) -> Vec<String> {
    let mut errors = Vec::new();
    for entry in registry.iter() {
        let descriptor = entry.descriptor();
        if descriptor.description.trim().is_empty() {
            errors.push(format!(
                "`{}` has no description; the model reads the doc comment",
                descriptor.name
            ));
        }
        for dialect in Dialect::ALL {
            errors.extend(entry.rendered().tool(dialect).err().map(ToString::to_string));
        }
        for validator in [entry.rendered().input(), entry.rendered().output()] {
            errors.extend(
                validator
                    .prepare()
                    .err()
                    .map(|it| format!("`{}`: {it}", descriptor.name)),
            );
        }
    }
    if let Some(policy) = policy {
        let directory = crate::directory::Directory::default().seeded_by(policy);
        errors.extend(
            registry
                .iter()
                .flat_map(|it| policy.check_tool(it.descriptor(), directory.members())),
        );
    }
    errors
}

/// The text of a `tools.lock` for all tools of a registry.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::testing::tools_lock;
///
/// /// Pay a bill.
/// #[tool(requires_confirmation)]
/// fn pay_out(cents: u64) {
///     let _ = cents;
/// }
///
/// let text = tools_lock(&Registry::of::<pay_out>()?);
/// assert!(text.contains("tool pay_out\n  gate confirmation\n"));
/// # Ok::<(), countersign::registry::RegistryError>(())
/// ```
pub fn tools_lock(registry: &Registry) -> String {
    let descriptors: Vec<_> = registry.iter().map(crate::registry::Entry::descriptor).collect();
    lock::render(&descriptors)
}

/// Whether a call is closed. See [`ScriptedDecider`] for an example.
pub const fn is_closed(call: &Call) -> bool {
    matches!(call.phase(), Phase::Closed { .. })
}

/// Asserts that every linked tool has a description, a valid schema in every dialect and, given a policy,
/// known pools.
///
/// ```standalone_crate
/// use countersign::prelude::*;
///
/// /// Finds orders of a customer.
/// #[tool(read_only)]
/// fn search_orders(customer_id: String) -> Vec<String> {
///     vec![customer_id]
/// }
///
/// // In a test of the program:
/// countersign::testing::check_registry!();
/// ```
#[macro_export]
macro_rules! check_registry {
    () => {
        $crate::check_registry!(@ ::core::option::Option::None)
    };
    ($policy:expr) => {
        $crate::check_registry!(@ ::core::option::Option::Some($policy))
    };
    (@ $policy:expr) => {{
        let registry = $crate::Registry::from_inventory().expect("no two tools have one name");
        let errors = $crate::testing::registry_errors(&registry, $policy);
        ::core::assert!(errors.is_empty(), "{}", errors.join("\n"));
    }};
}

pub use crate::check_registry;
