//! The grants of the explorer's world: one for every reason to pass a confirmation, or not to.

use std::time::Duration;

use countersign_core::actor::{Actor, Kind};
use countersign_core::call::{Call, Event, Opening, Release};
use countersign_core::canonical::Canonical;
use countersign_core::digest::Digest;
use countersign_core::gate::{ConfirmationGate, Gates};
use countersign_core::grant::{Grant, MOST_USES, Offer, Remember, Span, Which, Wish};
use countersign_core::id::{GrantId, RunId, ToolName};
use countersign_core::time::Timestamp;

use crate::world::{Combo, PATIENCE, actors, arguments, before, descriptor, dora, session, start};

/// What is special about a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Memory {
    Exact,
    Any,
    Session,
    Until,
    LastUse,
    OtherArguments,
    OtherDescriptor,
    OtherTool,
    OtherRun,
    OtherSession,
    SomebodyElses,
    OfferedForSomebodyElse,
    OwnerBecameAgent,
    OwnerUnknown,
    UsedUp,
    Revoked,
    Over,
}

pub(crate) const MEMORIES: [Memory; 17] = [
    Memory::Exact,
    Memory::Any,
    Memory::Session,
    Memory::Until,
    Memory::LastUse,
    Memory::OtherArguments,
    Memory::OtherDescriptor,
    Memory::OtherTool,
    Memory::OtherRun,
    Memory::OtherSession,
    Memory::SomebodyElses,
    Memory::OfferedForSomebodyElse,
    Memory::OwnerBecameAgent,
    Memory::OwnerUnknown,
    Memory::UsedUp,
    Memory::Revoked,
    Memory::Over,
];

impl Memory {
    /// Which one an offer is.
    pub(crate) fn of(offer: &Offer) -> Self {
        let known = MEMORIES.into_iter().find(|it| it.id() == offer.grant.id());
        known.expect("a grant of this world")
    }

    fn id(self) -> GrantId {
        GrantId::new(1, self as u128)
    }

    /// Whether it is for calls like this, told from what it is and not from what is in it.
    pub(crate) fn is_for(self, combo: Combo, destructive: bool) -> bool {
        match self {
            Self::Exact | Self::Until | Self::LastUse => true,
            Self::Any => !destructive,
            Self::Session => combo.session().is_some(),
            Self::OtherArguments
            | Self::OtherDescriptor
            | Self::OtherTool
            | Self::OtherRun
            | Self::OtherSession
            | Self::SomebodyElses
            | Self::OfferedForSomebodyElse
            | Self::OwnerBecameAgent
            | Self::OwnerUnknown
            | Self::UsedUp
            | Self::Revoked
            | Self::Over => false,
        }
    }

    /// As it is offered to a call of `combo` with these arguments.
    pub(crate) fn offer(self, combo: Combo, given: &Canonical) -> Offer {
        let alice = || actors().swap_remove(0);
        let owner = match self {
            Self::SomebodyElses | Self::OfferedForSomebodyElse => dora(),
            _ => alice(),
        };
        let grant = self.made(combo, given, &owner);
        let owner = match self {
            Self::SomebodyElses => alice(),
            Self::OwnerBecameAgent => Actor {
                kind: Kind::Agent,
                ..alice()
            },
            Self::OwnerUnknown => Actor {
                kind: Kind::Unknown,
                ..alice()
            },
            _ => owner,
        };
        Offer { grant, owner }
    }

    /// Made as grants are made: by a confirmation, an hour ago.
    fn made(self, combo: Combo, given: &Canonical, owner: &Actor) -> Grant {
        let hour = Duration::from_hours(1);
        let then = Timestamp::from_millis(start().millis() - 3_600_000);
        let release = Release {
            descriptor: descriptor(if self == Self::OtherDescriptor { 9 } else { 1 }),
            // Even one that was made when the tool destroyed nothing.
            destructive: false,
            ..combo.release(1)
        };
        let confirmation = Some(ConfirmationGate {
            expires_in: PATIENCE,
            because: Vec::new(),
        });
        let gates = Gates {
            confirmation,
            ..Gates::default()
        };
        let given = if self == Self::OtherArguments {
            arguments(7, false)
        } else {
            given.clone()
        };
        let mut opening = Opening {
            release,
            requester: owner.clone(),
            agent: None,
            proposed: given.clone(),
            arguments: given,
            ..combo.opening(gates)
        };
        let mut span = Span::Run;
        match self {
            Self::OtherTool => opening.tool = ToolName::new("transfer").unwrap(),
            Self::OtherRun => opening.run = RunId::new(8, 8),
            Self::Session => (span, opening.session) = (Span::Session, Some(session("s1"))),
            Self::OtherSession => (span, opening.session) = (Span::Session, Some(session("s2"))),
            Self::Until => span = Span::Until(start().after(PATIENCE * 1000)),
            // At that very instant it counts no more.
            Self::Over => span = Span::Until(start()),
            _ => {}
        }
        let call = Call::open(opening.clone(), then).call;
        let remember = Remember {
            which: if self == Self::Any {
                Which::Any
            } else {
                Which::Exact
            },
            span,
            uses: match self {
                Self::LastUse | Self::UsedUp => Some(1),
                Self::Revoked => None,
                _ => Some(5),
            },
        };
        let event = Event::Confirmed {
            on: call.requirements()[0].id,
            by: owner.clone(),
            reason: None,
            remember: Some(wish(self.id(), remember)),
        };
        let grant = call.step(event, before(then.after(hour))).change.unwrap().grant;
        match self {
            Self::UsedUp => {
                let offer = Some(Offer {
                    grant,
                    owner: owner.clone(),
                });
                let again = Opening { offer, ..opening };
                Call::open(again, then).change.unwrap().grant
            }
            Self::Revoked => grant.revoke(owner).grant,
            _ => grant,
        }
    }
}

/// A wish with the id of what is special about it.
pub(crate) fn wish(id: GrantId, remember: Remember) -> Wish {
    Wish {
        id,
        salt: Digest::of("grant", &[]),
        remember,
    }
}

/// Everything that can be wished for; what is out of bounds too.
pub(crate) fn wishes(now: Timestamp) -> Vec<Wish> {
    let remember = |which, span, uses| Remember { which, span, uses };
    let all = [
        remember(Which::Exact, Span::Run, None),
        remember(Which::Any, Span::Run, Some(1)),
        remember(Which::Exact, Span::Session, Some(MOST_USES)),
        remember(Which::Exact, Span::Until(now.after(PATIENCE)), Some(2)),
        remember(Which::Exact, Span::Until(now), None),
        remember(Which::Exact, Span::Run, Some(0)),
        remember(Which::Exact, Span::Run, Some(MOST_USES + 1)),
    ];
    let ids = (0..).map(|it| GrantId::new(2, it));
    ids.zip(all).map(|(id, remember)| wish(id, remember)).collect()
}
