//! A support desk whose dangerous tools wait for the right people.

fn main() {}
