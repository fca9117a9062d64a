//! Spans as a collector gets them: over HTTP, in protobuf, on a port of this machine.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::trace::{Otlp, Recorder};
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

/// A protobuf message, as its fields by number (protobuf.dev/programming-guides/encoding). What the numbers mean
/// is in `opentelemetry/proto/{trace,common}/v1`; each reader below names the field that it reads.
struct Message(Vec<(u64, Value)>);

enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn read(bytes: &[u8]) -> Self {
        fn varint(rest: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let (first, others) = rest.split_first().expect("a whole number");
                *rest = others;
                value |= u64::from(first & 0x7f) << shift;
                shift += 7;
                if first & 0x80 == 0 {
                    return value;
                }
            }
        }
        fn taken<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
            let (taken, others) = rest.split_at(length);
            *rest = others;
            taken
        }
        let (mut rest, mut fields) = (bytes, Vec::new());
        while !rest.is_empty() {
            let tag = varint(&mut rest);
            let value = match tag & 7 {
                0 => Value::Number(varint(&mut rest)),
                1 => Value::Number(u64::from_le_bytes(taken(&mut rest, 8).try_into().unwrap())),
                2 => {
                    let length = usize::try_from(varint(&mut rest)).unwrap();
                    Value::Bytes(taken(&mut rest, length).to_vec())
                }
                5 => Value::Number(u32::from_le_bytes(taken(&mut rest, 4).try_into().unwrap()).into()),
                other => panic!("wire type {other}"),
            };
            fields.push((tag >> 3, value));
        }
        Self(fields)
    }

    fn all<'a>(&'a self, number: u64) -> Vec<&'a [u8]> {
        let found = |(at, value): &'a (u64, Value)| match value {
            Value::Bytes(bytes) if *at == number => Some(bytes.as_slice()),
            Value::Bytes(_) | Value::Number(_) => None,
        };
        self.0.iter().filter_map(found).collect()
    }

    fn messages(&self, number: u64) -> Vec<Self> {
        self.all(number).into_iter().map(Self::read).collect()
    }

    fn one(&self, number: u64) -> Self {
        let mut found = self.messages(number);
        assert_eq!(found.len(), 1, "field {number}");
        found.remove(0)
    }

    fn bytes(&self, number: u64) -> Vec<u8> {
        self.all(number).concat()
    }

    fn text(&self, number: u64) -> String {
        String::from_utf8(self.bytes(number)).unwrap()
    }

    fn number(&self, number: u64) -> u64 {
        let found = self.0.iter().find_map(|(at, value)| match value {
            Value::Number(value) if *at == number => Some(*value),
            _ => None,
        });
        found.unwrap_or_default()
    }

    /// Texts by name, of the `KeyValue`s (key 1, value 2) with a string (1) in this field.
    fn attributes(&self, number: u64) -> BTreeMap<String, String> {
        let pairs = self.messages(number);
        pairs.iter().map(|it| (it.text(1), it.one(2).text(1))).collect()
    }
}

/// A span as it was sent.
#[derive(Debug)]
struct Sent {
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    started: u64,
    ended: u64,
    attributes: BTreeMap<String, String>,
    links: Vec<(Vec<u8>, Vec<u8>)>,
    /// `STATUS_CODE_ERROR` is 2.
    status: u64,
    words: String,
}

impl Sent {
    fn read(span: &Message) -> Self {
        let status = span.messages(15).pop().unwrap_or(Message(Vec::new()));
        Self {
            trace: span.bytes(1),
            id: span.bytes(2),
            parent: span.bytes(4),
            name: span.text(5),
            started: span.number(7),
            ended: span.number(8),
            attributes: span.attributes(9),
            links: span
                .messages(13)
                .iter()
                .map(|it| (it.bytes(1), it.bytes(2)))
                .collect(),
            status: status.number(3),
            words: status.text(2),
        }
    }
}

/// An `ExportTraceServiceRequest`.
struct Exported {
    service: BTreeMap<String, String>,
    scope: String,
    spans: Vec<Sent>,
}

impl Exported {
    fn read(body: &[u8]) -> Self {
        let resource_spans = Message::read(body).one(1);
        let scope_spans = resource_spans.one(2);
        Self {
            service: resource_spans.one(1).attributes(1),
            scope: scope_spans.one(1).text(1),
            spans: scope_spans.messages(2).iter().map(Sent::read).collect(),
        }
    }

    fn named(&self, name: &str) -> Vec<&Sent> {
        self.spans.iter().filter(|it| it.name == name).collect()
    }
}

/// Pays a bill, if it is small.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
async fn pay(cents: u64) -> Result<u64, String> {
    if cents < 100 {
        Ok(cents)
    } else {
        Err("too much for Alice".to_owned())
    }
}

/// What a collector was sent: the path and the body of each request.
struct Collector {
    endpoint: String,
    heard: Receiver<(String, Exported)>,
}

