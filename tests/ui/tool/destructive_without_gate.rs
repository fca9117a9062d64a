// errors: 1
use countersign::tool;

/// Nobody is asked.
#[tool(destructive)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
