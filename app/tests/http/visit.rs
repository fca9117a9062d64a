//! A client that says exactly what it is told, over one connection for each request.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes. A test that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A request that is not yet sent.
#[derive(Clone)]
pub(crate) struct Visit {
    at: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Visit {
    pub(crate) fn new(at: &str, method: &str, path: &str) -> Self {
        Self {
            at: at.to_owned(),
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    /// A body that claims to be JSON.
    pub(crate) fn text(self, body: &str) -> Self {
        self.header("content-type", "application/json")
            .bytes(body.as_bytes())
    }

    pub(crate) fn bytes(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    /// The head, without the empty line that ends it.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.at);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.at).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends it and reads the head of the answer.
    pub(crate) fn open(&self) -> Answering {
        let mut stream = self.connect();
        let length = self.body.len();
        let mut text = format!("{}connection: close\r\n", self.head());
        if length > 0 || self.method == "POST" {
            let _ = write!(text, "content-length: {length}\r\n");
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend(&self.body);
        // Who is told that it is too much need not send all of it.
        let _ = stream.write_all(&bytes);
        Answering::read(stream).expect("an answer")
    }

    /// Sends it and reads the whole answer.
    pub(crate) fn send(&self) -> Answer {
        self.open().whole()
    }
}

/// An answer of which the head has arrived.
pub(crate) struct Answering {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
    /// What has arrived of a chunked body and is not yet taken.
    kept: String,
}

impl Answering {
    /// None if the connection ends before there is one.
    pub(crate) fn read(stream: TcpStream) -> Option<Self> {
        let mut stream = BufReader::new(stream);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim_end().is_empty() {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |it: &String| {
            let (name, value) = it.split_once(": ").unwrap_or((it, ""));
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Some(Self {
            status,
            headers: lines[1..].iter().map(pair).collect(),
            stream,
            kept: String::new(),
        })
    }

    pub(crate) fn whole(mut self) -> Answer {
        let mut body = Vec::new();
        if header(&self.headers, "transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        } else {
            let _ = self.stream.read_to_end(&mut body);
        }
        Answer {
            status: self.status,
            headers: self.headers,
            body,
        }
    }

    fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok().filter(|it| *it > 0)?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        Some(chunk)
    }

    /// The next event of a stream: its id, its name and its data. None when the stream has ended.
    pub(crate) fn event(&mut self) -> Option<Event> {
        loop {
            while !self.kept.contains("\n\n") {
                let chunk = self.chunk()?;
                self.kept.push_str(&String::from_utf8(chunk).unwrap());
            }
            let at = self.kept.find("\n\n").unwrap();
            let text: String = self.kept.drain(..at + 2).collect();
            let field = |name: &str| {
                let mut lines = text.lines();
                lines.find_map(|it| it.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
            };
            // What keeps a stream alive is no event.
            if let Some(data) = field("data") {
                return Some(Event {
                    id: field("id").map(|it| it.parse().unwrap()),
                    name: field("event").unwrap_or_default(),
                    data: serde_json::from_str(&data).unwrap(),
                });
            }
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Checks that it is a problem as they all are, and gives its code.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        let said = self.json();
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        assert_eq!(said["status"], self.status, "{said}");
        let code = said["code"].as_str().unwrap().to_owned();
        assert_eq!(said["type"], format!("urn:countersign:problem:{code}"));
        assert!(said["detail"].as_str().is_some_and(|it| !it.is_empty()), "{said}");
        self.is_guarded();
        code
    }

    /// Checks the headers that every answer has.
    #[track_caller]
    pub(crate) fn is_guarded(&self) {
        let policy = self.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("frame-ancestors 'none'"), "{:?}", self.headers);
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(self.header("x-frame-options"), Some("DENY"));
        assert_eq!(self.header("referrer-policy"), Some("no-referrer"));
        assert!(self.header("cache-control").is_some());
        assert!(self.header("x-request-id").is_some_and(|it| it.len() >= 8));
        assert!(
            !self
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("access-control-"))
        );
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(it, _)| it == name);
    found.next().map(|(_, value)| value.as_str())
}
