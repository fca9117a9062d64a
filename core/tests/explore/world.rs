//! The small world that the explorer lets a call live in: people, tools, gates, times.

use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::actor::{ActingAgent, Actor, Kind};
use countersign_core::call::{Call, Opening, Release, Step};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::{ApprovalGate, ConfirmationGate, ExternalGate, Gates, InputGate};
use countersign_core::grant::Offer;
use countersign_core::id::{
    ActorId, CallId, PoolName, RequirementId, Role, RunId, SessionId, TenantId, ToolName, WorkerId,
};
use countersign_core::time::Timestamp;

pub(crate) const SECRET: &str = "hunter2-4711";
pub(crate) const REASON: &str = "because-of-ticket-81";
pub(crate) const LEASE: Duration = Duration::from_mins(1);
pub(crate) const PATIENCE: Duration = Duration::from_hours(24);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
/// The pool that others stand behind, should it not answer within an hour.
pub(crate) const ESCALATING: &str = "managers";

/// What happens outside of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    None,
    BodyLess,
    HandOff,
}

/// Which approvals the annotation asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pools {
    None,
    One,
    /// With a person who is in both.
    Two,
    /// One pool, two people.
    Quorum,
}

/// One combination of gates.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a gate or an option, there or not"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Combo {
    pub input: bool,
    pub confirm: bool,
    pub outside: Outside,
    pub pools: Pools,
    pub idempotent: bool,
    /// Whether one argument is `secret`.
    pub secret: bool,
}

/// Every combination. A secret takes part in every third of them.
pub(crate) fn combos() -> Vec<Combo> {
    let mut all = Vec::new();
    for input in [false, true] {
        for confirm in [false, true] {
            for outside in [Outside::None, Outside::BodyLess, Outside::HandOff] {
                for pools in [Pools::None, Pools::One, Pools::Two, Pools::Quorum] {
                    for idempotent in [false, true] {
                        all.push(Combo {
                            input,
                            confirm,
                            outside,
                            pools,
                            idempotent,
                            secret: all.len() % 3 == 0,
                        });
                    }
                }
            }
        }
    }
    all
}

pub(crate) fn id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(name).unwrap()
}

