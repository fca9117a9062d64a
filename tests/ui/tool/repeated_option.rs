// errors: 1
use countersign::tool;

/// Twice.
#[tool(name = "refund", read_only, name = "pay_back")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
