//! What crosses the wire, one type each. `docs/openapi.json` is made of these.
#![allow(
    clippy::struct_field_names,
    reason = "a call's id is `call` everywhere on the wire"
)]

mod run;

use countersign::core::actor::ActingAgent;
use countersign::core::call::Seal;
use countersign::core::grant::{Grant as Remembered, Scope};
use countersign::gate::Gates;
use countersign::{
    ActorId, Call as CoreCall, CallId, Digest, Effect, GrantId, Outcome, Phase, PoolName,
    Requirement as Asked, RequirementId, RequirementKind, RunId, SessionId, Source, Timestamp, ToolName,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::reply::parsed;

pub(crate) use run::{Agent, Input, Run, RunState};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What was found.
    pub(crate) items: Vec<T>,
    /// Pass it as `after` to go on; null at the end.
    pub(crate) next: Option<String>,
}

/// A tool as it can be proposed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tool {
    #[schema(value_type = String)]
    pub(crate) name: ToolName,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    /// `ungated` (runs at once, nothing is stored), `audited` (runs at once, on record), `gated` (waits for people).
    #[schema(example = "gated")]
    pub(crate) tier: &'static str,
    /// What it demands before it runs.
    #[schema(value_type = Object)]
    pub(crate) gates: Value,
    #[schema(value_type = Object)]
    pub(crate) hints: Value,
    /// JSON Schema, draft 2020-12.
    #[schema(value_type = Object)]
    pub(crate) input_schema: Value,
    /// The digest of its descriptor.
    #[schema(value_type = String)]
    pub(crate) digest: Digest,
}

/// A proposal of a call.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    /// The arguments, as the tool's `input_schema` wants them.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) arguments: Option<Box<serde_json::value::RawValue>>,
    /// The run that it joins, of the same requester; a new one unless said.
    #[schema(value_type = Option<String>)]
    pub(crate) run: Option<RunId>,
    /// The conversation that a new run belongs to.
    #[schema(value_type = Option<String>, max_length = 128)]
    pub(crate) session: Option<SessionId>,
    /// For programs: the person who asks. For agents their owner, for services with the role `delegate` any person.
    #[schema(value_type = Option<String>)]
    pub(crate) on_behalf_of: Option<ActorId>,
}

/// How a call stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// It has a result, or the tool failed: then `error` says why.
    Done {
        #[schema(value_type = Option<String>)]
        run: Option<RunId>,
        #[schema(value_type = Option<String>)]
        call: Option<CallId>,
        #[schema(example = "returned")]
        outcome: &'static str,
        result: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// What a failed tool did: `none`, `reported`, `unknown`.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        effect: Option<Effect>,
        /// Who answered in place of the tool.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        by: Option<ActorId>,
        /// Where the result is from: `tool`, `reported`, `resolved`.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'static str>,
    },
    /// It is over without a result.
    Closed {
        #[schema(value_type = Option<String>)]
        run: Option<RunId>,
        #[schema(value_type = Option<String>)]
        call: Option<CallId>,
        #[schema(example = "rejected")]
        outcome: &'static str,
        #[schema(value_type = Option<String>)]
        by: Option<ActorId>,
        reason: Option<String>,
        /// Whether the tool may have run before it ended like this.
        may_have_run: bool,
    },
    /// People are asked, or an outside system.
    Waiting {
        #[schema(value_type = String)]
        run: RunId,
        #[schema(value_type = String)]
        call: CallId,
        requirements: Vec<Requirement>,
    },
    /// It is cleared, executes or is judged; nobody is asked.
    Running {
        #[schema(value_type = String)]
        run: RunId,
        #[schema(value_type = String)]
        call: CallId,
        #[schema(example = "executing")]
        phase: &'static str,
    },
}

impl Answer {
    /// Of a stored call.
    pub(crate) fn of(call: &CoreCall, stale: bool) -> Self {
        if let Phase::Closed { outcome } = call.phase() {
            return Self::ended(Some(call), outcome);
        }
        let mut asked = call.requirements();
        if asked.is_empty() && stale {
            asked.extend(call.reask());
        }
        if asked.is_empty() {
            return Self::Running {
                run: *call.run(),
                call: *call.id(),
                phase: call.phase().name(),
            };
        }
        Self::Waiting {
            run: *call.run(),
            call: *call.id(),
            requirements: asked.into_iter().map(|it| Requirement::new(it, stale)).collect(),
        }
    }

