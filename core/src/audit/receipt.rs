//! A receipt: one entry with the proof that it is in the log, to be checked without the log.
//!
//! The text is a C2SP `tlog-proof` (<https://c2sp.org/tlog-proof>). The entry itself stands in its `extra`
//! line, so that the file is all that is needed besides the public key of the log.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::note::{Checkpoint, Note, base64_of, digest};
use super::{MOST_ENTRY_BYTES, leaf, root_of_inclusion};
use crate::digest::Digest;

/// The first line, which says what follows.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry, its place, the way from its leaf to the root, and the checkpoint that signs the root.
///
/// ```
/// use countersign_core::audit::note::{Checkpoint, Note, Signature};
/// use countersign_core::audit::{Receipt, leaf};
///
/// let entry = r#"{"kind":"policy.changed"}"#.to_owned();
/// let checkpoint = Checkpoint { origin: "log".to_owned(), size: 1, root: leaf(entry.as_bytes()) };
/// let signature = Signature { name: "log".to_owned(), id: [0; 4], bytes: vec![0; 64] };
/// let checkpoint = Note::new(&checkpoint.to_string(), vec![signature])?;
/// let receipt = Receipt { entry, index: 0, proof: Vec::new(), checkpoint };
/// // Whose signature that is must be asked of a crate that knows signatures.
/// assert_eq!(receipt.check()?.size, 1);
/// assert_eq!(receipt.to_string().parse(), Ok(receipt));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry, byte for byte.
    pub entry: String,
    /// Its place in the log, from 0.
    pub index: u64,
    /// The hashes from the leaf up.
    pub proof: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

/// A text that is no receipt, or one that proves nothing.
///
/// ```
/// use countersign_core::audit::Receipt;
///
/// assert!("index 0".parse::<Receipt>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// It cannot be read.
    #[error("not a receipt: {0}")]
    Unreadable(String),
    /// It can be read, and the proof does not lead from the entry to the root.
    #[error("the receipt proves nothing: {0}")]
    Wrong(String),
}

impl Receipt {
    /// Whether the proof leads from the entry to the root of the checkpoint, which is returned. That the
    /// checkpoint is signed by the log is not looked at here.
    ///
    /// # Errors
    ///
    /// [`ReceiptError::Wrong`] if it does not; [`ReceiptError::Unreadable`] if the note is no checkpoint.
    pub fn check(&self) -> Result<Checkpoint, ReceiptError> {
        let checkpoint: Checkpoint = self
            .checkpoint
            .text()
            .parse()
            .map_err(|error| ReceiptError::Unreadable(format!("{error}")))?;
        let root = root_of_inclusion(
            self.index,
            checkpoint.size,
            leaf(self.entry.as_bytes()),
            &self.proof,
        );
        if root == Some(checkpoint.root) {
            Ok(checkpoint)
        } else {
            Err(ReceiptError::Wrong(format!(
                "its hashes do not lead from entry {} to the root of the {} entries that were signed",
                self.index, checkpoint.size
            )))
        }
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        writeln!(f, "extra {}", STANDARD.encode(&self.entry))?;
        writeln!(f, "index {}", self.index)?;
        for hash in &self.proof {
            writeln!(f, "{}", base64_of(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for Receipt {
    type Err = ReceiptError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = |why: &str| ReceiptError::Unreadable(why.to_owned());
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or_else(|| unreadable("there is no empty line before a checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(unreadable("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let entry = lines
            .next()
            .and_then(|it| it.strip_prefix("extra "))
            .filter(|it| it.len() <= MOST_ENTRY_BYTES.saturating_mul(2))
            .and_then(|it| STANDARD.decode(it).ok())
            .and_then(|it| String::from_utf8(it).ok())
            .ok_or_else(|| unreadable("there is no line `extra` with the entry in base64"))?;
        let index = lines
            .next()
            .and_then(|it| it.strip_prefix("index "))
            .and_then(|it| it.parse().ok().filter(|number: &u64| number.to_string() == it))
            .ok_or_else(|| unreadable("there is no line `index` with a number"))?;
        let proof = lines
            .map(digest)
            .collect::<Option<Vec<_>>>()
            .filter(|it| it.len() <= 64)
            .ok_or_else(|| unreadable("a line of the proof is no hash in base64, or there are too many"))?;
        let checkpoint = checkpoint
            .parse()
            .map_err(|error| unreadable(&format!("{error}")))?;
        Ok(Self {
            entry,
            index,
            proof,
            checkpoint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::note::Signature;
    use super::super::{Frontier, Prover};
    use super::*;

    fn receipt() -> Receipt {
        let entries: Vec<String> = (0..5).map(|it| format!("{{\"seq\":{it}}}")).collect();
        let mut log = Frontier::default();
        let mut prover = Prover::inclusion(3, 5).unwrap();
        for (seq, entry) in (0..).zip(&entries) {
            log.append(leaf(entry.as_bytes()));
            prover.take(seq, leaf(entry.as_bytes()));
        }
        let checkpoint = Checkpoint {
            origin: "log".to_owned(),
            size: 5,
            root: log.root(),
        };
        let signature = Signature {
            name: "log".to_owned(),
            id: [1; 4],
            bytes: vec![2; 64],
        };
        Receipt {
            entry: entries[3].clone(),
            index: 3,
            proof: prover.finish().unwrap(),
            checkpoint: Note::new(&checkpoint.to_string(), vec![signature]).unwrap(),
        }
    }

    #[test]
    fn a_receipt_reads_what_it_writes() {
        let receipt = receipt();
        let text = receipt.to_string();
        assert!(
            text.starts_with("c2sp.org/tlog-proof@v1\nextra eyJzZXEiOjN9\nindex 3\n"),
            "{text}"
        );
        assert_eq!(text.parse::<Receipt>().unwrap(), receipt);
        assert_eq!(receipt.check().unwrap().size, 5);
    }

    #[test]
    fn a_flipped_bit_is_found_or_is_in_what_is_signed() {
        let text = receipt().to_string();
        let signed = text.find("\n— ").unwrap();
        for place in 0..signed {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                let checked = changed.parse::<Receipt>().and_then(|it| it.check().map(|_| it));
                // Name and size of the log are what the signature is for.
                if let Ok(read) = checked {
                    let signed = read.checkpoint.text() != receipt().checkpoint.text();
                    assert!(signed, "bit {bit} of byte {place} was not found");
                }
            }
        }
    }

    #[test]
    fn another_entry_or_place_proves_nothing() {
        let good = receipt();
        let other = Receipt {
            entry: "{\"seq\":4}".to_owned(),
            ..good.clone()
        };
        assert!(matches!(other.check(), Err(ReceiptError::Wrong(_))));
        for index in [0, 1, 2, 4, 5, u64::MAX] {
            let other = Receipt {
                index,
                ..good.clone()
            };
            assert!(matches!(other.check(), Err(ReceiptError::Wrong(_))));
        }
    }
}
