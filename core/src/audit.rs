//! The audit log's arithmetic: entries, leaves and the frontier of an RFC 6962 Merkle tree.
//!
//! Nothing is stored here. A store appends, in the transaction of the step that is recorded: it
//! takes a [`Draft`], gives it the next sequence number and a time, and moves the [`Frontier`].
//! What a newcomer would get wrong: an entry holds no personal data. Arguments, reasons and results
//! are [`Blob`]s beside the log, bound by a keyed commitment, so that they can be erased.

mod fields;
pub mod note;
mod proof;
mod receipt;

pub use fields::Fields;
pub use proof::{Prover, is_consistent, root_of_inclusion};
pub use receipt::{Receipt, ReceiptError};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::canonical::quote;
use crate::digest::Digest;
use crate::id::{CallId, TenantId};
use crate::time::Timestamp;

/// The longest entry, in bytes.
pub const MOST_ENTRY_BYTES: usize = 16 * 1024;
/// The version of the entry format, in every entry under `v`.
pub const ENTRY_VERSION: u64 = 1;

/// An entry that waits for its place in the log.
///
/// ```
/// use countersign_core::audit::{Draft, Fields};
/// use countersign_core::id::TenantId;
/// use countersign_core::time::Timestamp;
///
/// let fields = Fields::from_iter([("kind", "policy.changed".into())]);
/// let draft = Draft { call: None, fields, blobs: Vec::new() };
/// let entry = draft.entry(&TenantId::default(), 0, Timestamp::from_millis(0))?;
/// assert_eq!(
///     entry.text,
///     r#"{"kind":"policy.changed","log":"default","seq":0,"time":"1970-01-01T00:00:00.000Z","v":1}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The call it is about, to find its entries again.
    pub call: Option<CallId>,
    /// The fields, without `v`, `log`, `seq` and `time`.
    pub fields: Fields,
    /// What the commitments in the fields are bound to.
    pub blobs: Vec<Blob>,
}

/// Personal data beside the log: arguments, a reason, a result. May be erased; the log stays valid.
///
/// ```
/// use countersign_core::audit::Blob;
/// use countersign_core::digest::Digest;
///
/// let blob = Blob { salt: Digest::new([7; 32]), content: r#""ticket 81""#.to_owned() };
/// let other = Blob { salt: Digest::new([8; 32]), ..blob.clone() };
/// // Who guesses the content must guess the salt too.
/// assert_ne!(blob.commitment(), other.commitment());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// The key of the commitment. It goes when the blob goes, and with it every way to guess.
    pub salt: Digest,
    /// The data, as JSON text.
    pub content: String,
}

impl Blob {
    /// HMAC-SHA256 of the content under the salt: what the entry holds.
    pub fn commitment(&self) -> Digest {
        Digest::keyed(self.salt.bytes(), self.content.as_bytes())
    }
}

/// One entry of the log, with its leaf.
///
/// ```
/// use countersign_core::audit::{Entry, leaf};
///
/// let text = r#"{"kind":"call.opened"}"#.to_owned();
/// let entry = Entry { leaf: leaf(text.as_bytes()), text };
/// assert_eq!(entry.leaf, leaf(entry.text.as_bytes()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Canonical JSON.
    pub text: String,
    /// [`leaf`] of the text.
    pub leaf: Digest,
}

/// The entry would be longer than [`MOST_ENTRY_BYTES`], or holds what canonical JSON refuses.
///
/// ```
/// use countersign_core::audit::{Draft, MOST_ENTRY_BYTES};
/// use countersign_core::id::TenantId;
/// use countersign_core::time::Timestamp;
///
/// let fields = [("note", "x".repeat(MOST_ENTRY_BYTES).into())];
/// let draft = Draft { call: None, fields: fields.into_iter().collect(), blobs: Vec::new() };
/// let error = draft.entry(&TenantId::default(), 0, Timestamp::default()).unwrap_err();
/// assert!(error.to_string().contains("more than 16384"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a record that cannot be written: {0}")]
pub struct EntryError(String);

impl Draft {
    /// The entry at place `seq` (from 0) of the log.
    ///
    /// Fields of the draft that are called `v`, `log`, `seq` or `time` are replaced.
    ///
    /// # Errors
    ///
    /// [`EntryError`] if the text would be longer than [`MOST_ENTRY_BYTES`] or nested too deeply.
    pub fn entry(&self, log: &TenantId, seq: u64, time: Timestamp) -> Result<Entry, EntryError> {
        let (version, seq, time) = (ENTRY_VERSION.to_string(), seq.to_string(), format!("\"{time}\""));
        let mut name = String::with_capacity(16);
        quote(log.as_str(), &mut name);
        // The place in the log is the log's to say, whatever the draft holds under these names.
        let own = [("log", &*name), ("seq", &seq), ("time", &time), ("v", &version)];
        let text = self.fields.object(&own).map_err(EntryError)?;
        if text.len() > MOST_ENTRY_BYTES {
            return Err(EntryError(format!(
                "{} bytes are more than {MOST_ENTRY_BYTES}",
                text.len()
            )));
        }
        let leaf = leaf(text.as_bytes());
        Ok(Entry { text, leaf })
    }
}

