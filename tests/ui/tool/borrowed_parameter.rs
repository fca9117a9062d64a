// errors: 1
use countersign::tool;

/// Borrowed.
#[tool]
fn refund(order: &str) {
    let _ = order;
}

fn main() {}
