//! What a commit does to the data beside calls and records: checkpoints, holds, erasure.

use countersign_core::digest::Digest;
use countersign_core::id::CallId;

/// What is done to the data that is kept beside calls and records.
///
/// ```
/// use countersign::store::Keeping;
///
/// let hold = Keeping::Hold { on: None }; // of the whole log
/// assert_ne!(hold, Keeping::Lift { on: None });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keeping {
    /// Keeps a signed checkpoint of the log. Of two for the same size, the first one stays.
    ///
    /// Acknowledged when everything that the checkpoint is about is on the disk.
    Checkpoint(CheckpointRow),
    /// Deletes the blobs of a call for good. A [`Conflict`](super::Committed::Conflict) under a hold.
    Erase {
        /// Whose.
        call: CallId,
        /// Which.
        blobs: Vec<Digest>,
    },
    /// Forbids to erase the blobs of a call, or any if no call is named.
    Hold {
        /// Which call.
        on: Option<CallId>,
    },
    /// Ends a hold. A [`Conflict`](super::Committed::Conflict) if there is none.
    Lift {
        /// Of which call.
        on: Option<CallId>,
    },
}

/// A signed checkpoint as it is kept.
///
/// ```
/// use countersign::store::CheckpointRow;
///
/// let row = CheckpointRow { size: 256, note: "…".to_owned() };
/// assert_eq!(row.size, 256);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// How many entries the log had.
    pub size: u64,
    /// The signed note.
    pub note: String,
}
