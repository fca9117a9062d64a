// errors: 1
use countersign::approval;

/// No tool.
#[approval(required)]
fn refund(#[state] ledger: String, order: String) {
    drop((ledger, order));
}

fn main() {}
