// errors: 1
use countersign::{approval, tool};

/// Most.
#[approval(required, quorum = "most")]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
