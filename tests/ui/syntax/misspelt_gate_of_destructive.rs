// errors: 1
use countersign::tool;

/// A typing error.
#[tool(destructive, requires_confirmaton)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
