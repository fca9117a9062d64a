//! The log is signed, verified, proved, exported, and its words are erased.

use std::fs;

use countersign::core::audit::Receipt;
use countersign::core::audit::note::Note;
use countersign::ledger::{
    EVERY, EVERY_ENTRIES, Export, Kept, LedgerError, MemoryLog, Report, Request, SigningKey, SqliteLog,
    State, Verdict, checked, export, prove, verify,
};
use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::testing::TestClock;
use countersign::{CallId, TenantId};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::history::{POLICY, engine, entries, prolong, remit, story};

struct Log {
    dir: TempDir,
    engine: Engine,
    paid: CallId,
}

impl Log {
    async fn new(records: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = engine(dir.path()).await;
        let paid = story(&engine).await;
        prolong(&engine, records, 100).await;
        Self { dir, engine, paid }
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

    /// Writes to the file behind the back of everybody.
    fn edit(&self, sql: &str) {
        let connection = Connection::open(self.dir.path().join("countersign.db")).unwrap();
        connection.execute_batch(sql).unwrap();
    }

    /// Whether a column of any row has these words in it.
    fn stores(&self, column: &str, words: &str) -> bool {
        let (name, _) = column.split_once(' ').unwrap();
        let connection = Connection::open(self.dir.path().join("countersign.db")).unwrap();
        let sql = format!("SELECT {column} WHERE instr({name}, ?1) > 0");
        connection.prepare(&sql).unwrap().exists([words]).unwrap()
    }

    /// Whether these words stand anywhere in the files of the store.
    fn has(&self, words: &str) -> bool {
        ["countersign.db", "countersign.db-wal"].iter().any(|name| {
            let bytes = fs::read(self.dir.path().join(name)).unwrap_or_default();

            bytes.windows(words.len()).any(|it| it == words.as_bytes())
        })
    }
}

fn who(name: &str) -> Identity {
    Identity::asserted(name).unwrap()
}

#[tokio::test]
async fn an_honest_log_verifies() {
    let log = Log::new(1_000).await;
    let report = log.verify(&log.request());
    assert_eq!(report.findings, []);
    assert_eq!(
        (report.verdict, report.size, report.signed),
        (Verdict::Ok, 1_000, 1_000)
    );
    let head = log.engine.store().head(log.engine.tenant()).await.unwrap();
    assert_eq!(report.root, head.root());
    // Without the key nothing is known about the checkpoints, and so nothing is said.
    assert!(matches!(
        verify(&mut log.source(), &Request::default()),
        Err(LedgerError::NoKey)
    ));
    let stranger = SigningKey::generate().verifier(&TenantId::default());
    let report = log.verify(&Request {
        key: Some(stranger),
        ..Request::default()
    });
    assert_eq!(report.verdict, Verdict::Tampered);
}

#[tokio::test]
async fn only_what_is_new_is_read() {
    let log = Log::new(600).await;
    let first = log.verify(&log.request());
    let path = log.dir.path().join("verifier.json");
    first.state.save(&path).unwrap();
    let old: Note = log.engine.checkpoint().await.unwrap().unwrap();
    prolong(&log.engine, 1_000, 100).await;
    let request = Request {
        state: State::load(&path).unwrap(),
        ..log.request()
    };
    assert_eq!(request.state, Some(first.state));
    let report = log.verify(&request);
    assert_eq!(
        (report.verdict, report.read, report.size),
        (Verdict::Ok, 400, 1_000),
        "{:?}",
        report.findings
    );
    assert_eq!(
        report.state,
        log.verify(&log.request()).state,
        "as if everything was read"
    );

    // A trusted checkpoint of less than was verified can only be compared by reading all of it.
    let trusting = Request {
        trusted: Some(old),
        state: Some(report.state.clone()),
        ..log.request()
    };
    assert_eq!(log.verify(&trusting).read, 1_000);

    // The verifier remembers what was there.
    let ahead = Request {
        state: Some(report.state),
        ..log.request()
    };
    let mut short = MemoryLog::copy_of(&mut log.source()).unwrap();
    short.rows.truncate(900);
    assert_eq!(verify(&mut short, &ahead).unwrap().verdict, Verdict::Incomplete);
    let mut other = MemoryLog::copy_of(&mut log.source()).unwrap();
    other.rows[999].2[5] ^= 1;
    let report = verify(&mut other, &ahead).unwrap();
    assert_eq!(
        (report.verdict, report.first_bad()),
        (Verdict::Tampered, Some(999))
    );
    assert!(
        State::from_text("{}")
            .unwrap_err()
            .to_string()
            .contains("delete it")
    );
}

#[tokio::test]
async fn an_empty_log_is_not_ok_when_a_checkpoint_says_otherwise() {
    let log = Log::new(0).await;
    log.engine.checkpoint().await.unwrap();
    let stored = MemoryLog::copy_of(&mut log.source()).unwrap();
    let mut emptied = MemoryLog {
        checkpoints: stored.checkpoints,
        ..MemoryLog::default()
    };
    let report = verify(&mut emptied, &log.request()).unwrap();
    assert_eq!((report.verdict, report.first_bad()), (Verdict::Tampered, Some(0)));
    let trusted = log.engine.checkpoint().await.unwrap();
    let request = Request {
        trusted,
        ..log.request()
    };
    let report = verify(&mut MemoryLog::default(), &request).unwrap();
    assert_eq!(report.verdict, Verdict::Incomplete);
    // A checkpoint that somebody else signed is no reason to say anything.
    let forged = Request {
        key: Some(SigningKey::generate().verifier(&TenantId::default())),
        ..request
    };
    assert!(matches!(
        verify(&mut MemoryLog::default(), &forged),
        Err(LedgerError::Forged(_))
    ));
}

#[tokio::test]
async fn every_entry_has_a_receipt() {
    let log = Log::new(40).await;
    let key = log.engine.verifier_key().unwrap();
    for entry in entries(&log.engine).await {
        let receipt = prove(&mut log.source(), entry.seq, &key).unwrap();
        let read: Receipt = receipt.to_string().parse().unwrap();
        assert_eq!((&read, read.entry.as_str()), (&receipt, entry.text.as_str()));
        assert_eq!(read.check().unwrap(), checked(&read.checkpoint, &key).unwrap());
    }
    assert!(matches!(
        prove(&mut log.source(), 40, &key),
        Err(LedgerError::NoEntry { seq: 40, size: 40 })
    ));
    log.edit("DROP TRIGGER audit_entry_is_never_updated; UPDATE audit_entry SET entry = '{}' WHERE seq = 7");
    assert!(matches!(
        prove(&mut log.source(), 3, &key),
        Err(LedgerError::Diverged(40))
    ));
}

#[tokio::test]
async fn an_export_verifies_without_a_database() {
    let log = Log::new(300).await;
    let dir = log.dir.path().join("evidence");
    let key = log.engine.verifier_key().unwrap();
    let exported = export(&mut log.source(), &dir, &key).unwrap();
    assert_eq!(exported.entries, 300);
    assert!(
        export(&mut log.source(), &dir, &key).is_err(),
        "there is something in it"
    );
    let request = log.request();
    let found = || verify(&mut Export::open(&dir).unwrap(), &request).unwrap();
    let report = found();
    assert_eq!(
        (report.verdict, report.size),
        (Verdict::Ok, 300),
        "{:?}",
        report.findings
    );
    assert_eq!(Export::open(&dir).unwrap().key(), Some(&key));
    for name in ["entries.jsonl", "checkpoints.jsonl"] {
        let path = dir.join(name);
        let bytes = fs::read(&path).unwrap();
        for number in 0..150 {
            let mut changed = bytes.clone();
            let place = number * bytes.len() / 150;
            changed[place] ^= 1 << (number % 8);
            fs::write(&path, &changed).unwrap();
            assert_eq!(
                found().verdict,
                Verdict::Tampered,
                "bit {} of byte {place} of {name}",
                number % 8
            );
            fs::write(&path, &bytes[..place]).unwrap();
            let cut = found();
            assert!(
                cut.verdict != Verdict::Ok || name == "checkpoints.jsonl",
                "{name} cut at {place}"
            );
        }
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(found().verdict, Verdict::Ok);
}

#[tokio::test]
async fn words_are_erased_for_good_and_every_proof_holds() {
    let log = Log::new(0).await;
    let engine = &log.engine;
    engine.checkpoint().await.unwrap();
    assert!(log.has("bob says so") && log.has("5 to ACME"));
    for column in [
        "text FROM call_terms",
        "state FROM call",
        "entry FROM audit_entry",
        "content FROM audit_blob",
    ] {
        assert!(!log.stores(column, "4711-secret"), "{column}");
    }
    let refused = async |call, by: &str, basis: &str| match engine.erase(call, &who(by), basis).await.unwrap()
    {
        Kept::Refused(refusal) => refusal.code.as_str(),
        Kept::Done(erased) => panic!("erased {erased:?}"),
    };
    assert_eq!(refused(log.paid, "alice", "GDPR 17").await, "not_allowed");
    assert_eq!(refused(log.paid, "audrey", "GDPR 17").await, "not_allowed");
    assert_eq!(refused(log.paid, "nobody", "GDPR 17").await, "not_allowed");
    assert_eq!(refused(log.paid, "olivia", " ").await, "invalid_input");
    let Called::Waiting(open) = engine
        .call("remit", r#"{"to":"b","cents":1}"#)
        .by(&who("alice"))
        .await
        .unwrap()
    else {
        panic!("it waits");
    };
    assert_eq!(refused(open.call_id(), "olivia", "GDPR 17").await, "out_of_turn");
    for on in [None, Some(log.paid)] {
        assert!(matches!(
            engine.lift(on, &who("audrey"), "case 7").await.unwrap(),
            Kept::Refused(_)
        ));
        assert!(matches!(
            engine.hold(on, &who("olivia"), "case 7").await.unwrap(),
            Kept::Refused(_)
        ));
        assert_eq!(
            engine.hold(on, &who("audrey"), "case 7").await.unwrap(),
            Kept::Done(())
        );
        assert!(matches!(
            engine.hold(on, &who("audrey"), "case 7").await.unwrap(),
            Kept::Refused(_)
        ));
        assert_eq!(refused(log.paid, "olivia", "GDPR 17").await, "not_allowed");
        assert_eq!(
            engine.lift(on, &who("audrey"), "closed").await.unwrap(),
            Kept::Done(())
        );
    }
    assert!(log.has("bob says so"));
    let Kept::Done(erased) = engine
        .erase(log.paid, &who("olivia"), "GDPR 17, request 81")
        .await
        .unwrap()
    else {
        panic!("it is free");
    };
    assert_eq!(erased.blobs, 5, "arguments, three reasons, a result");
    // The audited tool and the rejected call speak of ACME too; of this call nothing is left.
    for words in ["bob says so", "erin says so", "5 to ACME"] {
        assert!(!log.has(words), "{words}");
    }
    assert_eq!(
        engine.desk().call(log.paid).await.unwrap().arguments().as_str(),
        "{}"
    );
    let kinds: Vec<String> = entries(engine).await.iter().map(|it| kind(&it.text)).collect();
    let count = |kind: &str| kinds.iter().filter(|it| *it == kind).count();
    assert_eq!(
        [
            count("keeping.refused"),
            count("hold.set"),
            count("hold.lifted"),
            count("blobs.erased")
        ],
        [13, 2, 2, 1]
    );
    let report = log.verify(&log.request());
    assert_eq!((report.verdict, report.findings), (Verdict::Ok, Vec::new()));
    // Again: nothing left to erase, and that it was asked for is on record.
    let again = engine.erase(log.paid, &who("olivia"), "GDPR 17").await.unwrap();
    assert!(matches!(again, Kept::Done(erased) if erased.blobs == 0));
}

fn kind(text: &str) -> String {
    let entry: serde_json::Value = serde_json::from_str(text).unwrap();
    entry["kind"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nothing_is_signed_over_a_log_that_lost_entries() {
    let log = Log::new(200).await;
    log.engine.checkpoint().await.unwrap();
    log.edit("UPDATE log_head SET size = 0, frontier = x''");
    assert!(matches!(
        log.engine.checkpoint().await,
        Err(LedgerError::Diverged(200))
    ));
}

#[tokio::test]
async fn an_engine_signs_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new();
    let store = Sqlite::open(dir.path().join("countersign.db")).unwrap();
    let engine = Engine::builder()
        .store(store.clone())
        .registry(Registry::of::<remit>().unwrap())
        .policy(Policy::parse(POLICY).unwrap())
        .signing_key(SigningKey::generate())
        .clock(clock.clone())
        .worker(false)
        .start()
        .await
        .unwrap();
    let mut changed = countersign::store::Store::subscribe(&store).unwrap();
    let tenant = engine.tenant().clone();
    let signed = async || {
        engine
            .store()
            .last_checkpoint(&tenant)
            .await
            .unwrap()
            .map_or(0, |it| it.size)
    };
    let propose = async || {
        let alice = who("alice");
        engine
            .call("remit", r#"{"to":"a","cents":1}"#)
            .by(&alice)
            .await
            .unwrap();
    };
    for _ in 1..EVERY_ENTRIES {
        propose().await;
    }
    while signed().await < EVERY_ENTRIES {
        changed.changed().await.unwrap();
    }
    propose().await;
    let size = engine.store().head(&tenant).await.unwrap().size();
    while signed().await < size {
        // Whenever the first unsigned entry was seen, a minute has passed since.
        clock.advance(EVERY);
        tokio::task::yield_now().await;
    }
    propose().await;
    engine.stop().await.unwrap();
    assert_eq!(signed().await, size + 1, "at the end");
}
