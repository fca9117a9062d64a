// errors: 1
use countersign::tool;

/// Not from the caller.
#[tool]
fn refund(
    #[state]
    #[arg(secret)]
    ledger: String,
) {
    drop(ledger);
}

fn main() {}
