//! A log as files that need no database: entries, checkpoints and the public key.
//!
//! An export ends where the last checkpoint ends, so that every entry in it is signed. It holds what stands
//! in the log; arguments, reasons and results are beside the log, and stay there.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use countersign_core::audit::note::VerifierKey;
use serde::{Deserialize, Serialize};

use super::source::{LogSource, PAGE, Page, StoredHead};
use super::{LedgerError, checked, proof};

const ENTRIES: &str = "entries.jsonl";
const CHECKPOINTS: &str = "checkpoints.jsonl";
const KEY: &str = "key.vkey";

/// What was exported.
///
/// ```
/// use countersign::ledger::Exported;
///
/// assert_eq!(Exported { entries: 300, checkpoints: 2 }.entries, 300);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// How many entries.
    pub entries: u64,
    /// How many checkpoints.
    pub checkpoints: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    note: String,
    size: i64,
}

pub(super) fn file_error(path: &Path, error: &std::io::Error) -> LedgerError {
    LedgerError::File {
        place: path.display().to_string(),
        why: error.to_string(),
    }
}

/// Writes a file whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".new-{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = File::create(&draft)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&draft);
        file_error(path, &error)
    })
}

/// Writes a log to a directory, which must be empty or not be there, up to its last checkpoint.
///
/// # Errors
///
/// [`LedgerError::File`] if the directory has something in it or cannot be written;
/// [`LedgerError::NoKey`] if the log has no checkpoint; [`LedgerError::Forged`] if it is another key's.
pub fn export(source: &mut dyn LogSource, dir: &Path, key: &VerifierKey) -> Result<Exported, LedgerError> {
    fs::create_dir_all(dir).map_err(|error| file_error(dir, &error))?;
    if fs::read_dir(dir)
        .map_err(|error| file_error(dir, &error))?
        .next()
        .is_some()
    {
        return Err(LedgerError::File {
            place: dir.display().to_string(),
            why: "there is something in it; name a new directory".to_owned(),
        });
    }
    let note = proof::last_checkpoint(source)?.ok_or(LedgerError::NoKey)?;
    let size = checked(&note, key)?.size;
    let exported = Exported {
        entries: write_entries(source, &dir.join(ENTRIES), size)?,
        checkpoints: write_checkpoints(source, &dir.join(CHECKPOINTS))?,
    };
    write_whole(&dir.join(KEY), format!("{key}\n").as_bytes())?;
    if exported.entries < size {
        return Err(LedgerError::Diverged(size));
    }
    Ok(exported)
}

fn write_entries(source: &mut dyn LogSource, path: &Path, size: u64) -> Result<u64, LedgerError> {
    let failed = |error: std::io::Error| file_error(path, &error);
    let mut out = BufWriter::new(File::create_new(path).map_err(failed)?);
    let mut page = Page::default();
    let mut written = 0;
    while written < size {
        source.page(i64::try_from(written).unwrap_or(i64::MAX), &mut page)?;
        if page.is_empty() {
            break;
        }
        for row in page.rows() {
            if written < size {
                out.write_all(row.text)
                    .and_then(|()| out.write_all(b"\n"))
                    .map_err(failed)?;
                written += 1;
            }
        }
    }
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .map_err(failed)?;
    Ok(written)
}

fn write_checkpoints(source: &mut dyn LogSource, path: &Path) -> Result<u64, LedgerError> {
    let failed = |error: std::io::Error| file_error(path, &error);
    let mut out = BufWriter::new(File::create_new(path).map_err(failed)?);
    let (mut written, mut after) = (0, i64::MIN);
    loop {
        let more = source.checkpoints(after)?;
        let Some((last, _)) = more.last() else { break };
        after = *last;
        for (size, note) in more {
            let line = Line {
                note: String::from_utf8_lossy(&note).into_owned(),
                size,
            };
            let line = serde_json::to_string(&line).unwrap_or_default();
            writeln!(out, "{line}").map_err(failed)?;
            written += 1;
        }
    }
    out.flush()
        .and_then(|()| out.get_ref().sync_all())
        .map_err(failed)?;
    Ok(written)
}

/// An exported log, to be verified.
///
/// ```no_run
/// use countersign::ledger::{Export, Request, verify};
///
/// let mut export = Export::open("evidence")?;
/// let request = Request { key: export.key().cloned(), ..Request::default() };
/// println!("{:?}", verify(&mut export, &request)?.verdict);
/// # Ok::<(), countersign::ledger::LedgerError>(())
/// ```
#[derive(Debug)]
pub struct Export {
    path: PathBuf,
    lines: BufReader<File>,
    /// The number of the line that is read next.
    next: i64,
    checkpoints: Vec<(i64, Vec<u8>)>,
    key: Option<VerifierKey>,
}

impl Export {
    /// The export in a directory.
    ///
    /// # Errors
    ///
    /// [`LedgerError::File`] if a file is missing. What is wrong inside is for the verifier to say.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LedgerError> {
        let dir = dir.as_ref();
        let read = |name: &str| {
            let path = dir.join(name);
            fs::read(&path).map_err(|error| file_error(&path, &error))
        };
        let path = dir.join(ENTRIES);
        let lines = BufReader::new(File::open(&path).map_err(|error| file_error(&path, &error))?);
        let checkpoints = read(CHECKPOINTS)?;
        let checkpoints = checkpoints.split_inclusive(|it| *it == b'\n').map(|line| {
            match serde_json::from_slice::<Line>(line) {
                Ok(line) => (line.size, line.note.into_bytes()),
                // No log has a checkpoint of no entries: it is reported as what it is.
                Err(_) => (0, line.to_vec()),
            }
        });
        let key = String::from_utf8(read(KEY)?).ok().and_then(|it| it.parse().ok());
        Ok(Self {
            path,
            lines,
            next: 0,
            checkpoints: checkpoints.collect(),
            key,
        })
    }

    /// The key that came with it. Whoever can change the entries can change it too: compare it with one
    /// that came another way.
    pub const fn key(&self) -> Option<&VerifierKey> {
        self.key.as_ref()
    }

    fn failed(&self, error: &std::io::Error) -> LedgerError {
        file_error(&self.path, error)
    }
}

impl LogSource for Export {
    fn head(&mut self) -> Result<Option<StoredHead>, LedgerError> {
        Ok(None)
    }

    fn has_head(&self) -> bool {
        false
    }

    fn page(&mut self, from: i64, page: &mut Page) -> Result<(), LedgerError> {
        page.clear();
        let from = from.max(0);
        if from < self.next {
            let file = File::open(&self.path).map_err(|error| self.failed(&error))?;
            self.lines = BufReader::new(file);
            self.next = 0;
        }
        let mut line = Vec::new();
        while page.len() < PAGE {
            line.clear();
            let read = self
                .lines
                .read_until(b'\n', &mut line)
                .map_err(|error| self.failed(&error))?;
            if read == 0 {
                break;
            }
            // A last line without its end was cut: what is there is no entry.
            let text = line.strip_suffix(b"\n").unwrap_or_default();
            if self.next >= from {
                page.push(self.next, None, text);
            }
            self.next += 1;
        }
        Ok(())
    }

    fn checkpoints(&mut self, after: i64) -> Result<Vec<(i64, Vec<u8>)>, LedgerError> {
        // In whatever order the file has them: that it is not this one is for the verifier to find.
        let later = self.checkpoints.iter().filter(|(size, _)| *size > after);
        Ok(later.cloned().collect())
    }
}
