//! Sixty-four people and workers at once, in two processes, about one call.

use std::collections::BTreeMap;
use std::path::Path;

use countersign::clock::SystemClock;
use countersign::core::requirement::Ask;
use countersign::prelude::*;
use countersign::{Call, CallId, Outcome, Phase, Requirement, RequirementId, RequirementKind, Verdict};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::flows::{Ledger, Way, calls, count, records, sqlite};
use crate::process::{Other, hear, rounds, say, task};
use crate::world::{code, who};

/// Confirmed, then approved by three.
#[approval(required, pool = "managers", quorum = 3)]
#[tool(requires_confirmation, destructive)]
async fn settle_account(#[state] ledger: Ledger, #[context] ctx: CallContext, n: u32) -> usize {
    let _ = n;
    ledger.act(&ctx);
    ctx.approvals.len()
}

const MANAGERS: usize = 20;

fn policy() -> Policy {
    let managers: Vec<String> = (0..MANAGERS)
        .map(|it| format!("m{it} = {{ kind = \"person\", roles = [\"manager\"] }}"))
        .collect();
    let text = format!(
        "[actors]\nalice = {{ kind = \"person\" }}\n{}\n[pools]\nmanagers = {{ roles = [\"manager\"] }}\n",
        managers.join("\n")
    );
    Policy::parse(&text).unwrap()
}

async fn engine(dir: &Path) -> Engine {
    Engine::builder()
        .store(sqlite(dir))
        .registry(Registry::of::<settle_account>().unwrap())
        .policy(policy())
        .state(Ledger::new(dir, |_| {}))
        .clock(SystemClock)
        .worker(false)
        .start()
        .await
        .unwrap()
}

/// What one of the sixty-four does.
#[derive(Debug, Clone)]
enum Act {
    Decide(RequirementId, String, Verdict),
    Cancel,
    Advance,
}

/// The requirements of a call as it is before the crowd comes.
#[derive(Clone, Copy)]
struct Shown {
    call: CallId,
    confirm: RequirementId,
    approve: RequirementId,
    cleared: RequirementId,
}

impl Shown {
    fn of(call: &Call) -> Self {
        Self {
            call: *call.id(),
            confirm: call.requirement_id(Ask::Confirm),
            approve: call.requirement_id(Ask::Approval(0)),
            cleared: call.requirement_id(Ask::Cleared),
        }
    }

    /// What number `place` of the crowd does in this round. Rounds begin before the confirmation, before
    /// the approvals, or with a call that is cleared.
    fn act(&self, round: u64, place: usize) -> Act {
        let manager = || format!("m{}", place % MANAGERS);
        let alice = || "alice".to_owned();
        match (round % 3, place % 8) {
            (0, 0 | 1) => Act::Decide(self.confirm, alice(), Verdict::Confirm),
            (0, 2) if round.is_multiple_of(2) => {
                Act::Decide(self.confirm, alice(), Verdict::Amend(json!({"n": place})))
            }
            (0 | 1, 3) if place == 35 && round.is_multiple_of(4) => {
                Act::Decide(self.confirm, alice(), Verdict::Reject)
            }
            (1, 3) if place == 35 && round % 4 == 1 => Act::Decide(self.approve, manager(), Verdict::Reject),
            (2, 3) if place == 35 && round % 4 == 2 => Act::Cancel,
            (2, 4) if place == 36 && round % 4 == 1 => Act::Decide(self.cleared, alice(), Verdict::Reask),
            (0 | 1, 2..=5) => Act::Decide(self.approve, manager(), Verdict::Approve),
            (1, 0) => Act::Decide(self.approve, alice(), Verdict::Approve),
            _ => Act::Advance,
        }
    }

