//! What a waiting call asks, of whom: derived from phase and seal, never stored.

use serde::{Deserialize, Serialize};

use crate::call::{Call, Code, Outcome, Phase, Refusal, Seal};
use crate::canonical::Canonical;
use crate::digest::Digest;
use crate::id::{ActorId, CallId, PoolName, RequirementId, RunId, ToolName};
use crate::time::Timestamp;

/// Which gate of a call asks.
///
/// ```
/// use countersign_core::requirement::Ask;
///
/// assert!(Ask::Input < Ask::Confirm && Ask::Confirm < Ask::Approval(0)); // the order in which they ask
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The requester, for fields.
    Input,
    /// The requester, to confirm.
    Confirm,
    /// A pool; the place among the frozen approval gates.
    Approval(usize),
    /// Nobody: every gate is met. Only to ask anew, when no worker links the tool as it was.
    Cleared,
    /// An outside system, for the result.
    External,
    /// An operator, in the doubt of this number, from 1.
    InDoubt(u16),
}

impl Ask {
    /// As it is written in records: `confirmation`, `approval/0`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Input => "user_input".to_owned(),
            Self::Confirm => "confirmation".to_owned(),
            Self::Approval(place) => format!("approval/{place}"),
            Self::Cleared => "cleared".to_owned(),
            Self::External => "external".to_owned(),
            Self::InDoubt(number) => format!("in_doubt/{number}"),
        }
    }
}

/// What kind of thing is asked.
///
/// ```
/// use countersign_core::requirement::RequirementKind;
///
/// assert_eq!(serde_json::to_string(&RequirementKind::InDoubt)?, r#""in_doubt""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequirementKind {
    /// Fields to fill in.
    UserInput,
    /// A yes of the requester.
    Confirmation,
    /// A yes of a pool.
    Approval,
    /// The result of outside work.
    External,
    /// The truth about a call of which nobody knows whether it ran.
    InDoubt,
}

/// What a waiting call asks.
///
/// ```
/// use countersign_core::call::{Call, Opening, Release};
/// use countersign_core::requirement::RequirementKind;
/// # use countersign_core::{actor::{Actor, Kind}, canonical::Canonical, digest::Digest, time::Timestamp};
/// # use countersign_core::gate::{ApprovalGate, Gates};
/// # use countersign_core::id::{ActorId, CallId, PoolName, RunId, TenantId, ToolName};
/// # let hour = std::time::Duration::from_secs(3600);
/// # let (kind, auth) = (Kind::Person, "asserted-library".to_owned());
/// # let alice = Actor { id: ActorId::new("alice")?, kind, roles: [].into(), pools: [].into(), auth };
/// # let pool = PoolName::new("managers")?;
/// # let arguments = Canonical::parse(r#"{"service":"billing","token":"s3cret"}"#)?;
/// # let release = Release {
/// #     descriptor: Digest::default(), idempotent: false, destructive: false, secrets: vec!["token".to_owned()],
/// # };
/// # let opening = Opening {
/// #     id: CallId::new(0, 1), run: RunId::new(0, 1), session: None, tenant: TenantId::default(),
/// #     tool: ToolName::new("restart")?, release, requester: alice, agent: None,
/// #     salt: Digest::new([7; 32]), patience: hour, proposed: arguments.clone(), arguments,
/// #     gates: Gates {
/// #         approvals: vec![ApprovalGate { pool, quorum: 2, expires_in: hour, escalate_after: None, because: Vec::new() }],
/// #         ..Gates::default()
/// #     },
/// #     rules: Digest::default(), blocked: Vec::new(), offer: None,
/// # };
///
/// let call = Call::open(opening, Timestamp::from_millis(0)).call;
/// let asked = call.requirements().remove(0);
/// assert_eq!(asked.kind, RequirementKind::Approval);
/// assert_eq!((asked.has, asked.needs), (0, 2));
/// assert_eq!(asked.tool_args().as_str(), r#"{"service":"billing","token":"***"}"#);
/// assert_eq!(asked.id.call(), *call.id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its id, bound to exactly what is shown.
    pub id: RequirementId,
    /// What kind of thing is asked.
    pub kind: RequirementKind,
    /// The call that asks.
    pub call: CallId,
    /// Its run.
    pub run: RunId,
    /// The tool it wants to use.
    pub tool: ToolName,
    /// On whose behalf.
    pub requester: ActorId,
    /// The arguments, with secrets replaced.
    pub arguments: Canonical,
    /// The seal.
    pub seal: Seal,
    /// Which pool, for an approval.
    pub pool: Option<PoolName>,
    /// How many decisions are needed.
    pub needs: u16,
    /// How many there are.
    pub has: u16,
    /// Who approved so far.
    pub approved_by: Vec<ActorId>,
    /// The fields to fill in, for user input.
    pub fields: Vec<String>,
    /// When it expires; in doubt it never does.
    pub expires_at: Option<Timestamp>,
    /// Whether it was warned of: little of its time is left.
    pub warned: bool,
    /// Whether others than the pool were told of it.
    pub escalated: bool,
}

