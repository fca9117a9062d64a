// errors: 1
use countersign::tool;

/// A typing error.
#[tool(requires_confirmation(wehn = true))]
fn refund(order: String) {
    drop(order);
}

fn main() {}
