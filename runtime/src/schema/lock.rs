//! `tools.lock`: every tool of a program and what it demands, as text that people review.
//!
//! A gate that disappears in a diff is what this file is for. One tool is one paragraph, sorted by
//! name, one gate a line; the texts and schemas are there as digests, so that a reworded
//! description never hides a lost gate.
//!
//! ```text
//! version 1
//!
//! tool issue_refund
//!   gate confirmation
//!   gate approval pool=managers quorum=1 when="* amount_cents >= 10_000"
//!   mark destructive
//!   description 41c0…
//!   arguments 9a11…
//!   digest 77fe…
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use countersign_core::digest::Digest;
use countersign_core::gate::DeclaredGates;
use countersign_core::tool::Descriptor;

const HEADER: &str = "\
# What the tools of this program demand before they run. Kept in version control and compared with
# the program by `tools --check tools.lock`. Review every `gate` line that a change takes away.
version 1
";

/// The text of `tools.lock` for these tools.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::lock;
///
/// /// Pay a bill.
/// #[tool(requires_confirmation)]
/// fn pay(cents: u64) {
///     let _ = cents;
/// }
///
/// assert!(lock::render(&[pay::descriptor()]).contains("tool pay\n  gate confirmation\n"));
/// ```
pub fn render(tools: &[&Descriptor]) -> String {
    let mut text = HEADER.to_owned();
    for (name, entry) in entries(tools) {
        let _ = writeln!(text, "\ntool {name}");
        for gate in &entry.gates {
            let _ = writeln!(text, "  gate {gate}");
        }
        for mark in &entry.marks {
            let _ = writeln!(text, "  mark {mark}");
        }
        for (part, digest) in &entry.digests {
            let _ = writeln!(text, "  {part} {digest}");
        }
    }
    text
}

/// Everything in which the tools differ from `lock_text`; lost gates first, marked as such.
///
/// ```
/// use countersign::prelude::*;
/// use countersign::schema::lock;
///
/// /// Pay a bill.
/// #[tool(requires_confirmation)]
/// fn settle(cents: u64) {
///     let _ = cents;
/// }
///
/// let locked = lock::render(&[settle::descriptor()]);
/// assert_eq!(lock::check(&locked, &[settle::descriptor()]), Ok(()));
///
/// let mut loosened = settle::descriptor().clone();
/// loosened.gates.confirmation = None;
/// let errors = lock::check(&locked, &[&loosened]).unwrap_err();
/// assert!(errors[0].starts_with("GATE LOST: tool `settle`"));
/// ```
pub fn check(lock_text: &str, tools: &[&Descriptor]) -> Result<(), Vec<String>> {
    let locked = read(lock_text)?;
    let linked = entries(tools);
    let mut lost = Vec::new();
    let mut rest = Vec::new();
    for (name, was) in &locked {
        match linked.get(name) {
            Some(is) => compare(name, was, is, &mut lost, &mut rest),
            None => rest.push(format!(
                "tool `{name}` is in tools.lock but not in the program; if its crate is a dependency, nothing names it and the linker drops it: write `use its_crate as _;` (such as `use billing_tools as _;`)"
            )),
        }
    }
    for (name, is) in linked.iter().filter(|(name, _)| !locked.contains_key(*name)) {
        let gates = if is.gates.is_empty() {
            "no gates".to_owned()
        } else {
            format!("`{}`", is.gates.join("`, `"))
        };
        rest.push(format!("tool `{name}` is new: not in tools.lock; it has {gates}"));
    }
    lost.append(&mut rest);
    if lost.is_empty() { Ok(()) } else { Err(lost) }
}

/// One tool, as the file says it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    gates: Vec<String>,
    marks: Vec<String>,
    digests: BTreeMap<String, String>,
}

const DIGESTS: &[(&str, &str)] = &[
    ("description", "the description"),
    ("arguments", "the schema of the arguments"),
    ("result", "the schema of the result"),
];

fn compare(name: &str, was: &Entry, is: &Entry, lost: &mut Vec<String>, rest: &mut Vec<String>) {
    for gate in missing(&was.gates, &is.gates) {
        lost.push(format!(
            "GATE LOST: tool `{name}`: gate `{gate}` is in tools.lock but no longer on the function"
        ));
    }
    for gate in missing(&is.gates, &was.gates) {
        rest.push(format!(
            "tool `{name}`: gate `{gate}` is on the function but not in tools.lock"
        ));
    }
    for mark in missing(&was.marks, &is.marks) {
        rest.push(format!(
            "tool `{name}`: `{mark}` is in tools.lock but no longer on the function"
        ));
    }
    for mark in missing(&is.marks, &was.marks) {
        rest.push(format!(
            "tool `{name}`: `{mark}` is on the function but not in tools.lock"
        ));
    }
    let mut told = was.gates != is.gates || was.marks != is.marks;
    for (part, words) in DIGESTS {
        if was.digests.get(*part) != is.digests.get(*part) {
            told = true;
            rest.push(format!("tool `{name}`: {words} is not what tools.lock has"));
        }
    }
    if !told && was.digests.get("digest") != is.digests.get("digest") {
        rest.push(format!(
            "tool `{name}`: title or parameters are not what tools.lock has"
        ));
    }
}

