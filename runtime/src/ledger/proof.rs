//! Receipts: one entry with the way to a signed root, to be checked without the log.

use countersign_core::audit::note::{Note, VerifierKey};
use countersign_core::audit::{Frontier, Prover, Receipt, leaf};

use super::source::{LogSource, Page};
use super::{LedgerError, checked};

/// The receipt of entry `seq`, under the last stored checkpoint of the log.
///
/// Reads the log up to that checkpoint, and compares it with it.
///
/// # Errors
///
/// [`LedgerError::NoEntry`] if there is no such entry or no checkpoint signs it yet;
/// [`LedgerError::Diverged`] if the log is not what was signed.
pub fn prove(source: &mut dyn LogSource, seq: u64, key: &VerifierKey) -> Result<Receipt, LedgerError> {
    let checkpoint_note = last_checkpoint(source)?.ok_or(LedgerError::NoEntry { seq, size: 0 })?;
    let checkpoint = checked(&checkpoint_note, key)?;
    let size = checkpoint.size;
    let mut prover = Prover::inclusion(seq, size).ok_or(LedgerError::NoEntry { seq, size })?;
    let mut tree = Frontier::default();
    let mut entry = None;
    let mut page = Page::default();
    while tree.size() < size {
        source.page(i64::try_from(tree.size()).unwrap_or(i64::MAX), &mut page)?;
        if page.is_empty() {
            return Err(LedgerError::Diverged(size));
        }
        for row in page.rows() {
            if tree.size() == size {
                break;
            }
            let own = leaf(row.text);
            if tree.size() == seq {
                entry = std::str::from_utf8(row.text).ok().map(str::to_owned);
            }
            prover.take(tree.size(), own);
            tree.append(own);
        }
    }
    match (prover.finish(), entry) {
        (Some(proof), Some(entry)) if tree.root() == checkpoint.root => Ok(Receipt {
            entry,
            index: seq,
            proof,
            checkpoint: checkpoint_note,
        }),
        _ => Err(LedgerError::Diverged(size)),
    }
}

/// The stored checkpoint of the most entries.
pub(super) fn last_checkpoint(source: &mut dyn LogSource) -> Result<Option<Note>, LedgerError> {
    let mut last = None;
    loop {
        let after = last.as_ref().map_or(i64::MIN, |(size, _)| *size);
        match source.checkpoints(after)?.pop() {
            Some(found) => last = Some(found),
            None => break,
        }
    }
    let Some((_, note)) = last else { return Ok(None) };
    let read = std::str::from_utf8(&note).ok().and_then(|it| it.parse().ok());
    read.map(Some)
        .ok_or_else(|| LedgerError::Unreadable("the last stored checkpoint cannot be read".to_owned()))
}
