//! Records: read from the log, and said in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use countersign::store::EntryRow;
use countersign::{CallId, Digest};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::session::Session;
use crate::text;

/// How many entries one look at the store takes.
const PAGE: usize = 500;
/// The fields of an entry that are commitments to words kept beside the log.
const WORDS: [&str; 7] = ["shown", "proposed", "reason", "result", "error", "errors", "args"];

/// One entry of the audit log.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// The entry as it stands in the log.
    pub(crate) entry: Value,
}

impl Record {
    /// Reads an entry.
    pub(crate) fn read(row: &EntryRow) -> Result<Self, Failure> {
        serde_json::from_str(&row.text)
            .map(|entry| Self { entry })
            .map_err(|error| {
                Failure::new(format!(
                    "entry {} of the audit log cannot be read: {error}",
                    row.seq
                ))
            })
    }

    fn text(&self, name: &str) -> &str {
        self.entry.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What kind of thing happened.
    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    /// Its place in the log.
    pub(crate) fn seq(&self) -> u64 {
        self.entry.get("seq").and_then(Value::as_u64).unwrap_or_default()
    }

    /// Under which seal.
    pub(crate) fn seal(&self) -> &str {
        self.text("seal")
    }

    /// When.
    pub(crate) fn moment(&self) -> String {
        text::moment(self.text("time"))
    }

    /// Who, as far as somebody did it.
    pub(crate) fn actor(&self) -> String {
        let actor = &self.entry["actor"];
        match (actor["id"].as_str(), actor["token"].as_str()) {
            (Some(id), _) => text::shown(id).into_owned(),
            (None, Some(_)) => "a token".to_owned(),
            (None, None) if self.entry.get("claim").is_some() => "worker".to_owned(),
            (None, None) if self.entry.get("slack").is_some() => format!("Slack {}", self.shown("slack")),
            (None, None) => "-".to_owned(),
        }
    }

    /// The words kept beside the log under a name of the entry, if they were not erased.
    #[cfg(feature = "http")]
    pub(crate) fn word<'a>(&self, words: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
        words.get(self.text(name)).map(String::as_str)
    }

    /// The time, as it stands in the log.
    #[cfg(feature = "http")]
    pub(crate) fn time(&self) -> &str {
        self.text("time")
    }

