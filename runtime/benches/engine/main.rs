//! What a call costs, against the same work written by hand. `cargo bench -p countersign`.
//!
//! Figures and limits are in `docs/benchmarks.md`. Quote the ratios of one run, never absolute times.

#![allow(missing_docs, reason = "criterion generates undocumented functions")]

mod cycle;
mod decide;
mod dispatch;
#[path = "../../tests/engine/history.rs"]
mod history;
mod inbox;
mod registry;
mod verify;

use criterion::{criterion_group, criterion_main};

/// Whether the command line asks for these benchmarks: some are dear to prepare.
fn is_wanted(name: &str) -> bool {
    let filter = std::env::args().skip(1).find(|it| !it.starts_with('-'));
    filter.is_none_or(|it| it.contains(name) || name.contains(&it))
}

/// Two threads, as many as a small machine has.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

criterion_group!(
    benches,
    dispatch::all,
    registry::all,
    cycle::all,
    decide::all,
    inbox::all,
    verify::all
);
criterion_main!(benches);
