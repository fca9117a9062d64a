// errors: 1
use countersign::tool;

struct Ledger;

/// Cannot be handed out.
#[tool]
fn refund(#[state] ledger: Ledger, order: String) {
    drop((ledger, order));
}

fn main() {}
