//! What `#[tool]` and `#[approval]` make of a function. One binary, one module per property.
#![allow(clippy::unused_async, reason = "being async is what is tested")]

#[path = "macros/arguments.rs"]
mod arguments;
#[path = "macros/attributes.rs"]
mod attributes;
#[path = "macros/behaviour.rs"]
mod behaviour;
#[cfg(feature = "testing")]
#[path = "macros/bypass.rs"]
mod bypass;
#[path = "macros/combinations.rs"]
mod combinations;
#[path = "macros/hostile.rs"]
mod hostile;
#[path = "macros/support.rs"]
mod support;
#[path = "macros/ui.rs"]
mod ui;
