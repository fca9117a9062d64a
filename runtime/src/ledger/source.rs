//! Where a log is read from to be verified: a database, an export, memory.
//!
//! A source believes nothing. It hands over what is stored, byte for byte, also where that is damaged:
//! what is wrong with it is for the verifier to say. It reads in pages, so that a log of any length takes
//! the same memory.

#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "sqlite")]
pub use sqlite::SqliteLog;

use countersign_core::digest::Digest;

use super::LedgerError;

/// How many entries one page has at most.
pub(super) const PAGE: usize = 512;

/// The head of a log as it is stored.
///
/// ```
/// use countersign::ledger::StoredHead;
///
/// let head = StoredHead { size: 0, frontier: Vec::new() };
/// assert_eq!(head.size, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    /// How many entries, as it is said.
    pub size: i64,
    /// The roots of the complete subtrees, largest first, 32 bytes each.
    pub frontier: Vec<u8>,
}

/// One entry in a [`Page`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The number it is stored under.
    pub seq: i64,
    /// The leaf hash that is stored beside it; none if the source keeps none.
    pub leaf: Option<&'a [u8]>,
    /// The entry.
    pub text: &'a [u8],
}

/// Some entries, in one piece of memory that is used again for the next ones.
///
/// ```
/// use countersign::ledger::Page;
///
/// let mut page = Page::default();
/// page.push(7, None, b"{}");
/// assert_eq!(page.rows().map(|it| it.seq).collect::<Vec<_>>(), [7]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Page {
    bytes: Vec<u8>,
    rows: Vec<Place>,
}

/// Where an entry begins in the bytes: its leaf, if there is one, then its text.
#[derive(Debug, Clone, Copy)]
struct Place {
    seq: i64,
    start: usize,
    text: usize,
    end: usize,
    has_leaf: bool,
}

impl Page {
    /// Forgets the entries, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }

    /// Adds an entry.
    pub fn push(&mut self, seq: i64, leaf: Option<&[u8]>, text: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(leaf.unwrap_or_default());
        let place = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.rows.push(Place {
            seq,
            start,
            text: place,
            end: self.bytes.len(),
            has_leaf: leaf.is_some(),
        });
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Leaves out the entries from this one on.
    pub(super) fn truncate(&mut self, entries: usize) {
        self.rows.truncate(entries);
    }

    /// The entries.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|it| Row {
            seq: it.seq,
            leaf: it.has_leaf.then(|| &self.bytes[it.start..it.text]),
            text: &self.bytes[it.text..it.end],
        })
    }
}

/// What a source has of the words that an entry is bound to.
///
/// ```
/// use countersign::ledger::Words;
///
/// assert_ne!(Words::Gone, Words::Elsewhere);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// The source keeps only entries: nothing can be said about words.
    Elsewhere,
    /// They are not there.
    Gone,
    /// They are, as they are stored.
    Kept {
        /// The key of the commitment.
        salt: Vec<u8>,
        /// The words.
        content: Vec<u8>,
    },
}

/// A log that can be verified.
pub trait LogSource {
    /// The stored head; none if there is none, which is only right for an empty log or an export.
    fn head(&mut self) -> Result<Option<StoredHead>, LedgerError>;

    /// Whether a log of this kind keeps a head.
    fn has_head(&self) -> bool {
        true
    }

    /// Fills the page with the entries from number `from` on, in the order of their numbers; none at the end.
    fn page(&mut self, from: i64, page: &mut Page) -> Result<(), LedgerError>;

    /// The stored checkpoints of more than `after` entries, the shortest first: sizes and notes. A page of
    /// them; none at the end.
    fn checkpoints(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, LedgerError>;

    /// The words that a commitment in an entry is bound to.
    fn words(&mut self, _commitment: &Digest) -> Result<Words, LedgerError> {
        Ok(Words::Elsewhere)
    }
}

/// A log in memory: what a test changes, or what was fetched from elsewhere.
///
/// ```
/// use countersign::ledger::{MemoryLog, Request, Verdict, verify};
///
/// let report = verify(&mut MemoryLog::default(), &Request::default())?;
/// assert_eq!((report.verdict, report.size), (Verdict::Ok, 0));
/// # Ok::<(), countersign::ledger::LedgerError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryLog {
    /// The head.
    pub head: Option<StoredHead>,
    /// Numbers, leaves and entries, in the order of their numbers.
    pub rows: Vec<(i64, Vec<u8>, Vec<u8>)>,
    /// Sizes and notes, in the order of sizes.
    pub checkpoints: Vec<(i64, Vec<u8>)>,
}

impl MemoryLog {
    /// Everything that another source has.
    pub fn copy_of(source: &mut dyn LogSource) -> Result<Self, LedgerError> {
        let mut copy = Self {
            head: source.head()?,
            ..Self::default()
        };
        let mut page = Page::default();
        loop {
            let from = copy
                .rows
                .last()
                .map_or(i64::MIN, |(seq, ..)| seq.saturating_add(1));
            source.page(from, &mut page)?;
            if page.is_empty() {
                break;
            }
            let row = |it: Row<'_>| (it.seq, it.leaf.unwrap_or_default().to_vec(), it.text.to_vec());
            copy.rows.extend(page.rows().map(row));
        }
        loop {
            let after = copy.checkpoints.last().map_or(i64::MIN, |(size, _)| *size);
            let more = source.checkpoints(after)?;
            if more.is_empty() {
                return Ok(copy);
            }
            copy.checkpoints.extend(more);
        }
    }
}

impl LogSource for MemoryLog {
    fn head(&mut self) -> Result<Option<StoredHead>, LedgerError> {
        Ok(self.head.clone())
    }

    fn page(&mut self, from: i64, page: &mut Page) -> Result<(), LedgerError> {
        page.clear();
        let first = self.rows.partition_point(|(seq, ..)| *seq < from);
        for (seq, leaf, text) in self.rows.iter().skip(first).take(PAGE) {
            page.push(*seq, Some(leaf), text);
        }
        Ok(())
    }

    fn checkpoints(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, LedgerError> {
        let later = self.checkpoints.iter().filter(|(size, _)| *size > after);
        Ok(later.take(PAGE).cloned().collect())
    }
}
