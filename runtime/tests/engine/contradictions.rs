//! Histories whose every hash fits and which cannot have happened.

use countersign::core::audit::{Draft, Frontier};
use countersign::ledger::{MemoryLog, Request, StoredHead, Verdict, verify};
use countersign::{TenantId, Timestamp};
use serde_json::{Map, Value, json};

use crate::history::{engine, entries, story};

pub(crate) type Entry = Map<String, Value>;

/// An honest history: one call approved by two and paid, one rejected, one only on record.
async fn honest() -> Vec<Entry> {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(dir.path()).await;
    story(&engine).await;
    let rows = entries(&engine).await;
    rows.iter()
        .map(|it| serde_json::from_str(&it.text).unwrap())
        .collect()
}

/// A log of these entries as whoever owns the database would write it: numbers, leaves and head fit.
pub(crate) fn written(entries: &[Entry]) -> MemoryLog {
    let mut log = MemoryLog::default();
    let mut head = Frontier::default();
    for fields in entries {
        let time: Timestamp = fields["time"].as_str().unwrap().parse().unwrap();
        let draft = Draft {
            call: None,
            fields: fields.clone().into(),
            blobs: Vec::new(),
        };
        let entry = draft.entry(&TenantId::default(), head.size(), time).unwrap();
        let seq = i64::try_from(head.size()).unwrap();
        head.append(entry.leaf);
        log.rows
            .push((seq, entry.leaf.bytes().to_vec(), entry.text.into_bytes()));
    }
    log.head = Some(StoredHead {
        size: i64::try_from(head.size()).unwrap(),
        frontier: head.bytes(),
    });
    log
}

/// The place of the `nth` entry of this kind.
pub(crate) fn place(entries: &[Entry], kind: &str, nth: usize) -> usize {
    let mut found = entries.iter().enumerate().filter(|(_, it)| it["kind"] == kind);
    found.nth(nth).unwrap_or_else(|| panic!("no {kind}")).0
}

#[track_caller]
pub(crate) fn accepted(entries: &[Entry]) {
    let report = verify(&mut written(entries), &Request::default()).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
}

#[track_caller]
pub(crate) fn refused(entries: &[Entry], at: usize, why: &str) {
    let report = verify(&mut written(entries), &Request::default()).unwrap();
    assert_eq!(report.verdict, Verdict::Tampered, "{why}");
    let first = &report.findings[0];
    assert!(first.what.contains(why), "{why}: {}", first.what);
    assert_eq!(
        (first.seq, first.exact),
        (u64::try_from(at).unwrap(), true),
        "{}",
        first.what
    );
}

#[tokio::test]
async fn an_honest_history_makes_sense() {
    let report = verify(&mut written(&honest().await), &Request::default()).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
    assert_eq!((report.open, report.interrupted), (0, 0));
}

#[tokio::test]
async fn what_needs_decisions_does_not_run_without_them() {
    let honest = honest().await;
    let without = |kind: &str, nth: usize| {
        let mut entries = honest.clone();
        entries.remove(place(&honest, kind, nth));
        entries
    };
    let first_approval = place(&honest, "call.approved", 0);
    let second_approval = place(&honest, "call.approved", 1);
    refused(
        &without("call.confirmed", 0),
        first_approval - 1,
        "does not follow",
    );
    refused(
        &without("call.approved", 0),
        second_approval - 1,
        "1 of 2 approvals",
    );
    refused(&without("call.approved", 1), second_approval, "does not follow");
    refused(
        &without("call.claimed", 0),
        place(&honest, "call.returned", 0) - 1,
        "does not follow",
    );
    refused(
        &without("call.opened", 0),
        place(&honest, "call.confirmed", 0) - 1,
        "was not opened",
    );
    refused(
        &without("audited.started", 0),
        place(&honest, "audited.returned", 0) - 1,
        "was not started",
    );

    // The phases are made to fit, and the gate is still missing.
    let mut cleared = honest.clone();
    cleared[place(&honest, "call.opened", 0)]["phase"] = "cleared".into();
    refused(&cleared, place(&honest, "call.opened", 0), "did not confirm");
    let mut cleared = honest.clone();
    cleared[place(&honest, "call.confirmed", 0)]["phase"] = "cleared".into();
    refused(&cleared, place(&honest, "call.confirmed", 0), "0 of 2 approvals");
    // Approvals of something else than what runs.
    let mut resealed = honest.clone();
    let other = "0".repeat(64);
    resealed[second_approval]["seal"] = other.clone().into();
    refused(&resealed, second_approval, "did not confirm");
}

