// errors: 1
use countersign::{approval, tool};

/// Keeps a record.
#[tool]
#[approval(audit)]
fn refund(order: String) {
    drop(order);
}

pub fn helper() {
    refund(String::new());
}

fn main() {}
