// errors: 1
use countersign::tool;

/// A space in it.
#[tool(name = "pay back")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
