// errors: 1
use countersign::tool;

/// One or the other.
#[tool]
fn refund(
    #[state]
    #[context]
    ledger: String,
) {
    drop(ledger);
}

fn main() {}
