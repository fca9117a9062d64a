//! Turns the engine's `tracing` spans into [`TracedSpan`]s and hands them to sinks.
//!
//! Only spans with the target [`TARGET`] are looked at: what other crates write into theirs is not ours to keep.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterFn, LevelFilter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::{TARGET, hex};
use crate::engine::random_bytes;

/// Which trace a span belongs to. That of a gated call is the call's id.
///
/// ```
/// use countersign::CallId;
/// use countersign::trace::TraceId;
///
/// let call = CallId::new(1_767_225_600_000, 7);
/// assert_eq!(TraceId::from(call).call(), call);
/// assert_eq!(TraceId::from(call).to_string().len(), 32); // as W3C trace context writes it
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A span within its trace.
///
/// ```
/// assert_eq!(countersign::trace::SpanId([1; 8]).to_string(), "0101010101010101");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// The call whose trace this is.
    pub const fn call(self) -> crate::CallId {
        let bits = u128::from_be_bytes(self.0);
        crate::CallId::new((bits >> 80) as u64, bits)
    }
}

impl From<crate::CallId> for TraceId {
    fn from(call: crate::CallId) -> Self {
        Self(call.bytes())
    }
}

macro_rules! as_hex {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl $name {
            fn read(text: &str) -> Option<Self> {
                let mut id = Self::default();
                if text.len() != 2 * id.0.len() {
                    return None;
                }
                for (place, byte) in id.0.iter_mut().enumerate() {
                    *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
                }
                Some(id)
            }
        }
    )*};
}

as_hex!(TraceId SpanId);

/// A span that is over.
///
/// See [`Recorder`] for how one is made.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedSpan {
    /// Its trace.
    pub trace: TraceId,
    /// Itself.
    pub id: SpanId,
    /// The span around it.
    pub parent: Option<SpanId>,
    /// What it is called, such as `execute_tool issue_refund`.
    pub name: String,
    /// When it began.
    pub started: SystemTime,
    /// When it was over; never before it began.
    pub ended: SystemTime,
    /// What kind of failure it was, if it was one: the attribute `error.type`.
    pub error: Option<String>,
    /// The failure in words, where contents were asked for.
    pub error_words: Option<String>,
    /// The other attributes, by name.
    pub attributes: Map<String, Value>,
    /// The spans of the same trace that led to this one.
    pub links: Vec<SpanId>,
}

impl TracedSpan {
    /// An attribute that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }
}

/// Takes spans that are over. Must not block: it is called where the span ends.
///
/// See [`Recorder`] for one.
pub trait Sink: Send + Sync + 'static {
    /// Takes one.
    fn take(&self, span: &TracedSpan);
}

/// A `tracing` layer that hands the engine's spans to sinks.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use countersign::prelude::*;
/// use countersign::store::Sqlite;
/// use countersign::trace::{Recorder, Sink, TracedSpan};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// #[derive(Clone, Default)]
/// struct Seen(Arc<Mutex<Vec<String>>>);
///
/// impl Sink for Seen {
///     fn take(&self, span: &TracedSpan) {
///         self.0.lock().unwrap().push(span.name.clone());
///     }
/// }
///
/// /// Add two numbers.
/// #[tool]
/// fn plus(a: i64, b: i64) -> i64 {
///     a + b
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let seen = Seen::default();
/// let subscriber = tracing_subscriber::registry().with(Recorder::new().to(seen.clone()).layer());
/// let _default = tracing::subscriber::set_default(subscriber); // a program: `set_global_default`
///
/// # let registry = Registry::of::<plus>()?;
/// let engine = Engine::builder().store(Sqlite::in_memory()?).registry(registry).start().await?;
/// engine.call("plus", r#"{"a": 1, "b": 2}"#).await?;
/// assert_eq!(*seen.0.lock().unwrap(), ["execute_tool plus"]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Recorder {
    sinks: Vec<Box<dyn Sink>>,
    /// Traces whose random bits are below are kept; all of them if there is none.
    share: Option<u64>,
}

