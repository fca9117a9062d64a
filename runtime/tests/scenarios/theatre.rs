//! Plays a story with the real engine: real tools, a real file, a clock that stands still, and another
//! tenant on the same file.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign::core::id::{ActorId, TenantId};
use countersign::ledger::{Request, SqliteLog, verify};
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::{Call, CallId, Error, Outcome, RequirementId, Verdict};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::stage::{Asked, Stage, moved, state, word};
use crate::story::{AGENT, BIG, Deed, OPERATOR, PERSONS, Place, Pools, SERVICE, Setup, Step, Verb, Who};

/// With which amounts the functions ran.
#[derive(Debug, Clone, Default)]
struct Effects(Arc<Mutex<Vec<u32>>>);

impl Effects {
    fn ran(&self, amount: u32) {
        self.0.lock().unwrap().push(amount);
    }
}

/// Pays somebody.
#[tool]
fn pay(#[state] effects: Effects, amount: u32) {
    effects.ran(amount);
}

/// Pays somebody who must be named.
#[tool(requires_user_input(whom))]
fn pay_whom(#[state] effects: Effects, amount: u32, whom: String) {
    assert_eq!(whom, "ACME");
    effects.ran(amount);
}

/// A tenant: its policy, and an engine that has the tools.
struct Tenant {
    name: &'static str,
    pools: Pools,
    gone: BTreeSet<String>,
    rules: Vec<(String, usize)>,
    engine: Engine,
}

/// The engine, another tenant beside it, and a call.
pub(crate) struct Theatre {
    setup: Setup,
    dir: TempDir,
    clock: TestClock,
    /// How much of the story is over.
    over: Duration,
    effects: Effects,
    runtime: Runtime,
    here: Tenant,
    west: Option<(Tenant, CallId, String)>,
    asked: Asked,
    /// None if it was blocked when it was opened.
    call: Option<CallId>,
}

impl Theatre {
    pub(crate) fn open(setup: &Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let effects = Effects::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let at = (dir.path(), &clock, &effects);
        let here = runtime.block_on(tenant("default", setup, &setup.pools, at));
        let west = (!setup.west.is_empty()).then(|| {
            let tenant = runtime.block_on(tenant("west", setup, &setup.west, at));
            let call = runtime
                .block_on(propose(&tenant.engine, setup))
                .expect("the other tenant's call waits");
            let state = state(&call);
            (tenant, *call.id(), state)
        });
        if setup.granted {
            runtime.block_on(grant(&here.engine, setup));
        }
        let call = runtime.block_on(propose(&here.engine, setup));
        let mut asked = Asked::default();
        if let Some(call) = &call {
            asked.note(call);
        }
        Self {
            setup: setup.clone(),
            dir,
            clock,
            over: Duration::ZERO,
            effects,
            runtime,
            here,
            west,
            asked,
            call: call.map(|it| *it.id()),
        }
    }

    /// After every story: the logs make sense, and the other tenant's call is as it was.
    pub(crate) fn close(&mut self) {
        if let Some((west, id, as_opened)) = &self.west {
            let call = self.runtime.block_on(west.engine.desk().call(*id)).unwrap();
            assert_eq!(state(&call), *as_opened, "the other tenant's call");
        }
        for tenant in [Some(&self.here), self.west.as_ref().map(|it| &it.0)] {
            let Some(tenant) = tenant else { continue };
            let path = self.dir.path().join("countersign.db");
            let mut log = SqliteLog::open(path, tenant.engine.tenant()).unwrap();
            let request = Request {
                log: tenant.engine.tenant().clone(),
                ..Request::default()
            };
            assert_eq!(verify(&mut log, &request).unwrap().findings, []);
        }
    }

    fn engine(&self, place: Place) -> Option<&Engine> {
        match place {
            Place::Here | Place::Console => Some(&self.here.engine),
            Place::West => self.west.as_ref().map(|it| &it.0.engine),
        }
    }

    fn stored(&self, id: CallId) -> Call {
        self.runtime.block_on(self.here.engine.desk().call(id)).unwrap()
    }

    fn decides(&mut self, who: &Who, on: RequirementId, verdict: Verdict, remember: bool) -> String {
        let Some(engine) = self.engine(who.place) else {
            return "unknown_requirement".to_owned();
        };
        let decision = Decision::new(on, verdict).by(&identity(who));
        let decision = if remember {
            decision.remember(Remember::any().in_session())
        } else {
            decision
        };
        let decided = self.runtime.block_on(engine.desk().decide(decision)).unwrap();
        assert_eq!(decided.call.is_none(), who.place == Place::West);
        word(&decided.answer)
    }

