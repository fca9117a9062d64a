//! Grants: versions compared and swapped, lists of live ones.

use std::sync::Arc;

use countersign_core::id::{ActorId, GrantId, TenantId, ToolName};
use countersign_core::time::Timestamp;
use tokio::task::JoinSet;

use super::{call_id, check_log, conflicts, done, empty, record, row, step, tenant};
use crate::store::{Commit, Committed, GrantFilter, GrantRow, GrantWrite, Store};

fn grant(number: u128, version: u64) -> GrantRow {
    GrantRow {
        id: GrantId::new(7, number),
        version,
        owner: ActorId::new("alice").expect("an actor id"),
        tool: ToolName::new("issue_refund").expect("a tool name"),
        scope: "until".to_owned(),
        live: true,
        state: format!("grant {number} {version}"),
    }
}

fn write(tenant: &TenantId, row: GrantRow) -> Commit {
    Commit {
        records: vec![record(None, "grant")],
        grant: Some(GrantWrite {
            expected: row.version.checked_sub(1),
            row,
        }),
        ..empty(tenant)
    }
}

pub(super) async fn what_is_over_by_the_time_of_the_log_is_refused(store: &Arc<dyn Store>) {
    let tenant = tenant("grant-time");
    let at = |millis| Commit {
        time: Timestamp::from_millis(millis),
        before: Some(Timestamp::from_millis(50)),
        ..write(&tenant, grant(1, 0))
    };
    conflicts(&**store, at(50)).await;
    let ahead = Commit {
        time: Timestamp::from_millis(60),
        records: vec![record(None, "ahead")],
        ..empty(&tenant)
    };
    done(&**store, ahead).await;
    // Its own clock says that there is time left.
    conflicts(&**store, at(10)).await;
    assert!(store.grant(&tenant, GrantId::new(7, 1)).await.unwrap().is_none());
    assert_eq!(check_log(&**store, &tenant).await.len(), 1);
}

pub(super) async fn the_last_use_goes_to_one(store: &Arc<dyn Store>) {
    let tenant = tenant("grant-race");
    done(&**store, write(&tenant, grant(1, 0))).await;
    let mut racers = JoinSet::new();
    for number in 0..16 {
        let (store, tenant) = (store.clone(), tenant.clone());
        racers.spawn(async move {
            let used = GrantRow {
                live: false,
                ..grant(1, 1)
            };
            let commit = Commit {
                grant: write(&tenant, used).grant,
                ..step(&tenant, row(call_id(number), 0))
            };
            store.commit(commit).await.expect("a commit")
        });
    }
    let ended = racers.join_all().await;
    let won = ended.iter().filter(|it| matches!(it, Committed::Done { .. }));
    assert_eq!(won.count(), 1, "one use was left");
    // Only the winner's call was opened and recorded.
    assert_eq!(check_log(&**store, &tenant).await.len(), 2);
    let mut opened = 0;
    for number in 0..16 {
        opened += usize::from(store.call(&tenant, call_id(number)).await.unwrap().is_some());
    }
    assert_eq!(opened, 1);
    let stored = store
        .grant(&tenant, GrantId::new(7, 1))
        .await
        .unwrap()
        .expect("it stays");
    assert_eq!((stored.version, stored.live), (1, false));
}

pub(super) async fn a_refused_grant_stops_its_commit(store: &dyn Store) {
    let tenant = tenant("grant-atomic");
    let with = |row: GrantRow, version| Commit {
        grant: write(&tenant, row).grant,
        ..step(&tenant, super::row(call_id(1), version))
    };
    // One that does not exist is not used; one that exists is not made again.
    conflicts(store, with(grant(1, 1), 0)).await;
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
    done(store, with(grant(1, 0), 0)).await;
    conflicts(store, with(grant(1, 0), 1)).await;
    conflicts(store, with(grant(1, 2), 1)).await;
    // A call that was overtaken leaves the grant as it was.
    conflicts(store, with(grant(1, 1), 2)).await;
    assert_eq!(
        store.grant(&tenant, GrantId::new(7, 1)).await.unwrap(),
        Some(grant(1, 0))
    );
    done(store, with(grant(1, 1), 1)).await;
    assert_eq!(
        store.grant(&tenant, GrantId::new(7, 1)).await.unwrap(),
        Some(grant(1, 1))
    );
    assert_eq!(check_log(store, &tenant).await.len(), 2);
}

pub(super) async fn live_grants_are_listed(store: &dyn Store) {
    let tenant = tenant("grant-lists");
    let (owners, tools, scopes) = (["alice", "bob"], ["a", "b"], ["until", "run_1", "session:s"]);
    let mut all = Vec::new();
    for number in 0..48_usize {
        let row = GrantRow {
            owner: ActorId::new(owners[number % 2]).expect("an actor id"),
            tool: ToolName::new(tools[number / 2 % 2]).expect("a tool name"),
            scope: scopes[number % 3].to_owned(),
            live: number % 5 != 0,
            ..grant(u128::try_from(number * 29 % 48).unwrap_or(0), 0)
        };
        done(store, write(&tenant, row.clone())).await;
        all.push(row);
    }
    all.sort_by_key(|it| std::cmp::Reverse(it.id));
    for choice in 0..8 {
        let filter = GrantFilter {
            owner: (choice & 1 != 0).then(|| all[0].owner.clone()),
            tool: (choice & 2 != 0).then(|| all[0].tool.clone()),
            scopes: if choice & 4 == 0 {
                Vec::new()
            } else {
                vec!["until".to_owned(), "run_1".to_owned()]
            },
        };
        let fits = |it: &&GrantRow| {
            it.live
                && filter.owner.as_ref().is_none_or(|owner| it.owner == *owner)
                && filter.tool.as_ref().is_none_or(|tool| it.tool == *tool)
                && (filter.scopes.is_empty() || filter.scopes.contains(&it.scope))
        };
        let expected: Vec<&GrantRow> = all.iter().filter(fits).collect();
        let mut found = Vec::new();
        let mut before = None;
        loop {
            let page = store.grants(&tenant, &filter, before, 5).await.unwrap();
            assert!(page.len() <= 5);
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            found.extend(page);
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}
