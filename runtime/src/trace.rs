//! What the engine tells a debugger: `tracing` spans after the OpenTelemetry conventions for generative AI.
//!
//! Traces are not the audit log. They may be lost, sampled or switched off, and nothing that is decided, run
//! or recorded depends on them. Without a subscriber that listens to [`TARGET`], a call pays one comparison.
//!
//! | span | from | to |
//! |---|---|---|
//! | `execute_tool NAME` | the function starts | it has ended |
//! | `pause NAME` | a gate begins to ask | it no longer asks: somebody decided, or time was over |
//! | `call NAME` | a gated call is opened | it is closed |
//!
//! What a newcomer would get wrong: a pause takes days and ends in another process. Its span is made when it
//! ends, and says itself when it began. The trace is named by the call's id and the span by the requirement's,
//! so that the execution, wherever it runs, links to the decisions that it waited for
//! (`docs/decisions/0004-traces-are-derived.md`).
//!
//! No span says who asked or decided, nor holds arguments or results unless
//! [`EngineBuilder::trace_content`](crate::EngineBuilder::trace_content) was asked for; `#[arg(secret)]`
//! values never.

#[cfg(feature = "traces")]
mod file;
mod masked;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "traces")]
mod recorder;

use std::collections::BTreeSet;

use countersign_core::audit::Draft;
use countersign_core::call::{Call, Effect, Outcome, Phase};
use countersign_core::digest::Digest;
use countersign_core::id::{CallId, PoolName, RequirementId};
use countersign_core::requirement::{Requirement, RequirementKind};
use countersign_core::time::Timestamp;
use serde_json::Value;
use tracing::field::Empty;
use tracing::level_filters::LevelFilter;
use tracing::span::EnteredSpan;
use tracing::{Instrument as _, Level, Span};

use crate::call::Called;
use crate::engine::Inner;
use crate::error::Error;
use crate::invoke::Ended;
use crate::registry::Entry;
#[cfg(feature = "traces")]
pub use file::{Summary, TraceFile, TraceFileBuilder, Traces, TracesError};
#[cfg(feature = "otlp")]
pub use otlp::{Otlp, OtlpError};
#[cfg(feature = "traces")]
pub use recorder::{Recorder, Sink, SpanId, TraceId, TracedSpan};

/// The target of all spans of the engine, at level `INFO`: what a subscriber filters by.
pub const TARGET: &str = "countersign::trace";

/// The domain of the ids of pauses.
const PAUSE: &str = "countersign/trace-pause/1";
/// The most decisions that one execution links to.
const MOST_LINKS: usize = 64;
/// How many records are read at once.
const PAGE: usize = 1000;

/// Whether anybody listens. Without a subscriber, one comparison.
#[inline]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() >= Level::INFO && is_listened_to()
}

/// The rest of the question, apart from what every call pays.
#[cold]
#[inline(never)]
fn is_listened_to() -> bool {
    tracing::span_enabled!(target: TARGET, Level::INFO)
}

/// The execution of a function. Dropped before it was told how that ended, it was given up.
pub(crate) struct Execution {
    span: Span,
    content: Option<Vec<String>>,
    ended: bool,
}

/// Whose trace an execution belongs to.
enum Place<'a> {
    /// That of whoever calls, or one of its own.
    Here,
    /// That of its call, after these decisions.
    Gated(&'a Call, Vec<RequirementId>),
}

impl Execution {
    /// In place: within whatever span the caller is in.
    pub(crate) fn in_place(inner: &Inner, entry: &Entry, arguments: &str, id: CallId) -> Option<Self> {
        is_on().then(|| Self::begin(inner, entry, arguments, id, &Place::Here))
    }

    /// Of a claimed call: linked to the decisions that it waited for.
    pub(crate) async fn gated(inner: &Inner, entry: &Entry, call: &Call) -> Option<Self> {
        if !is_on() {
            return None;
        }
        let place = Place::Gated(call, decisions(inner, *call.id()).await);
        let arguments = call.arguments().as_str();
        Some(Self::begin(inner, entry, arguments, *call.id(), &place))
    }

