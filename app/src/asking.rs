//! Asks one person about one requirement, on plain lines: what is paused, what can be said, and what is said.

use countersign::core::grant::Span;
use countersign::{ActorId, Call, Descriptor, Phase, Requirement, RequirementKind};
use serde_json::{Map, Value};

use crate::cli::{DecideArgs, Verb};
use crate::people::People;
use crate::prompt::{Field, Prompt, Stop};
use crate::questions::Asked;
use crate::reply::head;
use crate::requirement;
use crate::session::Session;

/// What somebody says about a requirement; nothing if they leave it waiting.
pub(crate) async fn decision(
    prompt: &mut Prompt,
    session: &Session,
    by: ActorId,
    call: &Call,
    requirement: &Requirement,
) -> Result<Option<DecideArgs>, Stop> {
    if let Some(asked) = Asked::of(requirement) {
        let values = asked.answered(prompt).await?;
        return Ok(values.map(|it| DecideArgs {
            values: Some(it.to_string()),
            ..bare(requirement, by, Verb::Fill)
        }));
    }
    let choices = choices(requirement.kind);
    let words: Vec<String> = choices
        .iter()
        .map(|(letter, word, _)| format!("{letter} {word}"))
        .collect();
    let said = prompt
        .line(
            &format!("{by}: {}, Enter to leave it waiting", words.join(", ")),
            None,
        )
        .await?;
    let Some((_, _, verb)) = choices
        .iter()
        .find(|(letter, word, _)| said == *letter || said == *word)
    else {
        return Ok(None);
    };
    let mut args = bare(requirement, by, *verb);
    let now = requirement.arguments.value();
    let now = now.as_object().cloned().unwrap_or_default();
    let descriptor = session.descriptor(call).await?;
    match verb {
        Verb::Amend => {
            let names: Vec<String> = descriptor.parameters.iter().map(|it| it.name.clone()).collect();
            args.arguments =
                Some(Value::Object(fields(prompt, &descriptor, &names, &now).await?).to_string());
        }
        Verb::Fill => {
            let values = fields(prompt, &descriptor, &requirement.fields, &now).await?;
            args.values = Some(Value::Object(values).to_string());
        }
        Verb::Answer | Verb::Report | Verb::Done => {
            args.result = Some(prompt.json("Result (JSON, or plain text)").await?.to_string());
        }
        Verb::Confirm
        | Verb::Approve
        | Verb::Reject
        | Verb::Reask
        | Verb::Retry
        | Verb::HandedOff
        | Verb::Abandon => {}
    }
    if !matches!(verb, Verb::Confirm | Verb::Fill | Verb::Answer | Verb::Report) {
        let reason = prompt.line("Reason (may be empty)", Some("")).await?;
        args.reason = (!reason.is_empty()).then_some(reason);
    }
    Ok(Some(args))
}

/// A decision that says nothing more than its verb.
fn bare(requirement: &Requirement, by: ActorId, verb: Verb) -> DecideArgs {
    DecideArgs {
        requirement: requirement.id,
        verb,
        by: Some(by),
        reason: None,
        arguments: None,
        values: None,
        result: None,
        failed: None,
        token: None,
        remember: None,
        scope: Span::Run,
        uses: None,
        no_run: false,
    }
}

/// Asks for fields, one after the other.
pub(crate) async fn fields(
    prompt: &mut Prompt,
    descriptor: &Descriptor,
    names: &[String],
    now: &Map<String, Value>,
) -> Result<Map<String, Value>, Stop> {
    let mut values = Map::new();
    for name in names {
        let Some(field) = Field::of(descriptor, name) else {
            continue;
        };
        if let Some(value) = prompt.field(&field, now.get(name)).await? {
            values.insert(name.clone(), value);
        }
    }
    Ok(values)
}

/// The pause: what will run, and who is asked for what.
pub(crate) fn pause(session: &Session, people: &People, call: &Call, requirements: &[Requirement]) -> String {
    let mut words = match call.phase() {
        Phase::External { .. } => "\nWaiting for the outside system.\n\n".to_owned(),
        Phase::InDoubt { .. } => "\nWaiting for an operator.\n\n".to_owned(),
        _ => "\nPaused. Nothing has run.\n\n".to_owned(),
    };
    if let [one] = requirements
        && Asked::of(one).is_some()
    {
        // The questions say it all, and in better words than their JSON.
        let by = call.agent().as_ref().map_or(call.requester(), |it| &it.id);
        return format!("\n{by} wants to know:\n");
    }
    words.push_str(&head(session, call));
    for (place, requirement) in requirements.iter().enumerate() {
        words.push('\n');
        let mark = if requirements.len() > 1 {
            format!("{}. ", place + 1)
        } else {
            String::new()
        };
        let asked = requirement::asked(people, call, requirement);
        words.push_str(&requirement::question(call, requirement, &asked, &mark));
    }
    words.push('\n');
    words
}

/// What can be said, by letter.
const fn choices(kind: RequirementKind) -> &'static [(&'static str, &'static str, Verb)] {
    match kind {
        RequirementKind::UserInput => &[("f", "fill in", Verb::Fill), ("r", "reject", Verb::Reject)],
        RequirementKind::Confirmation => &[
            ("c", "confirm", Verb::Confirm),
            ("m", "amend", Verb::Amend),
            ("a", "answer", Verb::Answer),
            ("r", "reject", Verb::Reject),
        ],
        RequirementKind::Approval => &[("a", "approve", Verb::Approve), ("r", "reject", Verb::Reject)],
        RequirementKind::External => &[("r", "report", Verb::Report)],
        RequirementKind::InDoubt => &[
            ("d", "done", Verb::Done),
            ("t", "retry", Verb::Retry),
            ("h", "handed-off", Verb::HandedOff),
            ("x", "abandon", Verb::Abandon),
        ],
    }
}
