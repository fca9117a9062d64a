//! Names of things: random ids made by the runtime, and short words chosen by people.
//!
//! Ids are arguments here. Core never draws one, so the same inputs always give the same call.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text is not an id of the expected kind.
///
/// ```
/// use countersign_core::id::ActorId;
///
/// let error = ActorId::new("bob smith").unwrap_err();
/// assert_eq!(error.to_string(), "`bob smith` is not an actor id (1 to 128 visible ASCII characters)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

/// Crockford's base 32 in lower case: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn write_base32(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let digit = |place: u32| usize::try_from((value >> (place * 5)) & 31).unwrap_or(0);
    let mut text = [b'0'; 26];
    for (letter, place) in text.iter_mut().zip((0..26).rev()) {
        *letter = ALPHABET.get(digit(place)).copied().unwrap_or(b'0');
    }
    f.write_str(str::from_utf8(&text).unwrap_or_default())
}

fn read_base32(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|it| *it == byte)?;
        // 26 digits hold 130 bits: the first digit may not exceed 7.
        (value >> 123 == 0).then_some(value << 5 | digit as u128)
    })
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident = $prefix:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// An id from 48 bits of milliseconds since 1970 and 80 random bits (the layout of a ULID),
            /// so that ids sort by the time they were made.
            pub const fn new(millis: u64, random: u128) -> Self {
                Self(((millis as u128) & 0xffff_ffff_ffff) << 80 | random & ((1 << 80) - 1))
            }

            /// The 16 bytes, most significant first.
            pub const fn bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_base32(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.strip_prefix($prefix).and_then(read_base32).map(Self).ok_or_else(|| IdError {
                    text: text.to_owned(),
                    expected: concat!("an id of the form ", $prefix, "… with 26 characters"),
                })
            }
        }

        as_text!($name);
    )*};
}

/// Reads what is written as a string, without making one.
pub(crate) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct Text<T>(PhantomData<T>);
    impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(PhantomData))
}

macro_rules! as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }
    };
}

ids! {
    /// One use of one tool.
    ///
    /// ```
    /// use countersign_core::id::CallId;
    ///
    /// let id = CallId::new(1_767_225_600_000, 42); // milliseconds since 1970, random bits
    /// assert!(id.to_string().starts_with("call_") && id < CallId::new(1_767_225_600_001, 0));
    /// assert_eq!(id.to_string().parse(), Ok(id));
    /// ```
    CallId = "call_";
    /// From one input to its final output, or one direct call.
    ///
    /// ```
    /// use countersign_core::id::RunId;
    ///
    /// assert_eq!(RunId::new(0, 1).to_string(), "run_00000000000000000000000001");
    /// ```
    RunId = "run_";
    /// A process that claims calls.
    ///
    /// ```
    /// use countersign_core::id::WorkerId;
    ///
    /// assert_eq!(WorkerId::new(0, 31).to_string(), "worker_0000000000000000000000000z");
    /// ```
    WorkerId = "worker_";
    /// A remembered confirmation.
    ///
    /// ```
    /// use countersign_core::id::GrantId;
    ///
    /// assert!(GrantId::new(0, 1).to_string().starts_with("grant_"));
    /// ```
    GrantId = "grant_";
}

/// What a waiting call asks, bound to exactly what was shown: call, gate and seal.
///
/// Carries its call's id, so that a decision finds its call without an index.
///
/// ```
/// use countersign_core::id::{CallId, RequirementId};
///
/// let text = "req_00000000000000000000000001_00000000000000000000000002";
/// let id: RequirementId = text.parse()?;
/// assert_eq!(id.call(), CallId::new(0, 1));
/// # Ok::<(), countersign_core::id::IdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequirementId {
    call: CallId,
    binding: u128,
}

impl RequirementId {
    /// The id of what `call` asks; `binding` is made from gate and seal.
    pub(crate) const fn new(call: CallId, binding: u128) -> Self {
        Self { call, binding }
    }

    /// The call that asks.
    pub const fn call(self) -> CallId {
        self.call
    }
}

impl fmt::Display for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("req_")?;
        write_base32(self.call.0, f)?;
        f.write_str("_")?;
        write_base32(self.binding, f)
    }
}

