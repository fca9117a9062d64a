//! Agents on the real engine with a real file: what pauses, what goes on, what never happens twice.

mod pause;
mod world;
