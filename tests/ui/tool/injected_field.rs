// errors: 1
use countersign::tool;

/// Provided by the program.
#[tool(requires_user_input(order, ledger))]
fn refund(#[state] ledger: String, order: String) {
    drop((ledger, order));
}

fn main() {}
