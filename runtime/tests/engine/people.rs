//! Who people are: what a limited identity may, and who may change whom.

use std::sync::Arc;

use countersign::core::actor::Kind;
use countersign::policy::ActorEntry;
use countersign::prelude::*;
use countersign::testing::TestClock;
use countersign::{ActorId, Answer, Outcome, Phase};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::contradictions;
use crate::world::{Effects, World, code, who};

/// One manager.
#[approval(required, pool = "managers")]
#[tool(name = "people.promote")]
async fn promote(#[state] effects: Effects, name: String) -> String {
    effects.push("promote");
    name
}

const POLICY: &str = r#"
[actors]
alice = { kind = "person" }
frank = { kind = "person", roles = ["finance"] }
bob = { kind = "person", roles = ["manager", "operator"] }

[pools]
managers = { roles = ["manager"], actors = ["frank"] }
finance = { roles = ["finance"] }
"#;

/// The same people, and those who may change them.
const MANAGED: &str = r#"
[actors]
alice = { kind = "person" }
frank = { kind = "person", roles = ["finance"] }
bob = { kind = "person", roles = ["manager", "operator"] }
ada = { kind = "person", roles = ["admin"] }
bot = { kind = "agent", owner = "bob" }
relay = { kind = "service", roles = ["reporter"] }

[pools]
managers = { roles = ["manager"], actors = ["frank"] }
finance = { roles = ["finance"] }
"#;

async fn of(policy: &str) -> World {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    World::at::<promote>(dir, TestClock::new(), policy).await
}

async fn world() -> World {
    of(POLICY).await
}

#[expect(clippy::unnecessary_wraps, reason = "as it is given to the engine")]
fn actor(kind: Kind, roles: &[&str], owner: Option<&str>) -> Option<ActorEntry> {
    Some(ActorEntry {
        kind,
        roles: roles.iter().map(|it| it.parse().unwrap()).collect(),
        owner: owner.map(|it| it.parse().unwrap()),
        lent: None,
        introduced: false,
    })
}

fn person(roles: &[&str]) -> Option<ActorEntry> {
    actor(Kind::Person, roles, None)
}

impl World {
    async fn set(&self, by: &Identity, id: &str, entry: Option<ActorEntry>) -> Answer {
        self.engine
            .set_actor(by, &id.parse().unwrap(), entry)
            .await
            .unwrap()
    }

    /// The last record, without what all of them have.
    async fn last(&self) -> Value {
        let (store, tenant) = (self.engine.store(), self.engine.tenant());
        let size = store.head(tenant).await.unwrap().size();
        let last = store.entries(tenant, None, size - 1, 1).await.unwrap().remove(0);
        let mut last: Map<String, Value> = serde_json::from_str(&last.text).unwrap();
        for name in ["v", "log", "seq", "time"] {
            last.remove(name);
        }
        last.into()
    }

    /// Who is known, in short.
    async fn known(&self) -> Vec<String> {
        let known = self.engine.actors().await.unwrap();
        let told = known.iter().map(|it| {
            let roles: Vec<String> = it.roles.iter().map(ToString::to_string).collect();
            format!("{} {} {}", it.id, it.kind.name(), roles.join(","))
        });
        told.collect()
    }
}

fn limited(name: &str, roles: &[&str]) -> Identity {
    who(name).limited_to(roles.iter().map(|it| it.parse().unwrap()))
}

#[tokio::test]
async fn a_limited_identity_has_the_roles_and_pools_that_are_left() {
    let world = world().await;
    for (identity, roles, pools) in [
        (who("bob"), "manager operator", "managers"),
        (limited("bob", &["operator"]), "operator", ""),
        (limited("bob", &["manager"]), "manager", "managers"),
        (limited("bob", &["manager", "auditor"]), "manager", "managers"),
        (limited("bob", &[]), "", ""),
        (who("frank"), "finance", "finance managers"),
        // Not by name any more.
        (limited("frank", &["finance"]), "finance", "finance"),
        (limited("frank", &["manager"]), "", ""),
        // Only ever less.
        (
            limited("bob", &["operator"]).limited_to(["manager".parse().unwrap()]),
            "",
            "",
        ),
        (limited("nobody", &["manager"]), "", ""),
    ] {
        let actor = world.engine.actor(&identity).await.unwrap();
        let words = |them: Vec<&str>| them.join(" ");
        assert_eq!(
            words(
                actor
                    .roles
                    .iter()
                    .map(countersign::core::id::Role::as_str)
                    .collect()
            ),
            roles,
            "{identity:?}"
        );
        assert_eq!(
            words(
                actor
                    .pools
                    .iter()
                    .map(countersign::core::id::PoolName::as_str)
                    .collect()
            ),
            pools,
            "{identity:?}"
        );
    }
}

