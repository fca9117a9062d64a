//! The pure part of Countersign: descriptors, gates, the call machine, the audit tree.
//!
//! Nothing here reads a clock, draws a random number, opens a file or logs. Time, ids and salts
//! are arguments; every function is a value in, value out. Core cannot fail, it refuses.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod actor;
#[doc(hidden)]
pub mod args;
pub mod audit;
pub mod call;
pub mod canonical;
pub mod digest;
pub mod gate;
pub mod grant;
pub mod id;
#[doc(hidden)]
pub mod private;
pub mod requirement;
pub mod time;
pub mod tool;
