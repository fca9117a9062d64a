//! Every kind of flow through the gates, and what must be true of a call however it was interrupted.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use countersign::prelude::*;
use countersign::store::{CallFilter, Sqlite, Store};
use countersign::{
    Call, CallId, Decided, Error, Outcome, Phase, Requirement, RequirementKind, Source, Verdict,
};
use serde_json::{Value, json};

use crate::world::{POLICY, code, who};

/// Where tools act: one line per effect, on the disk before the function goes on.
#[derive(Clone)]
pub(crate) struct Ledger {
    path: Arc<PathBuf>,
    say: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Ledger {
    pub(crate) fn new(dir: &Path, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            path: Arc::new(dir.join("ledger.txt")),
            say: Arc::new(say),
        }
    }

    pub(crate) fn act(&self, ctx: &CallContext) -> String {
        (self.say)(&format!("effect.before {}", ctx.call));
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&*self.path)
            .unwrap();
        file.write_all(format!("{} {}\n", ctx.call, ctx.idempotency_key).as_bytes())
            .unwrap();
        file.sync_all().unwrap();
        (self.say)(&format!("effect.after {}", ctx.call));
        "acted".to_owned()
    }

    /// The idempotency keys under which a call has acted, in order.
    pub(crate) fn of(&self, call: &CallId) -> Vec<String> {
        let text = std::fs::read_to_string(&*self.path).unwrap_or_default();
        let call = call.to_string();
        let lines = text.lines().filter_map(|it| it.split_once(' '));
        lines
            .filter(|(of, _)| *of == call)
            .map(|(_, key)| key.to_owned())
            .collect()
    }
}

/// Confirmed, then approved.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation, destructive)]
pub(crate) async fn pay(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

/// Filled in, then confirmed; blocks its thread.
#[tool(requires_user_input(note), requires_confirmation, blocking)]
pub(crate) fn file(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32, note: String) -> String {
    let _ = (n, note);
    ledger.act(&ctx)
}

/// Confirmed, handed over, reported.
#[tool(requires_confirmation, external_execution(result = String))]
pub(crate) async fn hand(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

/// Approved, done elsewhere, reported.
#[approval(required, pool = "managers")]
#[tool(external_execution)]
pub(crate) fn outside(n: u32) -> String;

/// May be run again.
#[tool(requires_confirmation, idempotent)]
pub(crate) async fn again(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

/// Cleared at once for small numbers.
#[tool(requires_confirmation(when = *n > 100))]
pub(crate) async fn maybe(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> String {
    let _ = n;
    ledger.act(&ctx)
}

pub(crate) type All = (pay, file, hand, outside, again, maybe);

/// A way of a call through its gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Paid,
    Amended,
    Rejected,
    Cancelled,
    Filled,
    HandedOver,
    Outside,
    Again,
    Cleared,
}

/// A test for each flow, named after it; `$check` takes the flow and that name.
macro_rules! for_every_flow {
    ($check:expr) => {
        crate::flows::for_every_flow! { $check;
            paid = Paid; amended = Amended; rejected = Rejected; cancelled = Cancelled; filled = Filled;
            handed_over = HandedOver; outside = Outside; idempotent = Again; cleared_at_once = Cleared;
        }
    };
    ($check:expr; $($name:ident = $flow:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            #[allow(clippy::redundant_closure_call, reason = "each file has a check of its own")]
            let checked = ($check)(crate::flows::Flow::$flow, stringify!($name));
            checked.await;
        }
    )*};
}
pub(crate) use for_every_flow;

impl Flow {
    pub(crate) const ALL: [Self; 9] = [
        Self::Paid,
        Self::Amended,
        Self::Rejected,
        Self::Cancelled,
        Self::Filled,
        Self::HandedOver,
        Self::Outside,
        Self::Again,
        Self::Cleared,
    ];

    pub(crate) const fn tool(self) -> &'static str {
        match self {
            Self::Paid | Self::Amended | Self::Rejected | Self::Cancelled => "pay",
            Self::Filled => "file",
            Self::HandedOver => "hand",
            Self::Outside => "outside",
            Self::Again => "again",
            Self::Cleared => "maybe",
        }
    }

    /// The flows of one tool differ in their argument, so that a stored call says which one it is.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Paid | Self::Filled | Self::HandedOver | Self::Outside | Self::Again | Self::Cleared => 1,
            Self::Amended => 2,
            Self::Rejected => 4,
            Self::Cancelled => 5,
        }
    }

    pub(crate) fn of(call: &Call) -> Self {
        let n = call.arguments().value()["n"].as_u64().unwrap();
        let n = if n == 3 { 2 } else { n };
        let fits = |it: &Self| it.tool() == call.tool().as_str() && u64::from(it.number()) == n;
        Self::ALL.into_iter().find(fits).unwrap()
    }

    /// What somebody says about what is asked; nothing where an operator must look.
    pub(crate) fn said(self, asked: &Requirement) -> Option<(&'static str, Verdict)> {
        Some(match asked.kind {
            RequirementKind::UserInput => ("alice", Verdict::Fill(json!({"note": "by hand"}))),
            RequirementKind::Confirmation if asked.arguments.value()["n"] == 2 => {
                ("alice", Verdict::Amend(json!({"n": 3})))
            }
            RequirementKind::Confirmation => ("alice", Verdict::Confirm),
            RequirementKind::Approval if self == Self::Rejected => ("bob", Verdict::Reject),
            RequirementKind::Approval => ("bob", Verdict::Approve),
            RequirementKind::External => ("relay", Verdict::Report(Ok(json!("done")))),
            RequirementKind::InDoubt => return None,
        })
    }

    fn is_end(self, outcome: &Outcome) -> bool {
        match self {
            Self::Rejected => matches!(outcome, Outcome::Rejected { .. }),
            Self::Cancelled => matches!(outcome, Outcome::Cancelled { .. }),
            Self::HandedOver | Self::Outside => {
                matches!(outcome, Outcome::Returned { result, source: Source::Reported } if result == "\"done\"")
            }
            Self::Paid | Self::Amended | Self::Filled | Self::Again | Self::Cleared => {
                matches!(outcome, Outcome::Returned { result, source: Source::Tool } if result == "\"acted\"")
            }
        }
    }
}

