//! An entry as the verifier reads it: in place, without copying what it does not look at.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use countersign_core::actor::ADMIN;
use countersign_core::digest::Digest;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::policy::ActorEntry;

/// A string in place; copied only where it has escapes in it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What the meaning of the log depends on.
#[derive(Debug, Deserialize)]
pub(super) struct Fields<'a> {
    pub(super) v: u64,
    #[serde(borrow)]
    pub(super) log: Text<'a>,
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) time: Text<'a>,
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow, default)]
    pub(super) call: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) phase: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) outcome: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) seal: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) requester: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) agent: Option<Agent<'a>>,
    #[serde(borrow, default)]
    pub(super) actor: Option<Who<'a>>,
    #[serde(default)]
    pub(super) gate: Option<usize>,
    #[serde(borrow, default)]
    pub(super) claim: Option<Claim<'a>>,
    #[serde(borrow, default)]
    pub(super) void: Vec<Void<'a>>,
    /// Of what somebody was reminded.
    #[serde(borrow, default)]
    pub(super) asked: Vec<Text<'a>>,
    /// The grant that passed the confirmation in place of the requester.
    #[serde(borrow, default)]
    pub(super) passed_by: Option<Text<'a>>,
    /// The grant that this confirmation made.
    #[serde(borrow, default)]
    pub(super) remembered: Option<Text<'a>>,
    #[serde(default)]
    pub(super) policy: Policy,
    #[serde(borrow, default)]
    pub(super) run: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) tool: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) descriptor: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) grant: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) terms: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) used_by: Option<Text<'a>>,
    #[serde(default)]
    pub(super) left: Option<u32>,
    #[serde(borrow, default)]
    pub(super) scope: Option<Scope<'a>>,
    /// The actor that is changed.
    #[serde(borrow, default)]
    pub(super) who: Option<Text<'a>>,
    /// The user of Slack that is linked.
    #[serde(borrow, default)]
    pub(super) slack: Option<Text<'a>>,
    #[serde(default)]
    pub(super) before: Option<Side>,
    #[serde(default)]
    pub(super) after: Option<Side>,
    #[serde(borrow, default)]
    pub(super) credential: Option<Named<'a>>,
    /// The notice that was sent again.
    #[serde(borrow, default)]
    pub(super) notice: Option<Named<'a>>,
    #[serde(borrow, default)]
    args: Option<Text<'a>>,
    #[serde(borrow, default)]
    shown: Option<Text<'a>>,
    #[serde(borrow, default)]
    proposed: Option<Text<'a>>,
    #[serde(borrow, default)]
    reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<Text<'a>>,
    #[serde(borrow, default)]
    errors: Option<Text<'a>>,
    /// The commitments whose words were erased.
    #[serde(default)]
    pub(super) blobs: Vec<Digest>,
}

impl Fields<'_> {
    /// The commitments to words that were kept beside this entry, with the names of their fields.
    ///
    /// Those to the arguments of a gated call bind secrets too, which are kept nowhere: what is kept of
    /// them is `shown`.
    pub(super) fn words(&self) -> impl Iterator<Item = (&'static str, Result<Digest, String>)> {
        let audited = self.kind.starts_with("audited.");
        let said = [
            ("args", self.args.as_ref().filter(|_| audited)),
            ("shown", self.shown.as_ref()),
            ("proposed", self.proposed.as_ref()),
            ("reason", self.reason.as_ref()),
            ("result", self.result.as_ref()),
            ("error", self.error.as_ref()),
            ("errors", self.errors.as_ref()),
        ];
        let said = said.into_iter().filter_map(|(name, text)| {
            let read = text?.parse::<Digest>();
            Some((
                name,
                read.map_err(|error| format!("its `{name}` is no commitment: {error}")),
            ))
        });
        let policy = self.policy.text.map(|it| ("policy", Ok(it)));
        said.chain(policy)
    }
}

