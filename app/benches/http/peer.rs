//! A bare axum handler that makes commits of one record each, and one that answers bytes.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use countersign::core::audit::{Draft, Fields};
use countersign::store::{Commit, Sqlite, Store as _};
use countersign::{TenantId, Timestamp};

/// Serves until the process is killed.
pub(crate) async fn serve() {
    let place = std::env::args().nth(1).expect("where its store is");
    let store = Sqlite::open(place).expect("a store");
    let router = Router::new()
        .route(
            "/bytes/{many}",
            get(async |Path(many): Path<usize>| "x".repeat(many)),
        )
        .route("/commits/{many}", post(commits))
        .with_state(store);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    println!(
        "{{\"url\":\"http://{}\"}}",
        listener.local_addr().expect("its address")
    );
    axum::serve(listener, router).await.expect("a server");
}

async fn commits(State(store): State<Sqlite>, Path(many): Path<u32>) -> &'static str {
    for _ in 0..many {
        let fields = Fields::from_iter([("kind", "bench".into()), ("words", "w".repeat(400).into())]);
        let commit = Commit {
            records: vec![Draft {
                call: None,
                fields,
                blobs: Vec::new(),
            }],
            ..Commit::new(TenantId::default(), Timestamp::from_millis(0))
        };
        store.commit(commit).await.expect("a commit");
    }
    "{}"
}
