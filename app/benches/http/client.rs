//! The least of a client that keeps its connection, and the processes that it asks.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// Says what a process of this program is to be.
pub(crate) const ROLE: &str = "COUNTERSIGN_BENCH";

/// A server in a process of its own.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: String,
}

fn program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(ROLE, role).stdout(Stdio::piped());
    command
}

/// An API key of somebody.
pub(crate) fn key(dir: &Path, actor: &str) -> String {
    let made = program("server")
        .args(["--json", "--data"])
        .arg(dir)
        .args(["key", "create", "--actor", actor])
        .output()
        .expect("a key");
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    made["secret"].as_str().expect("a secret").to_owned()
}

impl Process {
    pub(crate) fn server(dir: &Path) -> Self {
        let mut command = program("server");
        command.args(["--json", "--traces", "off", "--data"]).arg(dir);
        command.args(["serve", "--listen", "127.0.0.1:0", "--rate", "1000000"]);
        Self::began(command)
    }

    pub(crate) fn peer(store: &Path) -> Self {
        let mut command = program("peer");
        command.arg(store);
        Self::began(command)
    }

    fn began(mut command: Command) -> Self {
        use std::io::BufRead as _;
        let mut child = command.spawn().expect("a server");
        let mut line = String::new();
        let out = child.stdout.take().expect("its words");
        std::io::BufReader::new(out)
            .read_line(&mut line)
            .expect("where it listens");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        let address = told["url"]
            .as_str()
            .expect("a place")
            .trim_start_matches("http://")
            .to_owned();
        Self { child, address }
    }

    pub(crate) async fn client(&self, key: &str) -> Client {
        let stream = TcpStream::connect(&self.address).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Client {
            stream: BufReader::new(stream),
            key: key.to_owned(),
        }
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its times");
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks: u64 = [11, 12]
            .iter()
            .filter_map(|it| fields.get(*it)?.parse::<u64>().ok())
            .sum();
        // The kernel gives hundredths of a second.
        Duration::from_millis(ticks * 10)
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its memory");
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        line.and_then(|it| it.split_whitespace().next()?.parse().ok())
            .expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    pub(crate) key: String,
}

impl Client {
    pub(crate) async fn get(&mut self, place: &str) -> Value {
        self.ask("GET", place, "").await
    }

    pub(crate) async fn post(&mut self, place: &str, body: &Value) -> Value {
        self.ask("POST", place, &body.to_string()).await
    }

    async fn ask(&mut self, method: &str, place: &str, body: &str) -> Value {
        self.send(method, place, body).await;
        let length = self.head().await.expect("a length");
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.expect("an answer");
        serde_json::from_slice(&answer).unwrap_or(Value::Null)
    }

    /// Opens a stream of events, and leaves it open.
    pub(crate) async fn listen(&mut self) {
        self.send("GET", "/v1/events", "").await;
        assert_eq!(self.head().await, None, "a stream has no length");
    }

    async fn send(&mut self, method: &str, place: &str, body: &str) {
        let request = format!(
            "{method} {place} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nPrefer: wait=10\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
    }

    /// Reads the head of an answer, and says how long its body is.
    async fn head(&mut self) -> Option<usize> {
        let (mut length, mut line) = (None, String::new());
        loop {
            line.clear();
            self.stream.read_line(&mut line).await.expect("a line");
            if let Some(it) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = it.trim().parse().ok();
            }
            if line.trim_end().is_empty() {
                return length;
            }
        }
    }
}
