// errors: 1
use countersign::{approval, tool};

/// No comma.
#[approval(required pool = "finance")]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
