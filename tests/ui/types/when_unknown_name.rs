// errors: 1
use countersign::{approval, tool};

/// A typing error.
#[approval(required, when = *cent > 3)]
#[tool]
fn refund(cents: u64) {
    let _ = cents;
}

fn main() {}