/// What was acknowledged: the kind of the record that must exist, and what it is about.
#[derive(Clone, Default)]
pub(crate) struct Acks(pub(crate) Arc<Mutex<Vec<Ack>>>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) call: String,
    pub(crate) kind: String,
    /// The requirement, for a decision.
    pub(crate) on: String,
}

impl Acks {
    pub(crate) fn push(&self, call: &CallId, kind: &str, on: &str) {
        let (call, kind, on) = (call.to_string(), kind.to_owned(), on.to_owned());
        self.0.lock().unwrap().push(Ack { call, kind, on });
    }

    pub(crate) fn all(&self) -> Vec<Ack> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) const fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Fill(_) => "call.filled",
        Verdict::Confirm => "call.confirmed",
        Verdict::Amend(_) => "call.amended",
        Verdict::Approve => "call.approved",
        Verdict::Reject => "call.rejected",
        Verdict::Report(_) => "call.reported",
        _ => "call.resolved",
    }
}

/// An engine on a store with all flows' tools and no background worker.
pub(crate) async fn engine(
    store: impl Store,
    clock: impl countersign::clock::Clock,
    ledger: &Ledger,
    policy: bool,
) -> Engine {
    let mut builder = Engine::builder()
        .store(store)
        .registry(Registry::of::<All>().unwrap())
        .state(ledger.clone())
        .clock(clock)
        .worker(false);
    if policy {
        builder = builder.policy(Policy::parse(POLICY).unwrap());
    }
    builder.start().await.unwrap()
}

pub(crate) async fn open(engine: &Engine, flow: Flow) -> Result<CallId, Error> {
    let alice = who("alice");
    match engine
        .call(flow.tool(), json!({"n": flow.number()}))
        .by(&alice)
        .await?
    {
        Called::Waiting(waiting) => Ok(waiting.call_id()),
        Called::Done(outcome) => panic!("{flow:?} is done: {outcome:?}"),
    }
}

