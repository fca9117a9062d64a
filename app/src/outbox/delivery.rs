//! One notice on its way to one place, as it is kept: due, sent, or given up.

use std::time::Duration;

use countersign::store::{EdgeRow, EdgeWrite};
use countersign::{CallId, Digest, NoticeKind, RequirementId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

/// The kind of edge rows that wait to be carried; they are due at their time.
pub(crate) const DUE: &str = "outbox.due";
/// Those that have arrived; they are forgotten at their time.
pub(crate) const SENT: &str = "outbox.sent";
/// Those that were given up; they are forgotten at their time, unless somebody sends them again.
pub(crate) const DEAD: &str = "outbox.dead";

/// How long it is tried: three days.
const TRIED: Duration = Duration::from_hours(72);
/// How long what has arrived is remembered: a week.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);
/// How long what was given up is kept: 90 days.
const BURIED: Duration = Duration::from_hours(90 * 24);
/// How long a process may take over one attempt before another process tries: longer than any attempt takes.
const LEASE: Duration = Duration::from_mins(1);
/// The wait after the first attempt; each further one is four times as long.
const FIRST: Duration = Duration::from_secs(5);
/// The longest wait between two attempts.
const LONGEST: Duration = Duration::from_hours(1);
/// More attempts than three days have room for, if each lives to say what came of it.
const WORDLESS: u32 = 200;
/// The most that is kept of why an attempt failed, in bytes.
const WHY: usize = 300;

/// One notice to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// The same in every attempt, for receivers that drop what they have: `msg_` and 32 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) kept: Kept,
    /// When it is due, or was settled.
    pub(crate) at: Timestamp,
    version: u64,
}

/// The rest of its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    v: u32,
    pub(crate) notice: NoticeKind,
    pub(crate) requirement: RequirementId,
    /// The destination: `slack:#ops`.
    pub(crate) to: String,
    /// The number of the audit entry at which it was found out.
    pub(crate) seq: u64,
    /// The id of the first notice of the same thing to the same place; none if this is the first.
    pub(crate) first: Option<String>,
    /// When it was found out.
    pub(crate) found_at: Timestamp,
    /// Since when it is tried; anew once somebody sends it again.
    pub(crate) since: Timestamp,
    /// How often it was tried.
    pub(crate) tries: u32,
    /// Why the last attempt failed.
    pub(crate) why: Option<String>,
}

impl Delivery {
    pub(crate) fn new(
        tenant: &TenantId,
        notice: NoticeKind,
        requirement: RequirementId,
        to: String,
        seq: u64,
        now: Timestamp,
    ) -> Self {
        let parts = [
            tenant.as_str(),
            notice.as_str(),
            &requirement.to_string(),
            &to,
            &seq.to_string(),
        ];
        let digest = Digest::of("countersign/delivery/1", &parts.map(str::as_bytes)).to_string();
        Self {
            id: format!("msg_{}", digest.get(..32).unwrap_or_default()),
            kept: Kept {
                v: 1,
                notice,
                requirement,
                to,
                seq,
                first: None,
                found_at: now,
                since: now,
                tries: 0,
                why: None,
            },
            at: now,
            version: 0,
        }
    }

    /// As it is stored; none if it cannot be read.
    pub(crate) fn read(row: EdgeRow) -> Option<Self> {
        let kept: Kept = serde_json::from_str(&row.state)
            .ok()
            .filter(|it: &Kept| it.v == 1)?;
        Some(Self {
            id: row.id,
            kept,
            at: row.at?,
            version: row.version,
        })
    }

    pub(crate) fn call(&self) -> CallId {
        self.kept.requirement.call()
    }

    /// The row that it becomes or stays.
    pub(super) fn put(&self, kind: &str) -> EdgeWrite {
        EdgeWrite::Put(EdgeRow {
            kind: kind.to_owned(),
            id: self.id.clone(),
            owner: None,
            version: self.version,
            at: Some(self.at),
            state: serde_json::to_string(&self.kept).unwrap_or_default(),
        })
    }

    fn gone(&self, kind: &str) -> EdgeWrite {
        EdgeWrite::Delete {
            kind: kind.to_owned(),
            id: self.id.clone(),
            version: self.version,
        }
    }