/// RFC 6962 section 2.1: `SHA-256(0x00 ‖ entry)`.
///
/// ```
/// use countersign_core::audit::leaf;
/// use countersign_core::digest::Digest;
///
/// assert_ne!(leaf(b"entry"), Digest::of("", &[b"entry"]));
/// ```
pub fn leaf(entry: &[u8]) -> Digest {
    Digest::new(
        Sha256::new()
            .chain_update([0])
            .chain_update(entry)
            .finalize()
            .into(),
    )
}

/// RFC 6962 section 2.1: `SHA-256(0x01 ‖ left ‖ right)`.
fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::new(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.bytes())
            .chain_update(right.bytes())
            .finalize()
            .into(),
    )
}

/// The head of the log: the roots of its complete subtrees, largest first. At most 64 of them.
///
/// ```
/// use countersign_core::audit::{Frontier, leaf};
///
/// let mut log = Frontier::default();
/// for entry in ["one", "two", "three"] {
///     log.append(leaf(entry.as_bytes()));
/// }
/// assert_eq!(log.size(), 3);
/// let read = Frontier::from_bytes(log.size(), &log.bytes())?;
/// assert_eq!(read.root(), log.root());
/// # Ok::<(), countersign_core::audit::FrontierError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

/// The stored bytes are not the frontier of a log of that size.
///
/// ```
/// use countersign_core::audit::Frontier;
///
/// // A log of three entries has two complete subtrees, so 64 bytes.
/// assert!(Frontier::from_bytes(3, &[0; 32]).is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head of the audit log is damaged: {bytes} bytes cannot be the frontier of {size} entries")]
pub struct FrontierError {
    size: u64,
    bytes: usize,
}

impl Frontier {
    /// How many entries the log has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf at the end.
    pub fn append(&mut self, leaf: Digest) {
        let mut joined = leaf;
        // As in a binary counter: every trailing one of the old size is a subtree that is now full.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                joined = node(&left, &joined);
            }
        }
        self.peaks.push(joined);
        self.size = self.size.saturating_add(1);
    }

    /// The root hash of the whole log, `MTH` of RFC 6962; of an empty log, SHA-256 of nothing.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Digest::new(Sha256::digest([]).into()),
            Some(last) => peaks.fold(*last, |right, left| node(left, &right)),
        }
    }

    /// The peaks one after the other, to be stored beside the size.
    pub fn bytes(&self) -> Vec<u8> {
        self.peaks
            .iter()
            .flat_map(|it| it.bytes().iter().copied())
            .collect()
    }

    /// What [`bytes`](Self::bytes) wrote for a log of `size` entries.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let (chunks, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || chunks.len() != usize::try_from(size.count_ones()).unwrap_or(usize::MAX) {
            return Err(FrontierError {
                size,
                bytes: bytes.len(),
            });
        }
        Ok(Self {
            size,
            peaks: chunks.iter().copied().map(Digest::new).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962 section 2.1 as it is written there: split at the largest power of two below n.
    fn tree_hash(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::new(Sha256::digest([]).into()),
            [one] => *one,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(&tree_hash(&leaves[..split]), &tree_hash(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_frontier_has_the_root_of_the_tree() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for number in 0..300_u32 {
            assert_eq!(frontier.root(), tree_hash(&leaves), "{number} leaves");
            assert_eq!(
                Frontier::from_bytes(frontier.size(), &frontier.bytes()).unwrap(),
                frontier
            );
            let leaf = leaf(&number.to_be_bytes());
            leaves.push(leaf);
            frontier.append(leaf);
        }
    }

    #[test]
    fn roots_equal_the_published_ones() {
        // The inputs and roots of the test vectors in certificate-transparency's reference code.
        let inputs: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(
            frontier.root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (input, root) in inputs.iter().zip(roots) {
            frontier.append(leaf(input));
            assert_eq!(frontier.root().to_string(), root);
        }
    }

    #[test]
    fn a_damaged_head_is_refused() {
        let mut frontier = Frontier::default();
        (0..7_u8).for_each(|it| frontier.append(leaf(&[it])));
        let bytes = frontier.bytes();
        assert!(Frontier::from_bytes(8, &bytes).is_err());
        assert!(Frontier::from_bytes(7, &bytes[1..]).is_err());
        assert!(Frontier::from_bytes(7, &bytes[32..]).is_err());
    }

    #[test]
    fn an_entry_is_canonical_and_bounded() {
        let mut draft = Draft {
            call: None,
            fields: Fields::default(),
            blobs: Vec::new(),
        };
        draft.fields.insert("kind", "test".into());
        let entry = draft
            .entry(&TenantId::default(), 4, Timestamp::from_millis(0))
            .unwrap();
        assert_eq!(
            entry.text,
            r#"{"kind":"test","log":"default","seq":4,"time":"1970-01-01T00:00:00.000Z","v":1}"#
        );
        assert_eq!(entry.leaf, leaf(entry.text.as_bytes()));
        draft.fields.insert("long", "x".repeat(MOST_ENTRY_BYTES).into());
        assert!(
            draft
                .entry(&TenantId::default(), 4, Timestamp::from_millis(0))
                .is_err()
        );
    }
}