    /// What happened, in words. `words` are those kept beside the log.
    pub(crate) fn told(&self, words: &BTreeMap<String, String>) -> String {
        let word = |name: &str| -> Option<&String> { words.get(self.text(name)) };
        let quoted =
            |name: &str| word(name).map_or_else(String::new, |it| format!(": “{}”", text::shown(it)));
        let plain = |name: &str| word(name).map_or_else(String::new, |it| format!(": {}", legible(it)));
        let tool = text::shown(self.text("tool")).into_owned();
        let mut told = match self.kind() {
            "call.opened" => format!(
                "proposed {tool}{}{}{}",
                plain("shown"),
                plain("errors"),
                self.passed()
            ),
            "call.filled" => format!("filled in{}", plain("proposed")),
            "call.confirmed" => format!("confirmed{}", quoted("reason")),
            "call.amended" => format!(
                "changed the arguments{}{}",
                plain("proposed"),
                reason_after(&quoted("reason"))
            ),
            "call.answered" => format!("answered in place of the tool{}", plain("result")),
            "call.approved" => format!("approved{}{}", self.pool(), quoted("reason")),
            "call.rejected" => format!("rejected{}{}", self.pool(), quoted("reason")),
            "call.reasked" => format!("had the gates asked anew{}", quoted("reason")),
            "call.cancelled" => format!("withdrew it{}", quoted("reason")),
            "call.gated" => format!(
                "arguments judged and sealed anew{}{}{}",
                plain("shown"),
                plain("errors"),
                self.passed()
            ),
            "call.gating_refused" => format!("arguments that do not fit{}", plain("errors")),
            "call.tightened" => format!("the policy demands more; asked anew{}", plain("errors")),
            "grant.made" => format!("remembered as {}", text::shown(self.text("grant"))),
            "grant.used" => format!("let {} pass its confirmation", text::shown(self.text("used_by"))),
            "grant.revoked" => format!("revoked {}", text::shown(self.text("grant"))),
            "grant.refused" => format!(
                "tried to revoke {}: refused, {}",
                text::shown(self.text("grant")),
                text::shown(self.text("refusal"))
            ),
            "call.warned" => format!("three quarters of the time are over{}", self.reminded()),
            "call.escalated" => format!("others are told that nobody has answered{}", self.reminded()),
            "call.deadline_passed" => "nobody answered in time".to_owned(),
            "call.votes_voided" => "approvals no longer count: a role was lost".to_owned(),
            "call.claimed" => "every gate is met; started the tool".to_owned(),
            "call.returned" => format!("the tool returned{}", plain("result")),
            "call.failed" => format!("the tool failed{}", plain("error")),
            "call.timed_out" => "the tool exceeded its time limit".to_owned(),
            "call.lease_lapsed" => "the process that ran it has gone".to_owned(),
            "call.reported" => format!("reported the result{}{}", plain("result"), plain("error")),
            "call.token_issued" => "asked for a reporting token".to_owned(),
            "call.resolved" => format!(
                "settled it: {}{}",
                text::shown(self.text("resolution")),
                quoted("reason")
            ),
            "call.refused" => format!(
                "tried to {}: refused, {}{}",
                tried(self.text("event")),
                text::shown(self.text("refusal")),
                quoted("reason")
            ),
            "decision.refused" => format!("tried to decide: refused, {}", text::shown(self.text("refusal"))),
            "audited.started" => format!("started {tool}{}", plain("args")),
            "audited.returned" => format!("{tool} returned{}", plain("result")),
            "audited.failed" => format!("{tool} failed{}", plain("error")),
            "audited.blocked" => format!("{tool} was not run{}", plain("error")),
            _ => self.beside_calls(),
        };
        if self.text("phase") == "closed" {
            let outcome = self.text("outcome");
            if matches!(outcome, "blocked" | "expired" | "abandoned") {
                let _ = write!(told, " ({outcome})");
            }
        }
        told
    }

    /// What happened that is no step of a call.
    fn beside_calls(&self) -> String {
        match self.kind() {
            "credential.created" => format!("made {}", self.credential()),
            "credential.revoked" => format!("revoked {}", self.credential()),
            "session.opened" => "signed in".to_owned(),
            "session.closed" => "signed out".to_owned(),
            "notice.sent_again" => {
                let id = self.entry["notice"]["id"].as_str().unwrap_or_default();
                format!("sent the notice {} again", text::shown(id))
            }
            "policy.changed" => "the policy was loaded".to_owned(),
            "blobs.erased" => format!("erased the words of {}{}", self.shown("call"), self.basis()),
            "hold.set" => format!("forbade to erase {}{}", self.held(), self.basis()),
            "hold.lifted" => format!("allowed to erase {} again{}", self.held(), self.basis()),
            "keeping.refused" => format!(
                "tried to {} {}: refused, {}",
                self.shown("event"),
                self.held(),
                self.shown("refusal")
            ),
            "actor.changed" => self.changed(),
            "actor.lent" => self.lent(),
            "actor.refused" => format!(
                "tried to {} the actor {}: refused, {}",
                self.shown("event"),
                self.shown("who"),
                self.shown("refusal")
            ),
            "slack.user_linked" => format!(
                "let Slack {} decide as {}",
                self.shown("slack"),
                self.shown("who")
            ),
            "slack.user_unlinked" => {
                format!(
                    "let Slack {} decide as {} no more",
                    self.shown("slack"),
                    self.shown("who")
                )
            }
            "slack.refused" => format!(
                "tried to change whom Slack {} decides as: refused, {}",
                self.shown("slack"),
                self.shown("refusal")
            ),
            other => text::shown(other).into_owned(),
        }
    }

    fn shown(&self, name: &str) -> String {
        text::shown(self.text(name)).into_owned()
    }

