//! Finds what is wrong with a value that does not fit its schema.
//!
//! The library would list the errors of every alternative inside every alternative: for a
//! recursive enum that triples with each level, and a model chooses the level. This walk enters one
//! alternative only, the one that the value was most likely meant as, so its time grows with the
//! size of the value. Each schema object is judged without the schemas inside it, by the library;
//! the walk goes inside by itself.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::keyword::{requires, type_of, types};
use super::message::{Messages, Spot, Subject};
use super::reference::resolved;
use super::validator::compile;

/// Values are at most 32 levels deep; a schema may put a few of its own levels on each of them.
const DEEPEST: usize = 256;
/// The misfit of a form of another type, more than wrong or missing members of the right one.
const WRONG_TYPE: usize = 1_000_000;

/// All that is wrong with `value`, which the whole schema refused.
pub(super) fn explain(schema: &Value, value: &Value, subject: &Subject) -> Vec<String> {
    let mut explainer = Explainer {
        root: schema,
        subject,
        messages: Messages::new(subject),
        shallow: HashMap::new(),
        whole: HashMap::new(),
    };
    explainer.visit(schema, value, &Spot::default(), DEEPEST);
    explainer.messages.finish()
}

struct Explainer<'a> {
    root: &'a Value,
    subject: &'a Subject,
    messages: Messages<'a>,
    /// Schema objects without the schemas inside them, compiled; by address within `root`.
    shallow: HashMap<*const Value, Option<jsonschema::Validator>>,
    /// Schema objects as they are, compiled.
    whole: HashMap<*const Value, Option<jsonschema::Validator>>,
}

impl<'a> Explainer<'a> {
    fn visit(&mut self, schema: &'a Value, value: &Value, spot: &Spot, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        if self.messages.is_full() {
            return;
        }
        let at = resolved(schema, self.root);
        self.judge(at, value, spot);
        let Value::Object(map) = at else { return };
        match value {
            Value::Object(members) => self.visit_members(map, members, spot, depth),
            Value::Array(items) => {
                let first = map.get("prefixItems").and_then(Value::as_array);
                let rest = map.get("items");
                for (index, item) in items.iter().enumerate() {
                    if let Some(each) = first.and_then(|it| it.get(index)).or(rest) {
                        self.visit(each, item, &spot.item(index), depth);
                    }
                }
            }
            _ => {}
        }
        if let Some(Value::Array(parts)) = map.get("allOf") {
            for part in parts {
                self.visit(part, value, spot, depth);
            }
        }
        for alternatives in ["anyOf", "oneOf"] {
            if let Some(Value::Array(forms)) = map.get(alternatives) {
                self.visit_forms(forms, value, spot, depth);
            }
        }
    }

    fn visit_members(
        &mut self,
        map: &'a Map<String, Value>,
        members: &Map<String, Value>,
        spot: &Spot,
        depth: usize,
    ) {
        let properties = map.get("properties");
        let rest = map
            .get("additionalProperties")
            .filter(|it| it.is_object() && !map.contains_key("patternProperties"));
        for (name, member) in members {
            if let Some(each) = properties.and_then(|it| it.get(name)).or(rest) {
                self.visit(each, member, &spot.member(name, self.subject), depth);
            }
        }
    }

    /// What the keywords of this one schema object say.
    fn judge(&mut self, schema: &'a Value, value: &Value, spot: &Spot) {
        let compiled = self
            .shallow
            .entry(std::ptr::from_ref(schema))
            .or_insert_with(|| compile(&shallow(schema)).ok());
        let Some(compiled) = compiled else { return };
        if compiled.is_valid(value) {
            return;
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        let known: Vec<String> = properties
            .map(|it| it.keys().cloned().collect())
            .unwrap_or_default();
        for error in compiled.iter_errors(value) {
            self.messages.add(spot, error.kind(), value, &known);
        }
    }

    fn visit_forms(&mut self, forms: &'a [Value], value: &Value, spot: &Spot, depth: usize) {
        let mut flat = Vec::new();
        self.flatten(forms, &mut flat, 4);
        if flat.iter().any(|it| value.is_null() && is_null(it)) {
            return;
        }
        flat.retain(|it| !is_null(it));
        let misfits: Vec<usize> = flat.iter().map(|it| self.misfit(it, value)).collect();
        let least = misfits.iter().min().copied();
        let best: Vec<&'a Value> = flat
            .iter()
            .zip(&misfits)
            .filter(|(_, misfit)| Some(**misfit) == least)
            .map(|(form, _)| *form)
            .collect();
        if let [only] = best.as_slice() {
            return self.visit(only, value, spot, depth);
        }
        if least == Some(0) && best.iter().any(|it| self.fits(it, value)) {
            return;
        }
        if let Some(options) = words_of(&flat) {
            return self.messages.unknown_word(spot, value, &options);
        }
        if let Some((tag, options)) = self.tag(&flat, value)
            && let Some(given) = value.get(tag)
        {
            let spot = spot.member(tag, self.subject);
            return self.messages.unknown_word(&spot, given, &options);
        }
        let types: BTreeSet<&str> = flat
            .iter()
            .filter_map(|it| it.as_object())
            .flat_map(types)
            .collect();
        if least == Some(WRONG_TYPE) && !types.is_empty() {
            return self.messages.wrong_type(spot, value, &types);
        }
        self.messages.fits_none(spot, flat.len());
    }

    /// The alternatives of alternatives that stand alone, such as the enum in an `Option`.
    fn flatten(&self, forms: &'a [Value], flat: &mut Vec<&'a Value>, levels: usize) {
        for form in forms {
            let form = resolved(form, self.root);
            let inner = form
                .get("anyOf")
                .or_else(|| form.get("oneOf"))
                .and_then(Value::as_array);
            match inner {
                Some(inner) if levels > 0 && form.get("properties").is_none() => {
                    self.flatten(inner, flat, levels - 1);
                }
                _ => flat.push(form),
            }
        }
    }

    fn fits(&mut self, form: &'a Value, value: &Value) -> bool {
        let root = self.root;
        self.whole
            .entry(std::ptr::from_ref(form))
            .or_insert_with(|| {
                let mut form = form.clone();
                if let (Value::Object(form), Some(definitions)) = (&mut form, root.get("$defs")) {
                    form.insert("$defs".into(), definitions.clone());
                }
                compile(&form).ok()
            })
            .as_ref()
            .is_some_and(|it| it.is_valid(value))
    }

    /// How little the value was meant as this form, from its outermost level. Not zero only if the
    /// form refuses the value.
    fn misfit(&self, form: &Value, value: &Value) -> usize {
        let Value::Object(form) = form else { return 0 };
        let types = types(form);
        let given = type_of(value);
        let is_whole = given == "integer" && types.contains(&"number");
        if !types.is_empty() && !types.contains(&given) && !is_whole {
            // A float may still be an integer to JSON Schema; that is left to the library.
            return if given == "number" { 1 } else { WRONG_TYPE };
        }
        if words(form).is_some_and(|it| !it.contains(value)) {
            return 10;
        }
        let (Value::Object(members), Some(Value::Object(properties))) = (value, form.get("properties"))
        else {
            return 0;
        };
        let required = form.get("required").and_then(Value::as_array);
        let missing = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|it| !members.contains_key(*it))
            .count();
        let closed = form.get("additionalProperties") == Some(&Value::Bool(false));
        let unknown = members
            .keys()
            .filter(|it| closed && !properties.contains_key(*it));
        let wrong_tags = properties.iter().filter(|(name, property)| {
            let property = resolved(property, self.root).as_object();
            match (members.get(*name), property.and_then(words)) {
                (Some(given), Some(words)) => !words.contains(given),
                _ => false,
            }
        });
        missing + unknown.count() + 10 * wrong_tags.count()
    }

    /// The member that tells all forms apart, and all its words, if the value has none of them.
    fn tag(&self, forms: &[&'a Value], value: &Value) -> Option<(&'a str, Vec<Value>)> {
        let words_at = |form: &'a Value, name: &str| {
            let property = form.get("properties")?.get(name)?;
            words(resolved(property, self.root).as_object()?)
        };
        let first = forms.first()?;
        let names = first.get("properties")?.as_object()?.keys();
        names.map(String::as_str).find_map(|name| {
            let given = value.get(name)?;
            let options: Option<Vec<&[Value]>> = forms
                .iter()
                .map(|it| {
                    let is_required = it.as_object().is_some_and(|it| requires(it, name));
                    words_at(it, name).filter(|_| is_required)
                })
                .collect();
            let options = options?.concat();
            (!options.contains(given)).then_some((name, options))
        })
    }
}

