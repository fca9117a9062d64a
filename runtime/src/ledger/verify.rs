//! Reads a log from its beginning, or from where it was left, and says what is wrong with it.
//!
//! Two threads share the work. One reads, hashes, builds the tree and compares it with head and
//! checkpoints; the other reads the entries as a story, and names the words that they are bound to, which
//! the first one compares with what is kept beside the log. Neither keeps more than a few pages.
//!
//! What a newcomer would get wrong: not being able to check is not the same as finding nothing. Whatever
//! keeps the verifier from its work is an error, and an error is never "ok".

mod tree;
mod words;

use std::sync::mpsc;

use countersign_core::audit::note::{Checkpoint, Note, VerifierKey};
use countersign_core::audit::{ENTRY_VERSION, Frontier};
use countersign_core::digest::Digest;
use countersign_core::id::TenantId;
use serde::Deserialize;

use super::entry::Fields;
use super::source::{LogSource, Page};
use super::{LedgerError, Meaning, State, checked};
use tree::Tree;
use words::{Beside, Named};

/// What to verify, and against what.
///
/// ```
/// use countersign::ledger::Request;
///
/// let request = Request::default();
/// assert_eq!(request.log.as_str(), "default");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which log.
    pub log: TenantId,
    /// Whose signatures count. Needed as soon as there is a checkpoint.
    pub key: Option<VerifierKey>,
    /// A checkpoint that is believed, because it was kept where the log's owner could not change it.
    pub trusted: Option<Note>,
    /// From where to go on. What lies before it is not read again, except that a trusted checkpoint of
    /// fewer entries makes everything be read.
    pub state: Option<State>,
    /// Whether to leave out what is kept beside the log: arguments, reasons and results, as far as nobody
    /// erased them.
    pub without_words: bool,
}

/// What came of it.
///
/// ```
/// use countersign::ledger::Verdict;
///
/// assert_ne!(Verdict::Ok, Verdict::Incomplete);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything fits.
    Ok,
    /// Something was changed, taken out, put in, or cannot have happened.
    Tampered,
    /// What is there fits, and entries that were there are missing at the end.
    Incomplete,
}

/// One thing that is wrong.
///
/// ```
/// use countersign::ledger::Finding;
///
/// let finding = Finding { seq: 7, exact: true, what: "entry 7 is missing".to_owned() };
/// assert!(finding.exact);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first entry that is not right.
    pub seq: u64,
    /// Whether it is this very entry; else the first one that may be it.
    pub exact: bool,
    /// What is wrong.
    pub what: String,
}

/// What was found out about a log.
///
/// ```
/// use countersign::ledger::{MemoryLog, Request, verify};
///
/// let report = verify(&mut MemoryLog::default(), &Request::default())?;
/// assert_eq!((report.first_bad(), report.missing), (None, None));
/// # Ok::<(), countersign::ledger::LedgerError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Report {
    /// What came of it.
    pub verdict: Verdict,
    /// How many entries the log has, as far as it was read.
    pub size: u64,
    /// The root over them.
    pub root: Digest,
    /// How many entries were read this time.
    pub read: u64,
    /// How many stored checkpoints were checked this time.
    pub checkpoints: u64,
    /// How many entries the last good checkpoint signs; those after it are bound by nothing but the head.
    pub signed: u64,
    /// How many gated calls are open.
    pub open: usize,
    /// How many executions have no end: interrupted, or under way.
    pub interrupted: usize,
    /// What is wrong, those whose place is known first.
    pub findings: Vec<Finding>,
    /// What is missing at the end, if something is.
    pub missing: Option<String>,
    /// From where to go on the next time. Worth keeping if the verdict is [`Verdict::Ok`].
    pub state: State,
}

impl Report {
    /// The first entry that is not right.
    pub fn first_bad(&self) -> Option<u64> {
        self.findings.first().map(|it| it.seq)
    }
}

/// Verifies a log.
///
/// # Errors
///
/// [`LedgerError`] if it could not be found out, which says nothing about the log: it cannot be read, a key
/// is missing, the trusted checkpoint is not signed by that key, or a newer release wrote it.
pub fn verify(source: &mut dyn LogSource, request: &Request) -> Result<Report, LedgerError> {
    let trusted = request
        .trusted
        .as_ref()
        .map(|it| trusted(it, request.key.as_ref()))
        .transpose()?;
    let state = begin(request, trusted.as_ref())?;
    let start = state.size();
    let mut tree = Tree::new(source, request.key.as_ref(), trusted, &state)?;
    let story = Story {
        log: request.log.to_string(),
        seq: start,
        meaning: state.meaning,
        end: End::Open,
        names: !request.without_words,
        named: Named::default(),
    };
    let (story, beside) = if tree.resumes()? {
        together(&mut tree, story)?
    } else {
        (story, Beside::default())
    };
    let mut ended = tree.end()?;
    let all = ended.findings.is_empty() && ended.missing.is_none() && matches!(story.end, End::Open);
    if let Some(what) = story.meaning.unfinished().filter(|_| all) {
        let (seq, exact) = (story.seq, true);
        ended.findings.push(Finding { seq, exact, what });
    }
    ended.findings.extend(beside.end(all));
    match story.end {
        End::Found(finding) => ended.findings.push(finding),
        // What is damaged may look like another format. Only if nothing else is wrong it is one.
        End::Newer(error) if ended.findings.is_empty() => return Err(error),
        End::Open | End::Newer(_) => {}
    }
    ended.findings.sort_by_key(|it| (!it.exact, it.seq));
    let verdict = match (ended.findings.is_empty(), &ended.missing) {
        (false, _) => Verdict::Tampered,
        (true, Some(_)) => Verdict::Incomplete,
        (true, None) => Verdict::Ok,
    };
    Ok(Report {
        verdict,
        size: ended.frontier.size(),
        root: ended.frontier.root(),
        read: ended.frontier.size().saturating_sub(start),
        checkpoints: ended.checkpoints,
        signed: ended.signed,
        open: story.meaning.open(),
        interrupted: story.meaning.interrupted(),
        findings: ended.findings,
        missing: ended.missing,
        state: State {
            log: request.log.to_string(),
            frontier: ended.frontier,
            signed: ended.signed,
            last: ended.last,
            meaning: story.meaning,
        },
    })
}

