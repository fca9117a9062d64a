//! What one requirement asks, as a message: what exactly is to run, who wants it, why it waits, what can be said.
//!
//! A card says how things stand when it is written, and nothing else: written again, it says how they stand then.
//! Who can see the channel can read it, so there is no result in it, and no secret.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use countersign::{Call, Descriptor, Outcome, Phase, Requirement, RequirementId, RequirementKind};
use serde_json::{Value, json};

use super::block::{actions, brief, button, context, fields, fits_context, header, link, section, shown};
use super::exact::Exact;
use super::modal;
use super::payload::{About, Button};
use crate::people::People;
use crate::record::Voided;
use crate::reply::asker;
use crate::requirement::{self, asked, because, origins, reminders, sentence, time_left};
use crate::text;

/// The word in the metadata of our messages, by which they are found again.
pub(super) const EVENT: &str = "countersign_requirement";
/// The most that is shown of whom it asks: a pool may have many people.
const WHOM: usize = 1000;
/// The most that is shown of what a tool is for.
const ABOUT: usize = 600;

/// A requirement, with what is shown of it.
#[derive(Clone)]
pub(super) struct Card<'a> {
    pub(super) id: RequirementId,
    pub(super) call: &'a Call,
    pub(super) descriptor: &'a Descriptor,
    pub(super) people: &'a People,
    /// Whether the linked tool is another than the one that was asked about.
    pub(super) is_stale: bool,
    /// Approvals that were void when it was about to run.
    pub(super) voided: &'a [Voided],
    /// Whether the arguments are left out: Slack did not take them.
    pub(super) is_brief: bool,
    /// The page of the call in the console.
    pub(super) page: String,
}

