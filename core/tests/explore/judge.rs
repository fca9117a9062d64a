//! Which events count: the table in the blueprint, row by row.

use std::collections::BTreeSet;

use countersign_core::actor::{Actor, Kind};
use countersign_core::call::{Claim, Code, Event, Judgement, Reporter, Resolution};
use countersign_core::digest::Digest;
use countersign_core::gate::Gates;
use countersign_core::grant::{Remember, Span, Which};
use countersign_core::id::{ActorId, PoolName, RequirementId};
use countersign_core::time::Timestamp;

use crate::ghost::{Asked, Because, Ghost, Stage, Verdict, Who};
use crate::world::{PATIENCE, demands, is_own};

impl Ghost {
    /// Whether the event counts, and what then.
    pub(crate) fn judge(&self, event: &Event, now: Timestamp) -> Verdict {
        let now = now.max(self.updated);
        let verdict = match event {
            Event::Filled { .. }
            | Event::Confirmed { .. }
            | Event::Amended { .. }
            | Event::Answered { .. }
            | Event::Approved { .. }
            | Event::Rejected { .. }
            | Event::Reasked { .. } => self.decision(event, now),
            Event::Reported { on, by, report } => self.report(*on, by, report.is_ok(), now),
            Event::Resolved {
                on,
                by,
                reason,
                resolution,
            } => self.resolution(*on, by, reason, resolution, now),
            Event::Cancelled { by, .. } => Ok(self.cancelled(by, now)),
            Event::TokenIssued { by, token } => Ok(self.token_issued(by, *token, now)),
            Event::Gated(_) | Event::Refused { .. } | Event::Tightened { .. } | Event::DeadlinePassed => {
                Ok(self.judged(event, now))
            }
            Event::Warned | Event::Escalated => Ok(self.reminded(event, now)),
            Event::Claimed { .. }
            | Event::Renewed { .. }
            | Event::Returned { .. }
            | Event::Failed { .. }
            | Event::TimedOut { .. }
            | Event::LeaseLapsed => Ok(self.run(event, now)),
        };
        verdict.unwrap_or_else(|it| it)
    }

    fn decision(&self, event: &Event, now: Timestamp) -> Result<Verdict, Verdict> {
        let (on, by, what) = match event {
            Event::Filled { on, by, values, .. } => (on, by, format!("filled {values}")),
            Event::Amended {
                on, by, arguments, ..
            } => (on, by, format!("amended {arguments}")),
            Event::Answered { on, by, answer } => (on, by, format!("answered {answer}")),
            Event::Confirmed { on, by, remember, .. } => {
                let remember = remember.as_ref().map(|it| it.remember);
                (on, by, format!("confirmed {remember:?}"))
            }
            Event::Approved { on, by, .. } => (on, by, "approved".to_owned()),
            Event::Rejected { on, by, stop_run, .. } => (on, by, format!("rejected {stop_run}")),
            Event::Reasked { on, by, .. } => (on, by, "reasked".to_owned()),
            _ => unreachable!("no decision"),
        };
        let who = (*on, by.id.as_str(), what);
        let asked = self.find(&who, now)?;
        let person = by.kind == Kind::Person;
        let requester = person && by.id.as_str() == "alice";
        let operator = person && has(by, "operator");
        let not_allowed = Verdict::Refused(Some(Code::NotAllowed));
        let accept = |change: &dyn Fn(&mut Self)| self.accept(now, Some(&who), change);
        Ok(match (event, &asked) {
            (Event::Filled { arguments, .. }, Asked::Input) if requester => accept(&|it| {
                it.stage = Stage::Gating(Because::Filled);
                it.proposed = arguments.clone();
            }),
            (
                Event::Confirmed {
                    remember: Some(wish), ..
                },
                Asked::Confirm,
            ) if requester && !self.may_be_remembered(wish.remember, now) => {
                Verdict::Refused(Some(Code::InvalidInput))
            }
            (Event::Confirmed { .. }, Asked::Confirm) if requester => accept(&|it| {
                it.confirmed = Some((by.id.clone(), it.arguments.clone()));
                it.after_confirmation(now, it.deadline.unwrap());
            }),
            (Event::Amended { arguments, .. }, Asked::Confirm) if requester => accept(&|it| {
                it.stage = Stage::Gating(Because::Amended);
                it.proposed = arguments.clone();
                it.changes += 1;
            }),
            (Event::Answered { .. }, Asked::Confirm) if requester => accept(&|it| it.close("answered")),
            (Event::Rejected { .. }, Asked::Input | Asked::Confirm) if requester => {
                accept(&|it| it.close("rejected"))
            }
            (Event::Approved { .. } | Event::Rejected { .. }, Asked::Pool(pool)) => {
                self.pool_decision(event, by, pool, &who, now)
            }
            (Event::Reasked { .. }, Asked::Confirm | Asked::Pool(_) | Asked::Cleared)
                if requester || operator =>
            {
                accept(&|it| {
                    it.reseal();
                    it.changes += 1;
                    it.proposed = it.arguments.clone();
                    it.wait(Stage::Gating(Because::Reasked), now.after(PATIENCE));
                })
            }
            (Event::Filled { .. }, Asked::Input)
            | (Event::Confirmed { .. } | Event::Amended { .. } | Event::Answered { .. }, Asked::Confirm)
            | (Event::Rejected { .. }, Asked::Input | Asked::Confirm)
            | (Event::Reasked { .. }, Asked::Confirm | Asked::Pool(_) | Asked::Cleared) => not_allowed,
            // A report is still welcome, but nothing is asked under this id any more.
            (_, Asked::External) if self.stage == Stage::InDoubt => Verdict::Refused(None),
            // Who could not answer in any way is told that first.
            _ => Verdict::Refused(Some(Self::wrong(&asked, by))),
        })
    }

