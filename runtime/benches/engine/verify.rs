//! How fast a log is verified: all of 100,000 records, and the last 10,000 of them.

use std::hint::black_box;
use std::path::Path;

use countersign::TenantId;
use countersign::ledger::{Request, SqliteLog, Verdict, verify};
use criterion::{Criterion, Throughput};

use crate::history;

const ALL: usize = 100_000;
const NEW: usize = 10_000;

fn found(path: &Path, request: &Request) -> countersign::ledger::Report {
    let mut source = SqliteLog::open(path, &TenantId::default()).expect("a store");
    let report = verify(&mut source, request).expect("it can be found out");
    assert_eq!(report.verdict, Verdict::Ok, "{:?}", report.findings);
    report
}

pub(crate) fn all(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().join("countersign.db");
    let (request, state) = tokio.block_on(async {
        let engine = history::engine(dir.path()).await;
        history::story(&engine).await;
        history::prolong(&engine, ALL - NEW, 250).await;
        let request = Request {
            key: engine.verifier_key(),
            ..Request::default()
        };
        let state = found(&path, &request).state;
        history::prolong(&engine, ALL, 250).await;
        (request, state)
    });
    let going_on = Request {
        state: Some(state),
        ..request.clone()
    };
    let mut group = criterion.benchmark_group("verify");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ALL as u64));
    group.bench_function("all_100000", |it| {
        it.iter(|| found(black_box(&path), &request).size);
    });
    group.throughput(Throughput::Elements(NEW as u64));
    group.bench_function("new_10000", |it| {
        it.iter(|| {
            let report = found(black_box(&path), &going_on);
            assert_eq!(report.read, NEW as u64);
            report.size
        });
    });
    group.finish();
}
