//! What a call costs, against the same work written by hand. `cargo bench -p countersign`.
//!
//! Figures and limits are in `docs/benchmarks.md`. Quote the ratios of one run, never absolute times.

#![allow(missing_docs, reason = "criterion generates undocumented functions")]

mod cycle;
mod dispatch;
#[path = "../../tests/engine/history.rs"]
mod history;
mod registry;
mod verify;

use criterion::{criterion_group, criterion_main};

criterion_group!(benches, dispatch::all, registry::all, cycle::all, verify::all);
criterion_main!(benches);
