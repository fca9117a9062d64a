//! What a waiting call asks, as JSON and as a person reads it.

use std::fmt::Write as _;

use countersign::gate::Origin;
use countersign::{Call, Requirement, RequirementId, RequirementKind};
use serde_json::{Value, json};

use crate::people::People;
use crate::session::{Session, now, quoted};
use crate::text;
use crate::tools::condition;

/// What a call asks under this id, if it still does.
pub(crate) fn find(call: &Call, id: RequirementId) -> Option<Requirement> {
    call.requirements().into_iter().find(|it| it.id == id)
}

/// The stable shape. `stale_tool` says that the tool linked here is another than the one asked about.
pub(crate) fn json(requirement: &Requirement, stale: bool) -> Value {
    json!({
        "id": requirement.id,
        "kind": requirement.kind,
        "tool": requirement.tool,
        "arguments": requirement.arguments.value(),
        "seal": requirement.seal,
        "pool": requirement.pool,
        "needs": requirement.needs,
        "has": requirement.has,
        "fields": requirement.fields,
        "expires_at": requirement.expires_at,
        "warned": requirement.warned,
        "escalated": requirement.escalated,
        "stale_tool": stale,
    })
}

/// The same in a list over many calls, with the call it belongs to.
pub(crate) fn listed_json(requirement: &Requirement, stale: bool) -> Value {
    let mut value = json(requirement, stale);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("call".to_owned(), json!(requirement.call));
        fields.insert("run".to_owned(), json!(requirement.run));
        fields.insert("requester".to_owned(), json!(requirement.requester));
    }
    value
}

/// What is asked, of whom, how long, and the commands that answer.
pub(crate) fn words(session: &Session, people: &People, call: &Call, requirement: &Requirement) -> String {
    let asked = asked(people, call, requirement);
    let mut words = question(call, requirement, &asked, "");
    let by = asked.first().map_or_else(|| "ACTOR".to_owned(), |it| quoted(it));
    let line = answer(requirement, &by);
    words.push_str(&command(session, &requirement.id.to_string(), &line));
    let _ = writeln!(words, "    ({})", alternatives(requirement.kind));
    words
}

/// A decision as it can be typed, on lines that fit.
pub(crate) fn command(session: &Session, id: &str, line: &str) -> String {
    let mut lines = vec![format!("    {}", session.command("decide"))];
    for part in [id, line] {
        let last = lines.len() - 1;
        if text::width(&lines[last]) + text::width(part) + 3 > text::WIDTH {
            lines[last].push_str(" \\");
            lines.push(format!("        {part}"));
        } else {
            lines[last].push(' ');
            lines[last].push_str(part);
        }
    }
    lines.join("\n") + "\n"
}

/// Who could decide it.
pub(crate) fn asked(people: &People, call: &Call, requirement: &Requirement) -> Vec<String> {
    let voted = call.votes().iter().map(|it| it.by.clone());
    // Whoever owns the agent stands behind the call as the requester does.
    let owner = call.agent().as_ref().and_then(|it| it.owner.clone());
    people.asked(requirement, &voted.chain(owner).collect())
}

/// What is asked, of whom, why, how long.
pub(crate) fn question(call: &Call, requirement: &Requirement, asked: &[String], mark: &str) -> String {
    let mut words = text::wrapped(&sentence(requirement, asked), &format!("  {mark}"), "  ");
    for origin in origins(call, requirement) {
        words.push_str(&text::wrapped(&because(origin), "    ", "    "));
    }
    if let Some(left) = time_left(requirement) {
        let _ = writeln!(words, "    {left}");
    }
    for reminder in reminders(requirement) {
        let _ = writeln!(words, "    {reminder}");
    }
    words
}

/// How long it is still asked, and what then; nothing for what never expires.
pub(crate) fn time_left(requirement: &Requirement) -> Option<String> {
    let left = requirement.expires_at?.millis() - now().millis();
    let then = match requirement.kind {
        RequirementKind::External => "an operator is asked",
        RequirementKind::UserInput
        | RequirementKind::Confirmation
        | RequirementKind::Approval
        | RequirementKind::InDoubt => "it closes",
    };
    Some(if left > 0 {
        format!("{} left, then {then}", text::lasting(left))
    } else {
        "too late".to_owned()
    })
}

/// Whether people were warned of it, and others told.
pub(crate) fn reminders(requirement: &Requirement) -> impl Iterator<Item = &'static str> {
    let warned = requirement
        .warned
        .then_some("warned that three quarters of its time are over");
    let escalated = requirement
        .escalated
        .then_some("escalated: others than the pool are told of it");
    warned.into_iter().chain(escalated)
}

