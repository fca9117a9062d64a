//! One thing that a call asks: the words, the forms that answer it, and what posted forms say.

use std::collections::BTreeMap;

use countersign::core::grant::Span;
use countersign::schema::Validator;
use countersign::{Call, Decision, Descriptor, Remember, Requirement, RequirementKind, Verdict};
use serde_json::{Value, json};

use super::form::{Errors, Form, Plan, Posted, fill, placed, read};
use super::page::Moment;
use super::question::Asking;
use super::visible::{Line, typed};
use crate::people::People;
use crate::questions::Asked;
use crate::requirement::{asked, because, origins, reminders, sentence, time_left};
use crate::server::Caller;

/// What one requirement asks, as a card.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a template asks for them one by one"
)]
pub(super) struct Ask {
    pub(super) id: String,
    pub(super) kind: RequirementKind,
    pub(super) sentence: Line,
    pub(super) because: Vec<Line>,
    pub(super) left: Option<String>,
    pub(super) until: Option<Moment>,
    pub(super) reminders: Vec<&'static str>,
    /// Whether whoever looks may answer it.
    pub(super) is_mine: bool,
    /// Whether they have approved it already, and may still reject it.
    pub(super) has_voted: bool,
    /// The fields to fill in.
    pub(super) fields: Form,
    /// Questions of a model, which are fields too.
    pub(super) questions: Option<Asking>,
    /// All arguments, to be changed.
    pub(super) amend: Form,
    /// A result: of the outside, of an operator, or in place of the tool.
    pub(super) result: Form,
    /// Whether a form has errors and must be open.
    pub(super) amend_is_open: bool,
    pub(super) result_is_open: bool,
    pub(super) may_remember_any: bool,
    pub(super) has_session: bool,
    /// What was typed as reason, where it comes back.
    pub(super) reason: String,
    /// Whether arguments are shown that are closed: nobody says yes to what they have not seen.
    pub(super) is_closed: bool,
}

/// What somebody posted that could not be taken.
pub(super) struct Draft {
    pub(super) verb: String,
    pub(super) posted: Posted,
    pub(super) errors: Errors,
}

/// The parts of a descriptor that forms are made from.
pub(super) struct Parts {
    order: Vec<String>,
    secret: Vec<String>,
    input: Value,
    fields: Value,
    output: Value,
}

impl Parts {
    pub(super) fn of(descriptor: &Descriptor, fields: &[String]) -> Self {
        let parameters = descriptor.parameters.iter();
        let output = Validator::for_output(descriptor).schema().clone();
        let output = if output.is_object() { output } else { json!({}) };
        let mut wrapped = json!({"type": "object", "properties": {}, "required": ["result"]});
        wrapped["properties"]["result"] = titled(output);
        // References lead from the root of a schema.
        if let Some(definitions) = descriptor.output_schema.as_ref().and_then(|it| it.get("$defs")) {
            wrapped["$defs"] = definitions.clone();
        }
        Self {
            order: parameters.clone().map(|it| it.name.clone()).collect(),
            secret: parameters
                .filter(|it| it.secret)
                .map(|it| it.name.clone())
                .collect(),
            input: Validator::for_input(descriptor).schema().clone(),
            fields: Validator::for_fields(descriptor, fields).schema().clone(),
            output: wrapped,
        }
    }

    fn names(&self) -> (Vec<&str>, Vec<&str>) {
        (
            self.order.iter().map(String::as_str).collect(),
            self.secret.iter().map(String::as_str).collect(),
        )
    }
}

/// A result is called so, whatever its type is called.
fn titled(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("title".to_owned(), "Result".into());
        fields.remove("$schema");
    }
    schema
}

impl Ask {
    pub(super) fn of(
        people: &People,
        caller: &Caller,
        call: &Call,
        requirement: &Requirement,
        parts: &Parts,
        now: countersign::Timestamp,
        draft: Option<&Draft>,
    ) -> Self {
        let asked_people = asked(people, call, requirement);
        let (order, secret) = parts.names();
        let plan = |schema| Plan {
            schema,
            order: &order,
            secret: &secret,
        };
        let shown = requirement.arguments.value();
        let form = |schema, verb: &[&str], usual: Posted| match draft
            .filter(|it| verb.contains(&it.verb.as_str()))
        {
            Some(draft) => Form::of(&plan(schema), &draft.posted, &draft.errors),
            None => Form::of(&plan(schema), &usual, &Errors::new()),
        };
        let kind = requirement.kind;
        let is_input = kind == RequirementKind::UserInput;
        let questions = Asked::of(requirement).map(|it| Asking::of(&it, draft));
        let wants = |kinds: &[RequirementKind]| kinds.contains(&kind);
        Self {
            id: requirement.id.to_string(),
            kind,
            sentence: Line::of(sentence(requirement, &asked_people)),
            because: origins(call, requirement)
                .iter()
                .map(|it| Line::told(because(it)))
                .collect(),
            left: time_left(requirement),
            until: requirement.expires_at.map(Moment::of),
            reminders: reminders(requirement).collect(),
            is_mine: call.may_be_answered(requirement.id, &caller.actor, now).is_ok(),
            has_voted: call.votes().iter().any(|it| it.by == caller.actor.id),
            fields: if is_input && questions.is_none() {
                form(&parts.fields, &["fill"], fill(&plan(&parts.fields), &shown))
            } else {
                Form::default()
            },
            questions,
            amend: if wants(&[RequirementKind::Confirmation]) {
                form(&parts.input, &["amend"], fill(&plan(&parts.input), &shown))
            } else {
                Form::default()
            },
            result: if wants(&[
                RequirementKind::Confirmation,
                RequirementKind::External,
                RequirementKind::InDoubt,
            ]) {
                form(&parts.output, &["answer", "report", "done"], Posted::new())
            } else {
                Form::default()
            },
            amend_is_open: draft.is_some_and(|it| it.verb == "amend"),
            result_is_open: draft.is_some_and(|it| matches!(it.verb.as_str(), "answer" | "report" | "done")),
            may_remember_any: !*call.destructive(),
            has_session: call.session().is_some(),
            reason: draft
                .and_then(|it| it.posted.get("reason"))
                .map(|it| typed(it))
                .unwrap_or_default(),
            is_closed: false,
        }
    }
}