    /// Half of the crowd acts, all at once. How often each kind of decision got which answer.
    async fn rush(self, engine: &Engine, round: u64, half: usize) -> BTreeMap<String, u64> {
        let mut crowd = JoinSet::new();
        for place in (0..64).filter(|it| it % 2 == half) {
            let (engine, act) = (engine.clone(), self.act(round, place));
            crowd.spawn(async move {
                match act {
                    Act::Decide(on, by, verdict) => {
                        let decision = Decision::new(on, verdict.clone()).by(&who(&by));
                        let way = Way::ALL[place / 2 % 2];
                        let decided = way.decide(&engine, decision).await.unwrap();
                        format!("{} {}", word(&verdict), code(&decided.answer))
                    }
                    Act::Cancel => {
                        let decided = engine
                            .desk()
                            .cancel(self.call, &who("alice"), None)
                            .await
                            .unwrap();
                        format!("cancelled {}", code(&decided.answer))
                    }
                    Act::Advance => {
                        engine.worker().advance(self.call).await.unwrap();
                        "advance".to_owned()
                    }
                }
            });
        }
        let mut tally = BTreeMap::new();
        for said in crowd.join_all().await {
            *tally.entry(said).or_default() += 1;
        }
        tally
    }
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Confirm => "confirmed",
        Verdict::Amend(_) => "amended",
        Verdict::Reject => "rejected",
        Verdict::Approve => "approved",
        _ => "reasked",
    }
}

/// Not a test by itself: the other process of the test below.
#[test]
fn other() {
    let Some((dir, _)) = task() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let engine = engine(&dir).await;
        say("ready");
        while let Some(line) = hear() {
            let (call, round) = line.split_once(' ').unwrap();
            let call = engine.desk().call(call.parse().unwrap()).await.unwrap();
            say("looked");
            hear();
            let tally = Shown::of(&call).rush(&engine, round.parse().unwrap(), 1).await;
            say(serde_json::to_string(&tally).unwrap());
        }
    });
}

/// Decides what is still open, one after the other. What it did is added to the tally.
async fn finish(engine: &Engine, id: CallId, tally: &mut BTreeMap<String, u64>) -> Call {
    for step in 0..100 {
        let call = engine.worker().advance(id).await.unwrap().call;
        let Some(asked) = call.requirements().into_iter().next() else {
            return call;
        };
        let (by, verdict) = match asked.kind {
            RequirementKind::Confirmation => ("alice".to_owned(), Verdict::Confirm),
            RequirementKind::Approval => (absent(&asked), Verdict::Approve),
            kind => panic!("{kind:?} was never to be asked"),
        };
        let decision = Decision::new(&asked, verdict.clone()).by(&who(&by));
        let decided = engine.desk().decide(decision).await.unwrap();
        assert_eq!(code(&decided.answer), "accepted", "step {step}: {by} {verdict:?}");
        *tally.entry(format!("{} accepted", word(&verdict))).or_default() += 1;
    }
    panic!("{id} never ends");
}

/// A manager who has not voted.
fn absent(asked: &Requirement) -> String {
    let voted = |name: &String| asked.approved_by.iter().any(|it| it.as_str() == name);
    (0..MANAGERS)
        .map(|it| format!("m{it}"))
        .find(|it| !voted(it))
        .unwrap()
}

/// A call that stands where this round begins.
async fn begun(engine: &Engine, round: u64) -> Shown {
    let alice = who("alice");
    let called = engine
        .call("settle_account", json!({"n": 1}))
        .by(&alice)
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("it does not wait")
    };
    let mut shown = Shown::of(waiting.call());
    if !round.is_multiple_of(3) {
        engine
            .desk()
            .decide(Decision::confirm(shown.confirm).by(&alice))
            .await
            .unwrap();
    }
    if round % 3 > 1 {
        for name in ["m1", "m2", "m3"] {
            engine
                .desk()
                .decide(Decision::approve(shown.approve).by(&who(name)))
                .await
                .unwrap();
        }
    }
    let call = engine.desk().call(shown.call).await.unwrap();
    assert_eq!(
        call.phase().name(),
        ["confirm", "approve", "cleared"][usize::try_from(round % 3).unwrap()]
    );
    shown = Shown::of(&call);
    shown
}