impl fmt::Debug for RequirementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for RequirementId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (call, binding) = text.strip_prefix("req_")?.split_once('_')?;
            Some(Self {
                call: CallId(read_base32(call)?),
                binding: read_base32(binding)?,
            })
        };
        read().ok_or_else(|| IdError {
            text: text.to_owned(),
            expected: "the id of a requirement (req_…_…)",
        })
    }
}

as_text!(RequirementId);

macro_rules! names {
    ($($(#[doc = $doc:literal])* $name:ident: $check:ident, $expected:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// This name, if it is well formed.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { text: text.to_owned(), expected: $expected })
                }
            }

            /// A name that the macro has checked. Not public: `new` is for everybody else.
            #[allow(dead_code, reason = "not every kind of name is written in an attribute")]
            pub(crate) fn trusted(text: &str) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        as_text!($name);
    )*};
}

fn is_tool_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'))
}

/// Spaces and control characters stay out: such a name is printed in terminals and compared by eye.
/// ASCII only, so that two names that look the same are the same.
fn is_word(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic())
}

names! {
    /// The name of a tool: `[A-Za-z0-9_.-]{1,64}`.
    ///
    /// ```
    /// use countersign_core::id::ToolName;
    ///
    /// assert!(ToolName::new("billing.refund").is_ok());
    /// assert!(ToolName::new("billing/refund").is_err());
    /// ```
    ToolName: is_tool_name, "a tool name (1 to 64 of A-Z a-z 0-9 _ . -)";
    /// An authenticated person, service or agent. Up to 128 visible ASCII characters.
    ///
    /// ```
    /// use countersign_core::id::ActorId;
    ///
    /// assert_eq!(ActorId::new("alice@example.com")?.as_str(), "alice@example.com");
    /// # Ok::<(), countersign_core::id::IdError>(())
    /// ```
    ActorId: is_word, "an actor id (1 to 128 visible ASCII characters)";
    /// Who may approve. Up to 128 visible ASCII characters.
    ///
    /// ```
    /// use countersign_core::id::PoolName;
    ///
    /// assert!(PoolName::new("managers").is_ok() && PoolName::new("").is_err());
    /// ```
    PoolName: is_word, "a pool name (1 to 128 visible ASCII characters)";
    /// What an actor is, such as `manager`. Up to 128 visible ASCII characters.
    ///
    /// ```
    /// use countersign_core::id::Role;
    ///
    /// assert_eq!("manager".parse::<Role>()?.to_string(), "manager");
    /// # Ok::<(), countersign_core::id::IdError>(())
    /// ```
    Role: is_word, "a role (1 to 128 visible ASCII characters)";
    /// Whose data it is; `default` unless said. Up to 128 visible ASCII characters.
    ///
    /// ```
    /// use countersign_core::id::TenantId;
    ///
    /// assert_eq!(TenantId::default().as_str(), "default");
    /// ```
    TenantId: is_word, "a tenant id (1 to 128 visible ASCII characters)";
    /// What an edge calls a conversation: several runs of one requester. Up to 128 visible ASCII characters.
    ///
    /// ```
    /// use countersign_core::id::SessionId;
    ///
    /// assert!(SessionId::new("s1").is_ok() && SessionId::new("my session").is_err());
    /// ```
    SessionId: is_word, "a session id (1 to 128 visible ASCII characters)";
}

impl Default for TenantId {
    fn default() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_what_they_write_and_sort_by_time() {
        let early = CallId::new(1, u128::MAX);
        let late = CallId::new(2, 0);
        assert!(early < late && early.to_string() < late.to_string());
        for id in [early, late, CallId::new(u64::MAX, u128::MAX)] {
            assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
            let requirement = RequirementId::new(id, u128::MAX);
            assert_eq!(
                requirement.to_string().parse::<RequirementId>().unwrap(),
                requirement
            );
            assert_eq!(requirement.call(), id);
        }
    }

    #[test]
    fn foreign_text_is_no_id() {
        for text in [
            "",
            "call_",
            "run_00000000000000000000000001",
            "call_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "call_0000000000000000000000000I",
        ] {
            assert!(text.parse::<CallId>().is_err(), "{text}");
        }
        assert!(ToolName::new("billing.refund-2_a").is_ok());
        for text in ["", "a b", "é", &"x".repeat(65)] {
            assert!(ToolName::new(text).is_err(), "{text}");
        }
        for text in ["", "a b", "\u{202e}bob", "a\n", &"x".repeat(129)] {
            assert!(ActorId::new(text).is_err(), "{text}");
        }
    }
}
