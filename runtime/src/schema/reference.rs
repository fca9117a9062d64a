//! Puts what a `$ref` means in its place; only recursive definitions stay.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::keyword::{inside, inside_mut};

/// References that are put in place before we give up: definitions that use each other twice
/// double with every level.
const MOST: usize = 10_000;

/// What keeps the references of a schema from being put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// This reference leads nowhere.
    Missing(String),
    /// The schema would become too large.
    TooMany,
}

/// The schema without references to definitions that are not recursive. Recursive ones stay in
/// `$defs`, the others are dropped from it.
pub(super) fn inlined(mut schema: Value) -> Result<Value, Unresolved> {
    let definitions = definitions(&schema);
    if let Value::Object(root) = &mut schema {
        root.remove("$defs");
        root.remove("definitions");
    }
    let recursive = recursive(&definitions);
    let mut inliner = Inliner {
        definitions: &definitions,
        recursive: &recursive,
        kept: BTreeSet::new(),
        left: MOST,
    };
    inliner.visit(&mut schema)?;
    // A kept definition may mention further recursive ones.
    let mut defs = Map::new();
    while let Some(name) = inliner.kept.iter().find(|it| !defs.contains_key(**it)).copied() {
        let mut body = definitions.get(name).cloned().unwrap_or_default();
        inliner.visit(&mut body)?;
        defs.insert(name.to_owned(), body);
    }
    if let (Value::Object(root), false) = (&mut schema, defs.is_empty()) {
        root.insert("$defs".into(), Value::Object(defs));
    }
    Ok(schema)
}

/// The name of the definition that a `$ref` means.
pub(super) fn target(reference: &str) -> Option<String> {
    let name = reference
        .strip_prefix("#/$defs/")
        .or_else(|| reference.strip_prefix("#/definitions/"))?;
    (!name.contains('/')).then(|| name.replace("~1", "/").replace("~0", "~"))
}

/// The schema a `$ref` at `schema` means, within the root `root`; else `schema` itself.
pub(super) fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut here = schema;
    // A chain of references is as long as there are definitions, unless it is a circle.
    for _ in 0..64 {
        let Some(reference) = here.get("$ref").and_then(Value::as_str) else {
            return here;
        };
        let found = target(reference).and_then(|name| {
            ["$defs", "definitions"]
                .iter()
                .find_map(|it| root.get(it).and_then(|it| it.get(&name)))
        });
        match found {
            Some(next) => here = next,
            None => return here,
        }
    }
    here
}

fn definitions(schema: &Value) -> BTreeMap<String, Value> {
    ["definitions", "$defs"]
        .iter()
        .filter_map(|it| schema.get(it).and_then(Value::as_object))
        .flatten()
        .map(|(name, body)| (name.clone(), body.clone()))
        .collect()
}

fn mentioned(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(map) = schema else { return };
    if let Some(name) = map.get("$ref").and_then(Value::as_str).and_then(target) {
        found.insert(name);
    }
    inside(map).for_each(|(_, it)| mentioned(it, found));
}

/// The definitions that lead back to themselves.
fn recursive(definitions: &BTreeMap<String, Value>) -> BTreeSet<String> {
    let mentions: BTreeMap<&str, BTreeSet<String>> = definitions
        .iter()
        .map(|(name, body)| {
            let mut found = BTreeSet::new();
            mentioned(body, &mut found);
            (name.as_str(), found)
        })
        .collect();
    let leads_back = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = vec![start];
        while let Some(name) = open.pop() {
            for next in mentions.get(name).into_iter().flatten() {
                if next == start {
                    return true;
                }
                if seen.insert(next.as_str()) {
                    open.push(next);
                }
            }
        }
        false
    };
    definitions.keys().filter(|it| leads_back(it)).cloned().collect()
}

struct Inliner<'a> {
    definitions: &'a BTreeMap<String, Value>,
    recursive: &'a BTreeSet<String>,
    kept: BTreeSet<&'a str>,
    left: usize,
}

