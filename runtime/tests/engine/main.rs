//! The engine from the outside: real tools on a real SQLite file.

mod story;
mod world;