fn check(
    call: &Call,
    records: &[Value],
    tally: &BTreeMap<String, u64>,
    before: &[Value],
    effects: &[String],
) {
    let counted = records.iter().filter(|it| it["kind"] != "call.refused");
    let ends = counted.clone().filter(|it| it["phase"] == "closed").count();
    assert_eq!(ends, 1, "exactly one end");
    for kind in [
        "confirmed",
        "amended",
        "rejected",
        "approved",
        "reasked",
        "cancelled",
    ] {
        let accepted = tally
            .get(&format!("{kind} accepted"))
            .copied()
            .unwrap_or_default();
        let kind = format!("call.{kind}");
        let recorded = count(records, &kind) - count(before, &kind);
        // A cancellation while it executes is on record and not acted on.
        assert_eq!(
            u64::try_from(recorded).unwrap(),
            accepted,
            "{kind}: what was accepted is on record, once"
        );
    }
    assert!(count(records, "call.claimed") <= 1, "claimed once");
    assert_eq!(
        effects.len(),
        count(records, "call.claimed"),
        "one effect for one claim"
    );
    let Phase::Closed { outcome } = call.phase() else {
        panic!("it is open")
    };
    match outcome {
        Outcome::Returned { result, .. } => {
            assert_eq!(result, "3", "the function saw three approvals");
            assert_eq!(effects.len(), 1);
            let mut voters: Vec<&str> = counted
                .filter(|it| it["kind"] == "call.approved" && it["seal"] == call.seal().to_string().as_str())
                .map(|it| it["actor"]["id"].as_str().unwrap())
                .collect();
            voters.sort_unstable();
            voters.dedup();
            assert_eq!(
                voters.len(),
                3,
                "three distinct votes under the seal that ran: {voters:?}"
            );
            let stored: Vec<&str> = call.votes().iter().map(|it| it.by.as_str()).collect();
            assert_eq!(stored.len(), 3);
            assert!(
                voters.iter().all(|it| it.starts_with('m') && stored.contains(it)),
                "{voters:?}"
            );
        }
        Outcome::Rejected { .. } | Outcome::Cancelled { .. } => assert_eq!(effects.len(), 0),
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_once_from_two_processes() {
    let rounds = rounds("COUNTERSIGN_CROWDS", 100, 500);
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(dir.path(), |_| {});
    let engine = engine(dir.path()).await;
    let mut other = Other::start("crowd::other", dir.path(), "crowd");
    assert_eq!(other.line().unwrap(), "ready");
    let mut ends = BTreeMap::<String, u64>::new();
    for round in 0..rounds {
        let shown = begun(&engine, round).await;
        let before = records(&engine, shown.call).await;
        other.tell(&format!("{} {round}", shown.call));
        assert_eq!(other.line().unwrap(), "looked");
        other.tell("go");
        let mut tally = shown.rush(&engine, round, 0).await;
        let theirs: BTreeMap<String, u64> = serde_json::from_str(&other.line().unwrap()).unwrap();
        for (said, times) in theirs {
            *tally.entry(said).or_default() += times;
        }
        assert_eq!(tally.values().sum::<u64>(), 64);
        // Where the race ended with everybody content, nothing is left to do.
        let call = finish(&engine, shown.call, &mut tally).await;
        let after = records(&engine, shown.call).await;
        let context =
            std::panic::AssertUnwindSafe(|| check(&call, &after, &tally, &before, &ledger.of(&shown.call)));
        if let Err(failed) = std::panic::catch_unwind(context) {
            let kinds: Vec<_> = after.iter().map(|it| (&it["kind"], &it["phase"])).collect();
            println!("round {round}: {tally:?} {kinds:?} {:?}", call.phase());
            std::panic::resume_unwind(failed);
        }
        let Phase::Closed { outcome } = call.phase() else {
            panic!("open")
        };
        *ends
            .entry(format!("{} ({})", outcome.name(), round % 3))
            .or_default() += 1;
    }
    other.end();
    assert_eq!(calls(&engine, None).await.len() as u64, rounds);
    println!("{rounds} rounds: {ends:?}");
}