    /// What an admin made of an actor.
    fn changed(&self) -> String {
        let who = self.shown("who");
        let is = |side: &Value| {
            let word = |name: &str| side[name].as_str().unwrap_or_default();
            let roles = side["roles"].as_array().into_iter().flatten();
            let roles: Vec<String> = roles.filter_map(|it| Some(it.as_str()?.to_owned())).collect();
            let roles = match text::listed(&roles, "and") {
                none if none.is_empty() => "no role".to_owned(),
                some => some,
            };
            let owner = match word("owner") {
                "" => String::new(),
                owner => format!(", of {owner}"),
            };
            text::shown(&format!("{} with {roles}{owner}", word("kind"))).into_owned()
        };
        match (self.entry.get("before"), self.entry.get("after")) {
            (Some(before), Some(after)) => format!("changed {who} from {} to {}", is(before), is(after)),
            (Some(before), None) => format!("removed {who}, {}", is(before)),
            (None, after) => format!("made {who} {}", after.map_or_else(String::new, is)),
        }
    }

    /// Which roles an identity provider said somebody has.
    fn lent(&self) -> String {
        let after = &self.entry["after"]["lent"];
        let roles = after["roles"].as_array().into_iter().flatten();
        let roles: Vec<String> = roles.filter_map(|it| Some(it.as_str()?.to_owned())).collect();
        let roles = match text::listed(&roles, "and") {
            none if none.is_empty() => "no role".to_owned(),
            some => some,
        };
        let until = text::moment(after["until"].as_str().unwrap_or_default());
        let made = match self.entry.get("before") {
            Some(_) => "showed who they are",
            None => "showed who they are for the first time",
        };
        text::shown(&format!("{made}: {roles} until {until}")).into_owned()
    }

    /// Which credential, and whose.
    fn credential(&self) -> String {
        let credential = &self.entry["credential"];
        let of = |name: &str| text::shown(credential[name].as_str().unwrap_or_default()).into_owned();
        let what = match of("kind").as_str() {
            "sign_in" => "a sign-in link".to_owned(),
            "api_key" => format!("the API key {}", of("id")),
            "subject" => format!("a link to a subject of {}", of("issuer")),
            other => other.to_owned(),
        };
        format!("{what} of {}", of("actor"))
    }

    /// On which ground.
    fn basis(&self) -> String {
        format!(": “{}”", self.shown("basis"))
    }

    /// What a hold is on.
    fn held(&self) -> String {
        match self.text("call") {
            "" => "anything".to_owned(),
            call => text::shown(call).into_owned(),
        }
    }

    /// That nobody was asked to confirm, and why.
    fn passed(&self) -> String {
        match self.text("passed_by") {
            "" => String::new(),
            grant => format!("; its confirmation is remembered: {}", text::shown(grant)),
        }
    }

    /// ` for POOL`, of a vote.
    fn pool(&self) -> String {
        let place = self
            .entry
            .get("gate")
            .and_then(Value::as_u64)
            .and_then(|it| usize::try_from(it).ok());
        place
            .and_then(|it| self.pool_at(it))
            .map_or_else(String::new, |it| format!(" for {it}"))
    }

    /// The pool of an approval gate.
    fn pool_at(&self, place: usize) -> Option<String> {
        let needed = self.entry["policy"]["needed"].as_array()?;
        let mut pools = needed.iter().filter_map(|it| it["pool"].as_str());
        pools.nth(place).map(|it| text::shown(it).into_owned())
    }

    /// ` for POOL and POOL`, of a reminder; of other gates the phase says enough.
    fn reminded(&self) -> String {
        let asked = self.entry["asked"].as_array();
        let places = asked.into_iter().flatten().filter_map(Value::as_str);
        let pools = places.filter_map(|it| self.pool_at(it.strip_prefix("approval/")?.parse().ok()?));
        let pools: Vec<String> = pools.collect();
        if pools.is_empty() {
            String::new()
        } else {
            format!(" for {}", text::listed(&pools, "and"))
        }
    }
}

