// errors: 1
use countersign::tool;

/// In the wrong place.
#[tool(approval(required))]
fn refund(order: String) {
    drop(order);
}

fn main() {}
