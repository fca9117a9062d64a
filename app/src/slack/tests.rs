//! The endpoint from outside, with signatures of our own, against a real store and a Slack of our own.

mod card;
mod channel;
#[path = "../../tests/slack/fake.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod fake;
mod refused;
mod story;
mod world;
