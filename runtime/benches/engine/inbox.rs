//! A page of 50 of an inbox: among ten thousand requirements that wait for the same pool, and among ten
//! times as many; among a million if `COUNTERSIGN_MILLION` is set. All are opened by an engine like any
//! other, so a million takes minutes and some gigabytes under `target/`, which are deleted afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::prelude::*;
use criterion::Criterion;
use tokio::task::JoinSet;

use crate::decide::{engine, requester};

const PAGE: usize = 50;
const FEW: usize = 10_000;
const MANY: usize = 100_000;
const MILLION: usize = 1_000_000;
const AT_ONCE: usize = 256;
const ROUNDS: u32 = 300;

struct Inbox {
    engine: Engine,
    bob: Identity,
}

async fn inbox(dir: &Path) -> Arc<Inbox> {
    let (engine, bob) = engine(dir).await;
    Arc::new(Inbox { engine, bob })
}

impl Inbox {
    /// Opens this many calls, each of another requester than the one before.
    async fn fill(self: &Arc<Self>, calls: usize) {
        let mut tasks = JoinSet::new();
        for share in 0..AT_ONCE {
            let inbox = self.clone();
            tasks.spawn(async move {
                for number in (share..calls).step_by(AT_ONCE) {
                    let by = requester(number);
                    let arguments = format!(r#"{{"to":"ACME","cents":{number}}}"#);
                    let called = inbox.engine.call("remit_funds", arguments).by(&by).await;
                    assert!(matches!(called, Ok(Called::Waiting(_))), "{called:?}");
                }
            });
        }
        tasks.join_all().await;
    }

    /// The first page, and one in the middle.
    async fn pages(&self, after: countersign::CallId) -> (Duration, Duration) {
        let page = async |after| {
            let begin = Instant::now();
            let (found, _) = self
                .engine
                .desk()
                .inbox(&self.bob, after, PAGE)
                .await
                .expect("a page");
            assert_eq!(found.len(), PAGE);
            begin.elapsed()
        };
        (page(None).await, page(Some(after)).await)
    }

    /// A call in the middle, by walking there.
    async fn middle(&self, calls: usize) -> countersign::CallId {
        let mut after = None;
        for _ in 0..calls / 2 / 5000 {
            let (_, next) = self
                .engine
                .desk()
                .inbox(&self.bob, after, 5000)
                .await
                .expect("a page");
            after = next;
        }
        after.expect("there are more")
    }
}

pub(crate) fn all(_: &mut Criterion) {
    if !crate::is_wanted("inbox") {
        return;
    }
    let all = if std::env::var_os("COUNTERSIGN_MILLION").is_some() {
        MILLION
    } else {
        MANY
    };
    let runtime = crate::runtime();
    let prepared = |calls| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .expect("a directory on the disk of the project");
        let begin = Instant::now();
        let inbox = runtime.block_on(inbox(dir.path()));
        runtime.block_on(inbox.fill(calls));
        println!("inbox: {calls} opened in {:.0} s", begin.elapsed().as_secs_f64());
        let middle = runtime.block_on(inbox.middle(calls));
        (dir, inbox, middle)
    };
    let (few, many) = (prepared(FEW), prepared(all));
    let mut times = [[Duration::ZERO; 2]; 2];
    for _ in 0..ROUNDS {
        for ((_, inbox, middle), sum) in [&few, &many].into_iter().zip(&mut times) {
            let (first, later) = runtime.block_on(inbox.pages(*middle));
            sum[0] += first;
            sum[1] += later;
        }
    }
    for (place, name) in ["first", "middle"].into_iter().enumerate() {
        let of = |sum: [Duration; 2]| sum[place].as_secs_f64() * 1e6 / f64::from(ROUNDS);
        let (few, many) = (of(times[0]), of(times[1]));
        println!(
            "inbox/{name}_page_of_{PAGE}: {few:.0} µs among {FEW}, {many:.0} µs among {all}: {:.2} times",
            many / few
        );
    }
}
