//! Nothing is opened in a run that was stopped a moment before.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign::store::{CallFilter, Commit, Committed, RunFilter, Sqlite, Store, StoreError};
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, Status};
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

async fn stopped(steps: [Step; 1]) -> Vec<String> {
    let world = World::new().await;
    let stopper = Stopper::default();
    let guarded = Guarded {
        store: open(world.dir.path()),
        guard: stopper.clone(),
    };
    let slow = engine(guarded, &world.effects, &world.clock).await.unwrap();
    let child = ScriptedModel::new([Step::call("refund", json!({"customer": "A", "cents": 1}))]);
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
    let left = stopped([Step::call("refund", json!({"customer": "A", "cents": 1}))]).await;
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn no_agent_is_asked_by_a_run_that_was_stopped() {
    let left = stopped([Step::call("researcher", json!({"input": "Look."}))]).await;
    assert_eq!(left, [""; 0]);
}
