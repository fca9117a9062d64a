//! The program from the outside: every command is a process of its own.

mod gates;
mod guardrails;
mod journal;
mod tools;

use example_kit::program::Program;
use serde_json::Value;

fn program() -> Program {
    Program::of(env!("CARGO_BIN_EXE_helpdesk"))
}

/// What alice says once; the run must end, or wait, as this exit code says.
#[track_caller]
fn said(program: &Program, code: i32, words: &str) -> Value {
    program.json(code, &["chat", words, "--as", "alice"])
}

/// The run of an answer goes on.
#[track_caller]
fn went_on(program: &Program, code: i32, of: &Value) -> Value {
    program.json(
        code,
        &["chat", "--continue", of["run"].as_str().unwrap(), "--as", "alice"],
    )
}

/// Nothing was tampered with, and everything that happened can have happened.
#[track_caller]
fn verified(program: &Program) {
    assert_eq!(program.json(0, &["audit", "verify"])["status"], "ok");
}
