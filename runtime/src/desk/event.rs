//! What a decision means to the machine: the event that it asks for.

use countersign_core::actor::Actor;
use countersign_core::call::{Call, Code, Event, Refusal, Reporter, Resolution};
use countersign_core::canonical::Canonical;
use countersign_core::grant::Wish;
use countersign_core::time::Timestamp;
use countersign_core::tool::Descriptor;
use serde_json::Value;

use super::{Decision, Verdict, token_hash};
use crate::directory::Directory;
use crate::engine::Inner;
use crate::schema::Validator;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal {
        code: Code::InvalidInput,
        message: message.into(),
    }
}

fn canonical(value: &Value) -> Result<Canonical, Refusal> {
    Canonical::of(value).map_err(|error| invalid(error.to_string()))
}

fn checked(validator: &Validator, value: &Value) -> Result<(), Refusal> {
    validator
        .check(value)
        .map_err(|errors| invalid(errors.join("; ")))
}

/// The event that a decision asks for, or why it cannot be one.
pub(super) fn event(
    call: &Call,
    decision: &Decision,
    by: &Actor,
    descriptor: &Descriptor,
    directory: &Directory,
    wish: Option<&Wish>,
    now: Timestamp,
) -> Result<Event, Refusal> {
    if wish.is_some() && !matches!(decision.verdict, Verdict::Confirm) {
        return Err(invalid(
            "only a confirmation can be remembered; approvals are asked for every time",
        ));
    }
    let (on, by, reason) = (decision.on, by.clone(), decision.reason.clone());
    let resolved = |resolution| {
        let reason = decision.reason.clone().unwrap_or_default();
        Event::Resolved {
            on,
            by: by.clone(),
            reason,
            resolution,
        }
    };
    Ok(match &decision.verdict {
        Verdict::Confirm => Event::Confirmed {
            on,
            by,
            reason,
            remember: wish.cloned(),
        },
        Verdict::Reject => Event::Rejected {
            on,
            by,
            reason,
            stop_run: false,
        },
        Verdict::Approve => Event::Approved { on, by, reason },
        Verdict::Reask => Event::Reasked { on, by, reason },
        Verdict::Retry => resolved(Resolution::Retry {
            voters: Inner::voters(call, directory, now),
        }),
        Verdict::HandedOff => resolved(Resolution::HandedOff),
        Verdict::Abandon => resolved(Resolution::Abandon),
        Verdict::Done(result) => {
            checked(&Validator::for_output(descriptor), result)?;
            resolved(Resolution::Done {
                result: canonical(result)?,
            })
        }
        Verdict::Answer(answer) => Event::Answered {
            on,
            by,
            answer: canonical(answer)?,
        },
        Verdict::Amend(arguments) => {
            checked(&Validator::for_input(descriptor), arguments)?;
            Event::Amended {
                on,
                by,
                arguments: canonical(arguments)?,
                reason,
            }
        }
        Verdict::Fill(values) => Event::Filled {
            on,
            by,
            values: canonical(values)?,
            arguments: filled(call, descriptor, values)?,
        },
        Verdict::Report(report) => Event::Reported {
            on,
            by: Reporter::Actor(by),
            report: checked_report(descriptor, report)?,
        },
        Verdict::ReportWithToken(report, token) => {
            let token = token_hash(token);
            // Whoever has no token is told that, and not what a result would have to be. A repeat has one no more.
            let report = match report {
                _ if call.knows_token(&token) => checked_report(descriptor, report)?,
                Ok(result) => canonical(result).map_err(|refusal| refusal.message),
                Err(error) => Err(error.clone()),
            };
            Event::Reported {
                on,
                by: Reporter::Token(token),
                report,
            }
        }
    })
}

fn checked_report(
    descriptor: &Descriptor,
    report: &Result<Value, String>,
) -> Result<Result<Canonical, String>, Refusal> {
    match report {
        Ok(result) => {
            checked(&Validator::for_output(descriptor), result)?;
            Ok(Ok(canonical(result)?))
        }
        Err(error) => Ok(Err(error.clone())),
    }
}

/// The arguments with the asked fields filled in, and no others touched.
fn filled(call: &Call, descriptor: &Descriptor, values: &Value) -> Result<Canonical, Refusal> {
    let fields = call
        .gates()
        .user_input
        .as_ref()
        .map(|it| it.fields.as_slice())
        .unwrap_or_default();
    checked(&Validator::for_fields(descriptor, fields), values)?;
    let mut arguments = call.arguments().value();
    if let (Some(arguments), Some(values)) = (arguments.as_object_mut(), values.as_object()) {
        for (name, value) in values.iter().filter(|(name, _)| fields.contains(name)) {
            arguments.insert(name.clone(), value.clone());
        }
    }
    canonical(&arguments)
}
