//! Answers of a real model, kept in a file and given again: for tests that need no key and no network.
//!
//! One line of JSON per answer, with the whole question that it answers, so that a file can be read and compared.
//! Nothing is left out or masked: whatever a conversation holds, its recording holds. Treat it as such.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign::schema::Dialect;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Deltas, ModelError, ModelProvider, Offered, Reply, Request, Usage};
use crate::message::{Assistant, Message};

/// The format of a line. Another number is another format, and is refused.
const VERSION: u32 = 1;

/// The most characters of a message that are shown where it differs.
const SHOWN: usize = 200;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    request: Asked,
    said: Assistant,
    usage: Usage,
}

/// A question in full.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    instructions: String,
    messages: Vec<Arc<Message>>,
    tools: Vec<Tool>,
    max_tokens: Option<u32>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    description: String,
    schema: Value,
}

impl Asked {
    fn of(request: Request<'_>) -> Result<Self, ModelError> {
        let tools = request.tools.iter().map(Tool::of);
        Ok(Self {
            instructions: request.instructions.to_owned(),
            messages: request.messages.to_vec(),
            tools: tools.collect::<Result<_, _>>()?,
            max_tokens: request.max_tokens,
        })
    }
}

impl Tool {
    fn of(offered: &Offered) -> Result<Self, ModelError> {
        let schema = offered.schema(Dialect::JsonSchema);
        let schema = schema.map_err(|error| ModelError::new(error.to_string()))?;
        let schema = serde_json::from_str(schema).map_err(|error| ModelError::new(error.to_string()))?;
        Ok(Self {
            name: offered.name().to_owned(),
            description: offered.description().to_owned(),
            schema,
        })
    }
}

/// A recording that cannot be used.
///
/// ```
/// use countersign_agent::model::ReplayModel;
///
/// let error = ReplayModel::open("there/is/no/such.jsonl").unwrap_err();
/// assert!(error.to_string().starts_with("the recording `there/is/no/such.jsonl` cannot be read"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be opened or read.
    #[error("the recording `{path}` cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not of this format.
    #[error("line {line} of the recording `{path}` cannot be read: {why}; record it again")]
    Line {
        /// Of which file.
        path: PathBuf,
        /// Which, from 1 on.
        line: usize,
        /// Why.
        why: String,
    },
}

/// Gives recorded answers to the questions that they were recorded for, and errors to all others. Its
/// [`name`](ModelProvider::name) is `replayed`.
///
/// A question matches if instructions, messages, tools and limits are the same. Of several recordings of one
/// question the last one counts: it is what that conversation went on with.
///
/// ```
/// use countersign_agent::model::{RecordingModel, ReplayModel, ScriptedModel, Step};
/// use countersign_agent::{Deltas, ModelProvider, Request};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("greeting.jsonl");
/// let recording = RecordingModel::open(ScriptedModel::new([Step::say("Hello.")]), &path)?;
/// recording.chat(Request::default(), Deltas::nobody()).await?;
///
/// let model = ReplayModel::open(&path)?;
/// assert_eq!(model.chat(Request::default(), Deltas::nobody()).await?.said.text, "Hello.");
/// let other = Request { instructions: "Be brief.", ..Request::default() };
/// let error = model.chat(other, Deltas::nobody()).await.unwrap_err();
/// assert!(error.to_string().contains("the instructions differ"), "{error}");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ReplayModel {
    path: PathBuf,
    lines: Vec<(Asked, Reply)>,
}

impl ReplayModel {
    /// From this file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|source| RecordingError::File {
            path: path.to_owned(),
            source,
        })?;
        let lines = text.lines().enumerate().map(|(place, line)| {
            read(line).map_err(|why| RecordingError::Line {
                path: path.to_owned(),
                line: place + 1,
                why,
            })
        });
        Ok(Self {
            lines: lines.collect::<Result<_, _>>()?,
            path: path.to_owned(),
        })
    }

    /// What to say about a question that nobody recorded.
    fn unmatched(&self, asked: &Asked) -> ModelError {
        let mut text = format!("`{}` has no answer to this question", self.path.display());
        // The one that was the same for longest, the first of several.
        let near = |(_, (recorded, _)): &(usize, &(Asked, Reply))| {
            let rest = (
                recorded.instructions == asked.instructions,
                recorded.tools == asked.tools,
            );
            let further = asked.messages.len().abs_diff(recorded.messages.len());
            (same(recorded, asked), rest, std::cmp::Reverse(further))
        };
        let nearest = self.lines.iter().enumerate().rev().max_by_key(near);
        let _ = match nearest {
            None => write!(text, ": it is empty"),
            Some((place, (recorded, _))) => write!(
                text,
                "; the nearest one, in line {}, is another: {}",
                place + 1,
                differences(recorded, asked).join("; ")
            ),
        };
        ModelError::new(text)
    }
}

