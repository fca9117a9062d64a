//! The thread that writes spans.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, ErrorCode, params};
use serde_json::Value;

use super::Message;
use super::read::{APPLICATION_ID, Kind, VERSION, kind, micros, prune};
use crate::trace::recorder::TracedSpan;

/// How many spans one transaction takes.
const BATCH: usize = 256;
/// How often old spans are looked for.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// How long another process that writes is waited for.
const BUSY: Duration = Duration::from_secs(1);

const SCHEMA: &str = "
    CREATE TABLE span (
        trace BLOB NOT NULL, id BLOB NOT NULL, parent BLOB, name TEXT NOT NULL, call TEXT, tool TEXT,
        started INTEGER NOT NULL, ended INTEGER NOT NULL, error TEXT, error_words TEXT,
        links BLOB NOT NULL, attributes TEXT NOT NULL,
        PRIMARY KEY (trace, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX span_call ON span (call);
    CREATE INDEX span_ended ON span (ended);
    CREATE TABLE lost (spans INTEGER NOT NULL) STRICT;
    INSERT INTO lost VALUES (0);
";

pub(super) struct Writer {
    path: PathBuf,
    keep: Duration,
    dropped: Arc<AtomicU64>,
    /// How many of the dropped ones the file knows of.
    told: u64,
    file: Option<Connection>,
    pruned: Option<Instant>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, keep: Duration, dropped: Arc<AtomicU64>) -> Self {
        Self {
            path,
            keep,
            dropped,
            told: 0,
            file: None,
            pruned: None,
        }
    }

    /// Writes what comes until nobody is left who could send.
    pub(super) fn run(mut self, receiver: &Receiver<Message>) {
        while let Ok(first) = receiver.recv() {
            let (mut spans, mut flushes) = (Vec::new(), Vec::new());
            for message in std::iter::once(first).chain(receiver.try_iter().take(BATCH)) {
                match message {
                    Message::Span(span) => spans.push(*span),
                    Message::Flush(done) => flushes.push(done),
                }
            }
            if !spans.is_empty() {
                self.keep_all(&spans);
            }
            // Whoever waits hears that the other end is gone.
            drop(flushes);
        }
    }

    /// Writes these, or counts them as lost. A file that went bad is replaced once.
    fn keep_all(&mut self, spans: &[TracedSpan]) {
        let written = self.try_keep(spans).or_else(|error| {
            self.file = None;
            if is_damaged(&error) {
                set_aside(&self.path);
            }
            self.try_keep(spans)
        });
        if let Err(error) = written {
            self.file = None;
            let lost = u64::try_from(spans.len()).unwrap_or(u64::MAX);
            self.dropped.fetch_add(lost, Ordering::Relaxed);
            tracing::warn!(%error, lost, path = %self.path.display(), "traces cannot be written");
        }
    }

    fn try_keep(&mut self, spans: &[TracedSpan]) -> rusqlite::Result<()> {
        // Somebody deleted it: what is written to an open file that has no name is lost.
        if !self.path.exists() {
            self.file = None;
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        let lost = self.dropped.load(Ordering::Relaxed);
        write(&mut file, spans, lost - self.told)?;
        self.told = lost;
        if self.pruned.is_none_or(|it| it.elapsed() > PRUNE_EVERY) {
            self.pruned = Some(Instant::now());
            prune(
                &file,
                SystemTime::now()
                    .checked_sub(self.keep)
                    .unwrap_or(SystemTime::UNIX_EPOCH),
            )?;
        }
        self.file = Some(file);
        Ok(())
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // It may hold what was asked to be traced, so only its owner reads it. If this fails, opening says why.
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
    let mut file = Connection::open(path)?;
    file.busy_timeout(BUSY)?;
    let making = file.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    match kind(&making)? {
        Kind::Empty => {
            making.execute_batch(SCHEMA)?;
            making.pragma_update(None, "application_id", APPLICATION_ID)?;
            making.pragma_update(None, "user_version", VERSION)?;
        }
        Kind::Traces => {}
        Kind::Other(why) => {
            let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_MISMATCH);
            return Err(rusqlite::Error::SqliteFailure(error, Some(why)));
        }
    }
    making.commit()?;
    file.pragma_update(None, "journal_mode", "WAL")?;
    // Traces may be lost: nothing is waited for.
    file.pragma_update(None, "synchronous", "OFF")?;
    Ok(file)
}

fn write(file: &mut Connection, spans: &[TracedSpan], lost: u64) -> rusqlite::Result<()> {
    let transaction = file.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut insert = transaction.prepare_cached(
            "INSERT OR REPLACE INTO span VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for span in spans {
            let links: Vec<u8> = span.links.iter().flat_map(|it| it.0).collect();
            insert.execute(params![
                span.trace.0,
                span.id.0,
                span.parent.map(|it| it.0),
                span.name,
                span.text("gen_ai.tool.call.id"),
                span.text("gen_ai.tool.name"),
                micros(span.started),
                micros(span.ended),
                span.error,
                span.error_words,
                links,
                Value::Object(span.attributes.clone()).to_string(),
            ])?;
        }
        if lost > 0 {
            transaction.execute(
                "UPDATE lost SET spans = spans + ?1",
                [i64::try_from(lost).unwrap_or(i64::MAX)],
            )?;
        }
    }
    transaction.commit()
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(error, _) => {
            matches!(
                error.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown
            )
        }
        _ => false,
    }
}

/// Gives a file that cannot be read another name, over the one that was set aside before.
fn set_aside(path: &Path) {
    let with = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let aside = with(".damaged");
    tracing::warn!(path = %path.display(), aside = %aside.display(), "the traces cannot be read; they are set aside");
    if std::fs::rename(path, aside).is_ok() {
        // They belong to the file that is gone.
        let _ = std::fs::remove_file(with("-wal"));
        let _ = std::fs::remove_file(with("-shm"));
    }
}