    /// Never of arguments that were changed, never any of a destructive tool, only for what there is.
    fn may_be_remembered(&self, remember: Remember, now: Timestamp) -> bool {
        let span = match remember.span {
            Span::Run => true,
            Span::Session => self.combo.session().is_some(),
            Span::Until(time) => time > now,
        };
        let uses = remember.uses.is_none_or(|it| (1..=1000).contains(&it));
        let which = remember.which == Which::Exact || !self.destructive;
        self.as_proposed && span && uses && which
    }

    fn wrong(asked: &Asked, by: &Actor) -> Code {
        let person = by.kind == Kind::Person;
        let requester = person && by.id.as_str() == "alice";
        let operator = person && has(by, "operator");
        let own = person && is_own(&by.id);
        let may = match asked {
            Asked::Input | Asked::Confirm => requester,
            Asked::Cleared => requester || operator,
            Asked::External => reports(by),
            Asked::Pool(_) | Asked::Doubt(_) if own => return Code::SelfApproval,
            Asked::Pool(pool) => person && by.pools.contains(pool),
            Asked::Doubt(_) => operator,
        };
        if may { Code::InvalidInput } else { Code::NotAllowed }
    }

    fn pool_decision(
        &self,
        event: &Event,
        by: &Actor,
        pool: &PoolName,
        who: &Who<'_>,
        now: Timestamp,
    ) -> Verdict {
        let refused = |code| Verdict::Refused(Some(code));
        if by.kind != Kind::Person {
            return refused(Code::NotAllowed);
        }
        if is_own(&by.id) {
            return refused(Code::SelfApproval);
        }
        if !by.pools.contains(pool) {
            return refused(Code::NotAllowed);
        }
        if matches!(event, Event::Rejected { .. }) {
            return self.accept(now, Some(who), |it| it.close("rejected"));
        }
        // A person counts for one gate of a call; and nobody is counted beyond the quorum.
        if self.votes.contains_key(&by.id) {
            return refused(Code::NotAllowed);
        }
        if self.votes_for(pool) >= self.quorum(pool) {
            return refused(Code::AlreadyDecided);
        }
        self.accept(now, Some(who), |it| {
            it.votes.insert(by.id.clone(), pool.clone());
            if it.is_approved() {
                it.after_approvals(now, it.deadline.unwrap());
            }
        })
    }

    pub(crate) fn is_approved(&self) -> bool {
        self.gates
            .approvals
            .iter()
            .all(|it| self.votes_for(&it.pool) == usize::from(it.quorum))
    }

