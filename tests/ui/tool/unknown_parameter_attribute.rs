// errors: 1
use countersign::tool;

/// A typing error.
#[tool]
fn refund(#[sate] ledger: u8, order: String) {
    drop((ledger, order));
}

fn main() {}
