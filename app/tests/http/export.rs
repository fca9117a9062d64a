//! The history of approvals as CSV.

use serde_json::{Value, json};

use crate::served::{House, Served};

/// What RFC 4180 makes of a text: lines of cells.
fn read(text: &str) -> Vec<Vec<String>> {
    let (mut lines, mut line, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => cell.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => line.push(std::mem::take(&mut cell)),
            ('\r', false) => {
                assert_eq!(letters.next(), Some('\n'), "a line ends with CR and LF");
                line.push(std::mem::take(&mut cell));
                lines.push(std::mem::take(&mut line));
            }
            _ => cell.push(letter),
        }
    }
    assert!(
        !quoted && cell.is_empty() && line.is_empty(),
        "it ends with a line"
    );
    lines
}

fn csv(served: &Served, actor: &str, query: &str) -> Vec<Vec<String>> {
    let answer = served
        .by(actor, "GET", &format!("/v1/approvals.csv{query}"))
        .send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/csv; charset=utf-8")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"approvals.csv\"")
    );
    let mut lines = read(&answer.text());
    assert_eq!(lines.remove(0)[..3], ["call", "tool", "requester"]);
    assert!(lines.iter().all(|it| it.len() == 13), "{lines:?}");
    lines
}

/// The ids of all pages of the list.
fn listed(served: &Served, actor: &str) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = served.get(actor, &format!("/v1/approvals?limit=100{after}"));
        found.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|it| it["call"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            return found;
        };
        after = format!("&after={next}");
    }
}

#[test]
fn a_spreadsheet_gets_what_its_reader_may_see_in_the_order_of_the_list() {
    let house = House::new();
    let served = house.serve(&[]);
    for door in 0..250 {
        served.propose("alice", "unlock", &json!({"door": format!("door-{door}")}));
    }
    // Of others, nothing: a call without a pool is its requester's alone, and no approval.
    served.propose("mallory", "restart", &json!({"service": "mail"}));
    let (paid, _) = served.propose("mallory", "pay", &json!({"to": "eve", "cents": 1}));
    let lines = csv(&served, "bob", "");
    let ids: Vec<Value> = lines.iter().map(|it| it[0].as_str().into()).collect();
    assert_eq!(ids.len(), 251);
    assert_eq!(ids, listed(&served, "bob"));
    for actor in ["mallory", "robot", "dora", "audrey", "alice"] {
        let lines = csv(&served, actor, "");
        let ids: Vec<Value> = lines.iter().map(|it| it[0].as_str().into()).collect();
        assert_eq!(ids, listed(&served, actor), "{actor}");
    }
    assert_eq!(csv(&served, "mallory", "").len(), 1);
    assert_eq!(csv(&served, "mallory", "")[0][0], paid);
    assert_eq!(csv(&served, "dora", "").len(), 0);
    assert_eq!(csv(&served, "alice", "?tool=unlock&requester=alice").len(), 250);
    assert_eq!(csv(&served, "alice", "?outcome=rejected").len(), 0);
    for wrong in ["tool=%00", "requester=%00"] {
        let answer = served
            .by("bob", "GET", &format!("/v1/approvals.csv?{wrong}"))
            .send();
        assert_eq!(answer.status, 400, "{wrong}");
    }
    assert_eq!(served.visit("GET", "/v1/approvals.csv").send().status, 401);
}

#[test]
fn what_somebody_wrote_is_no_formula_and_stays_whole() {
    let house = House::new();
    let served = house.serve(&[]);
    for (reason, told) in [
        (
            "=HYPERLINK(\"https://evil.example\",\"look\")\r\nsecond line",
            true,
        ),
        ("+49 30", true),
        ("-1+1", true),
        ("@SUM(A1)", true),
        ("\t=1", true),
        ("\r=1", true),
        ("no, \"never\"; a=b", false),
    ] {
        let (call, asked) = served.propose("alice", "unlock", &json!({"door": "vault"}));
        let (status, said) = served.decide("bob", &asked, &json!({"decision": "reject", "reason": reason}));
        assert_eq!(status, 200, "{said}");
        let newest = csv(&served, "alice", "?by=bob").remove(0);
        let tick = if told { "'" } else { "" };
        assert_eq!(newest[0], call);
        assert_eq!(newest[8..11], ["rejected", "bob", &format!("{tick}{reason}")]);
    }
}