impl Card<'_> {
    /// What is asked, if it still is.
    pub(super) fn asked(&self) -> Option<Requirement> {
        requirement::find(self.call, self.id)
    }

    /// How often approvals of this were void: so often it was asked again.
    pub(super) fn rounds(&self) -> usize {
        self.asked().map_or(0, |it| self.voided_of(&it).len())
    }

    /// Why it is asked again, if it is.
    pub(super) fn again(&self, requirement: &Requirement) -> Option<String> {
        let voided = self.voided_of(requirement);
        let by: BTreeSet<&String> = voided.iter().flatten().copied().collect();
        let by: Vec<String> = by.into_iter().map(|it| shown(it)).collect();
        let who = match (voided.is_empty(), by.is_empty()) {
            (true, _) => return None,
            (false, true) => "whoever".to_owned(),
            (false, false) => text::listed(&by, "and"),
        };
        Some(format!(
            "Asked again: {who} had approved it and was not allowed to any more when it was about to run. \
             That approval does not count."
        ))
    }

    /// Whose approvals of this were void, each time that some were; of those without a name all were.
    fn voided_of(&self, requirement: &Requirement) -> Vec<Vec<&String>> {
        let seal = requirement.seal.to_string();
        let gates = &self.call.gates().approvals;
        let is_asked = |gate: &usize| gates.get(*gate).map(|it| &it.pool) == requirement.pool.as_ref();
        let voided = self.voided.iter().filter(|it| it.seal == seal);
        let of_this =
            voided.filter(|it| it.votes.is_empty() || it.votes.iter().any(|(gate, _)| is_asked(gate)));
        let names = of_this.map(|it| {
            let votes = it.votes.iter().filter(|(gate, _)| is_asked(gate));
            votes.map(|(_, by)| by).collect()
        });
        names.collect()
    }

    /// Whether somebody who has read the card has read everything that they say yes to.
    pub(super) fn shows_all(&self) -> bool {
        let why = self.asked().is_none_or(|it| fits_context(&self.why(&it)));
        self.arguments().is_whole() && why
    }

    /// Whether Slack can ask for what is asked.
    fn can_be_filled_in(&self, requirement: &Requirement) -> bool {
        let about = About {
            requirement: self.id,
            card: None,
        };
        modal::fields(self, requirement, &about).is_some()
    }

    /// The blocks, the words for notifications, and what the message is found by.
    pub(super) fn message(&self) -> Value {
        let asked = self.asked();
        let title = title(self.call, asked.as_ref());
        let blocks = match &asked {
            Some(requirement) => self.open(requirement, &title),
            None => self.over(&title),
        };
        json!({
            "text": title,
            "mrkdwn": false,
            "blocks": blocks,
            "metadata": {"event_type": EVENT, "event_payload": {"requirement": self.id.to_string()}},
            "unfurl_links": false,
            "unfurl_media": false,
        })
    }

    fn open(&self, requirement: &Requirement, title: &str) -> Vec<Value> {
        let people = asked(self.people, self.call, requirement);
        let mut blocks = vec![
            header(title),
            section(&brief(&sentence(requirement, &people), WHOM)),
        ];
        blocks.extend(self.head());
        let mut facts = vec![("Asked by", asker(self.call))];
        if requirement.kind == RequirementKind::Approval {
            facts.push((
                "Approvals",
                format!("{} of {}", requirement.has, requirement.needs),
            ));
        }
        if let Some(until) = requirement.expires_at {
            facts.push(("Until", format!("{} UTC", text::moment(&until.to_string()))));
        }
        if let Some(left) = time_left(requirement) {
            facts.push(("Time", left));
        }
        blocks.push(fields(&facts));
        blocks.extend(self.body());
        let why = self.why(requirement);
        if !why.is_empty() {
            blocks.push(context(&why));
        }
        if let Some(again) = self.again(requirement) {
            blocks.push(section(&format!("⚠ {again}")));
        }
        blocks.extend(reminders(requirement).map(|it| context(&capital(it))));
        if self.is_stale {
            blocks.push(section(
                "⚠ The tool has changed since this was asked. It must be asked anew before it can run.",
            ));
        } else if !self.shows_all() {
            blocks.push(section(
                "⚠ Not all of it is shown here. Nobody says yes to what they have not seen: read it in the console.",
            ));
        } else if requirement.kind == RequirementKind::UserInput && !self.can_be_filled_in(requirement) {
            blocks.push(section(
                "Slack cannot ask for this exactly: fill it in in the console.",
            ));
        }
        blocks.push(actions(&self.buttons(requirement)));
        blocks
    }

    /// What became of it.
    fn over(&self, title: &str) -> Vec<Value> {
        let mut blocks = vec![header(title), section(&self.ending())];
        blocks.extend(self.head());
        blocks.push(fields(&[("Asked by", asker(self.call))]));
        blocks.extend(self.body());
        blocks.push(actions(&[link("Open in the console", &self.page)]));
        blocks
    }

    /// What the tool is for.
    fn head(&self) -> Option<Value> {
        let about = crate::tools::unbroken(&self.descriptor.description);
        (!about.is_empty()).then(|| context(&brief(&shown(&about), ABOUT)))
    }

    fn arguments(&self) -> Exact {
        let parameters = self.descriptor.parameters.iter();
        let order: Vec<&str> = parameters.clone().map(|it| it.name.as_str()).collect();
        let secret = parameters.filter(|it| it.secret).map(|it| it.name.as_str());
        let secret: Vec<&str> = secret.collect();
        let exact = Exact::of(&self.call.shown_arguments().value(), &order, &secret);
        if self.is_brief { exact.left_out() } else { exact }
    }

    /// The arguments.
    fn body(&self) -> Vec<Value> {
        let exact = self.arguments();
        let mut blocks: Vec<Value> = exact.parts.iter().map(|it| section(it)).collect();
        if exact.parts.is_empty() && exact.is_whole() {
            blocks.push(section("No arguments."));
        }
        if !exact.is_whole() {
            let more = if exact.missing == 1 { "value" } else { "values" };
            blocks.push(section(&format!("⚠ {} {more} not shown here.", exact.missing)));
        }
        blocks
    }

    fn why(&self, requirement: &Requirement) -> String {
        let origins = origins(self.call, requirement).iter();
        let why: Vec<String> = origins.map(|it| capital(&because(it))).collect();
        why.join("\n")
    }

    fn buttons(&self, requirement: &Requirement) -> Vec<Value> {
        let value = requirement.id.to_string();
        let press = |it: Button, words: &str, style| button(it.as_str(), words, &value, style);
        let reject = press(Button::Reject, "Reject…", Some("danger"));
        let page = link("Open in the console", &self.page);
        let yes = match requirement.kind {
            RequirementKind::Approval => press(Button::Approve, "Approve", Some("primary")),
            RequirementKind::Confirmation => press(Button::Confirm, "Confirm", Some("primary")),
            RequirementKind::UserInput if !self.can_be_filled_in(requirement) => return vec![reject, page],
            RequirementKind::UserInput => press(Button::Fill, "Fill in…", Some("primary")),
            RequirementKind::External | RequirementKind::InDoubt => return vec![page],
        };
        if self.shows_all() && !self.is_stale {
            vec![yes, reject, page]
        } else {
            vec![reject, page]
        }
    }

    /// How the call stands now that this is not asked any more.
    fn ending(&self) -> String {
        let call = self.call;
        let mut words = match call.phase() {
            Phase::Closed { outcome } => outcome_words(call, outcome),
            Phase::Input { .. } | Phase::Gating { .. } | Phase::Confirm { .. } | Phase::Approve { .. } => {
                "This is not asked any more. The call waits for something else.".to_owned()
            }
            Phase::Cleared { .. } => "Decided. It runs next.".to_owned(),
            Phase::Executing { .. } => "Decided. It runs.".to_owned(),
            Phase::External { .. } => "Decided. It waits for the result from outside.".to_owned(),
            Phase::InDoubt { .. } => "In doubt: it may have run. An operator is asked.".to_owned(),
        };
        let votes: Vec<String> = call.votes().iter().map(|it| it.by.to_string()).collect();
        if !votes.is_empty() {
            let _ = write!(words, " Approved by {}.", text::listed(&votes, "and"));
        }
        words
    }
}