#[tokio::test]
async fn nobody_decides_who_may_not() {
    let honest = honest().await;
    let with = |kind: &str, nth: usize, change: &dyn Fn(&mut Entry)| {
        let mut entries = honest.clone();
        change(&mut entries[place(&honest, kind, nth)]);
        entries
    };
    let by = |id: &'static str| move |it: &mut Entry| it["actor"]["id"] = id.into();
    let approved = place(&honest, "call.approved", 1);
    refused(
        &with("call.approved", 1, &by("alice")),
        approved,
        "their own call",
    );
    refused(&with("call.approved", 1, &by("bob")), approved, "counts once");
    let agent = |it: &mut Entry| it["actor"]["kind"] = "agent".into();
    refused(&with("call.approved", 1, &agent), approved, "is not a person");
    let confirmed = place(&honest, "call.confirmed", 0);
    refused(
        &with("call.confirmed", 0, &by("bob")),
        confirmed,
        "is not its requester",
    );
    let gate = |it: &mut Entry| it["gate"] = 3.into();
    refused(
        &with("call.approved", 0, &gate),
        place(&honest, "call.approved", 0),
        "for no gate",
    );
    let requester = |it: &mut Entry| it["requester"] = "mallory".into();
    refused(
        &with("call.claimed", 0, &requester),
        place(&honest, "call.claimed", 0),
        "somebody else's",
    );

    // The agent that made the call, and its owner.
    let mut owned = honest.clone();
    for entry in &mut owned {
        if entry["kind"].as_str().is_some_and(|it| it.starts_with("call.")) {
            entry.insert("agent".to_owned(), json!({"id": "bot", "owner": "erin"}));
        }
    }
    refused(&owned, approved, "their own call");
}

/// Somebody is warned while a call waits, and nothing else comes of it.
#[tokio::test]
async fn a_reminder_is_given_once_and_moves_nothing() {
    let honest = honest().await;
    let (opened, confirmed) = (
        place(&honest, "call.opened", 0),
        place(&honest, "call.confirmed", 0),
    );
    // After the entry at `after`, as it would have been written then.
    let reminded = |entries: &[Entry], after: usize, kind: &str, asked: Value| {
        let mut entries = entries.to_vec();
        let mut entry = entries[after].clone();
        for (name, value) in [("kind", kind.into()), ("asked", asked)] {
            entry.insert(name.to_owned(), value);
        }
        entries.insert(after + 1, entry);
        entries
    };
    let warned = |entries: &[Entry], after, asked| reminded(entries, after, "call.warned", asked);
    let ok = warned(&honest, opened, json!(["confirmation"]));
    let ok = reminded(&ok, confirmed + 1, "call.escalated", json!(["approval/0"]));
    let ok = warned(&ok, confirmed + 1, json!(["approval/0"]));
    let report = verify(&mut written(&ok), &Request::default()).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));

    let twice = warned(&ok, confirmed + 2, json!(["approval/0"]));
    refused(&twice, confirmed + 3, "was reminded of before");
    for (after, asked, why) in [
        (opened, json!(["approval/0"]), "is not asked"),
        (opened, json!([]), "nothing that is asked"),
        (confirmed, json!(["approval/7"]), "is not asked"),
        (confirmed, json!(["confirmation"]), "is not asked"),
        (confirmed, json!(["external"]), "is not asked"),
        (
            place(&honest, "call.approved", 1),
            json!(["approval/0"]),
            "does not follow",
        ),
        (
            place(&honest, "call.returned", 0),
            json!(["approval/0"]),
            "was closed before",
        ),
    ] {
        refused(&warned(&honest, after, asked), after + 1, why);
    }
    let early = reminded(&honest, opened, "call.escalated", json!(["confirmation"]));
    refused(&early, opened + 1, "does not follow");
    for (name, value) in [("phase", "approve".to_owned()), ("seal", "0".repeat(64))] {
        let mut moved = warned(&honest, opened, json!(["confirmation"]));
        moved[opened + 1][name] = value.into();
        refused(&moved, opened + 1, "moves the call");
    }
}

