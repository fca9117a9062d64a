//! Histories in which a remembered confirmation lets through what it does not cover.

use countersign::ledger::{Request, Verdict, verify};
use countersign::prelude::*;
use countersign::{Call, RunId};
use serde_json::{Value, json};

use crate::contradictions::{Entry, place, refused, written};
use crate::world::{World, code, who};

/// Boot a machine again.
#[tool(requires_confirmation)]
async fn reboot(machine: String) -> String {
    machine
}

/// Spend money.
#[approval(required, pool = "managers")]
#[tool(requires_confirmation)]
async fn disburse(cents: u32) -> u32 {
    cents
}

/// Report a fault.
#[tool(requires_user_input(severity), requires_confirmation)]
async fn fault(summary: String, severity: u32) -> String {
    format!("{summary} {severity}")
}

async fn propose(world: &World, tool: &str, arguments: &str, run: Option<RunId>) -> Call {
    let (alice, builder) = (who("alice"), world.engine.call(tool, arguments));
    let builder = run
        .into_iter()
        .fold(builder.by(&alice), countersign::CallBuilder::run);
    match builder.await.unwrap() {
        Called::Waiting(waiting) => waiting.call().clone(),
        Called::Done(outcome) => panic!("not waiting: {outcome:?}"),
    }
}

async fn decide(world: &World, decision: Decision) -> Call {
    let decided = world.engine.desk().decide(decision).await.unwrap();
    assert_eq!(code(&decided.answer), "accepted");
    decided.call.unwrap()
}

async fn remembered(world: &World, call: &Call, remember: Remember) -> Call {
    let decision = Decision::confirm(&call.requirements()[0]).by(&who("alice"));
    decide(world, decision.remember(remember)).await
}

