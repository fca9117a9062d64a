//! Everything that is tried in a state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use countersign_core::actor::Actor;
use countersign_core::call::{Claim, Effect, Event, Judgement, Reporter, Resolution};
use countersign_core::canonical::Canonical;
use countersign_core::gate::Gates;
use countersign_core::id::RequirementId;
use countersign_core::time::Timestamp;

use crate::ghost::{Asked, Ghost, Stage};
use crate::memory::{MEMORIES, Memory, wishes};
use crate::world::{
    Combo, LEASE, PATIENCE, REASON, actors, arguments, before, descriptor, directories, filling, foreign,
    rules, token, worker,
};

/// An attempt, and whether the explorer goes on from where it leads.
pub(crate) struct Deed {
    pub event: Event,
    pub now: Timestamp,
    pub follow: bool,
}

/// Every way to answer a requirement.
#[derive(Clone, Copy)]
enum Verb {
    Fill,
    Confirm,
    Amend,
    Answer,
    Approve,
    Reject,
    RejectRun,
    Reask,
    Report,
    ReportFailure,
    Retry,
    RetryLost,
    HandedOff,
    Done,
    Abandon,
    AbandonSilently,
}

const VERBS: [Verb; 16] = [
    Verb::Fill,
    Verb::Confirm,
    Verb::Amend,
    Verb::Answer,
    Verb::Approve,
    Verb::Reject,
    Verb::RejectRun,
    Verb::Reask,
    Verb::Report,
    Verb::ReportFailure,
    Verb::Retry,
    Verb::RetryLost,
    Verb::HandedOff,
    Verb::Done,
    Verb::Abandon,
    Verb::AbandonSilently,
];

pub(crate) const WAYS: usize = VERBS.len();

pub(crate) fn result() -> Canonical {
    Canonical::parse(r#"{"ok":true}"#).unwrap()
}

fn voters(which: usize) -> Vec<Actor> {
    directories().swap_remove(which).1
}

fn decision(verb: Verb, on: RequirementId, by: Actor) -> Event {
    let reason = Some(REASON.to_owned());
    let resolved = |by, resolution| Event::Resolved {
        on,
        by,
        reason: REASON.to_owned(),
        resolution,
    };
    match verb {
        Verb::Fill => Event::Filled {
            on,
            by,
            values: filling(),
            arguments: arguments(1, true),
        },
        Verb::Confirm => Event::Confirmed {
            on,
            by,
            reason,
            remember: None,
        },
        Verb::Amend => Event::Amended {
            on,
            by,
            arguments: arguments(2, true),
            reason,
        },
        Verb::Answer => Event::Answered {
            on,
            by,
            answer: result(),
        },
        Verb::Approve => Event::Approved { on, by, reason },
        Verb::Reject | Verb::RejectRun => Event::Rejected {
            on,
            by,
            reason,
            stop_run: matches!(verb, Verb::RejectRun),
        },
        Verb::Reask => Event::Reasked { on, by, reason },
        Verb::Report => report(on, Reporter::Actor(by)),
        Verb::ReportFailure => Event::Reported {
            on,
            by: Reporter::Actor(by),
            report: Err("declined".to_owned()),
        },
        Verb::Retry => resolved(by, Resolution::Retry { voters: voters(0) }),
        Verb::RetryLost => resolved(by, Resolution::Retry { voters: voters(1) }),
        Verb::HandedOff => resolved(by, Resolution::HandedOff),
        Verb::Done => resolved(by, Resolution::Done { result: result() }),
        Verb::Abandon => resolved(by, Resolution::Abandon),
        Verb::AbandonSilently => Event::Resolved {
            on,
            by,
            reason: String::new(),
            resolution: Resolution::Abandon,
        },
    }
}

fn possible(satisfiable: bool) -> Result<(), String> {
    satisfiable
        .then_some(())
        .ok_or_else(|| "nobody is left".to_owned())
}

/// What a process says that links this version of the tool.
fn judged(
    combo: Combo,
    version: u8,
    arguments: Canonical,
    gates: Gates,
    satisfiable: Result<(), String>,
) -> Event {
    Event::Gated(Judgement {
        release: combo.release(version),
        arguments,
        gates,
        rules: rules(version),
        satisfiable,
        offer: None,
    })
}

fn report(on: RequirementId, by: Reporter) -> Event {
    Event::Reported {
        on,
        by,
        report: Ok(result()),
    }
}

/// What kind of attempt a decision is: in which stage, on what, of now or of before, how, by whom.
/// The explorer sees to it that every combination of these is tried.
pub(crate) type Class = (&'static str, &'static str, bool, usize, usize);

/// What was tried of one combination.
#[derive(Default)]
pub(crate) struct Classes {
    pub tried: BTreeSet<Class>,
    visits: BTreeMap<&'static str, usize>,
}

/// All deeds of a state, the `turn`th of its combination.
pub(crate) fn deeds(ghost: &Ghost, turn: usize, classes: &mut Classes) -> Vec<Deed> {
    let mut all = Deeds {
        ghost,
        all: Vec::new(),
    };
    all.decisions(turn, classes);
    all.remembering();
    all.steering();
    all.gating();
    all.claims();
    all.results();
    all.reminders();
    all.all
}

struct Deeds<'a> {
    ghost: &'a Ghost,
    all: Vec<Deed>,
}

