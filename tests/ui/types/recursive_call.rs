// errors: 1
use countersign::tool;

/// Calls itself.
#[tool(requires_confirmation)]
fn refund(order: String) {
    refund(order);
}

fn main() {}
