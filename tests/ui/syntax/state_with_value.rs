// errors: 1
use countersign::tool;

/// A list too many.
#[tool]
fn refund(#[state(ledger)] ledger: String) {
    drop(ledger);
}

fn main() {}
