//! The embedded store: one SQLite file, no set-up, safe for many processes on one machine.
//!
//! Reads go through a few connections that only read; all writing of a process goes through one connection:
//! a thread puts every commit that waits into one transaction and one flush, and a commit that waits alone
//! is made where it is asked for, as long as the disk is quick (2 ms). A store in memory is the same
//! code over a database without a file.
//!
//! What a newcomer would get wrong: the file must be on a local disk. SQLite's shared memory and locks
//! do not work over NFS or SMB, and several machines need another store.

mod call;
mod edge;
mod error;
mod grant;
mod history;
mod keep;
mod open;
mod pen;
mod read;
mod run;
mod schema;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use async_trait::async_trait;
use countersign_core::audit::{Blob, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{CallId, GrantId, RunId, TenantId};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    CallFilter, CallRow, CheckpointRow, Commit, Committed, Directory, EdgeFilter, EdgeRow, EntryRow,
    GrantFilter, GrantRow, HistoryFilter, RunEventRow, RunFilter, RunRow, Store, StoreError,
};
pub(crate) use open::reader as read_only;
use pen::{Job, Pen};
use read::Readers;
use write::Writer;

/// Commits that may wait in the queue; further ones wait before it.
const QUEUE: usize = 1024;

/// A store in one SQLite file, or in memory. Cheap to clone; all clones are the same store.
///
/// Must be used within a tokio runtime. When the last clone is dropped, what is queued is still
/// written: the drop waits for it.
///
/// ```
/// use countersign::TenantId;
/// use countersign::store::{Sqlite, Store};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = tempfile::tempdir()?;
/// let store = Sqlite::open(dir.path().join("countersign.db"))?;
/// assert_eq!(store.head(&TenantId::default()).await?.size(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sqlite(Arc<Inner>);

struct Inner {
    place: Arc<str>,
    pen: Arc<Pen>,
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Readers,
    /// The connection that notices commits of other processes; none for a store in memory.
    witness: Option<Mutex<Connection>>,
    pulse: Arc<Pulse>,
}

/// How much was written through one [`Sqlite`], counted from its opening.
///
/// ```
/// use countersign::store::{Sqlite, Stats};
///
/// assert_eq!(Sqlite::in_memory()?.stats(), Stats::default());
/// # Ok::<(), countersign::store::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Commits that were acknowledged as done.
    pub commits: u64,
    /// Transactions that changed something; each holds one or more commits.
    pub batches: u64,
    /// Those that were flushed to the disk before anybody was answered. Checkpoints, in which SQLite
    /// moves the journal into the file about every 32 MB, are not counted.
    pub flushes: u64,
}

/// What the writer tells everybody.
pub(crate) struct Pulse {
    commits: AtomicU64,
    batches: AtomicU64,
    flushes: AtomicU64,
    changed: watch::Sender<u64>,
}

impl Pulse {
    fn new() -> Self {
        Self {
            commits: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            changed: watch::Sender::new(0),
        }
    }

    fn stats(&self) -> Stats {
        Stats {
            commits: self.commits.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
        }
    }

    fn committed(&self, commits: usize, changed: bool, flushed: bool) {
        self.commits
            .fetch_add(u64::try_from(commits).unwrap_or(0), Ordering::Relaxed);
        self.flushes.fetch_add(u64::from(flushed), Ordering::Relaxed);
        if changed {
            let batches = self.batches.fetch_add(1, Ordering::Relaxed) + 1;
            self.changed.send_replace(batches);
        }
    }
}

