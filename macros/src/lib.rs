//! The `#[tool]` and `#[approval]` attributes of Countersign.