impl Requirement {
    /// The tool it wants to use.
    pub const fn tool_name(&self) -> &ToolName {
        &self.tool
    }

    /// The arguments, with secrets replaced.
    pub const fn tool_args(&self) -> &Canonical {
        &self.arguments
    }
}

impl From<&Requirement> for RequirementId {
    fn from(requirement: &Requirement) -> Self {
        requirement.id
    }
}

impl Call {
    /// What this call asks now. Empty while nobody can decide anything.
    pub fn requirements(&self) -> Vec<Requirement> {
        self.open_asks().map(|ask| self.requirement(ask)).collect()
    }

    /// The gates of the phase that are not met.
    pub(crate) fn open_asks(&self) -> impl Iterator<Item = Ask> {
        self.asks().into_iter().filter(|ask| !self.is_met(*ask))
    }

    /// The gates of the phase.
    fn asks(&self) -> Vec<Ask> {
        match self.phase() {
            Phase::Input { .. } => vec![Ask::Input],
            Phase::Confirm { .. } => vec![Ask::Confirm],
            Phase::Approve { .. } => (0..self.gates().approvals.len()).map(Ask::Approval).collect(),
            Phase::External { .. } => vec![Ask::External],
            Phase::Cleared { .. } => vec![Ask::Cleared],
            Phase::InDoubt { .. } => vec![Ask::InDoubt(*self.doubts())],
            // An early report, before the hand-off has returned, is addressed to the external gate.
            Phase::Executing { .. } if self.gates().external.is_some() => vec![Ask::External],
            Phase::Executing { .. } | Phase::Gating { .. } | Phase::Closed { .. } => Vec::new(),
        }
    }

    /// Whether nothing more is asked of this gate.
    fn is_met(&self, ask: Ask) -> bool {
        match ask {
            Ask::Approval(place) => {
                let quorum = self
                    .gates()
                    .approvals
                    .get(place)
                    .map_or(0, |it| usize::from(it.quorum));
                self.votes_for(place) >= quorum
            }
            Ask::Cleared => true,
            // While it executes, the report is welcome but nobody is asked for it.
            Ask::External => matches!(self.phase(), Phase::Executing { .. }),
            Ask::Input | Ask::Confirm | Ask::InDoubt(_) => false,
        }
    }

    /// What to show of a call whose tool has changed: how to ask anew. None where nothing can be asked anew.
    pub fn reask(&self) -> Option<Requirement> {
        self.asks()
            .into_iter()
            .find(|it| matches!(it, Ask::Confirm | Ask::Approval(_) | Ask::Cleared))
            .map(|it| self.requirement(it))
    }

    fn requirement(&self, ask: Ask) -> Requirement {
        let kind = match ask {
            Ask::Input => RequirementKind::UserInput,
            Ask::Confirm | Ask::Cleared => RequirementKind::Confirmation,
            Ask::Approval(_) => RequirementKind::Approval,
            Ask::External => RequirementKind::External,
            Ask::InDoubt(_) => RequirementKind::InDoubt,
        };
        let mut requirement = Requirement {
            id: self.requirement_id(ask),
            kind,
            call: *self.id(),
            run: *self.run(),
            tool: self.tool().clone(),
            requester: self.requester().clone(),
            arguments: self.shown_arguments(),
            seal: *self.seal(),
            pool: None,
            needs: 1,
            has: 0,
            approved_by: Vec::new(),
            fields: Vec::new(),
            expires_at: self.deadline(),
            warned: self.was_warned(ask),
            escalated: self.was_escalated(ask),
        };
        match ask {
            Ask::Approval(place) => {
                if let Some(gate) = self.gates().approvals.get(place) {
                    requirement.pool = Some(gate.pool.clone());
                    requirement.needs = gate.quorum;
                }
                requirement.approved_by = self
                    .votes()
                    .iter()
                    .filter(|it| it.gate == place)
                    .map(|it| it.by.clone())
                    .collect();
                requirement.has = u16::try_from(requirement.approved_by.len()).unwrap_or(u16::MAX);
            }
            Ask::Input => {
                requirement.fields = self
                    .gates()
                    .user_input
                    .as_ref()
                    .map(|it| it.fields.clone())
                    .unwrap_or_default();
            }
            Ask::Confirm | Ask::Cleared | Ask::External | Ask::InDoubt(_) => {}
        }
        requirement
    }

