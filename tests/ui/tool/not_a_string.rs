// errors: 1
use countersign::tool;

/// Not a string.
#[tool(name = refund)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
