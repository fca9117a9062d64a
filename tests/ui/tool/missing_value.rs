// errors: 1
use countersign::tool;

/// No value.
#[tool(name)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