/// What is asked, of whom.
pub(crate) fn sentence(requirement: &Requirement, asked: &[String]) -> String {
    let people = text::listed(asked, "or");
    match requirement.kind {
        RequirementKind::UserInput => {
            let fields: Vec<String> = requirement
                .fields
                .iter()
                .map(|it| text::shown(it).into_owned())
                .collect();
            format!("Asks {people} to fill in {}.", text::listed(&fields, "and"))
        }
        RequirementKind::Confirmation => format!("Asks {people} to confirm exactly this."),
        RequirementKind::Approval => {
            let pool = requirement
                .pool
                .as_ref()
                .map_or("?", countersign::PoolName::as_str);
            let left = requirement.needs.saturating_sub(requirement.has);
            let by: Vec<String> = requirement.approved_by.iter().map(ToString::to_string).collect();
            let so_far = if by.is_empty() {
                String::new()
            } else {
                format!(" Approved so far by {}.", text::listed(&by, "and"))
            };
            let people = if asked.is_empty() {
                "nobody is left".to_owned()
            } else {
                people
            };
            format!(
                "Asks pool {pool} for {left} approval{}: {people}.{so_far}",
                plural(left)
            )
        }
        RequirementKind::External => format!("Waits for the result from outside; {people} may report it."),
        RequirementKind::InDoubt => format!(
            "In doubt: it may have run, nobody knows. Asks an operator ({people}) to look and to settle it."
        ),
    }
}

const fn plural(count: u16) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What made the gate stand that asks this.
pub(crate) fn origins<'a>(call: &'a Call, requirement: &Requirement) -> &'a [Origin] {
    let gates = call.gates();
    let found = match requirement.kind {
        RequirementKind::UserInput => gates.user_input.as_ref().map(|it| &it.because),
        RequirementKind::Confirmation => gates.confirmation.as_ref().map(|it| &it.because),
        RequirementKind::Approval => {
            let mut of_pool = gates
                .approvals
                .iter()
                .filter(|it| Some(&it.pool) == requirement.pool.as_ref());
            of_pool
                .find(|it| it.quorum == requirement.needs)
                .map(|it| &it.because)
        }
        RequirementKind::External => gates.external.as_ref().map(|it| &it.because),
        RequirementKind::InDoubt => None,
    };
    found.map(Vec::as_slice).unwrap_or_default()
}

/// What makes a gate stand, in words.
pub(crate) fn because(origin: &Origin) -> String {
    match origin {
        Origin::Annotation { when: None } => "because the function is annotated so".to_owned(),
        Origin::Annotation { when: Some(when) } => {
            format!("because the annotation says so when {}", condition(when))
        }
        Origin::Rule {
            rule,
            when,
            doubts,
            revision,
        } => {
            let mut words = format!(
                "because of the policy rule “{}” (policy revision {revision})",
                text::shown(rule)
            );
            if !when.is_empty() {
                words = format!("{words} when {}", text::shown(&text::listed(when, "and")));
            }
            if !doubts.is_empty() {
                words = format!("{words}, which counts as so: {}", text::shown(&doubts.join("; ")));
            }
            words
        }
    }
}

/// What can be said, as the words after the requirement's id.
fn answer(requirement: &Requirement, by: &str) -> String {
    match requirement.kind {
        RequirementKind::UserInput => {
            let values: Vec<String> = requirement
                .fields
                .iter()
                .map(|it| format!("\"{}\":…", text::shown(it)))
                .collect();
            format!("fill --values '{{{}}}' --as {by}", values.join(","))
        }
        RequirementKind::Confirmation => format!("confirm --as {by}"),
        RequirementKind::Approval => format!("approve --as {by}"),
        RequirementKind::External => format!("report --result JSON --as {by}"),
        RequirementKind::InDoubt => format!("abandon --reason TEXT --as {by}"),
    }
}

/// What else could be said than the first command shows.
const fn alternatives(kind: RequirementKind) -> &'static str {
    match kind {
        RequirementKind::Confirmation => {
            "or amend --arguments JSON, answer --result JSON, reject --reason TEXT"
        }
        RequirementKind::UserInput | RequirementKind::Approval => "or reject --reason TEXT",
        RequirementKind::External => "or report --failed TEXT",
        RequirementKind::InDoubt => "or retry, done --result JSON, handed-off; each with --reason TEXT",
    }
}