fn read(line: &str) -> Result<(Asked, Reply), String> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let version: Version = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if version.v != VERSION {
        return Err(format!(
            "it is of version {}, and this is version {VERSION}",
            version.v
        ));
    }
    let Line {
        request, said, usage, ..
    } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    Ok((request, Reply { said, usage }))
}

/// How many messages are the same from the beginning on.
fn same(recorded: &Asked, asked: &Asked) -> usize {
    let pairs = recorded.messages.iter().zip(&asked.messages);
    pairs.take_while(|(recorded, asked)| recorded == asked).count()
}

fn differences(recorded: &Asked, asked: &Asked) -> Vec<String> {
    let mut all = Vec::new();
    let place = same(recorded, asked);
    match (recorded.messages.get(place), asked.messages.get(place)) {
        (Some(was), Some(is)) => all.push(format!(
            "message {} was {} and is {}",
            place + 1,
            shown(was),
            shown(is)
        )),
        (None, None) => (),
        (None, Some(_)) | (Some(_), None) => all.push(format!(
            "it has {} messages, this one {}",
            recorded.messages.len(),
            asked.messages.len()
        )),
    }
    if recorded.instructions != asked.instructions {
        all.push("the instructions differ".to_owned());
    }
    for tool in &asked.tools {
        match recorded.tools.iter().find(|it| it.name == tool.name) {
            None => all.push(format!("the tool `{}` was not offered", tool.name)),
            Some(was) if was.description != tool.description => {
                all.push(format!("the description of the tool `{}` differs", tool.name));
            }
            Some(was) if was.schema != tool.schema => {
                all.push(format!("the arguments of the tool `{}` differ", tool.name));
            }
            Some(_) => (),
        }
    }
    let gone = recorded
        .tools
        .iter()
        .filter(|was| !asked.tools.iter().any(|it| it.name == was.name));
    all.extend(gone.map(|it| format!("the tool `{}` is not offered any more", it.name)));
    if recorded.max_tokens != asked.max_tokens {
        all.push("the limit on tokens differs".to_owned());
    }
    if all.is_empty() {
        all.push("the tools are in another order".to_owned());
    }
    all
}

fn shown(message: &Message) -> String {
    let text = serde_json::to_string(message).unwrap_or_default();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[async_trait]
impl ModelProvider for ReplayModel {
    fn name(&self) -> &'static str {
        "replayed"
    }

    async fn chat(&self, request: Request<'_>, mut deltas: Deltas<'_>) -> Result<Reply, ModelError> {
        let asked = Asked::of(request)?;
        let found = self.lines.iter().rev().find(|(recorded, _)| *recorded == asked);
        let (_, reply) = found.ok_or_else(|| self.unmatched(&asked))?;
        for words in reply.said.text.split_inclusive(' ') {
            deltas.push(words);
        }
        Ok(reply.clone())
    }
}

/// A model whose answers are appended to a file, for [`ReplayModel`]. Errors are not recorded.
///
/// ```no_run
/// use countersign_agent::ModelProvider;
/// use countersign_agent::model::{RecordingModel, ScriptedModel, Step};
///
/// let model = RecordingModel::open(ScriptedModel::new([Step::say("Hello.")]), "greeting.jsonl")?;
/// assert_eq!(model.name(), "scripted"); // what it records is still this model's
/// # Ok::<(), countersign_agent::model::RecordingError>(())
/// ```
#[derive(Debug)]
pub struct RecordingModel<M> {
    model: M,
    file: Mutex<File>,
}

impl<M: ModelProvider> RecordingModel<M> {
    /// Appends to this file; makes it if there is none.
    pub fn open(model: M, path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let path = path.as_ref();
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|source| RecordingError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            model,
            file: Mutex::new(file),
        })
    }

    fn keep(&self, request: Asked, reply: &Reply) -> std::io::Result<()> {
        let mut line = serde_json::to_string(&Line {
            v: VERSION,
            request,
            said: reply.said.clone(),
            usage: reply.usage,
        })?;
        line.push('\n');
        // In one write, so that two processes that append do not tear each other's lines apart.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())
    }
}

#[async_trait]
impl<M: ModelProvider> ModelProvider for RecordingModel<M> {
    fn name(&self) -> &str {
        self.model.name()
    }

    async fn chat(&self, request: Request<'_>, deltas: Deltas<'_>) -> Result<Reply, ModelError> {
        let asked = Asked::of(request)?;
        let reply = self.model.chat(request, deltas).await?;
        self.keep(asked, &reply)
            .map_err(|error| ModelError::new(format!("the answer could not be recorded: {error}")))?;
        Ok(reply)
    }
}

#[cfg(test)]
mod tests;
