//! What every store must do, as one suite that each of them passes unchanged.
//!
//! Each check works in a tenant of its own, so one fresh store serves for all. A check that fails panics
//! and says what it expected. Durability is not checked here: it needs a process to kill.

mod edges;
mod grants;
mod keeping;
mod lists;
pub(crate) mod runs;

use std::sync::Arc;

use countersign_core::audit::{self, Blob, Draft, Fields, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::{ActorId, CallId, RunId, TenantId, ToolName};
use countersign_core::time::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    CallFilter, CallRow, CallWrite, Commit, Committed, Directory, DirectoryWrite, Durability, RunFilter,
    Store, StoreError,
};

/// Runs every check on `store`, which must be new.
///
/// # Panics
///
/// If the store does not do what [`Store`] says.
pub async fn conformance(store: Arc<dyn Store>) {
    a_new_store_is_empty(&*store).await;
    versions_are_compared_and_swapped(&*store).await;
    a_refused_commit_writes_nothing(&*store).await;
    the_directory_is_compared_too(&*store).await;
    runs::a_run_begins_once(&*store).await;
    runs::a_run_is_replaced_only_as_expected(&*store).await;
    runs::a_session_goes_on_with_one_run(&*store).await;
    runs::a_commit_may_assume_how_a_run_stands(&*store).await;
    runs::runs_are_found(&*store).await;
    a_record_that_cannot_be_written_stops_its_commit(&*store).await;
    a_version_that_does_not_follow_is_refused(&*store).await;
    the_log_has_no_gaps(&store).await;
    time_never_runs_back(&*store).await;
    lists::lists_page_by_key(&*store).await;
    lists::calls_page_from_the_newest(&*store).await;
    lists::room_is_kept_by_the_commit(&store).await;
    lists::runs_page_from_the_newest(&*store).await;
    lists::entries_page_by_number(&*store).await;
    grants::what_is_over_by_the_time_of_the_log_is_refused(&store).await;
    grants::the_last_use_goes_to_one(&store).await;
    grants::a_refused_grant_stops_its_commit(&*store).await;
    grants::live_grants_are_listed(&*store).await;
    edges::edges_are_replaced_only_as_expected(&*store).await;
    edges::edges_come_with_their_commit(&*store).await;
    edges::edges_are_listed(&*store).await;
    edges::one_of_many_writes_an_edge(&store).await;
    tenants_do_not_meet(&*store).await;
    blobs_are_found_by_commitment(&*store).await;
    a_descriptor_is_written_once(&*store).await;
    one_of_many_wins_each_version(&store).await;
    a_dropped_wait_loses_nothing(&store).await;
    commits_are_noticed(&*store).await;
    keeping::the_last_checkpoint_is_the_longest(&*store).await;
    keeping::what_is_held_is_not_erased(&*store).await;
}

/// A tenant for one check or test.
///
/// # Panics
///
/// If `name` is no tenant id.
pub fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("a tenant id")
}

/// The id of a call for tests; ascending with `number`.
pub fn call_id(number: u64) -> CallId {
    CallId::new(number, 0)
}

/// A commit that changes nothing yet.
pub fn empty(tenant: &TenantId) -> Commit {
    Commit::new(tenant.clone(), Timestamp::from_millis(1_000))
}

/// A call as the checks write it.
///
/// # Panics
///
/// Never: its names are well formed.
pub fn row(id: CallId, version: u64) -> CallRow {
    CallRow {
        id,
        run: RunId::new(7, 7),
        version,
        terms: "terms".into(),
        state: format!("{{\"version\":{version}}}"),
        phase: "confirm".to_owned(),
        tool: ToolName::new("issue_refund").expect("a tool name"),
        requester: ActorId::new("alice").expect("an actor id"),
        due: None,
        waits_for: vec!["requester:alice".to_owned()],
    }
}

/// A record about `call`.
pub fn record(call: Option<CallId>, kind: &str) -> Draft {
    Draft {
        call,
        fields: Fields::from_iter([("kind", kind.into())]),
        blobs: Vec::new(),
    }
}

/// The commit that brings `row` to its version, with one record. The version before it must be as
/// [`row`] makes it.
pub fn step(tenant: &TenantId, row: CallRow) -> Commit {
    let before = row.version.checked_sub(1).map(|it| self::row(row.id, it));
    replace(tenant, before, row)
}

/// The commit that brings a call from `before` to `after`, with one record.
pub fn replace(tenant: &TenantId, before: Option<CallRow>, after: CallRow) -> Commit {
    Commit {
        records: vec![record(Some(after.id), "step")],
        call: Some(CallWrite {
            replaces: before.map(Arc::new),
            row: Arc::new(after),
        }),
        ..empty(tenant)
    }
}

