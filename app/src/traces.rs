//! Where traces are kept, who listens, and `traces`: what ran and what waited, for how long.
//!
//! Traces are no records: whatever happens to them, commands answer the same.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use countersign::Timestamp;
use countersign::trace::{Recorder, SpanId, TraceFile, TraceId, TracedSpan, Traces, TracesError};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use crate::cli::{TracesArgs, TracesCommand};
use crate::failure::Failure;
use crate::reply::Reply;
use crate::text;

/// Where traces are kept; nowhere if `--traces off` was said.
pub(crate) fn place(said: Option<&Path>, data: &Path) -> Option<PathBuf> {
    match said {
        None => Some(data.join("traces.sqlite")),
        Some(said) if said.as_os_str() == OsStr::new("off") => None,
        Some(said) => Some(said.to_owned()),
    }
}

/// Who listens to the engine of this process.
pub(crate) struct Listening {
    file: Option<TraceFile>,
    #[cfg(feature = "otlp")]
    otlp: Option<countersign::trace::Otlp>,
}

/// Sets up the log of this process, which says what a worker cannot run, and its traces. A program that has
/// set its own up keeps it.
pub(crate) fn listen(place: Option<PathBuf>, name: &str) -> Listening {
    let file = place.and_then(|it| TraceFile::at(it).start().ok());
    let mut recorder = Recorder::new();
    let mut anybody = false;
    if let Some(file) = &file {
        anybody = true;
        recorder = recorder.to(file.clone());
    }
    #[cfg(feature = "otlp")]
    let otlp = collector(name);
    #[cfg(feature = "otlp")]
    if let Some(otlp) = &otlp {
        anybody = true;
        recorder = recorder.to(otlp.clone());
    }
    #[cfg(not(feature = "otlp"))]
    let _ = name;
    let log = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .with_filter(LevelFilter::WARN);
    let _ = registry()
        .with(anybody.then(|| recorder.layer()))
        .with(log)
        .try_init();
    Listening {
        file,
        #[cfg(feature = "otlp")]
        otlp,
    }
}

/// The collector that the environment names, if it names one.
#[cfg(feature = "otlp")]
fn collector(name: &str) -> Option<countersign::trace::Otlp> {
    let named = |it: &str| std::env::var_os(it).is_some_and(|it| !it.is_empty());
    if !named("OTEL_EXPORTER_OTLP_ENDPOINT") && !named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
        return None;
    }
    match countersign::trace::Otlp::from_environment(name) {
        Ok(otlp) => Some(otlp),
        Err(error) => {
            eprintln!("warning: {}", text::shown(&error.to_string()));
            None
        }
    }
}

impl Listening {
    /// At the end of the process: what was told is kept and sent.
    pub(crate) fn flush(&self) {
        if let Some(file) = &self.file {
            file.flush();
        }
        #[cfg(feature = "otlp")]
        if let Some(Err(error)) = self.otlp.as_ref().map(countersign::trace::Otlp::flush) {
            eprintln!("warning: {}", text::shown(&error.to_string()));
        }
    }
}

/// `traces`, `traces show` and `traces prune`.
pub(crate) fn answer(place: Option<&Path>, args: &TracesArgs) -> Result<Reply, Failure> {
    let place = place.ok_or_else(|| Failure::usage("`--traces off` keeps none; name a file to look into"))?;
    let traces = Traces::open(place)?;
    match &args.what {
        None => list(&traces, args),
        Some(TracesCommand::Show { call }) => {
            let spans = traces.of(*call)?;
            let first = spans.first().ok_or_else(|| {
                Failure::new(format!(
                    "{} has no trace of {call}; traces are kept for a while only, records for good: `show {call}`",
                    place.display()
                ))
            })?;
            let items: Vec<Value> = spans.iter().map(span_json).collect();
            let json = json!({"trace": first.trace.to_string(), "call": call, "spans": items});
            Ok(Reply::done(json, tree(&spans)))
        }
        Some(TracesCommand::Prune { older_than }) => {
            let then = SystemTime::now().checked_sub(*older_than).unwrap_or(UNIX_EPOCH);
            let pruned = traces.prune(then)?;
            let told = match pruned {
                1 => "One span was deleted.".to_owned(),
                many => format!("{many} spans were deleted."),
            };
            Ok(Reply::done(json!({"status": "done", "pruned": pruned}), told))
        }
    }
}

