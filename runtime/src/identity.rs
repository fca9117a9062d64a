//! Who somebody says they are, and how that was established.
//!
//! An identity carries no roles: those are looked up in the store at the moment of a decision.

use countersign_core::id::{ActorId, IdError};

/// Somebody, as an edge or a program vouches for them.
///
/// ```
/// use countersign::{ActorId, Identity};
///
/// let alice = Identity::asserted("alice")?;
/// assert_eq!((alice.id().as_str(), alice.auth()), ("alice", "asserted-library"));
/// // An edge that has checked a session says so; the record holds the words.
/// let bob = Identity::authenticated(ActorId::new("bob")?, "session 7f3a console");
/// assert_eq!(bob.auth(), "session 7f3a console");
/// # Ok::<(), countersign::core::id::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    id: ActorId,
    auth: String,
}

impl Identity {
    /// An actor by the word of this program. Recorded as `asserted-library`.
    ///
    /// # Errors
    ///
    /// If `id` is not 1 to 128 visible ASCII characters.
    pub fn asserted(id: &str) -> Result<Self, IdError> {
        Ok(Self {
            id: ActorId::new(id)?,
            auth: "asserted-library".to_owned(),
        })
    }

    /// An actor that an edge has authenticated; `auth` says how and where, such as
    /// `asserted-local (os user 1000) cli`, and is put on record. At most 256 characters are kept.
    pub fn authenticated(id: ActorId, auth: impl Into<String>) -> Self {
        Self {
            id,
            auth: auth.into(),
        }
    }

    /// Who.
    pub const fn id(&self) -> &ActorId {
        &self.id
    }

    /// How that was established.
    pub fn auth(&self) -> &str {
        &self.auth
    }
}