/// One for two calls of a run, which are made; one until a time, used once and revoked; one of a tool that
/// needs an approval besides; one of a tool that asks for a field first.
async fn honest() -> Vec<Entry> {
    let world = World::new::<(reboot, disburse, fault)>().await;
    let first = propose(&world, "reboot", r#"{"machine":"a"}"#, None).await;
    let first = remembered(&world, &first, Remember::exact().uses(2)).await;
    for _ in 0..2 {
        propose(&world, "reboot", r#"{"machine":"a"}"#, Some(*first.run())).await;
    }
    let hour = std::time::Duration::from_hours(1);
    let end = countersign::clock::Clock::now(&world.clock).after(hour);
    let second = propose(&world, "reboot", r#"{"machine":"b"}"#, None).await;
    remembered(&world, &second, Remember::any().until(end)).await;
    let passed = propose(&world, "reboot", r#"{"machine":"c"}"#, None).await;
    let grant = passed.granted().unwrap();
    world.engine.desk().revoke(grant, &who("alice")).await.unwrap();

    let paid = propose(&world, "disburse", r#"{"cents":5}"#, None).await;
    let paid = remembered(&world, &paid, Remember::exact()).await;
    let again = propose(&world, "disburse", r#"{"cents":5}"#, Some(*paid.run())).await;
    let said = Decision::approve(&again.requirements()[0]).by(&who("bob"));
    assert_eq!(decide(&world, said).await.phase().name(), "cleared");

    for number in 0..2 {
        let open = propose(&world, "fault", r#"{"summary":"s"}"#, None).await;
        let values = json!({"severity": 1});
        let filled = Decision::fill(&open.requirements()[0], values).by(&who("alice"));
        let filled = decide(&world, filled).await;
        if number == 0 {
            remembered(&world, &filled, Remember::any().until(end)).await;
        }
    }
    let rows = world.engine.store().entries(world.engine.tenant(), None, 0, 1000);
    let rows = rows.await.unwrap();
    rows.iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect()
}

/// The place of the `nth` call that a grant passed.
fn passed(entries: &[Entry], nth: usize) -> usize {
    let mut found = entries
        .iter()
        .enumerate()
        .filter(|(_, it)| it.contains_key("passed_by"));
    found.nth(nth).unwrap().0
}

fn set(entries: &[Entry], at: usize, name: &str, value: impl Into<Value>) -> Vec<Entry> {
    let mut entries = entries.to_vec();
    entries[at].insert(name.to_owned(), value.into());
    entries
}

fn without(entries: &[Entry], at: &[usize]) -> Vec<Entry> {
    let kept = entries.iter().enumerate().filter(|(it, _)| !at.contains(it));
    kept.map(|(_, it)| it.clone()).collect()
}

#[tokio::test]
async fn a_grant_is_made_by_a_confirmation_and_used_by_what_it_passes() {
    let honest = honest().await;
    let report = verify(&mut written(&honest), &Request::default()).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));

    let (made, used) = (place(&honest, "grant.made", 0), place(&honest, "grant.used", 0));
    refused(&without(&honest, &[made]), made, "here belongs `grant.made`");
    refused(&without(&honest, &[used]), used, "here belongs `grant.used`");
    refused(&honest[..made], made, "here belongs `grant.made`");
    refused(&honest[..used], used, "here belongs `grant.used`");
    // Nobody has ever asked for it.
    let mut never = without(&honest, &[made]);
    never[made - 1].remove("remembered");
    refused(&never, passed(&never, 0), "was never made");
    let mut unasked = honest.clone();
    unasked[made - 1].remove("remembered");
    refused(&unasked, made, "no confirmation made");
    let mut idle = honest.clone();
    idle[used - 1].remove("passed_by");
    refused(&idle, used - 1, "did not confirm");
    let mut twice = honest.clone();
    twice.insert(used + 1, honest[used].clone());
    refused(&twice, used + 1, "passed no confirmation");
    let mut again = honest.clone();
    again.insert(made + 1, honest[made].clone());
    refused(&again, made + 1, "no confirmation made");
    refused(
        &set(&honest, used, "used_by", "call_another"),
        used,
        "and nothing else",
    );
    for (name, value) in [
        ("requester", "mallory"),
        ("tool", "disburse"),
        ("call", "another"),
    ] {
        refused(
            &set(&honest, made, name, value),
            made,
            "another's than that of the confirmation",
        );
    }
    let elsewhere = json!({"scope": "run", "run": "run_another"});
    refused(
        &set(&honest, made, "scope", elsewhere),
        made,
        "another's than that of the confirmation",
    );
    let other = "0".repeat(64);
    refused(
        &set(&honest, used, "terms", other),
        used,
        "not what it was when it was made",
    );
    let at = place(&honest, "call.opened", 0);
    let grant = honest[made]["grant"].clone();
    refused(
        &set(&honest, at, "remembered", grant),
        at,
        "only a confirmation makes a grant",
    );
}

#[tokio::test]
async fn a_grant_passes_so_many_and_no_more() {
    let honest = honest().await;
    let (made, used) = (place(&honest, "grant.made", 0), place(&honest, "grant.used", 0));
    // Made for one, as the record of its making is told now.
    let one = set(&set(&honest, made, "left", 1), used, "left", 0);
    refused(&one, passed(&one, 1), "used up");
    refused(&set(&honest, used, "left", 2), used, "this was one of them");
    let second = place(&honest, "grant.used", 1);
    refused(&set(&honest, second, "left", 1), second, "this was one of them");
    for none in [0, 1001] {
        refused(&set(&honest, made, "left", none), made, "for no number of uses");
    }
    // Revoked before it was used, and after it was used up.
    let revoked = place(&honest, "grant.revoked", 0);
    let late = passed(&honest, 2);
    let mut early = honest.clone();
    let record = early.remove(revoked);
    early.insert(late, record);
    refused(&early, late + 1, "or is used up or revoked");
    let mut gone = honest.clone();
    let mut record = honest[made].clone();
    record.insert("kind".to_owned(), "grant.revoked".into());
    record.insert("actor".to_owned(), honest[revoked]["actor"].clone());
    gone.insert(second + 1, record);
    refused(&gone, second + 1, "or is used up or revoked");
    let mut agent = honest.clone();
    agent[revoked]["actor"]["kind"] = "agent".into();
    refused(&agent, revoked, "is not a person");
}

#[tokio::test]
async fn a_grant_passes_what_it_covers_and_nothing_else() {
    let honest = honest().await;
    let at = passed(&honest, 0);
    refused(
        &set(&honest, at, "requester", "mallory"),
        at,
        "is a grant of `alice`",
    );
    refused(&set(&honest, at, "tool", "disburse"), at, "for another tool");
    let other = "0".repeat(64);
    refused(
        &set(&honest, at, "descriptor", other),
        at,
        "for another tool, or another version",
    );
    refused(&set(&honest, at, "run", "run_another"), at, "for another run");
    // At its end it is over.
    let until = passed(&honest, 2);
    let made = place(&honest, "grant.made", 1);
    let end = json!({"scope": "until", "time": honest[until]["time"]});
    refused(&set(&honest, made, "scope", end), until, "was over at");
    let mut free = honest.clone();
    free[at]["policy"]["needed"] = json!([]);
    refused(&free, at, "passed what no grant passes");
}

#[tokio::test]
async fn a_grant_passes_neither_approvals_nor_what_was_amended() {
    let honest = honest().await;
    let approved = place(&honest, "call.approved", 0);
    let at = passed(&honest, 3);
    assert_eq!(honest[at]["phase"], "approve");
    let grant = honest[at]["passed_by"].clone();
    refused(
        &set(&honest, approved, "passed_by", grant),
        approved,
        "passed what no grant passes",
    );
    refused(&set(&honest, at, "phase", "cleared"), at, "0 of 1 approvals");
    // Filled in, gated, amended, and then gated again: who amends confirms.
    let at = passed(&honest, 4);
    assert_eq!(
        (honest[at - 1]["kind"].as_str(), honest[at]["kind"].as_str()),
        (Some("call.filled"), Some("call.gated"))
    );
    let mut asks = honest[at].clone();
    asks.remove("passed_by");
    asks.insert("phase".to_owned(), "confirm".into());
    let mut amended = honest[at - 1].clone();
    amended.insert("kind".to_owned(), "call.amended".into());
    let mut forged = honest.clone();
    forged.splice(at..at, [asks, amended]);
    refused(&forged, at + 2, "passed what no grant passes");
}
