//! The program from the outside: every command is a process of its own.

mod answers;
mod remembered;
mod safety;
mod story;
mod traces;

use example_kit::program::Program;

fn program() -> Program {
    Program::of(env!("CARGO_BIN_EXE_refunds"))
}
