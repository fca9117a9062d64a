// errors: 1
use countersign::{approval, tool};

/// Not a yes or no.
#[approval(required, when = cents)]
#[tool]
fn refund(cents: u64) {
    let _ = cents;
}

fn main() {}
