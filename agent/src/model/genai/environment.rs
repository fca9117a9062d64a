//! Which model a program is to use, by its environment.

use super::GenAi;
use crate::model::ModelError;

/// The model that the environment names, or none if it names none.
///
/// The first of these that is set decides: `OPENAI_API_KEY` (with `OPENAI_BASE_URL` for anybody who speaks like
/// `OpenAI`; that one may stand alone), `ANTHROPIC_API_KEY`, `GEMINI_API_KEY`, `OLLAMA_HOST`.
/// `COUNTERSIGN_MODEL` names the model (`gpt-5-mini`) or provider and model (`anthropic:claude-sonnet-4-5`,
/// with `openai`, `anthropic`, `gemini` or `ollama`). Servers of one's own have no model unless it is named.
///
/// # Errors
///
/// If what is set does not suffice: the error says what is missing.
///
/// ```
/// let model = countersign_agent::model::from_env()?;
/// match model {
///     Some(model) => println!("{model:?}"),
///     None => println!("no provider is configured, so a scripted model is used"),
/// }
/// # Ok::<(), countersign_agent::ModelError>(())
/// ```
pub fn from_env() -> Result<Option<GenAi>, ModelError> {
    of(&|name| std::env::var(name).ok())
}

const PROVIDERS: [&str; 4] = ["openai", "anthropic", "gemini", "ollama"];

fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<GenAi>, ModelError> {
    let set = |name: &str| variable(name).filter(|it| !it.trim().is_empty());
    let named = set("COUNTERSIGN_MODEL");
    let named = named.as_deref().map(str::trim);
    // `qwen3:8b` is a name of Ollama's, not a provider.
    let chosen = named.and_then(|it| it.split_once(':'));
    let chosen = chosen.filter(|(provider, _)| PROVIDERS.contains(provider));
    let is_set = |provider: &str| match provider {
        "openai" => set("OPENAI_API_KEY").is_some() || set("OPENAI_BASE_URL").is_some(),
        "anthropic" => set("ANTHROPIC_API_KEY").is_some(),
        "gemini" => set("GEMINI_API_KEY").is_some(),
        _ => set("OLLAMA_HOST").is_some(),
    };
    let (provider, model) = match chosen {
        Some((provider, model)) => (provider, Some(model)),
        None => match PROVIDERS.into_iter().find(|it| is_set(it)) {
            Some(provider) => (provider, named),
            None => return Ok(None),
        },
    };
    let key = |name: &str| {
        set(name).ok_or_else(|| {
            ModelError::new(format!(
                "COUNTERSIGN_MODEL names a model of `{provider}`; set {name}"
            ))
        })
    };
    let asked = |at: &str| {
        model.ok_or_else(|| ModelError::new(format!("{at} is set; say which model with COUNTERSIGN_MODEL")))
    };
    let model = match provider {
        "openai" => match set("OPENAI_BASE_URL") {
            Some(base) => {
                let key = set("OPENAI_API_KEY");
                GenAi::compatible(&base, asked("OPENAI_BASE_URL")?, key.as_deref())
            }
            None => GenAi::openai(model.unwrap_or("gpt-5-mini"), &key("OPENAI_API_KEY")?),
        },
        "anthropic" => GenAi::anthropic(model.unwrap_or("claude-sonnet-4-5"), &key("ANTHROPIC_API_KEY")?),
        "gemini" => GenAi::gemini(model.unwrap_or("gemini-2.5-flash"), &key("GEMINI_API_KEY")?),
        _ => {
            let host = set("OLLAMA_HOST");
            let host = host.as_deref().unwrap_or("127.0.0.1:11434");
            GenAi::ollama(host, asked("OLLAMA_HOST")?)
        }
    };
    model.map(Some)
}

#[cfg(test)]
mod tests {
    use crate::model::ModelProvider;

    use super::*;

    /// The model and where it is asked, or what is missing.
    #[track_caller]
    fn check(variables: &[(&str, &str)], expect: &str) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(it, _)| *it == name);
            found.map(|(_, it)| (*it).to_owned())
        };
        let told = match of(&variable) {
            Ok(None) => "none".to_owned(),
            Ok(Some(model)) => format!("{} at {}", model.name(), model.target.endpoint.base_url()),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expect);
    }

    #[test]
    fn the_environment_names_a_model() {
        let openai = ("OPENAI_API_KEY", "sk-1");
        let here = ("OPENAI_BASE_URL", "http://localhost:8080/v1/");
        check(&[], "none");
        check(&[("OPENAI_API_KEY", " ")], "none");
        check(&[openai], "gpt-5-mini at https://api.openai.com/v1/");
        check(
            &[openai, ("COUNTERSIGN_MODEL", "gpt-5")],
            "gpt-5 at https://api.openai.com/v1/",
        );
        check(
            &[here, ("COUNTERSIGN_MODEL", "qwen3:8b")],
            "qwen3:8b at http://localhost:8080/v1/",
        );
        check(
            &[
                openai,
                ("ANTHROPIC_API_KEY", "sk-2"),
                ("COUNTERSIGN_MODEL", "anthropic:opus"),
            ],
            "opus at https://api.anthropic.com/v1/",
        );
        check(
            &[("GEMINI_API_KEY", "k")],
            "gemini-2.5-flash at https://generativelanguage.googleapis.com/v1beta/",
        );
        check(
            &[("COUNTERSIGN_MODEL", "ollama:qwen3:8b")],
            "qwen3:8b at http://127.0.0.1:11434/v1/",
        );
        check(
            &[
                ("OLLAMA_HOST", "http://gpu.lan:11434"),
                ("COUNTERSIGN_MODEL", "llama"),
            ],
            "llama at http://gpu.lan:11434/v1/",
        );
    }

    #[test]
    fn what_is_missing_is_said() {
        check(
            &[("COUNTERSIGN_MODEL", "gemini:pro")],
            "COUNTERSIGN_MODEL names a model of `gemini`; set GEMINI_API_KEY",
        );
        check(
            &[("OLLAMA_HOST", "localhost")],
            "OLLAMA_HOST is set; say which model with COUNTERSIGN_MODEL",
        );
        check(
            &[("OPENAI_BASE_URL", "ftp://x"), ("COUNTERSIGN_MODEL", "m")],
            "`ftp://x/` is no address of a model: it starts with neither `http://` nor `https://`",
        );
    }
}
