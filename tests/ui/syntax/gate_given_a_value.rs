// errors: 1
use countersign::tool;

/// Not a switch.
#[tool(requires_confirmation = false)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