/// What the requester fills in.
pub(crate) fn filling() -> Canonical {
    Canonical::parse(r#"{"note":"n"}"#).unwrap()
}

pub(crate) fn pool(name: &str) -> PoolName {
    PoolName::new(name).unwrap()
}

fn actor(name: &str, kind: Kind, roles: &[&str], pools: &[&str]) -> Actor {
    Actor {
        id: id(name),
        kind,
        roles: roles.iter().map(|it| Role::new(it).unwrap()).collect(),
        pools: pools.iter().map(|it| pool(it)).collect(),
        auth: "test".to_owned(),
    }
}

const POOLS: &[&str] = &["managers", "finance"];
const ROLES: &[&str] = &["operator", "reporter"];

/// Everybody who tries something. Those who must never count have every role and pool there is.
pub(crate) fn actors() -> Vec<Actor> {
    vec![
        actor("alice", Kind::Person, &[], POOLS),
        actor("alice", Kind::Person, ROLES, POOLS),
        actor("alice", Kind::Agent, ROLES, POOLS),
        actor("robot", Kind::Agent, ROLES, POOLS),
        actor("owen", Kind::Person, ROLES, POOLS),
        actor("bob", Kind::Person, &[], &["managers"]),
        actor("carol", Kind::Person, &[], &["finance"]),
        dora(),
        actor("olivia", Kind::Person, &["operator"], &[]),
        actor("relay", Kind::Service, ROLES, POOLS),
        actor("nobody", Kind::Unknown, ROLES, POOLS),
        actor("bob", Kind::Service, &[], POOLS),
    ]
}

/// In both pools; may lose them.
pub(crate) fn dora() -> Actor {
    actor("dora", Kind::Person, &[], POOLS)
}

/// What a worker finds in the directory when it claims.
pub(crate) fn directories() -> Vec<(&'static str, Vec<Actor>)> {
    let everybody = || {
        vec![
            actor("bob", Kind::Person, &[], &["managers"]),
            actor("carol", Kind::Person, &[], &["finance"]),
            actor("owen", Kind::Person, &[], POOLS),
        ]
    };
    let with = |dora: Actor| everybody().into_iter().chain([dora]).collect::<Vec<_>>();
    vec![
        ("all stand", with(dora())),
        ("dora lost", with(actor("dora", Kind::Person, ROLES, &[]))),
        (
            "dora became an agent",
            with(actor("dora", Kind::Agent, &[], POOLS)),
        ),
        ("nobody stands", Vec::new()),
    ]
}

pub(crate) fn is_own(actor: &ActorId) -> bool {
    ["alice", "robot", "owen"].contains(&actor.as_str())
}

pub(crate) fn arguments(amount: u8, note: bool) -> Canonical {
    let note = if note { r#","note":"n""# } else { "" };
    Canonical::parse(&format!(r#"{{"amount":{amount},"pin":"{SECRET}"{note}}}"#)).unwrap()
}

pub(crate) fn descriptor(version: u8) -> Digest {
    Digest::of("descriptor", &[&[version]])
}

pub(crate) fn rules(version: u8) -> Digest {
    Digest::of("rules", &[&[version]])
}

pub(crate) fn token(number: u8) -> Digest {
    Digest::of("token", &[&[number]])
}

pub(crate) fn worker(number: u8) -> WorkerId {
    WorkerId::new(7, u128::from(number))
}

pub(crate) fn call_id() -> CallId {
    CallId::new(1, 1)
}

/// The id of what another call asks.
pub(crate) fn foreign() -> RequirementId {
    "req_00000000000000000000000009_00000000000000000000000009"
        .parse()
        .unwrap()
}

fn approval(name: &str, quorum: u16, hours: u32) -> ApprovalGate {
    ApprovalGate {
        pool: pool(name),
        quorum,
        expires_in: HOUR * hours,
        escalate_after: (name == ESCALATING).then_some(HOUR),
        because: Vec::new(),
    }
}

pub(crate) fn input_gate() -> InputGate {
    InputGate {
        fields: vec!["note".to_owned()],
        expires_in: HOUR,
        because: Vec::new(),
    }
}

impl Combo {
    /// What the annotation demands.
    pub(crate) fn gates(self) -> Gates {
        Gates {
            user_input: self.input.then(input_gate),
            confirmation: self.confirm.then(|| ConfirmationGate {
                expires_in: HOUR * 2,
                because: Vec::new(),
            }),
            approvals: match self.pools {
                Pools::None => Vec::new(),
                Pools::One => vec![approval("finance", 1, 3)],
                Pools::Two => vec![approval("managers", 1, 4), approval("finance", 1, 3)],
                Pools::Quorum => vec![approval("finance", 2, 3)],
            },
            external: match self.outside {
                Outside::None => None,
                Outside::BodyLess | Outside::HandOff => Some(ExternalGate {
                    handoff: self.outside == Outside::HandOff,
                    expires_in: HOUR * 8,
                    because: Vec::new(),
                }),
            },
        }
    }

    /// No confirmation, no approvals.
    pub(crate) fn looser(self) -> Gates {
        Gates {
            confirmation: None,
            approvals: Vec::new(),
            ..self.gates()
        }
    }

    /// Strictly more than any combination asks.
    pub(crate) fn stricter(self) -> Gates {
        Gates {
            confirmation: Some(ConfirmationGate {
                expires_in: HOUR,
                because: Vec::new(),
            }),
            approvals: vec![approval("managers", 1, 4)],
            ..self.gates()
        }
    }

    /// The next release asks for no approval any more, but for a field.
    pub(crate) fn redeployed(self) -> Gates {
        Gates {
            user_input: Some(input_gate()),
            ..self.looser()
        }
    }

    pub(crate) fn open(self, offer: Option<Offer>) -> Step {
        let gates = self.gates();
        let gates = if self.input {
            Gates {
                user_input: gates.user_input,
                ..Gates::default()
            }
        } else {
            gates
        };
        let opening = Opening {
            offer,
            ..self.opening(gates)
        };
        Call::open(opening, start())
    }

    /// What the first version of the tool says of it, and what the next one.
    pub(crate) fn release(self, version: u8) -> Release {
        let first = version == 1;
        let pin = self.secret.then(|| "pin".to_owned());
        let note = (!first).then(|| "note".to_owned());
        Release {
            descriptor: descriptor(version),
            idempotent: self.idempotent == first,
            destructive: self.secret || !first,
            secrets: pin.into_iter().chain(note).collect(),
        }
    }

    /// Every second run belongs to a session.
    pub(crate) fn session(self) -> Option<SessionId> {
        (!self.idempotent).then(|| session("s1"))
    }

    pub(crate) fn opening(self, gates: Gates) -> Opening {
        Opening {
            id: call_id(),
            run: RunId::new(1, 2),
            session: self.session(),
            tenant: TenantId::default(),
            tool: ToolName::new("refund").unwrap(),
            release: self.release(1),
            requester: actors().swap_remove(0),
            agent: Some(ActingAgent {
                id: id("robot"),
                owner: Some(id("owen")),
            }),
            salt: Digest::of("salt", &[]),
            patience: PATIENCE,
            proposed: arguments(1, false),
            arguments: arguments(1, false),
            gates,
            rules: rules(1),
            blocked: Vec::new(),
            offer: None,
        }
    }
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

/// One millisecond before.
pub(crate) fn before(time: Timestamp) -> Timestamp {
    Timestamp::from_millis(time.millis() - 1)
}

/// What the gates demand, whatever their order and whatever made them stand.
pub(crate) fn demands(gates: &Gates) -> String {
    let approvals: BTreeSet<_> = gates
        .approvals
        .iter()
        .map(|it| (it.pool.as_str(), it.quorum, it.expires_in))
        .collect();
    format!(
        "{:?} {:?} {approvals:?} {:?}",
        gates.user_input.as_ref().map(|it| (&it.fields, it.expires_in)),
        gates.confirmation.as_ref().map(|it| it.expires_in),
        gates.external.as_ref().map(|it| (it.handoff, it.expires_in)),
    )
}
