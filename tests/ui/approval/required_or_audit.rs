// errors: 1
use countersign::{approval, tool};

/// Neither.
#[tool]
#[approval]
fn refund(order: String) {
    drop(order);
}

fn main() {}