impl Sqlite {
    /// Opens the store at `path` and creates it if there is none; the directory must exist.
    ///
    /// A new file can be read and written by its owner only. Blocks for some milliseconds. Many
    /// processes may open the same path at the same time, also a new one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Open`] if the directory is missing or the file is no store,
    /// [`StoreError::Newer`] if a newer release wrote it, [`StoreError::Damaged`] if it is visibly
    /// damaged. Small files are checked whole, large ones where it is cheap; damage that shows only
    /// later is reported by the method that meets it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let given = path.as_ref();
        // Absolute, because SQLite reads a leading `file:` as a URI and the working directory may change.
        let path = std::path::absolute(given).map_err(|error| StoreError::Open {
            place: given.display().to_string(),
            why: error.to_string(),
        })?;
        let place: Arc<str> = path.display().to_string().into();
        let connection = open::writer(&path)?;
        let witness = open::reader(&path).map_err(|error| error::failure(&place, &error))?;
        let connection = Arc::new(Mutex::new(connection));
        let readers = Readers::of_file(path, Arc::clone(&connection));
        Self::start(place, connection, readers, Some(Mutex::new(witness)))
    }

    /// A new, empty store that lives as long as its handles. Nothing of it reaches a disk.
    pub fn in_memory() -> Result<Self, StoreError> {
        let place: Arc<str> = "in memory".into();
        let connection = open::memory().map_err(|error| error::failure(&place, &error))?;
        let connection = Arc::new(Mutex::new(connection));
        let readers = Readers::Memory(Arc::clone(&connection));
        Self::start(place, connection, readers, None)
    }

    fn start(
        place: Arc<str>,
        connection: Arc<Mutex<Connection>>,
        readers: Readers,
        witness: Option<Mutex<Connection>>,
    ) -> Result<Self, StoreError> {
        let pulse = Arc::new(Pulse::new());
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = Writer::new(connection, Arc::clone(&place), Arc::clone(&pulse));
        let pen = Arc::new(Pen::new(writer));
        let held = Arc::clone(&pen);
        let writer = std::thread::Builder::new()
            .name("countersign-store".to_owned())
            .spawn(move || held.run(receiver))
            .map_err(|error| {
                StoreError::Failed(format!("{place}: cannot start the writing thread: {error}"))
            })?;
        Ok(Self(Arc::new(Inner {
            place,
            pen,
            queue: Some(sender),
            writer: Some(writer),
            readers,
            witness,
            pulse,
        })))
    }

    /// How much was written through this handle and its clones.
    pub fn stats(&self) -> Stats {
        self.0.pulse.stats()
    }

    /// Looks something up by its key, in place.
    ///
    /// A look-up takes some microseconds, ten times less than going to another thread and back. What
    /// could block longer is a lock, which is rare for a reader in WAL mode: then it is asked elsewhere.
    async fn look_up<T: Send + 'static>(
        &self,
        question: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.0.readers.look_up(&question) {
            Err(error) if error::is_busy(&error) => self.ask(question).await,
            other => other.map_err(|error| error::failure(&self.0.place, &error)),
        }
    }

    /// Asks on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.0);
        let answer = tokio::task::spawn_blocking(move || {
            let mut times = 0;
            loop {
                let answer = inner.readers.ask(&question);
                let busy = answer.as_ref().is_err_and(error::is_busy);
                if !busy || !open::wait_for_others(times) {
                    return answer;
                }
                times += 1;
            }
        })
        .await;
        match answer {
            Ok(answer) => answer.map_err(|error| error::failure(&self.0.place, &error)),
            Err(error) => Err(StoreError::Failed(format!(
                "{}: a read was not finished: {error}",
                self.0.place
            ))),
        }
    }

    fn stopped(&self) -> StoreError {
        StoreError::Failed(format!(
            "{}: the writing thread has ended, whether this commit was made is unknown; open the store again",
            self.0.place
        ))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The thread ends when the queue is closed and empty.
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.0.place).finish()
    }
}

