//! Human approval for the functions that language models call.

pub use countersign_core as core;

#[cfg(feature = "schema")]
pub mod schema;
pub mod store;