/// Who takes a decision: the desk, and a worker comes later; or a worker, who claims what it clears with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Desk,
    Worker,
}

impl Way {
    pub(crate) const ALL: [Self; 2] = [Self::Desk, Self::Worker];

    pub(crate) async fn decide(self, engine: &Engine, decision: Decision) -> Result<Decided, Error> {
        match self {
            Self::Desk => engine.desk().decide(decision).await,
            Self::Worker => engine.worker().decide(decision).await,
        }
    }
}

/// Brings a call on until it is closed or in doubt. `after` hears of everything that was acknowledged.
pub(crate) async fn play(
    engine: &Engine,
    id: CallId,
    way: Way,
    mut acknowledged: impl FnMut(&CallId, &str, &str),
) -> Result<Call, Error> {
    loop {
        let advanced = engine.worker().advance(id).await?;
        assert_eq!(advanced.refused, None, "nothing stands in the way of {id}");
        let call = advanced.call;
        let flow = Flow::of(&call);
        if flow == Flow::Cancelled && matches!(call.phase(), Phase::Approve { .. }) {
            let decided = engine.desk().cancel(id, &who("alice"), None).await?;
            assert_ne!(code(&decided.answer), "not_allowed");
            acknowledged(&id, "call.cancelled", "");
            continue;
        }
        let asked = call.requirements();
        let Some((by, verdict)) = asked.first().and_then(|it| flow.said(it)) else {
            return Ok(call);
        };
        let on = asked[0].id;
        let decision = Decision::new(on, verdict.clone())
            .by(&who(by))
            .reason("by script");
        let decided = way.decide(engine, decision).await?;
        let answer = code(&decided.answer);
        assert!(
            matches!(answer, "accepted" | "repeated"),
            "{flow:?} {verdict:?}: {:?}",
            decided.answer
        );
        acknowledged(&id, kind(&verdict), &on.to_string());
    }
}

/// All calls after `after`, oldest first.
pub(crate) async fn calls(engine: &Engine, after: Option<CallId>) -> Vec<CallId> {
    let filter = CallFilter::default();
    let rows = engine
        .store()
        .calls(engine.tenant(), &filter, after, 1000)
        .await
        .unwrap();
    rows.into_iter().map(|it| it.id).collect()
}

/// The records of a call.
pub(crate) async fn records(engine: &Engine, call: CallId) -> Vec<Value> {
    let entries = engine
        .store()
        .entries(engine.tenant(), Some(call), 0, 10_000)
        .await
        .unwrap();
    entries
        .iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect()
}

pub(crate) fn count(records: &[Value], kind: &str) -> usize {
    records.iter().filter(|it| it["kind"] == kind).count()
}

/// What must be true of a call at any moment, whoever died before.
pub(crate) async fn honest(engine: &Engine, call: &Call, ledger: &Ledger, acks: &[Ack], context: &str) {
    let records = records(engine, *call.id()).await;
    let kinds: Vec<&str> = records.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    let context = format!("{context}: {:?} {kinds:?}", call.phase());
    let id = call.id().to_string();
    for ack in acks.iter().filter(|it| it.call == id) {
        let kept = records.iter().any(|it| {
            it["kind"] == ack.kind.as_str() && (ack.on.is_empty() || it["requirement"] == ack.on.as_str())
        });
        assert!(kept, "{context}: lost {ack:?}");
    }
    let effects = ledger.of(call.id());
    let (claims, retries) = (count(&records, "call.claimed"), resolved(&records, "retry"));
    assert!(effects.len() <= claims, "{context}: an effect without a claim");
    assert!(
        effects.iter().all(|it| *it == effects[0]),
        "{context}: {effects:?} are not one key"
    );
    if Flow::of(call) == Flow::Again {
        assert!(claims <= 3 + retries, "{context}: claimed too often");
    } else {
        assert!(claims <= 1 + retries, "{context}: claimed again without a person");
    }
    match call.phase() {
        Phase::Closed {
            outcome: Outcome::Returned {
                source: Source::Tool, ..
            },
        } => {
            assert!(!effects.is_empty(), "{context}: a result without an effect");
            assert_eq!(count(&records, "call.returned"), 1, "{context}");
        }
        Phase::Closed {
            outcome: Outcome::Rejected { .. } | Outcome::Cancelled { .. } | Outcome::Expired,
        } => {
            assert!(effects.is_empty(), "{context}: acted though nobody wanted it");
        }
        Phase::InDoubt { .. } => {
            assert_eq!(count(&records, "call.returned"), 0, "{context}");
            assert_eq!(count(&records, "call.lease_lapsed"), claims, "{context}");
        }
        Phase::Input { .. } | Phase::Gating { .. } | Phase::Confirm { .. } | Phase::Approve { .. } => {
            assert!(effects.is_empty(), "{context}: acted before its gates were met");
        }
        _ => {}
    }
}

