//! The names of tools and parameters in the alphabets of the dialects.
//!
//! Only dots are rewritten, and only in a way that can be read back without knowing the other
//! tools: a name whose spelling would be read back as another one is refused.
//!
//! Sources, as read in 2026: `OpenAI` API reference, `tools[].function.name` ("a-z, A-Z, 0-9,
//! underscores and dashes, with a maximum length of 64"); Claude docs, "Define tools"
//! (`^[a-zA-Z0-9_-]{1,64}$`) and the API's own error for property keys
//! (`^[a-zA-Z0-9_.-]{1,64}$`); Gemini `FunctionDeclaration` v1beta ("must start with a letter or an
//! underscore", "underscores, dots and dashes, with a maximum length of 64", parameter names
//! "letters, digits or underscores"); MCP 2025-11-25 and 2026-07-28, "Tool Names" (1 to 128 of
//! `A-Za-z0-9_.-`, which holds every name of ours).

use serde_json::Value;

use super::place::Place;
use super::{Dialect, DialectError};

/// `__` is common in names that people choose; this is not.
const DOT: &str = "-dot-";
const LONGEST: usize = 64;

pub(super) fn spelled(tool: &str, dialect: Dialect) -> Result<String, DialectError> {
    let refuse = |reason: String| {
        Err(DialectError {
            tool: tool.to_owned(),
            dialect,
            parameter: None,
            reason,
        })
    };
    match dialect {
        Dialect::JsonSchema | Dialect::Mcp => Ok(tool.to_owned()),
        Dialect::Gemini => {
            if tool.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_') {
                Ok(tool.to_owned())
            } else {
                refuse("wants tool names to start with a letter or an underscore; set another `name`".into())
            }
        }
        Dialect::OpenAi | Dialect::OpenAiStrict | Dialect::Anthropic => {
            let spelled = tool.replace('.', DOT);
            if read(&spelled, dialect) != tool {
                return refuse(format!(
                    "has no dots in tool names, and `{spelled}` would be read back as another tool; set a `name` without `{DOT}`"
                ));
            }
            if spelled.len() > LONGEST {
                return refuse(format!(
                    "has no dots in tool names, and `{spelled}` is longer than {LONGEST}; set a shorter `name`"
                ));
            }
            Ok(spelled)
        }
    }
}

pub(super) fn read(spelled: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::JsonSchema | Dialect::Mcp | Dialect::Gemini => spelled.to_owned(),
        Dialect::OpenAi | Dialect::OpenAiStrict | Dialect::Anthropic => spelled.replace(DOT, "."),
    }
}

/// Refuses parameters whose names the dialect cannot write.
pub(super) fn parameters(schema: &Value, place: &Place<'_>) -> Result<(), DialectError> {
    let (fits, alphabet): (fn(&str) -> bool, _) = match place.dialect() {
        Dialect::JsonSchema | Dialect::Mcp | Dialect::OpenAi | Dialect::OpenAiStrict => return Ok(()),
        Dialect::Anthropic => (
            |it| {
                it.bytes()
                    .all(|it| it.is_ascii_alphanumeric() || b"_.-".contains(&it))
            },
            "A-Z a-z 0-9 _ . -",
        ),
        Dialect::Gemini => (
            |it| {
                it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
                    && !it.starts_with(|it: char| it.is_ascii_digit())
            },
            "A-Z a-z 0-9 _, not starting with a digit",
        ),
    };
    let names = schema.get("properties").and_then(Value::as_object);
    names
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
        .find(|it| !fits(it) || it.is_empty() || it.len() > LONGEST)
        .map_or(Ok(()), |name| {
            Err(place.member(name).error(format!(
                "takes parameter names of 1 to {LONGEST} of {alphabet}; rename it with `#[arg(rename = \"…\")]`"
            )))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_spelled_and_read_back() {
        for (name, dialect, expect) in [
            ("billing.refund", Dialect::OpenAi, "billing-dot-refund"),
            ("billing.refund", Dialect::Anthropic, "billing-dot-refund"),
            ("billing.refund", Dialect::Gemini, "billing.refund"),
            ("billing.refund", Dialect::Mcp, "billing.refund"),
            ("a__b", Dialect::OpenAiStrict, "a__b"),
        ] {
            let spelled = dialect.spell_name(name).unwrap();
            assert_eq!(spelled, expect);
            assert_eq!(dialect.read_name(&spelled), name);
        }
    }

    #[test]
    fn every_accepted_spelling_belongs_to_one_tool() {
        // All names over a small alphabet that can collide with the escape.
        let parts = ["a", ".", "-dot-", "-dot", "dot-", "-"];
        let mut spellings = std::collections::BTreeMap::new();
        for count in 1..=4_u32 {
            for mut number in 0..parts.len().pow(count) {
                let mut name = String::new();
                for _ in 0..count {
                    name.push_str(parts[number % parts.len()]);
                    number /= parts.len();
                }
                let Ok(spelled) = Dialect::OpenAi.spell_name(&name) else {
                    continue;
                };
                assert_eq!(Dialect::OpenAi.read_name(&spelled), name);
                let other = spellings.insert(spelled, name.clone());
                assert!(other.is_none_or(|it| it == name));
            }
        }
    }

    #[test]
    fn names_that_cannot_be_said_are_refused() {
        for (name, dialect, expect) in [
            ("a-dot-b", Dialect::OpenAi, "would be read back as another tool"),
            ("9lives", Dialect::Gemini, "start with a letter"),
            (&".".repeat(20), Dialect::Anthropic, "is longer than 64"),
        ] {
            let error = dialect.spell_name(name).unwrap_err().to_string();
            assert!(
                error.contains(expect) && error.contains(&format!("tool `{name}`")),
                "{error}"
            );
        }
    }
}
