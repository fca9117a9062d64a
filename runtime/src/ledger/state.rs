//! How far a verifier has come: what it keeps to read only what is new the next time.

use std::path::Path;

use countersign_core::audit::Frontier;
use countersign_core::digest::Digest;
use serde::{Deserialize, Serialize};

use super::{LedgerError, Meaning};

/// The version of the file.
const VERSION: u32 = 1;

/// A place in a log up to which everything was verified.
///
/// It is the verifier's own. Whoever can change it can make the verifier skip what it should read: keep it
/// where the log's owner does not write.
///
/// ```
/// use countersign::ledger::{MemoryLog, Request, State, verify};
///
/// let report = verify(&mut MemoryLog::default(), &Request::default())?;
/// let text = report.state.to_text();
/// assert_eq!(State::from_text(&text)?.size(), 0);
/// # Ok::<(), countersign::ledger::LedgerError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    pub(super) log: String,
    pub(super) frontier: Frontier,
    /// The entries that the last good checkpoint signs.
    pub(super) signed: u64,
    /// The leaf of the last entry, to see that it is still there.
    pub(super) last: Option<Digest>,
    pub(super) meaning: Meaning,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    log: String,
    size: u64,
    frontier: Vec<Digest>,
    signed: u64,
    last: Option<Digest>,
    meaning: Meaning,
}

impl State {
    /// How many entries were verified.
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let bytes = self.frontier.bytes();
        let (peaks, _) = bytes.as_chunks::<32>();
        let stored = Stored {
            v: VERSION,
            log: self.log.clone(),
            size: self.frontier.size(),
            frontier: peaks.iter().copied().map(Digest::new).collect(),
            signed: self.signed,
            last: self.last,
            meaning: self.meaning.clone(),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Unreadable`].
    pub fn from_text(text: &str) -> Result<Self, LedgerError> {
        let unreadable = |why: String| {
            LedgerError::Unreadable(format!(
                "not the state of a verifier: {why}; delete it to verify everything anew"
            ))
        };
        let stored: Stored = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if stored.v != VERSION {
            return Err(unreadable(format!("it has format {}", stored.v)));
        }
        let bytes: Vec<u8> = stored.frontier.iter().flat_map(|it| *it.bytes()).collect();
        Ok(Self {
            log: stored.log,
            frontier: Frontier::from_bytes(stored.size, &bytes)
                .map_err(|error| unreadable(error.to_string()))?,
            signed: stored.signed,
            last: stored.last,
            meaning: stored.meaning,
        })
    }

    /// Reads the file at `path`; none if there is none.
    pub fn load(path: &Path) -> Result<Option<Self>, LedgerError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::from_text(&text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(super::export::file_error(path, &error)),
        }
    }

    /// Writes the file at `path`, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), LedgerError> {
        super::export::write_whole(path, self.to_text().as_bytes())
    }
}
