//! The engine from the outside: real tools on a real SQLite file.

mod combinations;
mod story;
mod world;
