//! A script that stands in for a language model: it looks for words and numbers in what the person said.
//!
//! It understands nothing. It is here so that the examples can be tried without a provider's key, and so that their
//! tests always hear the same. What it says follows from the conversation alone, so a run that was paused goes on in
//! any process.

use std::sync::Arc;

use countersign_agent::model::{ScriptedModel, Step, from_env};
use countersign_agent::{Message, ModelError, ModelProvider, Request, ToolResult};
use serde_json::Value;

/// The model of an example: the one that the environment names (see [`from_env`]), or one that follows this script.
///
/// # Errors
///
/// If what the environment says of a provider does not suffice.
pub fn model(script: fn(&Turn<'_>) -> Step) -> Result<Arc<dyn ModelProvider>, ModelError> {
    Ok(match from_env()? {
        Some(model) => Arc::new(model),
        None => Arc::new(ScriptedModel::answering(move |request| {
            script(&Turn::of(request))
        })),
    })
}

/// What the person said last, and what has come of it so far.
#[derive(Debug, Default)]
pub struct Turn<'a> {
    /// In their words.
    pub said: &'a str,
    /// What the tools gave since, the oldest first.
    pub results: Vec<&'a ToolResult>,
}

impl<'a> Turn<'a> {
    /// Reads it from a conversation.
    pub fn of(request: Request<'a>) -> Self {
        let mut turn = Self::default();
        for message in request.messages {
            match &**message {
                Message::User { text } => {
                    turn.said = text;
                    turn.results.clear();
                }
                Message::Assistant(_) => {}
                Message::Tool(result) => turn.results.push(result),
            }
        }
        turn
    }

    /// What a tool gave, as JSON; none if it was not used in this turn.
    pub fn result(&self, tool: &str) -> Option<Value> {
        let found = self.results.iter().rev().find(|it| it.name == tool)?;
        Some(serde_json::from_str(&found.content).unwrap_or(Value::Null))
    }

    /// What is to be said of a call that did not give what was hoped for; none if it did.
    pub fn trouble(result: &Value) -> Option<String> {
        let words = |name: &str| result[name].as_str().map(str::to_owned);
        let why = || {
            words("reason")
                .or_else(|| words("error"))
                .unwrap_or_else(|| result.to_string())
        };
        match result["status"].as_str()? {
            "rejected" => Some(format!(
                "That was rejected by {}: {}.",
                words("by").unwrap_or_default(),
                why()
            )),
            "expired" => Some("Nobody decided that in time, so it was not done.".to_owned()),
            "blocked" | "failed" | "error" | "cancelled" | "abandoned" | "refused" => {
                Some(format!("That did not work: {}.", why().trim_end_matches('.')))
            }
            _ => None,
        }
    }

    /// Whether what was said has one of these words in it, in small letters.
    pub fn has(&self, words: &[&str]) -> bool {
        let said = self.said.to_lowercase();
        words.iter().any(|it| said.contains(it))
    }

    /// The first word that looks like `ACME-123`.
    pub fn account(&self) -> Option<&'a str> {
        let mut words = self
            .said
            .split(|it: char| !it.is_ascii_alphanumeric() && it != '-');
        words.find(|it| {
            it.split_once('-').is_some_and(|(name, number)| {
                name.len() > 1
                    && name.chars().all(|it| it.is_ascii_uppercase())
                    && !number.is_empty()
                    && number.chars().all(|it| it.is_ascii_digit())
            })
        })
    }

    /// The first amount that looks like `$500`, `500.00` or `1,500`, in cents.
    pub fn cents(&self) -> Option<u64> {
        let mut words = self.said.split_whitespace().filter(|it| !it.contains('-'));
        words.find_map(|word| {
            let number: String = word
                .trim_start_matches(['$', '€'])
                .trim_end_matches(['.', ',', '!', '?', '$', '€'])
                .chars()
                .filter(|it| *it != ',')
                .collect();
            let (whole, part) = number.split_once('.').unwrap_or((&number, "00"));
            let whole: u64 = whole.parse().ok()?;
            let part: u64 = Some(part).filter(|it| it.len() == 2)?.parse().ok()?;
            whole.checked_mul(100)?.checked_add(part)
        })
    }

    /// What comes after `because`, without its full stop.
    pub fn because(&self) -> Option<&'a str> {
        let (_, why) = self.said.split_once("because ")?;
        Some(why.trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, account: Option<&str>, cents: Option<u64>, because: Option<&str>) {
        let turn = Turn {
            said,
            results: Vec::new(),
        };
        assert_eq!(
            (turn.account(), turn.cents(), turn.because()),
            (account, cents, because)
        );
    }

    #[test]
    fn a_script_finds_what_was_meant() {
        check("Refund ACME-123 for $500.", Some("ACME-123"), Some(50_000), None);
        check(
            "refund 12.50 to GLOBEX-7 because it was late.",
            Some("GLOBEX-7"),
            Some(1_250),
            Some("it was late"),
        );
        check("Pay 15,000 back", None, Some(1_500_000), None);
        check("Delete nothing, x-ray 5.5", None, None, None);
        check("$99999999999999999999", None, None, None);
    }
}