fn trusted(note: &Note, key: Option<&VerifierKey>) -> Result<Checkpoint, LedgerError> {
    checked(note, key.ok_or(LedgerError::NoKey)?)
}

/// Where to begin.
fn begin(request: &Request, trusted: Option<&Checkpoint>) -> Result<State, LedgerError> {
    let Some(state) = &request.state else {
        return Ok(State::default());
    };
    if state.log != request.log.as_str() {
        return Err(LedgerError::Unreadable(format!(
            "the verifier's state is of the log `{}`, not of `{}`",
            state.log, request.log
        )));
    }
    if trusted.is_some_and(|it| it.size < state.size()) {
        return Ok(State::default());
    }
    Ok(state.clone())
}

/// Reads on while both threads find nothing.
fn together(tree: &mut Tree<'_>, story: Story) -> Result<(Story, Beside), LedgerError> {
    std::thread::scope(|scope| {
        let (to, pages) = mpsc::sync_channel::<Page>(2);
        let (back, free) = mpsc::channel::<(Page, Named)>();
        let mut beside = Beside::default();
        let reader = std::thread::Builder::new()
            .name("countersign-verify".to_owned())
            .spawn_scoped(scope, move || story.read(&pages, &back))
            .map_err(|error| LedgerError::Unreadable(format!("cannot start a thread: {error}")))?;
        let mut outcome = Ok(());
        loop {
            let (mut page, named) = free.try_recv().unwrap_or_default();
            match beside
                .take(tree.source(), named)
                .and_then(|()| tree.next(&mut page))
            {
                Ok(more) => {
                    // The story has come to an end before: something is wrong with it.
                    if to.send(page).is_err() || !more {
                        break;
                    }
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        drop(to);
        let mut story = reader
            .join()
            .map_err(|_| LedgerError::Unreadable("the verifier itself failed".to_owned()))?;
        outcome?;
        for (_, named) in free {
            beside.take(tree.source(), named)?;
        }
        beside.take(tree.source(), std::mem::take(&mut story.named))?;
        Ok((story, beside))
    })
}

/// The entries as a story, and how far it makes sense.
struct Story {
    log: String,
    seq: u64,
    meaning: Meaning,
    end: End,
    /// Whether to collect the commitments to words.
    names: bool,
    named: Named,
}

enum End {
    Open,
    Found(Finding),
    Newer(LedgerError),
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

impl Story {
    fn read(mut self, pages: &mpsc::Receiver<Page>, back: &mpsc::Sender<(Page, Named)>) -> Self {
        for page in pages {
            for row in page.rows() {
                if matches!(self.end, End::Open) {
                    self.end = self.entry(row.text);
                    self.seq += 1;
                }
            }
            if let End::Found(_) = self.end {
                return self;
            }
            let _ = back.send((page, std::mem::take(&mut self.named)));
        }
        self
    }

    fn entry(&mut self, text: &[u8]) -> End {
        let seq = self.seq;
        let found = |what: String| {
            End::Found(Finding {
                seq,
                exact: true,
                what,
            })
        };
        let read = std::str::from_utf8(text).map_err(|error| error.to_string());
        let fields = read.and_then(|it| serde_json::from_str::<Fields<'_>>(it).map_err(|it| it.to_string()));
        let version = match &fields {
            Ok(fields) => Some(fields.v),
            Err(_) => serde_json::from_slice::<Version>(text).ok().map(|it| it.v),
        };
        if let Some(newer) = version.filter(|it| *it > ENTRY_VERSION) {
            return End::Newer(LedgerError::Newer {
                seq,
                found: newer,
                known: ENTRY_VERSION,
            });
        }
        let fields = match fields {
            Ok(fields) => fields,
            Err(error) => return found(format!("entry {seq} cannot be read: {error}")),
        };
        if fields.v != ENTRY_VERSION || fields.seq != seq || *fields.log != *self.log {
            return found(format!(
                "entry {seq} says to be entry {} of the log `{}`",
                fields.seq, &*fields.log
            ));
        }
        let mut took = self.meaning.take(&fields);
        if self.names && took.is_ok() {
            took = self.named.take(&fields);
        }
        match took {
            Ok(()) => End::Open,
            Err(why) => found(format!("entry {seq} cannot have happened: {why}")),
        }
    }
}

/// What the tree says in the end.
struct Ended {
    frontier: Frontier,
    signed: u64,
    checkpoints: u64,
    last: Option<Digest>,
    findings: Vec<Finding>,
    missing: Option<String>,
}
