//! What an edge keeps beside calls: a key, a session, an answer that was given once.
//!
//! An edge is where people and programs come in: the console, an HTTP API, a chat. The store knows nothing
//! of what such a row means; it finds it, replaces it only as expected, and writes it in the transaction of
//! the records that tell of it.

use countersign_core::id::ActorId;
use countersign_core::time::Timestamp;

/// Something that an edge keeps.
///
/// ```
/// use countersign::store::{Commit, EdgeFilter, EdgeRow, EdgeWrite, Sqlite, Store};
/// use countersign::{TenantId, Timestamp};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (store, tenant) = (Sqlite::in_memory()?, TenantId::default());
/// let row = EdgeRow {
///     kind: "bookmark".to_owned(),
///     id: "b-17".to_owned(),
///     owner: Some("alice".parse()?),
///     version: 0,
///     at: None,
///     state: r#"{"page":"inbox"}"#.to_owned(),
/// };
/// let edges = vec![EdgeWrite::Put(row.clone())];
/// store.commit(Commit { edges, ..Commit::new(tenant.clone(), Timestamp::from_millis(0)) }).await?;
/// assert_eq!(store.edge(&tenant, "bookmark", "b-17").await?, Some(row.clone()));
/// let of_alice = EdgeFilter { owner: row.owner.clone(), ..EdgeFilter::of("bookmark") };
/// assert_eq!(store.edges(&tenant, &of_alice, None, 10).await?, [row]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeRow {
    /// What it is, in a word of the edge.
    pub kind: String,
    /// Which one of its kind.
    pub id: String,
    /// Whose it is, to find it by.
    pub owner: Option<ActorId>,
    /// Counts the commits of this row, from 0. One that is deleted and written again begins anew.
    pub version: u64,
    /// When it is due, to find it by: it expires then, or is to be looked at again.
    pub at: Option<Timestamp>,
    /// The rest, as text that only the edge reads.
    pub state: String,
}

/// A row of an edge to be written. A commit names each row once at most.
///
/// If something else is stored than it expects, the whole commit is a
/// [`Conflict`](super::Committed::Conflict).
///
/// ```
/// use countersign::store::{Commit, Committed, EdgeWrite, Sqlite, Store};
/// use countersign::{TenantId, Timestamp};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Somebody else was faster: there is nothing to delete any more.
/// let delete = EdgeWrite::Delete { kind: "bookmark".to_owned(), id: "b-17".to_owned(), version: 0 };
/// let commit = Commit { edges: vec![delete], ..Commit::new(TenantId::default(), Timestamp::from_millis(0)) };
/// assert_eq!(Sqlite::in_memory()?.commit(commit).await?, Committed::Conflict);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeWrite {
    /// The row as it will be. With version 0 it must not exist yet; with another, the version before must be
    /// stored now.
    Put(EdgeRow),
    /// The row is gone afterwards.
    Delete {
        /// What it is.
        kind: String,
        /// Which one of its kind.
        id: String,
        /// The version that must be stored now.
        version: u64,
    },
}

impl EdgeWrite {
    /// Kind and id of the row that it is about.
    pub(crate) fn key(&self) -> (&str, &str) {
        match self {
            Self::Put(EdgeRow { kind, id, .. }) | Self::Delete { kind, id, .. } => (kind, id),
        }
    }

    /// The version that must be stored now; none if the row must not exist.
    pub(crate) const fn expected(&self) -> Option<u64> {
        match self {
            Self::Put(row) => row.version.checked_sub(1),
            Self::Delete { version, .. } => Some(*version),
        }
    }
}

/// Which rows of an edge to list.
///
/// ```
/// use countersign::Timestamp;
/// use countersign::store::EdgeFilter;
///
/// let over = EdgeFilter { due: Some(Timestamp::from_millis(77)), ..EdgeFilter::of("session") };
/// assert_eq!((over.kind.as_str(), over.owner), ("session", None)); // whosever they are
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeFilter {
    /// Of this kind.
    pub kind: String,
    /// Of this owner.
    pub owner: Option<ActorId>,
    /// Due at this time or before; whatever is never due is left out.
    pub due: Option<Timestamp>,
}

impl EdgeFilter {
    /// All of a kind.
    pub fn of(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            owner: None,
            due: None,
        }
    }
}
