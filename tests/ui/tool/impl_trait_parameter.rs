// errors: 1
use countersign::tool;

/// A type without a name.
#[tool]
fn refund(order: impl Into<String>) {
    drop(order.into());
}

fn main() {}