/// The bits of a trace id that are random whoever made it (W3C trace context, level 2).
const RANDOM_BITS: u64 = (1 << 56) - 1;

impl Recorder {
    /// One without sinks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands spans to this one too.
    #[must_use]
    pub fn to(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Keeps only this share of the traces, from 0 to 1. Which ones follows from their ids, so that every
    /// process keeps the same.
    #[must_use]
    pub fn sampled(mut self, share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of 2^56 fits, to the precision that a share has"
        )]
        let below = (share.clamp(0.0, 1.0) * (RANDOM_BITS + 1) as f64) as u64;
        self.share = Some(below);
        self
    }

    /// The layer, which lets nothing else through to itself than the engine's spans.
    pub fn layer<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours: fn(&Metadata<'_>) -> bool = |it| it.is_span() && it.target() == TARGET;
        self.with_filter(FilterFn::new(ours).with_max_level_hint(LevelFilter::INFO))
    }

    fn keeps(&self, trace: TraceId) -> bool {
        let bits = u128::from_be_bytes(trace.0) & u128::from(RANDOM_BITS);
        self.share.is_none_or(|below| bits < u128::from(below))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let mut open = Open::new(attributes.metadata().name());
        attributes.record(&mut open);
        let above = span.parent();
        let above = above
            .as_ref()
            .map(tracing_subscriber::registry::SpanRef::extensions);
        if let Some(above) = above.as_ref().and_then(|it| it.get::<Open>()) {
            open.span.trace = above.span.trace;
            open.span.parent = Some(above.span.id);
        }
        drop(above);
        span.extensions_mut().replace(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(open);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(&id) else { return };
        let Some(Open { mut span, ended }) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        span.ended = ended.unwrap_or_else(SystemTime::now).max(span.started);
        if self.keeps(span.trace) {
            for sink in &self.sinks {
                sink.take(&span);
            }
        }
    }
}

/// A span that is not over.
struct Open {
    span: TracedSpan,
    ended: Option<SystemTime>,
}

impl Open {
    fn new(name: &str) -> Self {
        let random = random_bytes();
        let (mut trace, mut id) = (TraceId::default(), SpanId::default());
        trace.0.copy_from_slice(&random[..16]);
        id.0.copy_from_slice(&random[16..24]);
        let started = SystemTime::now();
        Self {
            span: TracedSpan {
                trace,
                id,
                parent: None,
                name: name.to_owned(),
                started,
                ended: started,
                error: None,
                error_words: None,
                attributes: Map::new(),
                links: Vec::new(),
            },
            ended: None,
        }
    }

    /// What the engine says to this layer is no attribute; everything else is.
    fn put(&mut self, name: &str, value: Value) {
        let text = value.as_str().unwrap_or_default();
        match name {
            "countersign.trace_id" => self.span.trace = TraceId::read(text).unwrap_or(self.span.trace),
            "countersign.span_id" => self.span.id = SpanId::read(text).unwrap_or(self.span.id),
            "countersign.parent_id" => self.span.parent = SpanId::read(text),
            "countersign.links" => self.span.links = text.split(' ').filter_map(SpanId::read).collect(),
            "countersign.started_ms" => self.span.started = moment(&value).unwrap_or(self.span.started),
            "countersign.ended_ms" => self.ended = moment(&value),
            "otel.name" => text.clone_into(&mut self.span.name),
            "otel.status_description" => self.span.error_words = Some(text.to_owned()),
            "error.type" => self.span.error = Some(text.to_owned()),
            "otel.kind" | "otel.status_code" => {}
            _ => {
                self.span.attributes.insert(name.to_owned(), value);
            }
        }
    }
}

fn moment(millis: &Value) -> Option<SystemTime> {
    let millis = u64::try_from(millis.as_i64()?).ok()?;
    UNIX_EPOCH.checked_add(std::time::Duration::from_millis(millis))
}

impl Visit for Open {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}").into());
    }
}
