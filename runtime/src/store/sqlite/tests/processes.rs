//! Several processes on one file, and processes that are killed.
//!
//! The other processes are this test program again, asked by an environment variable to play a part.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use countersign_core::id::CallId;
use tokio::task::JoinSet;

use super::place;
use crate::store::conformance::{call_id, check_log, row, step, tenant};
use crate::store::sqlite::Sqlite;
use crate::store::{CallFilter, Committed, Store};

const PART: &str = "COUNTERSIGN_TEST_PART";
const PLACE: &str = "COUNTERSIGN_TEST_PLACE";
/// Calls that one process moves on at the same time.
const CALLS: u64 = 8;

fn play(part: &str, path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::sqlite::tests::processes::another_process",
            "--nocapture",
        ])
        .env(PART, part)
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// What a process said that is about `word`, without it.
fn heard(line: &str, word: &str) -> Option<(u64, u64)> {
    // The test harness writes to the same pipe and may have begun the line.
    let (_, said) = line.split_once(word)?;
    let mut numbers = said.split_whitespace().map(|it| it.parse().unwrap());
    Some((numbers.next()?, numbers.next()?))
}

/// Does nothing unless this process was started to play a part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process() {
    let Ok(part) = std::env::var(PART) else { return };
    let store = Sqlite::open(std::env::var(PLACE).unwrap()).unwrap();
    match part.as_str() {
        "one" => {
            let id = call_id(u64::from(std::process::id()));
            store.commit(step(&tenant("t"), row(id, 0))).await.unwrap();
        }
        "race" => race(&store).await,
        "forever" => forever(&store).await,
        other => panic!("no part {other}"),
    }
}

/// Tries to be the one who brings the call to each version.
async fn race(store: &Sqlite) {
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            loop {
                let found = store.call(&tenant("t"), call_id(1)).await.unwrap();
                let next = found.map_or(0, |it| it.version + 1);
                if next == 100 {
                    return;
                }
                let commit = step(&tenant("t"), row(call_id(1), next));
                if store.commit(commit).await.unwrap() != Committed::Conflict {
                    say(&format!("won {next} 0"));
                }
            }
        });
    }
    tasks.join_all().await;
}

/// Moves calls on until it is killed, and says so after each acknowledged commit.
async fn forever(store: &Sqlite) {
    let mut tasks = JoinSet::new();
    for number in 0..CALLS {
        let store = store.clone();
        tasks.spawn(async move {
            loop {
                let found = store.call(&tenant("t"), call_id(number)).await.unwrap();
                let version = found.map_or(0, |it| it.version + 1);
                let done = store
                    .commit(step(&tenant("t"), row(call_id(number), version)))
                    .await;
                assert!(matches!(done, Ok(Committed::Done { .. })), "{done:?}");
                say(&format!("ack {number} {version}"));
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn sixty_four_processes_may_start_at_once() {
    let (directory, path) = place();
    let mut all: Vec<Child> = (0..64).map(|_| play("one", &path)).collect();
    for child in &mut all {
        assert!(child.wait().unwrap().success());
    }
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(check_log(&store, &tenant("t")).await.len(), 64);
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .filter(|it| it.to_string_lossy().contains(".new-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn two_processes_never_win_one_version_twice() {
    let (_directory, path) = place();
    let children: Vec<Child> = (0..2).map(|_| play("race", &path)).collect();
    let mut won = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let lines = String::from_utf8(output.stdout).unwrap();
        won.extend(
            lines
                .lines()
                .filter_map(|it| heard(it, "won "))
                .map(|(version, _)| version),
        );
    }
    won.sort_unstable();
    assert_eq!(won, (0..100).collect::<Vec<u64>>());
    let store = Sqlite::open(&path).unwrap();
    assert_eq!(check_log(&store, &tenant("t")).await.len(), 100);
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let (_directory, path) = place();
    let mut acknowledged: BTreeMap<CallId, u64> = BTreeMap::new();
    for round in 0..30_usize {
        let mut child = play("forever", &path);
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let mut hear = |line: String| {
            if let Some((number, version)) = heard(&line, "ack ") {
                acknowledged.insert(call_id(number), version);
                return true;
            }
            false
        };
        let mut rest = 1 + round * 7 % 40;
        while rest > 0 {
            let line = lines.next().expect("the process ended by itself");
            rest -= usize::from(hear(line));
        }
        // SIGKILL on Unix. What was said before it is still in the pipe.
        child.kill().unwrap();
        // The last line may be cut short, and then it was not said.
        let said: Vec<String> = lines.collect();
        let whole = said.len().saturating_sub(1);
        said.into_iter().take(whole).for_each(|line| {
            hear(line);
        });
        assert!(!child.wait().unwrap().success());
        check_after_kill(&path, &acknowledged, round).await;
    }
}

async fn check_after_kill(path: &Path, acknowledged: &BTreeMap<CallId, u64>, round: usize) {
    let store = Sqlite::open(path).unwrap();
    let entries = check_log(&store, &tenant("t")).await;
    let calls = store
        .calls(&tenant("t"), &CallFilter::default(), None, 100)
        .await
        .unwrap();
    let versions: BTreeMap<CallId, u64> = calls.iter().map(|it| (it.id, it.version)).collect();
    for (call, version) in acknowledged {
        let stored = versions.get(call);
        assert!(
            stored >= Some(version),
            "round {round}: {call} {version} was lost, {stored:?} is stored"
        );
    }
    let mut records = 0;
    for (call, version) in versions {
        let own = store
            .entries(&tenant("t"), Some(call), 0, usize::MAX)
            .await
            .unwrap();
        assert_eq!(
            own.len() as u64,
            version + 1,
            "round {round}: a torn commit of {call}"
        );
        records += own.len();
    }
    assert_eq!(records, entries.len());
}

#[test]
fn a_process_killed_while_it_starts_leaves_a_store_or_none() {
    for round in 0..10 {
        let (_directory, path) = place();
        let mut child = play("forever", &path);
        if round % 2 == 0 {
            // The harness says which test it runs, before it runs it.
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap())
                .read_line(&mut line)
                .unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(Sqlite::open(&path).unwrap());
    }
}
