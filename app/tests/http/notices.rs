//! What a served program tells others, over real connections, and when it is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use serde_json::{Value, json};

use crate::house::POLICY;
use crate::served::{House, Served, run};

/// 32 times the number 1.
const SECRET: &str = "whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The test secret 1 of RFC 8032, section 7.1, and its public key.
const OWN: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A house that tells the web hook at this port.
fn house(port: u16) -> House {
    let house = House::new();
    let config = format!(
        "[notify]\nexternal = ['webhook:erp']\n\
         [external]\nsigned_by = ['erp']\n\
         [webhooks.erp]\nurl = 'http://127.0.0.1:{port}/hook'\nallow_private = true\nreport_as = 'relay'\n\
         secrets = ['{SECRET}', {{ file = 'own.key' }}]\n"
    );
    std::fs::write(house.data().join("serve.toml"), config).unwrap();
    std::fs::write(house.data().join("own.key"), OWN).unwrap();
    house
}

fn serve(house: &House) -> Served {
    house.serve_with(&[], |it| {
        let notified = r#"managers = { roles = ["manager"], notify = ["webhook:erp"] }"#;
        let policy = POLICY.replace(r#"managers = { roles = ["manager"] }"#, notified);
        assert_ne!(policy, POLICY);
        it.env("HOUSE_POLICY", policy);
    })
}

/// A receiver that says what it got: the id, and the body.
fn receiver() -> (u16, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let (mut line, mut id, mut length) = (String::new(), String::new(), 0);
            while connection.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some((name, value)) = line.trim().split_once(": ") {
                    match name {
                        "webhook-id" => value.clone_into(&mut id),
                        "content-length" => length = value.parse().unwrap(),
                        _ => {}
                    }
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if connection.read_exact(&mut body).is_err() {
                continue;
            }
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            let _ = connection.get_mut().write_all(answer);
            if tell.send((id, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn a_decision_stands_and_its_notice_arrives_also_after_a_kill() {
    let (port, told) = receiver();
    let house = house(port);
    let mut served = serve(&house);
    let (call, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
    let (id, notice) = told.recv().unwrap();
    assert_eq!(notice["type"], "requirement.asked");
    assert_eq!(notice["data"]["asked"]["id"], asked.as_str());
    assert_eq!(notice["data"]["asked"]["arguments"], json!({"door": "north"}));
    assert_eq!(
        notice["data"]["link"],
        format!("http://{}/calls/{call}", served.at)
    );
    // Decided while nobody is there to tell of it: the answer is given before the outbox can look.
    let decided = served.decide("bob", &asked, &json!({"decision": "approve"}));
    served.kill();
    assert!(matches!(decided.0, 200 | 202), "{}", decided.1);
    let served = serve(&house);
    let (other, notice) = told.recv().unwrap();
    assert_eq!(
        (&notice["type"], &notice["data"]["requirement"]),
        (&json!("requirement.decided"), &json!(asked))
    );
    assert_eq!(notice["data"]["asked"], Value::Null);
    assert_ne!(id, other);
    served.terminate();
    assert_eq!(served.ended().0, 0);
    assert!(told.try_recv().is_err(), "each was told once");
}

/// Killed wherever it is, again and again: after as many other answers as the round says.
#[test]
fn wherever_it_is_killed_each_notice_arrives() {
    let rounds = if std::env::var_os("COUNTERSIGN_LONG").is_some() {
        1000
    } else {
        12
    };
    let (port, told) = receiver();
    let house = house(port);
    let (mut asked, mut seen) = (Vec::new(), BTreeMap::new());
    for round in 0..rounds {
        let mut served = serve(&house);
        let (_, new) = served.propose("alice", "unlock", &json!({"door": round.to_string()}));
        // Whatever the last round left undecided, and every other of the new ones.
        let said = asked
            .last()
            .filter(|_| round % 3 == 0)
            .into_iter()
            .chain((round % 2 == 0).then_some(&new));
        for on in said {
            served.decide("bob", on, &json!({"decision": "approve"}));
        }
        for _ in 0..(round * 7) % 12 {
            served.visit("GET", "/healthz").send();
        }
        served.kill();
        asked.push(new);
    }
    let served = serve(&house);
    for on in &asked {
        served.decide("bob", on, &json!({"decision": "approve"}));
    }
    // Each requirement is told of at least once, and last of its end; who got its question before it was answered got both.
    let mut ended = BTreeSet::new();
    while ended.len() < asked.len() {
        let patience = std::time::Duration::from_secs(90);
        let (id, notice) = told.recv_timeout(patience).expect("a notice is missing");
        let on = notice["data"]["requirement"].as_str().unwrap().to_owned();
        if notice["type"] == "requirement.decided" {
            ended.insert(on.clone());
        }
        let what = (on, notice["type"].as_str().unwrap().to_owned());
        // Twice is allowed after a kill, and then it has the same id.
        assert_eq!(seen.entry(what).or_insert_with(|| id.clone()), &id);
    }
    assert_eq!(asked.len(), rounds);
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    for (text, says) in [
        (
            "[webhooks.erp]\nurl = 'http://127.0.0.1/'\nsecrets = ['whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB']",
            "webhooks.erp.url: it is not https",
        ),
        (
            "[webhooks.erp]\nurl = 'https://10.0.0.1/'\nsecrets = ['whsec_AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB']",
            "10.0.0.1 is not an address",
        ),
        (
            "[webhooks.erp]\nurl = 'https://erp.example/'\nsecrets = ['open sesame']",
            "webhooks.erp.secrets: ",
        ),
        (
            "[webhooks.erp]\nurl = 'https://erp.example/'\nsecrets = []",
            "webhooks.erp.secrets: there is none",
        ),
        (
            "[notify]\nin_doubt = ['webhook:erp']",
            "nothing here carries to `webhook:erp`",
        ),
        ("[external]\nsigned_by = ['erp']", "there is no web hook `erp`"),
        ("[webhook.erp]\nurl = 'x'", "unknown field `webhook`"),
    ] {
        let house = House::new();
        std::fs::write(house.data().join("serve.toml"), text).unwrap();
        let (code, said) = run(house.data(), &["serve", "--listen", "127.0.0.1:0"]);
        assert_ne!(code, 0);
        let said = said.to_string();
        assert!(said.contains(says) && !said.contains("sesame"), "{text}: {said}");
    }
}

/// The libraries are installed and named by `.ci/webhooks`; without them there is nothing to do.
#[test]
fn before_the_libraries() {
    let Ok(judges) = std::env::var("WEBHOOK_JUDGES") else {
        return;
    };
    for judge in judges.split(';') {
        let words: Vec<&str> = judge.split(' ').collect();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .envs([("SECRET", SECRET), ("PUBLIC", PUBLIC)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || -> Value { serde_json::from_str(&said.next().unwrap().unwrap()).unwrap() };
        let port = u16::try_from(next()["port"].as_u64().unwrap()).unwrap();
        let house = house(port);
        let served = serve(&house);
        let (_, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
        let is_verified = |said: &Value, kind: &str| {
            assert_eq!(
                (&said["type"], &said["verified"], &said["tampered"]),
                (&json!(kind), &json!(true), &json!(false))
            );
            assert_ne!(said["own_verified"], json!(false));
        };
        is_verified(&next(), "requirement.asked");
        served.decide("bob", &asked, &json!({"decision": "reject", "reason": "not now"}));
        is_verified(&next(), "requirement.decided");
        // The other direction: it reports a result, signed by its library; one that is signed by nobody is refused.
        let (call, _) = served.propose("alice", "order", &json!({"part": "hinge"}));
        let said = next();
        is_verified(&said, "requirement.asked");
        let answers = ["forged", "elsewhere", "reported", "again"].map(|it| said[it].clone());
        assert_eq!(answers, [401, 422, 200, 200].map(|it| json!(it)), "{said}");
        let ended = served.get("alice", &format!("/v1/calls/{call}"));
        assert!(ended.to_string().contains("done by "), "{ended}");
        is_verified(&next(), "requirement.decided");
        drop(child.stdin.take());
        child.wait().unwrap();
        println!("judged by {judge}");
    }
}