#[tokio::test]
async fn one_claim_has_one_end() {
    let honest = honest().await;
    let again = |kind: &str| {
        let mut entries = honest.clone();
        let at = place(&honest, kind, 0);
        entries.insert(at + 1, honest[at].clone());
        (entries, at + 1)
    };
    for kind in [
        "call.opened",
        "call.claimed",
        "call.returned",
        "audited.started",
        "audited.returned",
    ] {
        let (entries, at) = again(kind);
        let report = verify(&mut written(&entries), &Request::default()).unwrap();
        assert_eq!(report.first_bad(), Some(u64::try_from(at).unwrap()), "{kind}");
    }
    // Two ends of one claim, as if the first had left a doubt.
    let (mut entries, at) = again("call.returned");
    let first = &mut entries[at - 1];
    first.insert("phase".to_owned(), "in_doubt".into());
    first.remove("outcome");
    refused(&entries, at, "its claim has ended");
    let mut skipped = honest.clone();
    let at = place(&honest, "call.claimed", 0);
    skipped[at]["claim"]["number"] = 2.into();
    refused(&skipped, at, "does not follow the one before");
    let mut early = honest.clone();
    let at = place(&honest, "call.returned", 0);
    early[at]["time"] = "1970-01-01T00:00:00.000Z".into();
    refused(&early, at, "before that of the entry before it");
    let mut unknown = honest.clone();
    unknown[at]["kind"] = "call.blessed".into();
    refused(&unknown, at, "no kind of record");
    let mut newer = honest.clone();
    newer[at]["log"] = "elsewhere".into();
    assert_eq!(
        verify(&mut written(&newer), &Request::default()).unwrap().verdict,
        Verdict::Ok,
        "set by the log"
    );
}

#[tokio::test]
async fn a_missing_end_is_an_interruption() {
    let mut entries = honest().await;
    entries.truncate(place(&entries, "audited.returned", 0));
    let at = place(&entries, "call.returned", 0);
    entries.remove(at);
    let report = verify(&mut written(&entries), &Request::default()).unwrap();
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
    assert_eq!((report.open, report.interrupted), (1, 2));
}

#[tokio::test]
async fn words_are_erased_by_a_person_of_a_closed_call_that_nobody_holds() {
    let honest = honest().await;
    let paid = honest[place(&honest, "call.claimed", 0)]["call"].clone();
    let said = |kind: &str, call: Option<&Value>| {
        let who = json!({"id": "olivia", "kind": "person", "auth": "asserted-library"});
        let last = &honest[honest.len() - 1];
        let mut fields = Entry::from_iter([
            ("kind".to_owned(), kind.into()),
            ("actor".to_owned(), who),
            ("basis".to_owned(), "case 7".into()),
            ("time".to_owned(), last["time"].clone()),
        ]);
        fields.extend(call.map(|it| ("call".to_owned(), it.clone())));
        fields
    };
    let then = |more: &[Entry]| [&honest[..], more].concat();
    let erased = || said("blobs.erased", Some(&paid));
    let end = honest.len();
    let fits = |entries: &[Entry]| {
        let report = verify(&mut written(entries), &Request::default()).unwrap();
        assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
    };
    fits(&then(&[erased()]));
    for on in [None, Some(&paid)] {
        let (held, free) = (said("hold.set", on), said("hold.lifted", on));
        refused(
            &then(&[held.clone(), erased()]),
            end + 1,
            "erased under a legal hold",
        );
        refused(&then(std::slice::from_ref(&free)), end, "no such hold");
        fits(&then(&[held.clone(), held, free, erased()]));
    }
    let mut by_agent = erased();
    by_agent["actor"]["kind"] = "agent".into();
    refused(&then(&[by_agent]), end, "is not a person");
    let mut early = honest.clone();
    let opened = place(&honest, "call.claimed", 0);
    let mut at_once = erased();
    at_once["time"] = honest[opened]["time"].clone();
    early.insert(opened, at_once);
    refused(&early, opened, "while it was open");
    let mut odd = erased();
    odd["kind"] = "blobs.blessed".into();
    refused(&then(&[odd]), end, "no kind of record");
}
