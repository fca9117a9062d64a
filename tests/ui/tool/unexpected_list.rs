// errors: 1
use countersign::tool;

/// A list too many.
#[tool(idempotent(yes))]
fn refund(order: String) {
    drop(order);
}

fn main() {}
