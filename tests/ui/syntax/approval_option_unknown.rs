// errors: 1
use countersign::{approval, tool};

/// A typing error.
#[approval(required, qourum = 2)]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
