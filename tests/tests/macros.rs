//! What `#[tool]` and `#[approval]` make of a function. One binary, one module per property.

#[path = "macros/attributes.rs"]
mod attributes;
#[path = "macros/behaviour.rs"]
mod behaviour;
#[path = "macros/support.rs"]
mod support;
