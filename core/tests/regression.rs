//! What once went wrong in the call machine, one test each.

#[path = "explore/world.rs"]
#[expect(dead_code, reason = "the explorer uses the rest of the same world")]
mod world;

use std::time::Duration;

use countersign_core::actor::{Actor, Kind};
use countersign_core::audit::MOST_ENTRY_BYTES;
use countersign_core::call::{
    Answer, Call, Claim, Code, Event, Judgement, MOST_VOID, Phase, Release, Reporter, Resolution, Step,
};
use countersign_core::digest::Digest;
use countersign_core::gate::{ApprovalGate, Gates};
use countersign_core::id::{ActorId, PoolName, RequirementId, Role, TenantId};
use countersign_core::time::Timestamp;
use world::{
    Combo, Outside, Pools, actors, arguments, directories, filling, pool, rules, start, token, worker,
};

const PLAIN: Combo = Combo {
    input: false,
    confirm: false,
    outside: Outside::None,
    pools: Pools::None,
    idempotent: false,
    secret: false,
};

fn asked(call: &Call) -> RequirementId {
    call.requirements().first().or(call.reask().as_ref()).unwrap().id
}

fn person(name: &str) -> Actor {
    let mut all = actors().into_iter();
    all.find(|it| it.id.as_str() == name && it.kind == Kind::Person)
        .unwrap()
}

#[track_caller]
fn accepted(call: Call, event: Event) -> Call {
    accepted_at(call, event, start()).call
}

#[track_caller]
fn accepted_at(call: Call, event: Event, now: Timestamp) -> Step {
    let step = call.step(event, now);
    assert_eq!(step.answer, Answer::Accepted);
    step
}

fn gated(call: &Call, version: u8, gates: Gates) -> Event {
    Event::Gated(Judgement {
        release: Release {
            idempotent: false,
            ..PLAIN.release(version)
        },
        arguments: call.proposed().unwrap().clone(),
        gates,
        rules: rules(1),
        satisfiable: Ok(()),
        offer: None,
    })
}

fn claimed(call: &Call) -> Event {
    Event::Claimed {
        worker: worker(1),
        until: call.updated().after(world::LEASE),
        descriptor: *call.descriptor(),
        voters: directories().swap_remove(0).1,
        token: Some(token(1)),
    }
}

fn timed_out(call: Call) -> Call {
    let claim = Claim {
        worker: worker(1),
        number: *call.claims(),
    };
    accepted(call, Event::TimedOut { claim })
}

fn reasked(call: &Call) -> Event {
    Event::Reasked {
        on: asked(call),
        by: person("alice"),
        reason: None,
    }
}

fn resolved(call: &Call, resolution: Resolution) -> Event {
    Event::Resolved {
        on: asked(call),
        by: person("olivia"),
        reason: "looked".to_owned(),
        resolution,
    }
}

fn retried(call: &Call, directory: usize) -> Event {
    let voters = directories().swap_remove(directory).1;
    resolved(call, Resolution::Retry { voters })
}

fn approved(call: &Call, by: &str) -> Event {
    Event::Approved {
        on: asked(call),
        by: person(by),
        reason: None,
    }
}

/// The union with a new release had its fields, and nobody was asked for them.
#[test]
fn a_field_of_a_new_release_is_asked() {
    let call = PLAIN.open(None).call;
    let call = accepted(call.clone(), reasked(&call));
    let call = accepted(call.clone(), gated(&call, 2, PLAIN.redeployed()));
    assert_eq!(call.phase().name(), "input");
    assert_eq!(call.requirements()[0].fields, ["note"]);
}