    fn begin(inner: &Inner, entry: &Entry, arguments: &str, id: CallId, place: &Place<'_>) -> Self {
        let name = entry.definition().name;
        let (parent, above, links) = match place {
            Place::Here => (Span::current().id(), None, None),
            Place::Gated(call, decisions) => {
                let links: Vec<String> = decisions.iter().map(pause_id).collect();
                (None, Some(call_span_id(*call.id())), Some(links.join(" ")))
            }
        };
        let span = tracing::info_span!(
            target: TARGET,
            parent: parent,
            "execute_tool",
            otel.name = format!("execute_tool {name}"),
            otel.kind = "internal",
            otel.status_code = Empty,
            otel.status_description = Empty,
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = name,
            "gen_ai.tool.type" = "function",
            gen_ai.tool.description = entry.descriptor().description,
            gen_ai.tool.call.id = %id,
            gen_ai.tool.call.arguments = Empty,
            gen_ai.tool.call.result = Empty,
            "error.type" = Empty,
            countersign.trace_id = trace_id(id),
            countersign.parent_id = above,
            countersign.links = links,
        );
        let content = inner.trace_content.then(|| {
            let secret = entry.descriptor().parameters.iter().filter(|it| it.secret);
            let secret: Vec<&str> = secret.map(|it| it.name.as_str()).collect();
            if let Some(shown) = masked::arguments(arguments, &secret) {
                span.record("gen_ai.tool.call.arguments", shown);
            }
            masked::values(arguments, &secret)
        });
        Self {
            span,
            content,
            ended: false,
        }
    }

    /// Runs a function within its span, if there is one.
    pub(crate) async fn watch(traced: Option<Self>, run: impl Future<Output = Ended>) -> Ended {
        let Some(traced) = traced else {
            return run.await;
        };
        let ended = run.instrument(traced.span.clone()).await;
        match &ended {
            Ended::Returned(result) => traced.returned(result),
            Ended::Failed { error, effect } => traced.failed(effect_word(*effect), error),
            Ended::NotStarted(failure) => traced.failed("not_started", &failure.to_string()),
            Ended::TimedOut => traced.failed("timeout", "the tool exceeded its time limit"),
        }
        ended
    }

    /// Goes into the span of a sync function that runs in place.
    pub(crate) fn enter(inner: &Inner, entry: &Entry, arguments: &str) -> Option<Box<Entered>> {
        let id = inner.new_call_id();
        let execution = Self::in_place(inner, entry, arguments, id)?;
        Some(Box::new(Entered {
            id,
            span: execution.span.clone().entered(),
            execution,
        }))
    }

    fn returned(mut self, result: &str) {
        self.ended = true;
        if let Some(secrets) = &self.content {
            self.span
                .record("gen_ai.tool.call.result", masked::text(result, secrets));
        }
    }

    fn failed(mut self, word: &str, error: &str) {
        self.ended = true;
        self.span.record("otel.status_code", "ERROR");
        self.span.record("error.type", word);
        // The words of a tool may name people: content, like its result.
        if let Some(secrets) = &self.content {
            self.span
                .record("otel.status_description", masked::text(error, secrets));
        }
    }
}

/// The execution of a sync function, from within.
pub(crate) struct Entered {
    /// Under which the function knows itself.
    pub(crate) id: CallId,
    span: EnteredSpan,
    execution: Execution,
}

impl Entered {
    /// Comes out of it.
    pub(crate) fn end(self, called: &Result<Called, Error>) {
        drop(self.span.exit());
        match called {
            Ok(Called::Done(Outcome::Failed { error, effect, .. })) => {
                self.execution.failed(effect_word(*effect), error);
            }
            Ok(Called::Done(Outcome::Returned { result, .. })) => self.execution.returned(result),
            Ok(_) => self.execution.returned("null"),
            Err(error) => self.execution.failed("not_started", &error.to_string()),
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if !self.ended {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("error.type", "given_up");
        }
    }
}

/// What a step is called, if anybody listens: the kind of its record.
pub(crate) fn step(record: Option<&Draft>) -> Option<String> {
    let record = record.filter(|_| is_on())?;
    let kind = record.fields.get("kind")?;
    let kind = kind.as_str()?;
    Some(kind.strip_prefix("call.").unwrap_or(kind).to_owned())
}

/// Tells of every pause that a committed step has ended, and of the end of the call.
pub(crate) fn moved(before: &Call, after: &Call, step: &str, now: Timestamp) {
    let still: BTreeSet<RequirementId> = after.requirements().iter().map(|it| it.id).collect();
    for asked in before.requirements() {
        if !still.contains(&asked.id) {
            pause(before, &asked, step, now);
        }
    }
    if !matches!(before.phase(), Phase::Closed { .. }) {
        closed(after, now);
    }
}

/// Tells of a call that was closed by its very opening.
pub(crate) fn opened(call: &Call) {
    if is_on() {
        closed(call, *call.opened());
    }
}

/// How long a gate asked. The span is over as soon as it is made.
fn pause(call: &Call, asked: &Requirement, step: &str, now: Timestamp) {
    let (tool, kind) = (call.tool().as_str(), kind(asked.kind));
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "pause",
        otel.name = format!("pause {tool}"),
        otel.kind = "internal",
        gen_ai.tool.name = tool,
        gen_ai.tool.call.id = %call.id(),
        countersign.run.id = %call.run(),
        countersign.requirement.id = %asked.id,
        countersign.requirement.kind = kind,
        countersign.pool = asked.pool.as_ref().map(PoolName::as_str),
        countersign.decision = step,
        countersign.trace_id = trace_id(*call.id()),
        countersign.span_id = pause_id(&asked.id),
        countersign.parent_id = call_span_id(*call.id()),
        countersign.started_ms = call.asked_since().unwrap_or(*call.updated()).millis(),
        countersign.ended_ms = now.millis(),
    );
}

