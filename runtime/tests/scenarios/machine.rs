//! Plays a story with the call machine alone: no store, no clock, no tool. A thousand times faster than
//! the engine, and with as much of a desk, a worker and a directory as the machine needs to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign::core::actor::{ActingAgent, Actor, Kind, satisfiable};
use countersign::core::call::{
    Answer, Call, Claim, Code, Event, Judgement, Opening, Outcome, Phase, Release, Step as Stepped,
};
use countersign::core::gate::{ApprovalGate, ConfirmationGate, Gates, InputGate};
use countersign::core::grant::{Offer, Remember, Wish};
use countersign::core::id::{
    ActorId, CallId, GrantId, PoolName, RunId, SessionId, TenantId, ToolName, WorkerId,
};
use countersign::{Canonical, Digest, RequirementId, Timestamp};
use serde_json::json;

use crate::stage::{Asked, Stage, moved, state, word};
use crate::story::{AGENT, BIG, Deed, OPERATOR, PERSONS, Pools, SERVICE, Setup, Step, Verb, Who};

/// A call, and who may do what with it.
pub(crate) struct Machine {
    setup: Setup,
    pools: Pools,
    gone: BTreeSet<String>,
    rules: Vec<(String, usize)>,
    now: Timestamp,
    call: Call,
    asked: Asked,
    ran: Vec<u32>,
}

impl Machine {
    pub(crate) fn open(setup: &Setup) -> Self {
        let opening = Opening {
            id: CallId::new(0, 1),
            run: RunId::new(0, 1),
            session: Some(SessionId::new("s").unwrap()),
            tenant: TenantId::default(),
            tool: ToolName::new("pay").unwrap(),
            release: release(),
            requester: unknown(&setup.by),
            agent: None,
            salt: Digest::new([7; 32]),
            patience: setup.patience,
            proposed: arguments(setup.amount, false),
            arguments: arguments(setup.amount, false),
            gates: Gates::default(),
            rules: Digest::default(),
            blocked: Vec::new(),
            offer: None,
        };
        let mut machine = Self {
            setup: setup.clone(),
            pools: setup.pools.clone(),
            gone: BTreeSet::new(),
            rules: Vec::new(),
            now: Timestamp::from_millis(0),
            call: Call::open(opening.clone(), Timestamp::from_millis(0)).call,
            asked: Asked::default(),
            ran: Vec::new(),
        };
        let own_agent = (setup.by == AGENT).then_some(AGENT);
        let agent = setup.through.as_deref().or(own_agent).map(|it| ActingAgent {
            id: id(it),
            owner: setup.owner.as_deref().map(id),
        });
        let gates = if setup.input {
            Gates {
                user_input: machine.demanded().user_input,
                ..Gates::default()
            }
        } else {
            machine.demanded()
        };
        let mut opening = Opening {
            requester: machine.actor(&setup.by),
            agent,
            gates,
            ..opening
        };
        // Who stands behind it is read from the call itself.
        machine.call = Call::open(opening.clone(), machine.now).call;
        opening.blocked = machine.can_be_met(&opening.gates).err().into_iter().collect();
        if setup.granted {
            opening.offer = machine.granted(&opening);
        }
        machine.call = Call::open(opening, machine.now).call;
        machine.asked.note(&machine.call);
        machine
    }

    /// What the requester said of an earlier call: not to be asked again.
    fn granted(&self, opening: &Opening) -> Option<Offer> {
        let earlier = Opening {
            id: CallId::new(0, 2),
            ..opening.clone()
        };
        let call = Call::open(earlier, self.now).call;
        let on = call.requirements().first()?.id;
        let wish = Wish {
            id: GrantId::new(0, 1),
            salt: Digest::new([8; 32]),
            remember: Remember::any().in_session(),
        };
        let step = call.step(
            Event::Confirmed {
                on,
                by: opening.requester.clone(),
                reason: None,
                remember: Some(wish),
            },
            self.now,
        );
        Some(Offer {
            grant: step.change?.grant,
            owner: opening.requester.clone(),
        })
    }

    fn actor(&self, name: &str) -> Actor {
        let kind = match name {
            _ if self.gone.contains(name) => Kind::Unknown,
            SERVICE => Kind::Service,
            AGENT => Kind::Agent,
            person if PERSONS.contains(&person) => Kind::Person,
            _ => Kind::Unknown,
        };
        let mut actor = Actor {
            kind,
            ..unknown(name)
        };
        if kind == Kind::Person {
            for (pool, _) in self.pools.iter().filter(|it| it.1.contains(name)) {
                if pool == OPERATOR {
                    actor.roles.insert(OPERATOR.parse().unwrap());
                } else {
                    actor.pools.insert(PoolName::new(pool).unwrap());
                }
            }
        }
        actor
    }

