//! What is kept beside the log: whether it is what the entries are bound to, and whether what is not there
//! was erased by somebody who could.
//!
//! Words that nobody erased must be there, those that somebody did must not. Only what is missing is
//! remembered, until the record of its erasure comes.

use std::collections::HashMap;

use countersign_core::digest::Digest;

use super::super::LedgerError;
use super::super::entry::Fields;
use super::super::source::{LogSource, Words};
use super::Finding;

/// The commitments in the entries of one page.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// To words that were kept when the entry was written: by which entry, in which field.
    kept: Vec<(Digest, u64, &'static str)>,
    /// To words that were erased, and by which entry.
    erased: Vec<(Digest, u64)>,
}

impl Named {
    /// Takes those of the next entry.
    pub(super) fn take(&mut self, entry: &Fields<'_>) -> Result<(), String> {
        for (name, commitment) in entry.words() {
            self.kept.push((commitment?, entry.seq, name));
        }
        if &*entry.kind == "blobs.erased" {
            self.erased.extend(entry.blobs.iter().map(|it| (*it, entry.seq)));
        }
        Ok(())
    }
}

/// Compares what is kept with what is named.
#[derive(Debug, Default)]
pub(super) struct Beside {
    missing: HashMap<Digest, (u64, &'static str)>,
    findings: Vec<Finding>,
}

impl Beside {
    /// Takes the commitments of the next page, which come after those of all pages before.
    pub(super) fn take(&mut self, source: &mut dyn LogSource, mut named: Named) -> Result<(), LedgerError> {
        // Each once and in their order: many entries speak of the same words, and a database finds
        // neighbours faster.
        named.kept.sort_unstable();
        named.kept.dedup_by_key(|it| it.0);
        for (commitment, seq, name) in named.kept {
            match source.words(&commitment)? {
                Words::Elsewhere => {}
                Words::Gone => {
                    self.missing.entry(commitment).or_insert((seq, name));
                }
                Words::Kept { salt, content } => {
                    if !is_bound(&commitment, &salt, &content) {
                        self.found(
                            seq,
                            format!("the `{name}` kept for entry {seq} is not what was said"),
                        );
                    }
                }
            }
        }
        for (commitment, seq) in named.erased {
            self.missing.remove(&commitment);
            if let Words::Kept { .. } = source.words(&commitment)? {
                let what = format!("words that entry {seq} erased are there: {commitment}");
                self.found(seq, what);
            }
        }
        Ok(())
    }

    fn found(&mut self, seq: u64, what: String) {
        self.findings.push(Finding {
            seq,
            exact: true,
            what,
        });
    }

    /// What is wrong. Of what is missing that can only be said if all entries were read: the record of the
    /// erasure may be among the others.
    pub(super) fn end(mut self, all: bool) -> Vec<Finding> {
        for (seq, name) in std::mem::take(&mut self.missing).into_values().filter(|_| all) {
            self.found(
                seq,
                format!("the `{name}` of entry {seq} is gone, and nobody erased it"),
            );
        }
        self.findings
    }
}

fn is_bound(commitment: &Digest, salt: &[u8], content: &[u8]) -> bool {
    <&[u8; 32]>::try_from(salt).is_ok_and(|salt| Digest::keyed(salt, content) == *commitment)
}
