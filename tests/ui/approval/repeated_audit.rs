// errors: 1
use countersign::{approval, tool};

/// Twice.
#[approval(audit)]
#[tool]
#[approval(audit)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