async fn done(store: &dyn Store, commit: Commit) -> (Timestamp, u64) {
    match store.commit(commit).await {
        Ok(Committed::Done { time, seq }) => (time, seq),
        other => panic!("expected a commit to be done, got {other:?}"),
    }
}

async fn conflicts(store: &dyn Store, commit: Commit) {
    let result = store.commit(commit).await;
    assert!(
        matches!(result, Ok(Committed::Conflict)),
        "expected a conflict, got {result:?}"
    );
}

/// Reads the whole log and compares it with its head.
///
/// # Panics
///
/// If entries are missing, out of order, not what their leaf says, or the head is not theirs.
pub async fn check_log(store: &dyn Store, tenant: &TenantId) -> Vec<Value> {
    let head = store.head(tenant).await.expect("the head");
    let rows = store
        .entries(tenant, None, 0, usize::MAX)
        .await
        .expect("the entries");
    let mut frontier = Frontier::default();
    let mut entries = Vec::new();
    let mut latest = String::new();
    for (seq, row) in (0..).zip(rows) {
        assert_eq!(row.seq, seq, "the log of {tenant} has a gap");
        assert_eq!(
            row.leaf,
            audit::leaf(row.text.as_bytes()),
            "leaf {seq} of {tenant}"
        );
        frontier.append(row.leaf);
        let entry: Value = serde_json::from_str(&row.text).expect("an entry is JSON");
        assert_eq!(entry["seq"], seq);
        assert_eq!(entry["log"], tenant.as_str());
        let time = entry["time"].as_str().expect("a time").to_owned();
        assert!(time >= latest, "time runs back at {seq} of {tenant}");
        latest = time;
        entries.push(entry);
    }
    assert_eq!(head, frontier, "the head of {tenant} is not that of its entries");
    entries
}

async fn a_new_store_is_empty(store: &dyn Store) {
    let tenant = tenant("empty");
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
    assert_eq!(store.run(&tenant, RunId::new(1, 1)).await.unwrap(), None);
    assert_eq!(store.runs(&tenant, &RunFilter::All, None, 10).await.unwrap(), []);
    let events = store.run_events(&tenant, RunId::new(1, 1), 0, 10).await;
    assert_eq!(events.unwrap(), []);
    assert_eq!(
        store
            .calls(&tenant, &CallFilter::default(), None, 10)
            .await
            .unwrap(),
        []
    );
    assert_eq!(store.entries(&tenant, None, 0, 10).await.unwrap(), []);
    assert_eq!(store.head(&tenant).await.unwrap(), Frontier::default());
    assert_eq!(
        store.directory(&tenant, None).await.unwrap(),
        Some(Directory::default())
    );
    assert_eq!(store.directory(&tenant, Some(0)).await.unwrap(), None);
    assert_eq!(store.descriptor(&Digest::default()).await.unwrap(), None);
    assert_eq!(store.blob(&tenant, &Digest::default()).await.unwrap(), None);
    // Nothing to write is done too, at the place where the next entry will be.
    let (time, seq) = done(store, empty(&tenant)).await;
    assert_eq!((time.millis(), seq), (1_000, 0));
}

async fn versions_are_compared_and_swapped(store: &dyn Store) {
    let tenant = tenant("versions");
    let id = call_id(1);
    conflicts(store, step(&tenant, row(id, 1))).await;
    assert_eq!(done(store, step(&tenant, row(id, 0))).await.1, 0);
    conflicts(store, step(&tenant, row(id, 0))).await;
    conflicts(store, step(&tenant, row(id, 2))).await;
    let moved = CallRow {
        phase: "approve".to_owned(),
        terms: "other terms".into(),
        state: "moved".to_owned(),
        due: Some(Timestamp::from_millis(77)),
        ..row(id, 1)
    };
    assert_eq!(done(store, step(&tenant, moved.clone())).await.1, 1);
    conflicts(store, step(&tenant, row(id, 1))).await;
    assert_eq!(store.call(&tenant, id).await.unwrap(), Some(moved.clone()));
    // The right version is not enough: each of the others alone makes it another call.
    let others = [
        CallRow {
            state: row(id, 1).state,
            ..moved.clone()
        },
        CallRow {
            terms: row(id, 1).terms,
            ..moved.clone()
        },
        CallRow {
            phase: "confirm".to_owned(),
            ..moved.clone()
        },
        CallRow {
            tool: ToolName::new("close_account").expect("a tool name"),
            ..moved.clone()
        },
        CallRow {
            requester: ActorId::new("mallory").expect("an actor id"),
            ..moved.clone()
        },
    ];
    for other in others {
        conflicts(store, replace(&tenant, Some(other), row(id, 2))).await;
    }
    assert_eq!(done(store, replace(&tenant, Some(moved), row(id, 2))).await.1, 2);
    assert_eq!(check_log(store, &tenant).await.len(), 3);
}

