//! Clients that take their time, go away, or have the server wait.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::attacks::settled;
use crate::served::House;
use crate::visit::{Answering, Visit};

/// All kinds of clients that do not come to an end, side by side: each is cut by the server, and others are served.
#[test]
fn who_is_slow_is_cut() {
    let house = House::new();
    let served = house.serve(&[]);
    let write = |text: &str| {
        let mut stream = served.visit("GET", "/").connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = served
        .by("alice", "POST", "/v1/tools/count/calls")
        .header("content-type", "application/json")
        .head();
    let open = Visit::new(&served.at, "POST", "/v1/external/x.y")
        .header("content-type", "application/json")
        .head();
    let silent = write("");
    let half = write("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ");
    let bodiless = write(&format!("{head}content-length: 1000\r\n\r\n{{\"argum"));
    let stranger = write(&format!("{open}content-length: 1000\r\n\r\n"));
    let idle = write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut trickling = write(&format!("{head}transfer-encoding: chunked\r\n\r\n"));
    assert_eq!(served.visit("GET", "/healthz").send().status, 200);
    std::thread::scope(|scope| {
        for (name, stream) in [("silent", silent), ("half", half), ("idle", idle)] {
            scope.spawn(move || {
                let mut stream = stream;
                let mut rest = Vec::new();
                assert!(stream.read_to_end(&mut rest).is_ok(), "{name} is never cut");
            });
        }
        for stream in [bodiless, stranger] {
            scope.spawn(move || {
                let answer = Answering::read(stream).expect("an answer").whole();
                assert_eq!((answer.status, answer.problem().as_str()), (408, "body_too_slow"));
            });
        }
        scope.spawn(move || {
            // One byte for each byte that could be read: never idle, never done.
            let reader = trickling.try_clone().unwrap();
            reader
                .set_read_timeout(Some(std::time::Duration::from_millis(100)))
                .unwrap();
            let mut byte = [0];
            let mut answered = false;
            while trickling.write_all(b"1\r\n \r\n").is_ok() {
                match (&reader).read(&mut byte) {
                    Ok(0) => break,
                    Ok(_) => answered = true,
                    Err(_) => {}
                }
            }
            assert!(answered, "a body that trickles is never cut");
        });
    });
    assert_eq!(house.effects(), Vec::<String>::new());
}

/// A tool that runs in place is run to its end, whoever waits for it.
#[test]
fn who_goes_away_stops_nothing_half_way() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let path = "/v1/tools/take_long_in_place/calls";
    let body = json!({"arguments": {"port": port}}).to_string();
    let head = served
        .by("alice", "POST", path)
        .header("content-type", "application/json")
        .head();
    let mut stream = served.visit("POST", path).connect();
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let (tool, _) = listener.accept().unwrap();
    drop(stream);
    // The server has seen that the client is gone when it has answered somebody who came later, a few times over.
    for _ in 0..20 {
        assert_eq!(served.visit("GET", "/healthz").send().status, 200);
    }
    drop(tool);
    let again = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = again.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(again.accept().unwrap()));
        assert_eq!(
            served
                .post("alice", path, &json!({"arguments": {"port": port}}))
                .0,
            200
        );
    });
    assert_eq!(house.effects().len(), 2, "{:?}", house.effects());
}

/// Waiting holds a connection, so there is an end to how many one actor can have wait.
#[test]
fn waiting_is_a_wish() {
    let house = House::new();
    let served = house.serve(&[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (call, asked) = served.propose("alice", "take_long", &json!({"port": port}));
    assert_eq!(
        served.decide("alice", &asked, &json!({"decision": "confirm"})).0,
        202
    );
    let (tool, _) = listener.accept().unwrap();
    let streams: Vec<_> = (0..64)
        .map(|_| served.by("alice", "GET", "/v1/events").open())
        .collect();
    assert!(streams.iter().all(|it| it.status == 200));
    let refused = served.by("alice", "GET", "/v1/events").send();
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (429, "too_many_requests")
    );
    assert!(refused.header("retry-after").is_some());
    let now = served
        .by("alice", "GET", &format!("/v1/calls/{call}"))
        .header("prefer", "wait=30")
        .send();
    assert_eq!(
        now.json()["phase"],
        "executing",
        "it does not wait where there is no room"
    );
    assert_eq!(served.by("bob", "GET", "/v1/events").open().status, 200);
    drop((streams, tool));
    assert_eq!(settled(&served, &call)["outcome"], "returned");
}