fn is_null(form: &Value) -> bool {
    form.get("type").and_then(Value::as_str) == Some("null")
}

/// The values of `const` or `enum`.
fn words(schema: &Map<String, Value>) -> Option<&[Value]> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(one), _) => Some(std::slice::from_ref(one)),
        (None, Some(Value::Array(several))) => Some(several),
        _ => None,
    }
}

/// The values of all forms, if each is nothing but a list of values.
fn words_of(forms: &[&Value]) -> Option<Vec<Value>> {
    let words: Option<Vec<&[Value]>> = forms.iter().map(|it| words(it.as_object()?)).collect();
    words.map(|it| it.concat()).filter(|it| !it.is_empty())
}

/// The schema object without the schemas that the walk enters by itself.
fn shallow(schema: &Value) -> Value {
    let Value::Object(map) = schema else {
        return schema.clone();
    };
    let mut shallow = map.clone();
    for entered in ["anyOf", "oneOf", "allOf", "prefixItems", "items", "$ref", "$defs"] {
        shallow.remove(entered);
    }
    // What the schemas left out would have evaluated is not known here.
    if ["anyOf", "oneOf", "allOf", "$ref"]
        .iter()
        .any(|it| schema.get(*it).is_some())
    {
        shallow.remove("unevaluatedProperties");
        shallow.remove("unevaluatedItems");
    }
    // The names still count for what is unknown.
    if let Some(Value::Object(properties)) = shallow.get_mut("properties") {
        properties.values_mut().for_each(|it| *it = Value::Bool(true));
    }
    if shallow.get("additionalProperties").is_some_and(Value::is_object)
        && !shallow.contains_key("patternProperties")
    {
        shallow.remove("additionalProperties");
    }
    Value::Object(shallow)
}
