//! Look-up among 10,000 tools, and start-up with them.

use std::hint::black_box;

use countersign::__private::{Cell, ParameterSpec, Probe, Spec};
use countersign::Tool;
use countersign::core::tool::Definition;
use countersign::prelude::*;
use countersign::store::Sqlite;
use criterion::{BatchSize, Criterion};

use crate::dispatch::add;

const TOOLS: usize = 10_000;

/// What `#[tool]` writes for a function of three documented parameters.
static SPEC: Spec = Spec {
    name: "restart",
    description: &["Restart a service."],
    parameters: &[
        ParameterSpec::new("service", &["Which one."], Probe::<String>::FACTS),
        ParameterSpec::new("after_ms", &["When."], Probe::<u64>::FACTS),
        ParameterSpec::new("note", &["Why."], Probe::<Option<String>>::FACTS),
    ],
    ..Spec::EMPTY
};

/// A cell that holds nothing yet. Leaked, as cells live as long as the program.
fn fresh() -> &'static Cell {
    Box::leak(Box::new(Cell::new()))
}

/// Definitions that differ in their names only. They share one descriptor, so that making 10,000 of them
/// is not in `start_up`: it is 10,000 times what `descriptor` says.
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
            map.contains_key(black_box(names[place]))
        });
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    group.bench_function("descriptor", |it| {
        it.iter(|| fresh().descriptor(black_box(&SPEC), None).digest());
    });
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
