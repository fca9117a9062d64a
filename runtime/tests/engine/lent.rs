//! Roles that an identity provider said somebody has: they count until their time is over, and not a moment longer.

use std::sync::Arc;
use std::time::Duration;

use countersign::policy::{ActorEntry, Lent};
use countersign::prelude::*;
use countersign::store::{EdgeRow, EdgeWrite};
use countersign::testing::TestClock;
use countersign::{Answer, Introduction, Outcome, Phase, Verdict};
use serde_json::{Map, Value, json};

use crate::contradictions;
use crate::world::{Effects, World, code, who};

/// One manager.
#[approval(required, pool = "managers")]
#[tool(name = "lent.open")]
async fn open_door(#[state] effects: Effects, door: String) -> String {
    effects.push("open");
    door
}

/// Two managers.
#[approval(required, pool = "managers", quorum = 2)]
#[tool(name = "lent.blast")]
async fn blast_door(#[state] effects: Effects, door: String) -> String {
    effects.push("blast");
    door
}

const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
bob = { kind = "person" }
carol = { kind = "person", roles = ["manager"] }
ada = { kind = "person", roles = ["admin"] }
bot = { kind = "agent", owner = "alice" }

[pools]
managers = { roles = ["manager"], counted = false }
"#;

const HOUR: Duration = Duration::from_hours(1);

async fn world() -> World {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    World::at::<(open_door, blast_door)>(dir, TestClock::new(), POLICY).await
}

impl World {
    /// Said now, for an hour.
    fn lent(&self, roles: &[&str]) -> Lent {
        Lent {
            roles: roles.iter().map(|it| it.parse().unwrap()).collect(),
            said_at: self.engine.now(),
            until: self.engine.now().after(HOUR),
        }
    }

    async fn lend(&self, to: &str, roles: &[&str]) -> &'static str {
        code(&self.engine.lend(&who(to), self.lent(roles), None).await.unwrap())
    }

    async fn approve(&self, call: countersign::CallId, by: &str) -> &'static str {
        let asked = self.call(call).await.requirements()[0].id;
        let decision = Decision::new(asked, Verdict::Approve).by(&who(by));
        code(&self.engine.desk().decide(decision).await.unwrap().answer)
    }

    async fn roles(&self, of: &str) -> String {
        let actor = self.engine.actor(&who(of)).await.unwrap();
        let roles: Vec<&str> = actor.roles.iter().map(countersign::Role::as_str).collect();
        roles.join(" ")
    }
}