#[async_trait]
impl Store for Sqlite {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let waiting = self.0.pen.enter();
        if waiting.is_alone() {
            // On a thread with many tasks, only now the others can ask for theirs: they share one flush then.
            tokio::task::yield_now().await;
            if let Some(answer) = waiting.at_once(&commit) {
                return answer;
            }
        }
        let (answer, answered) = oneshot::channel();
        let commit = Arc::new(commit);
        let job = Job::Commit {
            commit: Arc::clone(&commit),
            answer,
        };
        let queue = self.0.queue.as_ref().ok_or_else(|| self.stopped())?;
        queue.send(job).await.map_err(|_| self.stopped())?;
        answered.await.map_err(|_| self.stopped())?
    }

    async fn call(&self, tenant: &TenantId, id: CallId) -> Result<Option<CallRow>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| read::call(connection, &tenant, id))
            .await
    }

    async fn calls(
        &self,
        tenant: &TenantId,
        filter: &CallFilter,
        after: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        // A run has few calls, and they are looked through before each further one.
        let is_short = matches!(filter, CallFilter::OfRun(_));
        let question = move |connection: &Connection| {
            let list = read::list(&tenant, &filter, after, limit);
            read::calls(connection, list, limit)
        };
        if is_short {
            self.look_up(question).await
        } else {
            self.ask(question).await
        }
    }

    async fn history(
        &self,
        tenant: &TenantId,
        filter: &HistoryFilter,
        before: Option<CallId>,
        limit: usize,
    ) -> Result<Vec<CallRow>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.ask(move |connection| {
            let list = history::list(&tenant, &filter, before, limit);
            read::calls(connection, list, limit)
        })
        .await
    }

    async fn grant(&self, tenant: &TenantId, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| grant::one(connection, &tenant, id))
            .await
    }

    async fn grants(
        &self,
        tenant: &TenantId,
        filter: &GrantFilter,
        before: Option<GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.look_up(move |connection| grant::list(connection, &tenant, &filter, before, limit))
            .await
    }

    async fn run(&self, tenant: &TenantId, id: RunId) -> Result<Option<RunRow>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| run::one(connection, &tenant, id))
            .await
    }

    async fn runs(
        &self,
        tenant: &TenantId,
        filter: &RunFilter,
        before: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunRow>, StoreError> {
        let (tenant, filter) = (tenant.clone(), filter.clone());
        self.ask(move |connection| run::list(connection, &tenant, &filter, before, limit))
            .await
    }

    async fn run_events(
        &self,
        tenant: &TenantId,
        run: RunId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<RunEventRow>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| run::events(connection, &tenant, run, from, limit))
            .await
    }

    async fn edge(&self, tenant: &TenantId, kind: &str, id: &str) -> Result<Option<EdgeRow>, StoreError> {
        let (tenant, kind, id) = (tenant.clone(), kind.to_owned(), id.to_owned());
        self.look_up(move |connection| edge::one(connection, &tenant, &kind, &id))
            .await
    }

    async fn edges(
        &self,
        tenant: &TenantId,
        filter: &EdgeFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EdgeRow>, StoreError> {
        let (tenant, filter, after) = (tenant.clone(), filter.clone(), after.map(str::to_owned));
        self.ask(move |connection| edge::list(connection, &tenant, &filter, after.as_deref(), limit))
            .await
    }

    async fn descriptor(&self, digest: &Digest) -> Result<Option<String>, StoreError> {
        let digest = *digest;
        self.look_up(move |connection| read::descriptor(connection, &digest))
            .await
    }

    async fn directory(
        &self,
        tenant: &TenantId,
        known: Option<u64>,
    ) -> Result<Option<Directory>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| read::directory(connection, &tenant, known))
            .await
    }

    async fn entries(
        &self,
        tenant: &TenantId,
        call: Option<CallId>,
        from: u64,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let tenant = tenant.clone();
        match call {
            // Those of one call are few, and every claim asks for them.
            Some(call) => {
                self.look_up(move |connection| read::entries_of_call(connection, &tenant, call, from, limit))
                    .await
            }
            None => {
                self.ask(move |connection| read::entries(connection, &tenant, from, limit))
                    .await
            }
        }
    }

    async fn blob(&self, tenant: &TenantId, commitment: &Digest) -> Result<Option<Blob>, StoreError> {
        let (tenant, commitment) = (tenant.clone(), *commitment);
        self.look_up(move |connection| read::blob(connection, &tenant, &commitment))
            .await
    }

    async fn head(&self, tenant: &TenantId) -> Result<Frontier, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| read::head(connection, &tenant))
            .await
    }

    async fn last_checkpoint(&self, tenant: &TenantId) -> Result<Option<CheckpointRow>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| keep::last_checkpoint(connection, &tenant))
            .await
    }

    async fn holds(&self, tenant: &TenantId) -> Result<Vec<Option<CallId>>, StoreError> {
        let tenant = tenant.clone();
        self.look_up(move |connection| keep::holds(connection, &tenant))
            .await
    }

    async fn generation(&self) -> Result<u64, StoreError> {
        let own = *self.0.pulse.changed.borrow();
        let Some(witness) = &self.0.witness else {
            return Ok(own);
        };
        // Reads a counter in shared memory: no need for a thread that may block.
        let witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        let all: u64 = witness
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut it| it.query_row([], |row| row.get(0)))
            .map_err(|error| error::failure(&self.0.place, &error))?;
        // Both only grow, so the sum changes whenever one of them does.
        Ok(all.saturating_add(own))
    }

    fn subscribe(&self) -> Option<watch::Receiver<u64>> {
        Some(self.0.pulse.changed.subscribe())
    }
}
