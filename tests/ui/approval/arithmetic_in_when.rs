// errors: 1
use countersign::{approval, tool};

/// Wraps.
#[approval(required, when = *cents + *fee > 10_000)]
#[tool]
fn refund(cents: u64, fee: u64) {
    let _ = (cents, fee);
}

fn main() {}
