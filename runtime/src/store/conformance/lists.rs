//! Lists: every page in order, nothing twice, nothing left out.

use std::sync::Arc;

use countersign_core::id::{ActorId, RunId, TenantId, ToolName};
use countersign_core::time::Timestamp;
use tokio::task::JoinSet;

use super::{call_id, done, full, record, replace, row, step, tenant};
use crate::store::{CallFilter, CallRow, Commit, Committed, HistoryFilter, Room, RunFilter, Store};

pub(super) async fn lists_page_by_key(store: &dyn Store) {
    let tenant = tenant("pages");
    let all = calls_on_the_agenda(store, &tenant).await;
    let words = |them: &[&str]| CallFilter::WaitingFor(them.iter().map(|it| (*it).to_owned()).collect());
    for filter in [
        CallFilter::All,
        CallFilter::OfRun(RunId::new(3, 0)),
        CallFilter::OfRun(RunId::new(9, 0)),
        CallFilter::Due(Timestamp::from_millis(80)),
        words(&[]),
        words(&["pool:a"]),
        words(&["pool:b", "pool:a", "pool:b"]),
        words(&["worker", "pool:nobody"]),
        words(&["due"]),
    ] {
        for size in [1, 3, 1_000] {
            let expected: Vec<&CallRow> = all.iter().filter(|it| fits(&filter, it)).collect();
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = store.calls(&tenant, &filter, after, size).await.unwrap();
                assert!(page.len() <= size);
                let Some(last) = page.last() else { break };
                assert!(after < Some(last.id), "a page that does not go on: {filter:?}");
                after = Some(last.id);
                found.extend(page);
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?} by {size}");
        }
        assert_eq!(store.calls(&tenant, &filter, None, 0).await.unwrap(), []);
    }
}

pub(super) async fn calls_page_from_the_newest(store: &dyn Store) {
    let (tenant, elsewhere) = (tenant("history"), tenant("history-elsewhere"));
    let requesters = ["alice", "bob"].map(|it| ActorId::new(it).expect("an actor id"));
    let tools = ["refund", "close"].map(|it| ToolName::new(it).expect("a tool name"));
    let mut all = Vec::new();
    for number in 0..48_usize {
        let first = CallRow {
            requester: requesters[number % 2].clone(),
            tool: tools[number / 2 % 2].clone(),
            // Not in the order of insertion.
            ..row(call_id(u64::try_from(number * 29 % 48).unwrap_or(0)), 0)
        };
        let over = CallRow {
            version: 1,
            phase: "closed".to_owned(),
            waits_for: Vec::new(),
            ..first.clone()
        };
        let next = match number % 3 {
            0 => over,
            // Nobody is asked, but it is due.
            1 => CallRow {
                phase: "executing".to_owned(),
                due: Some(Timestamp::from_millis(9)),
                ..over
            },
            _ => CallRow {
                phase: "approve".to_owned(),
                waits_for: vec!["pool:a".to_owned(), "pending:alice".to_owned()],
                ..over
            },
        };
        done(store, replace(&tenant, None, first.clone())).await;
        done(store, replace(&tenant, Some(first.clone()), next.clone())).await;
        done(store, replace(&elsewhere, None, first)).await;
        all.push(next);
    }
    all.sort_by_key(|it| std::cmp::Reverse(it.id));
    for choice in 0..36 {
        let filter = HistoryFilter {
            requester: (choice & 1 != 0).then(|| requesters[0].clone()),
            tool: (choice & 2 != 0).then(|| tools[1].clone()),
            phase: [None, Some("closed"), Some("approve")][choice / 4 % 3].map(str::to_owned),
            open: [None, Some(true), Some(false)][choice / 12],
        };
        let fits = |it: &&CallRow| {
            filter.requester.as_ref().is_none_or(|id| it.requester == *id)
                && filter.tool.as_ref().is_none_or(|name| it.tool == *name)
                && filter.phase.as_ref().is_none_or(|name| it.phase == *name)
                && filter.open.is_none_or(|open| open == (it.phase != "closed"))
        };
        let expected: Vec<&CallRow> = all.iter().filter(fits).collect();
        for size in [1, 5, 1_000] {
            let mut found: Vec<CallRow> = Vec::new();
            loop {
                let before = found.last().map(|it| it.id);
                let page = store.history(&tenant, &filter, before, size).await.unwrap();
                assert!(page.len() <= size);
                if page.is_empty() {
                    break;
                }
                found.extend(page);
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?} by {size}");
        }
        assert_eq!(store.history(&tenant, &filter, None, 0).await.unwrap(), []);
    }
}

