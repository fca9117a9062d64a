// errors: 1
use countersign::tool;

/// Nothing to ask.
#[tool(requires_user_input)]
fn refund(#[state] ledger: String) {
    drop(ledger);
}

fn main() {}
