//! What somebody says about a requirement, before anybody has looked whether it counts.

use countersign_core::grant::Remember;
use countersign_core::id::RequirementId;
use countersign_core::requirement::Requirement;
use serde_json::Value;

use crate::identity::Identity;

/// What somebody says about a requirement.
///
/// ```
/// # use countersign::prelude::*;
/// # use countersign::{Answer, store::Sqlite};
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn resume(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<resume>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("resume", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let asked = waiting.active_requirements().remove(0);
/// // A decision is about what was shown. Amended, the call asks anew, and the old id is stale.
/// let amended = Decision::amend(&asked, serde_json::json!({"service": "search"})).by(&alice);
/// assert_eq!(engine.desk().decide(amended).await?.answer, Answer::Accepted);
///
/// let late = Decision::confirm(&asked).by(&alice).reason("as agreed");
/// let Answer::Refused(refusal) = engine.desk().decide(late).await?.answer else { panic!() };
/// assert_eq!(refusal.code.as_str(), "stale_seal");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "a decision counts when the desk has taken it: `desk.decide(decision)`"]
pub struct Decision {
    pub(super) on: RequirementId,
    pub(super) by: Option<Identity>,
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) remember: Option<Remember>,
}

/// What is said.
///
/// Each has a constructor on [`Decision`], except those by which an operator settles a call in doubt:
///
/// ```
/// use countersign::{Decision, RequirementId, Verdict};
///
/// let on: RequirementId = "req_00000000000000000000000001_00000000000000000000000002".parse()?;
/// let decision = Decision::new(on, Verdict::Abandon).reason("the provider has no record of it");
/// # let _ = decision;
/// # Ok::<(), countersign::core::id::IdError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Verdict {
    /// The requester confirms this exact call.
    Confirm,
    /// The requester replaces all arguments.
    Amend(Value),
    /// The requester gives the answer in place of the tool.
    Answer(Value),
    /// The requester or the pool says no.
    Reject,
    /// The requester fills the asked fields in: an object of these fields.
    Fill(Value),
    /// A member of the pool approves.
    Approve,
    /// The outside system says how the work ended: the result, or what went wrong.
    Report(Result<Value, String>),
    /// The same, by whoever holds the call's token.
    ReportWithToken(Result<Value, String>, String),
    /// The requester or an operator wants the gates asked anew.
    Reask,
    /// An operator: run the call in doubt again.
    Retry,
    /// An operator: the call in doubt was handed over, the outside will report.
    HandedOff,
    /// An operator: the call in doubt ran, with this result.
    Done(Value),
    /// An operator: give the call in doubt up.
    Abandon,
}