/// Everything that a commit can bring, on top of a call.
fn full(tenant: &TenantId, row: CallRow, number: u64) -> Commit {
    let digest = Digest::of(
        "conformance",
        &[&number.to_be_bytes(), tenant.as_str().as_bytes()],
    );
    let mut commit = step(tenant, row);
    commit.run = Some(runs::begin(RunId::new(number, 1), "run"));
    commit.descriptor = Some((digest, "descriptor".to_owned()));
    commit.directory = Some(DirectoryWrite {
        expected: 0,
        policy: "policy".to_owned(),
        actors: vec![(ActorId::new("bob").expect("an actor id"), "person".to_owned())],
    });
    commit.records[0].blobs.push(Blob {
        salt: digest,
        content: "\"late\"".to_owned(),
    });
    commit
}

async fn assert_nothing_of(store: &dyn Store, commit: &Commit, log: usize) {
    let tenant = &commit.tenant;
    if let Some(run) = &commit.run {
        assert_eq!(
            store.run(tenant, run.row.id).await.unwrap(),
            None,
            "the run was written"
        );
        let events = store.run_events(tenant, run.row.id, 0, 10).await.unwrap();
        assert_eq!(events, [], "an event was written");
    }
    if let Some((digest, _)) = &commit.descriptor {
        assert_eq!(
            store.descriptor(digest).await.unwrap(),
            None,
            "the descriptor was written"
        );
    }
    for blob in commit.records.iter().flat_map(|it| &it.blobs) {
        let found = store.blob(tenant, &blob.commitment()).await.unwrap();
        assert_eq!(found, None, "the blob was written");
    }
    assert_eq!(check_log(store, tenant).await.len(), log, "a record was written");
}

async fn a_refused_commit_writes_nothing(store: &dyn Store) {
    let tenant = tenant("atomic");
    done(store, step(&tenant, row(call_id(1), 0))).await;
    let stale = full(&tenant, row(call_id(1), 2), 10);
    conflicts(store, stale.clone()).await;
    assert_nothing_of(store, &stale, 1).await;
    assert_eq!(
        store.directory(&tenant, None).await.unwrap(),
        Some(Directory::default())
    );
    let good = full(&tenant, row(call_id(2), 0), 11);
    done(store, good.clone()).await;
    let run = good.run.expect("it brings a run");
    assert_eq!(store.run(&tenant, run.row.id).await.unwrap(), Some(run.row));
    let events = store.run_events(&tenant, RunId::new(11, 1), 0, 10).await;
    assert_eq!(events.unwrap(), run.events);
    // The call is new and its version right, but the directory and the run are not.
    let stale = full(&tenant, row(call_id(3), 0), 12);
    conflicts(store, stale.clone()).await;
    assert_nothing_of(store, &stale, 2).await;
    assert_eq!(store.call(&tenant, call_id(3)).await.unwrap(), None);
}

async fn the_directory_is_compared_too(store: &dyn Store) {
    let tenant = tenant("directory");
    let actor = |name: &str| (ActorId::new(name).expect("an actor id"), format!("who is {name}"));
    let write = |expected, names: &[&str]| Commit {
        directory: Some(DirectoryWrite {
            expected,
            policy: format!("policy {expected}"),
            actors: names.iter().map(|it| actor(it)).collect(),
        }),
        ..empty(&tenant)
    };
    done(store, write(0, &["bob", "alice"])).await;
    let first = Directory {
        revision: 1,
        policy: "policy 0".to_owned(),
        actors: vec![actor("alice"), actor("bob")],
    };
    assert_eq!(store.directory(&tenant, None).await.unwrap(), Some(first.clone()));
    assert_eq!(store.directory(&tenant, Some(0)).await.unwrap(), Some(first));
    assert_eq!(store.directory(&tenant, Some(1)).await.unwrap(), None);
    conflicts(store, write(0, &["mallory"])).await;
    conflicts(store, write(2, &["mallory"])).await;

    let assumed = |revision, version| Commit {
        assumed_directory: Some(revision),
        ..step(&tenant, row(call_id(1), version))
    };
    conflicts(store, assumed(0, 0)).await;
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
    done(store, assumed(1, 0)).await;
    done(store, write(1, &["carol"])).await;
    conflicts(store, assumed(1, 1)).await;
    done(store, assumed(2, 1)).await;
    let second = store
        .directory(&tenant, Some(1))
        .await
        .unwrap()
        .expect("a change");
    assert_eq!((second.revision, second.actors), (2, vec![actor("carol")]));
}

