// errors: 1
use countersign::tool;

/// Not imported.
#[tool]
fn refund(order: Order) {
    drop(order);
}

fn main() {}
