//! `tools`: what is linked and what it demands.

use std::fmt::Write as _;

use countersign::gate::DeclaredGates;
use countersign::registry::Entry;
use countersign::schema::lock;
use countersign::{Descriptor, Registry, Tier};
use serde_json::{Value, json};

use crate::cli::ToolsArgs;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::session::Session;
use crate::text;

impl ToolsArgs {
    /// Whether the linked tools alone answer this.
    pub(crate) fn needs_no_store(&self) -> bool {
        self.dialect.is_some() || self.check.is_some() || self.lock
    }
}

/// What the linked tools alone answer: a dialect, a lock file, the check of one.
pub(crate) fn offline(registry: &Registry, args: &ToolsArgs) -> Result<Reply, Failure> {
    let descriptors: Vec<&Descriptor> = registry.iter().map(Entry::descriptor).collect();
    if let Some(dialect) = args.dialect {
        let mut tools = Vec::new();
        for entry in registry.iter() {
            let text = entry
                .rendered()
                .tool(dialect)
                .map_err(|error| Failure::new(error.to_string()))?;
            tools.push(crate::reply::parsed(text));
        }
        let tools = Value::from(tools);
        let text = serde_json::to_string_pretty(&tools).unwrap_or_default();
        return Ok(Reply::done(tools, text));
    }
    if let Some(path) = &args.check {
        let locked = std::fs::read_to_string(path)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))?;
        return Ok(match lock::check(&locked, &descriptors) {
            Ok(()) => Reply::done(
                json!({"status": "same", "differences": []}),
                format!(
                    "The {} linked tools are those of {}.\n",
                    descriptors.len(),
                    path.display()
                ),
            ),
            Err(differences) => {
                let mut told = format!("The linked tools differ from {}:\n", path.display());
                for it in &differences {
                    told.push_str(&text::wrapped(&text::shown(it), "  - ", "    "));
                }
                Reply {
                    json: json!({"status": "different", "differences": differences}),
                    text: told,
                    code: 1,
                }
            }
        });
    }
    let text = lock::render(&descriptors);
    Ok(Reply::done(json!({"lock": text}), text))
}

/// All tools, for people.
pub(crate) fn table(session: &Session) -> Reply {
    let engine = &session.engine;
    let mut items = Vec::new();
    let mut told = String::new();
    for entry in engine.registry().iter() {
        let descriptor = entry.descriptor();
        let tier = engine.tier(descriptor.name.as_str()).unwrap_or(Tier::Gated);
        items.push(json!({
            "name": descriptor.name,
            "title": descriptor.title,
            "description": descriptor.description,
            "tier": tier_name(tier),
            "gates": descriptor.gates,
            "hints": descriptor.hints,
            "input_schema": descriptor.input_schema,
            "digest": entry.digest(),
        }));
        if !told.is_empty() {
            told.push('\n');
        }
        let _ = writeln!(told, "{}", descriptor.name);
        told.push_str(&text::wrapped(&one_line(&descriptor.description), "  ", "  "));
        for gate in gates(tier, &descriptor.gates) {
            told.push_str(&text::wrapped(&gate, "  - ", "    "));
        }
    }
    if told.is_empty() {
        "No tool is linked into this program.\n".clone_into(&mut told);
    }
    Reply::done(json!({"items": items, "next": null}), told)
}

pub(crate) const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Ungated => "ungated",
        Tier::Audited => "audited",
        Tier::Gated => "gated",
    }
}

/// A description without its line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text::shown(&unbroken(text)).into_owned()
}

/// The same, not yet escaped for anything.
pub(crate) fn unbroken(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// What a tool demands, in words, in the order in which it asks.
pub(crate) fn gates(tier: Tier, gates: &DeclaredGates) -> Vec<String> {
    let when = |it: &Option<String>| {
        it.as_ref()
            .map_or_else(String::new, |it| format!(", when {}", condition(it)))
    };
    let mut words = Vec::new();
    if let Some(gate) = &gates.user_input {
        words.push(format!(
            "the person asking fills in {}",
            text::listed(&gate.fields, "and")
        ));
    }
    if let Some(gate) = &gates.confirmation {
        words.push(format!("the person asking confirms{}", when(&gate.when)));
    }
    for gate in &gates.approvals {
        let count = if gate.quorum == 1 {
            "one".to_owned()
        } else {
            gate.quorum.to_string()
        };
        words.push(format!(
            "{count} of pool {} must approve{}",
            gate.pool,
            when(&gate.when)
        ));
    }
    if gates.external.is_some() {
        words.push("another system does the work and reports".to_owned());
    }
    if let Some(gate) = &gates.audit {
        words.push(format!(
            "never waits; every call is on record{}",
            when(&gate.when)
        ));
    }
    match tier {
        Tier::Ungated => words.push("runs at once; nothing is stored".to_owned()),
        Tier::Audited if gates.audit.is_none() => words.push("on record, by a rule of the policy".to_owned()),
        Tier::Gated if words.is_empty() => words.push("gated by a rule of the policy".to_owned()),
        Tier::Audited | Tier::Gated => {}
    }
    words
}

/// The text of a `when`, as it was typed: token text has spaces where nobody writes them.
pub(crate) fn condition(when: &str) -> String {
    let text = when
        .strip_prefix("* ")
        .map_or_else(|| when.to_owned(), |it| format!("*{it}"));
    text::shown(&text.replace(" * ", " *")).into_owned()
}
