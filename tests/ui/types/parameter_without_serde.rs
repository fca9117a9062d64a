// errors: 1
use countersign::tool;

struct Order(u64);

/// Not from JSON.
#[tool]
fn refund(order: Order) {
    drop(order);
}

fn main() {}
