//! Traces in a SQLite file of their own, beside the store or on another disk.
//!
//! A thread writes them, from a queue that drops what does not fit and counts it. Whatever happens to the
//! file, no call waits for it or fails: it is made anew when it is gone, and set aside when it cannot be read.

mod read;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::Duration;

use super::recorder::{Sink, TracedSpan};
pub use read::{Summary, Traces, TracesError};

/// How long spans are kept: 30 days.
const KEEP: Duration = Duration::from_hours(30 * 24);
/// How many spans wait to be written; more are dropped.
const QUEUE: usize = 4096;
/// How long [`TraceFile::flush`] waits.
const FLUSH: Duration = Duration::from_secs(5);

/// A sink that keeps spans in a file. Clones write to the same one.
///
/// ```
/// use std::time::Duration;
///
/// use countersign::trace::{Recorder, TraceFile, Traces};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("traces.sqlite");
/// let file = TraceFile::at(&path).keep(Duration::from_secs(7 * 86_400)).start()?;
/// let _layer = Recorder::new().to(file.clone()); // `.layer()` into a subscriber, as `Recorder` shows
///
/// file.flush();
/// assert_eq!(file.dropped(), 0);
/// assert!(Traces::open(&path)?.list(None, 50)?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TraceFile {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

/// What the thread hears.
pub(super) enum Message {
    Span(Box<TracedSpan>),
    /// Everything before it is to be written; answered by hanging up.
    Flush(SyncSender<()>),
}

/// Where and how long spans are to be kept. See [`TraceFile`].
///
/// ```
/// let at = countersign::trace::TraceFile::at("traces.sqlite"); // made when the first span is written
/// let _file = at.queue(100).start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is kept until it is started"]
pub struct TraceFileBuilder {
    path: PathBuf,
    keep: Duration,
    queue: usize,
}

impl TraceFile {
    /// A file that is made when there is something to write, with the owner as its only reader.
    pub fn at(path: impl Into<PathBuf>) -> TraceFileBuilder {
        TraceFileBuilder {
            path: path.into(),
            keep: KEEP,
            queue: QUEUE,
        }
    }

    /// How many spans were lost, because the queue was full or the file could not be written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was taken so far is written, at most five seconds. For the end of a program.
    pub fn flush(&self) {
        let (done, heard) = mpsc::sync_channel(0);
        if self.sender.send(Message::Flush(done)).is_ok() {
            let _ = heard.recv_timeout(FLUSH);
        }
    }
}

impl Sink for TraceFile {
    fn take(&self, span: &TracedSpan) {
        match self.sender.try_send(Message::Span(Box::new(span.clone()))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl TraceFileBuilder {
    /// How long spans are kept; 30 days unless said. Older ones are deleted now and then.
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// How many spans may wait to be written; 4096 unless said.
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue;
        self
    }

    /// Starts the thread that writes. It ends with the last clone.
    ///
    /// # Errors
    ///
    /// If the operating system gives no thread.
    pub fn start(self) -> std::io::Result<TraceFile> {
        let (sender, receiver) = mpsc::sync_channel(self.queue);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = write::Writer::new(self.path, self.keep, dropped.clone());
        std::thread::Builder::new()
            .name("countersign-traces".to_owned())
            .spawn(move || writer.run(&receiver))?;
        Ok(TraceFile { sender, dropped })
    }
}
