//! Nothing is opened in a run that was stopped a moment before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::store::{CallFilter, Commit, Committed, RunFilter, Sqlite, Store, StoreError};
use countersign::{Decide as _, Outcome, Phase};
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, EventKind, Request, Status};
use serde_json::json;

use crate::stores::{Guard, Guarded};
use crate::world::{World, builder, engine, identity, open};

/// Stops the run at the moment at which its first call, or the first run of the agent that it asks, would be written.
#[derive(Clone, Default)]
struct Stopper(Arc<Mutex<Option<Agent>>>);

#[async_trait]
impl Guard for Stopper {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        let opens = commit.call.as_ref().is_some_and(|it| it.replaces.is_none());
        let begins = commit.run.as_ref().is_some_and(|it| {
            it.row
                .agent
                .as_ref()
                .is_some_and(|it| it.as_str() == "researcher")
        });
        let other = if opens || begins {
            self.0.lock().unwrap().take()
        } else {
            None
        };
        if let Some(other) = other {
            let engine = other.engine();
            let runs = engine
                .store()
                .runs(engine.tenant(), &RunFilter::Open, None, 10)
                .await
                .unwrap();
            let stopped = other.cancel(runs[0].id, &identity("alice"), None).await.unwrap();
            assert_eq!(stopped.status(), Status::Cancelled);
        }
        store.commit(commit).await
    }
}

/// Proposes a refund whenever it is asked, and counts that.
fn asking(asked: &Arc<AtomicUsize>) -> ScriptedModel {
    let asked = asked.clone();
    ScriptedModel::answering(move |_: Request<'_>| {
        asked.fetch_add(1, Ordering::SeqCst);
        Step::call("refund", json!({"customer": "A", "cents": 1}))
    })
}

async fn stopped(steps: impl IntoIterator<Item = Step>) -> Vec<String> {
    let world = World::new().await;
    let stopper = Stopper::default();
    let guarded = Guarded {
        store: open(world.dir.path()),
        guard: stopper.clone(),
    };
    let slow = engine(guarded, &world.effects, &world.clock).await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let child = asking(&asked);
    let child = || Agent::builder("researcher").model(child.clone()).worker(false);
    let script = ScriptedModel::new(steps);
    let here = builder(script.clone())
        .agent(child().build(&slow).await.unwrap(), "Looks.")
        .build(&slow)
        .await
        .unwrap();
    let there = builder(script).agent(child().build(&world.engine).await.unwrap(), "Looks.");
    *stopper.0.lock().unwrap() = Some(there.build(&world.engine).await.unwrap());
    let run = here.run("Go.").by(&identity("alice")).await.unwrap();
    assert_eq!(run.status(), Status::Cancelled);
    let asked = asked.load(Ordering::SeqCst);
    assert!(
        asked <= 1,
        "the agent that was asked has asked its model {asked} times"
    );
    let store = world.engine.store();
    let calls = store
        .calls(world.engine.tenant(), &CallFilter::All, None, 10)
        .await
        .unwrap();
    let runs = store
        .runs(world.engine.tenant(), &RunFilter::Open, None, 10)
        .await
        .unwrap();
    let calls = calls
        .into_iter()
        .map(|it| it.phase)
        .chain(runs.into_iter().map(|it| it.status));
    calls.collect()
}

#[tokio::test]
async fn no_call_is_opened_in_a_run_that_was_stopped() {
    let refund = ("refund", json!({"customer": "A", "cents": 1}));
    let left = stopped([Step::calls([("look_up", json!({"customer": "A"})), refund])]).await;
    assert_eq!(left, [""; 0]);
}

/// Alone in its turn, it is opened in the commit that writes the run.
#[tokio::test]
async fn no_call_is_opened_with_a_run_that_was_stopped() {
    let refund = Step::call("refund", json!({"customer": "A", "cents": 1}));
    let left = stopped([Step::call("look_up", json!({"customer": "A"})), refund]).await;
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn no_agent_is_asked_by_a_run_that_was_stopped() {
    let left = stopped([Step::call("researcher", json!({"input": "Look."}))]).await;
    assert_eq!(left, [""; 0]);
}

/// Stops the run at the moment at which the end of its call would be written, and what the model is told of it.
struct Latecomer(Mutex<Option<Agent>>);

#[async_trait]
impl Guard for Latecomer {
    async fn commit(&self, store: &Sqlite, commit: Commit) -> Result<Committed, StoreError> {
        let ends = commit.call.as_ref().is_some_and(|it| it.row.phase == "closed") && commit.run.is_some();
        let other = if ends { self.0.lock().unwrap().take() } else { None };
        if let Some(other) = other {
            let run = commit.run.as_ref().map(|it| it.row.id).unwrap();
            other.cancel(run, &identity("alice"), None).await.unwrap();
        }
        store.commit(commit).await
    }
}

#[tokio::test]
async fn a_call_that_ran_while_its_run_was_stopped_says_so_and_the_run_stays_stopped() {
    let world = World::new().await;
    let asked_model = Arc::new(AtomicUsize::new(0));
    let script = || asking(&asked_model);
    let there = builder(script()).build(&world.engine).await.unwrap();
    let guarded = Guarded {
        store: open(world.dir.path()),
        guard: Latecomer(Mutex::new(Some(there.clone()))),
    };
    let slow = engine(guarded, &world.effects, &world.clock).await.unwrap();
    let here = builder(script()).build(&slow).await.unwrap();
    let run = here.run("Go.").by(&identity("alice")).await.unwrap();
    let asked = run.active_requirements()[0].clone();
    let run = here
        .continue_run(run.id(), [asked.confirm()])
        .by(&identity("alice"))
        .await
        .unwrap();
    assert_eq!((run.status(), run.output()), (Status::Cancelled, None));
    assert_eq!(
        asked_model.load(Ordering::SeqCst),
        1,
        "nor is the model asked what comes next"
    );
    assert_eq!(world.effects.all(), ["refund A 1"]);
    let call = world.engine.desk().call(asked.call).await.unwrap();
    assert!(
        matches!(
            call.phase(),
            Phase::Closed {
                outcome: Outcome::Returned { .. }
            }
        ),
        "{:?}",
        call.phase()
    );
    let told = there.events(run.id(), 0).await.unwrap();
    let mut results = told.iter().filter_map(|it| match &it.kind {
        EventKind::ToolResult { result, .. } => Some(result.content.as_str()),
        _ => None,
    });
    let said = results.next().unwrap();
    assert!(
        said.contains("cancelled") && said.contains("it may have acted"),
        "{said}"
    );
    assert_eq!(results.next(), None);
}
