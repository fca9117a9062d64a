//! What is special about SQLite. What every store does is in `conformance`.

mod behaviour;
mod damage;
mod processes;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::Sqlite;
use crate::store::conformance::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_conforms() {
    let (_directory, path) = place();
    conformance(Arc::new(Sqlite::open(path).unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conformance(Arc::new(Sqlite::in_memory().unwrap())).await;
}

/// A path for a store, in a directory that goes with the first value.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}
