//! Runs a program of this repository on a data directory that goes away, each command in a process of its own.

#![expect(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong here is a test that fails"
)]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program and its data directory.
#[derive(Debug)]
pub struct Program {
    path: &'static str,
    dir: TempDir,
}

impl Program {
    /// The program at this path: `Program::of(env!("CARGO_BIN_EXE_refunds"))`.
    pub fn of(path: &'static str) -> Self {
        Self {
            path,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// The data directory.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A command that is not yet run.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.path);
        command
            .arg("--data")
            .arg(self.dir.path())
            .args(words)
            .stdin(Stdio::null());
        // Tests hear the script, also on the machine of somebody who has a key.
        for name in [
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "ANTHROPIC_API_KEY",
            "GEMINI_API_KEY",
            "OLLAMA_HOST",
        ] {
            command.env_remove(name);
        }
        command.env_remove("COUNTERSIGN_MODEL");
        command
    }

    /// Runs a command.
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// The same with something to read on standard input.
    pub fn fed(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        let command = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The answer with `--json`, whose exit code must be this one.
    #[track_caller]
    pub fn json(&self, code: i32, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}{errors}");
        assert_eq!(text.lines().count(), 1, "one object on one line: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What a person reads.
    #[track_caller]
    pub fn words(&self, code: i32, words: &[&str]) -> String {
        let output = self.run(words);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{words:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    /// Proposes a call that waits; gives the id of its first requirement and its own.
    #[track_caller]
    pub fn proposed(&self, tool: &str, args: &str) -> (String, String) {
        let waiting = self.json(10, &["call", tool, "--args", args, "--as", "alice"]);
        (first(&waiting), waiting["call"].as_str().unwrap().to_owned())
    }

    /// Decides a requirement.
    #[track_caller]
    pub fn decide(&self, code: i32, on: &str, words: &[&str]) -> Value {
        self.json(code, &[&["decide", on], words].concat())
    }

    /// What is in a file of the data directory; nothing if there is none.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// Writes a file into the data directory, and says where it is.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The kinds of the records of a call, with who did it and the code of a refusal.
    pub fn records(&self, call: &str) -> Vec<String> {
        let log = self.json(0, &["audit", "log", "--call", call]);
        let word = |it: &Value| it.as_str().map_or_else(String::new, |it| format!(" {it}"));
        let items = log["items"].as_array().unwrap();
        items
            .iter()
            .map(|it| {
                format!(
                    "{}{}{}",
                    it["kind"].as_str().unwrap(),
                    word(&it["actor"]["id"]),
                    word(&it["refusal"])
                )
            })
            .collect()
    }
}

/// The id of the first requirement of an answer.
#[track_caller]
pub fn first(answer: &Value) -> String {
    answer["requirements"][0]["id"].as_str().unwrap().to_owned()
}

/// The names of the fields of an object, sorted.
pub fn names(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap();
    let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
    // `serde_json` sorts them only where no crate of the program has made it keep their order.
    names.sort_unstable();
    names
}
