//! Signs what was written: every 256 entries, every minute with news, at the end, and when asked.
//!
//! A checkpoint is stored by a commit that waits for the disk, and its row comes after the entries in the
//! journal: when it is acknowledged, so is everything that it is about. Nothing leaves here before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::audit::note::Note;
use countersign_core::id::TenantId;
use countersign_core::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{LedgerError, SigningKey, checked};
use crate::clock::Clock;
use crate::store::{CheckpointRow, Commit, Committed, Keeping, Store};

/// How many entries may be without a checkpoint while an engine runs.
pub const EVERY_ENTRIES: u64 = 256;
/// How long an entry may be without a checkpoint while an engine runs.
pub const EVERY: Duration = Duration::from_mins(1);

/// How often is looked, besides being woken by a commit.
const LOOK: Duration = Duration::from_secs(1);
/// How long to leave it after a look: under load, one look for many commits.
const REST: Duration = Duration::from_millis(100);

/// Signs the log of a tenant.
#[derive(Clone)]
pub(crate) struct Signer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tenant: TenantId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) key: SigningKey,
}

impl Signer {
    /// Signs the log as it is now; the stored checkpoint if there is no news. None for an empty log.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Diverged`] if the last checkpoint says otherwise than the log: nothing is signed over it.
    pub(crate) async fn sign(&self) -> Result<Option<Note>, LedgerError> {
        // Of two that sign at once, the first one's note is kept: then it is read again.
        loop {
            let last = self.store.last_checkpoint(&self.tenant).await?;
            let head = self.store.head(&self.tenant).await?;
            if let Some(row) = last
                && row.size >= head.size()
            {
                let note: Note = row
                    .note
                    .parse()
                    .map_err(|error| LedgerError::Unreadable(format!("the last checkpoint is {error}")))?;
                let checkpoint = checked(&note, &self.key.verifier(&self.tenant))?;
                if (checkpoint.size, checkpoint.root) == (head.size(), head.root()) {
                    return Ok(Some(note));
                }
                // Somebody may have written and signed between the two looks.
                if self.store.head(&self.tenant).await?.size() == head.size() {
                    return Err(LedgerError::Diverged(checkpoint.size));
                }
                continue;
            }
            if head.size() == 0 {
                return Ok(None);
            }
            let note = self.key.sign(&self.tenant, &head)?;
            let commit = Commit {
                keeping: Some(Keeping::Checkpoint(CheckpointRow {
                    size: head.size(),
                    note: note.to_string(),
                })),
                ..Commit::new(self.tenant.clone(), self.clock.now())
            };
            if let Committed::Done { .. } = self.store.commit(commit).await? {
                return Ok(Some(note));
            }
        }
    }

    /// Signs if it is time to: `news` is when the first unsigned entry was seen.
    async fn look(&self, news: &mut Option<Timestamp>) -> Result<(), LedgerError> {
        let size = self.store.head(&self.tenant).await?.size();
        let signed = self
            .store
            .last_checkpoint(&self.tenant)
            .await?
            .map_or(0, |it| it.size);
        if size <= signed {
            *news = None;
            return Ok(());
        }
        let now = self.clock.now();
        let since = *news.get_or_insert(now);
        if size - signed >= EVERY_ENTRIES || now >= since.after(EVERY) {
            self.sign().await?;
            *news = None;
        }
        Ok(())
    }

    async fn work(self, mut stopped: watch::Receiver<bool>) {
        let mut news = None;
        let mut told = false;
        loop {
            let changed = self.store.subscribe();
            match self.look(&mut news).await {
                Ok(()) => told = false,
                // Once, not every second: what it needs is a person.
                Err(error) if !told => {
                    tracing::error!(%error, "the audit log is not signed");
                    told = true;
                }
                Err(_) => {}
            }
            let woken = async {
                if let Some(mut changed) = changed
                    && changed.changed().await.is_ok()
                {
                    tokio::time::sleep(REST).await;
                } else {
                    tokio::time::sleep(LOOK).await;
                }
            };
            tokio::select! {
                _ = stopped.changed() => return,
                () = woken => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

/// The task that signs in the background. It ends with [`Keeper::stop`], or when it is dropped.
pub(crate) struct Keeper {
    pub(crate) signer: Signer,
    running: Mutex<Option<(watch::Sender<bool>, JoinHandle<()>)>>,
}

impl Keeper {
    pub(crate) fn start(signer: Signer) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(signer.clone().work(stopped));
        Self {
            signer,
            running: Mutex::new(Some((stop, task))),
        }
    }

    /// Ends the task and signs what is there.
    pub(crate) async fn stop(&self) -> Result<(), LedgerError> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((stop, task)) = running else {
            return Ok(());
        };
        let _ = stop.send(true);
        let _ = task.await;
        self.signer.sign().await.map(|_| ())
    }
}
