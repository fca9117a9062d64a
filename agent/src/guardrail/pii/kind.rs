//! The kinds of personal data and secrets.

use std::borrow::Cow;
use std::sync::Arc;

/// What was found.
///
/// ```
/// use countersign_agent::guardrail::PiiKind;
///
/// assert_eq!(PiiKind::Card.mask(), "[card]");
/// assert_eq!(PiiKind::Custom("badge".into()).mask(), "[badge]");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PiiKind {
    /// Keys, tokens, passwords.
    Secret,
    /// An e-mail address.
    Email,
    /// A bank account: an IBAN with a right checksum.
    Iban,
    /// A payment card: a number with a right checksum.
    Card,
    /// An IP address, version 4 or 6.
    Ip,
    /// A social security number of the United States, or the taxpayer number in its place.
    Ssn,
    /// A phone number.
    Phone,
    /// What [`PiiGuardrail::custom`](crate::guardrail::PiiGuardrail::custom) has named.
    Custom(Arc<str>),
}

impl PiiKind {
    /// All that are built in, the surest first.
    pub const ALL: [Self; 7] = [
        Self::Secret,
        Self::Email,
        Self::Iban,
        Self::Card,
        Self::Ip,
        Self::Ssn,
        Self::Phone,
    ];

    /// Its name in masks and reasons.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Secret => "secret",
            Self::Email => "e-mail",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::Ip => "ip",
            Self::Ssn => "ssn",
            Self::Phone => "phone",
            Self::Custom(name) => name,
        }
    }

    /// What stands in the place of one.
    pub fn mask(&self) -> Cow<'static, str> {
        match self {
            Self::Secret => "[secret]".into(),
            Self::Email => "[e-mail]".into(),
            Self::Iban => "[iban]".into(),
            Self::Card => "[card]".into(),
            Self::Ip => "[ip]".into(),
            Self::Ssn => "[ssn]".into(),
            Self::Phone => "[phone]".into(),
            Self::Custom(name) => format!("[{name}]").into(),
        }
    }
}
