// errors: 1
use countersign::tool;

/// Generic.
#[tool]
fn refund<T>(order: T) {
    drop(order);
}

fn main() {}