fn list(traces: &Traces, args: &TracesArgs) -> Result<Reply, Failure> {
    let limit = usize::from(args.limit);
    let mut found = traces.list(args.after.map(TraceId::from), limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map(|it| it.trace.call()).filter(|_| more);
    let items: Vec<Value> = found
        .iter()
        .map(|it| {
            json!({
                "trace": it.trace.to_string(),
                "call": it.trace.call(),
                "tool": it.tool,
                "spans": it.spans,
                "started": moment(it.started),
                "ended": moment(it.ended),
                "error": it.error,
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|it| {
            let error = it
                .error
                .as_ref()
                .map_or_else(String::new, |it| format!(", {}", text::shown(it)));
            vec![
                text::moment(&moment(it.started)),
                took(it.started, it.ended),
                it.trace.call().to_string(),
                format!("{}{error}", text::shown(&it.tool)),
            ]
        })
        .collect();
    let lost = traces.lost()?;
    let mut told = if rows.is_empty() {
        "No traces.\n".to_owned()
    } else {
        text::table(&rows)
    };
    if let Some(next) = next {
        let _ = writeln!(told, "\nMore: traces --after {next}");
    }
    if lost > 0 {
        let _ = writeln!(
            told,
            "\n{lost} spans were dropped: more came than could be written."
        );
    }
    Ok(Reply::done(
        json!({"items": items, "next": next, "lost": lost}),
        told,
    ))
}

fn span_json(span: &TracedSpan) -> Value {
    json!({
        "span": span.id.to_string(),
        "parent": span.parent.map(|it| it.to_string()),
        "name": span.name,
        "started": moment(span.started),
        "ended": moment(span.ended),
        "duration_ms": lasted(span.started, span.ended).as_millis(),
        "error": span.error,
        "error_words": span.error_words,
        "links": span.links.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "attributes": span.attributes,
    })
}

/// Spans as lines, each below the one around it.
fn tree(spans: &[TracedSpan]) -> String {
    let depth = |span: &TracedSpan| {
        let above = |id: SpanId| spans.iter().find(|it| it.id == id);
        std::iter::successors(span.parent.and_then(above), |it| it.parent.and_then(above))
            .take(spans.len())
            .count()
    };
    let mut rows = Vec::new();
    for span in spans {
        let mut name = format!("{}{}", "  ".repeat(depth(span)), text::shown(&span.name));
        for word in [
            "countersign.requirement.kind",
            "countersign.decision",
            "countersign.outcome",
        ] {
            if let Some(word) = span.text(word) {
                let _ = write!(name, ", {}", text::shown(word));
            }
        }
        if let Some(error) = &span.error {
            let _ = write!(name, ", {}", text::shown(error));
        }
        let when = text::moment(&moment(span.started));
        rows.push(vec![when, took(span.started, span.ended), name]);
    }
    text::table(&rows)
}

fn lasted(started: SystemTime, ended: SystemTime) -> Duration {
    ended.duration_since(started).unwrap_or_default()
}

fn took(started: SystemTime, ended: SystemTime) -> String {
    let lasted = lasted(started, ended);
    if lasted < Duration::from_secs(1) {
        format!("{:.1} ms", lasted.as_secs_f64() * 1000.0)
    } else {
        text::lasting(i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX))
    }
}

/// RFC 3339 with milliseconds.
fn moment(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).to_string()
}

impl From<TracesError> for Failure {
    fn from(error: TracesError) -> Self {
        Self::new(error.to_string())
    }
}
