//! Slack, with a real server: what its people do ends at the desk, and what happens elsewhere ends on their cards.

use std::process::Command;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::runtime::Runtime;

use crate::fake::{Failure, Fake, OPS, TOKEN};
use crate::house::POLICY;
use crate::served::{House, Served, run};
use crate::visit::Answer;

const SECRET: &str = "the-signing-secret-of-no-app-0003";
const BOB: &str = "T0123/U0BOB";

/// A house whose managers are told in `#ops`, and the Slack in which that is.
struct World {
    runtime: Runtime,
    fake: Fake,
    house: House,
}

impl World {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let fake = runtime.block_on(Fake::new());
        let house = House::new();
        let config = format!(
            "[slack]\nteam = 'T0123'\napp = 'A0123'\napi = '{}'\n\
             bot_token = {{ env = 'HOUSE_SLACK_TOKEN' }}\nsigning_secret = {{ file = 'slack.secret' }}\n",
            fake.api()
        );
        std::fs::write(house.data().join("serve.toml"), config).unwrap();
        std::fs::write(house.data().join("slack.secret"), format!("{SECRET}\n")).unwrap();
        Self { runtime, fake, house }
    }

    fn serve(&self) -> Served {
        self.house.serve_with(&[], told)
    }

    /// Waits until a card says something.
    fn until_a_card_says(&self, words: &str) -> Value {
        let said = |fake: &Fake| {
            let cards = fake.messages().into_iter().map(|it| it.body);
            cards.into_iter().find(|it| it.to_string().contains(words))
        };
        self.runtime.block_on(self.fake.until(words, said))
    }
}

fn told(command: &mut Command) {
    let notified = r#"managers = { roles = ["manager"], notify = ["slack:#ops"] }"#;
    let policy = POLICY.replace(r#"managers = { roles = ["manager"] }"#, notified);
    assert_ne!(policy, POLICY);
    command
        .env("HOUSE_POLICY", policy)
        .env("HOUSE_SLACK_TOKEN", TOKEN);
}

/// What Slack sends when somebody presses a button, signed now.
fn press(served: &Served, user: &str, action: &str, requirement: &str, more: &[(&str, &str)]) -> Answer {
    let payload = json!({
        "type": "block_actions", "team": {"id": "T0123"}, "api_app_id": "A0123", "trigger_id": "1.2.3",
        "user": {"id": user, "team_id": "T0123"},
        "container": {"type": "message", "channel_id": OPS, "message_ts": "1764000000.000001"},
        "actions": [{"action_id": action, "value": requirement}],
    });
    let mut form = form_urlencoded::Serializer::new(String::new());
    let body = form.append_pair("payload", &payload.to_string()).finish();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let time = now.unwrap().as_secs().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("v0:{time}:{body}").as_bytes());
    let bytes = mac.finalize().into_bytes();
    let digits = bytes
        .iter()
        .fold(String::new(), |digits, it| format!("{digits}{it:02x}"));
    let visit = served
        .visit("POST", "/slack/interactivity")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", &time)
        .header("x-slack-signature", &format!("v0={digits}"));
    let visit = more
        .iter()
        .fold(visit, |it, (name, value)| it.header(name, value));
    visit.bytes(body.as_bytes()).send()
}

#[test]
fn what_is_decided_in_slack_runs_and_what_is_decided_elsewhere_is_told_there() {
    let world = World::new();
    let served = world.serve();
    let link = json!({"user": BOB, "actor": "bob"});
    assert_eq!(served.post("bob", "/v1/slack/users", &link).0, 403);
    let (status, linked) = served.post("adam", "/v1/slack/users", &link);
    assert_eq!((status, &linked["made_by"]), (200, &json!("adam")));
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
    let card = world.until_a_card_says("door: north");
    let page = format!("http://{}/calls/", served.at);
    assert!(card.to_string().contains(&page), "{card}");
    let pressed = press(&served, "U0BOB", "approve", &asked, &[]);
    assert_eq!((pressed.status, pressed.body.len()), (200, 0));
    pressed.is_guarded();
    world.until_a_card_says("unlock: returned");
    assert_eq!(world.house.effects(), ["unlock north"]);
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "south"}));
    world.until_a_card_says("door: south");
    let no = json!({"decision": "reject", "reason": "it is locked for a reason"});
    assert_eq!(served.decide("carol", &asked, &no).0, 200);
    world.until_a_card_says("Rejected by carol: “it is locked for a reason”");
    assert_eq!(world.fake.calls("chat.postMessage").len(), 2);
    // Whoever loses the link decides nothing more.
    let unlink = served
        .by("adam", "DELETE", "/v1/slack/users?user=T0123%2FU0BOB")
        .send();
    assert_eq!(unlink.status, 204);
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "west"}));
    assert_eq!(press(&served, "U0BOB", "approve", &asked, &[]).status, 200);
    // It is still asked.
    assert_eq!(served.decide("carol", &asked, &no).0, 200);
    assert_eq!(world.house.effects(), ["unlock north"]);
    served.terminate();
    assert_eq!(served.ended().0, 0);
    let (code, report) = run(world.house.data(), &["audit", "verify"]);
    assert_eq!(code, 0, "{report}");
}

#[test]
fn a_card_is_written_once_although_the_server_is_killed_meanwhile() {
    let world = World::new();
    let mut served = world.serve();
    world.fake.fail("chat.postMessage", Failure::Hangs);
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
    world.until_a_card_says("door: north");
    served.kill();
    // Time goes by: its lease lapses, and whoever posted must be done or dead.
    for past in [
        "UPDATE edge SET at = 0 WHERE kind = 'outbox.due'",
        "UPDATE edge SET state = json_set(state, '$.since', '2026-01-01T00:00:00.000Z') WHERE kind = 'slack.card'",
    ] {
        assert_eq!(world.house.sql().execute(past, []).unwrap(), 1);
    }
    let served = world.serve();
    world.runtime.block_on(world.fake.asked("chat.update", 1));
    assert_eq!(
        served.decide("bob", &asked, &json!({"decision": "approve"})).0,
        202
    );
    world.until_a_card_says("unlock: returned");
    assert_eq!(
        (
            world.fake.messages().len(),
            world.fake.calls("chat.postMessage").len()
        ),
        (1, 1)
    );
}