/// Where a grant counts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "scope", deny_unknown_fields)]
pub(super) enum Scope<'a> {
    Run {
        #[serde(borrow)]
        run: Cow<'a, str>,
    },
    Session {
        #[expect(dead_code, reason = "calls do not say on record in which session they are")]
        session: String,
    },
    Until {
        #[serde(borrow)]
        time: Cow<'a, str>,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Agent<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow, default)]
    pub(super) owner: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Who<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) auth: Option<Text<'a>>,
    /// Whether `admin` is among its roles.
    #[serde(default, rename = "roles")]
    pub(super) admin: Admin,
}

/// What is asked of a list of roles.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Admin(pub(super) bool);

impl<'de> Deserialize<'de> for Admin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfRoles;
        impl<'de> Visitor<'de> for OfRoles {
            type Value = Admin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of roles")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut roles: A) -> Result<Admin, A::Error> {
                let mut admin = false;
                while let Some(role) = roles.next_element::<Text<'de>>()? {
                    admin |= &*role == ADMIN;
                }
                Ok(Admin(admin))
            }
        }
        deserializer.deserialize_seq(OfRoles)
    }
}

/// What was or is there in place of something else.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Side {
    Actor(ActorEntry),
    /// The digest of a policy.
    Policy(String),
}

/// Something of which only the id is read.
#[derive(Debug, Deserialize)]
pub(super) struct Named<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claim<'a> {
    #[serde(borrow)]
    #[expect(dead_code, reason = "an entry without the worker is no entry of a claim")]
    worker: Text<'a>,
    pub(super) number: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Void<'a> {
    pub(super) gate: usize,
    #[serde(borrow)]
    pub(super) by: Text<'a>,
}

/// What a call needs. In `policy.changed` the field of this name is a commitment, and nothing is needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) user_input: bool,
    pub(super) confirmation: bool,
    /// The quorum of each approval gate, in order.
    pub(super) quorums: Vec<u32>,
    /// The commitment to the text of a policy, and nothing else.
    pub(super) text: Option<Digest>,
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfPolicy;
        impl<'de> Visitor<'de> for OfPolicy {
            type Value = Policy;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what is needed, or a commitment")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Policy, E> {
                Ok(Policy {
                    text: Some(text.parse().map_err(E::custom)?),
                    ..Policy::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Policy, A::Error> {
                let mut policy = Policy::default();
                while let Some(name) = map.next_key::<&str>()? {
                    if name == "needed" {
                        policy = map.next_value::<Needed>()?.0;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(policy)
            }
        }
        deserializer.deserialize_any(OfPolicy)
    }
}

struct Needed(Policy);

impl<'de> Deserialize<'de> for Needed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfGates;
        impl<'de> Visitor<'de> for OfGates {
            type Value = Needed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of gates")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Needed, A::Error> {
                let mut policy = Policy::default();
                while let Some(gate) = list.next_element::<Gate>()? {
                    match gate {
                        Gate::UserInput => policy.user_input = true,
                        Gate::Confirmation => policy.confirmation = true,
                        Gate::Approval(quorum) => policy.quorums.push(quorum),
                        Gate::External => {}
                    }
                }
                Ok(Needed(policy))
            }
        }
        deserializer.deserialize_seq(OfGates)
    }
}

enum Gate {
    UserInput,
    Confirmation,
    Approval(u32),
    External,
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfGate;
        impl<'de> Visitor<'de> for OfGate {
            type Value = Gate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a gate")
            }

            // A gate that is not known here may be one that was not met: better not read at all.
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Gate, E> {
                match name {
                    "user_input" => Ok(Gate::UserInput),
                    "confirmation" => Ok(Gate::Confirmation),
                    "external" => Ok(Gate::External),
                    other => Err(E::custom(format!("there is no gate `{other}`"))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Gate, A::Error> {
                let mut quorum = None;
                while let Some(name) = map.next_key::<&str>()? {
                    if name == "quorum" {
                        quorum = Some(map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                quorum
                    .map(Gate::Approval)
                    .ok_or_else(|| serde::de::Error::missing_field("quorum"))
            }
        }
        deserializer.deserialize_any(OfGate)
    }
}
