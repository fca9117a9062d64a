//! Agents on the real engine with a real file: what pauses, what goes on, what never happens twice.

mod faults;
mod pause;
#[path = "../../../runtime/tests/engine/stores.rs"]
mod stores;
mod world;