    fn report(&self, on: RequirementId, by: &Reporter, ok: bool, now: Timestamp) -> Result<Verdict, Verdict> {
        let (name, entitled) = match by {
            Reporter::Token(token) => (token.to_string(), self.tokens.contains(token)),
            Reporter::Actor(actor) => (actor.id.to_string(), reports(actor)),
        };
        let who = (on, name.as_str(), format!("reported {ok}"));
        let asked = self.find(&who, now)?;
        let refused = |code| Err(Verdict::Refused(Some(code)));
        if asked != Asked::External {
            return match by {
                Reporter::Actor(actor) => refused(Self::wrong(&asked, actor)),
                Reporter::Token(_) if !entitled => refused(Code::NotAllowed),
                Reporter::Token(_) => refused(Code::InvalidInput),
            };
        }
        if !entitled {
            return refused(Code::NotAllowed);
        }
        if self.early.is_some() {
            return refused(Code::AlreadyDecided);
        }
        let outcome = if ok { "returned" } else { "failed" };
        Ok(self.accept(now, Some(&who), |it| {
            if it.stage == Stage::Executing {
                it.early = Some(outcome);
            } else {
                it.close(outcome);
            }
        }))
    }

    fn resolution(
        &self,
        on: RequirementId,
        by: &Actor,
        reason: &str,
        resolution: &Resolution,
        now: Timestamp,
    ) -> Result<Verdict, Verdict> {
        let what = match resolution {
            Resolution::Retry { .. } => "retry".to_owned(),
            Resolution::HandedOff => "handed off".to_owned(),
            Resolution::Done { result } => format!("done {result}"),
            Resolution::Abandon => "abandon".to_owned(),
        };
        let who = (on, by.id.as_str(), what);
        let asked = self.find(&who, now)?;
        let code = if asked == Asked::External && self.stage == Stage::InDoubt {
            return Err(Verdict::Refused(None));
        } else if !matches!(asked, Asked::Doubt(_)) {
            Some(Self::wrong(&asked, by))
        } else if by.kind != Kind::Person {
            Some(Code::NotAllowed)
        } else if is_own(&by.id) {
            Some(Code::SelfApproval)
        } else if !has(by, "operator") {
            Some(Code::NotAllowed)
        } else if reason.is_empty() || *resolution == Resolution::HandedOff && self.gates.external.is_none() {
            Some(Code::InvalidInput)
        } else {
            None
        };
        if code.is_some() {
            return Err(Verdict::Refused(code));
        }
        Ok(self.accept(now, Some(&who), |it| match resolution {
            Resolution::Retry { voters } => it.retry(voters, now),
            Resolution::HandedOff => {
                let expires_in = it.gates.external.as_ref().unwrap().expires_in;
                it.wait(Stage::External, now.after(expires_in));
            }
            Resolution::Done { .. } => it.close("returned"),
            Resolution::Abandon => it.close("abandoned"),
        }))
    }

    fn retry(&mut self, voters: &[Actor], now: Timestamp) {
        self.unasked = 0;
        if now < self.holds && self.lost(voters).is_empty() {
            self.after_approvals(now, self.holds);
        } else {
            self.reseal();
            self.holds = now;
            self.proposed = self.arguments.clone();
            self.wait(Stage::Gating(Because::Retried), now.after(PATIENCE));
        }
    }

    /// Those who voted and no longer may.
    pub(crate) fn lost(&self, voters: &[Actor]) -> BTreeSet<ActorId> {
        let stands = |who: &ActorId, pool: &PoolName| {
            voters
                .iter()
                .any(|it| it.id == *who && it.kind == Kind::Person && it.pools.contains(pool))
        };
        let lost = self.votes.iter().filter(|(who, pool)| !stands(who, pool));
        lost.map(|(who, _)| who.clone()).collect()
    }

    fn cancelled(&self, by: &Actor, now: Timestamp) -> Verdict {
        let entitled = by.kind == Kind::Person && (by.id.as_str() == "alice" || has(by, "operator"));
        if !entitled {
            return Verdict::Refused(Some(Code::NotAllowed));
        }
        match self.stage {
            Stage::Input | Stage::Gating(_) | Stage::Confirm | Stage::Approve | Stage::Cleared => self
                .accept(now, None, |it| {
                    it.close("cancelled");
                    it.cancelled_by = Some(by.id.clone());
                }),
            Stage::Executing => self.accept(now, None, |_| {}),
            Stage::External => self.accept(now, None, |it| it.doubt(None)),
            Stage::Closed if self.cancelled_by.as_ref() == Some(&by.id) => Verdict::Repeated,
            Stage::InDoubt | Stage::Closed => Verdict::Refused(None),
        }
    }

