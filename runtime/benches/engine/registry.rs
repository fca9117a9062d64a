//! Look-up among 10,000 tools, and start-up with them.

use std::hint::black_box;

use countersign::Tool;
use countersign::core::tool::Definition;
use countersign::prelude::*;
use countersign::store::Sqlite;
use criterion::{BatchSize, Criterion};

use crate::dispatch::add;

const TOOLS: usize = 10_000;

/// Definitions that differ in their names only. That all share one descriptor leaves the schemas out of
/// the measurement, as they are made on first use and not at start-up.
fn definitions() -> Vec<&'static Definition> {
    let template = add::definition();
    let definition = |number: usize| -> &'static Definition {
        let name: &'static str = Box::leak(format!("tool_{number}").into_boxed_str());
        Box::leak(Box::new(Definition { name, ..*template }))
    };
    (0..TOOLS).map(definition).collect()
}

pub(crate) fn all(criterion: &mut Criterion) {
    let definitions = definitions();
    let registry = Registry::from_definitions(definitions.iter().copied()).expect("distinct names");
    let names: Vec<&str> = definitions.iter().map(|it| it.name).collect();
    let mut group = criterion.benchmark_group("registry_10000");
    let mut place = 0;
    group.bench_function("look_up", |it| {
        it.iter(|| {
            place = (place + 7919) % TOOLS;
            registry.get(black_box(names[place])).is_some()
        });
    });
    group.bench_function("std_hash_map", |it| {
        let map: std::collections::HashMap<&str, usize> =
            names.iter().enumerate().map(|(at, it)| (*it, at)).collect();
        it.iter(|| {
            place = (place + 7919) % TOOLS;
            map.get(black_box(names[place])).is_some()
        });
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    group.sample_size(20);
    group.bench_function("start_up", |it| {
        it.iter_batched(
            || runtime.block_on(async { Sqlite::in_memory().expect("a store") }),
            |store| {
                runtime.block_on(async {
                    let registry =
                        Registry::from_definitions(definitions.iter().copied()).expect("distinct names");
                    Engine::builder()
                        .store(store)
                        .registry(registry)
                        .worker(false)
                        .start()
                        .await
                        .expect("an engine")
                })
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
