//! Forms: why somebody says no, and the fields that a call asks for.
//!
//! A form is made from the schema of the fields, as the console's is, and what is submitted goes the same way back.
//! What Slack cannot ask exactly (lists, groups, long or hidden text, secrets) is asked in the console only.

use std::collections::{BTreeMap, BTreeSet};

use countersign::schema::Validator;
use countersign::{Decision, Descriptor, Requirement, Verdict};
use serde_json::{Map, Value, json};

use super::block::{fits_option, form, input, notice, option, plain, section, shown, units};
use super::card::Card;
use super::payload::{About, Form, Values};
use crate::console::form::shape::{Shape, limits, resolved, shape};
use crate::console::form::{Errors, Plan, Posted, fill, path, placed, read};
use crate::questions::Asked;

/// The most characters that a field takes; Slack's own limit.
const TEXT: usize = 3000;
/// The most options of a field, and the most fields of a form, by Slack; some blocks are ours.
const OPTIONS: usize = 100;
const FIELDS: usize = 90;
/// The block of the reason.
const REASON: &str = "reason";

/// A form that asks why.
pub(super) fn reject(card: &Card<'_>, about: &About) -> Value {
    let element = json!({
        "type": "plain_text_input", "action_id": "value", "multiline": true, "min_length": 1, "max_length": 1000,
        "placeholder": plain("It goes on record, and to the model that asked."),
    });
    let blocks = [
        section(&format!(
            "{} is not to run. This cannot be taken back.",
            card.call.tool()
        )),
        input(REASON, "Why", "", false, &element),
    ];
    form(
        Form::Reject.as_str(),
        "Reject",
        "Reject",
        &metadata(about),
        &blocks,
    )
}

/// What a submitted reason decides.
pub(super) fn rejection(about: &About, values: &Values) -> Result<Decision, Errors> {
    match values.get(REASON).map(|it| it.trim()).filter(|it| !it.is_empty()) {
        Some(reason) => Ok(Decision::new(about.requirement, Verdict::Reject).reason(reason)),
        None => Err(one(REASON, "Say why; it stands on record.")),
    }
}

/// A form that asks for the fields, if Slack can ask for them.
pub(super) fn fields(card: &Card<'_>, requirement: &Requirement, about: &About) -> Option<Value> {
    let asking = Asking::of(requirement, card.descriptor)?;
    let mut blocks = vec![section(&format!("{} asks for this.", card.call.tool()))];
    for (name, schema, required) in asking.plan().members() {
        blocks.push(asking.field(name, schema, required)?);
    }
    let fits = blocks.len() <= FIELDS;
    fits.then(|| form(Form::Fill.as_str(), "Fill in", "Send", &metadata(about), &blocks))
}

/// What submitted fields decide, or what is wrong with them, by block.
pub(super) fn filling(
    requirement: &Requirement,
    descriptor: &Descriptor,
    values: &Values,
) -> Result<Decision, Errors> {
    let asking =
        Asking::of(requirement, descriptor).ok_or_else(|| one("", "This is asked in the console only."))?;
    let value = asking.read(values)?;
    let fits = Validator::for_fields(descriptor, &requirement.fields).check(&value);
    fits.map_err(|them| placed(&them))?;
    Ok(Decision::new(requirement.id, Verdict::Fill(value)))
}

/// Errors as Slack shows them, each at its block; what belongs to none stands at the first.
pub(super) fn answer(errors: &Errors, values: &Values) -> Value {
    let mut told = Map::new();
    let first = values.keys().next().map_or(REASON, String::as_str);
    for (at, words) in errors {
        // What is wrong within a value is told at the value.
        let block = values
            .keys()
            .find(|it| *it == at || at.starts_with(&format!("{it}.")));
        let words = shown(&words.join("; "));
        let place = told
            .entry(block.map_or(first, String::as_str))
            .or_insert_with(|| "".into());
        let so_far = place.as_str().unwrap_or_default();
        let all = if so_far.is_empty() {
            words
        } else {
            format!("{so_far}; {words}")
        };
        *place = super::block::brief(&all, 500).into();
    }
    json!({"response_action": "errors", "errors": told})
}

/// A page in place of a form that was submitted in vain.
pub(super) fn instead(words: &str) -> Value {
    json!({"response_action": "update", "view": notice("Not decided", &[section(words)])})
}

fn one(block: &str, words: &str) -> Errors {
    BTreeMap::from([(block.to_owned(), vec![words.to_owned()])])
}

fn metadata(about: &About) -> String {
    serde_json::to_string(about).unwrap_or_default()
}

/// The fields that a requirement asks for.
struct Asking<'a> {
    schema: Value,
    order: Vec<&'a str>,
    secret: Vec<&'a str>,
    /// What a model proposed for them, as a form holds it.
    given: Posted,
}

