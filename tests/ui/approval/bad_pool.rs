// errors: 1
use countersign::{approval, tool};

/// A space in it.
#[approval(required, pool = "the boss")]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