    fn says(&mut self, id: CallId, deed: &Deed) -> String {
        match deed {
            Deed::Says {
                who,
                verb,
                gate,
                shown,
            } => {
                let Some(on) = self.asked.id(gate, *shown) else {
                    return "unasked".to_owned();
                };
                let remember = matches!(verb, Verb::ConfirmsRemembering | Verb::ApprovesRemembering);
                self.decides(who, on, self.verdict(verb), remember)
            }
            Deed::Reasks(who) => match self.stored(id).reask() {
                Some(asked) => self.decides(who, asked.id, Verdict::Reask, false),
                None => "unasked".to_owned(),
            },
            Deed::Cancels(who) => {
                let Some(engine) = self.engine(who.place) else {
                    return "unknown".to_owned();
                };
                match self
                    .runtime
                    .block_on(engine.desk().cancel(id, &identity(who), None))
                {
                    Ok(decided) => word(&decided.answer),
                    Err(Error::UnknownCall(_)) => "unknown".to_owned(),
                    Err(error) => panic!("{error}"),
                }
            }
            Deed::Looks(who) => self.looks(id, who),
            Deed::Worker(place) => {
                let before = self.stored(id);
                let Some(engine) = self.engine(*place) else {
                    return "unknown".to_owned();
                };
                match self.runtime.block_on(engine.worker().advance(id)) {
                    Ok(advanced) => moved(&before, &advanced.call),
                    Err(Error::UnknownCall(_)) => "unknown".to_owned(),
                    Err(error) => panic!("{error}"),
                }
            }
            Deed::Sweeper => {
                let before = self.stored(id);
                self.runtime.block_on(self.here.engine.worker().sweep()).unwrap();
                moved(&before, &self.stored(id))
            }
            Deed::Joins(who, pool) => self.changes(who.place, |it| {
                it.pools.entry(pool.clone()).or_default().insert(who.name.clone());
            }),
            Deed::Leaves(who, pool) => self.changes(who.place, |it| {
                it.pools.entry(pool.clone()).or_default().remove(&who.name);
            }),
            Deed::IsGone(who) => self.changes(who.place, |it| {
                it.gone.insert(who.name.clone());
            }),
            Deed::RulesAdd(pool, quorum) => self.changes(Place::Here, |it| {
                it.rules.push((pool.clone(), *quorum));
            }),
        }
    }

    fn verdict(&self, verb: &Verb) -> Verdict {
        match verb {
            Verb::Fills => Verdict::Fill(json!({"whom": "ACME"})),
            Verb::Confirms | Verb::ConfirmsRemembering => Verdict::Confirm,
            Verb::Amends(amount) if self.setup.input => {
                Verdict::Amend(json!({"amount": amount, "whom": "ACME"}))
            }
            Verb::Amends(amount) => Verdict::Amend(json!({"amount": amount})),
            Verb::Answers => Verdict::Answer(json!("done by hand")),
            Verb::Rejects => Verdict::Reject,
            Verb::Approves | Verb::ApprovesRemembering => Verdict::Approve,
        }
    }

    fn looks(&self, id: CallId, who: &Who) -> String {
        let found = self.engine(who.place).map(|it| {
            let (desk, who) = (it.desk(), identity(who));
            let found = self.runtime.block_on(desk.inbox(&who, None, 100));
            found.unwrap().0
        });
        let found = found.into_iter().flatten().filter(|it| it.call == id);
        let mut seen: Vec<String> = found
            .map(|it| match it.pool {
                Some(pool) => pool.to_string(),
                None if it.fields.is_empty() => "confirm".to_owned(),
                None => "input".to_owned(),
            })
            .collect();
        seen.sort();
        match seen.join(" ") {
            none if none.is_empty() => "sees nothing".to_owned(),
            seen => format!("sees {seen}"),
        }
    }

    /// Another process loads another policy. The engine that plays has yet to notice.
    fn changes(&mut self, place: Place, change: impl FnOnce(&mut Tenant)) -> String {
        let tenant = match place {
            Place::Here | Place::Console => Some(&mut self.here),
            Place::West => self.west.as_mut().map(|it| &mut it.0),
        };
        if let Some(tenant) = tenant {
            change(tenant);
            let text = policy(&self.setup, &tenant.pools, &tenant.gone, &tenant.rules);
            self.runtime
                .block_on(load(tenant.name, &text, self.dir.path(), &self.clock));
        }
        String::new()
    }
}

impl Stage for Theatre {
    fn play(&mut self, step: &Step) -> String {
        self.clock.advance(step.at.saturating_sub(self.over));
        self.over = step.at;
        let Some(id) = self.call else {
            return "blocked".to_owned();
        };
        let answer = self.says(id, &step.deed);
        let call = self.stored(id);
        self.asked.note(&call);
        answer
    }

    fn state(&mut self) -> String {
        self.call
            .map_or("blocked".to_owned(), |it| state(&self.stored(it)))
    }

    fn ran(&self) -> Vec<u32> {
        self.effects.0.lock().unwrap().clone()
    }
}

fn identity(who: &Who) -> Identity {
    match who.place {
        Place::Here | Place::West => Identity::asserted(&who.name).unwrap(),
        Place::Console => Identity::authenticated(ActorId::new(&who.name).unwrap(), "session 7f3a console"),
    }
}