async fn a_record_that_cannot_be_written_stops_its_commit(store: &dyn Store) {
    let tenant = tenant("record");
    let mut commit = full(&tenant, row(call_id(1), 0), 1);
    let mut long = record(None, "long");
    long.fields
        .insert("text", "x".repeat(audit::MOST_ENTRY_BYTES).into());
    commit.records.push(long);
    let result = store.commit(commit.clone()).await;
    assert!(matches!(result, Err(StoreError::Record(_))), "got {result:?}");
    assert_nothing_of(store, &commit, 0).await;
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
}

async fn a_version_that_does_not_follow_is_refused(store: &dyn Store) {
    let tenant = tenant("follow");
    done(store, step(&tenant, row(call_id(1), 0))).await;
    let mut commit = step(&tenant, row(call_id(1), 1));
    if let Some(call) = &mut commit.call {
        Arc::make_mut(&mut call.row).version = 5;
    }
    let result = store.commit(commit).await;
    assert!(matches!(result, Err(StoreError::Failed(_))), "got {result:?}");
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap().unwrap().version, 0);
}

async fn the_log_has_no_gaps(store: &Arc<dyn Store>) {
    let tenant = tenant("log");
    let mut tasks = JoinSet::new();
    for number in 0..200_u64 {
        let (store, tenant) = (Arc::clone(store), tenant.clone());
        tasks.spawn(async move {
            let mut commit = step(&tenant, row(call_id(number), 0));
            // A third is refused, a third is of another durability, and some bring no record at all.
            let refused = number % 3 == 0;
            if refused {
                commit.assumed_directory = Some(9);
            }
            if number % 3 == 1 {
                commit.durability = Durability::Process;
            }
            commit.time = Timestamp::from_millis(i64::try_from(number * 7919 % 100).unwrap_or(0));
            let more = usize::try_from(number % 4).unwrap_or(0);
            commit.records = (0..more).map(|_| record(Some(call_id(number)), "many")).collect();
            match store.commit(commit).await.unwrap() {
                Committed::Conflict => {
                    assert!(refused);
                    (number, 0, 0)
                }
                Committed::Done { seq, .. } => (number, seq, more),
                Committed::Full => panic!("nobody named any room"),
            }
        });
    }
    let results = tasks.join_all().await;
    let entries = check_log(&**store, &tenant).await;
    let written: usize = results.iter().map(|(.., records)| records).sum();
    assert_eq!(entries.len(), written);
    for (number, seq, records) in results {
        let own = store
            .entries(&tenant, Some(call_id(number)), 0, 10)
            .await
            .unwrap();
        let found: Vec<u64> = own.iter().map(|it| it.seq).collect();
        let expected: Vec<u64> = (seq..).take(records).collect();
        assert_eq!(found, expected, "the entries of one commit follow each other");
    }
}

async fn time_never_runs_back(store: &dyn Store) {
    let tenant = tenant("time");
    let at = |millis, records: usize| Commit {
        time: Timestamp::from_millis(millis),
        records: (0..records).map(|_| record(None, "tick")).collect(),
        ..empty(&tenant)
    };
    assert_eq!(
        done(store, at(5_000, 2)).await,
        (Timestamp::from_millis(5_000), 0)
    );
    assert_eq!(
        done(store, at(3_000, 1)).await,
        (Timestamp::from_millis(5_000), 2)
    );
    assert_eq!(
        done(store, at(6_000, 1)).await,
        (Timestamp::from_millis(6_000), 3)
    );
    // A commit without records bears a time too, and moves nothing.
    assert_eq!(
        done(store, at(9_000, 0)).await,
        (Timestamp::from_millis(9_000), 4)
    );
    assert_eq!(
        done(store, at(1_000, 1)).await,
        (Timestamp::from_millis(6_000), 4)
    );
    check_log(store, &tenant).await;
}

