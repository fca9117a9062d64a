//! The history of approvals as CSV.

use serde_json::json;

use crate::served::House;

#[test]
fn a_spreadsheet_gets_what_its_reader_may_see_and_no_formula() {
    let house = House::new();
    let served = house.serve(&[]);
    for door in 0..250 {
        served.propose("alice", "unlock", &json!({"door": format!("door-{door}")}));
    }
    let (call, asked) = served.propose("alice", "unlock", &json!({"door": "vault"}));
    let reason = "=HYPERLINK(\"https://evil.example\",\"look\")\r\nsecond line";
    let (status, said) = served.decide("bob", &asked, &json!({"decision": "reject", "reason": reason}));
    assert_eq!(status, 200, "{said}");
    let answer = served.by("bob", "GET", "/v1/approvals.csv").send();
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
    let text = answer.text();
    let quoted = "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"look\"\")\r\nsecond line\"";
    assert!(text.starts_with("call,tool,requester,agent,"), "{text}");
    let newest = format!("\r\n{call},unlock,alice,,managers,,closed,rejected,bob,{quoted},");
    assert!(text.contains(&newest), "{text}");
    // All pages, each call once, and the second line of the reason.
    assert_eq!(text.matches(",unlock,alice,").count(), 251);
    assert_eq!(text.lines().count(), 1 + 251 + 1);
    let one = served.by("bob", "GET", "/v1/approvals.csv?outcome=rejected&by=bob").send().text();
    assert_eq!(one.matches(",unlock,alice,").count(), 1, "{one}");
    let none = served.by("mallory", "GET", "/v1/approvals.csv").send().text();
    assert_eq!(none.lines().count(), 1, "{none}");
    assert_eq!(served.by("bob", "GET", "/v1/approvals.csv?tool=%00").send().status, 400);
}