/// Who may answer what, were it not for who they are.
fn fits(verb: Verb, asked: &Asked) -> bool {
    match verb {
        Verb::Fill => *asked == Asked::Input,
        Verb::Confirm | Verb::Amend | Verb::Answer => *asked == Asked::Confirm,
        Verb::Approve => matches!(asked, Asked::Pool(_)),
        Verb::Reject | Verb::RejectRun => matches!(asked, Asked::Input | Asked::Confirm | Asked::Pool(_)),
        Verb::Reask => matches!(asked, Asked::Confirm | Asked::Pool(_) | Asked::Cleared),
        Verb::Report | Verb::ReportFailure => *asked == Asked::External,
        Verb::Retry
        | Verb::RetryLost
        | Verb::HandedOff
        | Verb::Done
        | Verb::Abandon
        | Verb::AbandonSilently => matches!(asked, Asked::Doubt(_)),
    }
}

impl Deeds<'_> {
    fn try_at(&mut self, event: Event, now: Timestamp, follow: bool) {
        self.all.push(Deed { event, now, follow });
    }

    fn now(&mut self, event: Event) {
        self.try_at(event, self.ghost.updated, true);
    }

    /// Now, just before the deadline, at it and after it. Nothing depends on what time it is but on which
    /// side of the deadline, so the explorer goes on from `now` only.
    fn around_the_deadline(&mut self, event: &Event) {
        self.now(event.clone());
        if let Some(deadline) = self.ghost.deadline {
            let times = [deadline, before(deadline), deadline.after(LEASE)];
            for time in times.into_iter().take(if self.is_first() { 3 } else { 1 }) {
                self.try_at(event.clone(), time, false);
            }
        }
    }

    /// Whether nothing has been changed yet. Later in its life a call is tried less thoroughly.
    fn is_first(&self) -> bool {
        self.ghost.changes == 0 && self.ghost.doubts == 0
    }

    /// Everybody answers what is asked now in every way that fits. What does not fit, and what is
    /// stale, everybody tries in every way too, but not in each state: a part of it in each.
    fn decisions(&mut self, turn: usize, classes: &mut Classes) {
        let asks = self.ghost.asks();
        let seal = self.ghost.seal;
        let everybody = actors();
        // Who has approved matters to what they may do next; else a few states of a kind stand for all.
        let alike = classes.visits.entry(self.ghost.stage.name()).or_default();
        *alike += 1;
        let all = *alike <= 6 || self.ghost.stage == Stage::Approve && self.is_first();
        for (on, (asked, of)) in &self.ghost.issued {
            let current = *of == seal && asks.contains(asked);
            for (verb_place, verb) in VERBS.into_iter().enumerate() {
                for (place, by) in everybody.iter().enumerate() {
                    let class = (self.ghost.stage.name(), asked.name(), current, verb_place, place);
                    let turns = (place + verb_place * 5 + turn).is_multiple_of(96);
                    // Requester, operator and reporter, in turn with the others.
                    let now = all || [0, 8, 9].contains(&place) || (place + turn).is_multiple_of(4);
                    let fits = fits(verb, asked) && current && now;
                    if fits && place % 4 == 0 {
                        classes.tried.insert(class);
                        self.around_the_deadline(&decision(verb, *on, by.clone()));
                    } else if classes.tried.insert(class) || fits || turns {
                        self.now(decision(verb, *on, by.clone()));
                    }
                }
            }
            if *asked == Asked::External {
                (0..3).for_each(|it| self.now(report(*on, Reporter::Token(token(it)))));
            }
        }
        let by = everybody[turn % everybody.len()].clone();
        self.now(decision(VERBS[turn % VERBS.len()], foreign(), by));
    }

    /// The requester, and somebody else, want their confirmation remembered.
    fn remembering(&mut self) {
        let issued = self.ghost.issued.iter();
        let on = issued.filter(|(_, (asked, seal))| *asked == Asked::Confirm && *seal == self.ghost.seal);
        let Some(on) = on.map(|(on, _)| *on).next() else {
            return;
        };
        for wish in wishes(self.ghost.updated) {
            for place in [0, 5] {
                let event = Event::Confirmed {
                    on,
                    by: actors().swap_remove(place),
                    reason: None,
                    remember: Some(wish.clone()),
                };
                self.try_at(event, self.ghost.updated, false);
            }
        }
    }

    fn steering(&mut self) {
        for (place, by) in actors().into_iter().enumerate() {
            if !self.is_first() && place % 4 != 0 {
                continue;
            }
            let reason = Some(REASON.to_owned());
            self.now(Event::Cancelled {
                by: by.clone(),
                reason,
            });
            if place > 3 && self.ghost.stage != Stage::External {
                continue;
            }
            let token = token(2);
            self.try_at(
                Event::TokenIssued { by, token },
                self.ghost.updated,
                self.ghost.tokens.is_empty(),
            );
        }
    }

    fn gating(&mut self) {
        let combo = self.ghost.combo;
        if !matches!(self.ghost.stage, Stage::Gating(_)) {
            self.tightened();
            return;
        }
        let proposed = &self.ghost.proposed;
        // A guardrail rewrites what the looser gates are about.
        for (version, arguments, gates, satisfiable) in [
            (1, proposed.clone(), combo.gates(), true),
            (1, arguments(3, true), combo.looser(), true),
            (1, proposed.clone(), combo.stricter(), true),
            (2, proposed.clone(), combo.redeployed(), true),
            (1, proposed.clone(), combo.gates(), false),
        ] {
            self.around_the_deadline(&judged(combo, version, arguments, gates, possible(satisfiable)));
        }
        // The same with every grant there is; also for what a guardrail has rewritten to what it is for.
        let gates = combo.stricter();
        for memory in MEMORIES {
            for (version, arguments) in [
                (1, proposed.clone()),
                (1, arguments(3, true)),
                (2, proposed.clone()),
            ] {
                let offer = memory.offer(combo, &arguments);
                let Event::Gated(judgement) = judged(combo, version, arguments, gates.clone(), Ok(())) else {
                    continue;
                };
                let event = Event::Gated(Judgement {
                    offer: Some(offer),
                    ..judgement
                });
                self.try_at(event, self.ghost.updated, memory == Memory::Exact && version == 1);
            }
        }
        self.around_the_deadline(&Event::Refused {
            errors: vec!["no".to_owned()],
        });
        self.tightened();
    }

    fn tightened(&mut self) {
        let combo = self.ghost.combo;
        if !matches!(self.ghost.stage, Stage::Gating(_)) {
            let errors = Vec::new();
            self.now(Event::Refused { errors });
            self.now(judged(combo, 1, arguments(3, true), combo.looser(), Ok(())));
        }
        for (gates, satisfiable) in [
            (combo.gates(), true),
            (combo.looser(), true),
            (combo.stricter(), true),
            (combo.stricter(), false),
        ] {
            self.around_the_deadline(&Event::Tightened {
                gates,
                rules: rules(3),
                satisfiable: possible(satisfiable),
            });
        }
        self.now(Event::DeadlinePassed);
        if let Some(deadline) = self.ghost.deadline {
            self.try_at(Event::DeadlinePassed, before(deadline), false);
            self.try_at(Event::DeadlinePassed, deadline, true);
        }
    }

    /// Around the times at which somebody is reminded. What comes of it is followed where little else happens.
    fn reminders(&mut self) {
        let follow = self.is_first() && !self.ghost.combo.idempotent && self.ghost.claims == 0;
        for (event, (at, _)) in [Event::Warned, Event::Escalated]
            .into_iter()
            .zip(self.ghost.reminders())
        {
            self.now(event.clone());
            if let Some(deadline) = self.ghost.deadline {
                self.try_at(event.clone(), before(deadline), false);
                self.try_at(event.clone(), deadline, false);
            }
            if let Some(at) = at {
                self.try_at(event.clone(), before(at), false);
                self.try_at(event, at, follow);
            }
        }
    }

    fn claims(&mut self) {
        let claimed = |version, number, voters| Event::Claimed {
            worker: worker(number),
            until: self.ghost.updated.after(LEASE),
            descriptor: descriptor(version),
            voters,
            token: Some(token(1)),
        };
        let [first, other] = [1, 2].map(|it| claimed(it, 1, voters(0)));
        let others: Vec<Event> = (0..4)
            .flat_map(|it| [1, 2].map(|number| claimed(1, number, voters(it))))
            .collect();
        self.around_the_deadline(&first);
        self.now(other);
        if self.ghost.stage == Stage::Cleared {
            for event in others {
                self.now(event);
            }
        }
        // The first worker is as good as the second: go on with one of them per claim.
        let other = worker(1 + u8::try_from((self.ghost.claims + 1) % 2).unwrap());
        for deed in &mut self.all {
            if let Event::Claimed { worker, .. } = &deed.event {
                deed.follow &= *worker != other;
            }
        }
    }

    fn results(&mut self) {
        let claims = self.ghost.claims;
        let running = matches!(self.ghost.stage, Stage::Executing | Stage::InDoubt);
        for number in [claims.saturating_sub(1), claims, claims + 1] {
            for name in if running { 1..3 } else { 1..2 } {
                if number != claims && !running {
                    continue;
                }
                let claim = Claim {
                    worker: worker(name),
                    number,
                };
                self.now(Event::Renewed {
                    claim,
                    until: self.ghost.until,
                });
                self.try_at(
                    Event::Renewed {
                        claim,
                        until: self.ghost.until.after(Duration::from_secs(1)),
                    },
                    self.ghost.updated,
                    false,
                );
                self.now(Event::Returned {
                    claim,
                    result: "1".to_owned(),
                });
                let effects = [Effect::None, Effect::Reported, Effect::Unknown];
                for effect in effects.into_iter().take(if number == claims { 3 } else { 1 }) {
                    self.now(Event::Failed {
                        claim,
                        error: "broken".to_owned(),
                        effect,
                    });
                }
                self.now(Event::TimedOut { claim });
            }
        }
        self.now(Event::LeaseLapsed);
        if self.ghost.stage == Stage::Executing {
            let until = self.ghost.until;
            self.try_at(Event::LeaseLapsed, before(until), false);
            self.try_at(Event::LeaseLapsed, until, true);
            // So late that what was decided no longer holds.
            self.try_at(Event::LeaseLapsed, self.ghost.holds.after(PATIENCE), true);
        }
    }
}