    fn token_issued(&self, by: &Actor, token: Digest, now: Timestamp) -> Verdict {
        if self.stage != Stage::External || !reports(by) {
            return Verdict::Refused(Some(Code::NotAllowed));
        }
        self.accept(now, None, |it| {
            it.tokens.insert(token);
        })
    }

    /// What a process that links the tool, the policy and the sweeper say.
    fn judged(&self, event: &Event, now: Timestamp) -> Verdict {
        let deadline = self.deadline.unwrap_or_default();
        let late = self.is_late(now);
        match (event, self.stage) {
            (Event::DeadlinePassed, _) if !late => Verdict::Refused(Some(Code::OutOfTurn)),
            (Event::DeadlinePassed, Stage::External) => self.accept(now, None, |it| it.doubt(None)),
            (Event::DeadlinePassed, _) => self.accept(now, None, |it| it.close("expired")),
            (Event::Gated(_) | Event::Refused { .. }, Stage::Gating(_)) if late => {
                Verdict::Refused(Some(Code::Expired))
            }
            (
                Event::Gated(Judgement {
                    release,
                    arguments,
                    gates,
                    satisfiable,
                    offer,
                    ..
                }),
                Stage::Gating(because),
            ) => self.accept(now, None, |it| {
                if because == Because::Filled {
                    let asked = it.gates.user_input.as_ref().unwrap();
                    it.filled.extend(asked.fields.iter().cloned());
                }
                let anew = matches!(because, Because::Filled | Because::Amended);
                it.gates = if anew && release.descriptor == it.descriptor {
                    gates.clone()
                } else {
                    union(&it.gates, gates)
                };
                if it.gates.user_input.is_none() {
                    it.filled.clear();
                }
                // Both versions must say that it may be repeated; either that it destroys or hides something.
                it.idempotent = it.idempotent && release.idempotent;
                it.destructive = it.destructive || release.destructive;
                it.secrets.extend(release.secrets.iter().cloned());
                it.descriptor = release.descriptor;
                it.as_proposed = it.as_proposed && because != Because::Amended && *arguments == it.proposed;
                it.arguments = arguments.clone();
                it.reseal();
                if satisfiable.is_ok() {
                    it.ask(now, deadline);
                    it.pass(offer.as_ref().filter(|_| because == Because::Filled), now);
                } else {
                    it.close("blocked");
                }
            }),
            (Event::Refused { .. }, Stage::Gating(because)) => {
                self.accept(now, None, |it| it.sent_back(because, now, deadline))
            }
            (
                Event::Tightened {
                    gates, satisfiable, ..
                },
                Stage::Confirm | Stage::Approve | Stage::Cleared,
            ) => {
                let union = union(&self.gates, gates);
                if late {
                    Verdict::Refused(Some(Code::Expired))
                } else if demands(&union) == demands(&self.gates) {
                    Verdict::Refused(Some(Code::OutOfTurn))
                } else {
                    self.accept(now, None, |it| {
                        it.gates = union;
                        it.reseal();
                        it.changes += 1;
                        if satisfiable.is_ok() {
                            it.ask(now, deadline);
                        } else {
                            it.close("blocked");
                        }
                    })
                }
            }
            _ => Verdict::Refused(Some(Code::OutOfTurn)),
        }
    }

    /// What the sweeper says while there is time left. It changes nothing but that it was said.
    fn reminded(&self, event: &Event, now: Timestamp) -> Verdict {
        if !self.open().is_empty() && self.is_late(now) {
            return Verdict::Refused(Some(Code::Expired));
        }
        let [warn, tell] = self.reminders();
        let is_warning = matches!(event, Event::Warned);
        let (at, asked) = if is_warning { warn } else { tell };
        if at.is_none_or(|at| now < at) {
            return Verdict::Refused(Some(Code::OutOfTurn));
        }
        self.accept(now, None, |it| {
            let given = if is_warning {
                &mut it.warned
            } else {
                &mut it.escalated
            };
            given.extend(asked);
        })
    }

