//! What edges keep: versions compared and swapped, deleted, listed, written with the rest of their commit.

use std::sync::Arc;

use countersign_core::id::{ActorId, TenantId};
use countersign_core::time::Timestamp;
use tokio::task::JoinSet;

use super::{call_id, check_log, conflicts, done, empty, record, row, step, tenant};
use crate::store::{Commit, Committed, EdgeFilter, EdgeRow, EdgeWrite, Store, StoreError};

const KIND: &str = "session";

fn edge(id: &str, version: u64) -> EdgeRow {
    EdgeRow {
        kind: KIND.to_owned(),
        id: id.to_owned(),
        owner: None,
        version,
        at: None,
        state: format!("{id} as of {version}"),
    }
}

fn put(row: EdgeRow) -> EdgeWrite {
    EdgeWrite::Put(row)
}

fn delete(id: &str, version: u64) -> EdgeWrite {
    EdgeWrite::Delete {
        kind: KIND.to_owned(),
        id: id.to_owned(),
        version,
    }
}

fn with<const N: usize>(tenant: &TenantId, edges: [EdgeWrite; N]) -> Commit {
    Commit {
        edges: edges.into(),
        records: vec![record(None, "edge")],
        ..empty(tenant)
    }
}

async fn stored(store: &dyn Store, tenant: &TenantId, id: &str) -> Option<EdgeRow> {
    store.edge(tenant, KIND, id).await.expect("an edge")
}

pub(super) async fn edges_are_replaced_only_as_expected(store: &dyn Store) {
    let tenant = tenant("edge");
    assert_eq!(stored(store, &tenant, "a").await, None);
    conflicts(store, with(&tenant, [put(edge("a", 1))])).await;
    conflicts(store, with(&tenant, [delete("a", 0)])).await;
    done(store, with(&tenant, [put(edge("a", 0))])).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 0)));
    conflicts(store, with(&tenant, [put(edge("a", 0))])).await;
    conflicts(store, with(&tenant, [put(edge("a", 2))])).await;
    // Everything but its name may change.
    let changed = EdgeRow {
        owner: Some(ActorId::new("alice").expect("an actor id")),
        at: Some(Timestamp::from_millis(77)),
        ..edge("a", 1)
    };
    done(store, with(&tenant, [put(changed.clone())])).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(changed));
    done(store, with(&tenant, [put(edge("a", 2))])).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 2)));
    // What has changed meanwhile is not deleted.
    conflicts(store, with(&tenant, [delete("a", 1)])).await;
    conflicts(store, with(&tenant, [delete("a", 3)])).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 2)));
    done(store, with(&tenant, [delete("a", 2)])).await;
    assert_eq!(stored(store, &tenant, "a").await, None);
    conflicts(store, with(&tenant, [delete("a", 2)])).await;
    conflicts(store, with(&tenant, [put(edge("a", 3))])).await;
    done(store, with(&tenant, [put(edge("a", 0))])).await;
    // Another kind or tenant has its own.
    let other = EdgeRow {
        kind: "key".to_owned(),
        ..edge("a", 0)
    };
    done(store, with(&tenant, [put(other.clone())])).await;
    assert_eq!(store.edge(&tenant, "key", "a").await.unwrap(), Some(other));
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 0)));
    let elsewhere = super::tenant("edge-elsewhere");
    assert_eq!(stored(store, &elsewhere, "a").await, None);
    conflicts(store, with(&elsewhere, [delete("a", 0)])).await;
    done(store, with(&elsewhere, [put(edge("a", 0))])).await;
    done(store, with(&elsewhere, [delete("a", 0)])).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 0)));
    assert_eq!(check_log(store, &tenant).await.len(), 6);
}

