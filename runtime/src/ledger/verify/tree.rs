//! The tree over the entries, and whether it is the one that was signed.

use std::collections::VecDeque;

use countersign_core::audit::note::{Checkpoint, Note, VerifierKey};
use countersign_core::audit::{Frontier, leaf};
use countersign_core::digest::Digest;

use super::super::source::{LogSource, Page, Row};
use super::super::{LedgerError, State, checked};
use super::{Ended, Finding};

/// Builds the tree, page by page.
pub(super) struct Tree<'a> {
    source: &'a mut dyn LogSource,
    key: Option<&'a VerifierKey>,
    trusted: Option<Checkpoint>,
    /// Whether the trusted checkpoint is among the stored ones, or need not be.
    trusted_is_stored: bool,
    frontier: Frontier,
    last: Option<Digest>,
    signed: u64,
    checkpoints: u64,
    /// Stored checkpoints that come next, and after which size to ask for more.
    waiting: VecDeque<(i64, Vec<u8>)>,
    after: i64,
    stopped: bool,
    findings: Vec<Finding>,
    missing: Option<String>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(
        source: &'a mut dyn LogSource,
        key: Option<&'a VerifierKey>,
        trusted: Option<Checkpoint>,
        state: &State,
    ) -> Result<Self, LedgerError> {
        let after = match state.size() {
            0 => i64::MIN,
            size => signed_size(size),
        };
        let trusted_is_stored = trusted.as_ref().is_none_or(|it| it.size <= state.size());
        let mut tree = Self {
            source,
            key,
            trusted,
            trusted_is_stored,
            frontier: state.frontier.clone(),
            last: state.last,
            signed: state.signed,
            checkpoints: 0,
            waiting: VecDeque::new(),
            after,
            stopped: false,
            findings: Vec::new(),
            missing: None,
        };
        tree.compare_with_trusted();
        tree.refill()?;
        while let Some((size, _)) = tree.waiting.front()
            && *size <= 0
        {
            let what = format!("a checkpoint of {size} entries is stored, and there can be none");
            tree.found(0, false, what);
            tree.waiting.pop_front();
        }
        Ok(tree)
    }

    /// Where the log is read from.
    pub(super) fn source(&mut self) -> &mut dyn LogSource {
        self.source
    }

    /// Whether the entry before the first new one is still there.
    pub(super) fn resumes(&mut self) -> Result<bool, LedgerError> {
        let (Some(seq), Some(last)) = (self.frontier.size().checked_sub(1), self.last) else {
            return Ok(true);
        };
        let mut page = Page::default();
        self.source.page(signed_size(seq), &mut page)?;
        let Some(found) = page.rows().next().map(|it| (it.seq, leaf(it.text))) else {
            self.missing = Some(format!("entry {seq} was verified before and is gone"));
            self.stopped = true;
            return Ok(false);
        };
        if found == (signed_size(seq), last) {
            return Ok(true);
        }
        self.found(
            seq,
            true,
            format!("entry {seq} is not the one that was verified before"),
        );
        self.stopped = true;
        Ok(false)
    }

    /// Takes the next page. What is wrong, and everything after it, is left out of it. False at the end.
    pub(super) fn next(&mut self, page: &mut Page) -> Result<bool, LedgerError> {
        let from = match self.frontier.size() {
            0 => i64::MIN,
            size => signed_size(size),
        };
        self.source.page(from, page)?;
        let mut taken = 0;
        for row in page.rows() {
            if !self.take(row)? {
                self.stopped = true;
                break;
            }
            taken += 1;
        }
        let more = taken == page.len() && taken > 0;
        page.truncate(taken);
        Ok(more)
    }

    /// False if the entry is not the one that belongs here.
    fn take(&mut self, row: Row<'_>) -> Result<bool, LedgerError> {
        let seq = self.frontier.size();
        if row.seq != signed_size(seq) {
            let what = if row.seq < signed_size(seq) {
                format!("an entry is stored under the number {}", row.seq)
            } else {
                format!("entry {seq} is missing; the next one is {}", row.seq)
            };
            self.found(seq, true, what);
            return Ok(false);
        }
        let own = leaf(row.text);
        if row.leaf.is_some_and(|stored| stored != own.bytes()) {
            self.found(seq, true, format!("entry {seq} is not the one that was hashed"));
            return Ok(false);
        }
        self.frontier.append(own);
        self.last = Some(own);
        Ok(self.compare_with_checkpoints()? && self.compare_with_trusted())
    }

    /// False if the tree is not the one that was signed.
    fn compare_with_checkpoints(&mut self) -> Result<bool, LedgerError> {
        let size = signed_size(self.frontier.size());
        while let Some((_, note)) = self.waiting.pop_front_if(|(it, _)| *it <= size) {
            if self.waiting.is_empty() {
                self.refill()?;
            }
            let key = self.key.ok_or(LedgerError::NoKey)?;
            self.checkpoints += 1;
            let read = std::str::from_utf8(&note)
                .ok()
                .and_then(|it| it.parse::<Note>().ok());
            let checkpoint = match read.map(|it| checked(&it, key)) {
                Some(Ok(checkpoint)) if checkpoint.size == self.frontier.size() => checkpoint,
                Some(Ok(other)) => {
                    let what = format!(
                        "the checkpoint stored for {size} entries is of {} entries",
                        other.size
                    );
                    self.found(self.signed, false, what);
                    continue;
                }
                Some(Err(error)) => {
                    let what = format!("the checkpoint of {size} entries is {error}");
                    self.found(self.signed, false, what);
                    continue;
                }
                None => {
                    let what = format!("the checkpoint of {size} entries cannot be read");
                    self.found(self.signed, false, what);
                    continue;
                }
            };
            if checkpoint.root != self.frontier.root() {
                let what = format!(
                    "entries {} to {} are not those that were signed",
                    self.signed,
                    checkpoint.size.saturating_sub(1)
                );
                self.found(self.signed, false, what);
                return Ok(false);
            }
            self.signed = checkpoint.size;
            self.trusted_is_stored |= self.trusted.as_ref() == Some(&checkpoint);
        }
        Ok(true)
    }

    /// False if the tree is not the one that is trusted.
    fn compare_with_trusted(&mut self) -> bool {
        let Some(trusted) = self.trusted.as_ref().filter(|it| it.size == self.frontier.size()) else {
            return true;
        };
        if trusted.root == self.frontier.root() {
            return true;
        }
        let what = format!(
            "the {} entries of the trusted checkpoint are not those of this log, which was written anew",
            trusted.size
        );
        self.found(0, false, what);
        false
    }

    fn refill(&mut self) -> Result<(), LedgerError> {
        let more = self.source.checkpoints(self.after)?;
        if let Some((size, _)) = more.last() {
            self.after = *size;
        }
        self.waiting.extend(more);
        Ok(())
    }

    fn found(&mut self, seq: u64, exact: bool, what: String) {
        self.findings.push(Finding { seq, exact, what });
    }

    /// Compares what is left with what was read.
    pub(super) fn end(mut self) -> Result<Ended, LedgerError> {
        // Where reading stopped at something wrong, what follows was not looked at.
        if !self.stopped {
            self.compare_with_head()?;
            let size = self.frontier.size();
            if let Some((signed, _)) = self.waiting.front() {
                let what = format!("{signed} entries were signed and the log has {size}");
                self.found(size, true, what);
            }
            match self.trusted.as_ref().map(|it| it.size) {
                Some(trusted) if trusted > size => {
                    self.missing = Some(format!(
                        "the trusted checkpoint is of {trusted} entries, the log has {size}"
                    ));
                }
                Some(trusted) if !self.trusted_is_stored && trusted > 0 && self.findings.is_empty() => {
                    let what =
                        format!("the checkpoint of {trusted} entries, which is trusted, is no longer stored");
                    self.found(self.signed, false, what);
                }
                Some(_) | None => {}
            }
        }
        Ok(Ended {
            frontier: self.frontier,
            signed: self.signed,
            checkpoints: self.checkpoints,
            last: self.last,
            findings: self.findings,
            missing: self.missing,
        })
    }

    fn compare_with_head(&mut self) -> Result<(), LedgerError> {
        let size = self.frontier.size();
        if !self.source.has_head() {
            if size > self.signed {
                let what = "the entries from here on are signed by no checkpoint".to_owned();
                self.found(self.signed, true, what);
            }
            return Ok(());
        }
        match self.source.head()? {
            None if size == 0 => {}
            None => self.found(size, false, format!("the log has {size} entries and no head")),
            Some(head) if head.size != signed_size(size) => {
                let what = format!("the head says {} entries, and there are {size}", head.size);
                let first = u64::try_from(head.size).unwrap_or(0).min(size);
                self.found(first, true, what);
            }
            Some(head) => {
                if Frontier::from_bytes(size, &head.frontier).ok().as_ref() != Some(&self.frontier) {
                    let what = "the stored head is not that of these entries".to_owned();
                    self.found(self.signed, false, what);
                }
            }
        }
        Ok(())
    }
}

/// A number as the source has it.
fn signed_size(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
