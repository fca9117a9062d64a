//! Runs and what happened in them.

use countersign_core::id::{ActorId, RunId, SessionId, TenantId};
use countersign_core::time::Timestamp;

use super::{call_id, conflicts, done, full, row, step, tenant};
use crate::store::{Commit, RunEventRow, RunFilter, RunRow, RunWrite, Store};

/// A run of an agent that begins with two events.
pub(crate) fn begin(id: RunId, state: &str) -> RunWrite {
    RunWrite {
        row: RunRow {
            id,
            version: 0,
            requester: ActorId::new("alice").expect("an actor id"),
            created: Timestamp::from_millis(5),
            agent: Some(ActorId::new("helpdesk").expect("an actor id")),
            session: None,
            status: "running".to_owned(),
            alone: false,
            open: true,
            due: Some(Timestamp::from_millis(9)),
            state: state.to_owned(),
        },
        expected: None,
        events: vec![event(0), event(1)],
    }
}

fn event(number: u64) -> RunEventRow {
    RunEventRow {
        number,
        text: format!("event {number}"),
    }
}

fn commit(tenant: &TenantId, run: RunWrite) -> Commit {
    Commit {
        run: Some(run),
        ..Commit::new(tenant.clone(), Timestamp::from_millis(0))
    }
}

pub(super) async fn a_run_begins_once(store: &dyn Store) {
    let tenant = tenant("once");
    let begin = |call| Commit {
        directory: None,
        ..full(&tenant, row(call_id(call), 0), 1)
    };
    done(store, begin(1)).await;
    conflicts(store, begin(2)).await;
    assert_eq!(store.call(&tenant, call_id(2)).await.unwrap(), None);
}

pub(super) async fn a_run_is_replaced_only_as_expected(store: &dyn Store) {
    let tenant = tenant("run-versions");
    let id = RunId::new(1, 1);
    done(store, commit(&tenant, begin(id, "first"))).await;
    let next = |version: u64, expected, number| RunWrite {
        row: RunRow {
            version,
            status: "paused".to_owned(),
            due: None,
            ..begin(id, "second").row
        },
        expected,
        events: vec![event(number)],
    };
    for (version, expected) in [(0, None), (2, Some(1)), (8, Some(7))] {
        conflicts(store, commit(&tenant, next(version, expected, 7))).await;
    }
    done(store, commit(&tenant, next(1, Some(0), 2))).await;
    conflicts(store, commit(&tenant, next(1, Some(0), 3))).await;
    assert_eq!(
        store.run(&tenant, id).await.unwrap(),
        Some(next(1, Some(0), 2).row)
    );
    let all = store.run_events(&tenant, id, 0, 10).await.unwrap();
    assert_eq!(all, [event(0), event(1), event(2)]);
    let page = store.run_events(&tenant, id, 1, 1).await.unwrap();
    assert_eq!(page, [event(1)]);
    let other = super::tenant("another");
    assert_eq!(store.run_events(&other, id, 0, 10).await.unwrap(), []);
}

pub(super) async fn a_session_goes_on_with_one_run(store: &dyn Store) {
    let tenant = tenant("sessions");
    let of = |number: u64, session: &str, alone| {
        let mut write = begin(RunId::new(number, 1), "run");
        write.row.session = Some(SessionId::new(session).expect("a session id"));
        write.row.alone = alone;
        commit(&tenant, write)
    };
    done(store, of(1, "s1", true)).await;
    conflicts(store, of(2, "s1", true)).await;
    done(store, of(3, "s1", false)).await;
    done(store, of(4, "s2", true)).await;
    // It ends; another may go on.
    let mut end = of(1, "s1", false);
    let run = end.run.as_mut().expect("it brings a run");
    (run.row.version, run.expected, run.events) = (1, Some(0), Vec::new());
    (run.row.open, run.row.due) = (false, None);
    done(store, end).await;
    let mut turn = of(3, "s1", true);
    let run = turn.run.as_mut().expect("it brings a run");
    (run.row.version, run.expected, run.events) = (1, Some(0), Vec::new());
    done(store, turn).await;
    conflicts(store, of(5, "s1", true)).await;
    let filter = RunFilter::OfSession(SessionId::new("s1").expect("a session id"));
    let found = store.runs(&tenant, &filter, None, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|it| it.id).collect::<Vec<_>>(),
        [RunId::new(3, 1), RunId::new(1, 1)]
    );
    let rest = store.runs(&tenant, &filter, Some(RunId::new(3, 1)), 10).await;
    assert_eq!(rest.unwrap().len(), 1);
}

pub(super) async fn a_commit_may_assume_how_a_run_stands(store: &dyn Store) {
    let tenant = tenant("assumed-run");
    done(store, commit(&tenant, begin(RunId::new(1, 1), "run"))).await;
    let assuming = |number: u64, status: &str| Commit {
        assumed_run: Some((RunId::new(number, 1), status.to_owned())),
        ..step(&tenant, row(call_id(1), 0))
    };
    conflicts(store, assuming(1, "stopping")).await;
    conflicts(store, assuming(2, "running")).await;
    assert_eq!(store.call(&tenant, call_id(1)).await.unwrap(), None);
    done(store, assuming(1, "running")).await;
}

pub(super) async fn runs_are_found(store: &dyn Store) {
    let tenant = tenant("open-runs");
    for (number, open, due) in [
        (1, true, Some(5)),
        (2, true, None),
        (3, false, Some(5)),
        (4, true, Some(9)),
    ] {
        let mut write = begin(RunId::new(number, 1), "run");
        write.row.open = open;
        write.row.due = due.filter(|_| open).map(Timestamp::from_millis);
        if number == 2 {
            write.row.requester = ActorId::new("bob").expect("an actor id");
        }
        done(store, commit(&tenant, write)).await;
    }
    let of = |name| RunFilter::OfRequester(ActorId::new(name).expect("an actor id"));
    for (filter, expected) in [
        (RunFilter::All, vec![4, 3, 2, 1]),
        (of("alice"), vec![4, 3, 1]),
        (of("bob"), vec![2]),
        (of("carol"), vec![]),
        (RunFilter::Open, vec![4, 2, 1]),
        (RunFilter::Due(Timestamp::from_millis(4)), vec![]),
        (RunFilter::Due(Timestamp::from_millis(5)), vec![1]),
        (RunFilter::Due(Timestamp::from_millis(i64::MAX - 1)), vec![4, 1]),
    ] {
        let found = store.runs(&tenant, &filter, None, 10).await.unwrap();
        let ids: Vec<RunId> = found.iter().map(|it| it.id).collect();
        let expected: Vec<RunId> = expected.into_iter().map(|it| RunId::new(it, 1)).collect();
        assert_eq!(ids, expected, "{filter:?}");
    }
    let page = store
        .runs(&tenant, &RunFilter::Open, Some(RunId::new(4, 1)), 1)
        .await;
    assert_eq!(page.unwrap()[0].id, RunId::new(2, 1));
}
