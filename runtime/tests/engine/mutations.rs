//! Every change of a log is found: 10,000 of a log of 1,000 records, 100 of one of 100,000.
//!
//! Most verifications go on from a place before the change, as an incremental verifier does: what lies
//! before it is the same. One in 21 reads everything.

use countersign::TenantId;
use countersign::core::audit::note::Note;
use countersign::core::audit::{Frontier, leaf};
use countersign::ledger::{MemoryLog, Report, Request, SqliteLog, State, StoredHead, Verdict, verify};

use crate::history::{engine, prolong, story};

/// A log as it was, what is trusted of it, and verifiers that have come some way.
struct Original {
    log: MemoryLog,
    request: Request,
    states: Vec<State>,
}

impl Original {
    async fn new(records: usize, every: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        story(&engine).await;
        prolong(&engine, records, every).await;
        let mut source = SqliteLog::open(dir.path().join("countersign.db"), &TenantId::default()).unwrap();
        let log = MemoryLog::copy_of(&mut source).unwrap();
        let trusted: Note = String::from_utf8(log.checkpoints.last().unwrap().1.clone())
            .unwrap()
            .parse()
            .unwrap();
        let request = Request {
            key: engine.verifier_key(),
            trusted: Some(trusted),
            ..Request::default()
        };
        let mut states = Vec::new();
        let mut state = State::default();
        for records in (0..log.rows.len()).step_by(every).skip(1) {
            let request = Request {
                trusted: None,
                state: (state.size() > 0).then_some(state),
                ..request.clone()
            };
            let report = verify(&mut beginning(&log, records), &request).unwrap();
            assert_eq!(
                (report.verdict, report.size),
                (Verdict::Ok, size(records)),
                "{:?}",
                report.findings
            );
            state = report.state;
            states.push(state.clone());
        }
        Self { log, request, states }
    }

    fn full(&self, log: &mut MemoryLog) -> Report {
        verify(log, &self.request).unwrap()
    }

    /// Goes on from the last state that knows nothing of entry `at`.
    fn from(&self, at: usize, log: &mut MemoryLog) -> Report {
        let state = self.states.iter().rfind(|it| it.size() <= size(at)).cloned();
        let request = Request {
            state,
            ..self.request.clone()
        };
        verify(log, &request).unwrap()
    }
}

fn size(records: usize) -> u64 {
    u64::try_from(records).unwrap()
}

/// The log as it was with so many records.
fn beginning(log: &MemoryLog, records: usize) -> MemoryLog {
    let rows = log.rows[..records].to_vec();
    let last = i64::try_from(records).unwrap();
    let checkpoints = log.checkpoints.iter().filter(|(size, _)| *size <= last);
    MemoryLog {
        head: Some(head(&rows)),
        checkpoints: checkpoints.cloned().collect(),
        rows,
    }
}

fn head(rows: &[(i64, Vec<u8>, Vec<u8>)]) -> StoredHead {
    let mut frontier = Frontier::default();
    for (_, _, text) in rows {
        frontier.append(leaf(text));
    }
    StoredHead {
        size: i64::try_from(rows.len()).unwrap(),
        frontier: frontier.bytes(),
    }
}

fn renumber(log: &mut MemoryLog, from: usize) {
    for (seq, row) in log.rows.iter_mut().enumerate().skip(from) {
        row.0 = i64::try_from(seq).unwrap();
    }
}

/// Numbers that look random and are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % size(end)).unwrap()
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let place = self.below(bytes.len());
        bytes[place] ^= 1 << self.below(8);
    }
}

/// What a change should be found as: the entry if it can be told, and how.
struct Expected {
    at: usize,
    verdict: Verdict,
    exact: bool,
}

const KINDS: usize = 20;