/// From the opening to the end, if this is the end.
fn closed(call: &Call, now: Timestamp) {
    let Phase::Closed { outcome } = call.phase() else {
        return;
    };
    let tool = call.tool().as_str();
    let error = match outcome {
        Outcome::Failed { effect, .. } => Some(effect_word(*effect)),
        Outcome::Abandoned { .. } => Some(effect_word(Effect::Unknown)),
        Outcome::Returned { .. }
        | Outcome::Answered { .. }
        | Outcome::Rejected { .. }
        | Outcome::Blocked { .. }
        | Outcome::Expired
        | Outcome::Cancelled { .. } => None,
    };
    tracing::info_span!(
        target: TARGET,
        parent: None,
        "call",
        otel.name = format!("call {tool}"),
        otel.kind = "internal",
        otel.status_code = error.map(|_| "ERROR"),
        "error.type" = error,
        gen_ai.tool.name = tool,
        gen_ai.tool.call.id = %call.id(),
        countersign.run.id = %call.run(),
        countersign.outcome = outcome.name(),
        countersign.trace_id = trace_id(*call.id()),
        countersign.span_id = call_span_id(*call.id()),
        countersign.started_ms = call.opened().millis(),
        countersign.ended_ms = now.millis(),
    );
}

/// The requirements that were decided about a call, in order. Of a store that fails, none: a trace is no
/// reason to hold a call up.
async fn decisions(inner: &Inner, call: CallId) -> Vec<RequirementId> {
    let mut found = Vec::new();
    let entries = inner.store.entries(&inner.tenant, Some(call), 0, PAGE).await;
    for entry in entries.unwrap_or_default() {
        let Ok(entry) = serde_json::from_str::<Value>(&entry.text) else {
            continue;
        };
        if matches!(
            entry["kind"].as_str(),
            Some("call.refused" | "call.reasked") | None
        ) {
            continue;
        }
        let on = entry["requirement"].as_str().and_then(|it| it.parse().ok());
        if let Some(on) = on.filter(|it| !found.contains(it)) {
            found.push(on);
        }
    }
    found.truncate(MOST_LINKS);
    found
}

/// The trace of a call is its id: the same in every process, and nothing needs to be stored.
fn trace_id(call: CallId) -> String {
    hex(&call.bytes())
}

/// The span of a whole call: the random half of its id.
fn call_span_id(call: CallId) -> String {
    hex(&call.bytes()[8..])
}

/// The span of a pause: of the requirement that asked.
fn pause_id(on: &RequirementId) -> String {
    hex(&Digest::of(PAUSE, &[on.to_string().as_bytes()]).bytes()[..8])
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, it| {
        let _ = write!(text, "{it:02x}");
        text
    })
}

const fn kind(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::UserInput => "user_input",
        RequirementKind::Confirmation => "confirmation",
        RequirementKind::Approval => "approval",
        RequirementKind::External => "external",
        RequirementKind::InDoubt => "in_doubt",
    }
}

/// A few words for all failures, as `error.type` wants it.
const fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "not_started",
        Effect::Reported => "tool_error",
        Effect::Unknown => "effect_unknown",
    }
}
