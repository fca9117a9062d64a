// errors: 1
use countersign::tool;

/// None named.
#[tool(requires_user_input())]
fn refund(order: String) {
    drop(order);
}

fn main() {}