pub(super) async fn edges_come_with_their_commit(store: &dyn Store) {
    let tenant = tenant("edge-atomic");
    done(store, with(&tenant, [put(edge("a", 0)), put(edge("b", 0))])).await;
    let three = || [put(edge("a", 1)), delete("b", 0), put(edge("c", 0))];
    // One of them is refused: none is written, nor the call.
    for stale in [put(edge("d", 1)), delete("d", 0)] {
        let [first, second, third] = three();
        let edges = vec![first, second, stale, third];
        conflicts(
            store,
            Commit {
                edges,
                ..step(&tenant, row(call_id(1), 0))
            },
        )
        .await;
    }
    // The call is refused: they are not written either.
    let stale = step(&tenant, row(call_id(1), 3));
    conflicts(
        store,
        Commit {
            edges: three().into(),
            ..stale
        },
    )
    .await;
    // A row is written once in a commit, whichever of the two would hold.
    let twice = with(&tenant, [put(edge("c", 0)), put(edge("c", 0))]);
    assert!(matches!(store.commit(twice).await, Err(StoreError::Failed(_))));
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 0)));
    assert_eq!(stored(store, &tenant, "b").await, Some(edge("b", 0)));
    assert_eq!(stored(store, &tenant, "c").await, None);
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
    assert_eq!(check_log(store, &tenant).await.len(), 1);
    let all = Commit {
        edges: three().into(),
        ..step(&tenant, row(call_id(1), 0))
    };
    done(store, all).await;
    assert_eq!(stored(store, &tenant, "a").await, Some(edge("a", 1)));
    assert_eq!(stored(store, &tenant, "b").await, None);
    assert_eq!(stored(store, &tenant, "c").await, Some(edge("c", 0)));
    assert!(store.call(&tenant, call_id(1)).await.unwrap().is_some());
    assert_eq!(check_log(store, &tenant).await.len(), 2);
}

pub(super) async fn edges_are_listed(store: &dyn Store) {
    let tenant = tenant("edge-lists");
    let owners = [None, Some("alice"), Some("bob")];
    let mut all = Vec::new();
    for number in 0..48_usize {
        let row = EdgeRow {
            kind: if number % 7 == 0 { "key" } else { KIND }.to_owned(),
            owner: owners[number % 3].map(|it| ActorId::new(it).expect("an actor id")),
            at: (number % 5 != 0).then(|| Timestamp::from_millis(i64::try_from(100 - number).unwrap_or(0))),
            ..edge(&format!("e-{:02}", number * 29 % 48), 0)
        };
        done(store, with(&tenant, [put(row.clone())])).await;
        let elsewhere = super::tenant("edge-lists-elsewhere");
        done(store, with(&elsewhere, [put(row.clone())])).await;
        all.push(row);
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    for choice in 0..8 {
        let filter = EdgeFilter {
            owner: (choice & 1 != 0).then(|| ActorId::new("bob").expect("an actor id")),
            due: (choice & 2 != 0).then(|| Timestamp::from_millis(70)),
            ..EdgeFilter::of(if choice & 4 == 0 { KIND } else { "nothing" })
        };
        let fits = |it: &&EdgeRow| {
            it.kind == filter.kind
                && filter.owner.as_ref().is_none_or(|_| it.owner == filter.owner)
                && filter.due.is_none_or(|due| it.at.is_some_and(|at| at <= due))
        };
        let expected: Vec<&EdgeRow> = all.iter().filter(fits).collect();
        assert_eq!(expected.is_empty(), choice & 4 != 0);
        let mut found: Vec<EdgeRow> = Vec::new();
        loop {
            let after = found.last().map(|it| it.id.clone());
            let page = store.edges(&tenant, &filter, after.as_deref(), 5).await.unwrap();
            assert!(page.len() <= 5);
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
        assert_eq!(store.edges(&tenant, &filter, None, 0).await.unwrap(), []);
    }
}

pub(super) async fn one_of_many_writes_an_edge(store: &Arc<dyn Store>) {
    let tenant = tenant("edge-race");
    for version in 0..4 {
        let mut racers = JoinSet::new();
        for number in 0..16 {
            let (store, tenant) = (store.clone(), tenant.clone());
            racers.spawn(async move {
                let write = if version == 3 {
                    delete("a", 2)
                } else {
                    put(EdgeRow {
                        state: format!("by {number}"),
                        ..edge("a", version)
                    })
                };
                store.commit(with(&tenant, [write])).await.expect("a commit")
            });
        }
        let ended = racers.join_all().await;
        let won = ended.iter().filter(|it| matches!(it, Committed::Done { .. }));
        assert_eq!(won.count(), 1, "version {version}");
    }
    assert_eq!(stored(&**store, &tenant, "a").await, None);
    assert_eq!(check_log(&**store, &tenant).await.len(), 4);
}
