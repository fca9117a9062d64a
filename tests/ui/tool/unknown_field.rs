// errors: 1
use countersign::tool;

/// A typing error.
#[tool(requires_user_input(amout))]
fn refund(order: String, amount: u64) {
    drop((order, amount));
}

fn main() {}
