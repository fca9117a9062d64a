//! What a mail says.

use std::time::{Duration, SystemTime};

use countersign::{Call, NoticeKind, Phase, Requirement, RequirementKind, Timestamp};
use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};

use crate::outbox::Delivery;
use crate::requirement::{because, origins};
use crate::text::{lasting, moment, shown};

/// One mail: a notice about a call as it is now.
pub(super) struct Letter<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) call: &'a Call,
    /// How people reach the console.
    pub(super) base: &'a str,
    pub(super) now: Timestamp,
}

impl Letter<'_> {
    /// The mail, ready to be sent.
    pub(super) fn message(&self, from: &Mailbox, to: Mailbox) -> Result<Message, String> {
        let id = |name: &str| format!("<{name}@{}>", from.email.domain());
        let is_first = self.delivery.kept.first.is_none();
        let written = Duration::from_millis(self.now.millis().unsigned_abs());
        let mut mail = Message::builder()
            .from(from.clone())
            .to(to)
            .date(SystemTime::UNIX_EPOCH + written)
            .message_id(Some(id(&self.delivery.id)))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .subject(self.subject(is_first));
        if let Some(first) = &self.delivery.kept.first {
            mail = mail.in_reply_to(id(first)).references(id(first));
        }
        mail.header(ContentType::TEXT_PLAIN)
            .body(self.text())
            .map_err(|error| error.to_string())
    }

    /// The same in a whole thread: mail programs keep together what has one subject.
    fn subject(&self, is_first: bool) -> String {
        let again = if is_first { "" } else { "Re: " };
        let (tool, requester) = (self.call.tool().as_str(), self.call.requester().as_str());
        // A name that looks like an encoded word would be decoded.
        format!("{again}{}, asked by {}", shown(tool), shown(requester)).replace("=?", "= ?")
    }

    fn text(&self) -> String {
        let asked = self
            .call
            .requirements()
            .into_iter()
            .find(|it| it.id == self.delivery.kept.requirement);
        let mut lines = vec![self.news(asked.as_ref()), String::new()];
        if let Some(asked) = &asked {
            lines.extend(
                origins(self.call, asked)
                    .first()
                    .map(|it| format!("Why it waits: {}.", because(it))),
            );
            lines.extend(self.time(asked));
        }
        if lines.last().is_some_and(|it| !it.is_empty()) {
            lines.push(String::new());
        }
        lines.push(format!("Look at it: {}/calls/{}", self.base, self.call.id()));
        lines.push(String::new());
        lines.push(
            "Neither this mail nor opening the link decides anything: that is done in the console,"
                .to_owned(),
        );
        lines.push("by whoever is signed in there.".to_owned());
        // Conditions and rules are texts that people wrote.
        lines
            .join("\n")
            .split('\n')
            .map(|it| shown(it).into_owned() + "\n")
            .collect()
    }

    /// What is new.
    fn news(&self, asked: Option<&Requirement>) -> String {
        let what = || {
            asked.map_or_else(
                || format!("{}: {}", self.name(), self.standing()),
                |it| self.question(it),
            )
        };
        match self.delivery.kept.notice {
            NoticeKind::Warned => format!("Three quarters of the time are over.\n\n{}", what()),
            NoticeKind::Escalated => format!(
                "Nobody has answered so far, so others are told as well.\n\n{}",
                what()
            ),
            NoticeKind::Decided => format!("It is decided.\n\n{}", what()),
            NoticeKind::Expired => format!("Its time is over.\n\n{}", what()),
            NoticeKind::Asked | NoticeKind::Closed => what(),
        }
    }

    /// The tool and who asks.
    fn name(&self) -> String {
        let (tool, requester) = (self.call.tool().as_str(), self.call.requester().as_str());
        let agent = self.call.agent().as_ref();
        let agent = agent.map(|it| format!(" through the agent {}", shown(it.id.as_str())));
        format!(
            "{}, asked by {}{}",
            shown(tool),
            shown(requester),
            agent.unwrap_or_default()
        )
    }

    /// Who asks what of whom.
    fn question(&self, asked: &Requirement) -> String {
        let name = self.name();
        match asked.kind {
            RequirementKind::UserInput => format!("{name}: you are asked to fill in what is missing."),
            RequirementKind::Confirmation => format!("{name}: you are asked to confirm it."),
            RequirementKind::Approval => {
                let pool = asked.pool.as_ref().map_or("?", countersign::PoolName::as_str);
                format!(
                    "{name}: the pool {} is asked for approval ({} of {} so far).",
                    shown(pool),
                    asked.has,
                    asked.needs
                )
            }
            RequirementKind::External => format!("{name}: the result is awaited from outside."),
            RequirementKind::InDoubt => {
                format!("{name}: it may have run, nobody knows. An operator is asked to settle it.")
            }
        }
    }

    /// How long it is still asked: both spans and moments, for a mail is read later than it is written.
    fn time(&self, asked: &Requirement) -> Option<String> {
        let until = asked.expires_at?;
        let left = until.millis() - self.now.millis();
        let left = if left > 0 {
            format!("{} left when this was written", lasting(left))
        } else {
            "too late".to_owned()
        };
        Some(format!("Time: until {} UTC, {left}.", moment(&until.to_string())))
    }

    /// How the call stands, where this is not asked any more.
    fn standing(&self) -> &'static str {
        use countersign::Outcome::{
            Abandoned, Answered, Blocked, Cancelled, Expired, Failed, Rejected, Returned,
        };
        match self.call.phase() {
            Phase::Closed { outcome } => match outcome {
                Returned { .. } => "it was let through, and is done.",
                Failed { .. } => "it was let through, and has failed.",
                Answered { .. } => "it was answered in place of the tool, which never ran.",
                Rejected { .. } => "it was rejected.",
                Blocked { .. } => "it was blocked.",
                Expired => "nobody answered in time.",
                Cancelled { .. } => "it was withdrawn.",
                Abandoned { .. } => "it was given up.",
            },
            Phase::Cleared { .. } | Phase::Executing { .. } => "it was let through.",
            Phase::External { .. } => "it was let through; its result is awaited from outside.",
            Phase::InDoubt { .. } => "it was let through, and nobody knows whether it ran.",
            Phase::Input { .. } | Phase::Gating { .. } | Phase::Confirm { .. } | Phase::Approve { .. } => {
                "this is not asked any more; other things still are."
            }
        }
    }
}