    /// Back to where it came from; what led here no longer counts as decided.
    fn sent_back(&mut self, because: Because, now: Timestamp, deadline: Timestamp) {
        let back = match because {
            Because::Filled => Stage::Input,
            Because::Amended => Stage::Confirm,
            Because::Reasked => return self.close("blocked"),
            // It may have run: an end that denies it would be a lie. What was decided is void.
            Because::Retried => {
                self.holds = now;
                return self.doubt(None);
            }
        };
        self.wait(back, deadline);
        let (asks, seal) = (self.asks(), self.seal);
        let issued = self.issued.clone();
        self.decided.retain(|(on, ..)| {
            !issued
                .get(on)
                .is_some_and(|(a, s)| *s == seal && asks.contains(a))
        });
    }

    /// What workers say.
    fn run(&self, event: &Event, now: Timestamp) -> Verdict {
        let refused = |code| Verdict::Refused(Some(code));
        let held = |claim: &Claim| self.claim == Some(*claim);
        let executing = self.stage == Stage::Executing;
        match event {
            Event::Claimed {
                worker,
                until,
                descriptor,
                voters,
                token,
            } => {
                let lost = self.lost(voters);
                if self.stage != Stage::Cleared {
                    return refused(Code::OutOfTurn);
                } else if self.is_late(now) {
                    return refused(Code::Expired);
                } else if *descriptor != self.descriptor {
                    return refused(Code::StaleTool);
                }
                self.accept(now, None, |it| {
                    if !lost.is_empty() {
                        it.stage = Stage::Approve;
                        it.votes.retain(|who, _| !lost.contains(who));
                        it.decided
                            .retain(|(_, who, _)| !lost.iter().any(|it| it.as_str() == who));
                        return;
                    }
                    it.claims += 1;
                    it.unasked += 1;
                    it.claim = Some(Claim {
                        worker: *worker,
                        number: it.claims,
                    });
                    it.until = *until;
                    it.deadline = None;
                    it.stage = Stage::Executing;
                    it.tokens.extend(token.filter(|_| it.gates.external.is_some()));
                })
            }
            Event::Renewed { claim, until } if executing && held(claim) => self.accept(now, None, |it| {
                it.until = it.until.max(*until);
            }),
            Event::Returned { claim, .. } | Event::Failed { claim, .. }
                if (executing || self.stage == Stage::InDoubt) && held(claim) =>
            {
                let returned = matches!(event, Event::Returned { .. });
                self.accept(now, None, |it| match (it.early, &it.gates.external) {
                    (Some(report), _) => it.close(report),
                    (None, Some(gate)) if returned => it.wait(Stage::External, now.after(gate.expires_in)),
                    (None, _) => it.close(if returned { "returned" } else { "failed" }),
                })
            }
            Event::TimedOut { claim } if executing && held(claim) => self.worker_lost(now),
            Event::LeaseLapsed if executing && now >= self.until => self.worker_lost(now),
            _ => refused(Code::OutOfTurn),
        }
    }

    fn worker_lost(&self, now: Timestamp) -> Verdict {
        self.accept(now, None, |it| match it.early {
            Some(report) => it.close(report),
            None if it.idempotent && it.claims < 3 => it.wait(Stage::Cleared, it.holds),
            None => it.doubt(it.claim),
        })
    }
}

fn has(by: &Actor, role: &str) -> bool {
    by.roles.iter().any(|it| it.as_str() == role)
}

fn reports(by: &Actor) -> bool {
    matches!(by.kind, Kind::Person | Kind::Service) && has(by, "reporter")
}

/// Whatever satisfies it satisfies both. In this world a pool has at most one gate.
fn union(a: &Gates, b: &Gates) -> Gates {
    let mut all = a.clone();
    for gate in &b.approvals {
        match all.approvals.iter_mut().find(|it| it.pool == gate.pool) {
            Some(same) => {
                same.quorum = same.quorum.max(gate.quorum);
                same.expires_in = same.expires_in.min(gate.expires_in);
            }
            None => all.approvals.push(gate.clone()),
        }
    }
    if let (Some(mine), Some(other)) = (&mut all.confirmation, &b.confirmation) {
        mine.expires_in = mine.expires_in.min(other.expires_in);
    }
    all.confirmation = all.confirmation.or_else(|| b.confirmation.clone());
    all.user_input = all.user_input.or_else(|| b.user_input.clone());
    all.external = all.external.or_else(|| b.external.clone());
    all
}
