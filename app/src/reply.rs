//! What a command answers: JSON, words and an exit code, made together so that they agree.

use countersign::{Call, Code, Effect, Outcome, Phase, Refusal, Source};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::requirement;
use crate::session::{Session, quoted};
use crate::text;

/// It is done, or the list is printed.
pub(crate) const DONE: u8 = 0;
/// Somebody is asked.
pub(crate) const WAITING: u8 = 10;
/// It is cleared or executes, and nobody waits for it here.
pub(crate) const RUNNING: u8 = 11;
/// It was closed without running.
pub(crate) const CLOSED: u8 = 20;
/// What was said does not count.
pub(crate) const REFUSED: u8 = 21;
/// It was given up, and may have run.
pub(crate) const ABANDONED: u8 = 22;
/// It ran, and the tool failed.
pub(crate) const FAILED: u8 = 23;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) json: Value,
    pub(crate) text: String,
    pub(crate) code: u8,
}

impl Reply {
    /// A list or a page of one.
    pub(crate) fn done(json: Value, text: String) -> Self {
        Self {
            json,
            text,
            code: DONE,
        }
    }

    /// What was said does not count.
    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self {
            json: json!({
                "status": "refused",
                "code": refusal.code.as_str(),
                "message": refusal.message,
            }),
            text: text::wrapped(
                &format!(
                    "Refused ({}): {}.",
                    refusal.code.as_str(),
                    text::shown(&refusal.message)
                ),
                "",
                "",
            ),
            code: REFUSED,
        }
    }

    /// The same, for a reason of this edge.
    pub(crate) fn not_accepted(code: Code, message: impl Into<String>) -> Self {
        Self::refused(&Refusal {
            code,
            message: message.into(),
        })
    }

    /// How a call stands: closed, waiting or under way.
    pub(crate) async fn of(
        session: &Session,
        call: &Call,
        refused: Option<&Refusal>,
    ) -> Result<Self, Failure> {
        if let Phase::Closed { outcome } = call.phase() {
            return Ok(Self::closed(Some(call), outcome));
        }
        if let Some(refusal) = refused.filter(|it| it.code != Code::StaleTool) {
            return Err(Failure::new(format!("{}: {}", call.id(), refusal.message)));
        }
        let stale = session.is_stale(call);
        let mut requirements = call.requirements();
        if requirements.is_empty() && stale {
            requirements.extend(call.reask());
        }
        if requirements.is_empty() {
            return Ok(Self::running(session, call));
        }
        let people = session.people().await?;
        let mut words = String::from("Waiting. Nothing has run.\n");
        if matches!(call.phase(), Phase::External { .. }) {
            "Waiting for the outside system.\n".clone_into(&mut words);
        } else if matches!(call.phase(), Phase::InDoubt { .. }) {
            "Waiting for an operator.\n".clone_into(&mut words);
        }
        words.push('\n');
        words.push_str(&head(session, call));
        if stale {
            words.push('\n');
            words.push_str(&stale_words(session, call));
        }
        for requirement in &requirements {
            words.push('\n');
            if !stale {
                words.push_str(&requirement::words(session, &people, call, requirement));
            }
        }
        let requirements: Vec<Value> = requirements
            .iter()
            .map(|it| requirement::json(it, stale))
            .collect();
        Ok(Self {
            json: json!({
                "status": "waiting",
                "run": call.run(),
                "call": call.id(),
                "requirements": requirements,
            }),
            text: words,
            code: WAITING,
        })
    }

    fn running(session: &Session, call: &Call) -> Self {
        let phase = call.phase().name();
        Self {
            json: json!({"status": "running", "run": call.run(), "call": call.id(), "phase": phase}),
            text: format!(
                "{} is under way (phase {phase}).\n\n{}",
                call.tool(),
                head(session, call)
            ),
            code: RUNNING,
        }
    }

    /// How something ended: a call, or a tool that ran in place and was never stored.
    pub(crate) fn closed(call: Option<&Call>, outcome: &Outcome) -> Self {
        let (mut json, words, code) = match outcome {
            Outcome::Returned { result, source } => {
                let result = parsed(result);
                let who = match source {
                    Source::Tool => "Done.",
                    Source::Reported => "Done, as reported from outside.",
                    Source::Resolved => "Done, as an operator says.",
                };
                let words = format!("{who}\n\n{}", result_words(&result));
                (json!({"status": "done", "result": result}), words, DONE)
            }
            Outcome::Answered { answer, by } => {
                let answer = parsed(answer);
                let words = format!(
                    "Answered by {by} in place of the tool, which never ran.\n\n{}",
                    result_words(&answer)
                );
                (json!({"status": "done", "result": answer, "by": by}), words, DONE)
            }
            Outcome::Failed { error, effect, .. } => {
                let doubt = match effect {
                    Effect::None => "It did nothing.",
                    Effect::Reported => "What it did until then, only the tool knows.",
                    Effect::Unknown => "Whether it acted, nobody knows.",
                };
                let words = text::wrapped(
                    &format!("The tool failed: {}. {doubt}", text::shown(error)),
                    "",
                    "",
                );
                (
                    json!({"status": "done", "result": null, "error": error, "effect": effect}),
                    words,
                    FAILED,
                )
            }
            Outcome::Rejected { by, reason, .. } => {
                let words = ended(&format!("Rejected by {by}"), reason.as_deref());
                (
                    json!({"status": "closed", "by": by, "reason": reason}),
                    words,
                    CLOSED,
                )
            }
            Outcome::Cancelled { by, reason } => {
                let words = ended(&format!("Cancelled by {by}"), reason.as_deref());
                (
                    json!({"status": "closed", "by": by, "reason": reason}),
                    words,
                    CLOSED,
                )
            }
            Outcome::Blocked { errors } => {
                let reason = errors.join("; ");
                let words = ended("Blocked", Some(&reason));
                (
                    json!({"status": "closed", "by": null, "reason": reason}),
                    words,
                    CLOSED,
                )
            }
            Outcome::Expired => {
                let words = "Expired: nobody answered in time. The tool never ran.\n".to_owned();
                (
                    json!({"status": "closed", "by": null, "reason": null}),
                    words,
                    CLOSED,
                )
            }
            Outcome::Abandoned { by, reason } => {
                let words = text::wrapped(
                    &format!("Abandoned by {by}: {}. It may have run.", text::shown(reason)),
                    "",
                    "",
                );
                (
                    json!({"status": "closed", "by": by, "reason": reason}),
                    words,
                    ABANDONED,
                )
            }
        };
        // It was claimed or in doubt before it ended like this: nobody may be told that it did not run.
        let (words, code) = if code == CLOSED && call.is_some_and(Call::may_have_run) {
            (
                words.replace("The tool never ran.", "It may have run."),
                ABANDONED,
            )
        } else {
            (words, code)
        };
        if let Some(fields) = json.as_object_mut() {
            fields.insert("outcome".to_owned(), outcome.name().into());
            fields.insert("run".to_owned(), json!(call.map(Call::run)));
            fields.insert("call".to_owned(), json!(call.map(Call::id)));
        }
        Self {
            json,
            text: words,
            code,
        }
    }
}

