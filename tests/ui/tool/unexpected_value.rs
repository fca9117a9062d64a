// errors: 1
use countersign::tool;

/// A value too many.
#[tool(read_only = true)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