    /// What annotation and rules of now demand for the arguments that are to be judged.
    fn demanded(&self) -> Gates {
        let because = Vec::new();
        let arguments = self.call.proposed().unwrap_or(self.call.arguments());
        let big = arguments.value()["amount"].as_u64().unwrap() >= u64::from(BIG);
        let expires_in = self.setup.patience;
        let mut gates = Gates {
            user_input: self.setup.input.then(|| InputGate {
                fields: vec!["whom".to_owned()],
                expires_in,
                because: because.clone(),
            }),
            confirmation: self.setup.confirm.then(|| ConfirmationGate {
                expires_in,
                because: because.clone(),
            }),
            ..Gates::default()
        };
        let standing = self.setup.approvals.iter().filter(|it| big || !it.big);
        let standing = standing.map(|it| (&it.pool, it.quorum, it.expires));
        let added = self.rules.iter().map(|it| (&it.0, it.1, expires_in));
        for (pool, quorum, expires_in) in standing.chain(added) {
            gates = gates.tightened(&Gates {
                approvals: vec![ApprovalGate {
                    pool: PoolName::new(pool).unwrap(),
                    quorum: u16::try_from(quorum).unwrap(),
                    expires_in,
                    escalate_after: None,
                    because: because.clone(),
                }],
                ..Gates::default()
            });
        }
        gates
    }

    fn can_be_met(&self, gates: &Gates) -> Result<(), String> {
        let agent = self.call.agent().iter();
        let behind = agent.flat_map(|it| std::iter::once(it.id.clone()).chain(it.owner.clone()));
        let behind = behind.chain([self.call.requester().clone()]).collect();
        let is_member = |name: &&&str, pool: &String| {
            let actor = self.actor(name);
            actor.is_person() && actor.pools.iter().any(|it| it.as_str() == pool)
        };
        let asked = gates.approvals.iter().map(|it| it.pool.to_string());
        let members: BTreeMap<PoolName, BTreeSet<ActorId>> = asked
            .map(|pool| {
                let members = PERSONS.iter().filter(|it| is_member(it, &pool));
                (PoolName::new(&pool).unwrap(), members.map(|it| id(it)).collect())
            })
            .collect();
        satisfiable(&gates.approvals, &members, &behind).map_err(|error| error.to_string())
    }

    /// One event; then what follows by itself.
    fn step(&mut self, event: Event) -> Answer {
        let Stepped { call, answer, .. } = self.call.clone().step(event, self.now);
        self.call = call;
        if matches!(&answer, Answer::Refused(refusal) if refusal.code == Code::Expired) {
            self.call = self.call.clone().step(Event::DeadlinePassed, self.now).call;
        }
        if let Phase::Gating { from, .. } = self.call.phase() {
            let gates = self.demanded();
            let reasked = matches!(from, countersign::core::call::From::Reasked);
            let asked = if reasked {
                self.call.gates().tightened(&gates)
            } else {
                gates.clone()
            };
            let judgement = Judgement {
                release: release(),
                arguments: self.call.proposed().unwrap().clone(),
                satisfiable: self.can_be_met(&asked),
                gates,
                rules: Digest::default(),
                offer: None,
            };
            self.call = self.call.clone().step(Event::Gated(judgement), self.now).call;
        }
        answer
    }

    /// What must come first, if the rules of now demand more than what was frozen.
    fn tighten(&mut self) -> bool {
        let waits = matches!(
            self.call.phase(),
            Phase::Confirm { .. } | Phase::Approve { .. } | Phase::Cleared { .. }
        );
        let gates = self.call.gates().tightened(&self.demanded());
        if !waits || self.is_over() || self.call.gates().cover(&gates) {
            return false;
        }
        let satisfiable = self.can_be_met(&gates);
        let rules = Digest::default();
        let event = Event::Tightened {
            gates,
            rules,
            satisfiable,
        };
        assert_eq!(self.step(event), Answer::Accepted);
        true
    }

    fn is_over(&self) -> bool {
        self.call.deadline().is_some_and(|it| self.now >= it)
    }

    fn decides(&mut self, event: Event) -> String {
        if !self.call.is_repeat(&event, self.now) {
            self.tighten();
        }
        word(&self.step(event))
    }

