//! Human approval for the functions that language models call.

pub use countersign_core as core;

pub mod store;