/// Changes the log in one of many ways.
#[allow(clippy::too_many_lines, reason = "a table: one arm for each kind of change")]
fn change(kind: usize, original: &MemoryLog, random: &mut Random) -> (MemoryLog, Expected) {
    let mut log = original.clone();
    let length = log.rows.len();
    let at = random.below(length);
    let found = |at, exact| Expected {
        at,
        verdict: Verdict::Tampered,
        exact,
    };
    let expected = match kind {
        0..4 => {
            random.flip(&mut log.rows[at].2);
            found(at, true)
        }
        4 => {
            random.flip(&mut log.rows[at].1);
            found(at, true)
        }
        // Entry and leaf fit each other.
        5 => {
            random.flip(&mut log.rows[at].2);
            log.rows[at].1 = leaf(&log.rows[at].2).bytes().to_vec();
            found(at, false)
        }
        // The whole tail is computed anew, with its head, and the checkpoints that disagree are gone.
        6 | 7 => {
            if kind == 6 {
                random.flip(&mut log.rows[at].2);
            } else {
                log.rows.remove(at);
                renumber(&mut log, at);
                log.rows.push(log.rows[0].clone());
                renumber(&mut log, at);
            }
            for row in &mut log.rows[at..] {
                row.1 = leaf(&row.2).bytes().to_vec();
            }
            log.head = Some(head(&log.rows));
            let kept = i64::try_from(at).unwrap();
            log.checkpoints.retain(|(size, _)| *size <= kept);
            found(at, false)
        }
        8 => {
            log.rows.remove(at);
            found(at, true)
        }
        9 => {
            log.rows.remove(at);
            renumber(&mut log, at);
            found(at, false)
        }
        10 => {
            let other = (at + 1 + random.below(length - 1)) % length;
            let (first, second) = (at.min(other), at.max(other));
            let (left, right) = log.rows.split_at_mut(second);
            std::mem::swap(&mut left[first].2, &mut right[0].2);
            std::mem::swap(&mut left[first].1, &mut right[0].1);
            found(first, false)
        }
        11 => {
            let copy = log.rows[random.below(length)].clone();
            log.rows.insert(at, copy);
            renumber(&mut log, at);
            found(at, false)
        }
        // Under a number that nobody looks at.
        12 => {
            let mut copy = log.rows[at].clone();
            copy.0 = -1 - i64::try_from(at).unwrap();
            log.rows.insert(0, copy);
            found(0, true)
        }
        13 => {
            log.rows.truncate(at);
            found(at, true)
        }
        // The head goes with the tail, the checkpoints stay.
        14 => {
            let checkpoints = log.checkpoints.clone();
            log = beginning(&log, at);
            log.checkpoints = checkpoints;
            found(at, true)
        }
        // Everything goes back to what it was: only who remembers more finds it.
        15 | 16 => {
            let at = if kind == 15 { at } else { 0 };
            log = beginning(&log, at);
            if at == 0 {
                log.head = None;
            }
            Expected {
                at,
                verdict: Verdict::Incomplete,
                exact: false,
            }
        }
        17 => {
            let head = log.head.as_mut().unwrap();
            if random.below(4) == 0 {
                head.size ^= 1 << random.below(12);
                found(0, false)
            } else {
                random.flip(&mut head.frontier);
                found(length, false)
            }
        }
        18 => {
            let place = random.below(log.checkpoints.len());
            random.flip(&mut log.checkpoints[place].1);
            found(last_signed(&log, place), false)
        }
        _ => {
            let place = random.below(log.checkpoints.len());
            let other = (place + 1 + random.below(log.checkpoints.len() - 1)) % log.checkpoints.len();
            let (first, second) = (place.min(other), place.max(other));
            let (left, right) = log.checkpoints.split_at_mut(second);
            std::mem::swap(&mut left[first].1, &mut right[0].1);
            found(last_signed(&log, first), false)
        }
    };
    (log, expected)
}

/// The last entry that a checkpoint signs.
fn last_signed(log: &MemoryLog, place: usize) -> usize {
    usize::try_from(log.checkpoints[place].0 - 1).unwrap()
}

fn all_are_found(original: &Original, changes: usize, full_every: usize, mut random: Random) {
    let report = original.full(&mut original.log.clone());
    assert_eq!(
        (report.verdict, report.findings),
        (Verdict::Ok, Vec::new()),
        "unchanged"
    );
    for number in 0..changes {
        let kind = number % KINDS;
        let (mut log, expected) = change(kind, &original.log, &mut random);
        if log == original.log {
            // Two equal entries were swapped.
            continue;
        }
        let what = format!("change {number} of kind {kind} at {}", expected.at);
        // Rows that stand before everything are only found by who reads everything.
        let report = if number % full_every == 0 || kind == 12 {
            original.full(&mut log)
        } else {
            original.from(expected.at, &mut log)
        };
        assert_eq!(report.verdict, expected.verdict, "{what}: {:?}", report.findings);
        if expected.verdict == Verdict::Incomplete {
            assert!(report.missing.is_some(), "{what}");
            continue;
        }
        let first = &report.findings[0];
        if expected.exact {
            assert_eq!(
                (first.seq, first.exact),
                (size(expected.at), true),
                "{what}: {first:?}"
            );
        } else if first.exact && matches!(kind, 5..12) {
            // Told by what an entry says of itself: never before the change.
            assert!(first.seq >= size(expected.at), "{what}: {first:?}");
        } else if !first.exact && matches!(kind, 5..12) {
            assert!(first.seq <= size(expected.at), "{what}: {first:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_changes_of_a_thousand_records_are_found() {
    let original = std::sync::Arc::new(Original::new(1_000, 50).await);
    let work = [1, 2].map(|seed| {
        let original = original.clone();
        tokio::task::spawn_blocking(move || all_are_found(&original, 5_000, 21, Random(0x9e37_79b9 + seed)))
    });
    for half in work {
        half.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_changes_of_a_hundred_thousand_records_are_found() {
    let original = Original::new(100_000, 1_000).await;
    all_are_found(&original, 100, 21, Random(0x51_7cc1));
}
