// errors: 1
use countersign::{approval, tool};

/// Both.
#[tool]
#[approval(required, audit)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
