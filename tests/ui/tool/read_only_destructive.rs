// errors: 1
use countersign::tool;

/// Both.
#[tool(read_only, destructive, requires_confirmation)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
