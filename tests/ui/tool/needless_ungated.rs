// errors: 1
use countersign::tool;

/// It has a gate.
#[tool(destructive, requires_confirmation, ungated = "it is late")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
