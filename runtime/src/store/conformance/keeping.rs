//! What every store must do with checkpoints, holds and erasure.

use countersign_core::audit::Blob;
use countersign_core::digest::Digest;

use super::{call_id, conflicts, done, empty, record, tenant};
use crate::store::{CheckpointRow, Commit, Keeping, Store};

fn keeping(tenant_name: &str, keeping: Keeping) -> Commit {
    Commit {
        keeping: Some(keeping),
        ..empty(&tenant(tenant_name))
    }
}

pub(super) async fn the_last_checkpoint_is_the_longest(store: &dyn Store) {
    let name = "checkpoints";
    assert_eq!(
        store.last_checkpoint(&tenant(name)).await.expect("readable"),
        None
    );
    let row = |size: u64, note: &str| CheckpointRow {
        size,
        note: note.to_owned(),
    };
    for (size, note) in [(3, "three"), (300, "many"), (20, "twenty"), (300, "another")] {
        done(store, keeping(name, Keeping::Checkpoint(row(size, note)))).await;
    }
    let last = store.last_checkpoint(&tenant(name)).await.expect("readable");
    assert_eq!(
        last,
        Some(row(300, "many")),
        "the longest, and the first of its size"
    );
    let other = store.last_checkpoint(&tenant("no-checkpoints")).await;
    assert_eq!(other.expect("readable"), None, "of this tenant only");
}

pub(super) async fn what_is_held_is_not_erased(store: &dyn Store) {
    let name = "erasure";
    let blob = |content: &str| Blob {
        salt: Digest::new([9; 32]),
        content: content.to_owned(),
    };
    let (first, second) = (blob("\"first\""), blob("\"second\""));
    let call = call_id(1);
    let mut opened = record(Some(call), "call.opened");
    opened.blobs = vec![first.clone(), second.clone()];
    let commit = Commit {
        records: vec![opened],
        ..empty(&tenant(name))
    };
    done(store, commit).await;
    let erase = |blob: &Blob| {
        let commit = keeping(
            name,
            Keeping::Erase {
                call,
                blobs: vec![blob.commitment()],
            },
        );
        Commit {
            records: vec![record(Some(call), "blobs.erased")],
            ..commit
        }
    };
    let has = async |blob: &Blob| {
        let found = store.blob(&tenant(name), &blob.commitment()).await;
        found.expect("readable").is_some()
    };
    for on in [None, Some(call)] {
        conflicts(store, keeping(name, Keeping::Lift { on })).await;
        done(store, keeping(name, Keeping::Hold { on })).await;
        done(store, keeping(name, Keeping::Hold { on })).await;
        conflicts(store, erase(&first)).await;
        assert!(has(&first).await, "held");
        assert_eq!(store.holds(&tenant(name)).await.expect("readable"), [on]);
        done(store, keeping(name, Keeping::Lift { on })).await;
    }
    // Another call, another tenant: no hold on this one.
    done(store, keeping(name, Keeping::Hold { on: Some(call_id(2)) })).await;
    done(store, keeping("erasure-elsewhere", Keeping::Hold { on: None })).await;
    done(store, erase(&first)).await;
    assert!(
        !has(&first).await && has(&second).await,
        "what was named, nothing else"
    );
    assert_eq!(store.head(&tenant(name)).await.expect("readable").size(), 2);
}
