//! Who writes: a thread that takes all commits that wait, or the task whose commit is the only one.
//!
//! Under load, the thread makes many commits share one flush. Alone, a commit waits for nobody and is
//! made where it is asked for: two hops between threads would cost as much as the flush.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::write::{Answer, Writer};
use crate::store::Commit;

/// The most commits in one transaction.
const MOST_COMMITS: usize = 256;

/// A disk that takes longer for a commit may hold up a thread of ours, but no task of the caller's.
const QUICK: Duration = Duration::from_millis(2);

/// A commit that waits, and where its answer goes.
pub(super) enum Job {
    Commit {
        commit: Arc<Commit>,
        answer: oneshot::Sender<Answer>,
    },
    #[cfg(test)]
    Panic,
}

/// The writer, and who may use it: the thread, or a task whose commit is the only one.
pub(super) struct Pen {
    writer: Mutex<Writer>,
    /// Commits that were asked for and have no answer yet.
    waiting: AtomicUsize,
    /// Whether the last commit was.
    quick: AtomicBool,
}

/// Counts a commit until it has its answer.
pub(super) struct Waiting<'a>(&'a Pen);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pen {
    pub(super) fn new(writer: Writer) -> Self {
        Self {
            writer: Mutex::new(writer),
            waiting: AtomicUsize::new(0),
            quick: AtomicBool::new(true),
        }
    }

    pub(super) fn enter(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self)
    }

    /// Works until the last sender is gone and the queue is empty.
    pub(super) fn run(&self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(MOST_COMMITS);
        while queue.blocking_recv_many(&mut jobs, MOST_COMMITS) > 0 {
            // Whoever panicked while writing left it in an unknown state; nothing is written any more.
            let Ok(mut writer) = self.writer.lock() else {
                return;
            };
            let mut commits = Vec::with_capacity(jobs.len());
            let mut answers = Vec::with_capacity(jobs.len());
            for job in jobs.drain(..) {
                match job {
                    Job::Commit { commit, answer } => {
                        commits.push(commit);
                        answers.push(answer);
                    }
                    #[cfg(test)]
                    Job::Panic => std::panic::resume_unwind(Box::new("asked to")),
                }
            }
            let results = self.timed(|| writer.batch(&commits));
            drop(writer);
            // Whoever asked lets go of it last: all others wait for this thread, and memory is given back fastest by
            // the thread that took it.
            drop(commits);
            for (answer, result) in answers.into_iter().zip(results) {
                // Whoever asked may have stopped waiting; what was committed stays.
                let _ = answer.send(result);
            }
        }
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = work();
        self.quick.store(start.elapsed() < QUICK, Ordering::Relaxed);
        done
    }
}

impl Waiting<'_> {
    /// Whether nobody else waits.
    pub(super) fn is_alone(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) == 1
    }

    /// Makes the commit here and now, if nobody else waits, the disk is quick and nobody holds the lock;
    /// otherwise nothing was done.
    pub(super) fn at_once(&self, commit: &Commit) -> Option<Answer> {
        if !self.is_alone() || !self.0.quick.load(Ordering::Relaxed) {
            return None;
        }
        let mut writer = match self.0.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return None,
        };
        self.0.timed(|| writer.without_waiting(commit))
    }
}