/// The second doubt had the id of the first, and what settled that was taken as said again.
#[test]
fn a_second_doubt_is_settled_anew() {
    let combo = Combo {
        outside: Outside::BodyLess,
        ..PLAIN
    };
    let mut call = combo.open(None).call;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let by = person("alice");
        call = accepted(call, Event::Cancelled { by, reason: None });
        ids.push(asked(&call));
        call = accepted(call.clone(), resolved(&call, Resolution::HandedOff));
        assert_eq!(call.phase().name(), "external");
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// A token handed out with the old arguments could report a result of the new ones.
#[test]
fn a_token_counts_for_the_seal_it_was_issued_under() {
    let combo = Combo {
        outside: Outside::HandOff,
        pools: Pools::One,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let call = accepted(call.clone(), approved(&call, "dora"));
    let call = timed_out(accepted(call.clone(), claimed(&call)));
    let call = accepted(call.clone(), retried(&call, 1));
    let call = accepted(call.clone(), gated(&call, 1, combo.gates()));
    let call = accepted(call.clone(), approved(&call, "carol"));
    let Event::Claimed {
        worker,
        until,
        descriptor,
        voters,
        ..
    } = claimed(&call)
    else {
        unreachable!()
    };
    let claim = Event::Claimed {
        worker,
        until,
        descriptor,
        voters,
        token: Some(token(2)),
    };
    let call = accepted(call, claim);
    let report = |number| Event::Reported {
        on: call.requirement_id(countersign_core::requirement::Ask::External),
        by: Reporter::Token(token(number)),
        report: Ok(arguments(1, false)),
    };
    assert!(
        matches!(call.clone().step(report(1), start()).answer, Answer::Refused(it) if it.code == Code::NotAllowed)
    );
    assert_eq!(call.clone().step(report(2), start()).answer, Answer::Accepted);
}

/// The outside was asked once more although a voter had left, or the approvals had expired.
#[test]
fn a_retry_outside_needs_decisions_that_hold() {
    let combo = Combo {
        outside: Outside::BodyLess,
        pools: Pools::One,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let call = accepted(call.clone(), approved(&call, "dora"));
    let by = person("alice");
    let call = accepted(call, Event::Cancelled { by, reason: None });
    let phase = |directory, hours| {
        let now = start().after(Duration::from_hours(hours));
        let step = accepted_at(call.clone(), retried(&call, directory), now);
        step.call.phase().name()
    };
    assert_eq!(phase(0, 2), "external");
    assert_eq!(phase(1, 2), "gating");
    assert_eq!(phase(0, 3), "gating");
}

/// A hand-off that was retried kept the deadline of the report instead of the approvals'.
#[test]
fn waiting_for_a_report_prolongs_no_approval() {
    let combo = Combo {
        outside: Outside::HandOff,
        pools: Pools::One,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let call = accepted(call.clone(), approved(&call, "dora"));
    let call = accepted(call.clone(), claimed(&call));
    let claim = Claim {
        worker: worker(1),
        number: 1,
    };
    let result = "1".to_owned();
    let call = accepted(call, Event::Returned { claim, result });
    let by = person("alice");
    let call = accepted(call, Event::Cancelled { by, reason: None });
    let late = start().after(Duration::from_hours(4));
    let step = accepted_at(call.clone(), retried(&call, 0), late);
    assert_eq!(step.call.phase().name(), "gating");
}

/// It was closed as blocked, "the tool never ran", though it may have.
#[test]
fn a_retry_that_cannot_be_gated_stays_in_doubt() {
    let combo = Combo {
        pools: Pools::One,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let call = accepted(call.clone(), approved(&call, "dora"));
    let call = timed_out(accepted(call.clone(), claimed(&call)));
    let call = accepted(call.clone(), retried(&call, 1));
    let errors = vec!["no".to_owned()];
    let call = accepted(call, Event::Refused { errors });
    assert_eq!(call.phase().name(), "in_doubt");
    // The votes are void: it may not be cleared without new ones.
    let call = accepted(call.clone(), retried(&call, 0));
    assert_eq!(call.phase().name(), "gating");
    assert!(call.may_have_run());
    let by = person("alice");
    let call = accepted(call, Event::Cancelled { by, reason: None });
    assert!(call.may_have_run());
    assert!(!PLAIN.open(None).call.may_have_run());
}

/// A new release without `idempotent` was still run again by itself.
#[test]
fn another_release_is_not_taken_for_idempotent() {
    let combo = Combo {
        idempotent: true,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let again = timed_out(accepted(call.clone(), claimed(&call)));
    assert_eq!(again.phase().name(), "cleared");
    let call = accepted(call.clone(), reasked(&call));
    let call = accepted(call.clone(), gated(&call, 2, combo.gates()));
    let call = timed_out(accepted(call.clone(), claimed(&call)));
    assert_eq!(call.phase().name(), "in_doubt");
}

/// A cleared call got a day more when its gates were tightened in a way that asks nobody.
#[test]
fn a_tightening_gives_no_more_time() {
    let combo = Combo {
        outside: Outside::HandOff,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let later = start().after(Duration::from_hours(1));
    let mut gates = combo.looser();
    gates.external.as_mut().unwrap().expires_in = Duration::from_mins(1);
    let step = accepted_at(
        call.clone(),
        Event::Tightened {
            gates,
            rules: rules(2),
            satisfiable: Ok(()),
        },
        later,
    );
    assert_eq!(step.call.deadline(), call.deadline());
}

/// What was decided was kept as a digest without a key: a short secret could be guessed from a closed call.
#[test]
fn no_plain_digest_of_arguments_is_kept() {
    let combo = Combo {
        input: true,
        secret: true,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let filled = arguments(1, true);
    let on = asked(&call);
    let by = person("alice");
    let call = accepted(
        call,
        Event::Filled {
            on,
            by,
            values: filling(),
            arguments: filled.clone(),
        },
    );
    let plain = Digest::of(
        "countersign/decision/1",
        &[b"fill", filling().as_str().as_bytes()],
    );
    assert!(!call.state_text().contains(&plain.to_string()));
}

/// The record that closed a call with a secret committed to arguments that nobody had sealed.
#[test]
fn the_last_record_commits_to_what_was_sealed() {
    let combo = Combo {
        secret: true,
        ..PLAIN
    };
    let opened = combo.open(None);
    let by = person("alice");
    let closed = accepted_at(opened.call, Event::Cancelled { by, reason: None }, start());
    let commitment =
        |step: &Option<countersign_core::audit::Draft>| step.as_ref().unwrap().fields.get("args");
    assert_eq!(commitment(&opened.record), commitment(&closed.record));
}

/// Whoever could write to the row could take the owner's name off it and then approve.
#[test]
fn who_stands_behind_a_call_is_sealed() {
    let combo = Combo {
        secret: true,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let (terms, state) = (call.terms_text(), call.state_text());
    for (from, to) in [
        (r#","owner":"owen""#, ""),
        (r#""idempotent":false"#, r#""idempotent":true"#),
        (r#""secrets":["pin"]"#, r#""secrets":[]"#),
        (r#""requester":"alice""#, r#""requester":"mallory""#),
    ] {
        assert!(terms.contains(from), "{from} in {terms}");
        let edited = Call::from_text(&terms.replace(from, to), &state).unwrap();
        assert!(!edited.is_as_sealed(), "{from}");
    }
    assert!(Call::from_text(&terms, &state).unwrap().is_as_sealed());
}

/// One blob held the call's own salt, and so the key of every other one, also of those that were erased.
#[test]
fn a_blob_holds_no_key_but_its_own() {
    let combo = Combo {
        pools: Pools::Quorum,
        ..PLAIN
    };
    let opened = combo.open(None);
    let terms = opened.call.terms_text();
    let approved = |call: Call, by: &str, reason: &str| {
        let event = Event::Approved {
            on: asked(&call),
            by: person(by),
            reason: Some(reason.to_owned()),
        };
        accepted_at(call, event, start())
    };
    let one = approved(opened.call, "carol", "first");
    let two = approved(one.call.clone(), "dora", "second");
    let records = [opened.record, one.record, two.record];
    let mut keys: Vec<Digest> = records
        .iter()
        .flatten()
        .flat_map(|it| &it.blobs)
        .map(|it| it.salt)
        .collect();
    assert!(keys.iter().all(|it| !terms.contains(&it.to_string())));
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 3);
}

/// To stop the run was answered as a repeat of a rejection that did not stop it.
#[test]
fn stopping_the_run_is_another_decision() {
    let combo = Combo {
        confirm: true,
        ..PLAIN
    };
    let call = combo.open(None).call;
    let on = asked(&call);
    let rejected = |stop_run| Event::Rejected {
        on,
        by: person("alice"),
        reason: None,
        stop_run,
    };
    let call = accepted(call, rejected(false));
    assert_eq!(
        call.clone().step(rejected(false), start()).answer,
        Answer::Repeated
    );
    assert!(
        matches!(call.step(rejected(true), start()).answer, Answer::Refused(it) if it.code == Code::AlreadyDecided)
    );
}

/// A union was said not to cover one of its sides, because equal quorums were paired by place.
#[test]
fn a_union_covers_what_it_was_made_of() {
    let gates = |all: &[(u16, u64)]| Gates {
        approvals: all
            .iter()
            .map(|(quorum, hours)| ApprovalGate {
                pool: pool("a"),
                quorum: *quorum,
                expires_in: Duration::from_hours(*hours),
                escalate_after: None,
                because: Vec::new(),
            })
            .collect(),
        ..Gates::default()
    };
    let (a, b) = (gates(&[(2, 10), (1, 1)]), gates(&[(3, 9), (3, 9)]));
    assert!(a.tightened(&b).cover(&a));
}

/// The longest names that are allowed, and every one of them escaped.
fn long(number: usize) -> String {
    format!("{number:\"<128}")
}

fn crowd(number: usize) -> Actor {
    Actor {
        id: ActorId::new(&long(number)).unwrap(),
        kind: Kind::Person,
        roles: (0..40).map(|it| Role::new(&long(it)).unwrap()).collect(),
        pools: (0..16).map(|it| PoolName::new(&long(it)).unwrap()).collect(),
        auth: "\u{1}".repeat(1000),
    }
}

/// A call with many long names could not be recorded any more, and so not be decided.
#[test]
fn the_longest_entries_fit() {
    let gates = Gates {
        approvals: (0..16)
            .map(|it| ApprovalGate {
                pool: PoolName::new(&long(it)).unwrap(),
                quorum: 5,
                expires_in: Duration::from_hours(1),
                escalate_after: None,
                because: Vec::new(),
            })
            .collect(),
        ..PLAIN.gates()
    };
    let mut opening = PLAIN.opening(gates);
    opening.requester = crowd(900);
    let mut call = Call::open(opening, start()).call;
    let fits = |step: &Step| {
        let entry = step
            .record
            .as_ref()
            .unwrap()
            .entry(&TenantId::default(), 1 << 50, start());
        assert!(entry.unwrap().text.len() <= MOST_ENTRY_BYTES);
    };
    for voter in 0..80 {
        let event = Event::Approved {
            on: asked(&call),
            by: crowd(voter),
            reason: Some("\u{1}".repeat(100_000)),
        };
        let step = accepted_at(call, event, start());
        fits(&step);
        call = step.call;
    }
    assert_eq!(call.phase().name(), "cleared");
    let claim = |voters: Vec<Actor>| Event::Claimed {
        worker: worker(1),
        until: start(),
        descriptor: *call.descriptor(),
        voters,
        token: None,
    };
    let few = accepted_at(call.clone(), claim((MOST_VOID..80).map(crowd).collect()), start());
    fits(&few);
    assert_eq!(few.call.votes().len(), 80 - MOST_VOID);
    let many = accepted_at(call.clone(), claim(Vec::new()), start());
    fits(&many);
    assert!(many.call.votes().is_empty() && many.call.seal() != call.seal());
    assert!(matches!(many.call.phase(), Phase::Approve { .. }));
}
