// errors: 1
use countersign::tool;

/// Not a length of time.
#[tool(requires_confirmation(expires_in = "48"))]
fn refund(order: String) {
    drop(order);
}

fn main() {}
