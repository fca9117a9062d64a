// errors: 1
use countersign::{approval, tool};

/// Not decided by arguments.
#[approval(required, when = ledger.is_empty())]
#[tool]
fn refund(#[state] ledger: String, cents: u64) {
    let _ = (ledger, cents);
}

fn main() {}
