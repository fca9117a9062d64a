//! What is special about SQLite. What every store does is in `conformance`.

use std::sync::Arc;

use super::Sqlite;
use crate::store::conformance::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_conforms() {
    let directory = tempfile::tempdir().unwrap();
    conformance(Arc::new(Sqlite::open(directory.path().join("store.db")).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conformance(Arc::new(Sqlite::in_memory().unwrap())).await;
}
