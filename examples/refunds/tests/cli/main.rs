//! The program from the outside: every command is a process of its own.

mod answers;
mod program;
mod remembered;
mod safety;
mod story;
mod traces;
