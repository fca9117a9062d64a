// errors: 1
use countersign::{approval, tool};

/// Cuts off.
#[approval(required, when = *cents as u8 > 100)]
#[tool]
fn refund(cents: u64) {
    let _ = cents;
}

fn main() {}
