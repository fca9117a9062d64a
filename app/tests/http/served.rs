//! The house as a process: started, asked, stopped, killed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::house::{EVERYBODY, answer};
use crate::visit::Visit;

/// The words of the command line, for the process that is the program.
const WORDS: &str = "HOUSE_WORDS";

/// The program. What is started here is this binary with this test and [`WORDS`]; otherwise there is nothing to do.
#[test]
fn program() {
    let Ok(words) = std::env::var(WORDS) else { return };
    let words: Vec<String> = serde_json::from_str(&words).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let code = runtime.block_on(answer(words.into_iter().map(Into::into).collect()));
    let code = (0..=u8::MAX).find(|it| ExitCode::from(*it) == code);
    std::process::exit(code.map_or(255, i32::from));
}

/// A command of the program on a data directory.
pub(crate) fn command(data: &Path, words: &[&str]) -> Command {
    let mut all = vec!["house", "--json", "--data", data.to_str().unwrap()];
    all.extend(words);
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "served::program", "--nocapture", "--test-threads=1"])
        .env(WORDS, serde_json::to_string(&all).unwrap())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .stdout(Stdio::piped());
    command
}

/// Runs a command to its end: its exit code and what it said.
pub(crate) fn run(data: &Path, words: &[&str]) -> (i32, Value) {
    let output = command(data, words).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // The test harness says things too.
    let answer = said
        .lines()
        .find_map(|it| it.find('{').and_then(|at| serde_json::from_str(&it[at..]).ok()));
    (output.status.code().unwrap(), answer.unwrap_or(Value::Null))
}

/// Makes a key of an actor, with what else is to be said: its id and its secret.
pub(crate) fn key(data: &Path, actor: &str, more: &[&str]) -> (String, String) {
    let mut words = vec!["key", "create", "--actor", actor];
    words.extend(more);
    let (code, made) = run(data, &words);
    assert_eq!(code, 0, "{made}");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// A data directory, and the ids and secrets of the keys in it.
type Template = (TempDir, BTreeMap<&'static str, (String, String)>);

/// One with a key for everybody, made once.
fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let keys = EVERYBODY.map(|actor| (actor, key(dir.path(), actor, &[])));
        (dir, keys.into())
    })
}

/// A data directory of one's own, with everybody's key.
pub(crate) struct House {
    pub(crate) dir: TempDir,
}

impl House {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(template().0.path()).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
            }
        }
        Self { dir }
    }

    pub(crate) fn data(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.data().join("countersign.db")
    }

    /// The store's file, beside the server.
    pub(crate) fn sql(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.store()).unwrap();
        connection
            .busy_timeout(std::time::Duration::from_secs(10))
            .unwrap();
        connection
    }

    /// What the tools have done.
    pub(crate) fn effects(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.data().join("effects")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// How many entries the audit log has.
    pub(crate) fn log_size(&self) -> i64 {
        let sum = "SELECT coalesce(sum(size), 0) FROM log_head";
        self.sql().query_row(sum, [], |it| it.get(0)).unwrap()
    }

    /// Starts a server on it.
    pub(crate) fn serve(&self, more: &[&str]) -> Served {
        self.serve_with(more, |_| {})
    }

    pub(crate) fn serve_with(&self, more: &[&str], change: impl FnOnce(&mut Command)) -> Served {
        let mut words = vec!["serve"];
        for usual in [["--listen", "127.0.0.1:0"], ["--rate", "100000"]] {
            if !more.contains(&usual[0]) {
                words.extend(usual);
            }
        }
        words.extend(more);
        let mut command = command(self.data(), &words);
        change(&mut command);
        Served::started(command)
    }
}

/// The token of somebody's key.
pub(crate) fn token(actor: &str) -> &'static str {
    &template().1[actor].1
}

/// The id of somebody's key.
pub(crate) fn key_id(actor: &str) -> &'static str {
    &template().1[actor].0
}

/// A server process. A test that fails leaves none behind.
pub(crate) struct Served {
    child: Child,
    said: BufReader<ChildStdout>,
    /// `127.0.0.1:PORT`.
    pub(crate) at: String,
    pub(crate) links: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Served {
    fn started(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let serving: Value = loop {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it does not serve");
            let found = line.find("{\"").map(|at| serde_json::from_str(&line[at..]));
            if let Some(Ok(serving)) = found {
                break serving;
            }
        };
        let url = serving["url"].as_str().unwrap();
        Self {
            child,
            said,
            at: url.split_once("://").unwrap().1.to_owned(),
            links: serving["links"].clone(),
        }
    }

    /// A request without anything.
    pub(crate) fn visit(&self, method: &str, path: &str) -> Visit {
        Visit::new(&self.at, method, path)
    }

    /// One of somebody with a key.
    pub(crate) fn by(&self, actor: &str, method: &str, path: &str) -> Visit {
        self.visit(method, path).bearer(token(actor))
    }

    pub(crate) fn get(&self, actor: &str, path: &str) -> Value {
        let answer = self.by(actor, "GET", path).send();
        assert_eq!(answer.status, 200, "GET {path} by {actor}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn post(&self, actor: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.by(actor, "POST", path).json(body).send();
        (answer.status, answer.json())
    }

    /// Proposes a call that waits: its id, and that of what it asks.
    pub(crate) fn propose(&self, actor: &str, tool: &str, arguments: &Value) -> (String, String) {
        let body = serde_json::json!({"arguments": arguments});
        let (status, said) = self.post(actor, &format!("/v1/tools/{tool}/calls"), &body);
        assert_eq!(status, 202, "{said}");
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        (text(&said["call"]), text(&said["requirements"][0]["id"]))
    }

    /// Decides something.
    pub(crate) fn decide(&self, actor: &str, requirement: &str, decision: &Value) -> (u16, Value) {
        self.post(
            actor,
            &format!("/v1/requirements/{requirement}/decisions"),
            decision,
        )
    }

    /// The most memory that it has had, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end: its exit code, and what it said last.
    pub(crate) fn ended(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code().unwrap(), rest)
    }
}
