//! The HTTP API from the outside: a real server in a process of its own, a real store, plain sockets.

mod attacks;
mod export;
#[path = "../slack/fake.rs"]
#[allow(dead_code, reason = "other tests use the rest of it")]
mod fake;
mod house;
mod matrix;
mod notices;
mod once;
mod outbox;
mod process;
mod roles;
mod served;
mod sites;
mod sizes;
mod slack;
mod slow;
mod streams;
mod things;
mod visit;