async fn tenants_do_not_meet(store: &dyn Store) {
    let (one, two) = (tenant("one"), tenant("two"));
    let mut before = None;
    for tenant in [&one, &two] {
        let mut commit = full(tenant, row(call_id(1), 0), 1);
        if let Some(call) = &mut commit.call {
            Arc::make_mut(&mut call.row).state = tenant.to_string();
        }
        let opened = commit.call.as_ref().map(|it| CallRow::clone(&it.row));
        commit.records.push(record(None, tenant.as_str()));
        assert_eq!(done(store, commit).await.1, 0);
        if *tenant == one {
            before = opened;
        }
    }
    done(store, replace(&one, before, row(call_id(1), 1))).await;
    assert_eq!(store.call(&two, call_id(1)).await.unwrap().unwrap().state, "two");
    assert_eq!(check_log(store, &one).await.len(), 3);
    assert_eq!(check_log(store, &two).await.len(), 2);
    let blobs = full(&one, row(call_id(1), 0), 1).records.remove(0).blobs;
    let commitment = blobs[0].commitment();
    assert!(store.blob(&one, &commitment).await.unwrap().is_some());
    assert_eq!(store.blob(&two, &commitment).await.unwrap(), None);
    let third = tenant("three");
    assert_eq!(store.runs(&third, &RunFilter::All, None, 10).await.unwrap(), []);
    assert_eq!(
        store
            .calls(&third, &CallFilter::default(), None, 10)
            .await
            .unwrap(),
        []
    );
}

async fn blobs_are_found_by_commitment(store: &dyn Store) {
    let tenant = tenant("blobs");
    let blob = Blob {
        salt: Digest::of("conformance", &[b"salt"]),
        content: format!("\"{} \u{1f4b6}\"", "long ".repeat(20_000)),
    };
    let mut draft = record(None, "blob");
    draft.blobs = vec![blob.clone(), blob.clone()];
    for _ in 0..2 {
        // The same blob again, as when the same arguments are recorded twice, changes nothing.
        let commit = Commit {
            records: vec![draft.clone()],
            ..empty(&tenant)
        };
        done(store, commit).await;
    }
    assert_eq!(store.blob(&tenant, &blob.commitment()).await.unwrap(), Some(blob));
}

async fn a_descriptor_is_written_once(store: &dyn Store) {
    let digest = Digest::of("conformance", &[b"descriptor"]);
    for text in ["first", "first", "second"] {
        let commit = Commit {
            descriptor: Some((digest, text.to_owned())),
            ..empty(&tenant("descriptor"))
        };
        done(store, commit).await;
    }
    assert_eq!(store.descriptor(&digest).await.unwrap().as_deref(), Some("first"));
}

async fn one_of_many_wins_each_version(store: &Arc<dyn Store>) {
    let tenant = tenant("race");
    for version in 0..10_u64 {
        let mut tasks = JoinSet::new();
        for number in 0..64_u64 {
            let (store, tenant) = (Arc::clone(store), tenant.clone());
            tasks.spawn(async move {
                let mut commit = step(&tenant, row(call_id(1), version));
                commit.records[0].fields.insert("winner", number.into());
                let done = store.commit(commit).await.unwrap() != Committed::Conflict;
                done.then_some(number)
            });
        }
        let winners: Vec<u64> = tasks.join_all().await.into_iter().flatten().collect();
        assert_eq!(
            winners.len(),
            1,
            "of 64 commits to version {version}, {winners:?} won"
        );
        let entries = check_log(&**store, &tenant).await;
        assert_eq!(entries.len() as u64, version + 1);
        assert_eq!(entries.last().unwrap()["winner"], winners[0]);
        let stored = store.call(&tenant, call_id(1)).await.unwrap().unwrap();
        assert_eq!(stored.version, version);
    }
}

async fn a_dropped_wait_loses_nothing(store: &Arc<dyn Store>) {
    let tenant = tenant("dropped");
    for number in 0..20_u64 {
        let (waiting, commit) = (Arc::clone(store), step(&tenant, row(call_id(number), 0)));
        let task = tokio::spawn(async move { waiting.commit(commit).await });
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
    }
    // Whether an abandoned commit was made is open, but whatever was made is whole.
    done(&**store, step(&tenant, row(call_id(99), 0))).await;
    let entries = check_log(&**store, &tenant).await;
    let calls = store
        .calls(&tenant, &CallFilter::default(), None, 100)
        .await
        .unwrap();
    assert_eq!(entries.len(), calls.len());
}

async fn commits_are_noticed(store: &dyn Store) {
    let tenant = tenant("noticed");
    let before = store.generation().await.unwrap();
    assert_eq!(store.generation().await.unwrap(), before);
    let mut changes = store.subscribe();
    if let Some(changes) = &mut changes {
        changes.mark_unchanged();
    }
    done(store, step(&tenant, row(call_id(1), 0))).await;
    assert_ne!(store.generation().await.unwrap(), before);
    if let Some(changes) = changes {
        assert!(changes.has_changed().unwrap(), "subscribers hear of a commit");
    }
}