/// Whoever has no room left gets none, however many ask at once; whatever else the commit brings is refused too.
pub(super) async fn room_is_kept_by_the_commit(store: &Arc<dyn Store>) {
    let tenant = tenant("room");
    let all = calls_on_the_agenda(&**store, &tenant).await;
    let size = store.head(&tenant).await.unwrap().size();
    let topics = |them: &[&str]| them.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
    let mut next = 100;
    for topics in [
        topics(&["pool:a"]),
        topics(&["pool:b"]),
        topics(&["worker", "pool:a"]),
        topics(&["pool:nobody"]),
        topics(&[]),
    ] {
        let on = |row: &CallRow| row.waits_for.iter().filter(|it| topics.contains(it)).count();
        let waiting: usize = all.iter().map(on).sum();
        for (most, expected) in [(0, false), (waiting, false), (waiting + 1, true)] {
            next += 1;
            let row = CallRow {
                waits_for: Vec::new(),
                ..row(call_id(next), 0)
            };
            let room = Some(Room {
                topics: topics.clone(),
                most,
            });
            let commit = Commit {
                room,
                ..replace(&tenant, None, row)
            };
            let committed = store.commit(commit).await.unwrap();
            let done = matches!(committed, Committed::Done { .. });
            assert_eq!(done, expected, "{topics:?} and {most}: {committed:?}");
            assert!(done || committed == Committed::Full, "{committed:?}");
            assert_eq!(
                store.call(&tenant, call_id(next)).await.unwrap().is_some(),
                expected
            );
        }
    }
    assert_eq!(store.head(&tenant).await.unwrap().size(), size + 5);
    // Ten at once, and room for three.
    let mut asking = JoinSet::new();
    for number in 200..210 {
        let waits_for = topics(&["requester:ada"]);
        let room = Some(Room {
            topics: waits_for.clone(),
            most: 3,
        });
        let row = CallRow {
            waits_for,
            ..row(call_id(number), 0)
        };
        let commit = Commit {
            room,
            ..replace(&tenant, None, row)
        };
        let store = store.clone();
        asking.spawn(async move { store.commit(commit).await.unwrap() });
    }
    let answers = asking.join_all().await;
    let full = answers.iter().filter(|it| **it == Committed::Full);
    assert_eq!(full.count(), 7, "{answers:?}");
}

/// Sixty calls, each moved on twice: from nobody's business to somebody's and again to others'.
async fn calls_on_the_agenda(store: &dyn Store, tenant: &TenantId) -> Vec<CallRow> {
    let waits: [&[&str]; 4] = [&[], &["pool:a"], &["pool:a", "pool:b"], &["worker"]];
    let mut all = Vec::new();
    for number in 0..60_u64 {
        let nth = |modulus: u64| usize::try_from(number % modulus).unwrap_or(0);
        let at = |version: u64, turn: usize| CallRow {
            waits_for: waits[(nth(4) + turn) % 4]
                .iter()
                .map(|it| (*it).to_owned())
                .collect(),
            run: RunId::new(number % 5, 0),
            due: (nth(2) + turn)
                .is_multiple_of(2)
                .then(|| Timestamp::from_millis(i64::try_from(100 + version - number).unwrap_or(0))),
            // Not in the order of insertion.
            ..row(call_id(number * 37 % 60), version)
        };
        done(store, replace(tenant, None, at(0, 0))).await;
        done(store, replace(tenant, Some(at(0, 0)), at(1, 3))).await;
        done(store, replace(tenant, Some(at(1, 3)), at(2, 1))).await;
        all.push(at(2, 1));
    }
    all.sort_by_key(|it| it.id);
    all
}

fn fits(filter: &CallFilter, row: &CallRow) -> bool {
    match filter {
        CallFilter::All => true,
        CallFilter::OfRun(run) => row.run == *run,
        CallFilter::WaitingFor(words) => row.waits_for.iter().any(|it| words.contains(it)),
        CallFilter::Due(at) => row.due.is_some_and(|due| due <= *at),
    }
}

pub(super) async fn runs_page_from_the_newest(store: &dyn Store) {
    let tenant = tenant("runs");
    for number in 0..25_u64 {
        let mut commit = full(&tenant, row(call_id(number), 0), number * 7 % 25);
        commit.directory = None;
        done(store, commit).await;
    }
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = store.runs(&tenant, &RunFilter::All, before, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        found.extend(page.into_iter().map(|it| it.id));
    }
    let expected: Vec<RunId> = (0..25).rev().map(|it| RunId::new(it, 1)).collect();
    assert_eq!(found, expected);
}

pub(super) async fn entries_page_by_number(store: &dyn Store) {
    let tenant = tenant("entries");
    for number in 0..30_u64 {
        done(store, step(&tenant, row(call_id(number % 3), number / 3))).await;
        // One that is written beside its call stands between those written with it.
        if number == 14 {
            let records = vec![record(Some(call_id(1)), "beside")];
            let beside = Commit {
                records,
                ..Commit::new(tenant.clone(), Timestamp::from_millis(0))
            };
            done(store, beside).await;
        }
    }
    for (call, expected) in [
        (None, (0..31).collect::<Vec<u64>>()),
        (Some(call_id(1)), vec![1, 4, 7, 10, 13, 15, 17, 20, 23, 26, 29]),
        (Some(call_id(9)), Vec::new()),
    ] {
        let mut found = Vec::new();
        let mut from = 0;
        loop {
            let page = store.entries(&tenant, call, from, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= 4);
            from = last.seq + 1;
            found.extend(page.into_iter().map(|it| it.seq));
        }
        assert_eq!(found, expected);
    }
    assert_eq!(store.entries(&tenant, None, u64::MAX, 4).await.unwrap(), []);
}
