// errors: 1
use countersign::{approval, tool};

/// Nobody.
#[approval(required, quorum = 0)]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
