//! Ungated dispatch, JSON text in, JSON text out, against `from_str` + call + `to_string`.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use countersign::prelude::*;
use countersign::store::Sqlite;
use countersign::{Outcome, Tools};
use criterion::Criterion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds two numbers.
#[tool]
pub(crate) fn add(
    /// The first.
    a: i64,
    /// The second.
    b: i64,
) -> i64 {
    a.wrapping_add(b)
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Address {
    street: String,
    city: String,
    zip: u32,
    country: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
pub(crate) struct Item {
    sku: String,
    count: u32,
    price_cents: u64,
    tags: Vec<String>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Placed {
    id: u64,
    address: Address,
    total_cents: u64,
}

/// Places an order.
#[tool]
#[expect(clippy::too_many_arguments, reason = "ten fields are what is measured")]
pub(crate) fn place_order(
    customer: String,
    email: String,
    address: Address,
    items: Vec<Item>,
    note: Option<String>,
    gift: bool,
    priority: u8,
    discount: f64,
    coupon: Option<String>,
    id: u64,
) -> Placed {
    placed(Order {
        customer,
        email,
        address,
        items,
        note,
        gift,
        priority,
        discount,
        coupon,
        id,
    })
}

#[derive(Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    customer: String,
    email: String,
    address: Address,
    items: Vec<Item>,
    note: Option<String>,
    gift: bool,
    priority: u8,
    discount: f64,
    coupon: Option<String>,
    id: u64,
}

fn placed(order: Order) -> Placed {
    black_box((
        order.customer,
        order.email,
        order.note,
        order.gift,
        order.priority,
        order.discount,
        order.coupon,
    ));
    let total_cents = order
        .items
        .iter()
        .map(|it| u64::from(it.count).wrapping_mul(it.price_cents))
        .sum();
    Placed {
        id: order.id,
        address: order.address,
        total_cents,
    }
}

const SUM: &str = r#"{"a":1234567,"b":-42}"#;
const ORDER: &str = r#"{"customer":"ACME-123","email":"buyer@acme.example","address":{"street":"1 Main Street","city":"Springfield","zip":12345,"country":"US"},"items":[{"sku":"A-1","count":2,"price_cents":1999,"tags":["new","blue"]},{"sku":"B-7","count":1,"price_cents":49900,"tags":[]}],"note":null,"gift":false,"priority":3,"discount":0.15,"coupon":"SPRING","id":81}"#;

pub(crate) fn engine<T: Tools>() -> (tokio::runtime::Runtime, Engine) {
    let runtime = crate::runtime();
    let engine = runtime.block_on(async {
        let store = Sqlite::in_memory().expect("a store");
        let registry = Registry::of::<T>().expect("tools");
        Engine::builder()
            .store(store)
            .registry(registry)
            .worker(false)
            .start()
            .await
            .expect("an engine")
    });
    (runtime, engine)
}

/// A future that is ready at its first poll, as that of an ungated sync tool is.
fn now<F: IntoFuture>(future: F) -> F::Output {
    let future = pin!(future.into_future());
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("an ungated sync tool is ready at once"),
    }
}

fn dispatched(engine: &Engine, tool: &str, arguments: &str) -> String {
    match now(engine.call(black_box(tool), black_box(arguments))) {
        Ok(Called::Done(Outcome::Returned { result, .. })) => result,
        other => unreachable!("{other:?}"),
    }
}

pub(crate) fn all(criterion: &mut Criterion) {
    let (_runtime, engine) = engine::<(add, place_order)>();
    let mut group = criterion.benchmark_group("dispatch_add");
    group.bench_function("by_hand", |it| {
        it.iter(|| {
            let sum: Sum = serde_json::from_str(black_box(SUM)).expect("arguments");
            serde_json::to_string(&add(sum.a, sum.b)).expect("a result")
        });
    });
    group.bench_function("countersign", |it| it.iter(|| dispatched(&engine, "add", SUM)));
    group.finish();

    let mut group = criterion.benchmark_group("dispatch_ten_fields");
    group.bench_function("by_hand", |it| {
        it.iter(|| {
            let order: Order = serde_json::from_str(black_box(ORDER)).expect("arguments");
            serde_json::to_string(&placed(order)).expect("a result")
        });
    });
    group.bench_function("countersign", |it| {
        it.iter(|| dispatched(&engine, "place_order", ORDER));
    });
    group.finish();
}