#[tokio::test]
async fn a_limited_identity_decides_with_the_roles_that_are_left() {
    let world = world().await;
    let desk = world.engine.desk();
    for (by, answer) in [
        (limited("bob", &["operator"]), "not_allowed"),
        (limited("bob", &[]), "not_allowed"),
        (limited("frank", &["finance", "manager"]), "not_allowed"),
        (limited("bob", &["manager"]), "accepted"),
        (who("frank"), "accepted"),
    ] {
        let call = world.open("people.promote", r#"{"name":"eve"}"#, "alice").await;
        let may = answer == "accepted";
        let (inbox, _) = desk.inbox(&by, None, 100).await.unwrap();
        assert_eq!(inbox.iter().any(|it| it.call == *call.id()), may, "{by:?}");
        let on = call.requirements().remove(0);
        let decided = desk.decide(Decision::approve(&on).by(&by)).await.unwrap();
        assert_eq!(code(&decided.answer), answer, "{by:?}");
        if may {
            // The claim looks at the voter again, and lets the vote stand.
            let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
            assert!(
                matches!(
                    call.phase(),
                    Phase::Closed {
                        outcome: Outcome::Returned { .. }
                    }
                ),
                "{:?}",
                call.phase()
            );
        }
    }
    assert_eq!(world.effects.all().len(), 2);
    // A limit takes roles away, not what is one's own.
    let call = world.open("people.promote", r#"{"name":"mia"}"#, "alice").await;
    let cancelled = desk.cancel(*call.id(), &limited("bob", &["manager"]), None).await;
    assert_eq!(code(&cancelled.unwrap().answer), "not_allowed");
    let cancelled = desk.cancel(*call.id(), &limited("alice", &[]), None).await;
    assert_eq!(code(&cancelled.unwrap().answer), "accepted");
}

#[tokio::test]
async fn an_admin_makes_changes_and_removes_actors_on_record() {
    let world = of(MANAGED).await;
    let ada = who("ada");
    assert_eq!(
        world.set(&ada, "zoe", person(&["manager"])).await,
        Answer::Accepted
    );
    let by = json!({"id": "ada", "kind": "person", "auth": "asserted-library", "roles": ["admin"]});
    assert_eq!(
        world.last().await,
        json!({"kind": "actor.changed", "actor": by, "who": "zoe", "after": {"kind": "person", "roles": ["manager"]}})
    );
    let zoe = world.engine.actor(&who("zoe")).await.unwrap();
    assert!(zoe.is_person() && zoe.pools.len() == 1);
    // The same again changes nothing and is not recorded.
    let size = world.records().await.len();
    assert_eq!(
        world.set(&ada, "zoe", person(&["manager"])).await,
        Answer::Repeated
    );
    assert_eq!(world.records().await.len(), size);
    assert_eq!(
        world
            .set(&ada, "zoe", actor(Kind::Agent, &[], Some("alice")))
            .await,
        Answer::Accepted
    );
    assert_eq!(
        world.last().await["before"],
        json!({"kind": "person", "roles": ["manager"]})
    );
    assert_eq!(
        world.last().await["after"],
        json!({"kind": "agent", "roles": [], "owner": "alice"})
    );
    assert_eq!(world.set(&ada, "zoe", None).await, Answer::Accepted);
    assert_eq!(
        world.last().await,
        json!({"kind": "actor.changed", "actor": by, "who": "zoe", "before": {"kind": "agent", "roles": [], "owner": "alice"}})
    );
    assert!(!world.known().await.iter().any(|it| it.starts_with("zoe")));
    let known = world.engine.actors().await.unwrap();
    let bob = known.iter().find(|it| it.id.as_str() == "bob").unwrap();
    assert!(bob.seeded && bob.pools.len() == 1 && bob.owner.is_none());
}

#[tokio::test]
async fn only_a_person_with_the_role_admin_changes_actors() {
    let world = of(MANAGED).await;
    let before = world.known().await;
    for by in [
        who("alice"),
        who("bob"),
        who("bot"),
        who("relay"),
        who("nobody"),
        limited("ada", &["manager"]),
    ] {
        for entry in [person(&["manager"]), None] {
            let event = if entry.is_some() { "set" } else { "remove" };
            let answer = world.set(&by, "bob", entry).await;
            assert_eq!(code(&answer), "not_allowed", "{by:?}");
            let record = world.last().await;
            assert_eq!(
                (
                    &record["kind"],
                    &record["who"],
                    &record["event"],
                    &record["refusal"]
                ),
                (
                    &json!("actor.refused"),
                    &json!("bob"),
                    &json!(event),
                    &json!("not_allowed")
                )
            );
            assert_eq!(record["actor"]["id"], by.id().as_str());
        }
    }
    assert_eq!(world.known().await, before);
    // As an admin, a limited one too.
    let answer = world
        .set(&limited("ada", &["admin"]), "bob", person(&["admin"]))
        .await;
    assert_eq!(answer, Answer::Accepted);
    assert_eq!(world.set(&who("bob"), "ada", person(&[])).await, Answer::Accepted);
    assert_eq!(code(&world.set(&who("ada"), "bob", None).await), "not_allowed");
}

#[tokio::test]
async fn no_actor_becomes_what_none_may_be() {
    let world = of(MANAGED).await;
    let before = world.known().await;
    let many: Vec<String> = (0..33).map(|it| format!("role{it}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (id, entry, because) in [
        (
            "bot",
            actor(Kind::Agent, &["manager"], Some("bob")),
            "never hold roles",
        ),
        ("new", actor(Kind::Agent, &["reporter"], None), "never hold roles"),
        ("new", actor(Kind::Agent, &["admin"], None), "never hold roles"),
        ("new", actor(Kind::Agent, &["whatever"], None), "never hold roles"),
        ("bob", actor(Kind::Agent, &["manager"], None), "never hold roles"),
        // The pool of managers names him.
        ("frank", actor(Kind::Agent, &[], None), "only persons approve"),
        ("frank", actor(Kind::Service, &[], None), "only persons approve"),
        (
            "relay",
            actor(Kind::Service, &["operator"], None),
            "only a person can have `operator`",
        ),
        (
            "new",
            actor(Kind::Service, &["manager", "reporter"], None),
            "only a person can have `manager`",
        ),
        ("new", actor(Kind::Unknown, &[], None), "a kind is"),
        (
            "bot",
            actor(Kind::Agent, &[], Some("relay")),
            "no person that is known",
        ),
        (
            "bot",
            actor(Kind::Agent, &[], Some("nobody")),
            "no person that is known",
        ),
        (
            "bot",
            actor(Kind::Agent, &[], Some("bot")),
            "no person that is known",
        ),
        (
            "new",
            actor(Kind::Person, &[], Some("bob")),
            "only agents have an owner",
        ),
        // He answers for an agent.
        ("bob", None, "no person that is known"),
        ("bob", actor(Kind::Service, &[], None), "no person that is known"),
        ("new", person(&many), "more than 32 roles"),
        ("new", None, "nobody knows"),
        ("ada", None, "the last person"),
        ("ada", person(&["manager"]), "the last person"),
    ] {
        let size = world.records().await.len();
        match world.set(&who("ada"), id, entry.clone()).await {
            Answer::Refused(refusal) => {
                assert!(refusal.message.contains(because), "{id}: {}", refusal.message);
            }
            other => panic!("{id} became {entry:?}: {other:?}"),
        }
        assert_eq!(world.records().await.len(), size + 1, "{id} {entry:?}");
        assert_eq!(world.last().await["kind"], "actor.refused");
    }
    assert_eq!(world.known().await, before);
    // With another admin, the first may go; with another owner, bob may.
    for (id, entry) in [
        ("eve", person(&["admin"])),
        ("ada", person(&[])),
        ("bot", actor(Kind::Agent, &[], Some("alice"))),
        ("bob", None),
        // One whom a pool names may go; the pool is smaller then.
        ("frank", None),
    ] {
        let by = if id == "eve" { who("ada") } else { who("eve") };
        let by = if id == "ada" { who("ada") } else { by };
        assert_eq!(world.set(&by, id, entry).await, Answer::Accepted, "{id}");
    }
}

#[tokio::test]
async fn a_change_counts_from_its_commit_on() {
    let world = of(MANAGED).await;
    let other = World::at::<promote>(world.dir.clone(), world.clock.clone(), MANAGED).await;
    let call = world.open("people.promote", r#"{"name":"eve"}"#, "alice").await;
    let on = call.requirements().remove(0);
    let desk = world.engine.desk();
    let approve = || desk.decide(Decision::approve(&on).by(&who("zoe")));
    assert_eq!(code(&approve().await.unwrap().answer), "not_allowed");
    // By another process.
    other.set(&who("ada"), "zoe", person(&["manager"])).await;
    assert_eq!(code(&approve().await.unwrap().answer), "accepted");
    other.set(&who("ada"), "zoe", person(&[])).await;
    let call = world.engine.worker().advance(*call.id()).await.unwrap().call;
    assert_eq!(call.phase().name(), "approve", "the vote is void");
    assert_eq!(world.effects.all(), Vec::<String>::new());
}

#[tokio::test]
async fn two_admins_who_remove_each_other_leave_one() {
    for _ in 0..10 {
        let world = of(&MANAGED.replace(
            "[pools]",
            "eve = { kind = \"person\", roles = [\"admin\"] }\n[pools]",
        ))
        .await;
        let mut racers = JoinSet::new();
        for (by, id) in [("ada", "eve"), ("eve", "ada")] {
            let engine = world.engine.clone();
            let id: ActorId = id.parse().unwrap();
            racers.spawn(async move { engine.set_actor(&who(by), &id, None).await.unwrap() });
        }
        let answers = racers.join_all().await;
        let accepted = answers.iter().filter(|it| **it == Answer::Accepted);
        assert_eq!(accepted.count(), 1, "{answers:?}");
        let admins = world.known().await;
        assert_eq!(admins.iter().filter(|it| it.contains("admin")).count(), 1);
    }
}

#[tokio::test]
async fn a_policy_decides_anew_about_those_whom_it_names() {
    let world = of(MANAGED).await;
    let ada = who("ada");
    world.set(&ada, "zoe", person(&["manager"])).await;
    world.set(&ada, "bob", person(&["finance"])).await;
    world.set(&ada, "frank", None).await;
    // The same file again changes nothing.
    World::at::<promote>(world.dir.clone(), world.clock.clone(), MANAGED).await;
    assert!(world.known().await.contains(&"bob person finance".to_owned()));
    let other = format!("{MANAGED}\n# another text");
    let other = World::at::<promote>(world.dir.clone(), world.clock.clone(), &other).await;
    let known = other.known().await;
    for told in [
        "zoe person manager",
        "bob person manager,operator",
        "frank person finance",
    ] {
        assert!(known.contains(&told.to_owned()), "{told}: {known:?}");
    }
}

#[tokio::test]
async fn an_engine_starts_with_the_people_whom_an_admin_has_added() {
    let empty = MANAGED.replace("roles = [\"manager\", \"operator\"]", "roles = []");
    let empty = empty.replace(", actors = [\"frank\"]", "");
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let start = async |policy: &str| {
        Engine::builder()
            .store(countersign::store::Sqlite::open(dir.path().join("countersign.db")).unwrap())
            .registry(Registry::of::<promote>().unwrap())
            .policy(Policy::parse(policy).unwrap())
            .state(Effects::default())
            .worker(false)
            .start()
            .await
    };
    let error = start(&empty).await.err().unwrap().to_string();
    assert!(error.contains("could never be approved"), "{error}");
    let engine = start(MANAGED).await.unwrap();
    let zoe: ActorId = "zoe".parse().unwrap();
    engine
        .set_actor(&who("ada"), &zoe, person(&["manager"]))
        .await
        .unwrap();
    start(&empty).await.unwrap();
}

#[tokio::test]
async fn a_history_of_changes_that_cannot_be_is_found() {
    let world = of(MANAGED).await;
    let ada = who("ada");
    world.set(&ada, "zoe", person(&["manager"])).await;
    world.set(&ada, "zoe", person(&[])).await;
    world.set(&ada, "zoe", None).await;
    let entries = world
        .engine
        .store()
        .entries(world.engine.tenant(), None, 0, 100)
        .await
        .unwrap();
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
    spoilt(1, "/actor/roles", json!(["manager"]), "is no admin");
    spoilt(1, "/actor/kind", json!("agent"), "is not a person");
    spoilt(2, "/before/roles", json!(["finance"]), "was not so before");
    spoilt(
        2,
        "/after",
        json!({"kind": "person", "roles": ["manager"]}),
        "nothing of `zoe`",
    );
    spoilt(2, "/after/kind", json!("unknown"), "a kind is");
    spoilt(1, "/after/kind", json!("agent"), "never hold roles");
    spoilt(1, "/after", json!("digest"), "about no actor");
    // A change that is missing shows at the next one.
    let mut entries = honest.clone();
    entries.remove(2);
    contradictions::refused(&entries, 2, "was not so before");
    // Of credentials and notices, who and which.
    for (kind, what) in [
        ("credential.created", "credential"),
        ("credential.revoked", "credential"),
        ("session.opened", "credential"),
        ("session.closed", "credential"),
        ("notice.sent_again", "notice"),
    ] {
        let told = json!({"kind": kind, "actor": {"id": "ada"}, what: {"id": "k1", "kind": "api_key"},
            "time": honest[3]["time"]});
        let missing = format!("no `{what}`");
        for (gone, why) in [("", ""), ("actor", "nobody did it"), (what, missing.as_str())] {
            let mut last = told.as_object().unwrap().clone();
            last.remove(gone);
            let mut entries = honest.clone();
            entries.push(last);
            if why.is_empty() {
                let report = countersign::ledger::verify(
                    &mut contradictions::written(&entries),
                    &countersign::ledger::Request::default(),
                );
                assert_eq!(report.unwrap().findings, []);
            } else {
                contradictions::refused(&entries, 4, why);
            }
        }
    }
}
