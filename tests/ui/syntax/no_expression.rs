// errors: 1
use countersign::tool;

/// Nothing after `=`.
#[tool(name = )]
fn refund(order: String) {
    drop(order);
}

fn main() {}
