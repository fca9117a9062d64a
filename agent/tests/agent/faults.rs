//! The process dies at every call of the store, before it or after it, and another one goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use countersign::prelude::*;
use countersign::store::{Commit, Committed, RunFilter, Sqlite, Store, StoreError};
use countersign::testing::TestClock;
use countersign::{RequirementKind, Verdict};
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, EventKind, Run, Status};
use serde_json::json;

use crate::stores::{Guard, Guarded};
use crate::world::{Effects, builder, engine, identity, open};

/// Kills the process at one call of the store.
#[derive(Clone)]
struct Fatal {
    calls: Arc<AtomicUsize>,
    at: usize,
    /// Whether the commit that it dies at is made.
    after: bool,
}

impl Fatal {
    fn dead() -> StoreError {
        StoreError::Failed("the process is dead".to_owned())
    }

    /// Counts a call. Whether it is the last one; or that it comes too late.
    fn count(&self) -> Result<bool, StoreError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match number.cmp(&self.at) {
            std::cmp::Ordering::Less => Ok(false),
            std::cmp::Ordering::Equal => Ok(true),
            std::cmp::Ordering::Greater => Err(Self::dead()),
        }
    }
}

#[async_trait]
impl Guard for Fatal {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        let last = self.count()?;
        if last && !self.after {
            return Err(Self::dead());
        }
        let done = store.commit(commit).await;
        if last { Err(Self::dead()) } else { done }
    }

    async fn read(&self, _: &'static str) -> Result<(), StoreError> {
        if self.count()? { Err(Self::dead()) } else { Ok(()) }
    }
}

/// What nobody is asked about and what alice is, in six turns.
fn script() -> ScriptedModel {
    let first = Step::calls([
        ("look_up", json!({"customer": "ACME"})),
        ("count", json!({"by": 1})),
        ("refund", json!({"customer": "ACME", "cents": 500})),
        ("export", json!({"customer": "ACME"})),
    ]);
    let counts = (2..=6).map(|by| Step::call("count", json!({"by": by})));
    ScriptedModel::new(std::iter::once(first).chain(counts).chain([Step::say("Done.")]))
}

/// Runs it as far as it goes; alice confirms, and of a call in doubt olga says that it ran.
async fn story(agent: &Agent, mut run: Run) -> Result<Run, countersign_agent::Error> {
    while run.status() == Status::Paused {
        let asked = run.active_requirements().to_vec();
        let decisions = asked.iter().map(|it| match it.kind {
            RequirementKind::InDoubt => {
                let ran = Decision::new(it, Verdict::Done(json!("it is there")));
                ran.reason("looked at the books").by(&identity("olga"))
            }
            _ => it.confirm().by(&identity("alice")),
        });
        run = agent.continue_run(run.id(), decisions).await?;
    }
    Ok(run)
}

async fn first_process(
    store: impl Store,
    effects: &Effects,
    clock: &TestClock,
) -> Result<(), countersign_agent::Error> {
    let engine = engine(store, effects, clock).await?;
    let agent = builder(script()).build(&engine).await?;
    let run = agent.run("Refund ACME.").by(&identity("alice")).await?;
    story(&agent, run).await.map(drop)
}

/// Another process finds what is there, and brings it to its end. None if nothing was begun.
async fn second_process(store: Sqlite, effects: &Effects, clock: &TestClock) -> Option<(Agent, Run)> {
    let engine = engine(store, effects, clock).await.unwrap();
    let agent = builder(script()).build(&engine).await.unwrap();
    let all = engine
        .store()
        .runs(engine.tenant(), &RunFilter::All, None, 10)
        .await
        .unwrap();
    assert!(all.len() <= 1);
    let id = all.first()?.id;
    loop {
        // Whoever died, his leases are over.
        clock.advance(Duration::from_mins(2));
        engine.worker().sweep().await.unwrap();
        agent.work().await.unwrap();
        let run = agent.get(id).await.unwrap();
        let run = story(&agent, run).await.unwrap();
        if !run.status().is_open() {
            return Some((agent, run));
        }
    }
}

/// Each call has exactly one result, in the model's order, whatever happened.
async fn check(agent: &Agent, run: &Run, effects: &Effects, point: &str) {
    assert_eq!(
        (run.status(), run.output()),
        (Status::Completed, Some("Done.")),
        "{point}"
    );
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for effect in effects.all() {
        *counts.entry(effect).or_default() += 1;
    }
    let mut results: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let events = agent.events(run.id(), 0).await.unwrap();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event.number, place as u64, "{point}");
        if let EventKind::ToolResult { result, .. } = &event.kind {
            results
                .entry(result.id.clone())
                .or_default()
                .push(result.content.clone());
        }
    }
    assert_eq!(results.len(), 9, "{point}");
    assert!(results.values().all(|it| it.len() == 1), "{point}: {results:?}");
    for tool in (1..=6).map(|by| format!("count {by}")) {
        let unknown = results
            .values()
            .flatten()
            .filter(|it| it.contains("\"unknown\""))
            .count();
        let ran = counts.get(&tool).copied().unwrap_or_default();
        assert!(ran <= 1, "{point}: {tool} ran {ran} times");
        assert!(
            ran == 1 || unknown > 0,
            "{point}: {tool} did not run, and nobody says so"
        );
    }
    let refunds = counts.get("refund ACME 500").copied().unwrap_or_default();
    let in_doubt = results.values().flatten().any(|it| it.contains("it is there"));
    assert!(
        refunds == 1 || (refunds == 0 && in_doubt),
        "{point}: {refunds} refunds"
    );
}

#[tokio::test]
async fn nothing_is_lost_or_done_twice_wherever_the_process_dies() {
    let mut points = 0;
    for after in [false, true] {
        for at in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let (effects, clock) = (Effects::default(), TestClock::new());
            let calls = Arc::new(AtomicUsize::new(0));
            let guard = Fatal {
                calls: calls.clone(),
                at,
                after,
            };
            let store = open(dir.path());
            let guarded = Guarded {
                store: store.clone(),
                guard,
            };
            let died = first_process(guarded, &effects, &clock).await.is_err();
            let point = format!("call {at}, {}", if after { "after it" } else { "before it" });
            match second_process(store, &effects, &clock).await {
                Some((agent, run)) => check(&agent, &run, &effects, &point).await,
                None => assert_eq!(
                    effects.all(),
                    [""; 0],
                    "{point}: it did something and left no trace"
                ),
            }
            points += 1;
            if !died && calls.load(Ordering::SeqCst) <= at {
                break;
            }
        }
    }
    println!("the process died at {points} points");
    assert!(points > 60, "{points}");
}
