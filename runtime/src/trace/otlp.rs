//! Sends spans to an OpenTelemetry collector, OTLP over HTTP with protobuf.
//!
//! The queue, the batches and the protocol are the OpenTelemetry project's. What does not fit into the queue is
//! dropped; a collector that is down or slow holds up nobody but the thread that sends.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use serde_json::Value;

use super::recorder::{Sink, SpanId, TraceId, TracedSpan};

/// How long one request to the collector may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A sink that sends spans to a collector. Clones send to the same one.
///
/// ```
/// use countersign::trace::{Otlp, Recorder};
///
/// let otlp = Otlp::to("http://localhost:4318/v1/traces", "ops")?; // nothing is sent before there is a span
/// let _layer = Recorder::new().to(otlp.clone()); // `.layer()` into a subscriber, as `Recorder` shows
///
/// otlp.flush()?; // at the end of the program: what was taken is sent
/// # Ok::<(), countersign::trace::OtlpError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Otlp {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
}

/// The collector cannot be reached, or was described wrongly.
///
/// ```
/// let error = countersign::trace::Otlp::to("no address", "ops").unwrap_err();
/// assert!(error.to_string().starts_with("traces cannot be sent"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be sent: {0}; check the endpoint of the collector (OTEL_EXPORTER_OTLP_ENDPOINT)")]
pub struct OtlpError(String);

impl Otlp {
    /// Sends to this URL, the whole of it, as the service of this name.
    ///
    /// # Errors
    ///
    /// [`OtlpError`] if it is no URL.
    pub fn to(endpoint: &str, service: &str) -> Result<Self, OtlpError> {
        Self::build(Some(endpoint), service)
    }

    /// Sends to where `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says, with the headers
    /// that `OTEL_EXPORTER_OTLP_HEADERS` says; to port 4318 of this machine unless said.
    ///
    /// # Errors
    ///
    /// [`OtlpError`] if what is said is no URL.
    pub fn from_environment(service: &str) -> Result<Self, OtlpError> {
        Self::build(None, service)
    }

    fn build(endpoint: Option<&str>, service: &str) -> Result<Self, OtlpError> {
        let mut builder = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
            .with_http_client(Client::new());
        if let Some(endpoint) = endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let exporter = builder.build().map_err(|error| OtlpError(error.to_string()))?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        processor.set_resource(&Resource::builder().with_service_name(service.to_owned()).build());
        Ok(Self {
            processor: Arc::new(processor),
            scope: InstrumentationScope::builder("countersign")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        })
    }

    /// Sends what was taken so far, and waits for it. For the end of a program.
    ///
    /// # Errors
    ///
    /// [`OtlpError`] if the collector does not take it.
    pub fn flush(&self) -> Result<(), OtlpError> {
        self.processor
            .force_flush()
            .map_err(|error| OtlpError(error.to_string()))
    }
}

impl Sink for Otlp {
    fn take(&self, span: &TracedSpan) {
        self.processor.on_end(data(span, self.scope.clone()));
    }
}

/// A span in the words of OpenTelemetry.
fn data(span: &TracedSpan, scope: InstrumentationScope) -> SpanData {
    let mut links = SpanLinks::default();
    let linked = span
        .links
        .iter()
        .map(|it| Link::with_context(context(span.trace, *it)));
    links.links.extend(linked);
    let mut attributes: Vec<KeyValue> = span
        .attributes
        .iter()
        .map(|(name, value)| KeyValue::new(name.clone(), attribute(value)))
        .collect();
    let status = match &span.error {
        None => Status::Unset,
        Some(error) => {
            attributes.push(KeyValue::new("error.type", error.clone()));
            Status::Error {
                description: Cow::Owned(span.error_words.clone().unwrap_or_default()),
            }
        }
    };
    SpanData {
        span_context: context(span.trace, span.id),
        parent_span_id: span.parent.map_or(opentelemetry::SpanId::INVALID, |it| {
            opentelemetry::SpanId::from_bytes(it.0)
        }),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: Cow::Owned(span.name.clone()),
        start_time: span.started,
        end_time: span.ended,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links,
        status,
        instrumentation_scope: scope,
    }
}

fn context(trace: TraceId, span: SpanId) -> SpanContext {
    SpanContext::new(
        opentelemetry::TraceId::from_bytes(trace.0),
        opentelemetry::SpanId::from_bytes(span.0),
        TraceFlags::SAMPLED,
        false,
        TraceState::default(),
    )
}

fn attribute(value: &Value) -> opentelemetry::Value {
    match value {
        Value::String(text) => text.clone().into(),
        Value::Bool(yes) => (*yes).into(),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| number.as_f64().unwrap_or_default().into(), Into::into),
        other @ (Value::Null | Value::Array(_) | Value::Object(_)) => other.to_string().into(),
    }
}

/// HTTP without a runtime: the processor has a thread of its own, which may wait.
#[derive(Debug)]
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // What the collector answers is for the exporter to judge.
            .http_status_as_error(false)
            .build();
        Self(config.into())
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(parts, &body[..]))?;
        let (parts, mut body) = response.into_parts();
        let body = body.read_to_vec()?;
        Ok(Response::from_parts(parts, body.into()))
    }
}