    /// When the phase ends by itself.
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.phase() {
            Phase::Input { deadline }
            | Phase::Gating { deadline, .. }
            | Phase::Confirm { deadline }
            | Phase::Approve { deadline }
            | Phase::Cleared { deadline }
            | Phase::External { deadline, .. } => Some(*deadline),
            Phase::Executing { .. } | Phase::InDoubt { .. } | Phase::Closed { .. } => None,
        }
    }

    /// Until when a worker that says nothing is believed to run it; none where none does.
    pub const fn lease(&self) -> Option<Timestamp> {
        match self.phase() {
            Phase::Executing { until, .. } => Some(*until),
            Phase::Input { .. }
            | Phase::Gating { .. }
            | Phase::Confirm { .. }
            | Phase::Approve { .. }
            | Phase::Cleared { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => None,
        }
    }

    /// The id of what `ask` asks under the seal of now.
    pub fn requirement_id(&self, ask: Ask) -> RequirementId {
        id(*self.id(), ask, *self.seal())
    }

    /// The gate that a decision is about, if it can be decided now.
    pub(crate) fn locate(&self, on: RequirementId, now: Timestamp) -> Result<Ask, Refusal> {
        let refuse = |code, message: &str| {
            Err(Refusal {
                code,
                message: message.to_owned(),
            })
        };
        if let Some(ask) = self
            .asks()
            .into_iter()
            .find(|ask| self.requirement_id(*ask) == on)
        {
            return match self.deadline() {
                Some(deadline) if now >= deadline => {
                    refuse(Code::Expired, &format!("too late: this expired at {deadline}"))
                }
                Some(_) | None => Ok(ask),
            };
        }
        let asked_under = |seal: Seal| {
            self.every_ask()
                .into_iter()
                .find(|ask| id(*self.id(), *ask, seal) == on)
        };
        if asked_under(*self.seal()).is_some_and(|ask| self.is_past(ask)) {
            return match self.phase() {
                Phase::Closed {
                    outcome: Outcome::Expired,
                } => refuse(Code::Expired, "too late: this call has expired"),
                Phase::Closed { outcome } => refuse(
                    Code::AlreadyDecided,
                    &format!("this call is closed: {}", outcome.name()),
                ),
                phase @ (Phase::Input { .. }
                | Phase::Gating { .. }
                | Phase::Confirm { .. }
                | Phase::Approve { .. }
                | Phase::Cleared { .. }
                | Phase::Executing { .. }
                | Phase::External { .. }
                | Phase::InDoubt { .. }) => refuse(
                    Code::AlreadyDecided,
                    &format!("this was decided; the call is now in phase `{}`", phase.name()),
                ),
            };
        }
        if self.past_seals().iter().any(|seal| asked_under(*seal).is_some()) {
            return refuse(
                Code::StaleSeal,
                "this was asked about what the call was before it changed; look at the call again and decide anew",
            );
        }
        refuse(Code::UnknownRequirement, "this call never asked that")
    }

    /// Whether a gate was asked and is behind the call. Its later gates nobody has been asked for yet.
    const fn is_past(&self, ask: Ask) -> bool {
        match self.phase() {
            Phase::Input { .. } => false,
            Phase::Confirm { .. } => matches!(ask, Ask::Input),
            Phase::Approve { .. } => matches!(ask, Ask::Input | Ask::Confirm),
            Phase::Gating { .. }
            | Phase::Cleared { .. }
            | Phase::Executing { .. }
            | Phase::External { .. }
            | Phase::InDoubt { .. }
            | Phase::Closed { .. } => true,
        }
    }

    /// Every gate that this call can ever have asked for.
    fn every_ask(&self) -> Vec<Ask> {
        let approvals = (0..crate::gate::MOST_APPROVALS).map(Ask::Approval);
        let doubts = (1..=*self.doubts()).map(Ask::InDoubt);
        [Ask::Input, Ask::Confirm, Ask::Cleared, Ask::External]
            .into_iter()
            .chain(approvals)
            .chain(doubts)
            .collect()
    }
}

/// The first 128 bits of a digest over call, gate and seal: what was shown cannot be swapped below it.
fn id(call: CallId, ask: Ask, seal: Seal) -> RequirementId {
    let digest = Digest::of(
        "countersign/requirement/1",
        &[&call.bytes(), ask.name().as_bytes(), seal.bytes()],
    );
    let binding = digest
        .bytes()
        .iter()
        .take(16)
        .fold(0_u128, |all, byte| all << 8 | u128::from(*byte));
    RequirementId::new(call, binding)
}
