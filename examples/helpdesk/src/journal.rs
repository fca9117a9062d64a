//! An audit table in a shape of one's own, written after the answer.
//!
//! The audit log of Countersign has decisions and executions, for ever. A program often wants something else besides:
//! here, one row for everything that was said in a run, in a database that people query with SQL. A hook that looks in
//! the background is the place for it: it is shown what is stored of every run that is over, in whatever process that
//! ended, and delays nobody. What guardrails have masked or blocked arrives masked.
//!
//! What a newcomer would get wrong: a hook in the background may be shown a run twice, if its process dies in between.
//! So a row has a key, and what is there already is left as it is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use countersign::clock::{Clock as _, SystemClock};
use countersign_agent::{Hook, HookError, Seen, Verdict};
use rusqlite::{Connection, params};

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS said (
        run        TEXT NOT NULL,
        place      TEXT NOT NULL, -- input, arguments, result or output
        tool       TEXT NOT NULL, -- empty where it is about none
        text       TEXT NOT NULL,
        requester  TEXT NOT NULL,
        agent      TEXT NOT NULL,
        session    TEXT NOT NULL,
        written_at TEXT NOT NULL,
        PRIMARY KEY (run, place, tool, text)
    ) STRICT";

/// The table `said`, as a hook that writes it.
#[derive(Clone)]
pub struct Journal(Arc<Mutex<Connection>>);

impl Journal {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or written.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Several processes may end runs at once.
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.execute_batch(TABLE)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }
}

#[async_trait]
impl Hook for Journal {
    fn name(&self) -> &'static str {
        "journal"
    }

    async fn look(&self, seen: &Seen<'_>) -> Result<Verdict, HookError> {
        let word = |it: Option<String>| it.unwrap_or_default();
        let row = [
            word(seen.run.map(|it| it.to_string())),
            seen.place.as_str().to_owned(),
            word(seen.tool.map(ToString::to_string)),
            seen.text.to_owned(),
            word(seen.requester.map(ToString::to_string)),
            word(seen.agent.map(ToString::to_string)),
            word(seen.session.map(ToString::to_string)),
            SystemClock.now().to_string(),
        ];
        let connection = self.0.clone();
        let written = tokio::task::spawn_blocking(move || {
            let [run, place, tool, text, requester, agent, session, at] = &row;
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            connection.execute(
                "INSERT OR IGNORE INTO said VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                params![run, place, tool, text, requester, agent, session, at],
            )
        });
        match written.await {
            Ok(Ok(_)) => Ok(Verdict::Pass),
            // Asked again later: nothing is lost.
            Ok(Err(error)) => Err(format!("the journal cannot be written: {error}").into()),
            Err(error) => Err(format!("the journal was not written: {error}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_agent::Place;

    use super::*;

    #[tokio::test]
    async fn what_is_shown_twice_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        for _ in 0..2 {
            let journal = Journal::open(&path).unwrap();
            for text in ["Hello.", "Hello.", "Goodbye."] {
                journal.look(&Seen::new(Place::Input, text)).await.unwrap();
            }
        }
        let count = "SELECT count(*) FROM said";
        let rows: u32 = Connection::open(&path)
            .unwrap()
            .query_row(count, [], |it| it.get(0))
            .unwrap();
        assert_eq!(rows, 2);
    }
}
