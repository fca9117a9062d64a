// errors: 1
use countersign::{approval, tool};

/// Too many.
#[tool]
#[approval(required, quorum = 70000)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