impl<'a> Asking<'a> {
    /// None if the fields are questions of a model, or secrets: what is typed here is kept by Slack.
    fn of(requirement: &Requirement, descriptor: &'a Descriptor) -> Option<Self> {
        if Asked::of(requirement).is_some() {
            return None;
        }
        let parameters = descriptor.parameters.iter();
        let is_asked = |name: &str| requirement.fields.iter().any(|it| it == name);
        if parameters.clone().any(|it| it.secret && is_asked(&it.name)) {
            return None;
        }
        let schema = Validator::for_fields(descriptor, &requirement.fields)
            .schema()
            .clone();
        let mut asking = Self {
            schema,
            order: parameters.clone().map(|it| it.name.as_str()).collect(),
            secret: parameters
                .filter(|it| it.secret)
                .map(|it| it.name.as_str())
                .collect(),
            given: Posted::new(),
        };
        asking.given = fill(&asking.plan(), &requirement.arguments.value());
        Some(asking)
    }

    fn plan(&self) -> Plan<'_> {
        Plan {
            schema: &self.schema,
            order: &self.order,
            secret: &self.secret,
        }
    }

    /// One field; none if Slack cannot ask for it exactly.
    fn field(&self, name: &str, schema: &Value, required: bool) -> Option<Value> {
        let block = path(name);
        let given = self.given.get(&block).map(String::as_str).unwrap_or_default();
        let was = self.given.get(&format!("{block}~was")).map(String::as_str);
        if self.given.contains_key(&format!("{block}~json"))
            || was.is_some_and(|it| it != "null")
            || block.len() > 250
        {
            return None;
        }
        let (shape, is_nullable) = shape(&self.schema, schema);
        let mut element = match &shape {
            Shape::Text { lines } if units(given) <= TEXT => {
                json!({"type": "plain_text_input", "multiline": lines, "max_length": TEXT})
            }
            Shape::Number { whole } => json!({"type": "number_input", "is_decimal_allowed": !whole}),
            Shape::Choice(options) => chosen(options, given)?,
            Shape::Text { .. } | Shape::Group(_) | Shape::List(_) | Shape::Json => return None,
        };
        element["action_id"] = "value".into();
        if !given.is_empty() && !matches!(shape, Shape::Choice(_)) {
            element["initial_value"] = given.into();
        }
        let found = resolved(&self.schema, schema);
        let word = |name: &str| {
            schema[name]
                .as_str()
                .or_else(|| found[name].as_str())
                .unwrap_or_default()
        };
        let label = if word("title").is_empty() {
            name
        } else {
            word("title")
        };
        let mut hints = vec![crate::tools::unbroken(word("description"))];
        hints.extend(limits(schema, found));
        hints.retain(|it| !it.is_empty());
        let hint = shown(&hints.join(", "));
        Some(input(
            &block,
            &shown(label),
            &hint,
            !required || is_nullable,
            &element,
        ))
    }

    /// What was submitted, as JSON.
    fn read(&self, values: &Values) -> Result<Value, Errors> {
        let mut posted: Posted = self
            .given
            .iter()
            .filter(|(name, _)| name.ends_with("~was"))
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect();
        for (name, schema, _) in self.plan().members() {
            let block = path(name);
            let Some(value) = values.get(&block) else { continue };
            let value = match shape(&self.schema, schema).0 {
                Shape::Choice(options) => {
                    let place = value.parse::<usize>().ok();
                    let option = place.and_then(|it| options.get(it));
                    let Some((value, _)) = option else {
                        return Err(one(&block, "This is none of the options."));
                    };
                    value.to_string()
                }
                _ => value.clone(),
            };
            posted.insert(block, value);
        }
        read(&self.plan(), &posted)
    }
}

/// A choice; its options are numbered, for their values may be long.
fn chosen(options: &[(Value, String)], given: &str) -> Option<Value> {
    if options.is_empty() || options.len() > OPTIONS {
        return None;
    }
    let mut offered = Vec::new();
    let mut labels = BTreeSet::new();
    for (place, (_, label)) in options.iter().enumerate() {
        let label = shown(label);
        // Nobody chooses between two that look the same: a number, and a text that says it.
        (fits_option(&label) && labels.insert(label.clone())).then_some(())?;
        offered.push(option(&label, &place.to_string()));
    }
    let place = options
        .iter()
        .position(|(value, _)| crate::console::value::canonical(value) == given);
    let mut select = json!({"type": "static_select", "options": offered});
    if let Some(initial) = place.and_then(|it| offered.get(it)) {
        select["initial_option"] = initial.clone();
    }
    Some(select)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_look_alike_are_asked_elsewhere() {
        let option = |value: Value, label: &str| (value, label.to_owned());
        let (one, text) = (option(json!(1), "1"), option(json!("1"), "1"));
        assert!(chosen(&[one.clone(), option(json!("2"), "2")], "").is_some());
        assert!(chosen(&[one, text], "").is_none());
        assert!(chosen(&[option(json!(""), "")], "").is_none());
    }
}
