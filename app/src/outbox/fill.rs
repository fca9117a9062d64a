//! From what is asked to what is to be told.

use std::collections::{BTreeMap, BTreeSet};

use countersign::core::requirement::Ask;
use countersign::store::{
    Commit, Committed, Durability, EdgeFilter, EdgeRow, EdgeWrite, EntryRow, HistoryFilter,
};
use countersign::{Call, CallId, Error, NoticeKind, Policy, Requirement, RequirementId, RequirementKind};
use serde::{Deserialize, Serialize};

use super::{Channel, Delivery, Outbox};

/// Where the outbox stands in the log.
const CURSOR: &str = "outbox.cursor";
/// What was told of something that is asked, by the id of the requirement.
const TOLD: &str = "outbox.told";
/// How many entries one commit goes on.
const PAGE: usize = 64;
/// How often it may be overtaken in one look.
const TRIES: usize = 8;

/// How something stood when it was last told of.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    v: u32,
    has: u16,
    warned: bool,
    escalated: bool,
    /// Who was told, each with the id of the first notice.
    to: BTreeMap<String, Option<String>>,
    /// Up to which entry (exclusive) the log was read then.
    seq: u64,
}

#[derive(Deserialize)]
struct Cursor {
    next: u64,
}

/// What is read of an entry.
#[derive(Deserialize)]
struct Entry {
    kind: String,
    call: Option<CallId>,
    requirement: Option<RequirementId>,
}

impl Entry {
    /// What it decided, if it did: a refusal decides nothing.
    fn decides(&self) -> Option<RequirementId> {
        self.requirement.filter(|_| self.kind != "call.refused")
    }
}

/// How far one page has led.
enum Filled {
    /// To the end of the log.
    All,
    /// To the next page.
    Page,
    /// Nowhere: another process was faster.
    Overtaken,
}

/// Calls that the log names, and what it says was decided of them.
type Calls = BTreeMap<CallId, BTreeSet<RequirementId>>;

impl Outbox {
    /// Finds out what is to be told, up to the end of the log. False if others are at it, too: then it is not known
    /// whether all was found.
    pub(crate) async fn fill(&self) -> Result<bool, Error> {
        let mut overtaken = 0;
        while overtaken < TRIES && !*self.stopping.borrow() {
            match self.fill_page().await? {
                Filled::All => return Ok(true),
                Filled::Page => {}
                Filled::Overtaken => overtaken += 1,
            }
        }
        Ok(false)
    }

    /// One page of the log.
    async fn fill_page(&self) -> Result<Filled, Error> {
        let store = self.engine.store();
        let tenant = self.engine.tenant();
        let found = store.edge(tenant, CURSOR, "log").await?;
        let (next, version) = match &found {
            Some(row) => {
                let cursor: Cursor = serde_json::from_str(&row.state)
                    .map_err(|error| damaged("the cursor of the outbox", &error))?;
                (cursor.next, row.version + 1)
            }
            None => return self.begin().await,
        };
        let entries = store.entries(tenant, None, next, PAGE).await?;
        let Some(last) = entries.last() else {
            return Ok(Filled::All);
        };
        let next = last.seq + 1;
        let mut calls = Calls::new();
        for entry in entries.iter().filter_map(read) {
            let Some(call) = entry.call else { continue };
            let decided = entry.decides();
            calls.entry(call).or_default().extend(decided);
        }
        self.tell(calls, next, Some(version)).await
    }

    /// The first time there is an outbox: everything that is asked now is told, and nothing that was before.
    async fn begin(&self) -> Result<Filled, Error> {
        let store = self.engine.store();
        // Read first: what happens meanwhile is looked at again.
        let head = store.head(self.engine.tenant()).await?.size();
        let open = HistoryFilter {
            open: Some(true),
            ..HistoryFilter::default()
        };
        let mut before = None;
        loop {
            let rows = store.history(self.engine.tenant(), &open, before, PAGE).await?;
            let Some(last) = rows.last() else { break };
            before = Some(last.id);
            let calls = rows.iter().map(|it| (it.id, BTreeSet::new())).collect();
            // Whoever dies on the way begins anew, and finds what was told.
            if let Filled::Overtaken = self.tell(calls, head, None).await? {
                return Ok(Filled::Overtaken);
            }
        }
        self.tell(Calls::new(), head, Some(0)).await
    }