    /// Of what ended: a call, or a tool that ran in place and was never stored.
    pub(crate) fn ended(stored: Option<&CoreCall>, outcome: &Outcome) -> Self {
        let (run, call) = (stored.map(|it| *it.run()), stored.map(|it| *it.id()));
        let name = outcome.name();
        let done = |result, error, effect, by, source| Self::Done {
            run,
            call,
            outcome: name,
            result,
            error,
            effect,
            by,
            source,
        };
        let closed = |by: Option<&ActorId>, reason: Option<String>, may_have_run| Self::Closed {
            run,
            call,
            outcome: name,
            by: by.cloned(),
            reason,
            may_have_run,
        };
        let acted = stored.is_some_and(CoreCall::may_have_run);
        match outcome {
            Outcome::Returned { result, source } => {
                let source = match source {
                    Source::Tool => "tool",
                    Source::Reported => "reported",
                    Source::Resolved => "resolved",
                };
                done(parsed(result), None, None, None, Some(source))
            }
            Outcome::Answered { answer, by } => done(parsed(answer), None, None, Some(by.clone()), None),
            Outcome::Failed { error, effect, .. } => {
                done(Value::Null, Some(error.clone()), Some(*effect), None, None)
            }
            Outcome::Rejected { by, reason, .. } | Outcome::Cancelled { by, reason } => {
                closed(Some(by), reason.clone(), acted)
            }
            Outcome::Blocked { errors } => closed(None, Some(errors.join("; ")), acted),
            Outcome::Expired => closed(None, None, acted),
            Outcome::Abandoned { by, reason } => closed(Some(by), Some(reason.clone()), true),
        }
    }

    /// Whether somebody or something still has to act.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Running { .. })
    }
}

/// What a waiting call asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Requirement {
    /// Bound to exactly what is shown: it names call, gate and seal.
    #[schema(value_type = String)]
    pub(crate) id: RequirementId,
    #[schema(value_type = String, example = "confirmation")]
    kind: RequirementKind,
    #[schema(value_type = String)]
    tool: ToolName,
    /// Exactly what will run, with secrets replaced.
    #[schema(value_type = Object)]
    arguments: Value,
    #[schema(value_type = String)]
    seal: Seal,
    #[schema(value_type = Option<String>)]
    pool: Option<PoolName>,
    /// How many decisions are needed, and how many there are.
    needs: u16,
    has: u16,
    /// The fields to fill in, for `user_input`.
    fields: Vec<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    warned: bool,
    escalated: bool,
    /// The tool linked to this server is another than the one asked about.
    stale_tool: bool,
    #[schema(value_type = String)]
    call: CallId,
    #[schema(value_type = String)]
    run: RunId,
    #[schema(value_type = String)]
    requester: ActorId,
    #[schema(value_type = Vec<String>)]
    approved_by: Vec<ActorId>,
}

impl Requirement {
    pub(crate) fn new(asked: Asked, stale_tool: bool) -> Self {
        Self {
            arguments: asked.arguments.value(),
            id: asked.id,
            kind: asked.kind,
            tool: asked.tool,
            seal: asked.seal,
            pool: asked.pool,
            needs: asked.needs,
            has: asked.has,
            fields: asked.fields,
            expires_at: asked.expires_at,
            warned: asked.warned,
            escalated: asked.escalated,
            stale_tool,
            call: asked.call,
            run: asked.run,
            requester: asked.requester,
            approved_by: asked.approved_by,
        }
    }
}

/// Who approved.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Vote {
    /// The place among `gates.approvals`.
    gate: usize,
    #[schema(value_type = Option<String>)]
    pool: Option<PoolName>,
    #[schema(value_type = String)]
    by: ActorId,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Call {
    #[schema(value_type = String)]
    call: CallId,
    #[schema(value_type = String)]
    run: RunId,
    #[schema(value_type = Option<String>)]
    session: Option<SessionId>,
    #[schema(value_type = String)]
    tool: ToolName,
    #[schema(value_type = String)]
    requester: ActorId,
    /// The agent that made it for the requester.
    #[schema(value_type = Option<Object>)]
    agent: Option<ActingAgent>,
    #[schema(example = "approve")]
    phase: &'static str,
    outcome: Option<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    opened: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated: Timestamp,
    #[schema(value_type = Object)]
    arguments: Value,
    #[schema(value_type = String)]
    seal: Seal,
    #[schema(value_type = String)]
    descriptor: Digest,
    stale_tool: bool,
    /// The gates as they are frozen, with what made each stand.
    #[schema(value_type = Object)]
    gates: Gates,
    votes: Vec<Vote>,
    answer: Answer,
}

impl Call {
    pub(crate) fn of(call: &CoreCall, stale: bool) -> Self {
        let pool = |gate: usize| call.gates().approvals.get(gate).map(|it| it.pool.clone());
        let vote = |it: &countersign::core::call::Vote| Vote {
            gate: it.gate,
            pool: pool(it.gate),
            by: it.by.clone(),
            at: it.at,
        };
        Self {
            call: *call.id(),
            run: *call.run(),
            session: call.session().clone(),
            tool: call.tool().clone(),
            requester: call.requester().clone(),
            agent: call.agent().clone(),
            phase: call.phase().name(),
            outcome: match call.phase() {
                Phase::Closed { outcome } => Some(outcome.name()),
                _ => None,
            },
            opened: *call.opened(),
            updated: *call.updated(),
            arguments: call.shown_arguments().value(),
            seal: *call.seal(),
            descriptor: *call.descriptor(),
            stale_tool: stale,
            gates: call.gates().clone(),
            votes: call.votes().iter().map(vote).collect(),
            answer: Answer::of(call, stale),
        }
    }
}

