//! What the server tells Prometheus, in its text format (`OpenMetrics` 1.0).

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

/// The server's counters.
pub(crate) struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
    pub(crate) streams: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) entries: Gauge<u64, AtomicU64>,
    pub(crate) due: Gauge,
    pub(crate) dead: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let answered = Family::<Answered, Counter>::default();
        let seconds = Family::<Route, Histogram>::new_with_constructor(|| {
            Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0])
        });
        let (due, dead) = (Gauge::default(), Gauge::default());
        let (streams, connections, entries) = (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register(
            "http_requests",
            "Answers, by method, route and status",
            answered.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time to an answer, by route",
            seconds.clone(),
        );
        registry.register("http_streams", "Open event streams", streams.clone());
        registry.register("http_connections", "Open connections", connections.clone());
        registry.register(
            "audit_entries",
            "Entries of the audit log, as far as this process saw",
            entries.clone(),
        );
        registry.register(
            "outbox_due",
            "Notices that are to be sent, up to 1000",
            due.clone(),
        );
        registry.register(
            "outbox_dead",
            "Notices that were given up, up to 1000",
            dead.clone(),
        );
        Self {
            registry,
            answered,
            seconds,
            streams,
            connections,
            entries,
            due,
            dead,
        }
    }

    /// Counts an answer. Routes are patterns, so that no id of anybody becomes a label.
    pub(crate) fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let known = matches!(
            method.as_str(),
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS"
        );
        let answered = Answered {
            method: if known {
                method.to_string()
            } else {
                "other".to_owned()
            },
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.answered.get_or_create(&answered).inc();
        let route = Route {
            route: route.to_owned(),
        };
        self.seconds.get_or_create(&route).observe(took.as_secs_f64());
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; half an exposition would be worse than none.
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}