#[tokio::test]
async fn a_vote_whose_role_is_over_at_the_claim_does_not_count() {
    let world = world().await;
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    let call = *world.open("lent.open", r#"{"door":"vault"}"#, "alice").await.id();
    assert_eq!(world.approve(call, "bob").await, "accepted");
    assert!(matches!(world.call(call).await.phase(), Phase::Cleared { .. }));
    // The provider took the role away; nobody told us. At the end of its time it is gone, to the millisecond.
    world.clock.advance(HOUR);
    let advanced = world.engine.worker().advance(call).await.unwrap();
    assert!(
        matches!(advanced.call.phase(), Phase::Approve { .. }),
        "{:?}",
        advanced.call.phase()
    );
    assert_eq!(world.effects.all(), [""; 0]);
    assert_eq!(world.records().await.last().unwrap(), "call.votes_voided");
    assert_eq!(world.approve(call, "bob").await, "not_allowed");
    // Who still has it decides, with a role of her own.
    assert_eq!(world.approve(call, "carol").await, "accepted");
    world.clock.advance(HOUR);
    let advanced = world.engine.worker().advance(call).await.unwrap();
    assert!(matches!(
        advanced.call.phase(),
        Phase::Closed {
            outcome: Outcome::Returned { .. }
        }
    ));
    assert_eq!(world.effects.all(), ["open"]);
}

#[tokio::test]
async fn until_its_last_millisecond_it_counts_also_if_it_was_lent_anew() {
    let world = world().await;
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    let call = *world
        .open("lent.blast", r#"{"door":"vault"}"#, "alice")
        .await
        .id();
    assert_eq!(world.approve(call, "bob").await, "accepted");
    world.clock.advance(Duration::from_millis(3_599_999));
    assert_eq!(world.roles("bob").await, "manager");
    // Bob signs in again before his role is over: the vote that he gave stays one.
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    world.clock.advance(HOUR / 2);
    assert_eq!(world.approve(call, "carol").await, "accepted");
    world.engine.worker().advance(call).await.unwrap();
    assert_eq!(world.effects.all(), ["blast"]);
    // Said otherwise, it is gone at once.
    assert_eq!(world.lend("bob", &[]).await, "accepted");
    assert_eq!(world.roles("bob").await, "");
}

#[tokio::test]
async fn what_was_said_earlier_does_not_come_back() {
    let world = world().await;
    let early = world.lent(&["manager"]);
    world.clock.advance(Duration::from_mins(1));
    let bob = who("bob");
    let lend = async |lent: &Lent| code(&world.engine.lend(&bob, lent.clone(), None).await.unwrap());
    assert_eq!(world.lend("bob", &[]).await, "accepted");
    assert_eq!(lend(&early).await, "repeated");
    assert_eq!(world.roles("bob").await, "");
    // At the same moment, what both say.
    assert_eq!(world.lend("bob", &["manager"]).await, "repeated");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.lend("bob", &["manager", "auditor"]).await, "accepted");
    assert_eq!(world.lend("bob", &["manager", "finance"]).await, "accepted");
    assert_eq!(world.roles("bob").await, "manager");
    // The same again is not written while more than half of its time is left.
    let size = world.records().await.len();
    world.clock.advance(Duration::from_secs(1799));
    assert_eq!(world.lend("bob", &["manager"]).await, "repeated");
    assert_eq!(world.records().await.len(), size);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    assert_eq!(world.records().await.len(), size + 1);
    // A token that lasts longer than what it says is believed renews nothing.
    let old = world.lent(&["manager"]);
    world.clock.advance(HOUR);
    assert_eq!(lend(&old).await, "repeated");
    assert_eq!(world.roles("bob").await, "");
}

#[tokio::test]
async fn only_a_person_is_lent_roles_and_nobody_is_taken_over() {
    let world = world().await;
    for to in ["bot", "nobody"] {
        assert_eq!(world.lend(to, &["manager"]).await, "not_allowed", "{to}");
    }
    let edge = |id: &str| {
        EdgeWrite::Put(EdgeRow {
            kind: "subject".to_owned(),
            id: id.to_owned(),
            owner: Some("zoe".parse().unwrap()),
            version: 0,
            at: None,
            state: "{}".to_owned(),
        })
    };
    let introduce = async |to: &str, id: &str| {
        let introduction = Introduction {
            edges: vec![edge(id)],
            records: Vec::new(),
        };
        let lent = world.lent(&["manager"]);
        code(
            &world
                .engine
                .lend(&who(to), lent, Some(introduction))
                .await
                .unwrap(),
        )
    };
    let size = world.records().await.len();
    for to in ["ada", "carol", "bob", "bot"] {
        assert_eq!(introduce(to, "one").await, "not_allowed", "{to}");
    }
    assert_eq!(world.records().await.len(), size);
    assert_eq!(introduce("zoe", "one").await, "accepted");
    assert_eq!(world.roles("zoe").await, "manager");
    let known = world.engine.actors().await.unwrap();
    let zoe = known.iter().find(|it| it.id.as_str() == "zoe").unwrap();
    assert!(zoe.roles.is_empty() && zoe.lent.is_some() && !zoe.seeded && zoe.pools.len() == 1);
    assert_eq!(introduce("zoe", "two").await, "not_allowed");
    // What is kept of one is not kept of another.
    assert_eq!(introduce("zack", "one").await, "already_decided");
    let store = world.engine.store();
    assert!(
        store
            .edge(world.engine.tenant(), "subject", "two")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_admin_ends_it_and_a_policy_leaves_it_alone() {
    let world = world().await;
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    let other = POLICY.replace("alice = {", "adam = { kind = \"person\" }\nalice = {");
    let other = World::at::<(open_door, blast_door)>(world.dir.clone(), world.clock.clone(), &other).await;
    assert_eq!(other.roles("bob").await, "manager");
    let ada = who("ada");
    let mut bob = ActorEntry {
        kind: countersign::core::actor::Kind::Person,
        roles: ["finance".parse().unwrap()].into(),
        owner: None,
        lent: Some(world.lent(&["manager"])),
        introduced: false,
    };
    let id = "bob".parse().unwrap();
    let answer = other
        .engine
        .set_actor(&ada, &id, Some(bob.clone()))
        .await
        .unwrap();
    assert_eq!(code(&answer), "invalid_input");
    bob.lent = None;
    assert_eq!(
        other.engine.set_actor(&ada, &id, Some(bob)).await.unwrap(),
        Answer::Accepted
    );
    assert_eq!(other.roles("bob").await, "finance");
    for policy in [
        POLICY.replace(
            "bob = { kind = \"person\" }",
            "bob = { kind = \"person\", lent = { roles = [\"manager\"], said_at = \"2026-01-01T00:00:00.000Z\", until = \"2027-01-01T00:00:00.000Z\" } }",
        ),
        POLICY.replace("counted = false", "counted = \"maybe\""),
    ] {
        assert!(Policy::parse(&policy).is_err(), "{policy}");
    }
}

#[tokio::test]
async fn a_pool_of_people_who_sign_in_is_not_counted_before() {
    // Carol is the only one who is known: two are needed, and bob may still come.
    let world = world().await;
    let call = world.open("lent.blast", r#"{"door":"vault"}"#, "alice").await;
    assert!(matches!(call.phase(), Phase::Approve { .. }));
    let counted = POLICY.replace(", counted = false", "");
    let start = async |policy: &str| {
        Engine::builder()
            .store(countersign::store::Sqlite::in_memory().unwrap())
            .registry(Registry::of::<(open_door, blast_door)>().unwrap())
            .policy(Policy::parse(policy).unwrap())
            .state(Effects::default())
            .worker(false)
            .start()
            .await
            .err()
            .map(|it| it.to_string())
    };
    assert_eq!(start(POLICY).await, None);
    assert!(start(&counted).await.unwrap().contains("could never be approved"));
    // One whose role is over is asked, and signs in again: that blocks nothing.
    let two = counted.replace(
        "bob = { kind = \"person\" }",
        "bob = { kind = \"person\", roles = [\"manager\"] }",
    );
    let world = World::at::<(open_door, blast_door)>(world.dir.clone(), world.clock.clone(), &two).await;
    assert_eq!(world.lend("alice", &["manager"]).await, "accepted");
    world.clock.advance(HOUR * 2);
    let call = world.open("lent.blast", r#"{"door":"safe"}"#, "bob").await;
    assert!(matches!(call.phase(), Phase::Approve { .. }));
    assert_eq!(world.approve(*call.id(), "alice").await, "not_allowed");
}

#[tokio::test]
async fn a_history_of_lending_that_cannot_be_is_found() {
    let world = world().await;
    world.lend("bob", &["manager"]).await;
    world.clock.advance(HOUR);
    world.lend("bob", &["manager"]).await;
    let introduction = Some(Introduction::default());
    world
        .engine
        .lend(&who("zoe"), world.lent(&["manager"]), introduction)
        .await
        .unwrap();
    let store = world.engine.store();
    let entries = store.entries(world.engine.tenant(), None, 0, 100).await.unwrap();
    let honest: Vec<Map<String, Value>> = entries
        .iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect();
    assert_eq!(honest.len(), 4);
    let spoilt = |at: usize, pointer: &str, value: Value, why: &str| {
        let mut entries = honest.clone();
        let mut entry = Value::from(entries[at].clone());
        *entry.pointer_mut(pointer).unwrap() = value;
        entries[at] = entry.as_object().unwrap().clone();
        contradictions::refused(&entries, at, why);
    };
    spoilt(1, "/who", json!("alice"), "did not show who they are");
    spoilt(1, "/actor/kind", json!("agent"), "is not a person");
    spoilt(1, "/after/roles", json!(["manager"]), "more of `bob` is changed");
    spoilt(1, "/after/kind", json!("service"), "more of `bob` is changed");
    spoilt(3, "/after/roles", json!(["admin"]), "more of `zoe` is changed");
    spoilt(2, "/before/lent/roles", json!([]), "was not so before");
    spoilt(
        2,
        "/after/lent/said_at",
        json!("2025-01-01T00:00:00.000Z"),
        "was said before",
    );
    spoilt(
        2,
        "/after/lent/until",
        json!("2025-01-01T00:00:00.000Z"),
        "until before they were said",
    );
    spoilt(2, "/after/lent", Value::Null, "nothing is lent");
    // An admin who lends.
    let mut entries = honest.clone();
    entries[3]["kind"] = "actor.changed".into();
    entries[3]["actor"]["roles"] = json!(["admin"]);
    contradictions::refused(&entries, 3, "an admin lends");
}

/// Nothing of their own.
fn person(roles: &[&str], introduced: bool) -> ActorEntry {
    ActorEntry {
        kind: countersign::core::actor::Kind::Person,
        roles: roles.iter().map(|it| it.parse().unwrap()).collect(),
        owner: None,
        lent: None,
        introduced,
    }
}

impl World {
    async fn introduce(&self, id: &str) -> &'static str {
        let lent = self.lent(&["manager"]);
        let introduction = Some(Introduction::default());
        code(&self.engine.lend(&who(id), lent, introduction).await.unwrap())
    }

    async fn sets(&self, id: &str, entry: Option<ActorEntry>) -> &'static str {
        let (ada, id) = (who("ada"), id.parse().unwrap());
        code(&self.engine.set_actor(&ada, &id, entry).await.unwrap())
    }

    /// Starts with another policy on the same store; or why not.
    async fn restarted(&self, policy: &str) -> Result<Engine, String> {
        let started = Engine::builder()
            .store(countersign::store::Sqlite::open(self.dir.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<(open_door, blast_door)>().unwrap())
            .policy(Policy::parse(policy).unwrap())
            .state(Effects::default())
            .clock(self.clock.clone())
            .worker(false)
            .start()
            .await;
        started.map_err(|it| it.to_string())
    }

    async fn entries(&self) -> Vec<Map<String, Value>> {
        let store = self.engine.store();
        let entries = store.entries(self.engine.tenant(), None, 0, 100).await.unwrap();
        entries
            .iter()
            .map(|it| serde_json::from_str(&it.text).unwrap())
            .collect()
    }
}

#[tokio::test]
async fn whoever_was_somebody_once_leaves_an_id_that_no_newcomer_is_given() {
    let world = world().await;
    // By an admin, by a policy that names them no more, and after they were somebody again.
    assert_eq!(world.sets("dana", Some(person(&[], false))).await, "accepted");
    assert_eq!(world.sets("dana", None).await, "accepted");
    let without = POLICY.replace("bob = { kind = \"person\" }\n", "");
    let engine = world.restarted(&without).await.unwrap();
    assert!(
        !engine
            .actors()
            .await
            .unwrap()
            .iter()
            .any(|it| it.id.as_str() == "bob")
    );
    for id in ["dana", "bob"] {
        assert_eq!(world.introduce(id).await, "not_allowed", "{id}");
    }
    assert_eq!(
        world.sets("dana", Some(person(&["finance"], false))).await,
        "accepted"
    );
    assert_eq!(world.introduce("dana").await, "not_allowed");
    assert_eq!(world.sets("dana", None).await, "accepted");
    assert_eq!(world.sets("carol", Some(person(&[], false))).await, "accepted");
    assert_eq!(world.introduce("dana").await, "not_allowed");
    // Also if they came by themselves: they are not introduced a second time.
    assert_eq!(world.introduce("zoe").await, "accepted");
    assert_eq!(world.sets("zoe", None).await, "accepted");
    assert_eq!(world.introduce("zoe").await, "not_allowed");
    assert_eq!(world.roles("zoe").await, "");
    let known = world.engine.actors().await.unwrap();
    let known: Vec<&str> = known.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(known, ["ada", "alice", "bot", "carol"]);
    // A history in which it was otherwise.
    let mut entries = world.entries().await;
    let at = entries.len();
    let mut again = entries
        .iter()
        .find(|it| it["kind"] == "actor.lent")
        .unwrap()
        .clone();
    again["time"] = entries[at - 1]["time"].clone();
    entries.push(again);
    contradictions::refused(&entries, at, "no newcomer is given their id");
}

#[tokio::test]
async fn whoever_came_by_themselves_gets_roles_only_where_they_are_meant() {
    let world = world().await;
    // Somebody calls himself dana before dana is here.
    assert_eq!(world.introduce("dana").await, "accepted");
    let named = |introduced: &str| {
        let dana = format!("dana = {{ kind = \"person\", roles = [\"admin\"]{introduced} }}\nalice = {{");
        POLICY.replace("alice = {", &dana)
    };
    let why = world.restarted(&named("")).await.err().unwrap();
    assert!(
        why.contains("actor `dana`") && why.contains("introduced = true"),
        "{why}"
    );
    assert_eq!(
        world.sets("dana", Some(person(&["admin"], false))).await,
        "invalid_input"
    );
    assert_eq!(world.roles("dana").await, "manager");
    // Nor after he is gone, for what hangs on the name is his.
    assert_eq!(world.sets("dana", None).await, "accepted");
    assert!(world.restarted(&named("")).await.is_err());
    assert_eq!(
        world.sets("dana", Some(person(&["admin"], false))).await,
        "invalid_input"
    );
    // Where they are meant, it is said.
    assert_eq!(
        world.sets("dana", Some(person(&["auditor"], true))).await,
        "accepted"
    );
    assert_eq!(world.roles("dana").await, "auditor");
    assert!(world.restarted(&named(", introduced = true")).await.is_ok());
    assert_eq!(world.roles("dana").await, "admin");
    // And of nobody else.
    for id in ["bob", "erin"] {
        assert_eq!(
            world.sets(id, Some(person(&[], true))).await,
            "invalid_input",
            "{id}"
        );
    }
    let mut program = person(&[], true);
    program.kind = countersign::core::actor::Kind::Service;
    assert_eq!(world.sets("dana", Some(program)).await, "invalid_input");
}

#[tokio::test]
async fn what_an_admin_ends_is_lent_again_only_by_what_is_said_later() {
    let world = world().await;
    let first = world.lent(&["manager"]);
    world.clock.advance(Duration::from_secs(5));
    let second = world.lent(&["manager"]);
    let bob = who("bob");
    let lend = async |lent: &Lent| code(&world.engine.lend(&bob, lent.clone(), None).await.unwrap());
    assert_eq!(lend(&first).await, "accepted");
    world.clock.advance(Duration::from_secs(5));
    let entry = || Some(person(&["finance"], false));
    assert_eq!(world.sets("bob", entry()).await, "accepted");
    // Neither by what was known nor by what was said meanwhile, and shown to nobody yet.
    for earlier in [&first, &second] {
        assert_eq!(lend(earlier).await, "repeated");
        assert_eq!(world.roles("bob").await, "finance");
    }
    assert_eq!(world.sets("bob", entry()).await, "repeated");
    // Nor if he is removed and made anew.
    assert_eq!(world.sets("bob", None).await, "accepted");
    world.clock.advance(Duration::from_secs(5));
    let third = world.lent(&["manager"]);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.sets("bob", entry()).await, "accepted");
    for earlier in [&first, &second, &third] {
        assert_eq!(lend(earlier).await, "repeated");
        assert_eq!(world.roles("bob").await, "finance");
    }
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    assert_eq!(world.roles("bob").await, "finance manager");
    // A history that forgets it.
    let honest = world.entries().await;
    contradictions::accepted(&honest);
    let at = honest
        .iter()
        .position(|it| it["kind"] == "actor.changed")
        .unwrap();
    for (said_at, why) in [
        (None, "forgotten what was said"),
        (Some("2001-01-01T00:00:00.000Z"), "forgotten what was said"),
    ] {
        let mut entries = honest.clone();
        let after = entries[at]["after"].as_object_mut().unwrap();
        match said_at {
            None => {
                after.remove("lent");
            }
            Some(time) => {
                after["lent"]["said_at"] = json!(time);
                after["lent"]["until"] = json!(time);
            }
        }
        contradictions::refused(&entries, at, why);
    }
    let mut entries = honest.clone();
    entries[at]["after"]["introduced"] = json!(true);
    contradictions::refused(&entries, at, "no admin changes that");
}

#[tokio::test]
async fn what_is_to_last_shorter_ends_sooner() {
    let world = world().await;
    assert_eq!(world.lend("bob", &["manager"]).await, "accepted");
    world.clock.advance(Duration::from_secs(1));
    // `roles_last` is ten minutes from now on.
    let mut shorter = world.lent(&["manager"]);
    shorter.until = shorter.said_at.after(Duration::from_mins(10));
    let bob = who("bob");
    let answer = world.engine.lend(&bob, shorter, None).await.unwrap();
    assert_eq!(code(&answer), "accepted");
    world.clock.advance(Duration::from_mins(10));
    assert_eq!(world.roles("bob").await, "");
}
