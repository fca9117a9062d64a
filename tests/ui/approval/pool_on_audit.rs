// errors: 1
use countersign::{approval, tool};

/// Never waits.
#[approval(audit, pool = "finance")]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