impl Collector {
    /// Answers every request with this status, for as long as the test runs.
    fn answering(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (hear, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                let head = head.to_ascii_lowercase();
                let length = head
                    .split("content-length: ")
                    .nth(1)
                    .unwrap()
                    .lines()
                    .next()
                    .unwrap();
                assert!(head.contains("content-type: application/x-protobuf"), "{head}");
                let mut body = vec![0; length.parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                let request = Exported::read(&body);
                let path = head.split(' ').nth(1).unwrap().to_owned();
                let _ = hear.send((path, request));
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                reader.into_inner().write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { endpoint, heard }
    }
}

/// Pays this much, confirmed and approved, and tells `otlp` of it.
async fn paid(otlp: &Otlp, cents: u64) -> String {
    let subscriber = tracing_subscriber::registry().with(Recorder::new().to(otlp.clone()).layer());
    let _listening = tracing::subscriber::set_default(subscriber);
    let policy = r#"
        actors.alice.kind = "person"
        actors.bob = { kind = "person", roles = ["manager"] }
        pools.managers.roles = ["manager"]
    "#;
    let engine = Engine::builder()
        .store(Sqlite::in_memory().unwrap())
        .registry(Registry::of::<pay>().unwrap())
        .policy(Policy::parse(policy).unwrap())
        .worker(false)
        .start()
        .await
        .unwrap();
    let who = |name| Identity::asserted(name).unwrap();
    let called = engine
        .call("pay", json!({"cents": cents}))
        .by(&who("alice"))
        .await
        .unwrap();
    let Called::Waiting(waiting) = called else {
        panic!("it waits")
    };
    let asked = waiting.active_requirements().remove(0);
    let decided = engine
        .desk()
        .decide(Decision::confirm(&asked).by(&who("alice")))
        .await
        .unwrap();
    let asked = decided.call.unwrap().requirements().remove(0);
    engine
        .desk()
        .decide(Decision::approve(&asked).by(&who("bob")))
        .await
        .unwrap();
    engine.worker().advance(waiting.call_id()).await.unwrap();
    waiting.call_id().to_string()
}

#[tokio::test]
async fn a_collector_gets_names_attributes_and_links() {
    let collector = Collector::answering("200 OK");
    let otlp = Otlp::to(&collector.endpoint, "refunds").unwrap();
    let id = paid(&otlp, 99).await;
    otlp.flush().unwrap();
    let (path, sent) = collector.heard.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(path, "/v1/traces");
    assert_eq!(sent.service["service.name"], "refunds");
    assert_eq!((sent.scope.as_str(), sent.spans.len()), ("countersign", 4));

    let (execution, call) = (sent.named("execute_tool pay")[0], sent.named("call pay")[0]);
    let pauses = sent.named("pause pay");
    let paused: Vec<_> = pauses
        .iter()
        .map(|it| (it.trace.clone(), it.id.clone()))
        .collect();
    assert_eq!((execution.links.len(), &execution.links), (2, &paused));
    assert!(
        sent.spans
            .iter()
            .all(|it| it.trace == call.trace && it.trace.len() == 16 && it.id.len() == 8)
    );
    assert_eq!(execution.parent, call.id);
    assert!(call.parent.is_empty());
    for (name, value) in [
        ("gen_ai.operation.name", "execute_tool"),
        ("gen_ai.tool.name", "pay"),
        ("gen_ai.tool.type", "function"),
        ("gen_ai.tool.call.id", &id),
        ("gen_ai.tool.description", "Pays a bill, if it is small."),
    ] {
        assert_eq!(execution.attributes[name], value);
    }
    assert_eq!(
        (execution.status, execution.attributes.get("error.type")),
        (0, None)
    );
    assert_eq!(pauses[1].attributes["countersign.decision"], "approved");
    assert!(
        sent.spans
            .iter()
            .all(|it| 0 < it.started && it.started <= it.ended)
    );
}

#[tokio::test]
async fn a_failure_is_an_error_without_its_words() {
    let collector = Collector::answering("200 OK");
    let otlp = Otlp::to(&collector.endpoint, "refunds").unwrap();
    paid(&otlp, 100).await;
    otlp.flush().unwrap();
    let (_, sent) = collector.heard.recv_timeout(Duration::from_secs(30)).unwrap();
    for name in ["execute_tool pay", "call pay"] {
        let span = sent.named(name)[0];
        assert_eq!((span.status, span.words.as_str()), (2, ""));
        assert_eq!(span.attributes["error.type"], "tool_error");
    }
    assert!(!format!("{:?}", sent.spans).contains("Alice"));
}

#[tokio::test]
async fn a_collector_that_fails_or_is_gone_harms_no_call() {
    let refusing = Collector::answering("400 Bad Request");
    let otlp = Otlp::to(&refusing.endpoint, "refunds").unwrap();
    paid(&otlp, 1).await;
    assert!(otlp.flush().is_err());

    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let otlp = Otlp::to(&format!("http://{port}/v1/traces"), "refunds").unwrap();
    paid(&otlp, 1).await;
    let error = otlp.flush().unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
}
