//! The log is signed, verified, proved, exported, and its words are erased.

use std::fs;
use std::path::Path;
use std::time::Instant;

use countersign::core::audit::Receipt;
use countersign::core::audit::note::Note;
use countersign::ledger::{
    Export, Kept, LedgerError, MemoryLog, Report, Request, SqliteLog, State, Verdict, export, prove, verify,
};
use countersign::prelude::*;
use countersign::{Answer, TenantId};
use tempfile::TempDir;

use crate::history::{engine, entries, prolong, story};

struct Log {
    dir: TempDir,
    engine: Engine,
}

impl Log {
    async fn new(records: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        story(&engine).await;
        prolong(&engine, records, 100).await;
        Self { dir, engine }
    }

    fn request(&self) -> Request {
        Request {
            key: self.engine.verifier_key(),
            ..Request::default()
        }
    }

    fn source(&self) -> SqliteLog {
        SqliteLog::open(self.dir.path().join("countersign.db"), &TenantId::default()).unwrap()
    }

    fn verify(&self, request: &Request) -> Report {
        verify(&mut self.source(), request).unwrap()
    }
}

#[tokio::test]
async fn an_honest_log_verifies() {
    let log = Log::new(1_000).await;
    let began = Instant::now();
    let report = log.verify(&log.request());
    eprintln!("{} in {:?}", report.size, began.elapsed());
    assert_eq!(report.findings, []);
    assert_eq!(
        (report.verdict, report.size, report.signed),
        (Verdict::Ok, 1_000, 1_000)
    );
    assert_eq!(
        report.root,
        log.engine.store().head(log.engine.tenant()).await.unwrap().root()
    );
}