/// What a model is told of a call that somebody rejected. The words are a person's, quoted.
pub(crate) fn told_model(outcome: &Outcome) -> Option<Value> {
    match outcome {
        Outcome::Rejected { by, reason, .. } => {
            Some(json!({"status": "rejected", "by": by, "reason": reason, "may_retry": false}))
        }
        _ => None,
    }
}

fn ended(what: &str, reason: Option<&str>) -> String {
    let why = reason.map_or_else(String::new, |it| format!(": {}", text::shown(it)));
    text::wrapped(&format!("{what}{why}. The tool never ran."), "", "")
}

/// JSON text of a tool; text that is none is shown as text.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// A result as a person reads it.
pub(crate) fn result_words(result: &Value) -> String {
    match result {
        Value::Array(items) if items.iter().all(Value::is_object) && !items.is_empty() => {
            let mut words = String::new();
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    words.push('\n');
                }
                words.push_str(&text::fields(2, item, &[]));
            }
            words
        }
        _ => text::fields(2, result, &[]),
    }
}

/// Which call this is about, with exactly the arguments that will run.
pub(crate) fn head(session: &Session, call: &Call) -> String {
    let mut words = text::pairs(
        2,
        [
            ("tool", call.tool().to_string()),
            ("asked by", asker(call)),
            ("call", call.id().to_string()),
        ],
    );
    words.push('\n');
    // In the order of the function, if its tool is linked here.
    let entry = session.engine.registry().get(call.tool().as_str());
    let parameters = entry
        .map(|it| it.descriptor().parameters.as_slice())
        .unwrap_or_default();
    let order: Vec<&str> = parameters.iter().map(|it| it.name.as_str()).collect();
    words.push_str(&text::fields(4, &call.shown_arguments().value(), &order));
    words
}

pub(crate) fn asker(call: &Call) -> String {
    match call.agent() {
        Some(agent) => format!("{} (through {})", call.requester(), agent.id),
        None => call.requester().to_string(),
    }
}

fn stale_words(session: &Session, call: &Call) -> String {
    let mut words = text::wrapped(
        "The tool has changed since people were asked about this call, so this program will not run it. \
         Its requester or an operator can ask again:",
        "  ",
        "  ",
    );
    if let Some(requirement) = call.reask() {
        let line = format!("reask --as {}", quoted(call.requester().as_str()));
        words.push_str(&requirement::command(session, &requirement.id.to_string(), &line));
    }
    words
}