async fn propose(engine: &Engine, setup: &Setup) -> Option<Call> {
    let tool = if setup.input { "pay_whom" } else { "pay" };
    let by = Identity::asserted(&setup.by).unwrap();
    let through = setup.through.as_ref().map(|it| Identity::asserted(it).unwrap());
    let call = engine.call(tool, json!({"amount": setup.amount}));
    let call = call.by(&by).session("s");
    let call = match &through {
        Some(agent) => call.through(agent),
        None => call,
    };
    match call.await.unwrap() {
        Called::Waiting(waiting) => Some(waiting.call().clone()),
        Called::Done(Outcome::Blocked { .. }) => None,
        Called::Done(outcome) => panic!("nobody was asked: {outcome:?}"),
    }
}

/// The requester confirms another call, and does not want to be asked again.
async fn grant(engine: &Engine, setup: &Setup) {
    let call = propose(engine, setup).await.expect("a call that is confirmed");
    let asked = call.requirements().remove(0);
    let by = Identity::asserted(&setup.by).unwrap();
    let decision = Decision::confirm(&asked)
        .by(&by)
        .remember(Remember::any().in_session());
    let decided = engine.desk().decide(decision).await.unwrap();
    assert_eq!(word(&decided.answer), "accepted");
}

async fn tenant(
    name: &'static str,
    setup: &Setup,
    pools: &Pools,
    (dir, clock, effects): (&Path, &TestClock, &Effects),
) -> Tenant {
    let text = policy(setup, pools, &BTreeSet::new(), &[]);
    load(name, &text, dir, clock).await;
    let engine = Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).unwrap())
        .tenant(TenantId::new(name).unwrap())
        .registry(Registry::of::<(pay, pay_whom)>().unwrap())
        .state(effects.clone())
        .clock(clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    Tenant {
        name,
        pools: pools.clone(),
        gone: BTreeSet::new(),
        rules: Vec::new(),
        engine,
    }
}

/// A program without tools loads a policy, so nobody checks whether the pools are large enough for any.
async fn load(name: &str, text: &str, dir: &Path, clock: &TestClock) {
    Engine::builder()
        .store(Sqlite::open(dir.join("countersign.db")).unwrap())
        .tenant(TenantId::new(name).unwrap())
        .policy(Policy::parse(text).unwrap())
        .clock(clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
}

/// The policy that makes the gates of a story stand. Whoever belongs to a pool has a role of its name.
fn policy(setup: &Setup, pools: &Pools, gone: &BTreeSet<String>, added: &[(String, usize)]) -> String {
    let time = |it: Duration| humantime::format_duration(it).to_string();
    let mut text = format!("expires_in = \"{}\"\n[actors]\n", time(setup.patience));
    let here = |it: &&str| !gone.contains(*it);
    for name in PERSONS.iter().filter(|it| here(it)) {
        let roles: Vec<&String> = pools
            .iter()
            .filter(|it| it.1.contains(*name))
            .map(|it| it.0)
            .collect();
        let _ = writeln!(text, "{name} = {{ kind = \"person\", roles = {roles:?} }}");
    }
    if here(&SERVICE) {
        let _ = writeln!(text, "{SERVICE} = {{ kind = \"service\" }}");
    }
    if here(&AGENT) {
        let owner = setup
            .owner
            .as_ref()
            .map(|it| format!(", owner = {it:?}"))
            .unwrap_or_default();
        let _ = writeln!(text, "{AGENT} = {{ kind = \"agent\"{owner} }}");
    }
    text.push_str("[pools]\n");
    let asked = setup.approvals.iter().map(|it| &it.pool);
    let names: BTreeSet<&String> = pools
        .keys()
        .chain(asked)
        .chain(added.iter().map(|it| &it.0))
        .collect();
    for name in names.into_iter().filter(|it| *it != OPERATOR) {
        // A policy that names a program in a pool does not load, so where a story puts one there, only the machine is
        // told of it: it must refuse all the same.
        let _ = writeln!(text, "{name} = {{ roles = [{name:?}] }}");
    }
    if setup.confirm {
        text.push_str("[[rules]]\ntool = \"pay*\"\nrequires_confirmation = true\n");
    }
    for gate in &setup.approvals {
        text.push_str("[[rules]]\ntool = \"pay*\"\n");
        if gate.big {
            let _ = writeln!(text, "when = [\"/amount >= {BIG}\"]");
        }
        let (pool, quorum, expires) = (&gate.pool, gate.quorum, time(gate.expires));
        let _ = writeln!(
            text,
            "approvals = [{{ pool = {pool:?}, quorum = {quorum}, expires_in = \"{expires}\" }}]"
        );
    }
    for (pool, quorum) in added {
        let _ = writeln!(
            text,
            "[[rules]]\nname = \"added\"\ntool = \"pay*\"\napprovals = [{{ pool = {pool:?}, quorum = {quorum} }}]"
        );
    }
    text
}
