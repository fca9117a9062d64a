// errors: 3
use countersign::{approval, tool};

/// Three mistakes.
#[tool(destructive, requires_confirmation, name = "a b", requires_user_input(amout))]
#[approval(required, quorum = 0)]
fn refund(amount: u64) {
    let _ = amount;
}

// Its callers compile, and so do lists of tools.
pub fn helper() {
    let _ = <refund as countersign::Tool>::definition;
}

fn main() {}
