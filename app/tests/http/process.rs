//! The process: where it listens, TLS, and how it ends.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::json;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::served::{House, run, token};

#[test]
fn keys_never_cross_a_network_in_the_clear() {
    let house = House::new();
    for place in ["0.0.0.0:0", "[::]:0"] {
        let (code, said) = run(house.data(), &["serve", "--listen", place]);
        assert_eq!(code, 2, "{said}");
    }
    for wrong in [
        &["--tls-cert", "/nowhere", "--tls-key", "/nowhere"][..],
        &["--tls-cert", "/nowhere"],
        &[
            "--behind-proxy",
            "--tls-cert",
            "/nowhere",
            "--tls-key",
            "/nowhere",
        ],
    ] {
        let words: Vec<&str> = ["serve", "--listen", "127.0.0.1:0"]
            .iter()
            .chain(wrong)
            .copied()
            .collect();
        assert_eq!(run(house.data(), &words).0, 2, "{wrong:?}");
    }
    // Whoever says that a proxy speaks TLS may; then nobody gets in by what is printed.
    let served = house.serve(&["--listen", "0.0.0.0:0", "--behind-proxy"]);
    assert_eq!(served.links, json!([]));
    let (code, _) = run(house.data(), &["serve", "--listen", &served.at]);
    assert_ne!(code, 0, "the port is taken");
}

#[test]
fn it_speaks_tls_and_waits_for_no_hand() {
    let house = House::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, secret) = (house.data().join("cert.pem"), house.data().join("key.pem"));
    std::fs::write(&chain, cert.pem()).unwrap();
    std::fs::write(&secret, signing_key.serialize_pem()).unwrap();
    let (chain, secret) = (chain.to_str().unwrap(), secret.to_str().unwrap());
    let served = house.serve(&["--tls-cert", chain, "--tls-key", secret]);
    assert_eq!(served.links, json!([]));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let hello = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(hello, served.visit("GET", "/").connect());
    let head = "GET /v1/tools HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer";
    write!(stream, "{head} {}\r\n\r\n", token("alice")).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    // In the clear there is nothing, and whoever never shakes hands is cut.
    let mut plain = served.visit("GET", "/healthz").connect();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest);
    assert!(!rest.starts_with(b"HTTP/"));
    let mut stalled = served.visit("GET", "/").connect();
    stalled.write_all(&[22, 3, 1]).unwrap();
    let mut rest = Vec::new();
    let cut = stalled.read_to_end(&mut rest);
    let why = cut.as_ref().map_err(std::io::Error::kind);
    assert!(
        !matches!(
            why,
            Err(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        ),
        "{why:?}"
    );
}

#[test]
fn what_was_begun_is_finished() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (call, asked) = served.propose("alice", "take_long", &json!({"port": port}));
    assert_eq!(
        served.decide("alice", &asked, &json!({"decision": "confirm"})).0,
        202
    );
    let (gated, _) = listener.accept().unwrap();
    let in_place = served.by("alice", "POST", "/v1/tools/take_long_in_place/calls");
    let in_place = in_place.json(&json!({"arguments": {"port": port}}));
    let waits = served
        .by("alice", "GET", &format!("/v1/calls/{call}"))
        .header("prefer", "wait=30");
    let mut stream = served.by("alice", "GET", "/v1/events").open();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| waits.send());
        let running = scope.spawn(|| in_place.send());
        let (tool, _) = listener.accept().unwrap();
        // All are connected: the stream, the two that wait, and whoever counts.
        let connected = |count: u32| {
            let metrics = served.visit("GET", "/metrics").send().text();
            metrics.contains(&format!("countersign_http_connections {count}\n"))
        };
        assert!((0..2000).any(|_| connected(4)));
        served.terminate();
        // Streams end, and so does waiting, with how it stands.
        while stream.event().is_some() {}
        let now = waiting.join().unwrap();
        assert_eq!((now.status, &now.json()["phase"]), (200, &json!("executing")));
        // What runs is run to its end, and whoever asked for it is told.
        drop(tool);
        let done = running.join().unwrap();
        assert_eq!((done.status, &done.json()["result"]), (200, &json!("done")));
        drop(gated);
    });
    let (code, said) = served.ended();
    assert_eq!((code, said.trim()), (0, "{\"status\":\"stopped\"}"));
    assert_eq!(house.effects(), ["took long in place", "took long"]);
    let again = house.serve(&[]);
    assert_eq!(
        again.get("alice", &format!("/v1/calls/{call}"))["outcome"],
        "returned"
    );
}

/// Whoever goes on with a run and waits for it does not keep a server from stopping.
#[test]
fn who_goes_on_with_a_run_is_told_when_the_server_stops() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (status, run) = served.post(
        "alice",
        "/v1/agents/herald/runs",
        &json!({"input": format!("wait at {port}")}),
    );
    assert_eq!((status, &run["status"]), (202, &json!("paused")), "{run}");
    let confirms = json!({"decisions": [
        {"requirement": run["requirements"][0]["id"], "say": {"decision": "confirm"}},
    ]});
    let path = format!("/v1/runs/{}/continue", run["run"].as_str().unwrap());
    let goes_on = served
        .by("alice", "POST", &path)
        .header("prefer", "wait=30")
        .json(&confirms);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| goes_on.send());
        let (tool, _) = listener.accept().unwrap();
        let began = Instant::now();
        served.terminate();
        let now = waiting.join().unwrap();
        assert_eq!(now.status, 202, "{}", now.text());
        assert!(began.elapsed() < Duration::from_secs(20), "not before it wanted");
        drop(tool);
    });
    assert_eq!(served.ended().0, 0);
    assert_eq!(house.effects(), ["took long"]);
}