    /// Makes deliveries of what is new about these calls, up to entry `next`, and with a version of the cursor moves on
    /// there, in one commit.
    async fn tell(&self, calls: Calls, next: u64, version: Option<u64>) -> Result<Filled, Error> {
        let cursor = version.map(|version| {
            EdgeWrite::Put(EdgeRow {
                kind: CURSOR.to_owned(),
                id: "log".to_owned(),
                owner: None,
                version,
                at: None,
                state: format!("{{\"next\":{next}}}"),
            })
        });
        let mut edges: Vec<EdgeWrite> = cursor.into_iter().collect();
        let policy = self.policy().await?;
        for (call, decided) in calls {
            // A call that is only audited has no row, and asks nobody.
            let Some(row) = self.engine.store().call(self.engine.tenant(), call).await? else {
                continue;
            };
            let call = match self.engine.read(&row) {
                Ok(call) => call,
                Err(error) => {
                    tracing::error!(%error, "a call is told to nobody");
                    continue;
                }
            };
            self.compare(&call, decided, &policy, next, &mut edges).await?;
        }
        let commit = Commit {
            edges,
            durability: Durability::Process,
            ..Commit::new(self.engine.tenant().clone(), self.engine.now())
        };
        Ok(match self.engine.store().commit(commit).await? {
            Committed::Done { .. } => Filled::Page,
            // Another process was faster: the cursor says what is left to do.
            Committed::Conflict | Committed::Full => Filled::Overtaken,
        })
    }

    /// What is new about one call since it was last told of. `decided` is what the entries up to `seq` say of it.
    async fn compare(
        &self,
        call: &Call,
        mut decided: BTreeSet<RequirementId>,
        policy: &Policy,
        seq: u64,
        edges: &mut Vec<EdgeWrite>,
    ) -> Result<(), Error> {
        let mut told = self.told(call).await?;
        for asked in call.requirements() {
            decided.remove(&asked.id);
            let before = told.remove(&asked.id);
            let to = self.destinations(&asked, policy).await?;
            let known = before.as_ref().map(|(_, it)| it.to.clone()).unwrap_or_default();
            let mut now = known.clone();
            let escalated = asked.escalated && before.as_ref().is_some_and(|(_, it)| !it.escalated);
            for place in to.iter().filter(|it| !known.contains_key(*it)) {
                let notice = if escalated {
                    NoticeKind::Escalated
                } else {
                    NoticeKind::Asked
                };
                let first = self.delivery(notice, asked.id, (place, None), seq);
                now.insert(place.clone(), first.as_ref().map(|it| it.id.clone()));
                edges.extend(first.map(|it| it.put(super::DUE)));
            }
            if let Some((_, was)) = &before {
                if asked.has > was.has {
                    let told = known.iter().filter(|(it, _)| self.tells_steps(it));
                    let steps =
                        told.filter_map(|it| self.delivery(NoticeKind::Decided, asked.id, parts(it), seq));
                    edges.extend(steps.map(|it| it.put(super::DUE)));
                }
                let changes = [
                    (asked.warned && !was.warned).then_some(NoticeKind::Warned),
                    escalated.then_some(NoticeKind::Escalated),
                ];
                for notice in changes.into_iter().flatten() {
                    let told = known
                        .iter()
                        .filter_map(|it| self.delivery(notice, asked.id, parts(it), seq));
                    edges.extend(told.map(|it| it.put(super::DUE)));
                }
            }
            if now.is_empty() {
                continue;
            }
            edges.push(told_row(&asked, now, seq, before.map(|(version, _)| version))?);
        }
        for (id, (version, was)) in told {
            decided.remove(&id);
            let Some(notice) = self.end(call.id(), id, was.seq, seq).await? else {
                continue;
            };
            let told = was
                .to
                .iter()
                .filter_map(|it| self.delivery(notice, id, parts(it), seq));
            edges.extend(told.map(|it| it.put(super::DUE)));
            edges.push(EdgeWrite::Delete {
                kind: TOLD.to_owned(),
                id: id.to_string(),
                version,
            });
        }
        // Asked and decided before anybody could be told: the decision is news all the same.
        for id in decided {
            let to = once(self.places(call, id, policy));
            let news = to
                .iter()
                .filter_map(|it| self.delivery(NoticeKind::Decided, id, (it, None), seq));
            edges.extend(news.map(|it| it.put(super::DUE)));
        }
        Ok(())
    }

    /// Nothing, if nobody there wants to hear of that. A place comes with the first notice that it had.
    fn delivery(
        &self,
        notice: NoticeKind,
        id: RequirementId,
        (to, first): (&str, Option<&str>),
        seq: u64,
    ) -> Option<Delivery> {
        let now = self.engine.now();
        let wanted = self.channels.to(to).is_none_or(|it| it.tells(notice));
        wanted.then(|| {
            let mut delivery = Delivery::new(self.engine.tenant(), notice, id, to.to_owned(), seq, now);
            delivery.kept.first = first.map(str::to_owned);
            delivery
        })
    }

    /// Whether a place wants to hear of decisions that are not the last one.
    fn tells_steps(&self, to: &str) -> bool {
        self.channels.to(to).is_none_or(Channel::tells_steps)
    }