macro_rules! decisions {
    ($($(#[doc = $doc:literal])* $name:ident($($argument:ident: $type:ty),*) = $verdict:expr;)*) => {
        impl Decision {$(
            $(#[doc = $doc])*
            pub fn $name(on: impl Into<RequirementId>, $($argument: $type),*) -> Self {
                Self::new(on, $verdict)
            }
        )*}
    };
}

decisions! {
    /// The requester confirms.
    confirm() = Verdict::Confirm;
    /// The requester replaces all arguments.
    amend(arguments: Value) = Verdict::Amend(arguments);
    /// The requester answers in place of the tool.
    answer(answer: Value) = Verdict::Answer(answer);
    /// The requester or a pool member says no.
    reject() = Verdict::Reject;
    /// The requester fills fields in.
    fill(values: Value) = Verdict::Fill(values);
    /// A pool member approves.
    approve() = Verdict::Approve;
    /// The outside reports a result or a failure.
    report(report: Result<Value, String>) = Verdict::Report(report);
    /// The holder of the call's token reports.
    report_with_token(report: Result<Value, String>, token: String) = Verdict::ReportWithToken(report, token);
    /// The gates are to be asked anew.
    reask() = Verdict::Reask;
}

/// Decisions about a requirement, in one word each: `requirement.confirm()`.
///
/// They only say something; it counts when the desk has taken it, by whoever it names.
///
/// ```
/// use countersign::prelude::*;
/// # use countersign::store::Sqlite;
/// # /// Restarts a service.
/// # #[tool(requires_confirmation)]
/// # fn rotate(service: String) -> String {
/// #     format!("{service} is up")
/// # }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let engine = Engine::builder()
/// #     .store(Sqlite::in_memory()?)
/// #     .registry(Registry::of::<rotate>()?)
/// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
/// #     .worker(false)
/// #     .start()
/// #     .await?;
/// # let alice = Identity::asserted("alice")?;
/// # let Called::Waiting(waiting) = engine.call("rotate", r#"{"service":"billing"}"#).by(&alice).await? else {
/// #     panic!("it waits for alice");
/// # };
/// let asked = waiting.active_requirements().remove(0);
/// let decided = engine.desk().decide(asked.reject("not today").by(&alice)).await?;
/// assert_eq!(decided.answer, countersign::Answer::Accepted);
/// # Ok(())
/// # }
/// ```
pub trait Decide {
    /// The requester confirms.
    fn confirm(&self) -> Decision;
    /// The requester or a pool member says no.
    fn reject(&self, reason: impl Into<String>) -> Decision;
    /// A pool member approves.
    fn approve(&self) -> Decision;
    /// The requester fills fields in.
    fn fill(&self, values: Value) -> Decision;
    /// The requester replaces all arguments.
    fn amend(&self, arguments: Value) -> Decision;
    /// The requester answers in place of the tool.
    fn answer(&self, answer: Value) -> Decision;
    /// The outside reports a result or a failure.
    fn report(&self, report: Result<Value, String>) -> Decision;
}

impl Decide for Requirement {
    fn confirm(&self) -> Decision {
        Decision::confirm(self)
    }

    fn reject(&self, reason: impl Into<String>) -> Decision {
        Decision::reject(self).reason(reason)
    }

    fn approve(&self) -> Decision {
        Decision::approve(self)
    }

    fn fill(&self, values: Value) -> Decision {
        Decision::fill(self, values)
    }

    fn amend(&self, arguments: Value) -> Decision {
        Decision::amend(self, arguments)
    }

    fn answer(&self, answer: Value) -> Decision {
        Decision::answer(self, answer)
    }

    fn report(&self, report: Result<Value, String>) -> Decision {
        Decision::report(self, report)
    }
}

impl Decision {
    /// Any verdict on a requirement.
    pub fn new(on: impl Into<RequirementId>, verdict: Verdict) -> Self {
        Self {
            on: on.into(),
            by: None,
            verdict,
            reason: None,
            remember: None,
        }
    }

    /// Not to be asked again: later calls like this one pass its confirmation by the grant that is made.
    ///
    /// Only with [`confirm`](Self::confirm). Approvals know nothing of grants.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::{Phase, store::Sqlite};
    /// # /// Restarts a service.
    /// # #[tool(requires_confirmation)]
    /// # fn resurrect(service: String) -> String {
    /// #     format!("{service} is up")
    /// # }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .registry(Registry::of::<resurrect>()?)
    /// #     .policy(Policy::parse("[actors]\nalice = { kind = \"person\" }")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// # let alice = Identity::asserted("alice")?;
    /// let propose = |session| engine.call("resurrect", r#"{"service":"billing"}"#).by(&alice).session(session);
    /// let Called::Waiting(first) = propose("s1").await? else { panic!() };
    /// let decision = Decision::confirm(&first.active_requirements()[0]).by(&alice);
    /// engine.desk().decide(decision.remember(Remember::exact().in_session())).await?;
    ///
    /// let Called::Waiting(second) = propose("s1").await? else { panic!() };
    /// assert!(matches!(second.call().phase(), Phase::Cleared { .. })); // nobody is asked
    /// let Called::Waiting(elsewhere) = propose("s2").await? else { panic!() };
    /// assert!(matches!(elsewhere.call().phase(), Phase::Confirm { .. }));
    /// # Ok(())
    /// # }
    /// ```
    pub const fn remember(mut self, remember: Remember) -> Self {
        self.remember = Some(remember);
        self
    }

    /// Who decides.
    pub fn by(mut self, identity: &Identity) -> Self {
        self.by = Some(identity.clone());
        self
    }

    /// Who decides, unless [`by`](Self::by) has said so.
    pub fn or_by(mut self, identity: &Identity) -> Self {
        self.by.get_or_insert_with(|| identity.clone());
        self
    }

    /// What it is about.
    pub const fn requirement(&self) -> RequirementId {
        self.on
    }

    /// Why, in the decider's words. Kept up to 4096 bytes; a model sees it as quoted data.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}
