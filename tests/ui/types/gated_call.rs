// errors: 1
use countersign::tool;

/// Asks first.
#[tool(requires_confirmation)]
fn refund(order: String) {
    drop(order);
}

fn helper() {
    refund(String::new());
}

#[allow(dead_code)]
fn other() {
    helper();
}

fn main() {}
