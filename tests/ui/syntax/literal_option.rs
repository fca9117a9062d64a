// errors: 1
use countersign::tool;

/// Not a word.
#[tool("refund")]
fn refund(order: String) {
    drop(order);
}

fn main() {}
