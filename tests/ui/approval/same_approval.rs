// errors: 1
use countersign::{approval, tool};

/// Twice.
#[approval(required, pool = "finance")]
#[approval(required, pool = "finance", expires_in = "1h")]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
