// errors: 1
use countersign::tool;

/// Asks first.
#[tool(requires_confirmation)]
fn refund(order: String) {
    drop(order);
}

pub fn helper() {
    refund::bypass_gates(String::new());
}

fn main() {}
