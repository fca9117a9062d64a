// errors: 1
use countersign::tool;

/// Nothing can end it.
#[tool(timeout = "30s")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