    /// Whether its attempts end without a word: whatever carries it dies of it.
    pub(super) fn is_hopeless(&self, now: Timestamp) -> bool {
        now >= self.kept.since.after(TRIED) && self.kept.tries >= WORDLESS
    }

    /// Before an attempt: counted, and not for others for a while.
    pub(super) fn leased(mut self, now: Timestamp) -> (Self, Vec<EdgeWrite>) {
        self.kept.tries += 1;
        self.at = now.after(LEASE);
        self.version += 1;
        let write = self.put(DUE);
        (self, vec![write])
    }

    /// It has arrived.
    pub(super) fn sent(mut self, now: Timestamp) -> Vec<EdgeWrite> {
        // What went wrong before does not matter any more, and would read as if it did.
        self.kept.why = None;
        self.moved(DUE, SENT, now.after(REMEMBERED), None)
    }

    /// The attempt failed: it is due again at `next`, or given up once three days are over.
    pub(super) fn failed(mut self, why: &str, next: Timestamp, now: Timestamp) -> Vec<EdgeWrite> {
        if now >= self.kept.since.after(TRIED) {
            return self.buried(why, now);
        }
        self.kept.why = Some(shortened(why));
        vec![self.put_off(next)]
    }

    /// It is due at `until`, and nothing else changes.
    pub(super) fn put_off(mut self, until: Timestamp) -> EdgeWrite {
        self.at = until;
        self.version += 1;
        self.put(DUE)
    }

    /// It is not tried any more.
    pub(super) fn buried(self, why: &str, now: Timestamp) -> Vec<EdgeWrite> {
        self.moved(DUE, DEAD, now.after(BURIED), Some(why))
    }

    /// What was given up is due again, at once.
    pub(super) fn revived(mut self, now: Timestamp) -> (Self, Vec<EdgeWrite>) {
        let gone = self.gone(DEAD);
        (self.kept.since, self.kept.tries) = (now, 0);
        (self.at, self.version) = (now, 0);
        let due = self.put(DUE);
        (self, vec![gone, due])
    }

    /// What waits for its next attempt is due at once. None if that is near: somebody may be at it.
    pub(super) fn hurried(mut self, now: Timestamp) -> Option<(Self, Vec<EdgeWrite>)> {
        if self.at <= now.after(LEASE) {
            return None;
        }
        self.at = now;
        self.version += 1;
        let due = self.put(DUE);
        Some((self, vec![due]))
    }

    fn moved(mut self, from: &str, to: &str, at: Timestamp, why: Option<&str>) -> Vec<EdgeWrite> {
        let gone = self.gone(from);
        self.kept.why = why.map(shortened).or(self.kept.why);
        (self.at, self.version) = (at, 0);
        vec![gone, self.put(to)]
    }

    /// How long to wait after an attempt: four times as long after each, and up to a fifth more, so that what failed
    /// together does not come back together (the id is the dice); longer if the receiver wishes, but an hour at most: what
    /// stands in front of a receiver says more than it knows.
    pub(super) fn pause(&self, wish: Option<Duration>) -> Duration {
        let tries = self.kept.tries.saturating_sub(1).min(8);
        let pause = FIRST.saturating_mul(4_u32.saturating_pow(tries)).min(LONGEST);
        let dice: u32 = self.id.bytes().map(u32::from).sum::<u32>() % 100;
        let pause = pause + pause / 500 * dice;
        pause.max(wish.unwrap_or_default().min(LONGEST))
    }
}

#[cfg(test)]
impl Delivery {
    /// Is among what was given up, for an hour.
    pub(crate) async fn lie_dead(&self, engine: &countersign::Engine) {
        let mut dead = self.clone();
        dead.at = engine.now().after(Duration::from_hours(1));
        let commit = countersign::store::Commit {
            edges: vec![dead.put(DEAD)],
            ..countersign::store::Commit::new(engine.tenant().clone(), engine.now())
        };
        engine.store().commit(commit).await.unwrap();
    }
}

fn shortened(why: &str) -> String {
    let end = (0..=WHY.min(why.len()))
        .rev()
        .find(|it| why.is_char_boundary(*it));
    why.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}
