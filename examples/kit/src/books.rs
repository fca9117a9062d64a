//! The files that the tools act on: one line of JSON per thing done, in the data directory.
//!
//! A line is on the disk before the tool says that it acted. What was done under an idempotency key is
//! found again under that key, so that running a call once more never does its work twice.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The data directory, as the tools see it.
#[derive(Debug, Clone)]
pub struct Books {
    data: PathBuf,
}

/// A file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct BooksError {
    path: PathBuf,
    why: String,
}

impl Books {
    /// The books in this directory. Files are created when there is something to write.
    pub fn open(data: &Path) -> Result<Self, BooksError> {
        std::fs::create_dir_all(data).map_err(|error| failed(data, error))?;
        Ok(Self {
            data: data.to_owned(),
        })
    }

    /// All lines of a book; none if there is no such file yet.
    pub fn lines<T: DeserializeOwned>(&self, book: &str) -> Result<Vec<T>, BooksError> {
        let path = self.data.join(book);
        match std::fs::read_to_string(&path) {
            Ok(text) => read(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(failed(&path, error)),
        }
    }

    /// Adds a line, unless `same` finds that it is there already: then that one is returned.
    ///
    /// Look and append are one step, also for other processes.
    pub fn append<T: Serialize + DeserializeOwned>(
        &self,
        book: &str,
        same: impl Fn(&T) -> bool,
        line: impl FnOnce(usize) -> T,
    ) -> Result<T, BooksError> {
        let path = self.data.join(book);
        let at = |error: std::io::Error| failed(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .map_err(at)?;
        // Held until the file is closed.
        file.lock().map_err(at)?;
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_string(&mut text))
            .map_err(at)?;
        let lines: Vec<T> = read(&path, &text)?;
        let count = lines.len();
        if let Some(found) = lines.into_iter().find(same) {
            return Ok(found);
        }
        let line = line(count);
        let mut text = serde_json::to_string(&line).map_err(|error| failed(&path, error))?;
        text.push('\n');
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(at)?;
        Ok(line)
    }

    /// Writes a whole file, and says where it is. The reader sees the old one or the new one.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, BooksError> {
        let path = self.data.join(name);
        let at = |error: std::io::Error| failed(&path, error);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(at)?;
        }
        let part = path.with_extension("part");
        File::create(&part)
            .and_then(|mut it| it.write_all(text.as_bytes()).and_then(|()| it.sync_all()))
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(at)?;
        Ok(path)
    }
}

fn read<T: DeserializeOwned>(path: &Path, text: &str) -> Result<Vec<T>, BooksError> {
    text.lines()
        .filter(|it| !it.trim().is_empty())
        .map(|it| serde_json::from_str(it).map_err(|error| failed(path, error)))
        .collect()
}

fn failed(path: &Path, why: impl std::fmt::Display) -> BooksError {
    BooksError {
        path: path.to_owned(),
        why: why.to_string(),
    }
}