/// What the card is about, in our own words and the name of the tool: notifications show it as they like.
fn title(call: &Call, asked: Option<&Requirement>) -> String {
    let tool = call.tool();
    match asked.map(|it| it.kind) {
        Some(RequirementKind::Approval) => format!("{tool} waits for approval"),
        Some(RequirementKind::Confirmation) => format!("{tool} waits for your confirmation"),
        Some(RequirementKind::UserInput) => format!("{tool} needs your input"),
        Some(RequirementKind::External) => format!("{tool} waits for its result"),
        Some(RequirementKind::InDoubt) => format!("{tool} may have run"),
        None => match call.phase() {
            Phase::Closed { outcome } => format!("{tool}: {}", outcome.name()),
            _ => format!("{tool}: no longer asked"),
        },
    }
}

/// How a call ended, without its result.
fn outcome_words(call: &Call, outcome: &Outcome) -> String {
    let never = if call.may_have_run() {
        "It may have run."
    } else {
        "It never ran."
    };
    let said = |reason: &Option<String>| match reason {
        Some(reason) => format!(": “{}”", brief(&shown(reason), 1500)),
        None => String::new(),
    };
    match outcome {
        Outcome::Returned { .. } => "Decided, and done.".to_owned(),
        Outcome::Failed { .. } => "Decided, but it failed; the console says how.".to_owned(),
        Outcome::Answered { by, .. } => format!("{by} answered in its place. {never}"),
        Outcome::Rejected { by, reason, .. } => format!("Rejected by {by}{}. {never}", said(reason)),
        Outcome::Cancelled { by, reason } => format!("Withdrawn by {by}{}. {never}", said(reason)),
        Outcome::Blocked { .. } => format!("Blocked; the console says why. {never}"),
        Outcome::Expired => format!("Expired: nobody answered in time. {never}"),
        Outcome::Abandoned { by, reason } => {
            format!("Given up by {by}{}. {never}", said(&Some(reason.clone())))
        }
    }
}

fn capital(words: &str) -> String {
    let mut rest = words.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}
