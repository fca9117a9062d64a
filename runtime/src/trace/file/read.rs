//! What a file of traces can be asked.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Row, params};
use serde_json::Value;

use crate::CallId;
use crate::trace::recorder::{SpanId, TraceId, TracedSpan};

/// The format that is read and written.
pub(super) const VERSION: i64 = 1;
/// Marks a SQLite file as one of traces: "csTr".
pub(super) const APPLICATION_ID: i64 = 0x6373_5472;

/// What a SQLite file is.
pub(super) enum Kind {
    Empty,
    Traces,
    /// Not ours to touch, and why.
    Other(String),
}

/// A mistaken path must not turn somebody's database, or our store, into traces.
pub(super) fn kind(file: &Connection) -> rusqlite::Result<Kind> {
    let number = |name| file.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(match (number("application_id")?, number("user_version")?) {
        (0, 0) if number("schema_version")? == 0 => Kind::Empty,
        (APPLICATION_ID, VERSION) => Kind::Traces,
        (APPLICATION_ID, version) => {
            Kind::Other(format!("it has format {version}, this program knows {VERSION}"))
        }
        (owner, _) => Kind::Other(format!(
            "it is the SQLite database of another program (application_id {owner})"
        )),
    })
}

/// The traces cannot be read.
///
/// ```
/// use countersign::trace::Traces;
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("traces.sqlite");
/// std::fs::write(&path, "something else")?;
/// let error = Traces::open(&path).err().unwrap().to_string();
/// assert!(error.contains("traces.sqlite") && error.contains("delete"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("cannot read the traces {place}: {why}; a file of traces can be deleted, no call needs it")]
pub struct TracesError {
    place: String,
    why: String,
}

/// A file of traces, to look into.
///
/// ```
/// use countersign::trace::Traces;
///
/// let dir = tempfile::tempdir()?;
/// let traces = Traces::open(dir.path().join("traces.sqlite"))?; // no file: no traces, and none is made
/// assert!(traces.list(None, 50)?.is_empty());
/// assert_eq!(traces.prune(std::time::SystemTime::now())?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Traces {
    place: String,
    file: Option<Connection>,
}

/// A trace in a list.
///
/// See [`Traces::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which trace.
    pub trace: TraceId,
    /// The tool that was called.
    pub tool: String,
    /// How many spans there are so far.
    pub spans: u64,
    /// When the first one began.
    pub started: SystemTime,
    /// When the last one was over.
    pub ended: SystemTime,
    /// A failure in it, if there is one.
    pub error: Option<String>,
}

impl Traces {
    /// Opens a file. One that does not exist has no traces.
    ///
    /// # Errors
    ///
    /// [`TracesError`] if it is no file of traces, or of another format.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TracesError> {
        let path = path.as_ref();
        let mut traces = Self {
            place: path.display().to_string(),
            file: None,
        };
        if !path.exists() {
            return Ok(traces);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).and_then(|file| {
            file.busy_timeout(Duration::from_secs(5))?;
            let kind = kind(&file)?;
            Ok((file, kind))
        });
        match opened {
            // A writer that has just made the file, and nothing in it.
            Ok((_, Kind::Empty)) => Ok(traces),
            Ok((file, Kind::Traces)) => {
                traces.file = Some(file);
                Ok(traces)
            }
            Ok((_, Kind::Other(why))) => Err(traces.error(&why)),
            Err(error) => Err(traces.error(&error)),
        }
    }

    /// The traces, the newest first, from the one before `before`; at most `limit`.
    pub fn list(&self, before: Option<TraceId>, limit: usize) -> Result<Vec<Summary>, TracesError> {
        self.rows(
            "SELECT trace, min(tool), count(*), min(started), max(ended), max(error) FROM span
             WHERE ?1 IS NULL OR trace < ?1 GROUP BY trace ORDER BY trace DESC LIMIT ?2",
            params![before.map(|it| it.0), limit],
            |row| {
                Ok(Summary {
                    trace: TraceId(row.get(0)?),
                    tool: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
                    spans: row.get(2)?,
                    started: moment(row.get(3)?),
                    ended: moment(row.get(4)?),
                    error: row.get(5)?,
                })
            },
        )
    }

    /// All spans of the trace that this call is in, in the order in which they began.
    pub fn of(&self, call: CallId) -> Result<Vec<TracedSpan>, TracesError> {
        self.rows(
            "SELECT trace, id, parent, name, started, ended, error, error_words, links, attributes FROM span
             WHERE trace IN (SELECT trace FROM span WHERE call = ?1) ORDER BY started, ended DESC, id LIMIT 10000",
            [call.to_string()],
            span,
        )
    }

    /// How many spans were lost, as far as the writers could say.
    pub fn lost(&self) -> Result<u64, TracesError> {
        let counts: Vec<u64> = self.rows("SELECT spans FROM lost", [], |row| row.get(0))?;
        Ok(counts.into_iter().sum())
    }

    /// Deletes the spans that were over before `then`, and says how many.
    pub fn prune(&self, then: SystemTime) -> Result<usize, TracesError> {
        let Some(file) = &self.file else { return Ok(0) };
        prune(file, then).map_err(|error| self.error(&error))
    }

    fn rows<T>(
        &self,
        query: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, TracesError> {
        let Some(file) = &self.file else {
            return Ok(Vec::new());
        };
        let found = file
            .prepare_cached(query)
            .and_then(|mut it| it.query_map(params, read)?.collect());
        found.map_err(|error| self.error(&error))
    }

    fn error(&self, why: &impl ToString) -> TracesError {
        TracesError {
            place: self.place.clone(),
            why: why.to_string(),
        }
    }
}

/// Deletes spans; the file shrinks when there is reason to.
pub(super) fn prune(file: &Connection, then: SystemTime) -> rusqlite::Result<usize> {
    file.execute("DELETE FROM span WHERE ended < ?1", [micros(then)])
}

fn span(row: &Row<'_>) -> rusqlite::Result<TracedSpan> {
    let links: Vec<u8> = row.get(8)?;
    let attributes: String = row.get(9)?;
    let id = |bytes: &[u8]| bytes.try_into().map(SpanId).unwrap_or_default();
    Ok(TracedSpan {
        trace: TraceId(row.get(0)?),
        id: SpanId(row.get(1)?),
        parent: row.get::<_, Option<[u8; 8]>>(2)?.map(SpanId),
        name: row.get(3)?,
        started: moment(row.get(4)?),
        ended: moment(row.get(5)?),
        error: row.get(6)?,
        error_words: row.get(7)?,
        links: links.chunks_exact(8).map(id).collect(),
        attributes: match serde_json::from_str(&attributes) {
            Ok(Value::Object(attributes)) => attributes,
            _ => serde_json::Map::new(),
        },
    })
}

/// Microseconds since 1970.
pub(super) fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn moment(micros: i64) -> SystemTime {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}
