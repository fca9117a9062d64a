//! A guardrail that only this program can have: it knows which names must not leave the house.

use async_trait::async_trait;
use countersign_agent::{Hook, HookError, Seen, Verdict};

/// The project that nobody outside knows of.
const PROJECT: &str = "nightfall";

/// Takes the names of internal machines out of answers, and blocks those that name a certain project.
#[derive(Debug, Clone, Copy)]
pub struct NoInternals;

#[async_trait]
impl Hook for NoInternals {
    fn name(&self) -> &'static str {
        "no-internals"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        if seen.text.to_lowercase().contains(PROJECT) {
            return Ok(Verdict::block("it names something that is not for customers"));
        }
        let internal = |it: &str| {
            it.trim_end_matches(['.', ',', ':', ';', '!', '?', ')'])
                .ends_with(".internal")
        };
        let mut words = seen.text.split(' ').peekable();
        if !seen.text.split(' ').any(internal) {
            return Ok(Verdict::Pass);
        }
        let mut text = String::new();
        while let Some(word) = words.next() {
            text.push_str(if internal(word) { "[internal]" } else { word });
            if words.peek().is_some() {
                text.push(' ');
            }
        }
        Ok(Verdict::Rewrite(text))
    }
}

#[cfg(test)]
mod tests {
    use countersign_agent::Place;

    use super::*;

    async fn looked(text: &str) -> Verdict {
        NoInternals.look(&Seen::new(Place::Output, text)).await.unwrap()
    }

    #[tokio::test]
    async fn names_of_machines_are_taken_out_and_the_project_is_blocked() {
        assert_eq!(looked("All is well.").await, Verdict::Pass);
        assert_eq!(
            looked("Ask db-7.internal, please.").await,
            Verdict::Rewrite("Ask [internal] please.".to_owned())
        );
        assert!(matches!(
            looked("It is Nightfall again.").await,
            Verdict::Block { .. }
        ));
    }
}
