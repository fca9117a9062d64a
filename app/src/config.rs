//! What `serve` is told beside its command line: how to reach people and programs elsewhere.
//!
//! A file of its own, because it holds secrets and belongs to whoever operates the server; the policy is kept in the
//! store and says who may do what. Unknown words are refused, so that nothing is believed to be set that is not.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use crate::failure::Failure;
use crate::{email, oidc, slack, webhook};

/// The file in the data directory that counts unless another is named.
pub(crate) const USUAL: &str = "serve.toml";

/// A value in the words of the parser.
static QUOTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""(?:[^"\\]|\\.)*""#).expect("the pattern is a constant"));

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// How people reach the console, for links.
    pub(crate) public_url: Option<String>,
    /// Where to tell what no pool is asked for.
    #[serde(default)]
    pub(crate) notify: Notify,
    pub(crate) slack: Option<slack::Config>,
    #[serde(default)]
    pub(crate) external: External,
    #[serde(default)]
    pub(crate) webhooks: BTreeMap<String, webhook::Config>,
    pub(crate) email: Option<email::Config>,
    pub(crate) oidc: Option<oidc::Config>,
    /// Where it was read: what it names is found from there.
    #[serde(skip)]
    place: PathBuf,
}

/// Destinations of what is asked of no pool.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Calls of which nobody knows whether they ran, for operators.
    #[serde(default)]
    pub(crate) in_doubt: Vec<String>,
    /// Calls whose result an outside system reports.
    #[serde(default)]
    pub(crate) external: Vec<String>,
}

/// What is demanded of those who report results with a token.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct External {
    /// Names of web hooks: a report is signed by one of them, besides. Nothing is demanded if there are none.
    #[serde(default)]
    pub(crate) signed_by: Vec<String>,
}

impl Config {
    /// The file that is named, or the usual one if it is there; nothing is configured otherwise.
    pub(crate) fn find(named: Option<&Path>, data: &Path) -> Result<Self, Failure> {
        let usual = data.join(USUAL);
        match named {
            Some(place) => Self::read(place),
            None if usual.is_file() => Self::read(&usual),
            None => Ok(Self::default()),
        }
    }

    fn read(place: &Path) -> Result<Self, Failure> {
        let failed = |error: &dyn fmt::Display| Failure::new(format!("{}: {error}", place.display()));
        let text = std::fs::read_to_string(place).map_err(|error| failed(&error))?;
        // The parser shows the line that it does not understand; a line may hold a secret.
        let mut config: Self =
            toml::from_str(&text).map_err(|error| failed(&without_source(&error, &text)))?;
        place.clone_into(&mut config.place);
        Ok(config)
    }

    /// A secret of this file; `name` is where it stands.
    pub(crate) fn reveal(&self, name: &str, hidden: &Hidden) -> Result<String, Failure> {
        let failed = |why: String| Failure::new(format!("{}: {name}: {why}", self.place.display()));
        let text = match hidden {
            Hidden::Text(text) => text.clone(),
            Hidden::Env(Env { env }) => {
                std::env::var(env).map_err(|_| failed(format!("the environment has no variable `{env}`")))?
            }
            Hidden::File(File { file }) => {
                let near = self.place.parent().unwrap_or(Path::new("."));
                let place = near.join(file);
                std::fs::read_to_string(&place)
                    .map_err(|error| failed(format!("{}: {error}", place.display())))?
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        Ok(text.to_owned())
    }

    /// What is wrong with a setting.
    pub(crate) fn fault(&self, name: &str, why: impl fmt::Display) -> Failure {
        Failure::new(format!("{}: {name}: {why}", self.place.display()))
    }
}

/// What went wrong and in which line, without the line and without any value that stands there.
fn without_source(error: &toml::de::Error, text: &str) -> String {
    let message = QUOTED.replace_all(error.message(), "***");
    let line = error.span().map(|it| {
        let before = text.as_bytes().iter().take(it.start);
        before.filter(|it| **it == b'\n').count() + 1
    });
    match line {
        Some(line) => format!("line {line}: {message}"),
        None => message.into_owned(),
    }
}

/// A secret, or where to find it: `"text"`, `{ env = "NAME" }`, `{ file = "PATH" }`, the path seen from the file that
/// names it. Space around it does not count.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "a text, `{ env = \"NAME\" }` or `{ file = \"PATH\" }`")]
pub(crate) enum Hidden {
    Text(String),
    Env(Env),
    File(File),
}

/// A variable of the environment.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Env {
    env: String,
}

/// A file that holds it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    file: PathBuf,
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (tempfile::TempDir, Result<Config, Failure>) {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join(USUAL);
        std::fs::write(&place, text).unwrap();
        std::fs::write(dir.path().join("hook.secret"), " whsec_AAAA\n").unwrap();
        let read = Config::find(None, dir.path());
        (dir, read)
    }

    #[test]
    fn nothing_is_configured_without_a_file_and_a_named_one_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Config::find(None, dir.path()).unwrap().webhooks.is_empty());
        assert!(Config::find(Some(&dir.path().join("other.toml")), dir.path()).is_err());
    }

    #[test]
    fn secrets_are_found_beside_the_file_and_never_shown() {
        let (_dir, config) = read(
            "[webhooks.erp]\nurl = 'https://erp.example/'\nsecrets = ['whsec_open', { file = 'hook.secret' }, { env = 'NOT_SET' }]",
        );
        let config = config.unwrap();
        let secrets = &config.webhooks["erp"].secrets;
        assert_eq!(config.reveal("x", &secrets[1]).unwrap(), "whsec_AAAA");
        let error = config
            .reveal("webhooks.erp.secrets", &secrets[2])
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("serve.toml: webhooks.erp.secrets: the environment has no variable `NOT_SET`")
        );
        assert!(!format!("{config:?}").contains("whsec"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_repeating_it() {
        for text in [
            "[webhooks.erp]\nsecret = 'whsec_open'",
            "[webhooks.erp]\nurl = 'https://a.example'\nsecrets = 'whsec_open'",
            "[webhooks.erp]\nurl = 'https://a.example'\nsecrets = [{ vault = 'whsec_open' }]",
            "[webhooks.erp]\nurl = 'https://a.example'\nsecrets = [{ env = 'whsec_open', file = 'whsec_open' }]",
            "[webhooks.erp]\nurl = 'https://a.example'\nsecrets = ['whsec_open",
        ] {
            let error = read(text).1.unwrap_err().to_string();
            assert!(error.contains("serve.toml: line "), "{error}");
            assert!(!error.contains("whsec_open"), "{error}");
        }
    }
}
