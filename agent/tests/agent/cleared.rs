//! A call that a gate could have held and does not: the run goes on being led, and told, while its function works.

use std::sync::Arc;
use std::time::Duration;

use countersign::prelude::*;
use countersign_agent::model::{ScriptedModel, Step};
use countersign_agent::{Agent, EventKind, Status};
use serde_json::json;
use tokio::sync::Notify;

use crate::world::{POLICY, identity, open};

/// Pays somebody; managers approve of much. Takes its time.
#[approval(required, pool = "managers", when = *cents >= 1000)]
#[tool]
async fn pay(#[state] gate: Arc<Notify>, cents: u64) -> u64 {
    gate.notified().await;
    cents
}

async fn told_while_it_runs(worker: bool) {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Notify::new());
    let engine = Engine::builder()
        .store(open(dir.path()))
        .registry(Registry::of::<pay>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .state(gate.clone())
        .worker(worker)
        .start()
        .await
        .unwrap();
    let model = ScriptedModel::new([Step::call("pay", json!({"cents": 5})), Step::say("Paid.")]);
    let agent = Agent::builder("helpdesk")
        .model(model)
        .worker(worker)
        .build(&engine)
        .await
        .unwrap();
    let mut running = agent.run("Pay.").by(&identity("alice")).stream().unwrap();
    let mut heard = Vec::new();
    let listen = async {
        while let Some(event) = running.next().await {
            let kind = event.kind;
            if matches!(kind, EventKind::Said { .. }) {
                // Nobody lets the function go on before that was heard.
                gate.notify_one();
            }
            heard.push(kind);
        }
    };
    tokio::time::timeout(Duration::from_mins(1), listen)
        .await
        .expect("what was said is told before the function has ended");
    let run = running.run().await.unwrap();
    assert_eq!((run.status(), run.output()), (Status::Completed, Some("Paid.")));
    assert!(
        !heard.iter().any(|it| matches!(it, EventKind::RunPaused { .. })),
        "{heard:?}"
    );
    assert!(
        matches!(heard.last(), Some(EventKind::RunCompleted { .. })),
        "{heard:?}"
    );
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_call_that_no_gate_holds_is_told_while_a_worker_runs_it() {
    told_while_it_runs(true).await;
}

#[tokio::test]
async fn a_call_that_no_gate_holds_is_told_while_its_leader_runs_it() {
    told_while_it_runs(false).await;
}