    /// What was told of a call, with the versions of the rows.
    async fn told(&self, call: &Call) -> Result<BTreeMap<RequirementId, (u64, Told)>, Error> {
        let name = call.id().to_string();
        let prefix = format!("req_{}_", name.rsplit('_').next().unwrap_or_default());
        let mut after = prefix.clone();
        let mut found = BTreeMap::new();
        loop {
            let rows = self
                .engine
                .store()
                .edges(self.engine.tenant(), &EdgeFilter::of(TOLD), Some(&after), 16)
                .await?;
            let full = rows.len() == 16;
            for row in rows {
                if !row.id.starts_with(&prefix) {
                    return Ok(found);
                }
                // What cannot be read is told anew, and keeps nobody else from being told.
                let told: Told = serde_json::from_str(&row.state).unwrap_or_default();
                match row.id.parse() {
                    Ok(id) => drop(found.insert(id, (row.version, told))),
                    Err(error) => {
                        tracing::error!(id = %row.id, %error, "what was told cannot be found again");
                    }
                }
                after = row.id;
            }
            if !full {
                return Ok(found);
            }
        }
    }

    /// Where to tell that this is asked.
    async fn destinations(&self, asked: &Requirement, policy: &Policy) -> Result<Vec<String>, Error> {
        let to = match asked.kind {
            RequirementKind::Approval => {
                let pool = asked.pool.as_ref().and_then(|it| policy.pools().get(it));
                let notify = pool.into_iter().flat_map(|it| &it.notify);
                let further = pool.into_iter().flat_map(|it| &it.escalate_to);
                let further = further.filter(|_| asked.escalated);
                notify.chain(further).cloned().collect()
            }
            RequirementKind::UserInput | RequirementKind::Confirmation => {
                self.channels.of_person(&asked.requester).await?
            }
            RequirementKind::External => self.notify.external.clone(),
            RequirementKind::InDoubt => self.notify.in_doubt.clone(),
        };
        Ok(once(to))
    }

    /// Where it would have been told that this was asked, of what is asked of others than the requester.
    fn places(&self, call: &Call, id: RequirementId, policy: &Policy) -> Vec<String> {
        let is = |ask| call.requirement_id(ask) == id;
        let gates = call.gates().approvals.iter().enumerate();
        let gate = gates.into_iter().find(|(place, _)| is(Ask::Approval(*place)));
        if let Some(pool) = gate.and_then(|(_, gate)| policy.pools().get(&gate.pool)) {
            pool.notify.clone()
        } else if is(Ask::External) {
            self.notify.external.clone()
        } else if (1..=*call.doubts()).any(|it| is(Ask::InDoubt(it))) {
            self.notify.in_doubt.clone()
        } else {
            Vec::new()
        }
    }

    /// Why something is not asked any more, from what the log says of its call since entry `from`. None if that is for
    /// later: an entry from `next` on decided it, and will be come to.
    async fn end(
        &self,
        call: &CallId,
        id: RequirementId,
        from: u64,
        next: u64,
    ) -> Result<Option<NoticeKind>, Error> {
        let (store, tenant) = (self.engine.store(), self.engine.tenant());
        let (mut from, mut end) = (from, NoticeKind::Closed);
        loop {
            let entries = store.entries(tenant, Some(*call), from, PAGE).await?;
            let Some(last) = entries.last() else {
                return Ok(Some(end));
            };
            from = last.seq + 1;
            for (seq, entry) in entries.iter().filter_map(|it| Some((it.seq, read(it)?))) {
                if entry.decides() == Some(id) {
                    return Ok((seq < next).then_some(NoticeKind::Decided));
                }
                if entry.kind == "call.deadline_passed" {
                    end = NoticeKind::Expired;
                }
            }
        }
    }

    /// The policy as it is stored now.
    async fn policy(&self) -> Result<Policy, Error> {
        let found = self.engine.store().directory(self.engine.tenant(), None).await?;
        Ok(Policy::parse(&found.map(|it| it.policy).unwrap_or_default())?)
    }
}

fn told_row(
    asked: &Requirement,
    to: BTreeMap<String, Option<String>>,
    seq: u64,
    before: Option<u64>,
) -> Result<EdgeWrite, Error> {
    let told = Told {
        v: 1,
        has: asked.has,
        warned: asked.warned,
        escalated: asked.escalated,
        to,
        seq,
    };
    Ok(EdgeWrite::Put(EdgeRow {
        kind: TOLD.to_owned(),
        id: asked.id.to_string(),
        owner: None,
        version: before.map_or(0, |it| it + 1),
        at: None,
        state: serde_json::to_string(&told).map_err(|error| damaged("what was told", &error))?,
    }))
}

/// Each place once. Also those that nothing here carries to: another server over this store may, and if none does it
/// shows, in the end as dead letters.
fn once(to: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    to.into_iter().filter(|it| seen.insert(it.clone())).collect()
}

/// A place and the first notice that it had.
fn parts<'a>((to, first): (&'a String, &'a Option<String>)) -> (&'a str, Option<&'a str>) {
    (to, first.as_deref())
}

/// What cannot be read is passed over: it must not keep all that follows from being told.
fn read(row: &EntryRow) -> Option<Entry> {
    let read = serde_json::from_str(&row.text);
    read.inspect_err(|error| tracing::error!(seq = row.seq, %error, "an entry is told to nobody"))
        .ok()
}

fn damaged(what: &str, error: &dyn std::fmt::Display) -> Error {
    countersign::store::StoreError::Damaged(format!("{what}: {error}")).into()
}
