// errors: 1
use countersign::{approval, tool};

/// By reference.
#[approval(required, when = cents > 3)]
#[tool]
fn refund(cents: u64) {
    let _ = cents;
}

fn main() {}