/// What could not be read of a posted form.
pub(super) enum Unread {
    /// Nobody can post this with our forms.
    Unknown,
    /// Another row of a list is wanted.
    Row,
    /// The values do not fit.
    Wrong(Errors),
}

/// What a posted form says about a requirement. `fields` are those that are asked.
pub(super) fn decision(
    requirement: &Requirement,
    descriptor: &Descriptor,
    verb: &str,
    posted: &Posted,
) -> Result<Decision, Unread> {
    let parts = Parts::of(descriptor, &requirement.fields);
    let (order, secret) = parts.names();
    let plan = |schema| Plan {
        schema,
        order: &order,
        secret: &secret,
    };
    if posted.contains_key("add") {
        return Err(Unread::Row);
    }
    let checked = |schema, validator: Validator| -> Result<Value, Unread> {
        let value = read(&plan(schema), posted).map_err(Unread::Wrong)?;
        validator
            .check(&value)
            .map_err(|them| Unread::Wrong(placed(&them)))?;
        Ok(value)
    };
    let result = || -> Result<Value, Unread> {
        let mut value = read(
            &Plan {
                schema: &parts.output,
                order: &[],
                secret: &[],
            },
            posted,
        )
        .map_err(Unread::Wrong)?;
        let value = value["result"].take();
        let judged = Validator::for_output(descriptor).check(&value);
        judged.map_err(|them| Unread::Wrong(BTreeMap::from([("v.result".to_owned(), them)])))?;
        Ok(value)
    };
    let reason = posted
        .get("reason")
        .map(|it| it.trim())
        .filter(|it| !it.is_empty());
    let needs_reason = || {
        let words = "Say why; it stands on record.".to_owned();
        reason
            .map(|_| ())
            .ok_or_else(|| Unread::Wrong(BTreeMap::from([(String::new(), vec![words])])))
    };
    let verdict = match verb {
        "confirm" => Verdict::Confirm,
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        "reask" => Verdict::Reask,
        "amend" => Verdict::Amend(checked(&parts.input, Validator::for_input(descriptor))?),
        "fill" => match Asked::of(requirement) {
            Some(asked) => Verdict::Fill(super::question::answers(&asked, posted).map_err(Unread::Wrong)?),
            None => Verdict::Fill(checked(
                &parts.fields,
                Validator::for_fields(descriptor, &requirement.fields),
            )?),
        },
        "answer" => Verdict::Answer(result()?),
        "report" => Verdict::Report(Ok(result()?)),
        "report-failure" => match posted
            .get("failed")
            .map(|it| it.trim())
            .filter(|it| !it.is_empty())
        {
            Some(failed) => Verdict::Report(Err(failed.to_owned())),
            None => {
                let words = "Say what went wrong.".to_owned();
                return Err(Unread::Wrong(BTreeMap::from([(String::new(), vec![words])])));
            }
        },
        "retry" | "handed-off" | "done" | "abandon" => {
            needs_reason()?;
            match verb {
                "retry" => Verdict::Retry,
                "handed-off" => Verdict::HandedOff,
                "done" => Verdict::Done(result()?),
                _ => Verdict::Abandon,
            }
        }
        _ => return Err(Unread::Unknown),
    };
    let mut decision = Decision::new(requirement.id, verdict);
    if let Some(reason) = reason {
        decision = decision.reason(reason);
    }
    Ok(match remember(posted).filter(|_| verb == "confirm") {
        Some(remember) => decision.remember(remember),
        None => decision,
    })
}

/// What is to be remembered of a confirmation.
fn remember(posted: &Posted) -> Option<Remember> {
    let which = match posted.get("remember")?.as_str() {
        "exact" => Remember::exact(),
        "any" => Remember::any(),
        _ => return None,
    };
    let span = match posted.get("scope").map(String::as_str) {
        Some("session") => Span::Session,
        _ => Span::Run,
    };
    let uses = posted.get("uses").and_then(|it| it.trim().parse().ok());
    Some(Remember { span, uses, ..which })
}
