//! Agents on the real engine with a real file: what pauses, what goes on, what never happens twice.

mod cleared;
mod elsewhere;
mod ends;
mod faults;
mod hooks;
mod orphans;
mod pause;
mod sessions;
#[path = "../../../runtime/tests/engine/stores.rs"]
mod stores;
mod turns;
mod world;
