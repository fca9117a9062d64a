// errors: 1
use countersign::tool;

/// No reason.
#[tool(destructive, ungated = "")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
