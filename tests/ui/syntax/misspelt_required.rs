// errors: 1
use countersign::{approval, tool};

/// A typing error.
#[approval(requierd)]
#[tool]
fn refund(order: String) {
    drop(order);
}

fn main() {}
