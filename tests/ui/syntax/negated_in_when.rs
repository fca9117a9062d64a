// errors: 2
use countersign::{approval, tool};

/// Overflows.
#[tool]
#[approval(required, when = matches!(-*cents, 1..=5 if *cents - 1 > 3))]
fn refund(cents: i64) {
    let _ = cents;
}

fn main() {}