fn resolved(records: &[Value], word: &str) -> usize {
    records
        .iter()
        .filter(|it| it["kind"] == "call.resolved" && it["resolution"] == word)
        .count()
}

/// Brings a call that was left by a dead process to an end, and checks it on the way.
pub(crate) async fn settle(
    engine: &Engine,
    id: CallId,
    ledger: &Ledger,
    acks: &[Ack],
    context: &str,
) -> &'static str {
    let call = engine.desk().call(id).await.unwrap();
    honest(engine, &call, ledger, acks, context).await;
    let call = play(engine, id, Way::Desk, |_, _, _| {}).await.unwrap();
    let flow = Flow::of(&call);
    honest(engine, &call, ledger, acks, &format!("{context}, continued")).await;
    match call.phase() {
        Phase::Closed { outcome } => {
            assert!(flow.is_end(outcome), "{context}: {flow:?} ended with {outcome:?}");
            "ended"
        }
        Phase::InDoubt { .. } => {
            let effects = ledger.of(&id);
            // Nobody but an operator brings it out of doubt, however often workers look.
            engine.worker().sweep().await.unwrap();
            let again = engine.worker().advance(id).await.unwrap().call;
            assert_eq!(again, call, "{context}");
            let on = call.requirements().remove(0);
            let by = |name, verdict| {
                Decision::new(&on, verdict)
                    .by(&who(name))
                    .reason("looked at the books")
            };
            for (name, expected) in [
                ("alice", "self_approval"),
                ("bob", "not_allowed"),
                ("relay", "not_allowed"),
            ] {
                let decided = engine.desk().decide(by(name, Verdict::Retry)).await.unwrap();
                assert_eq!(code(&decided.answer), expected, "{context}: {name} retries");
            }
            let verdict = if effects.is_empty() {
                Verdict::Retry
            } else {
                Verdict::Done(json!("acted"))
            };
            let decided = engine.desk().decide(by("olivia", verdict)).await.unwrap();
            assert_eq!(code(&decided.answer), "accepted", "{context}");
            let call = play(engine, id, Way::Desk, |_, _, _| {}).await.unwrap();
            assert!(
                matches!(call.phase(), Phase::Closed { .. }),
                "{context}: {:?}",
                call.phase()
            );
            assert_eq!(ledger.of(&id).len(), 1, "{context}: once, after a person looked");
            honest(engine, &call, ledger, acks, &format!("{context}, resolved")).await;
            "in doubt"
        }
        phase => panic!("{context}: {flow:?} is stuck in {phase:?}"),
    }
}

/// A store in a directory that has the policy loaded, so that what follows is the flow alone.
pub(crate) async fn prepared(dir: &Path, clock: impl countersign::clock::Clock, ledger: &Ledger) {
    File::create(dir.join("ledger.txt")).unwrap();
    engine(sqlite(dir), clock, ledger, true).await;
}

pub(crate) fn sqlite(dir: &Path) -> Sqlite {
    Sqlite::open(dir.join("countersign.db")).unwrap()
}
