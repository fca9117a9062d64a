// errors: 1
use countersign::{approval, tool};

/// In the wrong place.
#[tool]
#[approval(requires_confirmation)]
fn refund(order: String) {
    drop(order);
}

fn main() {}
