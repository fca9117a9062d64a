// errors: 1
use countersign::tool;

/// The user's own error.
#[tool(requires_confirmation)]
fn refund(order: String) -> u8 {
    order
}

fn main() {}
