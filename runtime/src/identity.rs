//! Who somebody says they are, and how that was established.
//!
//! An identity carries no roles: those are looked up in the store at the moment of a decision. It may carry a
//! limit to them, and nothing but a limit.

use std::collections::BTreeSet;

use countersign_core::id::{ActorId, IdError, Role};

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
    /// The only roles of the actor that count; none if all do.
    limit: Option<BTreeSet<Role>>,
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
            limit: None,
        })
    }

    /// An actor that an edge has authenticated; `auth` says how and where, such as
    /// `asserted-local (os user 1000) cli`, and is put on record. At most 256 characters are kept.
    pub fn authenticated(id: ActorId, auth: impl Into<String>) -> Self {
        Self {
            id,
            auth: auth.into(),
            limit: None,
        }
    }

    /// The same actor with these of its roles at most, as an API key may carry them.
    ///
    /// A limit takes away and never gives: roles that the actor does not have, or loses, do not count. Whoever is
    /// limited belongs to a pool through a role that is left, not by name. Limited again, it keeps what both name.
    ///
    /// ```
    /// # use countersign::prelude::*;
    /// # use countersign::store::Sqlite;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let engine = Engine::builder()
    /// #     .store(Sqlite::in_memory()?)
    /// #     .policy(Policy::parse("
    /// #         actors.olivia = { kind = 'person', roles = ['operator', 'manager'] }
    /// #         pools.managers = { roles = ['manager'] }
    /// #     ")?)
    /// #     .worker(false)
    /// #     .start()
    /// #     .await?;
    /// // Olivia is an operator and a manager; her key is for settling doubts only.
    /// let key = Identity::asserted("olivia")?.limited_to(["operator".parse()?, "auditor".parse()?]);
    /// let olivia = engine.actor(&key).await?;
    /// assert!(olivia.has_role("operator") && !olivia.has_role("manager") && !olivia.has_role("auditor"));
    /// assert!(olivia.pools.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limited_to(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        let mut roles: BTreeSet<Role> = roles.into_iter().collect();
        if let Some(limit) = &self.limit {
            roles.retain(|it| limit.contains(it));
        }
        self.limit = Some(roles);
        self
    }

    /// The only roles of the actor that count; none if all of them do.
    pub(crate) const fn limit(&self) -> Option<&BTreeSet<Role>> {
        self.limit.as_ref()
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