impl Inliner<'_> {
    fn visit(&mut self, schema: &mut Value) -> Result<(), Unresolved> {
        let Value::Object(map) = schema else { return Ok(()) };
        // A definition may itself be nothing but a reference.
        while let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            let name = target(reference).ok_or_else(|| Unresolved::Missing(reference.to_owned()))?;
            if let Some(kept) = self.recursive.get(&name) {
                self.kept.insert(kept);
                break;
            }
            let meant = self
                .definitions
                .get(&name)
                .ok_or_else(|| Unresolved::Missing(reference.to_owned()))?;
            self.left = self.left.checked_sub(1).ok_or(Unresolved::TooMany)?;
            let beside = {
                map.remove("$ref");
                std::mem::take(map)
            };
            *map = merged(meant.clone(), beside);
        }
        inside_mut(map).try_for_each(|(_, it)| self.visit(it))
    }
}

/// `meant` with what stood beside the reference to it: texts of the place win over texts of the
/// type; a keyword that both have and that is no text holds on its own, in `allOf`.
fn merged(meant: Value, beside: Map<String, Value>) -> Map<String, Value> {
    const TEXTS: &[&str] = &[
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "$comment",
    ];
    let mut meant = match meant {
        Value::Object(map) => map,
        Value::Bool(false) => Map::from_iter([("not".to_owned(), Value::Object(Map::new()))]),
        _ => Map::new(),
    };
    if beside.keys().all(|it| TEXTS.contains(&it.as_str())) {
        meant.extend(beside);
        return meant;
    }
    let mut both = beside;
    let mut all = match both.remove("allOf") {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    all.push(Value::Object(meant));
    both.insert("allOf".into(), Value::Array(all));
    both
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: Value, expect: Value) {
        assert_eq!(inlined(schema), Ok(expect));
    }

    #[test]
    fn references_are_put_in_place() {
        check(
            json!({"properties": {"a": {"$ref": "#/$defs/A", "description": "here"}},
                   "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"type": "string", "description": "type"}}}),
            json!({"properties": {"a": {"type": "string", "description": "here"}}}),
        );
    }

    #[test]
    fn only_recursive_definitions_stay() {
        check(
            json!({"properties": {"a": {"$ref": "#/$defs/Tree"}},
                   "$defs": {"Tree": {"properties": {"kids": {"items": {"$ref": "#/$defs/Tree"}}, "leaf": {"$ref": "#/$defs/Leaf"}}},
                             "Leaf": {"type": "integer"}, "Other": {"type": "null"}}}),
            json!({"properties": {"a": {"$ref": "#/$defs/Tree"}},
                   "$defs": {"Tree": {"properties": {"kids": {"items": {"$ref": "#/$defs/Tree"}}, "leaf": {"type": "integer"}}}}}),
        );
    }

    #[test]
    fn what_leads_nowhere_or_explodes_is_refused() {
        assert_eq!(
            inlined(json!({"items": {"$ref": "#/$defs/Gone"}})),
            Err(Unresolved::Missing("#/$defs/Gone".into()))
        );
        assert_eq!(
            inlined(json!({"items": {"$ref": "https://example.com/x"}})),
            Err(Unresolved::Missing("https://example.com/x".into()))
        );
        let mut defs = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/L{}", level + 1)});
            defs.insert(format!("L{level}"), json!({"anyOf": [next, next]}));
        }
        defs.insert("L40".into(), json!({"type": "string"}));
        assert_eq!(
            inlined(json!({"$ref": "#/$defs/L0", "$defs": defs})),
            Err(Unresolved::TooMany)
        );
    }

    #[test]
    fn a_constraint_beside_a_reference_stays() {
        check(
            json!({"$ref": "#/$defs/A", "minLength": 1, "$defs": {"A": {"type": "string"}}}),
            json!({"minLength": 1, "allOf": [{"type": "string"}]}),
        );
    }
}