    fn says(&mut self, who: &Who, verb: &Verb, on: RequirementId) -> String {
        let by = self.actor(&who.name);
        let reason = None;
        let event = match verb {
            Verb::Fills => {
                let values = json!({"whom": "ACME"});
                let arguments = arguments(self.setup.amount, true);
                let values = Canonical::of(&values).unwrap();
                Event::Filled {
                    on,
                    by,
                    values,
                    arguments,
                }
            }
            Verb::Confirms | Verb::ConfirmsRemembering => Event::Confirmed {
                on,
                by,
                reason,
                remember: (*verb == Verb::ConfirmsRemembering).then(|| Wish {
                    id: GrantId::new(0, 2),
                    salt: Digest::new([9; 32]),
                    remember: Remember::any().in_session(),
                }),
            },
            Verb::Amends(amount) => Event::Amended {
                on,
                by,
                arguments: arguments(*amount, self.setup.input),
                reason,
            },
            Verb::Answers => Event::Answered {
                on,
                by,
                answer: Canonical::of(&json!("done by hand")).unwrap(),
            },
            Verb::Rejects => Event::Rejected {
                on,
                by,
                reason,
                stop_run: false,
            },
            Verb::Approves => Event::Approved { on, by, reason },
            // The desk refuses it before it becomes an event.
            Verb::ApprovesRemembering => {
                let Err(refusal) = self.call.may_be_answered(on, &by, self.now) else {
                    return "invalid_input".to_owned();
                };
                if refusal.code == Code::Expired {
                    self.step(Event::DeadlinePassed);
                }
                return refusal.code.as_str().to_owned();
            }
        };
        self.decides(event)
    }

    /// A worker looks, claims what is cleared, and runs it.
    fn works(&mut self) -> String {
        let before = self.call.clone();
        if matches!(before.phase(), Phase::Cleared { .. }) && !self.tighten() {
            let voters = before
                .votes()
                .iter()
                .map(|it| self.actor(it.by.as_str()))
                .collect();
            self.step(Event::Claimed {
                worker: WorkerId::new(0, 1),
                until: self.now.after(Duration::from_mins(1)),
                descriptor: Digest::default(),
                voters,
                token: None,
            });
            if let Phase::Executing { claim, .. } = self.call.phase() {
                let claim: Claim = *claim;
                let amount = self.call.arguments().value()["amount"].as_u64().unwrap();
                self.ran.push(u32::try_from(amount).unwrap());
                let result = "null".to_owned();
                self.step(Event::Returned { claim, result });
            }
        }
        moved(&before, &self.call)
    }
}

impl Stage for Machine {
    fn play(&mut self, step: &Step) -> String {
        self.now = Timestamp::from_millis(0).after(step.at);
        let answer = match &step.deed {
            Deed::Says {
                who,
                verb,
                gate,
                shown,
            } => match self.asked.id(gate, *shown) {
                Some(on) => self.says(who, verb, on),
                None => "unasked".to_owned(),
            },
            Deed::Reasks(who) => match self.call.reask() {
                Some(asked) => {
                    let by = self.actor(&who.name);
                    self.decides(Event::Reasked {
                        on: asked.id,
                        by,
                        reason: None,
                    })
                }
                None => "unasked".to_owned(),
            },
            Deed::Cancels(who) => {
                let by = self.actor(&who.name);
                word(&self.step(Event::Cancelled { by, reason: None }))
            }
            Deed::Worker(_) => self.works(),
            Deed::Sweeper => {
                let before = self.call.clone();
                if self.is_over() {
                    self.step(Event::DeadlinePassed);
                }
                moved(&before, &self.call)
            }
            Deed::Joins(who, pool) => {
                let members = self.pools.entry(pool.clone()).or_default();
                members.insert(who.name.clone());
                String::new()
            }
            Deed::Leaves(who, pool) => {
                self.pools.entry(pool.clone()).or_default().remove(&who.name);
                String::new()
            }
            Deed::IsGone(who) => {
                self.gone.insert(who.name.clone());
                String::new()
            }
            Deed::RulesAdd(pool, quorum) => {
                self.rules.push((pool.clone(), *quorum));
                String::new()
            }
            // There is no inbox here.
            Deed::Looks(_) => unreachable!("nobody looks at a bare machine"),
        };
        self.asked.note(&self.call);
        answer
    }

    fn state(&mut self) -> String {
        state(&self.call)
    }

    fn ran(&self) -> Vec<u32> {
        let returned = matches!(
            self.call.phase(),
            Phase::Closed {
                outcome: Outcome::Returned { .. }
            }
        );
        assert_eq!(returned, !self.ran.is_empty());
        self.ran.clone()
    }
}

fn id(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

fn unknown(name: &str) -> Actor {
    Actor {
        id: id(name),
        kind: Kind::Unknown,
        roles: BTreeSet::new(),
        pools: BTreeSet::new(),
        auth: "asserted-library".to_owned(),
    }
}

fn arguments(amount: u32, whom: bool) -> Canonical {
    let all = if whom {
        json!({"amount": amount, "whom": "ACME"})
    } else {
        json!({"amount": amount})
    };
    Canonical::of(&all).unwrap()
}

fn release() -> Release {
    Release {
        descriptor: Digest::default(),
        idempotent: false,
        destructive: false,
        secrets: Vec::new(),
    }
}