#[test]
fn a_link_that_was_written_past_the_log_shows_in_the_log() {
    let world = World::new();
    let served = world.serve();
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
    let kept = json!({"v": 1, "made_at": "2026-01-01T00:00:00.000Z", "made_by": "adam"}).to_string();
    let insert = "INSERT INTO edge (tenant, kind, id, owner, version, state) \
        SELECT tenant, 'slack.user', 'T0123/U0EVE', 'bob', 0, ?1 FROM edge WHERE kind = 'api_key' LIMIT 1";
    assert_eq!(world.house.sql().execute(insert, [&kept]).unwrap(), 1);
    world.until_a_card_says("door: north");
    assert_eq!(press(&served, "U0EVE", "approve", &asked, &[]).status, 200);
    world.until_a_card_says("unlock: returned");
    served.terminate();
    assert_eq!(served.ended().0, 0);
    let (code, report) = run(world.house.data(), &["audit", "verify"]);
    assert_eq!(code, 1, "{report}");
    let found = "`T0123/U0EVE` was not linked to `bob` by `adam` then";
    assert!(report.to_string().contains(found), "{report}");
}

#[test]
fn nobody_but_slack_gets_in() {
    let world = World::new();
    let served = world.serve();
    let (_, asked) = served.propose("alice", "unlock", &json!({"door": "north"}));
    let size = world.house.log_size();
    // Neither with a key, nor with anything else than a signature.
    let with_key = served
        .by("bob", "POST", "/slack/interactivity")
        .bytes(b"payload=%7B%7D")
        .send();
    assert_eq!(
        (with_key.status, with_key.problem().as_str()),
        (401, "unauthenticated")
    );
    let long = served
        .visit("POST", "/slack/interactivity")
        .bytes(&vec![b'x'; 1024 * 1024 + 1])
        .send();
    assert_eq!((long.status, long.problem().as_str()), (413, "too_large"));
    assert_eq!(served.visit("GET", "/slack/interactivity").send().status, 405);
    // Nor by a page in a browser, whatever it has got hold of.
    let page = [("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")];
    assert_eq!(
        press(&served, "U0BOB", "approve", &asked, &page).problem(),
        "cross_site"
    );
    assert_eq!(world.house.log_size(), size);
    let metrics = served.visit("GET", "/metrics").send().text();
    let forged = metrics
        .lines()
        .find(|it| it.contains("\"/slack/interactivity\"") && it.contains("\"401\""));
    assert!(forged.is_some_and(|it| it.ends_with(" 1")), "{metrics}");
    assert!(world.house.effects().is_empty());
}

#[test]
fn without_a_workspace_there_is_no_such_place() {
    let served = House::new().serve(&[]);
    let answer = press(&served, "U0BOB", "approve", "req_1", &[]);
    assert_eq!((answer.status, answer.problem().as_str()), (404, "not_found"));
}

#[test]
fn what_is_configured_wrong_starts_no_server() {
    let whole = "[slack]\nteam = 'T0123'\nbot_token = 'xoxb-1'\nsigning_secret = '0123456789abcdef'\n";
    for (from, to, why) in [
        ("'T0123'", "'ops'", "slack.team"),
        ("'0123456789abcdef'", "'short'", "slack.signing_secret"),
        ("'0123456789abcdef'", "''", "slack.signing_secret"),
        (
            "'0123456789abcdef'",
            "{ env = 'NOT_SET_ANYWHERE' }",
            "slack.signing_secret",
        ),
        ("bot_token = 'xoxb-1'\n", "", "bot_token"),
        (
            "[slack]\n",
            "[slack]\napi = 'http://slack.example/'\n",
            "slack.api",
        ),
        ("[slack]\n", "[slack]\nchannel = '#ops'\n", "channel"),
    ] {
        let house = House::new();
        std::fs::write(house.data().join("serve.toml"), whole.replace(from, to)).unwrap();
        let mut command = crate::served::command(house.data(), &["serve", "--listen", "127.0.0.1:0"]);
        let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{to}: {said}");
        assert!(
            !said.contains("0123456789abcdef") && !said.contains("xoxb-1"),
            "{said}"
        );
    }
}

#[test]
fn the_command_line_links_on_the_word_of_an_admin() {
    let data = tempfile::tempdir().unwrap();
    let slack = |words: &[&str]| run(data.path(), &[&["slack"], words].concat());
    let (code, said) = slack(&["link", "bob", BOB, "--as", "bob"]);
    assert_eq!((code, &said["code"]), (21, &json!("not_allowed")));
    let (code, said) = slack(&["link", "bob", BOB, "--as", "adam"]);
    assert_eq!((code, &said["actor"]), (0, &json!("bob")));
    assert_eq!(slack(&["link", "carol", BOB, "--as", "adam"]).0, 21);
    assert_eq!(slack(&["link", "carol", "U0BOB", "--as", "adam"]).0, 2);
    assert_eq!(slack(&["list"]).1["items"][0]["user"], BOB);
    assert_eq!(slack(&["unlink", BOB, "--as", "adam"]).0, 0);
    assert_eq!(slack(&["list"]).1["items"], json!([]));
    assert_eq!(run(data.path(), &["audit", "verify"]).0, 0);
}
