//! Lists: every page in order, nothing twice, nothing left out.

use countersign_core::id::{ActorId, RunId, ToolName};
use countersign_core::time::Timestamp;

use super::{call_id, done, full, row, step, tenant};
use crate::store::{CallFilter, CallRow, Store};

pub(super) async fn lists_page_by_key(store: &dyn Store) {
    let tenant = tenant("pages");
    let phases = ["confirm", "approve", "closed"];
    let people = ["alice", "mallory"];
    let mut all = Vec::new();
    for number in 0..60_u64 {
        let nth = |modulus: u64| usize::try_from(number % modulus).unwrap_or(0);
        let row = CallRow {
            phase: phases[nth(3)].to_owned(),
            requester: ActorId::new(people[nth(2)]).expect("an actor id"),
            tool: ToolName::new(["a", "b", "c", "d"][nth(4)]).expect("a tool name"),
            run: RunId::new(number % 5, 0),
            due: (number % 2 == 0).then(|| Timestamp::from_millis(i64::try_from(100 - number).unwrap_or(0))),
            // Not in the order of insertion.
            ..row(call_id(number * 37 % 60), 0)
        };
        done(store, step(&tenant, row.clone())).await;
        all.push(row);
    }
    all.sort_by_key(|it| it.id);
    for choice in 0..32_u64 {
        for phases in [
            vec![],
            vec!["approve"],
            vec!["closed", "approve", "closed"],
            vec!["none"],
        ] {
            let has = |bit: u64| choice & bit != 0;
            let filter = CallFilter {
                phases,
                run: has(1).then(|| RunId::new(3, 0)),
                due: has(2).then(|| Timestamp::from_millis(80)),
                tool: has(8).then(|| ToolName::new("c").expect("a tool name")),
                requester: has(16).then(|| ActorId::new("alice").expect("an actor id")),
            };
            let expected: Vec<&CallRow> = all.iter().filter(|it| fits(&filter, it)).collect();
            for most in [2, 1_000] {
                let count = store.count(&tenant, &filter, most).await.unwrap();
                assert_eq!(count, expected.len().min(most), "{filter:?}");
            }
            let size = if has(4) { 3 } else { 1_000 };
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
    }
    assert_eq!(
        store
            .calls(&tenant, &CallFilter::default(), None, 0)
            .await
            .unwrap(),
        []
    );
}

fn fits(filter: &CallFilter, row: &CallRow) -> bool {
    (filter.phases.is_empty() || filter.phases.contains(&row.phase.as_str()))
        && filter.run.is_none_or(|it| it == row.run)
        && filter.due.is_none_or(|it| row.due.is_some_and(|due| due <= it))
        && filter.tool.as_ref().is_none_or(|it| *it == row.tool)
        && filter.requester.as_ref().is_none_or(|it| *it == row.requester)
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
        let page = store.runs(&tenant, before, 4).await.unwrap();
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
    }
    for (call, expected) in [
        (None, (0..30).collect::<Vec<u64>>()),
        (Some(call_id(1)), (0..10).map(|it| it * 3 + 1).collect()),
        (Some(call_id(9)), Vec::new()),
    ] {
        let mut found = Vec::new();
        let mut from = 0;
        loop {
            let page = store.entries(&tenant, call, from, 4).await.unwrap();
            let Some(last) = page.last() else { break };
            from = last.seq + 1;
            found.extend(page.into_iter().map(|it| it.seq));
        }
        assert_eq!(found, expected);
    }
    assert_eq!(store.entries(&tenant, None, u64::MAX, 4).await.unwrap(), []);
}