/// What `of` has and `from` lacks; a gate that stands twice must be there twice.
fn missing<'a>(of: &'a [String], from: &[String]) -> Vec<&'a String> {
    let mut left: Vec<&String> = from.iter().collect();
    of.iter()
        .filter(|it| match left.iter().position(|other| other == it) {
            Some(place) => {
                left.remove(place);
                false
            }
            None => true,
        })
        .collect()
}

fn entries(tools: &[&Descriptor]) -> BTreeMap<String, Entry> {
    tools.iter().map(|it| (it.name.to_string(), entry(it))).collect()
}

fn entry(descriptor: &Descriptor) -> Entry {
    let of = |text: &str| Digest::of("countersign/tools.lock/1", &[text.as_bytes()]).to_string();
    let mut digests = BTreeMap::from([
        ("description".to_owned(), of(&descriptor.description)),
        ("arguments".to_owned(), of(&descriptor.input_schema.to_string())),
        ("digest".to_owned(), descriptor.digest().to_string()),
    ]);
    if let Some(output) = &descriptor.output_schema {
        digests.insert("result".to_owned(), of(&output.to_string()));
    }
    Entry {
        gates: gates(&descriptor.gates),
        marks: marks(descriptor),
        digests,
    }
}

/// The gates in the order in which they ask.
fn gates(gates: &DeclaredGates) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(input) = &gates.user_input {
        let mut line = format!("user_input fields={}", escaped(&input.fields.join(",")));
        line.push_str(if input.hidden { " hidden" } else { "" });
        lines.push(with(line, None, input.expires_in));
    }
    if let Some(confirmation) = &gates.confirmation {
        lines.push(with(
            "confirmation".to_owned(),
            confirmation.when.as_deref(),
            confirmation.expires_in,
        ));
    }
    for approval in &gates.approvals {
        let line = format!("approval pool={} quorum={}", approval.pool, approval.quorum);
        lines.push(with(line, approval.when.as_deref(), approval.expires_in));
    }
    if let Some(external) = &gates.external {
        let line = if external.handoff {
            "external handoff"
        } else {
            "external"
        };
        lines.push(with(line.to_owned(), None, external.expires_in));
    }
    if let Some(audit) = &gates.audit {
        lines.push(with("audit".to_owned(), audit.when.as_deref(), None));
    }
    lines
}

fn with(mut line: String, when: Option<&str>, expires_in: Option<Duration>) -> String {
    if let Some(when) = when {
        let _ = write!(line, " when=\"{}\"", escaped(when));
    }
    if let Some(expires_in) = expires_in {
        let _ = write!(line, " expires_in={}", span(expires_in));
    }
    line
}

fn marks(descriptor: &Descriptor) -> Vec<String> {
    let hints = &descriptor.hints;
    let mut marks: Vec<String> = [
        (hints.read_only, "read_only"),
        (hints.destructive, "destructive"),
        (hints.idempotent, "idempotent"),
        (hints.open_world, "open_world"),
    ]
    .into_iter()
    .filter(|(set, _)| *set)
    .map(|(_, word)| word.to_owned())
    .collect();
    if let Some(timeout) = descriptor.timeout {
        marks.push(format!("timeout={}", span(timeout)));
    }
    if let Some(reason) = &descriptor.ungated {
        marks.push(format!("ungated=\"{}\"", escaped(reason)));
    }
    if let Some(check) = &descriptor.check {
        marks.push(format!("check=\"{}\"", escaped(check)));
    }
    let secrets = descriptor.parameters.iter().filter(|it| it.secret);
    marks.extend(secrets.map(|it| format!("secret {}", escaped(&it.name))));
    marks
}

/// On one line, whatever the text holds.
fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

/// In the largest unit that is exact.
fn span(duration: Duration) -> String {
    let millis = duration.as_millis();
    [(3_600_000, "h"), (60_000, "m"), (1_000, "s")]
        .into_iter()
        .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit))
        .map_or_else(
            || format!("{millis}ms"),
            |(unit, word)| format!("{}{word}", millis / unit),
        )
}

fn read(text: &str) -> Result<BTreeMap<String, Entry>, Vec<String>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut has_version = false;
    let mut errors = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim().to_owned();
        match (word, current.as_ref().and_then(|it| entries.get_mut(it))) {
            ("version", None) if rest == "1" => has_version = true,
            ("version", _) => {
                return Err(vec![format!(
                    "tools.lock:{number}: version `{rest}` is unknown here; this program writes version 1"
                )]);
            }
            ("tool", _) if !rest.is_empty() => {
                if entries.insert(rest.clone(), Entry::default()).is_some() {
                    errors.push(format!("tools.lock:{number}: tool `{rest}` stands here twice"));
                }
                current = Some(rest);
            }
            ("gate", Some(entry)) => entry.gates.push(rest),
            ("mark", Some(entry)) => entry.marks.push(rest),
            ("description" | "arguments" | "result" | "digest", Some(entry)) => {
                entry.digests.insert(word.to_owned(), rest);
            }
            _ => errors.push(format!("tools.lock:{number}: cannot read `{}`", escaped(line))),
        }
    }
    if !has_version {
        errors.insert(
            0,
            "tools.lock has no line `version 1`; write the file anew".to_owned(),
        );
    }
    if errors.is_empty() {
        Ok(entries)
    } else {
        Err(errors)
    }
}

#[cfg(test)]
mod tests;
