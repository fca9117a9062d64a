//! A story told with real commands: each one is shown as it would be typed, then run, then answered.

use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use crate::cli::Command;
use crate::failure::Failure;
use crate::session::{Session, quoted};
use crate::{Story, parsed, print, text};

/// Where a story is played. See [`App::demo`](crate::App::demo).
pub struct Stage {
    session: Session,
}

/// What a command answered on the stage.
#[derive(Debug, Clone)]
pub struct Said {
    /// The answer, as `--json` would have given it.
    pub json: Value,
    /// The exit code.
    pub code: u8,
}

impl Said {
    /// The id of the requirement of that kind that the answer lists, such as `approval`.
    pub fn requirement(&self, kind: &str) -> Result<String, String> {
        self.find(|it| it["kind"] == kind, kind)
    }

    /// The id of the approval that the answer asks of that pool.
    pub fn approval(&self, pool: &str) -> Result<String, String> {
        self.find(|it| it["pool"] == pool, pool)
    }

    /// The id of the call that the answer is about.
    pub fn call(&self) -> Result<String, String> {
        let call = self.json["call"].as_str();
        call.map(str::to_owned)
            .ok_or_else(|| format!("no call in {}", self.json))
    }

    fn find(&self, wanted: impl Fn(&Value) -> bool, name: &str) -> Result<String, String> {
        let requirements = self.json["requirements"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = requirements
            .iter()
            .find(|it| wanted(it))
            .and_then(|it| it["id"].as_str());
        found
            .map(str::to_owned)
            .ok_or_else(|| format!("nothing asks for {name} in {}", self.json))
    }
}

impl Stage {
    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.session.data
    }

    /// A new chapter.
    pub fn chapter(&self, title: &str) -> Result<(), String> {
        told(&format!("\n{title}\n{}\n", "-".repeat(text::width(title))))
    }

    /// Somebody tells what happens.
    pub fn tell(&self, words: &str) -> Result<(), String> {
        let words: Vec<&str> = words.split_whitespace().collect();
        told(&format!("\n{}", text::wrapped(&words.join(" "), "", "")))
    }

    /// Text as it stands, such as the lines of a file. Escaped.
    pub fn lines(&self, lines: &str) -> Result<(), String> {
        told(&text::indented(lines))
    }

    /// Runs a command, given as its words, and shows both it and its answer. The exit code must be as expected:
    /// a story that goes wrong must not look as if it went well.
    pub async fn run(&mut self, expected: u8, words: &[&str]) -> Result<Said, String> {
        self.show(expected, words, usize::MAX).await
    }

    /// The same, but shows of the answer only its first paragraph.
    pub async fn brief(&mut self, expected: u8, words: &[&str]) -> Result<Said, String> {
        self.show(expected, words, 1).await
    }

    async fn show(&mut self, expected: u8, words: &[&str], paragraphs: usize) -> Result<Said, String> {
        told(&format!("\n{}", typed(&self.session.name, words)))?;
        let (said, answer) = self.act(words).await?;
        let paragraphs: Vec<&str> = answer.split("\n\n").take(paragraphs).collect();
        let indented = |it: &str| format!("{}\n", format!("  {it}").trim_end());
        told(&paragraphs.join("\n\n").lines().map(indented).collect::<String>())?;
        if said.code == expected {
            Ok(said)
        } else {
            Err(format!("the story expected exit code {expected}: {}", said.json))
        }
    }

    async fn act(&mut self, words: &[&str]) -> Result<(Said, String), String> {
        let name = self.session.name.clone();
        let words = std::iter::once(name.as_str()).chain(words.iter().copied());
        let cli = parsed(&name, words.map(OsString::from).collect()).map_err(|error| error.to_string())?;
        let command: Command = cli.command.ok_or("a command is missing")?;
        let reply = self
            .session
            .run(command)
            .await
            .map_err(|error| error.to_string())?;
        let said = Said {
            json: reply.json,
            code: reply.code,
        };
        Ok((said, reply.text))
    }
}

fn told(words: &str) -> Result<(), String> {
    print(words).map_err(|error| error.to_string())
}

/// A command as it would be typed, on lines that fit.
fn typed(name: &str, words: &[&str]) -> String {
    let mut lines = String::new();
    let mut line = format!("$ {name}");
    for part in parts(words) {
        if text::width(&line) + text::width(&part) + 3 > text::WIDTH && text::width(&line) > 8 {
            lines.push_str(&line);
            lines.push_str(" \\\n");
            "     ".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(&part);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

/// Words as a shell takes them; an option stays with its value.
fn parts(words: &[&str]) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut option = false;
    for word in words {
        let quoted = quoted(&text::shown(word));
        match parts.last_mut().filter(|_| option && !word.starts_with("--")) {
            Some(part) => {
                part.push(' ');
                part.push_str(&quoted);
            }
            None => parts.push(quoted),
        }
        option = word.starts_with("--");
    }
    parts
}

/// Plays a story.
pub(crate) async fn play(session: Session, story: Story) -> Result<u8, Failure> {
    let mut stage = Stage {
        session: session.on_stage(),
    };
    story(&mut stage).await.map_err(Failure::new)?;
    Ok(0)
}
