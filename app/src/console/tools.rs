//! The tools: what they demand, and a form to call each as oneself.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, RawForm, State};
use axum::http::StatusCode;
use axum::response::Response;
use countersign::registry::Entry;
use countersign::schema::Validator;
use countersign::{Called, Descriptor, Error, Tier};

use super::call::outcome_in_place;
use super::decide::{PATIENCE, posted};
use super::form::{Errors, Form, Plan, Posted, placed, read};
use super::page::{Frame, Place, Trouble, see};
use super::value::View;
use super::visible::Line;
use super::visitor::Visitor;
use crate::server::{Caller, Shared};
use crate::tools::{gates, tier_name, unbroken};

struct Tool {
    name: String,
    title: Line,
    description: Line,
    tier: (&'static str, &'static str),
    gates: Vec<Line>,
    hints: Vec<&'static str>,
}

impl Tool {
    fn of(shared: &Shared, descriptor: &Descriptor) -> Self {
        let tier = shared
            .engine()
            .tier(descriptor.name.as_str())
            .unwrap_or(Tier::Gated);
        let class = match tier {
            Tier::Ungated => "",
            Tier::Audited => "busy",
            Tier::Gated => "wait",
        };
        let hints = descriptor.hints;
        let hints = [
            (hints.read_only, "only reads"),
            (hints.destructive, "destructive"),
            (hints.idempotent, "may run twice"),
            (hints.open_world, "reaches outside"),
        ];
        Self {
            name: descriptor.name.to_string(),
            title: Line::of(descriptor.title.as_deref().unwrap_or(descriptor.name.as_str())),
            description: Line::of(unbroken(&descriptor.description)),
            tier: (class, tier_name(tier)),
            gates: gates(tier, &descriptor.gates).iter().map(Line::told).collect(),
            hints: hints
                .iter()
                .filter(|(is, _)| *is)
                .map(|(_, word)| *word)
                .collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "tools.html")]
struct Tools {
    tools: Vec<Tool>,
}

/// All of them.
pub(super) async fn tools(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
) -> Result<Response, Trouble> {
    let registry = shared.engine().registry().iter();
    let tools = registry.map(|it| Tool::of(&shared, it.descriptor())).collect();
    Frame {
        shared: &shared,
        caller: &caller,
        place: Place::Tools,
    }
    .page("Tools", &Tools { tools })
}

#[derive(Template)]
#[template(path = "tool.html")]
struct ToolPage {
    tool: Tool,
    form: Form,
    problem: Option<Line>,
    /// What came of a call that ran in place.
    ran: Option<(Line, Option<Line>, Option<View>, &'static str)>,
    schema: View,
}

/// One tool, with its form.
pub(super) async fn tool(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let entry = known(&shared, &name)?;
    let page = Tried {
        posted: Posted::new(),
        errors: Errors::new(),
        problem: None,
        ran: None,
    };
    draw(&shared, &caller, entry, page, StatusCode::OK)
}

fn known<'a>(shared: &'a Shared, name: &str) -> Result<&'a Entry, Trouble> {
    shared
        .engine()
        .registry()
        .get(name)
        .ok_or_else(|| Trouble::not_found("such tool"))
}

/// What came of trying.
struct Tried {
    posted: Posted,
    errors: Errors,
    problem: Option<Line>,
    ran: Option<(Line, Option<Line>, Option<View>, &'static str)>,
}

fn draw(
    shared: &Shared,
    caller: &Caller,
    entry: &Entry,
    tried: Tried,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let descriptor = entry.descriptor();
    let names = names(descriptor);
    let validator = Validator::for_model(descriptor);
    let plan = plan(&validator, &names);
    let body = ToolPage {
        tool: Tool::of(shared, descriptor),
        form: Form::of(&plan, &tried.posted, &tried.errors),
        problem: tried.problem,
        ran: tried.ran,
        schema: View::of(validator.schema(), &[], super::value::Extent::All),
    };
    Frame {
        shared,
        caller,
        place: Place::Tools,
    }
    .page_with(status, descriptor.name.as_str(), &body)
}

/// The names of its parameters in their order, and of those that are never shown.
type Names<'a> = (Vec<&'a str>, Vec<&'a str>);

fn plan<'a>(validator: &'a Validator, (order, secret): &'a Names<'a>) -> Plan<'a> {
    Plan {
        schema: validator.schema(),
        order,
        secret,
    }
}

fn names(descriptor: &Descriptor) -> Names<'_> {
    let parameters = descriptor.parameters.iter();
    let order = parameters.clone().map(|it| it.name.as_str()).collect();
    (
        order,
        parameters
            .filter(|it| it.secret)
            .map(|it| it.name.as_str())
            .collect(),
    )
}

/// Calls one, as whoever is signed in.
pub(super) async fn call(
    State(shared): State<Shared>,
    Visitor(caller): Visitor,
    Path(name): Path<String>,
    RawForm(form): RawForm,
) -> Result<Response, Trouble> {
    let entry = known(&shared, &name)?;
    let posted = posted(&form);
    let wrong = |errors: Errors, status| {
        let problem = (!errors.is_empty()).then(|| Line::of("Some of it does not fit. Nothing was called."));
        draw(
            &shared,
            &caller,
            entry,
            Tried {
                posted: posted.clone(),
                errors,
                problem,
                ran: None,
            },
            status,
        )
    };
    if posted.contains_key("add") {
        return wrong(Errors::new(), StatusCode::OK);
    }
    let descriptor = entry.descriptor();
    let names = names(descriptor);
    let validator = Validator::for_model(descriptor);
    let plan = plan(&validator, &names);
    let value = read(&plan, &posted).and_then(|value| match validator.check(&value) {
        Ok(()) => Ok(value),
        Err(messages) => Err(placed(&messages)),
    });
    let value = match value {
        Ok(value) => value,
        Err(errors) => return wrong(errors, StatusCode::UNPROCESSABLE_ENTITY),
    };
    let engine = shared.engine();
    let id = engine.new_call_id();
    match engine.call(&name, value).by(&caller.identity).id(id).await {
        Ok(Called::Waiting(waiting)) => {
            // What no person is asked about is often done at once.
            let _ = tokio::time::timeout(PATIENCE, engine.wait_until_settled(waiting.call_id())).await;
            Ok(see(&format!("/calls/{}?did=call", waiting.call_id())))
        }
        // Refused or passed at once: it has a page of its own.
        Ok(Called::Done(_)) if engine.tier(&name) == Some(Tier::Gated) => Ok(see(&format!("/calls/{id}"))),
        Ok(Called::Done(outcome)) => {
            let ran = Some(outcome_in_place(&outcome));
            let tried = Tried {
                posted,
                errors: Errors::new(),
                problem: None,
                ran,
            };
            draw(&shared, &caller, entry, tried, StatusCode::OK)
        }
        Err(Error::Arguments(errors)) => {
            let errors = BTreeMap::from([(String::new(), errors.0.clone())]);
            wrong(errors, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(error) => Err(error.into()),
    }
}