/// JSON, broken where it may be; anything else as it is.
fn legible(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value) => text::spaced(&value),
        Err(_) => text::shown(text).into_owned(),
    }
}

fn reason_after(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!("; reason{reason}")
    }
}

/// An event that was refused, as what somebody wanted to do.
fn tried(event: &str) -> &str {
    match event {
        "filled" => "fill in",
        "confirmed" => "confirm",
        "amended" => "amend",
        "answered" => "answer",
        "approved" => "approve",
        "rejected" => "reject",
        "reasked" => "reask",
        "cancelled" => "cancel",
        "reported" => "report",
        "resolved" => "settle",
        "token_issued" => "get a reporting token",
        "claimed" => "run",
        _ => "decide",
    }
}

/// All records of a call, in order.
pub(crate) async fn of_call(session: &Session, call: CallId) -> Result<Vec<Record>, Failure> {
    let engine = &session.engine;
    let mut records = Vec::new();
    let mut from = 0;
    loop {
        let rows = engine
            .store()
            .entries(engine.tenant(), Some(call), from, PAGE)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(records);
        };
        from = last.seq + 1;
        for row in &rows {
            records.push(Record::read(row)?);
        }
        if rows.len() < PAGE {
            return Ok(records);
        }
    }
}

/// The words beside these records, by commitment. Erased ones are absent.
pub(crate) async fn words(
    session: &Session,
    records: &[Record],
) -> Result<BTreeMap<String, String>, Failure> {
    let engine = &session.engine;
    let mut words = BTreeMap::new();
    for record in records {
        for name in WORDS {
            let text = record.text(name);
            if text.is_empty() || words.contains_key(text) {
                continue;
            }
            let Ok(commitment) = serde_json::from_value::<Digest>(Value::from(text)) else {
                continue;
            };
            if let Some(blob) = engine.store().blob(engine.tenant(), &commitment).await? {
                words.insert(text.to_owned(), blob.content);
            }
        }
    }
    Ok(words)
}

/// Approvals that were void when a call was about to run.
#[cfg(feature = "http")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Voided {
    /// Under which seal it is asked for them again.
    pub(crate) seal: String,
    /// For which gates, and whose; all there were if none is named.
    pub(crate) votes: Vec<(usize, String)>,
}

/// Each time that approvals of a call were void.
#[cfg(feature = "http")]
pub(crate) async fn voided(session: &Session, call: CallId) -> Result<Vec<Voided>, Failure> {
    let records = of_call(session, call).await?;
    let voided = records.iter().filter(|it| it.kind() == "call.votes_voided");
    let voided = voided.map(|it| {
        let votes = it.entry["void"].as_array().into_iter().flatten();
        let votes = votes.filter_map(|vote| {
            let gate = usize::try_from(vote["gate"].as_u64()?).ok()?;
            Some((gate, vote["by"].as_str()?.to_owned()))
        });
        Voided {
            seal: it.seal().to_owned(),
            votes: votes.collect(),
        }
    });
    Ok(voided.collect())
}

/// What was last found wrong with the arguments of a call.
pub(crate) async fn last_errors(session: &Session, call: CallId) -> Result<String, Failure> {
    let records = of_call(session, call).await?;
    let Some(last) = records.iter().rev().find(|it| it.kind() == "call.gating_refused") else {
        return Ok("these values do not fit".to_owned());
    };
    let words = words(session, std::slice::from_ref(last)).await?;
    Ok(words.get(last.text("errors")).map_or_else(
        || "these values do not fit".to_owned(),
        |it| it.replace('\n', "; "),
    ))
}

/// Records as lines: when, who, what.
pub(crate) fn timeline(records: &[Record], words: &BTreeMap<String, String>) -> String {
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|it| vec![format!("  {}", it.moment()), it.actor(), it.told(words)])
        .collect();
    text::table(&rows)
}

/// Words by commitment, as JSON.
pub(crate) fn words_json(words: BTreeMap<String, String>) -> Value {
    Value::Object(
        words
            .into_iter()
            .map(|(name, it)| (name, Value::from(it)))
            .collect::<Map<_, _>>(),
    )
}