/// What is said about a requirement. Who says it, the credential says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Decision {
    /// The requester confirms exactly this.
    Confirm {
        reason: Option<String>,
        /// Not to be asked again.
        remember: Option<Remember>,
    },
    /// The requester replaces all arguments. The call is gated anew.
    Amend {
        #[schema(value_type = Object)]
        arguments: Value,
        reason: Option<String>,
    },
    /// The requester answers in place of the tool, which never runs.
    Answer { result: Value, reason: Option<String> },
    /// The requester or a pool member says no.
    Reject { reason: Option<String> },
    /// The requester fills the asked fields in. The call is gated with them.
    Fill {
        #[schema(value_type = Object)]
        values: Value,
    },
    /// A member of the pool approves.
    Approve { reason: Option<String> },
    /// The outside system reports: a `result`, or in `failed` what went wrong.
    Report {
        #[serde(default, deserialize_with = "present")]
        result: Option<Value>,
        failed: Option<String>,
    },
    /// The requester or an operator has the gates asked anew.
    Reask { reason: Option<String> },
    /// An operator: run the call in doubt again.
    Retry { reason: String },
    /// An operator: the call in doubt was handed over, the outside will report.
    HandedOff { reason: String },
    /// An operator: the call in doubt ran, with this result.
    Done { result: Value, reason: String },
    /// An operator: give the call in doubt up.
    Abandon { reason: String },
}

/// A result that is there, also where it is null.
pub(super) fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// Which later calls pass without being asked about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remember {
    pub(crate) calls: Which,
    /// Where: in the run, unless said, or in the session.
    pub(crate) scope: Option<Span>,
    /// Until then, wherever; in place of a scope.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) until: Option<Timestamp>,
    /// For how many calls.
    #[schema(minimum = 1, maximum = 1000)]
    pub(crate) uses: Option<u32>,
}

/// Those with the same arguments, or with any.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    Exact,
    Any,
}

/// Where a remembered confirmation counts.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Span {
    Run,
    Session,
}

/// Why somebody stops something.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cancel {
    pub(crate) reason: Option<String>,
}

/// A remembered confirmation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Grant {
    #[schema(value_type = String)]
    grant: GrantId,
    #[schema(value_type = String)]
    owner: ActorId,
    #[schema(value_type = String)]
    tool: ToolName,
    #[schema(value_type = String)]
    descriptor: Digest,
    #[schema(value_type = String, example = "exact")]
    which: countersign::core::grant::Which,
    #[schema(example = "run")]
    scope: &'static str,
    #[schema(value_type = Option<String>)]
    run: Option<RunId>,
    #[schema(value_type = Option<String>)]
    session: Option<SessionId>,
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// How often it may still be used.
    left: u32,
    #[schema(value_type = String, format = DateTime)]
    made: Timestamp,
    /// The call that was confirmed.
    #[schema(value_type = String)]
    call: CallId,
}

impl Grant {
    pub(crate) fn of(grant: &Remembered) -> Self {
        let (scope, run, session, until) = match grant.scope() {
            Scope::Run { run } => ("run", Some(*run), None, None),
            Scope::Session { session } => ("session", None, Some(session.clone()), None),
            Scope::Until { time } => ("until", None, None, Some(*time)),
        };
        Self {
            grant: grant.id(),
            owner: grant.owner().clone(),
            tool: grant.tool().clone(),
            descriptor: *grant.descriptor(),
            which: grant.which(),
            scope,
            run,
            session,
            until,
            left: grant.left(),
            made: grant.made_at(),
            call: grant.call(),
        }
    }
}

/// The state of the audit log, signed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Checkpoint {
    /// How many entries it is about.
    pub(crate) size: u64,
    /// A signed note (C2SP tlog-checkpoint).
    pub(crate) checkpoint: String,
    /// The public key, as a verifier takes it.
    pub(crate) key: String,
}

/// A receipt of one entry, which proves it without the database.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proof {
    pub(crate) seq: u64,
    /// C2SP tlog-proof.
    pub(crate) receipt: String,
    pub(crate) key: String,
}

/// How many things wait for the caller.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Count {
    /// The requirements that the caller could decide now.
    pub(crate) waiting: usize,
    /// Whether there are more than were counted.
    pub(crate) more: bool,
}
